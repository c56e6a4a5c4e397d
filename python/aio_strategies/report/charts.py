"""The charts, as pictures of plain values: they know nothing of where these come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from .axis import Axis, from_zero, label, spanning, spread, time_unit
from .colours import GREY, colour_of
from .picture import Picture
from .svg import Drawing, fitted, number, polyline, text_width
from .text import pad
from .timeline import Phase, PhaseName

__all__ = [
    "FAILED",
    "MOST_BARS",
    "PHASES",
    "UNKNOWN",
    "Curve",
    "Dot",
    "Panel",
    "density",
    "dots_picture",
    "in_flight",
    "in_flight_picture",
    "peak",
    "scaling_picture",
    "thinned",
    "waterfall_picture",
]

#: The exchanges that a waterfall shows one by one in a panel; of more, it shows how densely they lie.
MOST_BARS = 500

#: Apart for the colour-blind; the wait is pale since it is most of the picture.
PHASES: dict[PhaseName, str] = {"connect": "#0b8f6b", "send": "#c65b9a", "wait": "#9fbfd9", "receive": "#c8500a"}
UNKNOWN = "#7f93a8"
FAILED = "#c0282d"
_QUEUED = "#c4c4c0"
_DENSE = "#1f6fb0"

_WIDTH = 720.0
_MARGIN = 18.0
_SMALL = 11.0
_TITLE_Y = 26.0


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
    row, gap = 20.0, 7.0
    groups = [fitted(dot.group, 12, 190) for dot in dots]
    group_width = max((text_width(group, 12) for group in groups), default=0)
    name_width = max((text_width(dot.name, 12) for dot in dots), default=0)
    left = _MARGIN + group_width + (10 + name_width if name_width else 0) + 16
    ends = [time for dot in dots for time in (dot.value, *((dot.low, dot.high) if dot.has_interval else ()))]
    ends += [time for _, time in lines]
    scale, unit = time_unit(max(ends, default=0))
    told = [_told(dot, scale) for dot in dots]
    right = _WIDTH - _MARGIN - max([text_width(text, _SMALL) for text in told] + [70]) - 14
    axis = spanning([scale * end for end in ends] or [0.0], left, right)

    top = _heading(drawing, title, subtitle)
    labels = [f"{name} {_figure(scale * time)} {unit}" for name, time in lines]
    label_rows = _label_rows(axis, [scale * time for _, time in lines], labels)
    first = top + 14 * (max(label_rows, default=-1) + 1) + 8
    places = []
    y = first
    for above, dot in zip([None, *dots], dots):  # noqa: B905 (the last has none below)
        y += gap if above is not None and above.group != dot.group else 0
        places.append(y + row / 2)
        y += row
    bottom = y + 4
    _ticks(drawing, axis, first - 4, bottom)
    for (name, time), text, label_row in zip(lines, labels, label_rows, strict=True):
        x = axis.at(scale * time)
        drawing.line(x, top + 14 * label_row + 14, x, bottom, Drawing.faint_ink, width=1.5, dashes=_dashes(name))
        drawing.text(
            _kept(x, text, _MARGIN, right), top + 14 * label_row + 10, text, size=_SMALL, anchor="middle", faint=True
        )
    drawing.text(_WIDTH - _MARGIN, first - 12, f"{unit} [95 %]", size=_SMALL, anchor="end", faint=True)
    above_group = None
    for dot, group, text, y in zip(dots, groups, told, places, strict=True):
        colour = colour_of(dot.kind)
        if group != above_group:
            drawing.text(_MARGIN, y + 4, group, bold=True)
        above_group = group
        drawing.text(_MARGIN + group_width + 10, y + 4, dot.name)
        drawing.line(left, y, right, y, Drawing.rule, width=0.5)
        if dot.has_interval:
            low, high = axis.at(scale * dot.low), axis.at(scale * dot.high)
            drawing.line(low, y, high, y, colour, width=3)
            for end in (low, high):
                drawing.line(end, y - 5, end, y + 5, colour, width=1.5)
        drawing.marker(axis.at(scale * dot.value), y, colour, hollow=dot.projected)
        drawing.text(_WIDTH - _MARGIN, y + 4, text, size=_SMALL, anchor="end")
    how = "logarithmic" if axis.logarithmic else "not from 0" if axis.low > 0 else ""
    drawing.text(
        (left + right) / 2, bottom + 34, f"wall time, {unit}{f' ({how})' if how else ''}", anchor="middle", faint=True
    )
    legend = ["dot: median; bar: its 95 % interval"] if any(dot.has_interval for dot in dots) else ["dot: median"]
    if not all(dot.has_interval for dot in dots):
        legend.append("without a bar: fewer than 6 runs")
    if any(dot.projected for dot in dots):
        legend.append("hollow: projected from fewer requests")
    height = _footnotes(drawing, bottom + 40, ["; ".join(legend), *notes])
    return Picture(drawing.to_svg(height, title), title, _dots_sketch(dots, axis, scale, unit))


def _dashes(name: str) -> str:
    """Return how the line of a name to compare with is broken: dots for the ideal."""
    return "1.5 3" if name.startswith("ideal") else "6 4"


def _told(dot: Dot, scale: float) -> str:
    interval = f" [{_figure(scale * dot.low)}, {_figure(scale * dot.high)}]" if dot.has_interval else ""
    return f"{'≈' if dot.projected else ''}{_figure(scale * dot.value)}{interval}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _label_rows(axis: Axis, values: Sequence[float], labels: Sequence[str]) -> list[int]:
    """Return which row above the chart each label stands in, so that none meets another, nor another's line."""
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
    names = [f"{dot.name}/{dot.group}" if dot.name else dot.group for dot in dots]
    longest = max(map(len, names), default=0)
    lines = []
    for name, dot in zip(names, dots, strict=True):
        place = round((axis.at(scale * dot.value) - axis.start) / (axis.end - axis.start) * (columns - 1))
        track = "·" * place + ("○" if dot.projected else "●") + "·" * (columns - 1 - place)
        lines.append(f"{pad(name, longest)}  {track}  {_told(dot, scale)} {unit}")
    return "\n".join(lines)


