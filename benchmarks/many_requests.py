"""Makes many requests in one interpreter, and prints how it has grown since the first of them, as JSON.

usage: many_requests.py KEY LANGUAGE REQUESTS WARM_UP EACH

Args:
    REQUESTS: requests in all.
    WARM_UP: requests before the first look.
    EACH: requests of one call.
"""

from __future__ import annotations

import gc
import json
import sys
import time

import aio_strategies as aio
import psutil

here = psutil.Process()


def state() -> dict[str, int]:
    gc.collect()
    return {
        "descriptors": here.num_fds(),
        "threads": here.num_threads(),
        "children": len(here.children(recursive=True)),
        "rss": here.memory_info().rss,
    }


def settled(before: dict[str, int]) -> dict[str, int]:
    """Return the state once only the memory differs, or after 5 s: a thread may be listed a moment after its end."""
    deadline = time.monotonic() + 5
    while (after := state()) | {"rss": 0} != before | {"rss": 0} and time.monotonic() < deadline:
        time.sleep(0.01)
    return after


def main(key: str, language: str, requests: int, warm_up: int, each: int) -> None:
    with aio.LabServer(latency=0, body_size=256) as lab:
        urls = lab.urls(each)
        before = {}
        for done in range(0, requests, each):
            if done == warm_up:
                before = state()
            aio.run(key, urls, language=language, concurrency=50).raise_for_errors()
        after = settled(before)
    print(json.dumps({"before": before, "after": after}))


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
