"""Renders a chart as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .colours import FAINT_INK, PAPER, RULE
from .marks import Axis, Bars, Chart, Key, Layer, Legend, Line, Panel, Points, Ribbon, Tick
from .picture import Picture
from .svg import document, element, marker, number, polyline, stroke, text_at
from .text import fitted, text_width, wrapped

__all__ = ["render_svg", "spread"]

# A phone shows it at two thirds of its size, where letters of 13 pixels are still readable.
_WIDTH, _MARGIN = 540.0, 14.0
_SMALL, _LINE = 13.0, 17.0
_RIGHT = _WIDTH - _MARGIN
#: Panels higher than this together do not fit on a screen: they have the horizontal axis above them, too.
_TALL = 600.0
#: Left of an axis's labels, for its title; right of a panel, for the lines to the labels of its curves.
_GUTTER, _LEADERS = 18.0, 36.0


def render_svg(chart: Chart) -> Picture:
    """Return the chart as a picture."""
    heading = fitted(chart.title, 17, _RIGHT - _MARGIN)
    elements = [text_at(_MARGIN, 28, heading, size=17, font_weight="600")]
    y = _paragraph(elements, 31, chart.subtitle) + 12
    for legend in chart.legends:
        y = _legend(elements, y, legend)
    left, right = _sides(chart)
    y = _labels_above(elements, chart, left, right, y)
    tops: list[float] = []
    is_tall = sum(panel.height for panel in chart.panels) > _TALL
    for panel in chart.panels:
        if panel.title:
            elements += _panel_title(panel, y + 18)
        y += 28 if panel.title else 4
        if is_tall and not tops:
            elements.append(text_at((left + right) / 2, y + 10, chart.x.title, anchor="middle", fill=FAINT_INK))
            y += 32
        tops.append(y)
        y += panel.height
        plot = _Plot(chart.x, panel.y, left, right, tops[-1], y)
        elements += plot.axes(above=is_tall and len(tops) == 1, below=panel is chart.panels[-1])
        for layer in panel.layers:
            elements += plot.marks(layer)
        elements += plot.labels_beside(chart.keys)
    elements.append(text_at((left + right) / 2, y + 36, chart.x.title, anchor="middle", fill=FAINT_INK))
    if title := next((panel.y.title for panel in chart.panels), ""):
        # beside a short axis, it extends below
        middle = max((tops[0] + y) / 2, tops[0] + text_width(title, _SMALL) / 2)
        elements.append(text_at(_MARGIN + 10, middle, title, anchor="middle", fill=FAINT_INK, upwards=True))
    y += 42
    for note in chart.notes:
        y = _paragraph(elements, y, note)
    return Picture(document(_WIDTH, y + 14, chart.title, elements), chart.title, chart.sketch)


# --- what is around the panels


def _paragraph(elements: list[str], y: float, text: str) -> float:
    """Write a text on separate lines below y, and return the baseline of the last one."""
    for line in wrapped(text, _SMALL, _RIGHT - _MARGIN):
        y += _LINE
        elements.append(text_at(_MARGIN, y, line, fill=FAINT_INK))
    return y


def _legend(elements: list[str], y: float, legend: Legend) -> float:
    """Write the keys that do not stand beside what they name; return where the space below begins."""
    keys = [key for key in legend.keys if key.above is None and not key.beside]
    if keys and legend.title:
        elements.append(text_at(_MARGIN, y + 12, f"{' '.join(legend.title.split())}:", fill=FAINT_INK))
        y += _LINE + 2
    x = _MARGIN
    for key in keys:
        width = 15 + text_width(key.label, _SMALL)
        if x + width > _RIGHT:
            x, y = _MARGIN, y + _LINE
        elements += [_symbol(key, x + 5, y + 5), text_at(x + 15, y + 10, key.label, fill=FAINT_INK)]
        x += width + 12
    return y + _LINE if keys else y


def _symbol(key: Key, x: float, y: float) -> str:
    if key.symbol == "box":
        return element("rect", x=x - 5, y=y - 5, width=10, height=10, rx=2, fill=key.colour)
    if key.symbol == "marker":
        return marker(x, y, key.colour, radius=4.5, corners=key.corners)
    return stroke(polyline([(x - 7, y), (x + 7, y)]), key.colour, 1.6, dashes=key.dashes)


def _sides(chart: Chart) -> tuple[float, float]:
    """Return where the panels begin and end, between the labels at their sides."""
    left = _MARGIN + (_GUTTER if any(panel.y.title for panel in chart.panels) else 0)
    left += max((sum(_columns(panel.y)) for panel in chart.panels), default=0) + 8
    names = [_LEADERS + 8 + text_width(_name(key), _SMALL) for key in chart.keys if key.beside]
    figures = [12 + text_width(tick.figure, _SMALL) for panel in chart.panels for tick in panel.y.ticks if tick.figure]
    return left, _RIGHT - max([6, *names, *figures])


def _columns(axis: Axis) -> tuple[float, float]:
    """Return how wide the two columns of an axis's labels are; the first includes the gap after it."""
    labels = [_shortened(tick) for tick in axis.ticks]
    first, second = (max((text_width(label[place], 14) for label in labels), default=0) for place in (0, 1))
    return first + (10 if first and second else 0), second


