"""How close each strategy comes to the ideal: 10 URLs, 20 ms latency, concurrency 10, medians of 20 interleaved rounds.

Then the two versions of `process` in turn, called by a process that holds 500 MB. Writes results/latency.json and
prints the tables.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import aio_strategies as aio
from save import brief, save

SETTINGS = {"requests": 10, "concurrency": 10, "latency": 0.02, "rounds": 20, "seed": 1}


def show(comparison: aio.Comparison) -> None:
    for arm in comparison.arms:
        ideal = comparison.serial if arm.peak_in_flight == 1 else comparison.ideal
        name = f"{arm.language}/{arm.strategy}"
        print(f"  {name:20} {1000 * arm.median_wall:8.2f} ms   {arm.median_wall / ideal:6.3f} x its reference line")


def main() -> None:
    small = aio.compare(**SETTINGS)
    print("10 requests, 20 ms (reference: ideal 20 ms; serial 200 ms for one at a time)")
    show(small)
    ballast = bytearray(500_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])  # touch every page
    # Not with compare(): its workers do not inherit their caller's memory.
    walls: dict[str, list[float]] = {"python": [], "rust": []}
    with aio.LabServer(latency=SETTINGS["latency"]) as lab:
        for _ in range(SETTINGS["rounds"]):
            for language, seconds in walls.items():
                seconds.append(aio.run("process", lab.urls(SETTINGS["requests"]), language=language).wall)
    print("process, called by a process that holds 500 MB")
    for language, seconds in walls.items():
        print(f"  {language:20} {1000 * median(seconds):8.2f} ms")
    save(Path(__file__), {"small": brief(small), "process_holding_500_MB": walls})


if __name__ == "__main__":
    main()
