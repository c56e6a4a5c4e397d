"""The charts, as pictures of plain values: they know nothing of where these come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import gt

from .axis import Axis, from_zero, label, logarithmic, spanning, spread, time_unit
from .colours import GREY, colour_of
from .density import SHADES, Shading, failures, is_dense, mapped, queues
from .picture import Picture
from .svg import Drawing, fitted, number, polyline, text_width, wrapped
from .text import pad
from .timeline import Phase

__all__ = [
    "COLOURS",
    "Curve",
    "Dot",
    "Panel",
    "broken",
    "curve_times",
    "curve_values",
    "dot_times",
    "dots_picture",
    "facts",
    "in_flight",
    "in_flight_picture",
    "kinds",
    "longest_of",
    "parts",
    "peak",
    "scaling_picture",
    "thinned",
    "waterfall_picture",
]

#: What a part of a waterfall's bar is called. Apart for the colour-blind; the wait is pale since it is most of the
#: picture.
COLOURS = {
    "queued": "#c4c4c0",
    "connect": "#0b8f6b",
    "send": "#c65b9a",
    "wait": "#9fbfd9",
    "receive": "#c8500a",
    "in flight": "#7f93a8",
    "failed": "#a80a2e",
}

# A telephone shows it at two thirds of its size, where letters of 13 pixels can still be read.
_WIDTH = 540.0
_MARGIN = 14.0
_SMALL = 13.0
_LINE = 17.0
#: Left of an axis's labels, for its title.
_GUTTER = 18.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A measured time with its 95 % interval, in seconds.

    Attributes:
        group: what it has in common with its neighbours, such as its strategy.
        name: its own name within the group, or ``""`` where it is alone.
        kind: which colour it has: ``"python"``, ``"rust"`` or anything else.
        value: the time.
        low: the interval's beginning, not finite if there is no interval.
        high: its end.
        projected: whether it was not measured in full.
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
        """What it is called where its group does not stand beside it."""
        return f"{self.name}/{self.group}" if self.name else self.group

    @property
    def has_interval(self) -> bool:
        """Whether there were runs enough for an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass(frozen=True, slots=True)
class Panel:
    """The exchanges of one batch, in the order of the requests; times are in seconds from its beginning.

    Attributes:
        name: what it is called, such as ``"python/thread"``.
        kind: which colour it has: ``"python"``, ``"rust"`` or anything else.
        starts: when each exchange began.
        ends: when it ended.
        intended: when it should have begun.
        phases: the phases of each, none where they are unknown; may be left out of more than ``MOST_BARS`` exchanges.
        failed: the places of the exchanges that failed.
    """

    name: str
    kind: str
    starts: Sequence[float]
    ends: Sequence[float]
    intended: Sequence[float]
    phases: Sequence[Sequence[Phase]] = ()
    failed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Curve:
    """A time over a parameter, in seconds.

    Attributes:
        name: what it is called.
        kind: which colour it has: ``"python"``, ``"rust"``, ``"line"`` for one to compare with, or anything else.
        shape: the number of its markers' corners, negative if they stand on one; 0 for dots.
        points: the parameter, the time, and its interval, whose ends are not finite if there is none.
        projected: the values of the parameter whose time was not measured in full.
    """

    name: str
    kind: str
    shape: int
    points: Sequence[tuple[float, float, float, float]]
    projected: frozenset[float] = field(default_factory=frozenset)


# --- times with their intervals


