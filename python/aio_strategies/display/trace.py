"""Timelines as Chrome trace JSON, which Perfetto, speedscope and viztracer can open.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from .timeline import Exchange, Timeline, lanes, phases

__all__ = ["to_trace"]

_Event = dict[str, Any]


def to_trace(timelines: Sequence[Timeline]) -> dict[str, Any]:
    """Return the timelines as a trace. Each is a process that begins at 0, with lanes of exchanges as its threads.

    An exchange is a slice from its start to its end; if the server's times are known, its phases are slices inside it.
    The time that it was queued before is in its arguments (``queued_ms``). The counters ``in_flight`` and ``queued``
    show the numbers of exchanges over time.

    Returns:
        what ``json.dumps`` turns into the file's text.
    """
    events: list[_Event] = []
    # Viewers would show a thread with the ID of its process as the main thread.
    threads = count(len(timelines) + 1)
    for process, timeline in enumerate(timelines, 1):
        events += _events(process, timeline, threads)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _events(process: int, timeline: Timeline, threads: Iterator[int]) -> Iterator[_Event]:
    yield _metadata(process, "process_name", name=timeline.name)
    yield _metadata(process, "process_sort_index", sort_index=process)
    numbers = lanes(timeline.exchanges)
    tids = [next(threads) for _ in set(numbers)]
    for number, tid in enumerate(tids):
        # viewers append the thread's number
        yield _metadata(process, "thread_name", tid, name="lane")
        yield _metadata(process, "thread_sort_index", tid, sort_index=number)
    # sorted by start, for readers that do not sort
    for number, exchange in sorted(zip(numbers, timeline.exchanges, strict=True), key=lambda item: item[1].start):
        yield from _slices(process, tids[number], exchange)
    yield from _counter(process, "in_flight", ((exchange.start, exchange.end) for exchange in timeline.exchanges))
    yield from _counter(process, "queued", ((exchange.intended, exchange.start) for exchange in timeline.exchanges))


def _metadata(process: int, what: str, thread: int = 0, **args: str | int) -> _Event:
    return {"ph": "M", "pid": process, "tid": thread, "name": what, "args": args}


def _slices(process: int, thread: int, exchange: Exchange) -> Iterator[_Event]:
    parts = urlsplit(exchange.url)
    name = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    yield {**_slice(process, thread, name, "exchange", exchange.start, exchange.end), "args": _arguments(exchange)}
    for phase in phases(exchange):
        event = _slice(process, thread, phase.name, "phase", phase.start, phase.end)
        if event["dur"]:
            yield event


def _slice(process: int, thread: int, name: str, category: str, start: float, end: float) -> _Event:
    times = {"ts": _us(start), "dur": _us(end) - _us(start)}
    return {"ph": "X", "pid": process, "tid": thread, "name": name, "cat": category, **times}


def _arguments(exchange: Exchange) -> dict[str, Any]:
    times = {
        "intended_ms": exchange.intended,
        "queued_ms": exchange.queued,
        "service_time_ms": exchange.service,
        "response_time_ms": exchange.response,
        "server_last_byte_ms": exchange.last_byte,
        "server_closed_ms": exchange.closed,
    }
    arguments = {
        "url": exchange.url,
        **{name: time if time is None else round(1000 * time, 3) for name, time in times.items()},
        "status": exchange.status,
        "body_bytes": exchange.size,
        "error": exchange.error,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _counter(process: int, name: str, spans: Iterable[tuple[float, float]]) -> Iterator[_Event]:
    """Yield the number of overlapping spans at each point where it changes."""
    changes: Counter[int] = Counter()
    for start, end in spans:
        changes[_us(start)] += 1
        changes[_us(end)] -= 1
    now = 0
    for time, change in sorted(changes.items()):
        if change:
            now += change
            yield {"ph": "C", "pid": process, "tid": 0, "name": name, "ts": time, "args": {"exchanges": now}}


def _us(seconds: float) -> int:
    # Round the points in time, not the durations between them, so that slices nest exactly.
    return round(1_000_000 * seconds)
