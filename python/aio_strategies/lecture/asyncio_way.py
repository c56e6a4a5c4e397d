"""Lecture 2.3.4, native coroutines: ``async def`` and ``await`` as in ``yield_from``, but the loop, the tasks and the
streams come from a library: asyncio."""

import asyncio

from ..results import Response
from ..targets import Target
from .attempt import READ_SIZE, Attempt
from .batch import Batch


async def asyncio_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs by asyncio tasks."""
    batch = Batch(targets, timeout)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(concurrency, len(targets))):
            tasks.create_task(fetch_urls(batch))
    return batch.responses()


async def fetch_urls(batch: Batch) -> None:
    """Fetch URLs as long as there are any."""
    for index, target in batch:
        while early := target.early():
            await asyncio.sleep(early)
        with Attempt(target, batch.timeout) as attempt:
            async with asyncio.timeout_at(attempt.deadline):
                await fetch(attempt)
        batch.put(index, attempt.response)


async def fetch(attempt: Attempt) -> None:
    """Fetch one URL."""
    reader, writer = await asyncio.open_connection(*attempt.address)
    try:
        attempt.connected()
        writer.write(attempt.unsent)
        await writer.drain()
        attempt.sent(len(attempt.unsent))
        while not attempt.receive(await reader.read(READ_SIZE)):
            pass
    finally:
        writer.close()
