"""`aio.stream` over very many URLs from a generator: throughput, memory, and how fast it ends.

    python benchmarks/stream.py [--rounds 6] [--most 1000000] [--few 100000] [--strategies callback,asyncio]

Each run has a process of its own, and fetches pages of 100 bytes from the lab over connections that are kept alive, 100
in flight. Its memory is that of the process beyond the start of the stream, looked at after every 1 % of the URLs. Then
an endless stream is left by `break`. A round runs each arm with many URLs and with few, in random order. A ratio is
that of one round: the Hodges-Lehmann estimate over the rounds, with its 95 % interval (which takes 6 rounds). Writes
results/stream.json, from which docs/make_performance.py makes a table. 6 rounds take about 10 minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import count, product
from pathlib import Path

import aio_strategies as aio
import psutil
from aio_strategies import _native
from ratios import ratio, told
from save import save

CONCURRENCY = 100
MODES = ("for", "async for")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=1_000_000, help="URLs of the long stream (default: 1,000,000)")
    parser.add_argument("--few", type=int, default=100_000, help="URLs of the short one (default: 100,000)")
    parser.add_argument("--rounds", type=int, default=6, help="how often (default: 6)")
    parser.add_argument("--strategies", default="callback,asyncio,thread,uring", help="keys, by commas")
    parser.add_argument("--languages", default="rust", help="languages, by commas (default: rust)")
    parser.add_argument("--one", nargs=5, metavar="WORD", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(*options.one)))
        return
    arms = list(product(options.languages.split(","), options.strategies.split(","), MODES))
    found: dict[tuple[str, str, str], dict[int, list[dict]]] = defaultdict(lambda: defaultdict(list))
    with aio.LabServer(latency=0, body_size=100, log_limit=1000) as lab:
        for number in range(options.rounds):
            runs = list(product(arms, (options.few, options.most)))
            for (language, key, mode), urls in random.sample(runs, len(runs)):
                found[language, key, mode][urls].append(in_a_process(lab.url, key, language, mode, urls))
            print(f"round {number + 1} of {options.rounds}", flush=True)
    results = []
    print("arm                  loop       URLs/s, few       most   ratio               memory, MB   break, ms")
    for language, key, mode in arms:
        by_length = found[language, key, mode]
        result = summary(f"{language}/{key}", mode, by_length[options.few], by_length[options.most])
        few, most = result["few_per_second"], result["most_per_second"]
        print(
            f"{result['arm']:20} {mode:9}{few:13,}{most:11,}   {told(result['throughput_ratio']):20}"
            f"{result['most_mb']:13.1f}{1000 * result['break_seconds']:12.1f}"
        )
        results.append(result)
    lengths = {"few": options.few, "most": options.most}
    save(Path(__file__), {"concurrency": CONCURRENCY, "rounds": options.rounds, **lengths, "runs": results})


def summary(arm: str, mode: str, few: list[dict], most: list[dict]) -> dict:
    """The medians of the throughputs, their ratio with its interval, and the most that memory and `break` took."""
    long, short = ([run["per_second"] for run in runs] for runs in (most, few))
    return {
        "arm": arm,
        "loop": mode,
        "few_per_second": round(_native.median(short)[0]),
        "most_per_second": round(_native.median(long)[0]),
        "throughput_ratio": ratio(long, short),
        "most_mb": round(max(run["most_mb"] for run in [*few, *most]), 2),
        "break_seconds": round(max(run["break_seconds"] for run in [*few, *most]), 4),
    }


def in_a_process(*arguments: object) -> dict:
    command = [sys.executable, __file__, "--one", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def one(url: str, key: str, language: str, mode: str, urls: str) -> dict:
    process = psutil.Process()
    whole = int(urls)

    def pages(numbers: Iterator[int]) -> Iterator[str]:
        return (f"{url}{number}" for number in numbers)

    def open_stream(numbers: Iterator[int]) -> aio.ResponseStream:
        return aio.stream(key, pages(numbers), language=language, concurrency=CONCURRENCY, keep_alive=True)

    def looked_at(number: int) -> None:
        if number % (whole // 100) == 0:
            memory.append(process.memory_info().rss)

    def consume() -> None:
        for number, response in enumerate(open_stream(iter(range(whole)))):
            response.raise_for_status()
            looked_at(number)

    async def consume_beside() -> None:
        number = 0
        async for response in open_stream(iter(range(whole))):
            response.raise_for_status()
            looked_at(number)
            number += 1

    if mode == "for":
        list(open_stream(iter(range(1000))))  # what is imported and allocated once
    else:
        asyncio.run(warmed_up(open_stream(iter(range(1000)))))
    memory = [process.memory_info().rss]
    began = time.monotonic()
    if mode == "for":
        consume()
    else:
        asyncio.run(consume_beside())
    seconds = time.monotonic() - began
    for response in open_stream(count()):
        if response.index >= 10_000:
            broken_off = time.monotonic()
            break
    return {
        "per_second": whole / seconds,
        "most_mb": (max(memory) - memory[0]) / 1e6,
        "break_seconds": time.monotonic() - broken_off,
    }


async def warmed_up(stream: aio.ResponseStream) -> None:
    async for _ in stream:
        pass


if __name__ == "__main__":
    main()