def dots_picture(
    dots: Sequence[Dot], lines: Sequence[tuple[str, float]], title: str, subtitle: str = "", notes: Sequence[str] = ()
) -> Picture:
    """Draw a line for each time, below each other, with vertical lines to compare with.

    Args:
        dots: the times, those of a group next to each other.
        lines: name and seconds of each vertical line.
        title: what it shows.
        subtitle: under which conditions.
        notes: what else is to be known.
    """
    drawing = Drawing(_WIDTH)
    row, gap = 22.0, 7.0
    groups = [fitted(dot.group, 14, 150 if dot.name else 210) for dot in dots]
    group_width = max((text_width(group, 14) for group in groups), default=0)
    name_width = max((text_width(dot.name, 14) for dot in dots), default=0)
    left = _MARGIN + group_width + (10 + name_width if name_width else 0) + 12
    times = dot_times(dots, lines)
    scale, unit = time_unit(max(times))
    told = [_median(dot, scale) for dot in dots]
    right = _WIDTH - _MARGIN - max([text_width(text, _SMALL) for text in told] + [40]) - 12
    axis = spanning([scale * time for time in times], left, right)

    top = _heading(drawing, title, subtitle)
    labels = [f"{name} {_figure(scale * time)} {unit}" for name, time in lines]
    label_rows = _label_rows(axis, [scale * time for _, time in lines], labels)
    first = top + _LINE * (max(label_rows, default=0) + 1) + 8
    places = []
    y = first
    for above, dot in zip([None, *dots], dots):  # noqa: B905 (the last has none below)
        y += gap if above is not None and above.group != dot.group else 0
        places.append(y + row / 2)
        y += row
    bottom = y + 4
    _ticks(drawing, axis, first - 4, bottom)
    for (name, time), text, label_row in zip(lines, labels, label_rows, strict=True):
        x, y = axis.at(scale * time), top + _LINE * label_row + 10
        # below all labels, so that it crosses none
        drawing.line(x, first - 10, x, bottom, Drawing.faint_ink, width=1.5, dashes=broken(name))
        drawing.text(_kept(x, text, _MARGIN, right), y, text, size=_SMALL, anchor="middle", faint=True)
    drawing.text(_WIDTH - _MARGIN, first - 15, f"in {unit}", size=_SMALL, anchor="end", faint=True)
    above_group = None
    for dot, group, text, y in zip(dots, groups, told, places, strict=True):
        colour = colour_of(dot.kind)
        if group != above_group:
            drawing.text(_MARGIN, y + 5, group, bold=True)
        above_group = group
        drawing.text(_MARGIN + group_width + 10, y + 5, dot.name)
        drawing.line(left, y, right, y, Drawing.rule, width=0.5)
        if dot.has_interval:
            low, high = axis.at(scale * dot.low), axis.at(scale * dot.high)
            drawing.line(low, y, high, y, colour, width=3)
            for end in (low, high):
                drawing.line(end, y - 5, end, y + 5, colour, width=1.5)
        drawing.marker(axis.at(scale * dot.value), y, colour, hollow=dot.projected)
        drawing.text(_WIDTH - _MARGIN, y + 5, text, size=_SMALL, anchor="end")
    _across(drawing, axis, bottom, axis.titled(f"wall time, {unit}"))
    legend = ["dot: median; bar: its 95 % interval"] if any(dot.has_interval for dot in dots) else ["dot: median"]
    if not all(dot.has_interval for dot in dots):
        legend.append("without a bar: fewer than 6 runs")
    if any(dot.projected for dot in dots):
        legend.append("hollow: projected from fewer requests")
    height = _footnotes(drawing, bottom + 42, ["; ".join(legend), *notes])
    return Picture(drawing.to_svg(height, title), title, _dots_sketch(dots, axis, scale, unit))


def dot_times(dots: Sequence[Dot], lines: Sequence[tuple[str, float]]) -> list[float]:
    """Return all times that a chart of them has to have room for, in seconds; at least one."""
    ends = [time for dot in dots for time in (dot.value, *((dot.low, dot.high) if dot.has_interval else ()))]
    return [*ends, *(time for _, time in lines)] or [0.0]


def broken(name: str) -> str:
    """Return how the line of a name to compare with is broken, in pixels drawn and left out: dots for the ideal."""
    return "1.5 3" if name.startswith("ideal") else "6 4"


def _median(dot: Dot, scale: float) -> str:
    return f"{'≈' if dot.projected else ''}{_figure(scale * dot.value)}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _label_rows(axis: Axis, values: Sequence[float], labels: Sequence[str]) -> list[int]:
    """Return which row above the chart each label stands in, so that none meets another."""
    rows: list[int] = []
    for place, text in enumerate(labels):
        half = text_width(text, _SMALL) / 2 + 4
        x = _kept(axis.at(values[place]), text, _MARGIN, axis.end)
        row = 0
        for other in range(place):
            reach = half + text_width(labels[other], _SMALL) / 2
            if abs(_kept(axis.at(values[other]), labels[other], _MARGIN, axis.end) - x) < reach:
                row = max(row, rows[other] + 1)
        rows.append(row)
    return rows