def _shortened(tick: Tick) -> tuple[str, str]:
    group, name = tick.columns or ("", tick.label)
    return fitted(group, 14, 150 if name else 210), name


def _name(key: Key) -> str:
    return fitted(key.label, _SMALL, 150)


def _labels_above(elements: list[str], chart: Chart, left: float, right: float, y: float) -> float:
    """Write labels above what they name, in rows so that they do not overlap; return where the space below begins."""
    boxes: list[tuple[float, float, int]] = []
    for key, value in ((key, key.above) for key in chart.keys if key.above is not None):
        half = text_width(key.label, _SMALL) / 2
        wanted = left + chart.x.scale.share(value) * (right - left)
        middle = min(max(wanted, _MARGIN + half), right - half)
        row = max((row + 1 for other, reach, row in boxes if abs(other - middle) < reach + half + 4), default=0)
        boxes.append((middle, half, row))
        elements.append(text_at(middle, y + _LINE * row + 10, key.label, anchor="middle", fill=FAINT_INK))
    return y + _LINE * (max(row for *_, row in boxes) + 1) if boxes else y


def _panel_title(panel: Panel, y: float) -> list[str]:
    left = _MARGIN + _GUTTER
    name = fitted(panel.title, 14, _RIGHT - left - 26 - text_width(panel.facts, _SMALL))
    box = [_symbol(Key("", panel.colour), left + 5, y - 5)] if panel.colour else []
    return [
        *box,
        text_at(left + 16 * len(box), y, name, size=14, font_weight="600"),
        text_at(_RIGHT, y, panel.facts, anchor="end", fill=FAINT_INK),
    ]


# --- what is within a panel


