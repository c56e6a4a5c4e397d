"""This build compared with another one: CPU time per request of each arm, in alternating processes, with one lab.

With a latency, wall times are compared instead. The ratio is this build's time divided by the other's: the
Hodges-Lehmann estimate over the rounds' log-ratios, with its 95 % interval. Writes results/against_cpu.json or
results/against_wall.json and prints the table.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import aio_strategies as aio
from aio_strategies.catalogue import LANGUAGES
from one_run import one_run
from ratios import ratio, told
from save import save

ARMS = [
    f"{language}/{strategy.key}"
    for language in LANGUAGES
    for strategy in aio.strategies()
    if language in strategy.languages
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", help="the interpreter of an environment that has the other build")
    parser.add_argument("--arms", nargs="+", default=ARMS, metavar="ARM", help="such as rust/thread; all if not given")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.0, help="the lab's, in seconds (default: 0)")
    parser.add_argument("--allowed", type=float, default=1.03, help="the ratio that counts as no slower")
    options = parser.parse_args()

    measure = "wall" if options.latency else "cpu"
    began = time.monotonic()
    builds = {"this": sys.executable, "other": options.other}
    seconds: dict[str, dict[str, list[float]]] = {arm: {build: [] for build in builds} for arm in options.arms}
    with aio.LabServer(latency=options.latency) as lab:
        urls = lab.urls(options.requests)
        for number in range(options.rounds):
            for arm in options.arms:
                language, key = arm.split("/")
                for build in list(builds)[:: -1 if number % 2 else 1]:
                    found = one_run(key, language, urls, options.concurrency, python=builds[build])
                    seconds[arm][build].append(found[measure])

    print(
        f"{options.requests} requests, concurrency {options.concurrency}, latency {options.latency:g} s, "
        f"{options.rounds} rounds"
    )
    print(f"{f'{measure} µs/request':22}{'other':>8}{'this':>8}   ratio")
    results = {}
    for arm, found in seconds.items():
        compared = value, low, high = ratio(found["this"], found["other"])
        micros = {build: 1e6 * median(values) / options.requests for build, values in found.items()}
        verdict = "not told"
        if high is not None and high <= options.allowed:
            verdict = ""
        elif low is not None and low > options.allowed:
            verdict = "SLOWER"
        print(f"{arm:22}{micros['other']:8.1f}{micros['this']:8.1f}   {told(compared)} {verdict}")
        results[arm] = {
            "ratio": value,
            "low": low,
            "high": high,
            "microseconds_per_request": micros,
            "seconds": {build: " ".join(f"{value:.6f}" for value in values) for build, values in found.items()},
        }
    print(f"{time.monotonic() - began:.0f} s")
    settings = {name: getattr(options, name) for name in ("rounds", "requests", "concurrency", "latency", "allowed")}
    save(Path(__file__).with_stem(f"against_{measure}"), {**settings, "arms": results})


if __name__ == "__main__":
    main()
