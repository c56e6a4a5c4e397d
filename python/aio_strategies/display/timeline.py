"""What happened when in a batch: each exchange's times, its phases, and its lane among the others."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

__all__ = ["Exchange", "Phase", "Timeline", "lanes", "phases"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange, as used by waterfalls, traces, archives and explanations.

    Its times are in seconds from the start of the batch. With a lab, all of them are the server's; ``LogRecord`` is its
    own record.

    Attributes:
        url: the URL.
        intended: when it should have started; until ``start``, it was queued inside the strategy.
        start: when it began: as ``LogRecord.begun``, or when the client began it, before connecting.
        end: when the last byte was sent, or when the client had the response or the error.
        accepted: when the server had accepted the connection, or None if unknown.
        asked: when the server had received the complete head of the request, or None.
        first_byte: just before the server sent the reply's first byte, or None.
        last_byte: just after the server sent the reply's last byte, or None.
        closed: when the server's end of the connection was closed, or None.
        status: the reply's status, or None if there was no reply.
        size: bytes of the reply's body, or None.
        error: what went wrong, or None.
        request: the index of the URL among those of the batch.
        secured: when the connection's TLS handshake had ended, or None if unknown, or without TLS.
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
    secured: float | None = None

    @property
    def queued(self) -> float:
        """The seconds that it was queued inside the strategy, from the intended start to the start."""
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
        began: the date and time when it began, with a time zone.

    Raises:
        ValueError: ``began`` has no time zone.
    """

    name: str
    exchanges: Sequence[Exchange]
    began: datetime

    def __post_init__(self) -> None:
        if self.began.utcoffset() is None:
            raise ValueError(f"{self.name} began at {self.began}, which has no time zone")


PhaseName = Literal["connect", "handshake", "send", "wait", "receive"]

_NEXT: dict[PhaseName, PhaseName] = {"connect": "send", "handshake": "send", "send": "wait", "wait": "receive"}


class Phase(NamedTuple):
    """A part of an exchange, in seconds from the start of the batch."""

    name: PhaseName
    start: float
    end: float


def phases(exchange: Exchange) -> list[Phase]:
    """Return the phases from the exchange's start to its end, without gaps; empty if the server's times are unknown.

    The last one lasts until the exchange's end. A phase whose end is unknown is merged into the
    next; one that took no time is left out, such as ``connect`` on a connection that was already open.
    """
    times: dict[PhaseName, float | None] = {
        "connect": exchange.accepted,
        "handshake": exchange.secured,
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
        # Clocks may differ slightly, and a server may continue after its client gave up.
        end = min(max(start, time), exchange.end)
        if end > start:
            parts.append(Phase(name, start, end))
        start = end
    return parts


def lanes(exchanges: Iterable[Exchange]) -> list[int]:
    """Return each exchange's lane, from 0: the lowest that is free from its start to its end.

    The exchanges of one lane do not overlap. There are as many lanes as exchanges that were in flight at once.
    """
    spans = [(exchange.start, exchange.end) for exchange in exchanges]
    numbers = [0] * len(spans)
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    for place in sorted(range(len(spans)), key=lambda place: spans[place][0]):
        start, end = spans[place]
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        # if none is free, all lanes so far are busy
        numbers[place] = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (end, numbers[place]))
    return numbers
