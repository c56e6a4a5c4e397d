"""The charts, drawn on a matplotlib axis that the caller brings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .charts import FAILED, MOST_BARS, PHASES, UNKNOWN, Curve, Dot, Panel, density, in_flight
from .colours import GREY, colour_of

__all__ = ["dots_on", "in_flight_on", "scaling_on", "waterfall_on"]

_ROWS, _COLUMNS = 45, 200


def dots_on(ax: Any, dots: Sequence[Dot], lines: Sequence[tuple[str, float]], title: str, subtitle: str = "") -> Any:
    """Draw what ``charts.dots_picture`` draws, with times in ms, and return the axis."""
    for row, dot in enumerate(dots):
        colour = colour_of(dot.kind)
        if dot.has_interval:
            ax.plot([1000 * dot.low, 1000 * dot.high], [row, row], color=colour, linewidth=3, solid_capstyle="butt")
        ax.plot([1000 * dot.value], [row], "o", color=colour, markerfacecolor="none" if dot.projected else colour)
    for name, time in lines:
        ax.axvline(1000 * time, color=GREY, linestyle=":" if name.startswith("ideal") else "--", label=name)
    times = [dot.value for dot in dots] + [time for _, time in lines]
    if times and 0 < 5 * min(times) < max(times):
        ax.set_xscale("log")
        _plain_numbers(ax.xaxis)
    ax.set_yticks(range(len(dots)), [_plain(f"{dot.name}/{dot.group}" if dot.name else dot.group) for dot in dots])
    ax.invert_yaxis()
    if lines:
        ax.legend()
    return _finished(ax, "wall time, ms", "", title, subtitle)


def waterfall_on(ax: Any, panels: Sequence[Panel], title: str, subtitle: str = "") -> Any:
    """Draw what ``charts.waterfall_picture`` draws, with times in ms and the panels below each other, and return the
    axis.
    """
    longest = max((max(panel.ends, default=0.0) for panel in panels), default=0.0) or 1.0
    for place, panel in enumerate(panels):
        count = len(panel.starts)
        if count > MOST_BARS:
            cells = [[value or math.nan for value in row] for row in density(panel, longest, _ROWS, _COLUMNS)]
            ax.imshow(cells, aspect="auto", cmap="Blues", extent=(0, 1000 * longest, place + 0.85, place), vmin=0)
            continue
        pitch = 0.85 / max(count, 1)
        for number, (start, end, intended) in enumerate(zip(panel.starts, panel.ends, panel.intended, strict=True)):
            parts = (
                [(phase.start, phase.end, PHASES[phase.name]) for phase in panel.phases[number]] if panel.phases else []
            )
            if number in panel.failed or not parts:
                parts = [(start, end, FAILED if number in panel.failed else UNKNOWN)]
            top = place + number * pitch
            ax.hlines(top + pitch / 2, 1000 * intended, 1000 * start, color="#c4c4c0", linewidth=0.5)
            spans = [(1000 * begun, 1000 * (ended - begun)) for begun, ended, _ in parts]
            ax.broken_barh(spans, (top, 0.8 * pitch), facecolors=[colour for *_, colour in parts])
    ax.set_xlim(0, 1020 * longest)
    ax.set_ylim(max(len(panels), 1), 0)
    ax.set_yticks([place + 0.42 for place in range(len(panels))], [_plain(panel.name) for panel in panels])
    return _finished(ax, "time since the batch began, ms", "", title, subtitle)


def in_flight_on(ax: Any, panels: Sequence[Panel], title: str, subtitle: str = "") -> Any:
    """Draw what ``charts.in_flight_picture`` draws, with times in ms and all lines on one axis, and return it."""
    for panel in panels:
        steps = [(0.0, 0), *in_flight(panel.starts, panel.ends)]
        times, counts = zip(*steps, strict=True)
        ax.step([1000 * time for time in times], counts, where="post", label=_plain(panel.name))
    if panels:
        ax.legend()
    return _finished(ax, "time since the batch began, ms", "exchanges in flight", title, subtitle)


def scaling_on(ax: Any, curves: Sequence[Curve], parameter: str, title: str, subtitle: str = "") -> Any:
    """Draw what ``charts.scaling_picture`` draws, with times in ms, and return the axis."""
    for curve in curves:
        values, times, lows, highs = zip(*curve.points, strict=True)
        style = {"color": GREY, "linestyle": ":" if curve.name == "ideal" else "--"} if curve.kind == "line" else {}
        (line,) = ax.plot(values, [1000 * time for time in times], label=_plain(curve.name), **style)
        if all(map(math.isfinite, (*lows, *highs))):
            ends = [1000 * low for low in lows], [1000 * high for high in highs]
            ax.fill_between(values, *ends, color=line.get_color(), alpha=0.2)
    ax.set_yscale("log")
    _plain_numbers(ax.yaxis)
    if all(point[0] > 0 for curve in curves for point in curve.points):
        ax.set_xscale("log")
        _plain_numbers(ax.xaxis)
    ax.legend()
    return _finished(ax, parameter, "wall time, ms", title, subtitle)


def _plain(text: str) -> str:
    """Return a name without what matplotlib takes for mathematics, nor, at the beginning, for a hidden label."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _plain_numbers(axis: Any) -> None:
    """Label a logarithmic axis by 1, 2, 5, 10 …, instead of by powers that lie on each other."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())


def _finished(ax: Any, across: str, up: str, title: str, subtitle: str) -> Any:
    ax.set_xlabel(across)
    ax.set_ylabel(up)
    ax.set_title(f"{title}\n{subtitle}" if subtitle else title, loc="left", fontsize="medium")
    return ax
