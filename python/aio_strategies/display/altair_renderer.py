"""Renders a chart with altair, as an interactive chart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .colours import FAINT_INK
from .marks import Axis, Bars, Chart, Key, Layer, Line, Panel, Points, Ribbon
from .svg import corners_of
from .text import wrapped

__all__ = ["render_altair"]

_WIDTH = 480


def render_altair(chart: Chart) -> Any:
    """Return the chart as an altair chart.

    Raises:
        ImportError: altair is not installed.
    """
    try:
        import altair as alt
    except ImportError as error:
        raise ImportError(
            "interactive charts need altair: pip install 'aio-strategies[plot]'", name=error.name
        ) from error
    from .interactive_chart import InteractiveChart

    panels = []
    for panel in chart.panels:
        layers = _Plot(alt, chart, panel).layers()
        layers += [_legend(alt, chart.keys, chart.legend_title)] if chart.keys and panel is chart.panels[0] else []
        title = alt.TitleParams(panel.title, subtitle=panel.facts, anchor="start", fontSize=12)
        how = {"title": title} if panel.title else {}
        panels.append(alt.layer(*layers).properties(width=_WIDTH, height=max(panel.height, 20), **how))
    title = alt.TitleParams(chart.title, subtitle=chart.subtitle, anchor="start")
    whole = InteractiveChart(vconcat=panels, title=title, spacing=14)
    if notes := [line for note in chart.notes for line in wrapped(note, 11, _WIDTH)]:
        below = alt.TitleParams(notes, orient="bottom", anchor="start", fontSize=11, fontWeight="normal")
        whole = InteractiveChart(vconcat=[whole], title=below)
    return whole.configure_legend(symbolOpacity=1)


def _axis(alt: Any, axis: Axis, title: str | Sequence[str] | None, *, labelled: bool = True) -> dict[str, Any]:
    values = [tick.value for tick in axis.ticks]
    label = f"{json.dumps([tick.label for tick in axis.ticks])}[indexof({json.dumps(values)}, datum.value)]"
    scale = alt.Scale(
        type="log" if axis.scale.logarithmic else "linear",
        domain=[axis.scale.low, axis.scale.high],
        nice=False,
        zero=alt.Undefined if axis.scale.logarithmic else False,
        reverse=axis.reverse,
    )
    shown = {"values": values, "labelExpr": label, "labels": labelled, "labelOverlap": "greedy", "grid": axis.grid}
    return {"title": title, "scale": scale, "axis": alt.Axis(**shown)}


def _legend(alt: Any, keys: Sequence[Key], title: str) -> Any:
    """Return invisible marks, which exist only for their legend."""
    shown = alt.Legend(title=title.split("\n") if title else None, symbolSize=120)

    def scale(values: Sequence[object]) -> Any:
        return alt.Scale(domain=[key.label for key in keys], range=values)

    shapes = [{"box": "square", "line": "stroke"}.get(key.symbol) or _shape(key.corners) for key in keys]
    return (
        alt.Chart(alt.InlineData(values=[{"key": key.label} for key in keys]))
        .mark_point(opacity=0)
        .encode(
            fill=alt.Fill("key:N", legend=shown, scale=scale([key.colour for key in keys])),
            stroke=alt.Stroke("key:N", legend=shown, scale=scale([key.colour for key in keys])),
            shape=alt.Shape("key:N", legend=shown, scale=scale(shapes)),
            strokeDash=alt.StrokeDash("key:N", legend=shown, scale=scale([key.dashes or (1, 0) for key in keys])),
        )
    )


def _shape(corners: int) -> str:
    """Return a marker's name or outline for Vega."""
    return "circle" if not corners else f"M{'L'.join(f'{x:.3f},{y:.3f}' for x, y in corners_of(corners))}Z"


class _Plot:
    """What the layers of a panel share: their axes, and the names of the axes' values."""

    def __init__(self, alt: Any, chart: Chart, panel: Panel) -> None:
        self.alt = alt
        self.panel = panel
        last = panel is chart.panels[-1]
        self.x = alt.X("x:Q", **_axis(alt, chart.x, chart.x.title if last else None, labelled=last))
        self.y = alt.Y("y:Q", **_axis(alt, panel.y, wrapped(panel.y.title, 9, panel.height) or None))
        self.titles = {"x": chart.x.title, "end": "until", "tip": chart.x.title}
        self.titles |= {"y": panel.y.title, "middle": panel.y.title}

    def layers(self) -> list[Any]:
        """Return the marks of all layers, and the figures to the right of them."""
        layers = [self._marks(layer) for layer in self.panel.layers]
        if texts := [{"y": tick.value, "text": tick.figure} for tick in self.panel.y.ticks if tick.figure]:
            right = self.alt.Chart(self.alt.InlineData(values=texts)).mark_text(align="right", color=FAINT_INK)
            layers.append(right.encode(x=self.alt.value(_WIDTH + 50), y=self.y, text="text:N"))
        return layers

    def _marks(self, layer: Layer) -> Any:
        places, rows = {"x": self.x, "y": self.y}, list[dict[str, Any]]()
        match layer:
            case Bars():
                rows = [{"middle": middle, "x": start, "end": end} for middle, start, end in layer.spans]
                base = self._told(layer, rows, "middle" if self.panel.y.title else "", "x", "end")
                half = layer.thickness / 2
                base = base.transform_calculate(y=f"datum.middle - {half}", below=f"datum.middle + {half}")
                mark = base.mark_rect(color=layer.colour, opacity=layer.opacity)
                return mark.encode(**places, x2="end:Q", y2="below:Q")
            case Line():
                base = self._told(layer, [point._asdict() for point in layer.points])
                line = base.mark_line(color=layer.colour, strokeWidth=layer.width, strokeDash=layer.dashes or (1, 0))
                return line.encode(**places, order=self.alt.value(0))
            case Ribbon():
                rows = [{"x": x, "y": low, "above": high} for x, low, high in layer.edges]
                return (
                    self._told(layer, rows)
                    .mark_area(color=layer.colour, opacity=layer.opacity)
                    .encode(**places, y2="above:Q")
                )
            case Points():
                for place, point in enumerate(layer.points):
                    inner, edge = ("white", layer.colour) if place in layer.hollow else (layer.colour, "white")
                    tip = {"tip": layer.tips[place]} if layer.tips else {}
                    rows.append({**point._asdict(), "inner": inner, "edge": edge, **tip})
                base = self._told(layer, rows, *(("tip",) if layer.tips else ("x", "y")))
                size = (2 * layer.radius + 1) ** 2
                mark = base.mark_point(shape=_shape(layer.corners), size=size, opacity=1, strokeWidth=1.5)
                paint = {"fill": self.alt.Fill("inner:N", scale=None), "stroke": self.alt.Stroke("edge:N", scale=None)}
                return mark.encode(**places, **paint)
        raise TypeError(f"altair cannot draw the layer {layer!r}")

    def _told(self, layer: Layer, rows: Sequence[dict[str, Any]], *names: str) -> Any:
        """Return a chart of the rows, with a tooltip that shows the label and the named values."""
        told = [self.alt.Tooltip("what:N")]
        for name in filter(None, names):
            how = {"type": "nominal"} if name == "tip" else {"type": "quantitative", "format": ",.3~f"}
            told.append(self.alt.Tooltip(name, title=self.titles[name], **how))
        named = self.alt.Chart(self.alt.InlineData(values=rows)).transform_calculate(what=json.dumps(layer.label))
        return named.encode(tooltip=told)
