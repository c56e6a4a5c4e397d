"""CPU time per request: 10,000 requests, concurrency 100, no latency, medians over interleaved rounds.

Writes results/cpu_per_request.json and prints the table of the ratios, user and system time apart.
"""

from __future__ import annotations

import json
import random
import statistics
from pathlib import Path

import aio_strategies as aio
from aio_strategies.compare.environment import describe

ROUNDS = 5
REQUESTS = 10_000
CONCURRENCY = 100
LANGUAGES = ("python", "rust")


def main() -> None:
    order = random.Random(1)
    arms = [(s.key, language) for s in aio.strategies() for language in s.languages]
    runs: dict[tuple[str, str], list[aio.Run]] = {arm: [] for arm in arms}
    with aio.LabServer(latency=0) as lab:
        urls = lab.urls(REQUESTS)
        for _ in range(ROUNDS):
            for key, language in order.sample(arms, len(arms)):
                run = aio.run(key, urls, language=language, concurrency=CONCURRENCY)
                run.raise_for_errors()
                runs[key, language].append(aio.Run([], strategy=key, language=language, wall=run.wall, cpu=run.cpu))
                lab.reset()

    def per_request(key: str, language: str, what: str) -> float:
        values = [
            run.wall if what == "wall" else run.cpu if what == "cpu" else getattr(run.cpu, what)
            for run in runs[key, language]
        ]
        return 1e6 * statistics.median(values) / REQUESTS

    table = {
        key: {
            language: {what: per_request(key, language, what) for what in ("cpu", "user", "system", "wall")}
            for language in languages
        }
        for key, languages in ((s.key, s.languages) for s in aio.strategies())
    }
    parts = ("cpu", "user", "system")
    print(
        f"{'CPU µs/request':15}" + "".join(f"{language + ' ' + part:>15}" for language in LANGUAGES for part in parts)
    )
    for key, row in table.items():
        figures = "".join(f"{row[language][part]:15.1f}" for language in LANGUAGES for part in parts)
        ratios = ", ".join(f"{part} {row['rust'][part] / row['python'][part]:.2f}" for part in parts)
        print(f"{key:15}{figures}   rust/python: {ratios}")
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    settings = {"rounds": ROUNDS, "requests": REQUESTS, "concurrency": CONCURRENCY}
    result = {"environment": describe(), "settings": settings, "microseconds_per_request": table}
    (out / "cpu_per_request.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