def _kept(x: float, text: str, left: float, right: float) -> float:
    """Return the middle of a label for x that lies between both sides."""
    half = text_width(text, _SMALL) / 2
    return min(max(x, left + half), right - half)


def _dots_sketch(dots: Sequence[Dot], axis: Axis, scale: float, unit: str) -> str:
    columns = 40
    names = [dot.arm for dot in dots]
    longest = max(map(len, names), default=0)
    lines = []
    for name, dot in zip(names, dots, strict=True):
        place = round((axis.at(scale * dot.value) - axis.start) / (axis.end - axis.start) * (columns - 1))
        track = "·" * place + ("○" if dot.projected else "●") + "·" * (columns - 1 - place)
        interval = f" [{_figure(scale * dot.low)}, {_figure(scale * dot.high)}]" if dot.has_interval else ""
        lines.append(f"{pad(name, longest)}  {track}  {_median(dot, scale)}{interval} {unit}")
    return "\n".join(lines)


# --- exchanges one by one


def waterfall_picture(panels: Sequence[Panel], title: str, subtitle: str = "", notes: Sequence[str] = ()) -> Picture:
    """Draw each panel's exchanges below each other, all panels on one axis of time."""
    drawing = Drawing(_WIDTH)
    top = _heading(drawing, title, subtitle)
    most = max((len(panel.starts) for panel in panels), default=0)
    axis, unit, scale = _time_axis(panels, most)
    shading, maps = mapped(panels, axis.high / scale, _DENSE_COLUMNS)
    y = _legend(drawing, top, [(name, COLOURS[name]) for name in kinds(panels)])
    if any(maps):
        drawing.text(_MARGIN, y + 12, f"{' '.join(shading.title)}:", size=_SMALL, faint=True)
        y = _legend(drawing, y + _LINE + 2, list(zip(shading.labels, SHADES, strict=True)))
    highest = {1: 300.0, 2: 220.0, 3: 180.0, 4: 150.0}.get(len(panels), 90.0)
    stack = y + 27
    for panel, cells in zip(panels, maps, strict=True):
        count = len(panel.starts)
        rows = len(cells) or count
        pitch = min(11.0, highest / max(rows, 1))
        _panel_title(drawing, panel, y + 20, facts(panel, scale, unit))
        first = y + 27
        bottom = first + pitch * rows
        _ticks(drawing, axis, first, bottom, labels=panel is panels[-1])
        drawing.line(axis.start, bottom, axis.end, bottom, Drawing.rule)
        if bottom - first >= 30 and count > 1:
            drawing.text(axis.start - 6, first + 10, "1", size=_SMALL, anchor="end", faint=True)
            drawing.text(axis.start - 6, bottom, f"{count:,}", size=_SMALL, anchor="end", faint=True)
        if cells:
            _draw_density(drawing, panel, cells, shading, axis, scale, first, pitch)
        else:
            _draw_bars(drawing, panel, axis, scale, first, pitch)
        y = bottom
    _across(drawing, axis, y, f"time since the batch began, {unit}")
    if panels:
        _upwards(drawing, stack, y, "request")
    height = _footnotes(drawing, y + 42, notes)
    sketch = "\n".join(f"{panel.name}: {facts(panel, scale, unit)}" for panel in panels)
    return Picture(drawing.to_svg(height, title), title, sketch)


_DENSE_COLUMNS = 200


def longest_of(panels: Sequence[Panel]) -> float:
    """Return when the last exchange of all ended, in seconds."""
    return max((max(panel.ends, default=0.0) for panel in panels), default=0.0)


def facts(panel: Panel, scale: float, unit: str) -> str:
    """Return how many exchanges there are, how many of them failed, and when the last one ended."""
    count = len(panel.starts)
    told = [f"{count:,} exchange{'s' * (count != 1)}"]
    if panel.failed:
        told.append(f"{len(panel.failed):,} failed")
    if panel.ends:
        told.append(f"{_figure(scale * max(panel.ends))} {unit}")
    return ", ".join(told)


