"""Forks children that fetch by strategies which their parent has used, and prints how many could.

usage: forked_children.py LANGUAGE CHILDREN

With Rust, the parent goes on using them in another thread. Python's own pools do not take a fork in the middle of their
work.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import aio_strategies as aio
from aio_strategies.catalogue import STRATEGIES

KEYS = ("asyncio", "thread", "process", "callback", "uring")
#: After so many seconds, a child that hangs is ended.
PATIENCE = 20


def main(language: str, children: int) -> None:
    with aio.LabServer(latency=0.001) as lab:
        urls = lab.urls(3)

        def fetch() -> None:
            for key in (key for key in KEYS if language in STRATEGIES[key].languages):
                aio.run(key, urls, language=language, concurrency=3).raise_for_errors()

        done = threading.Event()

        def go_on() -> None:
            while not done.is_set():
                fetch()

        fetch()
        busy = threading.Thread(target=go_on)
        if language == "rust":
            busy.start()
        good = 0
        for _ in range(children):
            child = os.fork()
            if child == 0:
                signal.alarm(PATIENCE)
                try:
                    fetch()
                    os._exit(0)
                finally:
                    os._exit(1)
            good += os.waitpid(child, 0)[1] == 0
        done.set()
        if language == "rust":
            busy.join()
    print(good)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
