"""The lab server compared with nginx: requests per second on one thread, with a 1 KB reply from memory.

    python benchmarks/lab_vs_nginx.py [--rounds 5] [--seconds 3]

``wrk -t1 -c100`` loads the two in turn, with keep-alive and with ``Connection: close``; the lab keeps its log. Writes
benchmarks/results/lab_vs_nginx.json. Loopback only. Needs nginx and wrk.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aio_strategies.lab.server import LabServer
from aio_strategies.measuring.environment import describe
from save import save

BODY_SIZE = 1024
MODES = {"keep-alive": [], "close": ["-H", "Connection: close"]}

CONFIG = """
worker_processes 1;
daemon off;
pid {prefix}/pid;
error_log {prefix}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    default_type text/plain;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each (default: 5)")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of each measurement (default: 3)")
    options = parser.parse_args()
    for program in ("nginx", "wrk"):
        if find(program) is None:
            sys.exit(f"{program} is missing: this benchmark measures the lab against nginx, with wrk as the client")

    rates: dict[str, dict[str, list[float]]] = {mode: {"lab": [], "nginx": []} for mode in MODES}
    with nginx() as nginx_url, LabServer(latency=0, body_size=BODY_SIZE) as lab:
        for url in (nginx_url, lab.url):
            for headers in MODES.values():
                requests_per_second(url, headers, seconds=1)  # warm-up
        for round_ in range(options.rounds):
            for mode, headers in MODES.items():
                arms = [("lab", lab.url), ("nginx", nginx_url)]
                for name, url in arms if round_ % 2 else reversed(arms):
                    rate = requests_per_second(url, headers, options.seconds)
                    rates[mode][name].append(rate)
                    print(f"round {round_ + 1}: {mode:10} {name:5} {rate:9,.0f} requests/s", flush=True)

    result: dict[str, Any] = {"environment": describe() | versions(), "modes": {}}
    for mode, arms_rates in rates.items():
        medians = {name: statistics.median(values) for name, values in arms_rates.items()}
        # within a round, so that a slow spell of the machine affects both
        paired = [lab_rate / nginx_rate for lab_rate, nginx_rate in zip(*arms_rates.values(), strict=True)]
        result["modes"][mode] = {
            "requests_per_second": {
                name: " ".join(f"{rate:.0f}" for rate in values) for name, values in arms_rates.items()
            },
            "median": medians,
            "ratio_of_medians": medians["lab"] / medians["nginx"],
            "median_of_ratios": statistics.median(paired),
        }
        print(
            f"{mode:10} lab {medians['lab']:9,.0f}/s, nginx {medians['nginx']:9,.0f}/s, "
            f"lab/nginx {medians['lab'] / medians['nginx']:.2f} "
            f"(median of the rounds' ratios {statistics.median(paired):.2f})"
        )
    save(Path(__file__), result)


def find(program: str) -> str | None:
    """Return the program's path; nginx is often in a directory that is only on root's PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def nginx() -> Iterator[str]:
    """Run nginx with its own configuration and one worker; yield its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lab-vs-nginx-") as prefix:
        os.chmod(prefix, 0o755)  # the worker runs as another user when this runs as root
        config = Path(prefix) / "nginx.conf"
        body = ("An answer of nginx, from memory. " * 32)[: BODY_SIZE - 1]
        config.write_text(CONFIG.format(prefix=prefix, port=port, body=body + "."))
        process = subprocess.Popen(
            [find("nginx") or "nginx", "-p", prefix, "-c", str(config), "-e", f"{prefix}/error.log"],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port, process, Path(prefix) / "error.log")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server listens on the port."""
    for _ in range(100):
        if process.poll() is not None:
            sys.exit(f"nginx did not start: {log.read_text() if log.exists() else process.returncode}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    sys.exit("nginx does not listen")


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


def versions() -> dict[str, str]:
    """Return the versions of the two programs."""
    nginx_version = subprocess.run([find("nginx") or "nginx", "-v"], capture_output=True, text=True, check=True).stderr
    wrk_version = subprocess.run([find("wrk") or "wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return {
        "nginx": nginx_version.strip().removeprefix("nginx version: "),
        "wrk": wrk_version.splitlines()[0].split(" [")[0] if wrk_version else "unknown",
    }


if __name__ == "__main__":
    main()
