"""How the strategies perform at scale, in both languages, with each run in its own process.

- threads: `thread` at 100 ms latency, by concurrency: wall time compared with the ideal, and CPU time per request;
  medians of interleaved rounds
- memory: by how much a process's peak memory (VmHWM) grows per exchange, with 10,000 exchanges in flight at a latency
  of 2 s, and how long that takes

Writes results/at_scale_<part>.json and prints the tables.
"""

from __future__ import annotations

import argparse
import math
import resource
from pathlib import Path
from statistics import median

import aio_strategies as aio
from aio_strategies.catalogue import LANGUAGES, STRATEGIES
from one_run import one_run
from save import save

KEYS = [strategy.key for strategy in aio.strategies()]
MANY_AT_ONCE = [key for key in KEYS if key not in ("blocking", "process", "nonblocking")]
FEW_AT_ONCE = "has one exchange in flight, or one in each process"


def threads(options: argparse.Namespace) -> dict:
    results = []
    print(f"thread, {1000 * options.latency:g} ms latency, medians of {options.rounds} rounds")
    print("concurrency   URLs     ideal    wall python      rust    CPU ms/request python    rust")
    with aio.LabServer(latency=options.latency) as lab:
        for concurrency in options.concurrency:
            count = min(options.urls, 50 * concurrency)  # a few seconds are enough
            urls = lab.urls(count)
            ideal = math.ceil(count / concurrency) * options.latency
            found: dict[str, list[dict]] = {language: [] for language in LANGUAGES}
            for number in range(options.rounds):
                for language in LANGUAGES[:: -1 if number % 2 else 1]:
                    found[language].append(one_run("thread", language, urls, concurrency))
            wall = {name: median(run["wall"] for run in runs) for name, runs in found.items()}
            cpu = {name: 1000 * median(run["cpu"] for run in runs) / count for name, runs in found.items()}
            print(
                f"{concurrency:11}{count:7}{ideal:8.2f} s{wall['python']:11.2f} s{wall['rust']:8.2f} s"
                f"{cpu['python']:18.3f}{cpu['rust']:13.3f}",
                flush=True,
            )
            results.append(
                {
                    "concurrency": concurrency,
                    "urls": count,
                    "ideal_seconds": ideal,
                    "median_wall": wall,
                    "wall_by_ideal": {name: seconds / ideal for name, seconds in wall.items()},
                    "median_cpu_ms_per_request": cpu,
                    "runs": found,
                }
            )
    return {"latency": options.latency, "rounds": options.rounds, "rows": results}


def memory(options: argparse.Namespace) -> dict:
    # Each URL and its result need memory, too. The growth, less that of a run with as many URLs but few in flight, is a
    # lower bound: the results may reuse memory that the exchanges have freed.
    results = {}
    print(f"growth of VmHWM for each of {options.in_flight} exchanges in flight, with their URLs and results")
    print(f"(in brackets: less that with {options.base} in flight)")
    with aio.LabServer(latency=2, body_size=0) as slow, aio.LabServer(latency=0, body_size=0) as quick:
        for key in KEYS:
            if key not in MANY_AT_ONCE:
                results[key] = {"not_applicable": FEW_AT_ONCE}
                print(f"{key:12}  not applicable: {FEW_AT_ONCE}")
                continue
            for language in STRATEGIES[key].languages:
                base = one_run(key, language, quick.urls(options.in_flight), options.base)["kib"]
                served = slow.stats().served
                found = one_run(key, language, slow.urls(options.in_flight), options.in_flight)
                most, wall = found["kib"], found["wall"]
                peak = slow.stats().peak_connections
                each = 1.024 * (most - base) / (options.in_flight - options.base)
                in_all = 1.024 * most / options.in_flight
                print(f"{key:12} {language:8}{in_all:8.2f} KB  ({each:.2f}){wall:8.2f} s", flush=True)
                results.setdefault(key, {})[language] = {
                    "kb_each": in_all,
                    "kb_each_less_base": each,
                    "wall": wall,
                    "kib_base": base,
                    "kib": most,
                    "peak_connections_so_far": peak,
                    "served": slow.stats().served - served,
                }
    return {"in_flight": options.in_flight, "base": options.base, "strategies": results}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"threads": threads, "memory": memory}
    parser.add_argument("parts", nargs="*", default=list(parts), help="threads, memory; both if none is named")
    parser.add_argument("--urls", type=int, default=10_000, help="URLs of a run of threads, at most 50 a thread")
    parser.add_argument("--latency", type=float, default=0.1, help="of the lab, for threads")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[10, 100, 1000, 3000], help="threads")
    parser.add_argument("--rounds", type=int, default=3, help="of threads")
    parser.add_argument("--in-flight", type=int, default=10_000, help="exchanges in flight, for memory")
    parser.add_argument(
        "--base", type=int, default=100, help="exchanges in flight of the run that memory is compared with"
    )
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # inherited by the lab and by all runs
    for part in options.parts:
        save(Path(__file__).with_stem(f"at_scale_{part}"), parts[part](options))


if __name__ == "__main__":
    main()
