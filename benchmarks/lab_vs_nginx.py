"""The lab server compared with nginx: requests per second on one thread, with a 1 KB reply from memory.

    python benchmarks/lab_vs_nginx.py [--rounds 12] [--seconds 2]

``wrk -t1 -c100`` loads the two in turn, with keep-alive and with ``Connection: close``, over http and over https
(without resumed sessions); the lab keeps its log, nginx does not. A ratio is that of one round: the Hodges-Lehmann
estimate over the rounds, with its 95 % interval (which takes 6 rounds). Writes results/lab_vs_nginx.json, from which
docs/make_performance.py makes a table. 12 rounds take about 4 minutes. Loopback only. Needs nginx and wrk.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from aio_strategies.lab.server import LabServer
from aio_strategies.measuring.environment import describe
from nginx import find, nginx, versions
from ratios import ratio, told
from save import save

BODY_SIZE = 1024
HEADERS = {"keep-alive": [], "close": ["-H", "Connection: close"]}
MODES = {f"{scheme}, {mode}": headers for scheme in ("http", "https") for mode, headers in HEADERS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12, help="rounds of each (default: 12)")
    parser.add_argument("--seconds", type=int, default=2, help="seconds of each measurement (default: 2)")
    options = parser.parse_args()
    for program in ("nginx", "wrk"):
        if find(program) is None:
            sys.exit(f"{program} is missing: this benchmark measures the lab against nginx, with wrk as the client")

    rates: dict[str, dict[str, list[float]]] = {mode: {"lab": [], "nginx": []} for mode in MODES}
    with (
        nginx([BODY_SIZE], https=True) as server,
        LabServer(latency=0, body_size=BODY_SIZE) as lab,
        LabServer(latency=0, body_size=BODY_SIZE, https=True) as secure_lab,
    ):
        urls = {
            mode: {
                "lab": (secure_lab if mode.startswith("https") else lab).url,
                "nginx": server.url(BODY_SIZE, mode.partition(",")[0]),
            }
            for mode in MODES
        }
        for mode, headers in MODES.items():
            for url in urls[mode].values():
                requests_per_second(url, headers, seconds=1)  # warm-up
        for round_ in range(options.rounds):
            for mode, headers in MODES.items():
                arms = list(urls[mode].items())
                for name, url in arms if round_ % 2 else reversed(arms):
                    rate = requests_per_second(url, headers, options.seconds)
                    rates[mode][name].append(rate)
                    print(f"round {round_ + 1}: {mode:17} {name:5} {rate:9,.0f} requests/s", flush=True)

    result: dict[str, Any] = {"environment": describe() | versions(), "rounds": options.rounds, "modes": {}}
    for mode, by_server in rates.items():
        medians = {name: round(statistics.median(values)) for name, values in by_server.items()}
        compared = ratio(by_server["lab"], by_server["nginx"])
        result["modes"][mode] = {
            "requests_per_second": {
                name: " ".join(f"{rate:.0f}" for rate in values) for name, values in by_server.items()
            },
            "median": medians,
            "ratio": compared,
        }
        print(f"{mode:17} lab {medians['lab']:9,}/s, nginx {medians['nginx']:9,}/s, lab/nginx {told(compared)}")
    save(Path(__file__), result)


def requests_per_second(url: str, headers: list[str], seconds: int) -> float:
    """Run wrk for this many seconds; return its rate of requests."""
    command = [find("wrk") or "wrk", "-t1", "-c100", f"-d{seconds}s", *headers, url]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        print(output, file=sys.stderr)
    match = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if match is None:
        sys.exit(f"cannot read wrk's output:\n{output}")
    return float(match[1])


if __name__ == "__main__":
    main()