# --- exchanges one by one


def waterfall_picture(panels: Sequence[Panel], title: str, subtitle: str = "", notes: Sequence[str] = ()) -> Picture:
    """Draw each panel's exchanges below each other, all panels on one axis of time."""
    drawing = Drawing(_WIDTH)
    top = _heading(drawing, title, subtitle)
    most = max((len(panel.starts) for panel in panels), default=0)
    axis, unit, scale = _time_axis(panels, _MARGIN + max(30.0, text_width(f"{most:,}", _SMALL) + 8))
    keys = [
        *((name, colour) for name, colour in PHASES.items() if any(_has(panel, name) for panel in panels)),
        *([("in flight", UNKNOWN)] if any(not panel.phases and not _is_dense(panel) for panel in panels) else []),
        *([("in flight, the darker the more", _DENSE)] if any(map(_is_dense, panels)) else []),
        *([("failed", FAILED)] if any(panel.failed and not _is_dense(panel) for panel in panels) else []),
        *([("queued in the strategy", _QUEUED)] if any(_queues(panel) for panel in panels) else []),
    ]
    y = _legend(drawing, top, keys)
    height = {1: 300.0, 2: 220.0, 3: 180.0, 4: 150.0}.get(len(panels), 90.0)
    for panel in panels:
        count = len(panel.starts)
        rows = min(count, _DENSE_ROWS) if _is_dense(panel) else count
        pitch = min(11.0, height / max(rows, 1))
        middle = [f"{count:,} exchanges"]
        if panel.ends:
            middle.append(f"{_figure(scale * max(panel.ends))} {unit}")
        _panel_title(drawing, panel, y + 20, ", ".join(middle))
        first = y + 27
        bottom = first + pitch * rows
        _ticks(drawing, axis, first, bottom, labels=panel is panels[-1])
        drawing.line(axis.start, bottom, axis.end, bottom, Drawing.rule)
        if bottom - first >= 26 and count > 1:
            drawing.text(axis.start - 6, first + 9, "1", size=_SMALL, anchor="end", faint=True)
            drawing.text(axis.start - 6, bottom - 1, f"{count:,}", size=_SMALL, anchor="end", faint=True)
        (_draw_density if _is_dense(panel) else _draw_bars)(drawing, panel, axis, scale, first, pitch)
        y = bottom
    drawing.text(
        (axis.start + axis.end) / 2, y + 34, f"time since the batch began, {unit}", anchor="middle", faint=True
    )
    drawing.text(_MARGIN, y + 34, "y: request", size=_SMALL, faint=True)
    height = _footnotes(drawing, y + 40, notes)
    sketch = "\n".join(
        f"{panel.name}: {len(panel.starts):,} exchanges in {_figure(scale * max(panel.ends, default=0))} {unit}"
        for panel in panels
    )
    return Picture(drawing.to_svg(height, title), title, sketch)


