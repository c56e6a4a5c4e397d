"""The native strategies: ``aio.rust.<key>_way``. Same names, arguments, results and exceptions as ``aio.python``."""

from __future__ import annotations

from functools import partial

from . import _native
from .background import until_done
from .helper import PROGRAM
from .results import Response
from .strategy_function import AsyncStrategyFunction, Fetched, async_strategy_function, strategy_function
from .targets import Target
from .terms import Terms
from .trust import native_client

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

_VERSIONS = ("HTTP/1.0", "HTTP/1.1")


def _fetched(targets: list[Target], outcomes: _native._Outcomes) -> Fetched:
    ended, shortage = outcomes
    responses = [
        Response(target.url, start=started, elapsed=elapsed, error=error)
        if error is not None
        else Response(
            target.url,
            status_code=status,
            reason_phrase=reason,
            http_version=_VERSIONS[version],
            headers=headers,
            content=content,
            start=started,
            elapsed=elapsed,
        )
        for target, (status, reason, version, headers, content, started, elapsed, error) in zip(
            targets, ended, strict=True
        )
    ]
    return Fetched(responses, shortage)


def _terms(targets: list[Target], terms: Terms) -> _native._Terms:
    """Return the terms as the native module takes them."""
    is_secure = any(target.tls_host for target in targets)
    return terms.timeout, terms.connect_timeout, terms.options, native_client(terms.verify) if is_secure else None


def _fetch(key: str, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    return _fetched(targets, _native.run(key, targets, concurrency, _terms(targets, terms), PROGRAM))


async def _fetch_beside(key: str, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    running = _native.Background(key, targets, concurrency, _terms(targets, terms), PROGRAM)
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


def beside(key: str) -> AsyncStrategyFunction:
    """Return the strategy as a coroutine function, whose calls run alongside the event loop's other tasks."""
    return async_strategy_function(key, "rust", lambda: partial(_fetch_beside, key))
