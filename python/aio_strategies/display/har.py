"""Timelines as an HTTP Archive (HAR 1.2), which browsers' developer tools can open.

http://www.softwareishard.com/blog/har-12-spec
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .timeline import Exchange, Timeline, phases

__all__ = ["to_har"]


def to_har(timelines: Iterable[Timeline], *, creator_version: str) -> dict[str, Any]:
    """Return the timelines as an archive: a page for each timeline, an entry for each of its exchanges.

    An entry starts when its exchange should have started; ``blocked`` is how long it was queued inside the strategy. If
    the server's times are unknown, the whole exchange is ``wait``. A failed exchange has the status 0, and its error in
    the response's ``_error``. Headers are not included.

    Args:
        timelines: the timelines.
        creator_version: the version of this package.

    Returns:
        what ``json.dumps`` turns into the file's text.
    """
    pages = []
    entries: list[tuple[datetime, dict[str, Any]]] = []
    for number, timeline in enumerate(timelines, 1):
        pages.append(_page(f"page_{number}", timeline))
        entries += (_entry(f"page_{number}", timeline.began, exchange) for exchange in timeline.exchanges)
    entries.sort(key=lambda entry: entry[0])
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "aio_strategies", "version": creator_version},
            "pages": pages,
            "entries": [entry for _, entry in entries],
        }
    }


def _page(id_: str, timeline: Timeline) -> dict[str, Any]:
    loaded = max((exchange.end for exchange in timeline.exchanges), default=0.0)
    return {
        "startedDateTime": _date(timeline.began),
        "id": id_,
        "title": timeline.name,
        "pageTimings": {"onContentLoad": -1, "onLoad": _ms(loaded)},
    }


def _entry(page: str, began: datetime, exchange: Exchange) -> tuple[datetime, dict[str, Any]]:
    started = began + timedelta(seconds=exchange.intended)
    timings = _timings(exchange)
    entry = {
        "pageref": page,
        "startedDateTime": _date(started),
        # without `ssl`, which counts within `connect`
        "time": round(sum(time for name, time in timings.items() if time > 0 and name != "ssl"), 3),
        "request": {
            "method": "GET",
            "url": exchange.url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "queryString": [
                {"name": name, "value": value}
                for name, value in parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True)
            ],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": _response(exchange),
        "cache": {},
        "timings": timings,
    }
    return started, entry


def _response(exchange: Exchange) -> dict[str, Any]:
    response = {
        "status": exchange.status or 0,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "content": {"size": exchange.size or 0, "mimeType": "x-unknown"},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1 if exchange.size is None else exchange.size,
    }
    if exchange.error is not None:
        response |= {"status": 0, "_error": exchange.error}
    return response


def _timings(exchange: Exchange) -> dict[str, float]:
    """Return how many milliseconds each part took; -1 for a part that does not apply."""
    timings = {
        "blocked": _ms(max(0.0, exchange.queued)),
        "dns": -1,
        "connect": -1,
        "ssl": -1,
        "send": 0,
        "wait": 0,
        "receive": 0,
    }
    parts = phases(exchange)
    took: dict[str, float] = {phase.name: _ms(phase.end - phase.start) for phase in parts}
    if "handshake" in took:
        # HAR counts the handshake as part of connecting, too.
        took["ssl"] = took.pop("handshake")
        took["connect"] = round(took.get("connect", 0) + took["ssl"], 3)
    timings |= took
    if not parts:
        timings["wait"] = _ms(exchange.service)
    return timings


def _date(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)
