"""Can the harness be trusted? Real comparisons on this machine. Writes results/harness_<part>.json.

- aa: 40 comparisons of Python's thread pool with itself, while other programs compute and sleep in turn
- power: 40 comparisons with an arm that takes 10 % longer by construction
- diff: 20 pairs of saved comparisons, of the same arm, and of one that takes 10 % longer; the second of a pair is
  measured without and with the load of `aa`
- budget: all arms within 30 s, also with a blocking arm that alone would take 500 s
- overhead: a run's wall time, less the span of the lab server's log from the first accept to the last close
"""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aio_strategies as aio
from save import save

COMPARISONS = 40
PAIRS = 20
DIFF_ROUNDS = 60
SLOWDOWN = 1.10
#: All arms pause after their requests, for 5 % of their time at least, so that they differ in nothing but how long.
PAUSE = 1.05
#: Seconds by which a sleep may be too long.
LATE = 0.0005


def stretched(urls, factor):
    began = time.monotonic()
    run = aio.python.thread_way(urls)
    end = began + factor * (time.monotonic() - began)
    # Not all of it by computing: to a process that computes longer, the scheduler gives less of the time after that.
    time.sleep(max(0.0, end - time.monotonic() - LATE))
    while time.monotonic() < end:
        pass
    return run


def same(urls):
    return stretched(urls, PAUSE)


def slowed(urls):
    return stretched(urls, PAUSE * SLOWDOWN)


def load(seed: int) -> None:
    """Compute and sleep in turn, for random times, as long as the process that started this one lives."""
    draw = random.Random(seed)
    parent = os.getppid()
    while os.getppid() == parent:
        end = time.monotonic() + draw.expovariate(2)
        while time.monotonic() < end:
            pass
        time.sleep(draw.expovariate(2))


@contextmanager
def loaded() -> Iterator[None]:
    background = [multiprocessing.get_context("spawn").Process(target=load, args=(seed,)) for seed in (1, 2)]
    for process in background:
        process.start()
    try:
        yield
    finally:
        for process in background:
            process.kill()
            process.join()


def aa() -> dict:
    with loaded():
        found = [aio.compare([], programs={"one": same, "other": same}, budget=20, seed=n) for n in range(COMPARISONS)]
    contrasts = [comparison.contrast("other", "one") for comparison in found]
    false = [str(contrast) for contrast in contrasts if contrast.verdict in ("faster", "slower")]
    print(f"false verdicts: {len(false)} of {COMPARISONS} {false}")
    return {
        "comparisons": COMPARISONS,
        "false_verdicts": len(false),
        "contrasts": [str(contrast) for contrast in contrasts],
        "warnings": [[warning.kind for warning in comparison.warnings] for comparison in found],
    }


def power() -> dict:
    found = []
    seconds = []
    for seed in range(COMPARISONS):
        began = time.monotonic()
        found.append(aio.compare([], programs={"plain": same, "slowed": slowed}, budget=20, seed=seed))
        seconds.append(time.monotonic() - began)
    contrasts = [comparison.contrast("slowed", "plain") for comparison in found]
    called = sum(contrast.verdict == "slower" for contrast in contrasts)
    covered = sum(contrast.low <= 1 / SLOWDOWN <= contrast.high for contrast in contrasts)
    print(f"a slowdown of 10 % was called in {called} of {COMPARISONS}, its interval covered it in {covered}")
    print(f"longest comparison: {max(seconds):.1f} s")
    return {
        "comparisons": COMPARISONS,
        "called": called,
        "covered": covered,
        "median_ratio": statistics.median(contrast.ratio for contrast in contrasts),
        "longest_seconds": max(seconds),
        "contrasts": [f"{contrast.ratio:.3f} [{contrast.low:.3f}, {contrast.high:.3f}]" for contrast in contrasts],
        "verdicts": [str(contrast) for contrast in contrasts],
        "warnings": [[warning.kind for warning in comparison.warnings] for comparison in found],
    }


