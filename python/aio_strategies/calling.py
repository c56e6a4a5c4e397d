"""Calling a strategy by its key."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Iterable
from typing import Any, Unpack, cast

from . import python, rust
from .catalogue import find
from .request_options import RequestOptions, with_options
from .results import Run
from .strategy_function import AsyncStrategyFunction, StrategyFunction

__all__ = ["arun", "run"]


@with_options
def run(
    strategy: str,
    urls: Iterable[str],
    *,
    language: str = "rust",
    concurrency: int = 10,
    timeout: float = 30.0,
    rate: float | None = None,
    **options: Unpack[RequestOptions],
) -> Run:
    """Fetch URLs with a strategy and return when all are done; works inside a running event loop too, as in a notebook.

    Args:
        strategy: the strategy's key; ``aio.strategies()`` lists them.
        urls: ``http`` and ``https`` URLs.
        language: ``"rust"`` or ``"python"``.
        concurrency: how many exchanges may be in flight at once, at least 1.
        timeout: the limit on one whole exchange in seconds, above 0 and finite.
        rate: requests per second (1e-6 to 1e9), or None. With it, no exchange begins before its intended start: for
            the URL at index ``i``, that is ``i / rate`` seconds after ``Run.began``.
        {options}

    Returns:
        A Run: one Response per URL, in the order of ``urls``.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument is out of range (``InvalidURL`` and ``UnsupportedProtocol`` among them).
    """
    way = _way(strategy, language)
    if strategy == "asyncio":
        return _run_coroutine(
            cast(AsyncStrategyFunction, way)(urls, concurrency=concurrency, timeout=timeout, rate=rate, **options)
        )
    return cast(StrategyFunction, way)(urls, concurrency=concurrency, timeout=timeout, rate=rate, **options)


@with_options
async def arun(
    strategy: str,
    urls: Iterable[str],
    *,
    language: str = "rust",
    concurrency: int = 10,
    timeout: float = 30.0,
    rate: float | None = None,
    **options: Unpack[RequestOptions],
) -> Run:
    """Fetch URLs with a strategy while the event loop's other coroutines run.

    Python's ``asyncio`` runs in the event loop itself; every other strategy, of either language, runs in a thread
    beside it. When a Rust call is cancelled, it closes its connections and ends its threads and processes before
    ``CancelledError`` is raised. A Python call in a thread begins no more exchanges, and waits for those in flight.

    Args and exceptions are those of ``run``.
    """
    find(strategy, language)
    way: AsyncStrategyFunction = {"python": python, "rust": rust}[language].beside(strategy)
    return await way(urls, concurrency=concurrency, timeout=timeout, rate=rate, **options)


def _way(strategy: str, language: str) -> StrategyFunction | AsyncStrategyFunction:
    find(strategy, language)
    return cast(StrategyFunction, getattr({"python": python, "rust": rust}[language], f"{strategy}_way"))


def _run_coroutine(coroutine: Any) -> Run:
    """Run a coroutine to completion: in this thread, or in another if this thread's event loop is already running."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return cast(Run, asyncio.run(coroutine))
    return _Beside(coroutine).result()


class _Beside:
    """A coroutine in its own event loop, in its own thread."""

    def __init__(self, coroutine: Coroutine[Any, Any, Run]) -> None:
        self._coroutine = coroutine
        self._started = threading.Event()
        self._outcome: Run | BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="aio-run")

    def _work(self) -> None:
        import asyncio

        async def main() -> Run:
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.current_task()
            self._started.set()
            return await self._coroutine

        try:
            self._outcome = asyncio.run(main())
        except BaseException as error:  # result() raises it again
            self._outcome = error
        finally:
            self._started.set()

    def result(self) -> Run:
        self._thread.start()
        try:
            self._thread.join()
        except BaseException:  # Ctrl-C
            self._started.wait()
            if self._task is not None and self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()
            raise
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        assert self._outcome is not None
        return self._outcome
