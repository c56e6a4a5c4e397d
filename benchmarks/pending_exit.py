"""Ends while 200 exchanges are in flight. Nothing should be printed, and the exit status should be that of ``STATUS``.

usage: pending_exit.py HOW LANGUAGE

Args:
    HOW: ``return``, a coroutine leaves tasks pending; ``exit``, it calls ``sys.exit(3)`` then; or ``daemon``, the calls
        are made by daemon threads.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import aio_strategies as aio

STATUS = {"return": 0, "exit": 3, "daemon": 0}
EXCHANGES = 200


def wait_until_in_flight(lab: aio.LabServer) -> None:
    while lab.stats().in_flight < EXCHANGES:
        time.sleep(0.01)


async def leave_tasks(lab: aio.LabServer, how: str, language: str) -> None:
    calls = [("callback", 90), ("asyncio", 90), ("thread", 20)]
    tasks = [
        asyncio.create_task(aio.arun(key, lab.urls(count), language=language, concurrency=count))
        for key, count in calls
    ]
    await asyncio.to_thread(wait_until_in_flight, lab)
    assert not any(task.done() for task in tasks)
    if how == "exit":
        sys.exit(STATUS[how])


def leave_threads(lab: aio.LabServer, language: str) -> None:
    # A thread or process pool of Python's makes its interpreter wait for it.
    keys = ("callback", "generator") if language == "python" else ("callback", "asyncio", "thread", "process")
    for key in keys:

        def call(key: str = key) -> None:
            aio.run(key, lab.urls(EXCHANGES // len(keys)), language=language, concurrency=EXCHANGES)

        threading.Thread(target=call, daemon=True).start()
    wait_until_in_flight(lab)


if __name__ == "__main__":
    lab = aio.LabServer(latency=30)  # closed when the interpreter exits, which ends the calls that are under way then
    if sys.argv[1] == "daemon":
        leave_threads(lab, sys.argv[2])
    else:
        asyncio.run(leave_tasks(lab, *sys.argv[1:]))
