"""What the charts over time share: their axes, and curves of counts that go up and down in steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from .batch import thinned
from .marks import Axis, Layer, Line, Panel, Point, Ribbon, Tick
from .scale import Scale, TimeUnit, from_zero

__all__ = ["COLUMNS", "area", "count_axis", "sketch", "stairs", "time_axis"]

#: How many points in time can be told apart.
COLUMNS = 200
#: The approximate length of the time axis, in pixels.
_LENGTH = 450


def time_axis(latest: float, unit: TimeUnit, what: str) -> Axis:
    """Return the axis of the time since something began, up to this many seconds."""
    scale = from_zero(unit.per_second * latest)
    ticks = [Tick(*tick) for tick in scale.ticks(_LENGTH)]
    return Axis(scale, f"time since the {what} began, {unit.name}", ticks)


def count_axis(highest: float, title: str = "") -> Axis:
    """Return the axis of a count, of which only the ends are marked."""
    highest = highest or 1
    return Axis(Scale(0, highest), title, [Tick(0, "0"), Tick(highest, f"{highest:,.0f}")])


def stairs(steps: Sequence[tuple[float, int]], x: Axis, unit: TimeUnit, first: int = 0) -> list[Point]:
    """Return the corners of a count that changes in these steps, at seconds: along each step, then up or down."""
    thin = [(0.0, first), *thinned(steps, x.scale.high / unit.per_second, COLUMNS)]
    turns = [(time, count) for (_, before), (time, after) in pairwise(thin) for count in (before, after)]
    return [Point(unit.per_second * time, count) for time, count in turns or thin]


def area(name: str, label: str, colour: str, corners: Sequence[Point]) -> list[Layer]:
    """Return a line, and the area under it."""
    edges = [(corner.x, 0, corner.y) for corner in corners]
    return [Ribbon("area", label, colour, edges), Line(name, label, colour, corners)]


def sketch(panels: Sequence[Panel]) -> str:
    """Return the facts of the panels as lines of plain text."""
    return "\n".join(f"{panel.title}: {panel.facts}" for panel in panels)
