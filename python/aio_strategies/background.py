"""Work in a thread beside an event loop: a task awaits it, and cancelling the task stops the work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

    from . import _native

__all__ = ["in_thread", "in_thread_left_behind", "until_done", "until_readable"]

Result = TypeVar("Result")

#: Seconds.
_LOOK_EVERY = 0.1


async def until_done(running: _native.Background) -> None:
    """Wait until a native call has ended.

    Raises:
        CancelledError: this task was cancelled; the call has ended and left nothing behind.
    """
    import asyncio  # here, since it takes longer to import than all the rest

    try:
        await until_readable(running)
    except NotImplementedError:
        await in_thread(running.wait, running.cancel)
    except asyncio.CancelledError:
        running.cancel()
        raise


async def until_readable(watched: _native.Background | _native.Crawl | _native.Stream) -> None:
    """Wait until its descriptor is readable.

    Raises:
        NotImplementedError: on Windows, it has none, or the event loop cannot watch it.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    try:
        descriptor = watched.fileno()
    except AttributeError:
        raise NotImplementedError from None
    loop.add_reader(descriptor, _set_result, done, None)
    try:
        await _done(done)
    finally:
        loop.remove_reader(descriptor)


async def in_thread(work: Callable[[], Result], stop: Callable[[], object]) -> Result:
    """Run ``work`` in its own thread, and return what it returns or raise what it raises.

    Args:
        work: what to do.
        stop: called in the event loop's thread if this task is cancelled, again and again until ``work`` has ended.

    Raises:
        CancelledError: this task was cancelled; ``work`` has ended.
    """
    import asyncio
    from contextvars import copy_context

    # Not a task, as asyncio.to_thread would be: asyncio.run cancels all tasks, and the thread would go on.
    worker = asyncio.get_running_loop().run_in_executor(None, copy_context().run, work)
    try:
        await _done(worker)
        return worker.result()
    except asyncio.CancelledError:
        while not worker.done():
            stop()
            await asyncio.wait([worker], timeout=_LOOK_EVERY)
        worker.exception()  # retrieved, so that asyncio does not log it as lost
        raise


async def in_thread_left_behind(work: Callable[[], Result]) -> Result:
    """Run ``work``, which nothing can stop, in its own thread, and return what it returns or raise what it raises.

    Nothing waits for the thread: neither a task that is cancelled nor the interpreter's exit. If the system allows no
    more threads, the event loop's thread does the work.
    """
    import asyncio
    import threading
    from contextvars import copy_context

    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(_set_result, ended, copied.run(work))
        except BaseException as error:
            settle = partial(_set_exception, ended, error)
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle)

    copied = copy_context()
    try:
        threading.Thread(target=run, name="aio-left-behind", daemon=True).start()
    except RuntimeError:
        return work()
    await _done(ended)
    return ended.result()


async def _done(future: asyncio.Future[Any]) -> None:
    """Wait for a future, and leave it alone if this task is cancelled."""
    import asyncio

    # A loop that sleeps does not see that a kernel's interrupt has cancelled this task: let it look now and then.
    while not future.done():
        await asyncio.wait([future], timeout=_LOOK_EVERY)


def _set_result(future: asyncio.Future[Result], result: Result) -> None:
    if not future.done():
        future.set_result(result)


def _set_exception(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
