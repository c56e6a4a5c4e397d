"""What a chart is: axes, panels, and in each panel layers of marks; everything is decided, and renderers only draw."""

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
    """A place in a panel, in values of its axes."""

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

    An SVG file has the name; the label is for who points at them.
    """

    name: str
    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class Bars(Layer):
    """Filled rectangles, each around a span; their thickness is in values of the vertical axis."""

    spans: Sequence[Span]
    thickness: float
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Line(Layer):
    """A line from point to point; ``dashes`` are the pixels drawn and left out, none for a whole one."""

    points: Sequence[Point]
    dashes: tuple[float, ...] = ()
    width: float = 1.6


@dataclass(frozen=True, slots=True)
class Ribbon(Layer):
    """An area between two lines: each ``x``, with the ``y`` of the lower and of the upper one."""

    edges: Sequence[tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class Points(Layer):
    """Markers, whose radius is in pixels.

    ``corners`` is negative if they stand on one, and 0 for round ones. ``hollow`` are the numbers, from 0, of those
    that are only outlined; ``tips`` are for who points at each. Of ``many``, there may be thousands, round and filled.
    """

    points: Sequence[Point]
    corners: int = 0
    radius: float = 4.5
    hollow: frozenset[int] = frozenset()
    tips: Sequence[str] = ()
    many: bool = False


class Tick(NamedTuple):
    """A marked value of an axis, and its label.

    The label may be in two columns, as in a table: of the first, only what differs from the tick before is shown. A
    figure stands at the other end of the tick's line.
    """

    value: float
    label: str
    columns: tuple[str, str] | None = None
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis; ``reverse`` puts the beginning of a vertical one at the top, ``grid`` draws a line at each tick."""

    scale: Scale
    title: str = ""
    ticks: Sequence[Tick] = ()
    grid: bool = True
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: its text, and a box, a line or a marker that looks as what it names.

    The text may stand elsewhere instead: above a value of the horizontal axis, or beside a point, right of it.
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
    """A facet of a chart, with a vertical axis of its own; the only one of a chart has no title.

    The height is in pixels, where letters are 13 pixels high. ``brief`` is the title and what must be known, on lines,
    where there is no room for the facts.
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
    """A chart, whole: its panels are below each other, on one horizontal axis.

    The sketch is what is to be seen, as lines of plain text; ``shared_title`` is that of a vertical axis that all
    panels are on.
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
        """The titles of all legends, on lines."""
        return "\n".join(legend.title for legend in self.legends if legend.title)
