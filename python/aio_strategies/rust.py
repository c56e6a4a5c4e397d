"""The native strategies: ``aio.rust.<key>_way``. Same names, arguments, results and exceptions as ``aio.python``.

``uring_way`` has no Python version.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from . import _native
from .background import until_done
from .helper import PROGRAM
from .native_values import response, terms_tuple
from .results import LazyResponses, Response
from .strategy_function import AsyncStrategyFunction, Fetched, Targets, async_strategy_function, strategy_function
from .terms import Terms

__all__ = [
    "asyncio_way",
    "blocking_way",
    "callback_way",
    "generator_way",
    "nonblocking_way",
    "process_way",
    "thread_way",
    "uring_way",
    "yield_from_way",
]


def _fetched(targets: _native.Targets, outcomes: _native.Outcomes) -> Fetched:
    def make(index: int) -> Response:
        url = targets.url(index)
        return response(url, outcomes.take(index, url))

    return Fetched(LazyResponses(len(targets), make, outcomes.failed), outcomes.shortage)


def _native_targets(targets: Targets) -> _native.Targets:
    return targets if isinstance(targets, _native.Targets) else _native.Targets(targets)


def _fetch(key: str, targets: Targets, concurrency: int, terms: Terms) -> Fetched:
    targets = _native_targets(targets)
    return _fetched(targets, _native.run(key, targets, concurrency, terms_tuple(terms, targets.is_secure), PROGRAM))


async def _fetch_beside(key: str, targets: Targets, concurrency: int, terms: Terms) -> Fetched:
    targets = _native_targets(targets)
    running = _native.Background(key, targets, concurrency, terms_tuple(terms, targets.is_secure), PROGRAM)
    await until_done(running)
    return _fetched(targets, running.outcomes())


blocking_way = strategy_function("blocking", "rust", lambda: partial(_fetch, "blocking"))
process_way = strategy_function("process", "rust", lambda: partial(_fetch, "process"))
thread_way = strategy_function("thread", "rust", lambda: partial(_fetch, "thread"))
nonblocking_way = strategy_function("nonblocking", "rust", lambda: partial(_fetch, "nonblocking"))
callback_way = strategy_function("callback", "rust", lambda: partial(_fetch, "callback"))
generator_way = strategy_function("generator", "rust", lambda: partial(_fetch, "generator"))
yield_from_way = strategy_function("yield_from", "rust", lambda: partial(_fetch, "yield_from"))
asyncio_way = async_strategy_function("asyncio", "rust", lambda: partial(_fetch_beside, "asyncio"))
uring_way = strategy_function("uring", "rust", lambda: partial(_fetch, "uring"))

#: For who waits for it anyhow: it needs no event loop of Python's, and no thread beside that.
asyncio_here = strategy_function("asyncio", "rust", lambda: partial(_fetch, "asyncio"))


def __getattr__(name: str) -> Any:
    if name != "Crawler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .crawling.rust_crawler import Crawler  # here, since few need it

    Crawler.__module__ = __name__
    globals()[name] = Crawler
    return Crawler


def beside(key: str) -> AsyncStrategyFunction:
    """Return the strategy as a coroutine function, whose calls run alongside the event loop's other tasks."""
    return async_strategy_function(key, "rust", lambda: partial(_fetch_beside, key))
