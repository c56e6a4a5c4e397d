"""The chart of latencies, in ms: which share of the exchanges took no longer than a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from .colours import GREY, colour_of
from .marks import Axis, Chart, Key, Layer, Legend, Line, Panel, Point, Points, Tick
from .scale import Scale, figure, spanning
from .tables import Column, Table

__all__ = ["Latencies", "latency_chart", "shares_of"]

#: The approximate length of the time axis, in pixels.
_LENGTH = 440
#: How many points a curve has.
_POINTS = 120
#: The shares that may be marked on an axis, the most important first.
_MARKED = (0.0, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.5, 0.75, 0.95)
#: The least distance between two of them, in pixels.
_APART = 17
_RESPONSE_DASHES = (4.0, 3.0)


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long the exchanges of an arm took, in seconds.

    Attributes:
        arm: its full name, for places that do not show the group.
        group: what the arm shares with its neighbours, such as the strategy.
        name: its own name within the group, or ``""`` if it is alone.
        kind: chooses its colour: ``"python"``, ``"rust"`` or anything else.
        time: what was measured, ``"service"`` or ``"response"``.
        count: the number of exchanges.
        curve: shares of the exchanges, as ``shares_of`` returns them, each with the time that none of them exceeded.
        told: the times of a few percentiles to be marked, by share.
    """

    arm: str
    group: str
    name: str
    kind: str
    time: str
    count: int
    curve: Sequence[tuple[float, float]]
    told: Mapping[float, float]


def shares_of(count: int, beyond: int) -> list[float]:
    """Return the shares from 0 to the last one with this many of the exchanges beyond it, closer to each other towards
    the tail.
    """
    last = math.log10(count / beyond)
    return [1 - 10 ** (-last * place / (_POINTS - 1)) for place in range(_POINTS)]


def latency_chart(latencies: Sequence[Latencies], title: str, subtitle: str = "", notes: Sequence[str] = ()) -> Chart:
    """Describe the distribution of each arm's times, with a panel for each group.

    The vertical axis is that of percentiles: 90 %, 99 % and 99.9 % are equally far apart, as the tail is what matters.
    """
    times = [time for one in latencies for _, time in one.curve] or [0.0]
    # of a distribution, the range is enough
    scale = spanning([1000 * time for time in times], close=5)
    x = Axis(scale, scale.titled("latency, ms"), [Tick(*tick) for tick in scale.ticks(_LENGTH)])
    deepest = max((share for one in latencies for share, _ in one.curve), default=0.5)
    groups = [list(found) for _, found in groupby(latencies, lambda one: one.group)]
    height = {1: 300.0, 2: 200.0, 3: 150.0, 4: 130.0}.get(len(groups), 90.0)
    y = Axis(Scale(0, _depth(deepest)), "percentile", _share_ticks(deepest, height))
    panels = [_panel(found, y, height) for found in groups]
    kinds = dict.fromkeys((one.kind or "your code", one.time) for one in latencies if one.name)
    with_response = any(one.time == "response" for one in latencies)
    keys = [
        Key(f"{kind}, {time}" if with_response else kind, colour_of(kind), "line", dashes=_dashes(time))
        for kind, time in kinds
    ]
    how = ["service: from an exchange's start to its end; response: from when it was due"] if with_response else []
    shared = f"percentile of each, from 0 to {_percent(deepest)}"
    return Chart(title, subtitle, [*how, *notes], x, panels, [Legend(keys)], _sketch(latencies), shared)


def _panel(latencies: Sequence[Latencies], y: Axis, height: float) -> Panel:
    """Return the panel of a group."""
    layers: list[Layer] = []
    for one in latencies:
        label, colour = f"{one.arm}, {one.time}", colour_of(one.kind)
        points = [Point(1000 * time, _depth(share)) for share, time in one.curve]
        layers.append(Line("latency", label, colour, points, _dashes(one.time)))
        marked = [Point(1000 * time, _depth(share)) for share, time in one.told.items()]
        tips = [f"{_percentile(share)}: {1000 * time:,.3f} ms" for share, time in one.told.items()]
        layers.append(Points("percentile", label, colour, marked, radius=3.5, tips=tips))
    group, kinds = latencies[0].group, {one.kind for one in latencies}
    colour = colour_of(kinds.pop()) if len(kinds) == 1 else GREY
    return Panel(y, layers, height, group, _facts(latencies), group, colour)


def _facts(latencies: Sequence[Latencies]) -> str:
    """Return the highest percentile that all have, of the response times if there are any."""
    time = latencies[-1].time
    last = [one for one in latencies if one.time == time]
    common = set.intersection(*(set(one.told) for one in last))
    if not common:
        return ""
    share = max(common)
    told = ", ".join(f"{one.name} {figure(1000 * one.told[share])}".strip() for one in last)
    return f"{'response ' * (time == 'response')}{_percentile(share)} {told} ms"


def _depth(share: float) -> float:
    """Return where a share stands on an axis of percentiles: 0 at 0, 1 at 90 %, 2 at 99 %, 3 at 99.9 %."""
    return -math.log10(1 - share)


def _share_ticks(deepest: float, height: float) -> list[Tick]:
    """Return as many shares as there is room for."""
    least = _APART / height * _depth(deepest)
    ticks: list[Tick] = []
    for share in _MARKED:
        depth = _depth(share)
        if share <= deepest + 1e-9 and all(abs(depth - tick.value) >= least for tick in ticks):
            ticks.append(Tick(depth, _percent(share)))
    return sorted(ticks)


def _percent(share: float) -> str:
    return f"{100 * share:.6g} %" if share else "0"


def _percentile(share: float) -> str:
    return f"p{100 * share:g}"


def _dashes(time: str) -> tuple[float, ...]:
    return _RESPONSE_DASHES if time == "response" else ()


def _sketch(latencies: Sequence[Latencies]) -> str:
    shares = sorted({share for one in latencies for share in one.told})
    columns = [Column("arm"), Column("time"), Column("exchanges", right=True)]
    columns += [Column(f"{_percentile(share)}, ms", right=True) for share in shares]
    rows = []
    for one in latencies:
        times = [figure(1000 * one.told[share]) if share in one.told else "–" for share in shares]
        rows.append((one.arm, one.time, f"{one.count:,}", *times))
    return Table(tuple(columns), tuple(rows)).to_text()
