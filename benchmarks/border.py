"""What the border between Python and Rust costs: a call's time beyond that of its exchanges.

    python benchmarks/border.py [--rounds 200] [--many 100000]

`wall` is `Run.wall` beyond the native wall, which is how long the strategy took in Rust. `call` is the whole call
beyond its exchanges, as the caller sees it: from before its arguments are checked until the `Run` is there, less the
time from the start of the first exchange until the end of the last. Each strategy fetches ten pages of 100 bytes from
the lab many times over, 10 in flight, a connection each; and a great many pages a few times, on connections that are
kept alive. What these take more is the border's cost of a URL. Medians. Writes results/border.json, from which
docs/make_performance.py makes a table.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from pathlib import Path
from typing import Any

import aio_strategies as aio
from aio_strategies import _native
from save import save

FEW = 10
MANY_ROUNDS = 5


class NativeWall:
    """How long the strategy took in Rust, of the last call."""

    def __init__(self) -> None:
        self._run = _native.run
        self.seconds = math.nan
        _native.run = self._timed  # type: ignore[assignment]

    def _timed(self, *arguments: Any) -> _native.Outcomes:
        outcomes = self._run(*arguments)
        self.seconds = outcomes.wall
        return outcomes


def beyond(key: str, urls: list[str], keep_alive: bool, native: NativeWall) -> tuple[float, float]:
    """Fetch the URLs; return `wall` and `call`, in microseconds."""
    began = time.perf_counter()
    run = aio.run(key, urls, language="rust", concurrency=10, keep_alive=keep_alive)
    call = time.perf_counter() - began
    run.raise_for_errors()
    exchanges = max(r.start + r.elapsed.total_seconds() for r in run) - min(r.start for r in run)
    return 1e6 * (run.wall - native.seconds), 1e6 * (call - exchanges)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="how often to fetch ten (default: 200)")
    parser.add_argument("--many", type=int, default=100_000, help="how many a great many are (default: 100,000)")
    options = parser.parse_args()
    # A process starts its workers within the call: that is no border.
    keys = [strategy.key for strategy in aio.strategies() if "rust" in strategy.languages and strategy.key != "process"]
    arms = {}
    native = NativeWall()
    print("arm               ten URLs, µs: wall    call   a URL more, µs: wall   call")
    with aio.LabServer(latency=0, body_size=100, log_limit=1000) as lab:
        for key in keys:
            medians = {}
            for urls, rounds, keep_alive in ((FEW, options.rounds, False), (options.many, MANY_ROUNDS, True)):
                pages = [lab.url] * urls
                beyond(key, pages[:1000], keep_alive, native)
                found = [beyond(key, pages, keep_alive, native) for _ in range(rounds)]
                medians[urls] = [statistics.median(values) for values in zip(*found, strict=True)]
            few, many = medians[FEW], medians[options.many]
            each = [(more - less) / (options.many - FEW) for more, less in zip(many, few, strict=True)]
            arms[f"rust/{key}"] = {
                "ten_us": dict(zip(("wall", "call"), (round(value, 1) for value in few), strict=True)),
                "url_us": dict(zip(("wall", "call"), (round(value, 3) for value in each), strict=True)),
            }
            print(f"{f'rust/{key}':18}{few[0]:18.1f}{few[1]:8.1f}{each[0]:23.3f}{each[1]:7.3f}", flush=True)
    save(Path(__file__), {"rounds": options.rounds, "many": options.many, "arms": arms})


if __name__ == "__main__":
    main()
