"""The charts, drawn on a matplotlib axis that the caller brings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .axis import spanning
from .charts import (
    COLOURS,
    Curve,
    Dot,
    Panel,
    dot_times,
    in_flight,
    kinds,
    longest_of,
    parts,
    peak,
)
from .colours import GREY, colour_of
from .density import SHADES, failures, mapped, queues

__all__ = ["dots_on", "in_flight_on", "scaling_on", "waterfall_on"]

_COLUMNS = 200
#: A panel's share of the room between two of them.
_SHARE = 0.85


def dots_on(ax: Any, dots: Sequence[Dot], lines: Sequence[tuple[str, float]], title: str, subtitle: str = "") -> Any:
    """Draw what ``charts.dots_picture`` draws, with times in ms, and return the axis."""
    for row, dot in enumerate(dots):
        colour = colour_of(dot.kind)
        if dot.has_interval:
            ax.plot([1000 * dot.low, 1000 * dot.high], [row, row], color=colour, linewidth=3, solid_capstyle="butt")
        ax.plot([1000 * dot.value], [row], "o", color=colour, markerfacecolor="none" if dot.projected else colour)
    for name, time in lines:
        ax.axvline(1000 * time, color=GREY, linestyle=_line_style(name), label=name)
    axis = spanning([1000 * time for time in dot_times(dots, lines)], 0, 1)
    ax.set_xlim(axis.low, axis.high)
    if axis.logarithmic:
        ax.set_xscale("log")
        _plain_numbers(ax.xaxis)
    ax.set_yticks(range(len(dots)), [_plain(dot.arm + " (projected)" * dot.projected) for dot in dots])
    ax.invert_yaxis()
    if lines:
        ax.legend()
    return _finished(ax, axis.titled("median wall time and its 95 % interval, ms"), "", title, subtitle)


def waterfall_on(ax: Any, panels: Sequence[Panel], title: str, subtitle: str = "") -> Any:
    """Draw what ``charts.waterfall_picture`` draws, with times in ms and the panels below each other, and return the
    axis.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    longest = longest_of(panels) or 1.0
    shading, maps = mapped(panels, longest, _COLUMNS)
    boxes: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in COLOURS}
    failed: list[tuple[float, float]] = []
    for place, (panel, cells) in enumerate(zip(panels, maps, strict=True)):
        per_row = shading.per_row if cells else 1
        pitch = _SHARE / max(len(cells) or len(panel.starts), 1)
        if cells:
            found = [("queued", row, due, start) for row, (due, start) in enumerate(queues(panel, per_row))]
            shown = [[value or math.nan for value in row] for row in cells]
            ax.imshow(
                shown,
                aspect="auto",
                cmap=ListedColormap(SHADES),
                norm=BoundaryNorm([0, *shading.bounds], len(SHADES)),
                extent=(0, 1000 * longest, place + _SHARE, place),
                interpolation="nearest",
            )
        else:
            found = parts(panel)
        for name, row, start, end in found:
            margin = 0.35 if name == "queued" else 0.1
            top, bottom = place + (row + margin) * pitch, place + (row + 1 - margin) * pitch
            left, right = 1000 * start, 1000 * end
            boxes[name].append([(left, top), (right, top), (right, bottom), (left, bottom)])
        failed += [
            (1000 * panel.ends[number], place + (number // per_row + 0.5) * pitch)
            for number in failures(panel, longest, per_row, _COLUMNS)
        ]
    for name, polygons in boxes.items():
        # thin ones would be widened to whole pixels, or vanish
        ax.add_collection(PolyCollection(polygons, facecolors=COLOURS[name], linewidths=0, snap=False))
    keys = [Patch(color=COLOURS[name], label=name) for name in kinds(panels) if name != "failed"]
    if failed:
        keys += ax.plot(*zip(*failed, strict=True), ".", color=COLOURS["failed"], label="failed")
    if any(maps):
        keys += [Patch(color=colour, label=text) for text, colour in zip(shading.labels, SHADES, strict=True)]
    ax.set_xlim(0, 1000 * longest)
    ax.set_ylim(max(len(panels), 1), -0.1)
    _name_panels(ax, panels)
    if keys:
        _legend_at_right(ax, handles=keys, title="\n".join(shading.title) if any(maps) else None)
    return _finished(ax, "time since the batch began, ms", "requests of each, the first at the top", title, subtitle)


def in_flight_on(ax: Any, panels: Sequence[Panel], title: str, subtitle: str = "") -> Any:
    """Draw what ``charts.in_flight_picture`` draws, with times in ms and the panels below each other, and return the
    axis.
    """
    all_steps = [[(0.0, 0), *in_flight(panel.starts, panel.ends)] for panel in panels]
    highest = max((peak(steps)[1] for steps in all_steps), default=0) or 1
    for place, (panel, steps) in enumerate(zip(panels, all_steps, strict=True)):
        times = [1000 * time for time, _ in steps]
        heights = [place + _SHARE * (1 - count / highest) for _, count in steps]
        colour = colour_of(panel.kind)
        ax.fill_between(times, heights, place + _SHARE, step="post", color=colour, alpha=0.22, linewidth=0)
        ax.step(times, heights, where="post", color=colour, linewidth=1)
    ax.set_xlim(0, 1020 * (longest_of(panels) or 1.0))
    ax.set_ylim(max(len(panels), 1), -0.1)
    _name_panels(ax, panels)
    across, up = "time since the batch began, ms", f"exchanges in flight, each from 0 to {highest:,}"
    return _finished(ax, across, up, title, subtitle)


def scaling_on(ax: Any, curves: Sequence[Curve], parameter: str, title: str, subtitle: str = "") -> Any:
    """Draw what ``charts.scaling_picture`` draws, with times in ms, and return the axis."""
    for curve in curves:
        values, times, lows, highs = zip(*curve.points, strict=True)
        style: dict[str, Any] = {"color": GREY, "linestyle": _line_style(curve.name)}
        if curve.kind != "line":
            # a polygon of matplotlib's stands on a side, or on a corner, as one of svg.corners_of does
            turned = 180 + (180 / curve.shape if curve.shape > 0 else 0)
            style = {
                "color": colour_of(curve.kind),
                "marker": (abs(curve.shape), 0, turned) if curve.shape else "o",
                "markeredgecolor": "white",
                "markersize": 8,
            }
        ax.plot(values, [1000 * time for time in times], label=_plain(curve.name), **style)
        if all(map(math.isfinite, (*lows, *highs))):
            ends = [1000 * low for low in lows], [1000 * high for high in highs]
            ax.fill_between(values, *ends, color=style["color"], alpha=0.2, linewidth=0)
    logarithmic = [ax.yaxis]
    ax.set_yscale("log")
    if all(point[0] > 0 for curve in curves for point in curve.points):
        ax.set_xscale("log")
        logarithmic.append(ax.xaxis)
    _legend_at_right(ax)
    for axis in logarithmic:
        _plain_numbers(axis)
    return _finished(ax, parameter, "wall time, ms", title, subtitle)


def _plain(text: str) -> str:
    """Return a name without what matplotlib takes for mathematics, nor, at the beginning, for a hidden label."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _plain_numbers(axis: Any) -> None:
    """Label a logarithmic axis by 1, 2, 5, 10 …, or a long one by 1, 10, 100 …, instead of by powers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())


def _line_style(name: str) -> str:
    return ":" if name.startswith("ideal") else "--"


def _name_panels(ax: Any, panels: Sequence[Panel]) -> None:
    names = [f"{panel.name}\n{len(panel.failed):,} failed" if panel.failed else panel.name for panel in panels]
    ax.set_yticks([place + _SHARE / 2 for place in range(len(panels))], list(map(_plain, names)))


def _legend_at_right(ax: Any, **how: Any) -> None:
    """Make room for the legend within the axis, where nothing is drawn, and no edge of the figure cuts it off."""
    right, _ = ax.transData.inverted().transform(ax.transAxes.transform((1.4, 0)))
    ax.set_xlim(right=right)
    ax.legend(loc="upper right", fontsize="small", title_fontsize="small", **how)


def _finished(ax: Any, across: str, up: str, title: str, subtitle: str) -> Any:
    ax.set_xlabel(across)
    ax.set_ylabel(up)
    ax.set_title(f"{title}\n{subtitle}" if subtitle else title, loc="left", fontsize="medium")
    return ax
