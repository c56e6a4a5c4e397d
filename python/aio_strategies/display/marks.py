"""Describes a chart completely: axes, panels, and layers of marks in each panel. Renderers only draw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .scale import Scale

__all__ = [
    "Axis",
    "Bars",
    "Chart",
    "Key",
    "Layer",
    "Legend",
    "Line",
    "Panel",
    "Point",
    "Points",
    "Ribbon",
    "Span",
    "Tick",
]


class Point(NamedTuple):
    """A point in a panel, in the units of its axes."""

    x: float
    y: float


class Span(NamedTuple):
    """A stretch along the horizontal axis, at a value of the vertical one."""

    y: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Layer:
    """Marks of one kind and colour, on top of the layers before them.

    The name goes into an SVG file; the label into tooltips.
    """

    name: str
    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class Bars(Layer):
    """Filled rectangles, each around a span; their thickness is in units of the vertical axis."""

    spans: Sequence[Span]
    thickness: float
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Line(Layer):
    """A line from point to point; ``dashes`` are the pixels drawn and skipped, empty for a solid line."""

    points: Sequence[Point]
    dashes: tuple[float, ...] = ()
    width: float = 1.6


@dataclass(frozen=True, slots=True)
class Ribbon(Layer):
    """An area between two lines: each ``x``, with the ``y`` of the lower and of the upper one."""

    edges: Sequence[tuple[float, float, float]]
    opacity: float = 0.2


@dataclass(frozen=True, slots=True)
class Points(Layer):
    """Markers, whose radius is in pixels.

    ``corners`` is negative if the markers stand on a corner, and 0 for round ones. ``hollow`` has the indexes of those
    that are only outlined; ``tips`` are their tooltips. With ``many``, there may be thousands, all round and filled.
    """

    points: Sequence[Point]
    corners: int = 0
    radius: float = 4.5
    hollow: frozenset[int] = frozenset()
    tips: Sequence[str] = ()
    many: bool = False


class Tick(NamedTuple):
    """A marked value of an axis, and its label.

    The label may have two columns, as in a table; the first is shown only if it differs from that of the previous tick.
    A figure stands at the other end of the tick's line.
    """

    value: float
    label: str
    columns: tuple[str, str] | None = None
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis; ``reverse`` puts the start of a vertical axis at the top, ``grid`` draws a line at each tick."""

    scale: Scale
    title: str = ""
    ticks: Sequence[Tick] = ()
    grid: bool = True
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: its text, and a box, a line or a marker that looks like the marks it names.

    The text may stand elsewhere instead: above a value of the horizontal axis, or to the right of a point.
    """

    label: str
    colour: str
    symbol: Literal["box", "line", "marker"] = "box"
    corners: int = 0
    dashes: tuple[float, ...] = ()
    above: float | None = None
    beside: Point | None = None


@dataclass(frozen=True, slots=True)
class Legend:
    """Keys that belong together; the title may have several lines."""

    keys: Sequence[Key]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of a chart, with its own vertical axis; a single panel has no title.

    The height is in pixels, with letters 13 pixels high. ``brief`` has the title and the essential facts, one per line,
    for use where there is no room for all facts. A box of the colour, if there is one, stands before the title.
    """

    y: Axis
    layers: Sequence[Layer]
    height: float
    title: str = ""
    facts: str = ""
    brief: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A complete chart: its panels stand one below the other, on one horizontal axis.

    The sketch shows the content as lines of plain text; ``shared_title`` is the title of a vertical axis that all
    panels share.
    """

    title: str
    subtitle: str
    notes: Sequence[str]
    x: Axis
    panels: Sequence[Panel]
    legends: Sequence[Legend] = ()
    sketch: str = ""
    shared_title: str = ""

    @property
    def keys(self) -> list[Key]:
        """The entries of all legends."""
        return [key for legend in self.legends for key in legend.keys]

    @property
    def legend_title(self) -> str:
        """The titles of all legends, one per line."""
        return "\n".join(legend.title for legend in self.legends if legend.title)
