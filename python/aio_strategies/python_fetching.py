"""The Python strategies in the background, for streams and crawls."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

from .exceptions import InternalError, RequestError
from .fetching import Fetching
from .lecture import way
from .lecture.work import Assignment, WorkStream
from .results import Response
from .targets import Target
from .terms import Terms

__all__ = ["open_stream"]

CO_COROUTINE = 0x80
"""The flag of coroutine functions, as in ``inspect``, which takes long to import."""


class PythonFetching:
    """A strategy in a thread of its own; see ``Fetching``."""

    def __init__(self, key: str, waiters: int, terms: Terms, elsewhere: Terms) -> None:
        self._terms = terms, elsewhere
        self._work = WorkStream(waiters, self._notify)
        self._stop: Callable[[], object] = self._work.cancel
        self._changed = threading.Event()
        self._watcher: Callable[[], object] | None = None
        self._ended: RequestError | None = None
        _cancel_before_exit(self)
        # A daemon, since nobody need be there to end it.
        self._thread = threading.Thread(target=self._run, args=(way(key),), name="aio-stream", daemon=True)
        self._thread.start()

    def push(self, jobs: list[tuple[int, Target, bool]]) -> None:
        """Hand in tickets, their targets, and whether these are of another origin than the caller's."""
        self._work.push(Assignment(ticket, target, self._terms[elsewhere]) for ticket, target, elsewhere in jobs)

    def complete(self) -> None:
        """Say that nothing more will be pushed."""
        self._work.complete()

    def wait(self, timeout: float | None = None) -> list[tuple[int, Response]]:
        """Wait until responses have arrived, and return them with their tickets.

        None, if the strategy has ended, or so many seconds have passed.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        while not (arrived := self.take()) and self._ended is None and (left := until - time.monotonic()) > 0:
            self._changed.wait(None if timeout is None else left)
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
        """Return why the strategy has ended, once it has and all is taken: the error of what it left undone."""
        ended = self._ended  # before the look at what has arrived: nothing arrives after it
        return None if self._work.has_arrived else ended

    def shortage(self) -> int | None:
        """Return the system's error number that kept it below the exchanges in flight that it may have."""
        return self._work.shortage

    def cancel(self) -> None:
        """End the strategy, and return when it has closed its connections and ended its threads and processes."""
        while self._thread.is_alive():
            with suppress(RuntimeError):  # its event loop has just been closed
                self._stop()
            self._thread.join(0.05)

    def _run(self, strategy: Any) -> None:
        ended = InternalError("it was never begun")
        try:
            if strategy.__code__.co_flags & CO_COROUTINE:
                self._run_coroutine(strategy)
            else:
                strategy(self._work)
        except Exception as error:
            ended = InternalError(f"{type(error).__name__}: {error}")
        self._ended = ended
        self._notify()

    def _run_coroutine(self, strategy: Any) -> None:
        import asyncio

        async def main() -> None:
            task = asyncio.current_task()
            assert task is not None
            self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel)
            await strategy(self._work)

        with suppress(asyncio.CancelledError):
            asyncio.run(main())

    def _notify(self) -> None:
        self._changed.set()
        if (watcher := self._watcher) is not None:
            with suppress(RuntimeError):  # its event loop has just been closed
                watcher()


_to_cancel: weakref.WeakSet[PythonFetching] = weakref.WeakSet()


def _cancel_before_exit(fetching: PythonFetching) -> None:
    """Cancel it before the interpreter ends: that waits for the threads of pools, which may have nothing to do."""
    _register()
    _to_cancel.add(fetching)


@cache
def _register() -> None:
    import concurrent.futures.process
    import concurrent.futures.thread  # noqa: F401  what is registered last is called first

    threading._register_atexit(_cancel_all)  # type: ignore[attr-defined]


def _cancel_all() -> None:
    for fetching in list(_to_cancel):
        fetching.cancel()


def open_stream(key: str, waiters: int, terms: Terms, elsewhere: Terms) -> Fetching:
    """Start the strategy in a thread of its own, for a stream."""
    return PythonFetching(key, waiters, terms, elsewhere)