_DENSE_ROWS = 45
_DENSE_COLUMNS = 200
_LEVELS = 5
#: A map of more exchanges would look the same.
_MAPPED = 20_000


def _is_dense(panel: Panel) -> bool:
    return len(panel.starts) > MOST_BARS


def _has(panel: Panel, name: PhaseName) -> bool:
    return not _is_dense(panel) and any(phase.name == name for phases in panel.phases for phase in phases)


def _queues(panel: Panel) -> bool:
    return any(start > intended for start, intended in zip(panel.starts, panel.intended, strict=True))


def _draw_bars(drawing: Drawing, panel: Panel, axis: Axis, scale: float, top: float, pitch: float) -> None:
    """Draw all bars of a colour as one path: a hundred times shorter than a shape for each."""
    thickness = max(0.72 * pitch, 0.5)
    queues, failed = [], []
    by_phase: dict[str, list[str]] = {name: [] for name in PHASES}
    outlines = []
    for place, (start, end, intended) in enumerate(zip(panel.starts, panel.ends, panel.intended, strict=True)):
        y = number(top + (place + 0.5) * pitch)

        def bar(start: float, end: float, y: str = y) -> str:
            x = axis.at(scale * start)
            return f"M{number(x)} {y}h{number(max(axis.at(scale * end) - x, 0.01))}"

        if start > intended:
            queues.append(bar(intended, start))
        outlines.append(bar(start, end))
        if place in panel.failed:
            failed.append(bar(start, end))
        elif panel.phases:
            for phase in panel.phases[place]:
                by_phase[phase.name].append(bar(phase.start, phase.end))
    if queues:
        drawing.lines("".join(queues), _QUEUED, width=min(1.0, 0.35 * pitch), what="queued")
    # also where its phases are all shorter than a pixel, an exchange is seen
    drawing.lines("".join(outlines) or "M0 0", UNKNOWN, width=thickness, what="exchanges")
    for name, colour in PHASES.items():
        if by_phase[name]:
            drawing.lines("".join(by_phase[name]), colour, width=thickness, what=name)
    if failed:
        drawing.lines("".join(failed), FAILED, width=thickness, what="failed")


