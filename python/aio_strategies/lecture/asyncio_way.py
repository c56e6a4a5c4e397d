"""Lecture 2.3.4, native coroutines: the structure is that of ``yield_from``, written with ``async def`` and ``await``;
the event loop, the tasks and the streams come from a library, asyncio."""

import asyncio
from contextlib import suppress
from functools import partial

from .attempt import FAILURES, Attempt
from .streams import open_connection
from .work import Slot, Wait, Work


async def asyncio_way(work: Work) -> None:
    """Fetch the URLs with asyncio tasks."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(work.waiters):
            tasks.create_task(fetch_urls(work))


async def fetch_urls(work: Work) -> None:
    """Fetch URLs until there are none left."""
    woken = asyncio.Event()
    slot = Slot(partial(asyncio.get_running_loop().call_soon_threadsafe, woken.set))
    try:
        while step := work.next(slot):
            if isinstance(step, Wait):
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(step.until):
                        await woken.wait()
                woken.clear()
                continue

            attempt = Attempt(step, slot)
            while attempt.wants() != "done":  # again, if only the deadline of connecting has passed
                try:
                    async with asyncio.timeout_at(attempt.deadline):
                        await fetch(attempt, slot)
                except FAILURES as error:
                    attempt.failed(error)
            work.put(slot, step.ticket, attempt.finish())
    finally:  # even if the task is cancelled
        slot.close()


async def fetch(attempt: Attempt, slot: Slot) -> None:
    """Fetch one URL."""
    while (want := attempt.wants()) != "done":
        match want:
            case "connect":
                await connect(attempt, slot)
            case "send":
                await write_all(attempt, slot)
            case "receive":
                await read_all(attempt, slot)
            case "close":
                slot.disconnect()
                attempt.closed()


async def connect(attempt: Attempt, slot: Slot) -> None:
    """Open the connection."""
    slot.sock = await open_connection(*attempt.address)
    _, writer = slot.sock
    attempt.connected(partial(writer.get_extra_info, "sockname"))


async def write_all(attempt: Attempt, slot: Slot) -> None:
    """Send the request."""
    _, writer = slot.sock
    writer.write(attempt.unsent)
    await writer.drain()
    attempt.sent(len(attempt.unsent))


async def read_all(attempt: Attempt, slot: Slot) -> None:
    """Receive all of the response."""
    reader, _ = slot.sock
    while attempt.wants() == "receive":
        attempt.received(await reader.read(attempt.read_size))