@dataclass(frozen=True, slots=True)
class _Plot:
    """The area of a panel, in pixels."""

    x: Axis
    y: Axis
    left: float
    right: float
    top: float
    bottom: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel position of a point."""
        share = self.y.scale.share(y)
        down = share if self.y.reverse else 1 - share
        across = self.left + self.x.scale.share(x) * (self.right - self.left)
        return across, self.top + down * (self.bottom - self.top)

    def axes(self, *, above: bool, below: bool) -> Iterator[str]:
        """Yield lines at the ticks, and labels where there is room: of the horizontal axis above or below."""
        labels = [self.top - 6] * above + [self.bottom + 17] * below
        last = -math.inf
        for tick in self.x.ticks:
            x, half = self.at(tick.value, 0)[0], text_width(tick.label, _SMALL) / 2
            yield stroke(polyline([(x, self.top), (x, self.bottom)]), RULE)
            if x - half >= last + 8:
                yield from (text_at(x, level, tick.label, anchor="middle", fill=FAINT_INK) for level in labels)
                last = x + half
        levels = [self.at(0, tick.value)[1] for tick in self.y.ticks]
        for level in levels if self.y.grid else [self.bottom]:
            yield stroke(polyline([(self.left, level), (self.right, level)]), RULE, 0.7)
        group = None
        for tick, level in zip(self.y.ticks, levels, strict=True):
            if tick.columns:
                first, second = _shortened(tick)
                if tick.columns[0] != group:
                    yield text_at(_MARGIN, level + 5, first, size=14, font_weight="600")
                group = tick.columns[0]
                yield text_at(_MARGIN + _columns(self.y)[0], level + 5, second, size=14)
            else:
                yield text_at(self.left - 6, level + 4.5, tick.label, anchor="end", fill=FAINT_INK)
            if tick.figure:
                yield text_at(_RIGHT, level + 5, tick.figure, anchor="end")

    def marks(self, layer: Layer) -> Iterator[str]:
        """Yield the marks of a layer; many similar ones as one path, a hundred times shorter than separate shapes."""
        match layer:
            case Bars():
                path = ""
                for y, start, end in layer.spans:
                    (x, level), (until, _) = self.at(start, y), self.at(end, y)
                    path += f"M{number(x)} {number(level)}h{number(max(until - x, 0.01))}"
                share = layer.thickness / (self.y.scale.high - self.y.scale.low)
                width = max(share * (self.bottom - self.top), 0.5)
                opacity = layer.opacity if layer.opacity < 1 else None
                yield stroke(path, layer.colour, width, opacity=opacity, name=layer.name)
            case Line():
                path = polyline(self.at(*point) for point in layer.points)
                yield stroke(path, layer.colour, layer.width, dashes=layer.dashes, name=layer.name)
            case Ribbon():
                edge = [self.at(x, high) for x, _, high in layer.edges]
                edge += [self.at(x, low) for x, low, _ in reversed(layer.edges)]
                yield element("path", d=polyline(edge) + "Z", fill=layer.colour, fill_opacity=layer.opacity)
            case Points(many=True):
                path = "".join(f"M{number(x)} {number(y)}h0.01" for x, y in (self.at(*point) for point in layer.points))
                yield stroke(path, PAPER, 2 * layer.radius + 2, cap="round")
                yield stroke(path, layer.colour, 2 * layer.radius, cap="round", name=layer.name)
            case Points():
                for place, point in enumerate(layer.points):
                    x, y = self.at(*point)
                    hollow = place in layer.hollow
                    yield marker(x, y, layer.colour, radius=layer.radius, corners=layer.corners, hollow=hollow)

    def labels_beside(self, keys: Sequence[Key]) -> Iterator[str]:
        """Yield labels to the right of the panel, each connected by a line to what it names, so that none overlap."""
        ends = [(key, *self.at(*key.beside)) for key in keys if key.beside]
        levels = spread([y for *_, y in ends], 16, self.top, self.bottom)
        for (key, x, y), level in zip(ends, levels, strict=True):
            yield stroke(polyline([(x + 6, y), (self.right + _LEADERS - 18, level)]), key.colour, 0.7)
            yield _symbol(key, self.right + _LEADERS - 10, level)
            yield text_at(self.right + _LEADERS, level + 5, _name(key))


def spread(wanted: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Move positions until neighbours are ``distance`` apart, each as near as possible to where it was wanted.

    They stay between ``low`` and ``high`` if there is room for all.
    """
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    # blocks of neighbours: the sum of the wanted positions of their first member, and their number
    blocks: list[tuple[float, int]] = []
    for place in order:
        total, count = wanted[place], 1
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][1] * distance > total / count:
            before, many = blocks.pop()
            total, count = before + total - count * many * distance, many + count
        blocks.append((total, count))
    places = [total / count + nth * distance for total, count in blocks for nth in range(count)]
    for nth in range(len(places)):
        places[nth] = max(places[nth], low + nth * distance)
    for nth in reversed(range(len(places))):
        places[nth] = min(places[nth], high - (len(places) - 1 - nth) * distance)
    moved = [0.0] * len(wanted)
    for place, new in zip(order, places, strict=True):
        moved[place] = new
    return moved