def density(panel: Panel, longest: float, rows: int, columns: int) -> list[list[float]]:
    """Return how many exchanges are in flight on average, by row of requests and column of time, from 0 to ``longest``
    seconds.
    """
    count = len(panel.starts)
    step = max(1, count // _MAPPED)
    # What begins within a column counts to it in part, and to those behind it in whole.
    within = [[0.0] * (columns + 1) for _ in range(rows)]
    onwards = [[0.0] * (columns + 2) for _ in range(rows)]
    for place in range(0, count, step):
        row = place * rows // count
        for time, weight in ((panel.starts[place], step), (panel.ends[place], -step)):
            moment = min(max(time / longest * columns, 0.0), columns) if longest else 0.0
            column = int(moment)
            within[row][column] += weight * (column + 1 - moment)
            onwards[row][column + 1] += weight
    return [
        [part + whole for part, whole in zip(parts[:columns], accumulate(wholes), strict=False)]
        for parts, wholes in zip(within, onwards, strict=True)
    ]


def _draw_density(drawing: Drawing, panel: Panel, axis: Axis, scale: float, top: float, pitch: float) -> None:
    cells = density(panel, axis.high / scale, _DENSE_ROWS, _DENSE_COLUMNS)
    most = max(map(max, cells)) or 1.0
    width = (axis.end - axis.start) / _DENSE_COLUMNS
    levels: list[list[str]] = [[] for _ in range(_LEVELS + 1)]
    queues = []
    count = len(panel.starts)
    for row, values in enumerate(cells):
        y = number(top + (row + 0.5) * pitch)
        middle = (2 * row + 1) * count // (2 * _DENSE_ROWS)
        due, start = axis.at(scale * panel.intended[middle]), axis.at(scale * panel.starts[middle])
        if start > due:
            queues.append(f"M{number(due)} {y}h{number(start - due)}")
        shades = [math.ceil(_LEVELS * math.sqrt(value / most)) if value > 1e-6 * most else 0 for value in values]
        column = 0
        while column < _DENSE_COLUMNS:
            length = 1
            while column + length < _DENSE_COLUMNS and shades[column + length] == shades[column]:
                length += 1
            if shade := min(shades[column], _LEVELS):
                levels[shade].append(f"M{number(axis.start + column * width)} {y}h{number(length * width)}")
            column += length
    if queues:
        drawing.lines("".join(queues), _QUEUED, width=0.6, what="queued")
    for shade, runs in enumerate(levels):
        if runs:
            drawing.lines("".join(runs), _DENSE, width=pitch, opacity=0.2 + 0.8 * shade / _LEVELS, what="density")


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
    axis, unit, scale = _time_axis(panels, _MARGIN + max(30.0, text_width(f"{highest:,}", _SMALL) + 8))
    height = {1: 220.0, 2: 130.0, 3: 100.0, 4: 90.0}.get(len(panels), 52.0)
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
    drawing.text(
        (axis.start + axis.end) / 2, y + 34, f"time since the batch began, {unit}", anchor="middle", faint=True
    )
    drawing.text(_MARGIN, y + 34, "y: exchanges in flight", size=_SMALL, faint=True)
    height = _footnotes(drawing, y + 40, notes)
    return Picture(drawing.to_svg(height, title), title, "\n".join(lines))


# --- times over a parameter


def scaling_picture(
    curves: Sequence[Curve], parameter: str, title: str, subtitle: str = "", notes: Sequence[str] = ()
) -> Picture:
    """Draw times over a parameter, both axes logarithmic, with each curve's name beside its end."""
    drawing = Drawing(_WIDTH)
    top = _heading(drawing, title, subtitle) + 14
    names = [fitted(curve.name, _SMALL, 170) for curve in curves]
    times = [time for curve in curves for _, value, low, high in curve.points for time in (value, *_finite(low, high))]
    values = [point[0] for curve in curves for point in curve.points]
    scale, unit = time_unit(max(times, default=0))
    across = _logarithmic(values, 0, 1)
    up = _logarithmic([scale * time for time in times], 0, 1)
    up_ticks = Axis(up.low, up.high, 0, 1000, up.logarithmic).ticks()
    left = _MARGIN + 18 + max((text_width(text, _SMALL) for _, text in up_ticks), default=0) + 8
    right = _WIDTH - _MARGIN - max((text_width(name, _SMALL) for name in names), default=0) - 44
    bottom = top + max(300.0, 14.0 * len(curves))
    across = Axis(across.low, across.high, left, right, across.logarithmic)
    up = Axis(up.low, up.high, bottom, top, up.logarithmic)
    _ticks(drawing, across, top, bottom, at=sorted(set(values)))
    last = math.inf
    for value, text in up.ticks():
        y = up.at(value)
        drawing.line(left, y, right, y, Drawing.rule)
        if last - y >= 14:
            drawing.text(left - 8, y + 4, text, size=_SMALL, anchor="end", faint=True)
            last = y
    for curve in curves:
        ribbon = [(x, low, high) for x, _, low, high in curve.points if _finite(low, high)]
        if len(ribbon) > 1:
            edge = [(across.at(x), up.at(scale * high)) for x, _, high in ribbon]
            edge += [(across.at(x), up.at(scale * low)) for x, low, _ in reversed(ribbon)]
            drawing.area(polyline(edge) + "Z", _line_colour(curve), 0.2)
    for curve in curves:
        points = [(across.at(x), up.at(scale * time)) for x, time, *_ in curve.points]
        dashes = _dashes(curve.name) if curve.kind == "line" else ""
        drawing.lines(polyline(points), _line_colour(curve), width=1.6, dashes=dashes, what="curve")
        if curve.kind != "line":
            for point, (x, y) in zip(curve.points, points, strict=True):
                hollow = point[0] in curve.projected
                drawing.marker(x, y, _line_colour(curve), corners=curve.shape, size=4.5, hollow=hollow)
    wanted = [up.at(scale * curve.points[-1][1]) for curve in curves]
    for curve, name, place, y in zip(curves, names, wanted, spread(wanted, 14, top, bottom), strict=True):
        end = across.at(curve.points[-1][0])
        drawing.line(end + 6, place, right + 18, y, _line_colour(curve), width=0.7)
        if curve.kind == "line":
            drawing.line(right + 18, y, right + 32, y, _line_colour(curve), width=1.6, dashes=_dashes(curve.name))
        else:
            drawing.marker(right + 26, y, _line_colour(curve), corners=curve.shape, size=4.5)
        drawing.text(right + 36, y + 4, name, size=_SMALL)
    how = "both axes logarithmic" if across.logarithmic and up.logarithmic else "from 0"
    drawing.text((left + right) / 2, bottom + 34, parameter, anchor="middle", faint=True)
    drawing.text(_MARGIN, top - 8, f"wall time, {unit} ({how})", size=_SMALL, faint=True)
    legend = ["ribbon: 95 % interval of the median"]
    if any(curve.projected for curve in curves):
        legend.append("hollow: projected from fewer requests")
    height = _footnotes(drawing, bottom + 40, ["; ".join(legend), *notes])
    sketch = "\n".join(
        f"{curve.name}: {', '.join(_figure(scale * time) for _, time, *_ in curve.points)} {unit}" for curve in curves
    )
    return Picture(drawing.to_svg(height, title), title, sketch)


def _logarithmic(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    if low <= 0:  # such as no latency at all
        return from_zero(high, start, end)
    return Axis(low / 1.12, high * 1.12, start, end, logarithmic=True)


def _finite(*ends: float) -> tuple[float, ...]:
    return ends if all(0 < end < math.inf for end in ends) else ()


def _line_colour(curve: Curve) -> str:
    return Drawing.faint_ink if curve.kind == "line" else colour_of(curve.kind) if curve.kind else GREY


# --- what all of them have


def _heading(drawing: Drawing, title: str, subtitle: str) -> float:
    """Write title and subtitle, and return where the room below them begins."""
    drawing.text(_MARGIN, _TITLE_Y, fitted(title, 15, _WIDTH - 2 * _MARGIN), size=15, bold=True)
    if not subtitle:
        return _TITLE_Y + 12
    drawing.text(_MARGIN, _TITLE_Y + 18, fitted(subtitle, 12, _WIDTH - 2 * _MARGIN), faint=True)
    return _TITLE_Y + 30


def _panel_title(drawing: Drawing, panel: Panel, y: float, facts: str) -> None:
    room = _WIDTH - 2 * _MARGIN - text_width(facts, _SMALL) - 34
    drawing.rectangle(_MARGIN, y - 9, 10, 10, colour_of(panel.kind), radius=2)
    drawing.text(_MARGIN + 16, y, fitted(panel.name, 12.5, room), size=12.5, bold=True)
    drawing.text(_WIDTH - _MARGIN, y, facts, size=_SMALL, anchor="end", faint=True)


def _time_axis(panels: Sequence[Panel], left: float) -> tuple[Axis, str, float]:
    longest = max((max(panel.ends, default=0.0) for panel in panels), default=0.0)
    scale, unit = time_unit(longest)
    return from_zero(scale * longest, left, _WIDTH - _MARGIN - 6), unit, scale


def _ticks(
    drawing: Drawing, axis: Axis, top: float, bottom: float, *, labels: bool = True, at: Sequence[float] | None = None
) -> None:
    """Draw vertical lines at round values, or at those given, labelled at the bottom where there is room."""
    last = -math.inf
    for value, text in axis.ticks() if at is None else [(value, label(value)) for value in at]:
        x = axis.at(value)
        drawing.line(x, top, x, bottom, Drawing.rule)
        if labels and x - text_width(text, _SMALL) / 2 >= last + 8:
            drawing.text(x, bottom + 16, text, size=_SMALL, anchor="middle", faint=True)
            last = x + text_width(text, _SMALL) / 2


def _legend(drawing: Drawing, y: float, keys: Sequence[tuple[str, str]]) -> float:
    x = _MARGIN
    for name, colour in keys:
        drawing.rectangle(x, y, 10, 10, colour, radius=2)
        drawing.text(x + 15, y + 9, name, size=_SMALL, faint=True)
        x += 15 + text_width(name, _SMALL) + 12
    return y + 14


def _footnotes(drawing: Drawing, y: float, notes: Sequence[str]) -> float:
    """Write lines of small importance, and return the height of the drawing."""
    for note in notes:
        y += 16
        drawing.text(_MARGIN, y, fitted(note, _SMALL, _WIDTH - 2 * _MARGIN), size=_SMALL, faint=True)
    return y + 14