def parts(panel: Panel) -> list[tuple[str, int, float, float]]:
    """Return what the bars of a waterfall are made of: a name in ``COLOURS``, the place of the exchange, a start and an
    end in seconds.
    """
    found: list[tuple[str, int, float, float]] = []
    for place, (start, end, intended) in enumerate(zip(panel.starts, panel.ends, panel.intended, strict=True)):
        if start > intended:
            found.append(("queued", place, intended, start))
        if place in panel.failed or not panel.phases or not panel.phases[place]:
            found.append(("failed" if place in panel.failed else "in flight", place, start, end))
        else:
            found += [(phase.name, place, phase.start, phase.end) for phase in panel.phases[place]]
    return found


def kinds(panels: Sequence[Panel]) -> list[str]:
    """Return which of ``COLOURS`` are in any of the waterfalls, besides the shades of the dense ones."""
    found = {part[0] for panel in panels if not is_dense(panel) for part in parts(panel)}
    for panel in filter(is_dense, panels):
        found |= {"failed"} if panel.failed else set()
        found |= {"queued"} if any(map(gt, panel.starts, panel.intended)) else set()
    return [name for name in COLOURS if name in found]


def _draw_bars(drawing: Drawing, panel: Panel, axis: Axis, scale: float, top: float, pitch: float) -> None:
    """Draw all bars of a colour as one path: a hundred times shorter than a shape for each."""

    def drawn(place: int, start: float, end: float) -> str:
        x = axis.at(scale * start)
        width = max(axis.at(scale * end) - x, 0.01)
        return f"M{number(x)} {number(top + (place + 0.5) * pitch)}h{number(width)}"

    thickness = max(0.72 * pitch, 0.5)
    paths: dict[str, list[str]] = {name: [] for name in COLOURS}
    for name, place, start, end in parts(panel):
        paths[name].append(drawn(place, start, end))
    if queued := paths.pop("queued"):
        drawing.lines("".join(queued), COLOURS["queued"], width=min(1.0, 0.35 * pitch), what="queued")
    # also where its phases are all shorter than a pixel, an exchange is seen
    spans = enumerate(zip(panel.starts, panel.ends, strict=True))
    outlines = "".join(drawn(place, start, end) for place, (start, end) in spans)
    drawing.lines(outlines or "M0 0", COLOURS["in flight"], width=thickness, what="exchanges")
    for name, path in paths.items():
        if path and name != "in flight":
            drawing.lines("".join(path), COLOURS[name], width=thickness, what=name)
    _draw_failures(drawing, panel, axis, scale, top, pitch, 1)


def _draw_failures(
    drawing: Drawing, panel: Panel, axis: Axis, scale: float, top: float, pitch: float, per_row: int
) -> None:
    """Draw a dot where an exchange failed, seen also where its bar is thinner than a pixel or there is none."""
    dots = "".join(
        f"M{number(axis.at(scale * panel.ends[place]))} {number(top + (place // per_row + 0.5) * pitch)}h0.01"
        for place in failures(panel, axis.high / scale, per_row, _DENSE_COLUMNS)
    )
    if dots:
        drawing.lines(dots, Drawing.panel, width=7, dots=True)
        drawing.lines(dots, COLOURS["failed"], width=5, dots=True, what="failures")


def _draw_density(
    drawing: Drawing,
    panel: Panel,
    cells: Sequence[Sequence[float]],
    shading: Shading,
    axis: Axis,
    scale: float,
    top: float,
    pitch: float,
) -> None:
    width = (axis.end - axis.start) / _DENSE_COLUMNS
    by_shade: list[list[str]] = [[] for _ in SHADES]
    queued = []
    for row, (values, (due, start)) in enumerate(zip(cells, queues(panel, shading.per_row), strict=True)):
        y = number(top + (row + 0.5) * pitch)
        if start > due:
            queued.append(f"M{number(axis.at(scale * due))} {y}H{number(axis.at(scale * start))}")
        column = 0
        for shade, same in groupby(values, shading.shade):
            length = len(list(same))
            if shade is not None:
                by_shade[shade].append(f"M{number(axis.start + column * width)} {y}h{number(length * width)}")
            column += length
    if queued:
        drawing.lines("".join(queued), COLOURS["queued"], width=pitch, opacity=0.4, what="queued")
    for colour, path in zip(SHADES, by_shade, strict=True):
        if path:
            drawing.lines("".join(path), colour, width=pitch, what="density")
    _draw_failures(drawing, panel, axis, scale, top, pitch, shading.per_row)


