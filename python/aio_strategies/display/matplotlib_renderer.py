"""Renders a chart on the caller's matplotlib axes; several panels become horizontal bands, one below the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .marks import Axis, Bars, Chart, Key, Layer, Line, Points, Ribbon
from .svg import corners_of
from .text import fitted, text_width

__all__ = ["render_matplotlib"]

#: A panel's share of its band; the rest is the gap to the next.
_SHARE = 0.85

#: From a value of a panel's vertical axis to one of matplotlib's.
Place = Callable[[float], float]


def render_matplotlib(chart: Chart, ax: Any) -> Any:
    """Draw the chart on the axes, and return them. Their figure makes room for all of it, unless it has a layout."""
    if ax.figure.figure.get_layout_engine() is None:
        ax.figure.figure.set_layout_engine("constrained")
    bands = all(panel.title for panel in chart.panels)
    for number, panel in enumerate(chart.panels):
        place = _band(panel.y, number) if bands else float
        for layer in panel.layers:
            _draw(ax, layer, place)
    _mark(ax.xaxis, chart.x)
    ax.set_xlim(chart.x.scale.low, chart.x.scale.high)
    if bands:
        middles = [number + _SHARE / 2 for number in range(len(chart.panels))]
        ax.set_yticks(middles, [_name(panel.brief) for panel in chart.panels])
        ax.set_ylim(max(len(chart.panels), 1), -0.1)
    for panel in [] if bands else chart.panels:
        _mark(ax.yaxis, panel.y)
        ends = panel.y.scale.low, panel.y.scale.high
        ax.set_ylim(*(reversed(ends) if panel.y.reverse else ends))
        for tick in panel.y.ticks:
            if tick.figure:
                how = {"transform": ax.get_yaxis_transform(), "fontsize": "small", "va": "center"}
                ax.text(1.01, tick.value, tick.figure, **how)
    _legend(ax, chart)
    ax.set_xlabel(chart.x.title)
    ax.set_ylabel(chart.shared_title if bands else "".join(panel.y.title for panel in chart.panels))
    title = f"{chart.title}\n{chart.subtitle}" if chart.subtitle else chart.title
    ax.set_title(_plain(title), loc="left", fontsize="medium", wrap=True)
    if notes := "\n".join(filter(None, chart.notes)):
        below = {"xycoords": (ax.transAxes, ax.xaxis.label), "xytext": (0, -4), "textcoords": "offset points"}
        ax.annotate(_plain(notes), (0, 0), va="top", fontsize="small", wrap=True, **below)
    return ax


def _band(axis: Axis, number: int) -> Place:
    def place(value: float) -> float:
        share = axis.scale.share(value)
        return number + _SHARE * (share if axis.reverse else 1 - share)

    return place


def _mark(axis: Any, described: Axis) -> None:
    """Set an axis's scale and its ticks, and no other ticks."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log" if described.scale.logarithmic else "linear"})
    axis.minorticks_off()
    axis.set_ticks([tick.value for tick in described.ticks], labels=[_name(tick.label) for tick in described.ticks])


def _plain(text: str) -> str:
    """Escape what matplotlib would read as mathematics or, at the beginning, as a hidden label."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _name(text: str) -> str:
    """Return a name with long lines cut, as they would leave no room for the chart."""
    return _plain("\n".join(fitted(line, 13, 210) for line in text.split("\n")))


def _draw(ax: Any, layer: Layer, place: Place) -> None:
    """Draw the marks of a layer."""
    from matplotlib.collections import PolyCollection

    match layer:
        case Bars():
            half = layer.thickness / 2
            boxes = [
                [(x, place(y)) for x, y in ((start, y - half), (end, y - half), (end, y + half), (start, y + half))]
                for y, start, end in layer.spans
            ]
            # not snapped: thin bars would be widened to whole pixels, or vanish
            bars = PolyCollection(boxes, facecolors=layer.colour, linewidths=0, snap=False, alpha=layer.opacity)
            ax.add_collection(bars)
        case Line():
            xs, ys = [point.x for point in layer.points], [place(point.y) for point in layer.points]
            how = {"color": layer.colour, "linewidth": 0.8 * layer.width, "solid_capstyle": "butt"}
            ax.plot(xs, ys, linestyle=_style(layer.dashes), **how)
        case Ribbon():
            edges = [(x, place(low), place(high)) for x, low, high in layer.edges]
            ax.fill_between(*zip(*edges, strict=True), color=layer.colour, alpha=layer.opacity, linewidth=0)
        case Points():
            ground, hollow = ax.get_facecolor(), [number in layer.hollow for number in range(len(layer.points))]
            ax.scatter(
                [point.x for point in layer.points],
                [place(point.y) for point in layer.points],
                s=(1.6 * layer.radius) ** 2,
                marker=_marker(layer.corners),
                facecolor=[ground if is_hollow else layer.colour for is_hollow in hollow],
                edgecolor=[layer.colour if is_hollow else ground for is_hollow in hollow],
                zorder=3,
                clip_on=False,  # draw a marker at the edge completely
            )


def _marker(corners: int) -> Any:
    """Return a marker's name, or its outline with ``y`` growing upwards."""
    outline = [(x, -y) for x, y in corners_of(corners)] if corners else []
    return [*outline, outline[0]] if outline else "o"


def _style(dashes: tuple[float, ...]) -> Any:
    # in points, at a line of 1.5
    return (0, [length / 1.5 for length in dashes]) if dashes else "-"


def _legend(ax: Any, chart: Chart) -> None:
    """Add the legend to the right of the axes, and of the figures there, so that it hides nothing."""
    from matplotlib.transforms import ScaledTranslation

    if not chart.keys:
        return
    figures = [tick.figure for panel in chart.panels for tick in panel.y.ticks]
    # in inches, with letters of 8 points
    shift = ScaledTranslation(
        max((text_width(text, 8) for text in figures), default=0) / 72, 0, ax.figure.dpi_scale_trans
    )
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "bbox_transform": ax.transAxes + shift}
    handles = [_handle(key) for key in chart.keys]
    ax.legend(handles=handles, title=chart.legend_title, fontsize="small", title_fontsize="small", **place)


def _handle(key: Key) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if key.symbol == "box":
        return Patch(color=key.colour, label=_name(key.label))
    if key.symbol == "line":
        return Line2D([], [], color=key.colour, linestyle=_style(key.dashes), label=_name(key.label))
    how = {"linestyle": "", "marker": _marker(key.corners), "markersize": 7, "markeredgecolor": "white"}
    return Line2D([], [], color=key.colour, label=_name(key.label), **how)