def diff() -> dict:
    folder = Path(tempfile.mkdtemp())
    changes: dict[str, list[aio.Change]] = {}
    for seed in range(PAIRS):

        def measured(client, name, seed=seed) -> aio.Comparison:
            path = folder / f"{name}.json"
            aio.compare([], programs={"reference": same, "client": client}, rounds=DIFF_ROUNDS, seed=seed).save(path)
            return aio.load(path)

        before = measured(same, "before")
        pairs = {"same": measured(same, "same"), "slowed": measured(slowed, "slowed")}
        with loaded():
            pairs["same, under load"] = measured(same, "same_loaded")
            pairs["slowed, under load"] = measured(slowed, "slowed_loaded")
        for name, after in pairs.items():
            [change] = before.diff(after)
            changes.setdefault(name, []).append(change)
            print(seed, name, change, flush=True)
    return {
        name: {
            "pairs": PAIRS,
            "called": dict(Counter(change.verdict for change in found)),
            "covered": sum(c.low <= (1 / SLOWDOWN if "slowed" in name else 1) <= c.high for c in found),
            "changes": [str(change) for change in found],
        }
        for name, found in changes.items()
    }


def budget() -> dict:
    results = {}
    for name, settings in {
        "all 16 arms, 10 requests, 20 ms": {},
        "all 16 arms, 100,000 requests, 5 ms, concurrency 100": {
            "requests": 100_000,
            "latency": 0.005,
            "concurrency": 100,
        },
    }.items():
        began = time.monotonic()
        comparison = aio.compare(budget=30, seed=1, **settings)
        seconds = time.monotonic() - began
        blocking = comparison.arm("rust/blocking")
        print(f"{name}: {seconds:.1f} s, {comparison.rounds} rounds, ended by {comparison.ended}")
        results[name] = {
            "seconds": seconds,
            "rounds": comparison.rounds,
            "ended": comparison.ended,
            "blocking_seconds": blocking.median_wall,
            "blocking_is_projected_from": blocking.runs[0].requests,
            "table": str(comparison).splitlines(),
        }
    return results


def overhead() -> dict:
    return {f"{requests} requests": differences_from_the_log(requests) for requests in (10, 100)}


def differences_from_the_log(requests: int) -> dict:
    comparison = aio.compare(["thread", "callback", "asyncio"], requests=requests, rounds=20, seed=1)
    spans: dict[tuple[int, int], list[float]] = {}
    for exchange in comparison.exchanges.rows():
        batch = exchange["run"], exchange["batch"]
        first, last = spans.setdefault(batch, [float("inf"), 0.0])
        spans[batch] = [min(first, exchange["accepted"]), max(last, exchange["closed"])]
    print(f"{requests} requests, 20 ms, 10 at a time: wall time - span of the log")
    results = {}
    for arm in comparison.arms:
        logged = [
            statistics.fmean(spans[run.index, batch][1] - spans[run.index, batch][0] for batch in range(run.batches))
            for run in arm.runs
        ]
        differences = [run.wall - span for run, span in zip(arm.runs, logged, strict=True)]
        within = sum(abs(d) <= 0.001 + 0.02 * span for d, span in zip(differences, logged, strict=True))
        middle, allowed = statistics.median(differences), 0.001 + 0.02 * statistics.median(logged)
        print(f"  {arm.name:16} {1000 * middle:6.3f} ms of {1000 * allowed:.3f}; {within} of {len(differences)} within")
        results[arm.name] = {
            "median_difference_ms": 1000 * middle,
            "allowed_ms": 1000 * allowed,
            "runs": len(differences),
            "within_1_ms_and_2_percent": within,
        }
    return results


def main() -> None:
    parts = {"aa": aa, "power": power, "diff": diff, "budget": budget, "overhead": overhead}
    for name in sys.argv[1:] or parts:
        print(f"--- {name}")
        save(Path(__file__).with_stem(f"harness_{name}"), parts[name]())


if __name__ == "__main__":
    main()
