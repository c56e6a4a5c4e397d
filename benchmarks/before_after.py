"""How often ``Comparison.diff`` finds a change where there is none.

Drawn: successive runs are correlated (lag-1 autocorrelation 0.5), the order of the arms is random, and the machine is
30 % slower in the second comparison. Recorded: two stretches of the 500 rounds of aa_simulation.py, from its first and
its second half. As a warning, also drawn: ratios that are themselves correlated from round to round, as none recorded
here were. Writes results/before_after.json.
"""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Callable
from pathlib import Path

from aio_strategies.comparison.rank_sum import Shift, holm
from save import save

EXPERIMENTS = 1000
RELEVANT = math.log(1.03)
RECORD = Path(__file__).parent / "results" / "aa_simulation.json"

Ratios = list[list[float]]


def correlated(count: int, deviation: float, draw: random.Random) -> list[float]:
    """Return successive values with a lag-1 autocorrelation of 0.5."""
    values, value = [], draw.gauss(0, deviation)
    for _ in range(count):
        value = 0.5 * value + draw.gauss(0, deviation * math.sqrt(0.75))
        values.append(value)
    return values


def drawn_runs(arms: int, rounds: int, deviation: float, machine: float, draw: random.Random) -> Ratios:
    """Return each arm's log-ratios to the reference; a run's time is the machine's drift and a noise of its own."""
    drift = iter(correlated(rounds * (arms + 1), deviation, draw))
    times: Ratios = [[] for _ in range(arms + 1)]
    for _ in range(rounds):
        for arm in draw.sample(range(arms + 1), arms + 1):
            times[arm].append(math.log(machine) + next(drift) + draw.gauss(0, deviation / 2))
    reference, *others = times
    return [[base - time for base, time in zip(reference, other, strict=True)] for other in others]


def drawn_ratios(arms: int, rounds: int, deviation: float, machine: float, draw: random.Random) -> Ratios:
    return [correlated(rounds, deviation, draw) for _ in range(arms)]


def false_verdicts(pair: Callable[[], tuple[Ratios, Ratios]]) -> tuple[float, float]:
    """Return the share of diffs with any false verdict, and the share of intervals that cover the truth."""
    false, covered = 0, []
    for _ in range(EXPERIMENTS):
        shifts = [Shift(before, after) for before, after in zip(*pair(), strict=True)]
        p_values = [min(1.0, 2 * min(shift.p_above(RELEVANT), shift.p_below(-RELEVANT))) for shift in shifts]
        false += min(holm(p_values)) <= 0.05
        intervals = [shift.interval(0.95) for shift in shifts]
        covered += [low <= 0 <= high for low, high in intervals]
    return false / EXPERIMENTS, round(statistics.mean(covered), 4)


def main() -> None:
    draw = random.Random(1)
    results = []
    for name, drawn in (("runs", drawn_runs), ("ratios", drawn_ratios)):
        for rounds in (10, 20, 60):
            for arms in (1, 5):
                for deviation in (0.05, 0.1, 0.2):
                    found = false_verdicts(
                        lambda drawn=drawn, how=(arms, rounds, deviation): (
                            drawn(*how, 1.0, draw),
                            drawn(*how, 1.3, draw),
                        )
                    )
                    results.append((f"correlated {name}", rounds, arms, deviation, *found))
                    print(*results[-1])

    recorded = json.loads(RECORD.read_text(encoding="utf-8"))["record"]
    logs = [[math.log(float(wall)) for wall in walls.split()] for walls in recorded.values()]

    def stretch(first: int, rounds: int) -> Ratios:
        reference, *others = draw.sample(logs, len(logs))
        within = range(first, first + rounds)
        return [[reference[i] - other[i] for i in within] for other in others]

    for rounds in (10, 20, 60):
        found = false_verdicts(
            lambda rounds=rounds: (
                stretch(draw.randrange(250 - rounds), rounds),
                stretch(draw.randrange(250, 500 - rounds), rounds),
            )
        )
        results.append(("recorded", rounds, len(logs) - 1, None, *found))
        print(*results[-1])
    ratios = [[a - b for a, b in zip(x, y, strict=True)] for x in logs for y in logs if x is not y]
    lags = [statistics.correlation(values[1:], values[:-1]) for values in ratios]
    print(f"lag-1 autocorrelation of the recorded ratios: {min(lags):.2f} to {max(lags):.2f}")
    columns = ("data", "rounds", "arms", "deviation", "with_a_false_verdict", "covering_intervals")
    save(
        Path(__file__),
        {
            "experiments": EXPERIMENTS,
            "autocorrelation_of_recorded_ratios": [round(min(lags), 3), round(max(lags), 3)],
            "results": [dict(zip(columns, row, strict=True)) for row in results],
        },
    )


if __name__ == "__main__":
    main()
