"""The native strategies: ``aio.rust.<key>_way``. Same names, arguments, results and exceptions as ``aio.python``.

``uring_way`` has no Python version.
"""

from __future__ import annotations

from functools import partial

from . import _native
from .background import until_done, until_readable
from .exceptions import RequestError
from .helper import PROGRAM
from .response_stream import Fetching
from .results import LazyResponses, Response
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
    "uring_way",
    "yield_from_way",
]

_VERSIONS = ("HTTP/1.0", "HTTP/1.1")


def _fetched(targets: list[Target], outcomes: _native.Outcomes) -> Fetched:
    def make(index: int) -> Response:
        url = targets[index].url
        return _response(url, outcomes.take(index, url))

    return Fetched(LazyResponses(len(targets), make, outcomes.failed), outcomes.shortage)


def _response(url: str, outcome: _native._Outcome) -> Response:
    status, reason, version, headers, content, started, elapsed, error = outcome
    if error is not None:
        return Response(url, start=started, elapsed=elapsed, error=error)
    return Response(
        url,
        status_code=status,
        reason_phrase=reason,
        http_version=_VERSIONS[version],
        headers=headers,
        content=content,
        start=started,
        elapsed=elapsed,
    )


def _terms(terms: Terms, is_secure: bool) -> _native._Terms:
    """Return the terms as the native module takes them."""
    return terms.timeout, terms.connect_timeout, terms.options, native_client(terms.verify) if is_secure else None


def _is_secure(targets: list[Target]) -> bool:
    return any(target.tls_host for target in targets)


def _fetch(key: str, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    return _fetched(targets, _native.run(key, targets, concurrency, _terms(terms, _is_secure(targets)), PROGRAM))


async def _fetch_beside(key: str, targets: list[Target], concurrency: int, terms: Terms) -> Fetched:
    running = _native.Background(key, targets, concurrency, _terms(terms, _is_secure(targets)), PROGRAM)
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


class _Fetching:
    """A stream's strategy; see ``response_stream.Fetching``."""

    def __init__(self, key: str, waiters: int, terms: Terms, elsewhere: Terms) -> None:
        self._verify = terms.verify
        self._stream = _native.Stream(key, waiters, _terms(terms, False), _terms(elsewhere, False), PROGRAM)
        self._trusts = False
        self._urls: dict[int, str] = {}
        self._early: list[tuple[int, _native._Outcome]] = []

    def push(self, jobs: list[tuple[int, Target, bool]]) -> None:
        """Hand in tickets, their targets, and whether a redirect has led there from another host."""
        if not self._trusts and _is_secure([target for _, target, _ in jobs]):
            self._stream.trust(native_client(self._verify))
            self._trusts = True
        self._urls |= {ticket: target.url for ticket, target, _ in jobs}
        self._stream.push(jobs)

    def complete(self) -> None:
        """Say that nothing more will be pushed."""
        self._stream.complete()

    def wait(self) -> list[tuple[int, Response]]:
        """Wait until responses have arrived, and return them with their tickets; none if the strategy has ended."""
        return self._responses(self._stream.wait())

    def take(self) -> list[tuple[int, Response]]:
        """Return the responses that have arrived."""
        early, self._early = self._early, []
        return self._responses([*early, *self._stream.take()])

    async def arrived(self) -> None:
        """Wait beside the event loop until there is something to take, or the strategy has ended."""
        try:
            await until_readable(self._stream)
        except NotImplementedError:
            import asyncio

            self._early += await asyncio.to_thread(self._stream.wait)

    def ended(self) -> RequestError | None:
        """Return why the strategy has ended, if it has: the error of what it left undone."""
        return self._stream.ended()

    def shortage(self) -> int | None:
        """Return the system's error number that kept it below the exchanges in flight that it may have."""
        return self._stream.shortage()

    def cancel(self) -> None:
        """End the strategy, and return when it has closed its connections and ended its threads and processes."""
        self._stream.cancel()

    def _responses(self, arrived: list[tuple[int, _native._Outcome]]) -> list[tuple[int, Response]]:
        responses = [(ticket, _response(self._urls.pop(ticket), outcome)) for ticket, outcome in arrived]
        for _, response in responses:
            if response.error is not None:
                response.error.url = response.url
        return responses


def open_stream(key: str, waiters: int, terms: Terms, elsewhere: Terms) -> Fetching:
    """Start the strategy on a thread of its own, for a stream."""
    return _Fetching(key, waiters, terms, elsewhere)


def beside(key: str) -> AsyncStrategyFunction:
    """Return the strategy as a coroutine function, whose calls run alongside the event loop's other tasks."""
    return async_strategy_function(key, "rust", lambda: partial(_fetch_beside, key))
