"""CPU time per request: 10,000 requests, concurrency 100, no latency, medians of 5 interleaved rounds.

Writes results/cpu_per_request.json and prints the times and ratios, with user and system time separately.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import aio_strategies as aio
from save import brief, save

REQUESTS = 10_000
PARTS = ("cpu", "user", "system")


def microseconds(arm) -> dict[str, float]:
    """CPU time per request: the total, and its two parts."""
    both = [user + system for user, system in zip(arm.cpu_user, arm.cpu_system, strict=True)]
    return {
        part: 1e6 * median(seconds) / REQUESTS
        for part, seconds in zip(PARTS, (both, arm.cpu_user, arm.cpu_system), strict=True)
    }


def main() -> None:
    comparison = aio.compare(requests=REQUESTS, concurrency=100, latency=0, rounds=5, seed=1)
    figures = {(arm.strategy, arm.language): microseconds(arm) for arm in comparison.arms}
    head = [f"{language} {part}" for language in ("python", "rust") for part in PARTS]
    print(f"{'CPU µs/request':14}" + "".join(f"{title:>14}" for title in head) + "   rust / python")
    for key in comparison.settings.strategies:
        python, rust = figures[key, "python"], figures[key, "rust"]
        row = "".join(f"{values[part]:14.1f}" for values in (python, rust) for part in PARTS)
        ratios = ", ".join(f"{part} {rust[part] / python[part]:.2f}" for part in PARTS)
        print(f"{key:14}{row}   {ratios}")
    per_request = {f"{language}/{key}": values for (key, language), values in figures.items()}
    save(Path(__file__), {"microseconds_per_request": per_request, "comparison": brief(comparison)})


if __name__ == "__main__":
    main()
