"""The native strategies: ``aio.rust.<key>_way``. Same names, arguments, results and exceptions as ``aio.python``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import _native
from .helper import PROGRAM
from .results import Response
from .strategy_function import async_strategy_function, strategy_function
from .targets import Target

if TYPE_CHECKING:
    import asyncio

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


def _responses(targets: list[Target], outcomes: list[_native._Outcome]) -> list[Response]:
    return [
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
            targets, outcomes, strict=True
        )
    ]


def _run(key: str, targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    return _responses(targets, _native.run(key, targets, concurrency, timeout, PROGRAM))


async def _run_asyncio(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    import asyncio  # here, since it takes longer to import than all the rest

    running = _native.Running(targets, concurrency, timeout)
    loop = asyncio.get_running_loop()
    try:
        descriptor = running.fileno()
        done: asyncio.Future[None] = loop.create_future()
        loop.add_reader(descriptor, _set_done, done)
    except (AttributeError, NotImplementedError):  # Windows: no descriptor, or a loop that cannot watch one
        waiting = loop.run_in_executor(None, running.outcomes)
        try:
            return _responses(targets, await asyncio.shield(waiting))
        except asyncio.CancelledError:
            running.cancel()
            raise
    try:
        await done
    except asyncio.CancelledError:
        running.cancel()
        raise
    finally:
        loop.remove_reader(descriptor)
    return _responses(targets, running.outcomes())


def _set_done(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


blocking_way = strategy_function("blocking", "rust", lambda: partial(_run, "blocking"))
process_way = strategy_function("process", "rust", lambda: partial(_run, "process"))
thread_way = strategy_function("thread", "rust", lambda: partial(_run, "thread"))
nonblocking_way = strategy_function("nonblocking", "rust", lambda: partial(_run, "nonblocking"))
callback_way = strategy_function("callback", "rust", lambda: partial(_run, "callback"))
generator_way = strategy_function("generator", "rust", lambda: partial(_run, "generator"))
yield_from_way = strategy_function("yield_from", "rust", lambda: partial(_run, "yield_from"))
asyncio_way = async_strategy_function("asyncio", "rust", lambda: _run_asyncio)
