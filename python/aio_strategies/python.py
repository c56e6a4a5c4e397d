"""The Python strategies: ``aio.python.<key>_way``. Same names, arguments, results and exceptions as ``aio.rust``.

They are in ``lecture/``, one file each. A file is imported when its function is first called: asyncio and the pools
take longer to import than the rest of the package.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

from .background import in_thread
from .exceptions import InternalError, RequestError
from .lecture.work import Assignment, WorkList, WorkStream
from .response_stream import Fetching
from .results import Response
from .strategy_function import AsyncStrategyFunction, Fetched, async_strategy_function, strategy_function
from .targets import Target
from .terms import Terms

__all__ = [
    "asyncio_way",
    "blocking_way",
    "callback_way",
    "generator_way",
    "nonblocking_way",
    "process_way",
    "thread_way",
    "yield_from_way",
]


CO_COROUTINE = 0x80
"""The flag of coroutine functions, as in ``inspect``, which takes long to import."""


def _fetched(targets: list[Target], work: WorkList) -> Fetched:
    responses = [
        response or Response(target.url, error=InternalError("it was never begun", url=target.url, phase="connect"))
        for target, response in zip(targets, work.responses(), strict=True)
    ]
    return Fetched(responses, work.shortage)


def _way(key: str) -> Any:
    """Import that strategy's file, and return its function."""
    return getattr(import_module(f".lecture.{key}_way", __package__), f"{key}_way")


def _fetch(way: Any, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    work = WorkList(targets, concurrency, terms)
    way(work)
    return _fetched(targets, work)


async def _fetch_asyncio(way: Any, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    work = WorkList(targets, concurrency, terms)
    await way(work)
    return _fetched(targets, work)


async def _fetch_beside(way: Any, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    work = WorkList(targets, concurrency, terms)
    await in_thread(partial(way, work), work.cancel)
    return _fetched(targets, work)


blocking_way = strategy_function("blocking", "python", lambda: partial(_fetch, _way("blocking")))
process_way = strategy_function("process", "python", lambda: partial(_fetch, _way("process")))
thread_way = strategy_function("thread", "python", lambda: partial(_fetch, _way("thread")))
nonblocking_way = strategy_function("nonblocking", "python", lambda: partial(_fetch, _way("nonblocking")))
callback_way = strategy_function("callback", "python", lambda: partial(_fetch, _way("callback")))
generator_way = strategy_function("generator", "python", lambda: partial(_fetch, _way("generator")))
yield_from_way = strategy_function("yield_from", "python", lambda: partial(_fetch, _way("yield_from")))
asyncio_way = async_strategy_function("asyncio", "python", lambda: partial(_fetch_asyncio, _way("asyncio")))


class _Fetching:
    """A stream's strategy; see ``response_stream.Fetching``."""

    def __init__(self, key: str, waiters: int, terms: Terms, elsewhere: Terms) -> None:
        self._terms = terms, elsewhere
        self._work = WorkStream(waiters, self._notify)
        self._stop: Callable[[], object] = self._work.cancel
        self._changed = threading.Event()
        self._watcher: Callable[[], object] | None = None
        self._ended: RequestError | None = None
        _cancel_before_exit(self)
        # A daemon, since nobody need be there to end it.
        self._thread = threading.Thread(target=self._run, args=(_way(key),), name="aio-stream", daemon=True)
        self._thread.start()

    def push(self, jobs: list[tuple[int, Target, bool]]) -> None:
        """Hand in tickets, their targets, and whether a redirect has led there from another host."""
        self._work.push(Assignment(ticket, target, self._terms[elsewhere]) for ticket, target, elsewhere in jobs)

    def complete(self) -> None:
        """Say that nothing more will be pushed."""
        self._work.complete()

    def wait(self) -> list[tuple[int, Response]]:
        """Wait until responses have arrived, and return them with their tickets; none if the strategy has ended."""
        while not (arrived := self.take()) and self._ended is None:
            self._changed.wait()
        return arrived

    def take(self) -> list[tuple[int, Response]]:
        """Return the responses that have arrived."""
        self._changed.clear()
        return self._work.take()

    async def arrived(self) -> None:
        """Wait beside the event loop until there is something to take, or the strategy has ended."""
        import asyncio

        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        self._watcher = partial(loop.call_soon_threadsafe, changed.set)
        try:
            if not self._changed.is_set():
                await changed.wait()
        finally:
            self._watcher = None

    def ended(self) -> RequestError | None:
        """Return why the strategy has ended, if it has: the error of what it left undone."""
        return self._ended

    def shortage(self) -> int | None:
        """Return the system's error number that kept it below the exchanges in flight that it may have."""
        return self._work.shortage

    def cancel(self) -> None:
        """End the strategy, and return when it has closed its connections and ended its threads and processes."""
        while self._thread.is_alive():
            with suppress(RuntimeError):  # its event loop has just been closed
                self._stop()
            self._thread.join(0.05)

    def _run(self, way: Any) -> None:
        ended = InternalError("it was never begun")
        try:
            if way.__code__.co_flags & CO_COROUTINE:
                self._run_coroutine(way)
            else:
                way(self._work)
        except Exception as error:
            ended = InternalError(f"{type(error).__name__}: {error}")
        self._ended = ended
        self._notify()

    def _run_coroutine(self, way: Any) -> None:
        import asyncio

        async def main() -> None:
            task = asyncio.current_task()
            assert task is not None
            self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel)
            await way(self._work)

        with suppress(asyncio.CancelledError):
            asyncio.run(main())

    def _notify(self) -> None:
        self._changed.set()
        if (watcher := self._watcher) is not None:
            with suppress(RuntimeError):  # its event loop has just been closed
                watcher()


_to_cancel: weakref.WeakSet[_Fetching] = weakref.WeakSet()


def _cancel_before_exit(fetching: _Fetching) -> None:
    """Cancel it before the interpreter ends: that waits for the threads of pools, which may have nothing to do."""
    if not _to_cancel:
        import concurrent.futures.process
        import concurrent.futures.thread  # noqa: F401  what is registered last is called first

        threading._register_atexit(_cancel_all)  # type: ignore[attr-defined]
    _to_cancel.add(fetching)


def _cancel_all() -> None:
    for fetching in list(_to_cancel):
        fetching.cancel()


def open_stream(key: str, waiters: int, terms: Terms, elsewhere: Terms) -> Fetching:
    """Start the strategy in a thread of its own, for a stream."""
    return _Fetching(key, waiters, terms, elsewhere)


def __getattr__(name: str) -> Any:
    if name != "Crawler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .crawl import crawler  # here, since few need it

    class Crawler(crawler.Crawler):
        __doc__ = crawler.Crawler.__doc__
        __module__ = __name__
        __qualname__ = "Crawler"
        language = "python"
        _open_stream = staticmethod(open_stream)

    globals()[name] = Crawler
    return Crawler


def beside(key: str) -> AsyncStrategyFunction:
    """Return the strategy as a coroutine function, whose calls run alongside the event loop's other tasks."""
    if key == "asyncio":
        return asyncio_way
    return async_strategy_function(key, "python", lambda: partial(_fetch_beside, _way(key)))
