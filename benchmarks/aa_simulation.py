"""How often the protocol finds a difference where there is none, on real timings of this machine.

Four identical arms (Python's thread pool, 10 URLs, 20 ms) are timed for many rounds. Then experiments are drawn from
this record. Each takes a stretch of successive rounds, names the arms at random, and judges them at the protocol's
looks until the intervals are narrow enough or 60 rounds are used. A verdict of "faster" or "slower" is a false alarm.
Writes results/aa_simulation.json.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import aio_strategies as aio
from aio_strategies.comparison.verdicts import contrasts
from aio_strategies.measuring.session import LOOKS
from save import save

ROUNDS = 500
EXPERIMENTS = 200
NAMES = ("a", "b", "c", "d")
PAIRS = [(name, "a") for name in NAMES[1:]]


def same(urls):
    return aio.python.thread_way(urls)


def experiment(record: dict[str, list[float]], draw: random.Random) -> tuple[int, list[str], list[bool]]:
    """Return the number of rounds, the verdicts, and whether each interval covers the true ratio."""
    first = draw.randrange(ROUNDS - LOOKS[-1] + 1)
    named = dict(zip(NAMES, draw.sample(NAMES, len(NAMES)), strict=True))
    for look in LOOKS:
        times = {name: dict(enumerate(record[arm][first : first + look])) for name, arm in named.items()}
        found = contrasts(PAIRS, times, "wall")
        if all(contrast.half_width <= 0.05 for contrast in found):
            break
    return look, [contrast.verdict for contrast in found], [contrast.low <= 1 <= contrast.high for contrast in found]


def main() -> None:
    comparison = aio.compare([], programs=dict.fromkeys(NAMES, same), rounds=ROUNDS, seed=1)
    record = {arm.name: [round(wall, 6) for wall in arm.walls] for arm in comparison.arms}
    draw = random.Random(1)
    results = [experiment(record, draw) for _ in range(EXPERIMENTS)]
    false = sum(bool({"faster", "slower"} & set(verdicts)) for _, verdicts, _ in results)
    covered = [cover for _, _, covers in results for cover in covers]
    print(f"experiments with any false verdict: {false} of {EXPERIMENTS} ({false / EXPERIMENTS:.1%})")
    print(f"intervals that cover the truth: {sum(covered) / len(covered):.1%}")
    print("rounds:", dict(sorted(Counter(rounds for rounds, _, _ in results).items())))
    print("verdicts:", dict(Counter(verdict for _, verdicts, _ in results for verdict in verdicts)))
    save(
        Path(__file__),
        {
            "experiments": EXPERIMENTS,
            "with_a_false_verdict": false,
            "covering_intervals": sum(covered) / len(covered),
            "rounds": dict(sorted(Counter(rounds for rounds, _, _ in results).items())),
            "environment": dict(comparison.environment),
            "warnings": [str(warning) for warning in comparison.warnings],
            "record": {name: " ".join(f"{wall:.6f}" for wall in walls) for name, walls in record.items()},
        },
    )


if __name__ == "__main__":
    main()
