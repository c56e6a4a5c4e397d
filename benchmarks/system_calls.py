"""The system calls that each Rust strategy, and wrk, makes for a request: strace counts them.

A program that makes few requests is counted, and one that makes many more: the difference belongs to the requests.
Writes results/system_calls.json, from which docs/make_performance.py makes a table, and prints it. Needs nginx, wrk and
strace.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import aio_strategies as aio
from nginx import find, nginx
from save import save

FEW, MANY = 500, 4500
IN_FLIGHT = 100
BODY_SIZE = 100
MODES = ("close", "keep-alive")
#: Fewer than this many for a request are not shown: they do not grow with the requests.
FEWEST = 0.005

PROGRAM = f"""
import sys
import aio_strategies as aio
key, count, keep_alive, url = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "keep-alive", sys.argv[4]
aio.run(key, [url] * count, concurrency={IN_FLIGHT}, keep_alive=keep_alive).raise_for_errors()
"""


def counted(command: list[str]) -> tuple[Counter[str], str]:
    """Run a command under strace; return how often it made each system call, and what it printed."""
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as counts:
        strace = ["strace", "--follow-forks", "--summary-only", "--output", counts.name]
        printed = subprocess.run([*strace, *command], capture_output=True, text=True, check=True, timeout=120).stdout
        lines = [line.split() for line in counts.read().splitlines()[2:-2]]
    return Counter({fields[-1]: int(fields[3]) for fields in lines}), printed


def of_a_strategy(key: str, mode: str, url: str) -> dict[str, float]:
    few, many = (counted([sys.executable, "-c", PROGRAM, key, str(count), mode, url])[0] for count in (FEW, MANY))
    return per_request(many, few, MANY - FEW)


def of_wrk(mode: str, url: str) -> dict[str, float]:
    header = ["-H", "Connection: close"] if mode == "close" else []
    calls, printed = counted([find("wrk") or "wrk", "-t1", f"-c{IN_FLIGHT}", "-d2s", *header, url])
    found = re.search(r"(\d+) requests in", printed)
    assert found, printed
    return per_request(calls, Counter(), int(found[1]))


def per_request(calls: Counter[str], before: Counter[str], requests: int) -> dict[str, float]:
    each = {name: (count - before[name]) / requests for name, count in calls.most_common()}
    return {name: round(count, 2) for name, count in each.items() if count >= FEWEST}


def main() -> None:
    keys = [strategy.key for strategy in aio.strategies() if "rust" in strategy.languages and strategy.key != "process"]
    found: dict[str, dict[str, dict[str, float]]] = {}
    with nginx([BODY_SIZE]) as server:
        url = server.url(BODY_SIZE)
        for mode in MODES:
            found[mode] = {f"rust/{key}": of_a_strategy(key, mode, url) for key in keys} | {"wrk": of_wrk(mode, url)}
            print(f"{mode}:")
            for arm, calls in found[mode].items():
                print(f"  {arm:18}{sum(calls.values()):6.2f}  {calls}")
    save(Path(__file__), {"in_flight": IN_FLIGHT, "calls": found})


if __name__ == "__main__":
    main()
