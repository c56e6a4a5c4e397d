"""The Python strategies: ``aio.python.<key>_way``. Same names, arguments, results and exceptions as ``aio.rust``.

They are in ``lecture/``, one file each. A file is imported when its function is first called: asyncio and the pools
take longer to import than the rest of the package.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from .background import in_thread
from .exceptions import InternalError
from .lecture import way
from .lecture.work import WorkList
from .python_fetching import open_stream
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


def _fetched(targets: list[Target], work: WorkList) -> Fetched:
    responses = [
        response or Response(target.url, error=InternalError("it was never begun", url=target.url, phase="connect"))
        for target, response in zip(targets, work.responses(), strict=True)
    ]
    return Fetched(responses, work.shortage)


def _fetch(strategy: Any, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    work = WorkList(targets, concurrency, terms)
    strategy(work)
    return _fetched(targets, work)


async def _fetch_asyncio(strategy: Any, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    work = WorkList(targets, concurrency, terms)
    await strategy(work)
    return _fetched(targets, work)


async def _fetch_beside(strategy: Any, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    work = WorkList(targets, concurrency, terms)
    await in_thread(partial(strategy, work), work.cancel)
    return _fetched(targets, work)


blocking_way = strategy_function("blocking", "python", lambda: partial(_fetch, way("blocking")))
process_way = strategy_function("process", "python", lambda: partial(_fetch, way("process")))
thread_way = strategy_function("thread", "python", lambda: partial(_fetch, way("thread")))
nonblocking_way = strategy_function("nonblocking", "python", lambda: partial(_fetch, way("nonblocking")))
callback_way = strategy_function("callback", "python", lambda: partial(_fetch, way("callback")))
generator_way = strategy_function("generator", "python", lambda: partial(_fetch, way("generator")))
yield_from_way = strategy_function("yield_from", "python", lambda: partial(_fetch, way("yield_from")))
asyncio_way = async_strategy_function("asyncio", "python", lambda: partial(_fetch_asyncio, way("asyncio")))


def __getattr__(name: str) -> Any:
    if name != "Crawler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .crawling import crawler  # here, since few need it

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
    return async_strategy_function(key, "python", lambda: partial(_fetch_beside, way(key)))
