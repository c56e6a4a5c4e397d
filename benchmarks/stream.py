"""`aio.stream` over very many URLs from a generator: throughput, memory, and how fast it ends.

    python benchmarks/stream.py [--most 1000000] [--few 100000] [--strategies callback,asyncio,thread]

Each run has a process of its own, and fetches pages of 100 bytes from the lab over connections that are kept alive, 100
in flight. Its memory is that of the process beyond the start of the stream, looked at after every 1 % of the URLs. Then
an endless stream is left by `break`. Writes results/stream.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import aio_strategies as aio
import psutil
from save import save

CONCURRENCY = 100
MODES = ("for", "async for")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=1_000_000, help="URLs of the long stream (default: 1,000,000)")
    parser.add_argument("--few", type=int, default=100_000, help="URLs of the short one (default: 100,000)")
    parser.add_argument("--strategies", default="callback,asyncio,thread", help="keys, by commas")
    parser.add_argument("--languages", default="rust", help="languages, by commas (default: rust)")
    parser.add_argument("--one", nargs=5, metavar="WORD", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(*options.one)))
        return
    results = []
    print("arm                  loop       URLs/s, few       most   ratio   memory, MB (most at any time)   break, ms")
    with aio.LabServer(latency=0, body_size=100, log_limit=1000) as lab:
        for language in options.languages.split(","):
            for key in options.strategies.split(","):
                for mode in MODES:
                    few, most = (
                        in_a_process(lab.url, key, language, mode, urls) for urls in (options.few, options.most)
                    )
                    ratio = most["per_second"] / few["per_second"]
                    name = f"{language}/{key}"
                    print(
                        f"{name:20} {mode:9}{few['per_second']:13,.0f}{most['per_second']:11,.0f}{ratio:8.2f}"
                        f"{most['most_mb']:21.1f}{1000 * most['break_seconds']:22.1f}",
                        flush=True,
                    )
                    results.append({"arm": name, "loop": mode, "few": few, "most": most, "throughput_ratio": ratio})
    save(Path(__file__), {"concurrency": CONCURRENCY, "few": options.few, "most": options.most, "runs": results})


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
        "memory_mb": [round((bytes_ - memory[0]) / 1e6, 2) for bytes_ in memory],
        "break_seconds": time.monotonic() - broken_off,
    }


async def warmed_up(stream: aio.ResponseStream) -> None:
    async for _ in stream:
        pass


if __name__ == "__main__":
    main()
