"""What happened when in a batch: each exchange's times, its phases, and its place among the others."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

__all__ = ["Exchange", "Phase", "Timeline", "lanes", "phases"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange: the one record of it, for waterfalls, traces, archives and sentences.

    Its times are seconds from the batch's beginning, on the client's clock. ``LogRecord`` is the server's own view.

    Attributes:
        url: the URL.
        intended: when it should have started; from there to ``start`` it waited inside the strategy.
        start: when the client began it, before the connection was made.
        end: when the client had its outcome.
        accepted: when the server had accepted the connection, or None if that is unknown.
        asked: when the server had the whole head of the request, or None.
        first_byte: just before the server sent the reply's first byte, or None.
        last_byte: just after the server sent the reply's last byte, or None.
        closed: when the server's end of the connection was closed, or None.
        status: the reply's status, or None if there was no reply.
        size: bytes of the reply's body, or None.
        error: what went wrong, or None.
        request: the index of the URL among those of the batch.
    """

    url: str
    intended: float
    start: float
    end: float
    accepted: float | None = None
    asked: float | None = None
    first_byte: float | None = None
    last_byte: float | None = None
    closed: float | None = None
    status: int | None = None
    size: int | None = None
    error: str | None = None
    request: int = 0

    @property
    def queued(self) -> float:
        """The seconds that it waited inside the strategy, from the intended start to the start."""
        return self.start - self.intended

    @property
    def service(self) -> float:
        """The service time: seconds from the start to the end."""
        return self.end - self.start

    @property
    def response(self) -> float:
        """The response time: seconds from the intended start to the end."""
        return self.end - self.intended


@dataclass(frozen=True, slots=True)
class Timeline:
    """One batch.

    Attributes:
        name: what it is called, such as ``"python/thread"``.
        exchanges: its exchanges, in any order.
        began: the date and time of its beginning, with a time zone.

    Raises:
        ValueError: ``began`` has no time zone.
    """

    name: str
    exchanges: Sequence[Exchange]
    began: datetime

    def __post_init__(self) -> None:
        if self.began.utcoffset() is None:
            raise ValueError(f"{self.name} began at {self.began}, which has no time zone")


PhaseName = Literal["connect", "send", "wait", "receive"]

_NEXT: dict[PhaseName, PhaseName] = {"connect": "send", "send": "wait", "wait": "receive"}


class Phase(NamedTuple):
    """A part of an exchange, in seconds from the batch's beginning."""

    name: PhaseName
    start: float
    end: float


def phases(exchange: Exchange) -> list[Phase]:
    """Return the parts from the exchange's start to its end, without gaps; none where the server's times are unknown.

    The last one lasts until the client had its outcome, be it a failure. A phase whose end is unknown counts to the one
    behind it; one that took no time is left out, such as ``connect`` on a connection that was there before.
    """
    times: dict[PhaseName, float | None] = {
        "connect": exchange.accepted,
        "send": exchange.asked,
        "wait": exchange.first_byte,
    }
    ends = [(name, time) for name, time in times.items() if time is not None]
    if not ends:
        return []
    last, _ = ends[-1]
    parts = []
    start = exchange.start
    for name, time in [*ends, (_NEXT[last], exchange.end)]:
        # Clocks may differ by a little, and a server may go on after its client gave up.
        end = min(max(start, time), exchange.end)
        if end > start:
            parts.append(Phase(name, start, end))
        start = end
    return parts


def lanes(exchanges: Iterable[Exchange]) -> list[int]:
    """Return each exchange's lane, from 0: the lowest that is free from its start to its end.

    The exchanges of one lane do not overlap, and there are as many lanes as exchanges that were under way at once.
    """
    spans = [(exchange.start, exchange.end) for exchange in exchanges]
    numbers = [0] * len(spans)
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    for place in sorted(range(len(spans)), key=lambda place: spans[place][0]):
        start, end = spans[place]
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        # where none is free, all lanes so far are busy
        numbers[place] = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (end, numbers[place]))
    return numbers
