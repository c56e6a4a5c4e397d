"""A strategy in the background: it is given URLs, and asked for their responses, while it goes on."""

from __future__ import annotations

from typing import Protocol

from .exceptions import RequestError
from .results import Response
from .targets import Target
from .terms import Terms

__all__ = ["Fetching", "OpenStream"]


class Fetching(Protocol):
    """A strategy that fetches what is pushed, in the background, until it is told that this is complete."""

    def push(self, jobs: list[tuple[int, Target, bool]]) -> None:
        """Hand in tickets, their targets, and whether these are of another origin than the caller's."""

    def complete(self) -> None:
        """Say that nothing more will be pushed."""

    def wait(self, timeout: float | None = None) -> list[tuple[int, Response]]:
        """Wait until responses have arrived, and return them with their tickets.

        None, if the strategy has ended, or so many seconds have passed.
        """

    def take(self) -> list[tuple[int, Response]]:
        """Return the responses that have arrived."""

    async def arrived(self) -> None:
        """Wait beside the event loop until there is something to take, or the strategy has ended."""

    def ended(self) -> RequestError | None:
        """Return why the strategy has ended, once it has and all is taken: the error of what it left undone."""

    def shortage(self) -> int | None:
        """Return the system's error number that kept it below the exchanges in flight that it may have."""

    def cancel(self) -> None:
        """End the strategy, and return when it has closed its connections and ended its threads and processes."""


class OpenStream(Protocol):
    """Starts a strategy for a stream; ``elsewhere`` is for other origins than the caller's."""

    def __call__(self, key: str, waiters: int, terms: Terms, elsewhere: Terms) -> Fetching:
        """Start it, with at most so many exchanges in flight."""
