"""How near each strategy comes to the ideal: 10 URLs, 20 ms latency, concurrency 10, medians of 20 interleaved runs.

Also `process` with a caller that holds 500 MB. Writes results/latency.json and prints the table.
"""

from __future__ import annotations

import json
import random
import statistics
from pathlib import Path

import aio_strategies as aio
from aio_strategies.compare.environment import describe

ROUNDS = 20
REQUESTS = 10
LATENCY = 0.02


def walls(arms: list[tuple[str, str]], seed: int) -> dict[str, float]:
    """Median seconds of each arm, its runs shuffled among those of the others."""
    order = random.Random(seed)
    times: dict[str, list[float]] = {}
    with aio.LabServer(latency=LATENCY) as lab:
        urls = lab.urls(REQUESTS)
        for round_number in range(ROUNDS + 1):
            for key, language in order.sample(arms, len(arms)):
                run = aio.run(key, urls, language=language, concurrency=10)
                run.raise_for_errors()
                if round_number:  # the first warms up
                    times.setdefault(f"{language}/{key}", []).append(run.wall)
    return {arm: statistics.median(values) for arm, values in sorted(times.items())}


def main() -> None:
    every = [(s.key, language) for s in aio.strategies() for language in s.languages]
    result = {"environment": describe(), "rounds": ROUNDS, "small": walls(every, seed=1)}
    ballast = bytearray(500_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])  # touch every page
    result["holding_500_MB"] = walls([("process", "python"), ("process", "rust")], seed=2)
    for name in ("small", "holding_500_MB"):
        print(f"{name}:")
        for arm, wall in result[name].items():
            alone = arm.partition("/")[2] in ("blocking", "nonblocking")
            ideal = LATENCY * (REQUESTS if alone else 1)
            print(f"  {arm:20} {1000 * wall:8.2f} ms   {wall / ideal:5.3f} x ideal")
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    (out / "latency.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
