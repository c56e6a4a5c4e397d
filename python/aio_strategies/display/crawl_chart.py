"""The chart of a crawl over time: what came per second, how many URLs waited, and how many were in flight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from .batch import in_flight, peak, running
from .colours import GREY, PARTS
from .marks import Axis, Chart, Key, Layer, Legend, Panel, Ribbon
from .over_time import area, count_axis, sketch, stairs, time_axis
from .scale import TimeUnit, figure, label, round_step, unit_of

__all__ = ["Came", "Fetch", "crawl_chart"]

Came = Literal["page", "redirect", "status 4xx", "status 5xx", "error"]

_COLOURS: dict[Came, str] = {
    "page": PARTS["connect"],
    "redirect": PARTS["wait"],
    "status 4xx": PARTS["handshake"],
    "status 5xx": PARTS["send"],
    "error": PARTS["failed"],
}
#: The most steps of time in which URLs are counted.
_STEPS = 60
#: The heights of the panels, in pixels: what all have, and each host.
_HEIGHT, _HOST_HEIGHT = 110.0, 40.0
#: The most hosts with panels of their own.
_HOSTS = 5


class Fetch(NamedTuple):
    """What came of a URL, as far as the chart shows it; its times are in seconds."""

    kind: Came
    host: str
    found: int  # URLs that were met for the first time
    start: float
    end: float


def crawl_chart(fetches: Sequence[Fetch], subtitle: str = "", unit: TimeUnit | None = None) -> Chart:
    """Describe a crawl of at least one URL: a panel for each count and, of several hosts, for each of the largest."""
    latest = max(fetch.end for fetch in fetches)
    unit = unit or unit_of(latest)
    x = time_axis(latest, unit, "crawl")
    step = round_step(latest / _STEPS or 1.0)
    panels = [_came(fetches, "URLs per second", step, x, unit), _waiting(fetches, x, unit), _open(fetches, x, unit)]
    hosts = Counter(fetch.host for fetch in fetches)
    if len(hosts) > 1:
        largest = [host for host, _ in hosts.most_common(_HOSTS)]
        panels += [_came([f for f in fetches if f.host == host], host, step, x, unit, _HOST_HEIGHT) for host in largest]
    notes = [f"URLs per second are counted in steps of {label(unit.per_second * step)} {unit.name}"]
    if len(hosts) > _HOSTS:
        notes.append(f"the largest {_HOSTS} of {len(hosts):,} hosts have a panel")
    kinds = {fetch.kind for fetch in fetches}
    legend = Legend([Key(kind, colour) for kind, colour in _COLOURS.items() if kind in kinds])
    return Chart("The crawl over time", subtitle, notes, x, panels, [legend], sketch(panels))


def _came(fetches: Sequence[Fetch], title: str, step: float, x: Axis, unit: TimeUnit, height: float = _HEIGHT) -> Panel:
    """Describe how many URLs came per second, those of each kind on top of one another."""
    counts = Counter((int(fetch.end / step), fetch.kind) for fetch in fetches)
    steps = range(max(place for place, _ in counts) + 1)
    below = [0.0] * len(steps)
    layers: list[Layer] = []
    for kind, colour in _COLOURS.items():
        above = [low + counts[place, kind] / step for place, low in zip(steps, below, strict=True)]
        if above != below:
            edges = [
                (min(unit.per_second * step * corner, x.scale.high), low, high)
                for place, low, high in zip(steps, below, above, strict=True)
                for corner in (place, place + 1)
            ]
            layers.append(Ribbon("came", kind, colour, edges, opacity=0.8))
        below = above
    return _panel(title, f"{len(fetches):,} URLs, at most {max(below):,.0f}/s", max(below), layers, height)


def _waiting(fetches: Sequence[Fetch], x: Axis, unit: TimeUnit) -> Panel:
    """Describe how many URLs were known, but not yet fetched."""
    changes = [(fetch.start, -1) for fetch in fetches] + [(fetch.end, fetch.found) for fetch in fetches if fetch.found]
    steps = running(changes)
    first = -min(0, *(count for _, count in steps))  # the roots, and those of sitemaps and of an earlier crawl
    steps = [(time, count + first) for time, count in steps]
    return _curve("waiting", "URLs waiting", steps, x, unit, first)


def _open(fetches: Sequence[Fetch], x: Axis, unit: TimeUnit) -> Panel:
    steps = in_flight([fetch.start for fetch in fetches], [fetch.end for fetch in fetches])
    return _curve("in-flight", "fetches in flight", steps, x, unit)


def _curve(name: str, title: str, steps: Sequence[tuple[float, int]], x: Axis, unit: TimeUnit, first: int = 0) -> Panel:
    when, most = peak(steps)
    facts = f"at most {most:,}, at {figure(unit.per_second * when)} {unit.name}"
    return _panel(title, facts, most, area(name, title, GREY, stairs(steps, x, unit, first)), _HEIGHT)


def _panel(title: str, facts: str, highest: float, layers: Sequence[Layer], height: float) -> Panel:
    return Panel(count_axis(highest), layers, height, title, facts, title)
