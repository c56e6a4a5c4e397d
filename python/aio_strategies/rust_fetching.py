"""The Rust strategies in the background, for streams and crawls."""

from __future__ import annotations

from . import _native
from .background import until_readable
from .exceptions import RequestError
from .fetching import Fetching
from .helper import PROGRAM
from .native_values import response, terms_tuple
from .results import Response
from .targets import Target
from .terms import Terms
from .trust import native_client

__all__ = ["open_stream"]


class RustFetching:
    """A strategy on a thread of its own; see ``Fetching``."""

    def __init__(self, key: str, waiters: int, terms: Terms, elsewhere: Terms) -> None:
        self._verify = terms.verify
        self._stream = _native.Stream(key, waiters, terms_tuple(terms, False), terms_tuple(elsewhere, False), PROGRAM)
        self._trusts = False
        self._urls: dict[int, str] = {}
        self._early: list[tuple[int, _native._Outcome]] = []

    def push(self, jobs: list[tuple[int, Target, bool]]) -> None:
        """Hand in tickets, their targets, and whether these are of another origin than the caller's."""
        if not self._trusts and any(target.tls_host for _, target, _ in jobs):
            self._stream.trust(native_client(self._verify))
            self._trusts = True
        self._urls |= {ticket: target.url for ticket, target, _ in jobs}
        self._stream.push(jobs)

    def complete(self) -> None:
        """Say that nothing more will be pushed."""
        self._stream.complete()

    def wait(self, timeout: float | None = None) -> list[tuple[int, Response]]:
        """Wait until responses have arrived, and return them with their tickets.

        None, if the strategy has ended, or so many seconds have passed.
        """
        return self._responses(self._stream.wait(timeout))

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
        """Return why the strategy has ended, once it has and all is taken: the error of what it left undone."""
        return self._stream.ended()

    def shortage(self) -> int | None:
        """Return the system's error number that kept it below the exchanges in flight that it may have."""
        return self._stream.shortage()

    def cancel(self) -> None:
        """End the strategy, and return when it has closed its connections and ended its threads and processes."""
        self._stream.cancel()

    def _responses(self, arrived: list[tuple[int, _native._Outcome]]) -> list[tuple[int, Response]]:
        responses = [(ticket, response(self._urls.pop(ticket), outcome)) for ticket, outcome in arrived]
        for _, one in responses:
            if one.error is not None:
                one.error.url = one.url
        return responses


def open_stream(key: str, waiters: int, terms: Terms, elsewhere: Terms) -> Fetching:
    """Start the strategy on a thread of its own, for a stream."""
    return RustFetching(key, waiters, terms, elsewhere)
