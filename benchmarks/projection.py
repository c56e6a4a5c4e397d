"""Projected times held against the truth: every arm at 2,000 and 20,000 requests, 100 in flight, no latency.

Each arm is timed with all requests, and with a fraction of them at two sizes, as `compare` does when the budget is too
small; both in the same rounds. Writes results/projection.json and prints the table.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import aio_strategies as aio
from aio_strategies.catalogue import LANGUAGES
from aio_strategies.comparison.arm_times import fitted
from one_run import one_run
from save import save

ARMS = [
    f"{language}/{strategy.key}"
    for language in LANGUAGES
    for strategy in aio.strategies()
    if language in strategy.languages
]
CONCURRENCY = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--cuts", type=float, nargs="+", default=[0.5], help="the shares that are measured")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    began = time.monotonic()
    results: dict[str, dict[str, dict[str, float]]] = {}
    for requests in options.requests:
        cuts = [int(cut * requests) for cut in options.cuts]
        sizes = sorted({requests, *cuts, *(cut // 2 for cut in cuts)})
        walls: dict[str, dict[int, list[float]]] = {arm: {size: [] for size in sizes} for arm in ARMS}
        with aio.LabServer(latency=0) as lab:
            urls = lab.urls(requests)
            for _ in range(options.rounds):
                for arm in ARMS:
                    language, key = arm.split("/")
                    for size in sizes:
                        walls[arm][size].append(one_run(key, language, urls[:size], CONCURRENCY)["wall"])
        print(f"{requests:,} requests: {'truth, ms':>16}" + "".join(f"{f'from {cut:,}':>22}" for cut in cuts))
        results[str(requests)] = {}
        for arm, by_size in walls.items():
            truth = median(by_size[requests])
            row = {"truth": truth}
            shown = f"{arm:22}{1e3 * truth:12.1f}"
            for cut in cuts:
                constant, each = fitted([(size, wall) for size in (cut // 2, cut) for wall in by_size[size]])
                projected = constant + each * requests
                row[f"from_{cut}"] = projected
                shown += f"{1e3 * projected:14.1f} ({projected / truth - 1:+.0%})"
            results[str(requests)][arm] = row
            print(shown)
    print(f"{time.monotonic() - began:.0f} s")
    save(Path(__file__), {"rounds": options.rounds, "concurrency": CONCURRENCY, "seconds": results})


if __name__ == "__main__":
    main()
