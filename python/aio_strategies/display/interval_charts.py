"""The charts of measured times with their confidence intervals: as a list, and over a parameter.

The unit of the times may be given; otherwise it suits the values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from .colours import FAINT_INK, colour_of
from .marks import Axis, Chart, Key, Layer, Legend, Line, Panel, Point, Points, Ribbon, Tick
from .scale import Scale, TimeUnit, figure, label, logarithmic, spanning, unit_of
from .text import pad

__all__ = ["Curve", "Dot", "dots_chart", "scaling_chart"]

#: The approximate length of an axis, in pixels.
_LENGTH = 300
#: The height of a row in pixels, and the gap between groups, in rows.
_ROW, _GAP = 22, 0.3


@dataclass(frozen=True, slots=True)
class Dot:
    """A measured time with its 95 % confidence interval, in seconds.

    Attributes:
        group: what it shares with its neighbours, such as the strategy.
        name: its own name within the group, or ``""`` if it is alone.
        kind: chooses its colour: ``"python"``, ``"rust"`` or anything else.
        value: the time.
        low: the lower end of the interval; not finite if there is none.
        high: its upper end.
        projected: whether the time is projected from fewer requests.
    """

    group: str
    name: str
    kind: str
    value: float
    low: float
    high: float
    projected: bool = False

    @property
    def arm(self) -> str:
        """The full name, for places that do not show the group."""
        return f"{self.name}/{self.group}" if self.name else self.group


@dataclass(frozen=True, slots=True)
class Curve:
    """Times over a parameter, in seconds.

    Attributes:
        name: what it is called.
        kind: chooses its colour: ``"python"``, ``"rust"``, ``"line"`` for a reference line, or anything else.
        shape: the number of corners of its markers, negative if they stand on a corner; 0 for dots.
        points: the parameter, the time, and the ends of its interval; they are not finite if there is none.
        projected: the values of the parameter whose time is projected from fewer requests.
    """

    name: str
    kind: str
    shape: int
    points: Sequence[tuple[float, float, float, float]]
    projected: frozenset[float] = field(default_factory=frozenset)


def dots_chart(
    dots: Sequence[Dot],
    lines: Sequence[tuple[str, float]],
    title: str,
    subtitle: str = "",
    notes: Sequence[str] = (),
    unit: TimeUnit | None = None,
    quantity: str = "wall time",
) -> Chart:
    """Describe a row for each time, grouped, with named vertical reference lines (in seconds).

    The quantity says which time it is.
    """
    times = [time for dot in dots for time in (dot.value, *_interval(dot.low, dot.high))]
    times += [time for _, time in lines]
    unit = unit or unit_of(max(times, default=0.0))
    scale = spanning([unit.per_second * time for time in times or [0.0]])
    x = Axis(scale, scale.titled(f"{quantity}, {unit.name}"), [Tick(*tick) for tick in scale.ticks(_LENGTH)])
    told = [f"{'≈' if dot.projected else ''}{figure(unit.per_second * dot.value)}" for dot in dots]
    rows = [place + _GAP * group for place, group in enumerate(_group_numbers(dots))]
    ends = -0.7, max(rows, default=0.0) + 0.7
    ticks = [Tick(row, dot.arm, (dot.group, dot.name), text) for row, dot, text in zip(rows, dots, told, strict=True)]
    layers: list[Layer] = []
    keys = []
    for name, time in lines:
        value, text = unit.per_second * time, f"{name} {figure(unit.per_second * time)} {unit.name}"
        points = [Point(value, end) for end in ends]
        layers.append(Line("rule", text, FAINT_INK, points, _dashes(name)))
        keys.append(Key(text, FAINT_INK, "line", dashes=_dashes(name), above=value))
    intervals = [_interval(unit.per_second * dot.low, unit.per_second * dot.high) for dot in dots]
    for dot, row, interval in zip(dots, rows, intervals, strict=True):
        paint = dot.arm, colour_of(dot.kind)
        value = unit.per_second * dot.value
        if interval:
            layers.append(Line("interval", *paint, [Point(end, row) for end in interval], width=3))
        hollow, tips = frozenset({0} if dot.projected else ()), [_tip(value, interval, unit, dot.projected)]
        points = [Point(value, row)]
        layers.append(Points("dot", *paint, points, radius=5, hollow=hollow, tips=tips))
    panel = Panel(Axis(Scale(*ends), ticks=ticks, reverse=True), layers, _ROW * (ends[1] - ends[0]))
    how = _how_to_read("dot: median", "bar: its 95 % interval", "bar", intervals, any(dot.projected for dot in dots))
    sketch = _dots_sketch(ticks, [scale.share(unit.per_second * dot.value) for dot in dots], intervals, unit)
    return Chart(title, subtitle, [how, *notes], x, [panel], [Legend(keys)], sketch)


def scaling_chart(
    curves: Sequence[Curve],
    parameter: str,
    title: str,
    subtitle: str = "",
    notes: Sequence[str] = (),
    unit: TimeUnit | None = None,
) -> Chart:
    """Describe times over the named parameter, with both axes logarithmic."""
    times = [time for curve in curves for _, value, *ends in curve.points for time in (value, *_interval(*ends))]
    unit = unit or unit_of(max(times))
    values = sorted({point[0] for curve in curves for point in curve.points})
    height = max(300.0, 16.0 * len(curves))
    across, up = logarithmic(values), logarithmic([unit.per_second * time for time in times])
    x = Axis(across, across.titled(parameter), [Tick(value, label(value)) for value in values])
    y = Axis(up, up.titled(f"wall time, {unit.name}"), [Tick(*tick) for tick in up.ticks(height, upwards=True)])
    ribbons: list[Layer] = []
    layers: list[Layer] = []
    keys = []
    measured = []
    for curve in curves:
        is_rule = curve.kind == "line"
        paint = curve.name, FAINT_INK if is_rule else colour_of(curve.kind)
        dashes = _dashes(curve.name) if is_rule else ()
        points = [Point(value, unit.per_second * time) for value, time, *_ in curve.points]
        layers.append(Line("curve", *paint, points, dashes))
        keys.append(Key(*paint, "line" if is_rule else "marker", curve.shape, dashes, beside=points[-1]))
        if is_rule:
            continue
        intervals = [_interval(*(unit.per_second * end for end in ends)) for _, _, *ends in curve.points]
        measured += intervals
        edges = [(point.x, *ends) for point, ends in zip(points, intervals, strict=True) if ends]
        if len(edges) > 1:
            ribbons.append(Ribbon("ribbon", *paint, edges))
        hollow = frozenset(place for place, point in enumerate(points) if point.x in curve.projected)
        tips = [
            _tip(point.y, ends, unit, place in hollow)
            for place, (point, ends) in enumerate(zip(points, intervals, strict=True))
        ]
        layers.append(Points("time", *paint, points, curve.shape, hollow=hollow, tips=tips))
    projected = any(curve.projected for curve in curves)
    how = _how_to_read("", "ribbon: 95 % interval of the median", "ribbon", measured, projected)
    sketch = "\n".join(
        f"{curve.name}: {', '.join(figure(unit.per_second * time) for _, time, *_ in curve.points)} {unit.name}"
        for curve in curves
    )
    notes = [how, *notes] if how else notes
    return Chart(title, subtitle, notes, x, [Panel(y, [*ribbons, *layers], height)], [Legend(keys)], sketch)


def _group_numbers(dots: Sequence[Dot]) -> list[int]:
    changes = (above.group != dot.group for above, dot in pairwise(dots))
    return list(accumulate(changes, initial=0))[: len(dots)]


def _interval(low: float, high: float) -> tuple[float, float] | tuple[()]:
    """Return the interval; empty if there were too few runs for one."""
    return (low, high) if 0 < low < math.inf and math.isfinite(high) else ()


def _dashes(name: str) -> tuple[float, ...]:
    """Return the dashes of a reference line: dots for the ideal."""
    return (1.5, 3) if name.startswith("ideal") else (6, 4)


def _tip(value: float, interval: Sequence[float], unit: TimeUnit, projected: bool) -> str:
    """Return a marker's tooltip: its time and interval, with more digits than the picture has room for."""
    ends = f" [{', '.join(f'{end:,.3f}' for end in interval)}]" if interval else ""
    return f"{value:,.3f}{ends} {unit.name}{', projected from fewer requests' if projected else ''}"


def _how_to_read(first: str, interval: str, shape: str, intervals: Sequence[Sequence[float]], projected: bool) -> str:
    """Return a note that explains the marks in use."""
    told = [
        first,
        interval if any(intervals) else "",
        "" if all(intervals) else f"without a {shape}: fewer than 6 runs",
        "hollow: projected from fewer requests" if projected else "",
    ]
    return "; ".join(filter(None, told))


def _dots_sketch(
    ticks: Sequence[Tick], shares: Sequence[float], intervals: Sequence[Sequence[float]], unit: TimeUnit
) -> str:
    columns = 40
    longest = max((len(tick.label) for tick in ticks), default=0)
    lines = []
    for tick, share, ends in zip(ticks, shares, intervals, strict=True):
        place = round(share * (columns - 1))
        track = "·" * place + ("○" if tick.figure.startswith("≈") else "●") + "·" * (columns - 1 - place)
        interval = f" [{', '.join(map(figure, ends))}]" if ends else ""
        lines.append(f"{pad(tick.label, longest)}  {track}  {tick.figure}{interval} {unit.name}")
    return "\n".join(lines)