# --- exchanges in flight


def in_flight(starts: Sequence[float], ends: Sequence[float]) -> list[tuple[float, int]]:
    """Return how many exchanges are under way from which time on; one ends before another begins at the same time."""
    changes = [(end, -1) for start, end in zip(starts, ends, strict=True) if end > start]
    changes += [(start, 1) for start, end in zip(starts, ends, strict=True) if end > start]
    changes.sort()
    now = 0
    steps: list[tuple[float, int]] = []
    for time, change in changes:
        now += change
        if steps and steps[-1][0] == time:
            steps[-1] = (time, now)
        else:
            steps.append((time, now))
    return steps


def peak(steps: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """Return when there are most in flight for the first time, and how many."""
    return max(steps, key=lambda step: step[1], default=(0.0, 0))


def thinned(steps: Sequence[tuple[float, int]], longest: float, columns: int) -> list[tuple[float, int]]:
    """Return at most four steps of each of so many columns of time: its first, lowest, highest and last."""
    if len(steps) <= 4 * columns or not longest:
        return list(steps)
    by_column: dict[int, list[tuple[float, int]]] = {}
    for step in steps:
        by_column.setdefault(int(step[0] / longest * columns), []).append(step)
    return [
        step
        for found in by_column.values()
        for step in sorted(
            {found[0], min(found, key=lambda one: one[1]), max(found, key=lambda one: one[1]), found[-1]}
        )
    ]


def in_flight_picture(panels: Sequence[Panel], title: str, subtitle: str = "", notes: Sequence[str] = ()) -> Picture:
    """Draw how many exchanges are in flight over time, all panels on the same two axes."""
    drawing = Drawing(_WIDTH)
    y = _heading(drawing, title, subtitle) - 6
    all_steps = [in_flight(panel.starts, panel.ends) for panel in panels]
    highest = max((peak(steps)[1] for steps in all_steps), default=0)
    axis, unit, scale = _time_axis(panels, highest)
    height = {1: 220.0, 2: 130.0, 3: 100.0, 4: 90.0}.get(len(panels), 52.0)
    stack = y + 30
    lines = []
    for panel, steps in zip(panels, all_steps, strict=True):
        when, most = peak(steps)
        told = f"peak {most:,} at {_figure(scale * when)} {unit}"
        lines.append(f"{panel.name}: {told}")
        _panel_title(drawing, panel, y + 20, told)
        up = Axis(0, max(highest, 1), y + 30 + height, y + 30)
        _ticks(drawing, axis, up.end, up.start, labels=panel is panels[-1])
        for count in {0, highest}:
            drawing.line(axis.start, up.at(count), axis.end, up.at(count), Drawing.rule)
            drawing.text(axis.start - 6, up.at(count) + 4, f"{count:,}", size=_SMALL, anchor="end", faint=True)
        path = [f"M{number(axis.start)} {number(up.start)}"]
        for time, count in thinned(steps, axis.high / scale, int(axis.end - axis.start)):
            path.append(f"H{number(axis.at(scale * time))}V{number(up.at(count))}")
        colour = colour_of(panel.kind)
        drawing.area("".join(path) + "Z", colour, 0.22)
        drawing.lines("".join(path), colour, width=1.5, what="in-flight")
        drawing.marker(axis.at(scale * when), up.at(most), colour, size=3.5)
        y = up.start + 6
    y -= 6
    _across(drawing, axis, y, f"time since the batch began, {unit}")
    if panels:
        _upwards(drawing, stack, y, "exchanges in flight")
    height = _footnotes(drawing, y + 42, notes)
    return Picture(drawing.to_svg(height, title), title, "\n".join(lines))


# --- times over a parameter


def scaling_picture(
    curves: Sequence[Curve], parameter: str, title: str, subtitle: str = "", notes: Sequence[str] = ()
) -> Picture:
    """Draw times over a parameter, both axes logarithmic, with each curve's name beside its end."""
    drawing = Drawing(_WIDTH)
    top = _heading(drawing, title, subtitle) + 6
    names = [fitted(curve.name, _SMALL, 150) for curve in curves]
    values, times = curve_values(curves), curve_times(curves)
    scale, unit = time_unit(max(times))
    bottom = top + max(300.0, 16.0 * len(curves))
    up = logarithmic([scale * time for time in times], bottom, top)
    ticks = up.ticks()
    left = _MARGIN + _GUTTER + max((text_width(text, _SMALL) for _, text in ticks), default=0) + 8
    right = _WIDTH - _MARGIN - max((text_width(name, _SMALL) for name in names), default=0) - 44
    across = logarithmic(values, left, right)
    _ticks(drawing, across, top, bottom, at=values)
    last = math.inf
    for value, text in ticks:
        y = up.at(value)
        drawing.line(left, y, right, y, Drawing.rule)
        if last - y >= 16:
            drawing.text(left - 8, y + 5, text, size=_SMALL, anchor="end", faint=True)
            last = y
    for curve in curves:
        ribbon = [(x, low, high) for x, _, low, high in curve.points if _finite(low, high)]
        if len(ribbon) > 1:
            edge = [(across.at(x), up.at(scale * high)) for x, _, high in ribbon]
            edge += [(across.at(x), up.at(scale * low)) for x, low, _ in reversed(ribbon)]
            drawing.area(polyline(edge) + "Z", _line_colour(curve), 0.2)
    for curve in curves:
        points = [(across.at(x), up.at(scale * time)) for x, time, *_ in curve.points]
        dashes = broken(curve.name) if curve.kind == "line" else ""
        drawing.lines(polyline(points), _line_colour(curve), width=1.6, dashes=dashes, what="curve")
        if curve.kind != "line":
            for point, (x, y) in zip(curve.points, points, strict=True):
                hollow = point[0] in curve.projected
                drawing.marker(x, y, _line_colour(curve), corners=curve.shape, size=4.5, hollow=hollow)
    wanted = [up.at(scale * curve.points[-1][1]) for curve in curves]
    for curve, name, place, y in zip(curves, names, wanted, spread(wanted, 16, top, bottom), strict=True):
        end = across.at(curve.points[-1][0])
        drawing.line(end + 6, place, right + 18, y, _line_colour(curve), width=0.7)
        if curve.kind == "line":
            drawing.line(right + 18, y, right + 32, y, _line_colour(curve), width=1.6, dashes=broken(curve.name))
        else:
            drawing.marker(right + 26, y, _line_colour(curve), corners=curve.shape, size=4.5)
        drawing.text(right + 36, y + 5, name, size=_SMALL)
    _across(drawing, across, bottom, across.titled(parameter))
    _upwards(drawing, top, bottom, up.titled(f"wall time, {unit}"))
    measured = [_finite(*point[2:]) for curve in curves if curve.kind != "line" for point in curve.points]
    legend = ["ribbon: 95 % interval of the median"] if any(measured) else []
    if not all(measured):
        legend.append("without a ribbon: fewer than 6 runs")
    if any(curve.projected for curve in curves):
        legend.append("hollow: projected from fewer requests")
    height = _footnotes(drawing, bottom + 42, ["; ".join(legend), *notes])
    sketch = "\n".join(
        f"{curve.name}: {', '.join(_figure(scale * time) for _, time, *_ in curve.points)} {unit}" for curve in curves
    )
    return Picture(drawing.to_svg(height, title), title, sketch)


def curve_times(curves: Sequence[Curve]) -> list[float]:
    """Return all times that a chart of them has to have room for, in seconds."""
    return [time for curve in curves for _, value, low, high in curve.points for time in (value, *_finite(low, high))]


def curve_values(curves: Sequence[Curve]) -> list[float]:
    """Return the values of the parameter, in order."""
    return sorted({point[0] for curve in curves for point in curve.points})


def _finite(*ends: float) -> tuple[float, ...]:
    return ends if all(0 < end < math.inf for end in ends) else ()


def _line_colour(curve: Curve) -> str:
    return Drawing.faint_ink if curve.kind == "line" else colour_of(curve.kind) if curve.kind else GREY


# --- what all of them have


def _heading(drawing: Drawing, title: str, subtitle: str) -> float:
    """Write title and subtitle, and return where the room below them begins."""
    drawing.text(_MARGIN, 28, fitted(title, 17, _WIDTH - 2 * _MARGIN), size=17, bold=True)
    return _lines(drawing, 31, subtitle) + 12


def _lines(drawing: Drawing, y: float, text: str) -> float:
    """Write a text on lines of their own below y, and return the baseline of the last one."""
    for line in wrapped(text, _SMALL, _WIDTH - 2 * _MARGIN):
        y += _LINE
        drawing.text(_MARGIN, y, line, size=_SMALL, faint=True)
    return y


def _panel_title(drawing: Drawing, panel: Panel, y: float, facts: str) -> None:
    left = _MARGIN + _GUTTER + 16
    right = _WIDTH - _MARGIN
    drawing.rectangle(left - 16, y - 10, 10, 10, colour_of(panel.kind), radius=2)
    drawing.text(left, y, fitted(panel.name, 14, right - left - 10 - text_width(facts, _SMALL)), bold=True)
    drawing.text(right, y, facts, size=_SMALL, anchor="end", faint=True)


def _time_axis(panels: Sequence[Panel], most: int) -> tuple[Axis, str, float]:
    """Return a scale for all panels, right of labels up to a number, its unit, and what to multiply seconds by."""
    longest = longest_of(panels)
    scale, unit = time_unit(longest)
    left = _MARGIN + _GUTTER + text_width(f"{most:,}", _SMALL) + 6
    return from_zero(scale * longest, left, _WIDTH - _MARGIN - 6), unit, scale


def _across(drawing: Drawing, axis: Axis, bottom: float, title: str) -> None:
    """Write the title of a horizontal axis below its labels."""
    drawing.text((axis.start + axis.end) / 2, bottom + 36, title, size=_SMALL, anchor="middle", faint=True)


def _upwards(drawing: Drawing, top: float, bottom: float, title: str) -> None:
    """Write the title of a vertical axis in the gutter; of a short one, it goes on below."""
    middle = max((top + bottom) / 2, top + text_width(title, _SMALL) / 2)
    drawing.text(_MARGIN + 10, middle, title, size=_SMALL, anchor="middle", faint=True, upwards=True)


def _ticks(
    drawing: Drawing, axis: Axis, top: float, bottom: float, *, labels: bool = True, at: Sequence[float] | None = None
) -> None:
    """Draw vertical lines at round values, or at those given, labelled at the bottom where there is room."""
    last = -math.inf
    for value, text in axis.ticks() if at is None else [(value, label(value)) for value in at]:
        x = axis.at(value)
        drawing.line(x, top, x, bottom, Drawing.rule)
        if labels and x - text_width(text, _SMALL) / 2 >= last + 8:
            drawing.text(x, bottom + 17, text, size=_SMALL, anchor="middle", faint=True)
            last = x + text_width(text, _SMALL) / 2


def _legend(drawing: Drawing, y: float, keys: Sequence[tuple[str, str]]) -> float:
    """Write what the colours mean, and return where the room below begins."""
    x = _MARGIN
    for name, colour in keys:
        width = 15 + text_width(name, _SMALL)
        if x + width > _WIDTH - _MARGIN:
            x, y = _MARGIN, y + _LINE
        if name == "failed":
            drawing.marker(x + 5, y + 5, colour)
        else:
            drawing.rectangle(x, y, 10, 10, colour, radius=2)
        drawing.text(x + 15, y + 10, name, size=_SMALL, faint=True)
        x += width + 12
    return y + _LINE if keys else y


def _footnotes(drawing: Drawing, y: float, notes: Sequence[str]) -> float:
    """Write lines of small importance, and return the height of the drawing."""
    for note in notes:
        y = _lines(drawing, y, note)
    return y + 14
