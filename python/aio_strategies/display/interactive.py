"""The charts, as altair charts that answer to the pointer: of few enough marks, since 100,000 of them take seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .axis import Axis, logarithmic, spanning
from .charts import (
    COLOURS,
    Curve,
    Dot,
    Panel,
    broken,
    curve_times,
    curve_values,
    dot_times,
    facts,
    in_flight,
    kinds,
    longest_of,
    parts,
    thinned,
)
from .colours import GREY, LANGUAGES, colour_of
from .density import SHADES, Shading, failures, mapped, queues
from .svg import corners_of

__all__ = ["dots_chart", "in_flight_chart", "scaling_chart", "waterfall_chart"]

_COLUMNS = 120
_WIDTH = 480
_KINDS = [*LANGUAGES, "other"]
_COLOURS = [*LANGUAGES.values(), GREY]
_LINE = "#5b6166"


def dots_chart(dots: Sequence[Dot], lines: Sequence[tuple[str, float]], title: str, subtitle: str = "") -> Any:
    """Return what ``charts.dots_picture`` draws, as an altair chart, with times in ms.

    Raises:
        ImportError: altair is not installed.
    """
    alt = _altair()
    rows: list[dict[str, Any]] = [
        {
            "arm": dot.arm + " (projected)" * dot.projected,
            "kind": _kind(dot.kind),
            "ms": 1000 * dot.value,
            **({"low": 1000 * dot.low, "high": 1000 * dot.high} if dot.has_interval else {}),
            "projected": dot.projected,
        }
        for dot in dots
    ]
    axis = spanning([1000 * time for time in dot_times(dots, lines)], 0, _WIDTH)
    how = {
        "title": axis.titled("median wall time and its 95 % interval, ms"),
        "scale": _scale(alt, axis),
        "axis": alt.Axis(values=[value for value, _ in axis.ticks()]),
    }
    x = alt.X("ms:Q", **how)
    y = alt.Y("arm:N", sort=None, title=None)
    told = ["arm:N", *(alt.Tooltip(f"{key}:Q", format=",.3f") for key in ("ms", "low", "high")), "projected:N"]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y, color=_colour(alt), tooltip=told)
    layers = [
        base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", **how), x2="high:Q"),
        base.transform_filter("!datum.projected").mark_circle(size=80, opacity=1).encode(x=x),
        base.transform_filter("datum.projected").mark_point(size=80).encode(x=x),
    ]
    if lines:
        marks = [{"line": f"{name} {1000 * time:,.1f} ms", "ms": 1000 * time} for name, time in lines]
        dashes = {str(mark["line"]): _dashes(name) for mark, (name, _) in zip(marks, lines, strict=True)}
        dash = alt.StrokeDash("line:N", legend=_legend(alt), scale=_domain(alt, dashes))
        rule = alt.Chart(alt.InlineData(values=marks)).mark_rule(color=_LINE, strokeWidth=1.5)
        layers.append(rule.encode(x=x, strokeDash=dash, tooltip=["line:N"]))
    return alt.layer(*layers).properties(title=_title(alt, title, subtitle), width=_WIDTH)


def waterfall_chart(panels: Sequence[Panel], title: str, subtitle: str = "") -> Any:
    """Return what ``charts.waterfall_picture`` draws, as an altair chart, with times in ms.

    Raises:
        ImportError: altair is not installed.
    """
    alt = _altair()
    longest = longest_of(panels) or 1.0
    shading, maps = mapped(panels, longest, _COLUMNS)
    colours = {name: COLOURS[name] for name in kinds(panels)}
    if any(maps):
        colours |= dict(zip(shading.labels, SHADES, strict=True))
    legend = _legend(alt, list(shading.title) if any(maps) else None)
    colour = alt.Color("what:N", legend=legend, scale=_domain(alt, colours))
    time = alt.Scale(domain=[0, 1000 * longest], nice=False)
    charts = []
    for panel, cells in zip(panels, maps, strict=True):
        under = "time since the batch began, ms" if panel is panels[-1] else None
        request = alt.Scale(reverse=True, domain=[1, len(panel.starts) + 1], nice=False)
        bars = (
            alt.Chart(alt.InlineData(values=_cells(panel, cells, shading, longest) if cells else _bars(panel)))
            .mark_rect()
            .encode(
                x=alt.X("from:Q", title=under, scale=time),
                x2="to:Q",
                y=alt.Y("request:Q", title="request", scale=request, axis=alt.Axis(format=",d", tickMinStep=1)),
                y2="below:Q",
                color=colour,
                tooltip=["request:Q", "what:N", "from:Q", "to:Q"],
            )
        )
        ends = [
            {"request": place + 1, "middle": place + 1.4, "ms": 1000 * panel.ends[place], "what": "failed"}
            for place in failures(panel, longest, shading.per_row if cells else 1, _COLUMNS)
        ]
        dots = (
            alt.Chart(alt.InlineData(values=ends))
            .mark_circle(size=14, opacity=1)
            .encode(x="ms:Q", y="middle:Q", color=colour, tooltip=["request:Q", "what:N", "ms:Q"])
        )
        name = alt.TitleParams(panel.name, subtitle=facts(panel, 1000, "ms"), anchor="start", fontSize=12)
        charts.append(alt.layer(bars, dots).properties(title=name, width=_WIDTH, height=140))
    return (
        alt.vconcat(*charts, title=_title(alt, title, subtitle))
        .resolve_scale(x="shared")
        .configure_legend(symbolOpacity=1)
    )


def in_flight_chart(panels: Sequence[Panel], title: str, subtitle: str = "") -> Any:
    """Return what ``charts.in_flight_picture`` draws, as an altair chart, with times in ms.

    Raises:
        ImportError: altair is not installed.
    """
    alt = _altair()
    longest = longest_of(panels)
    rows = [
        {"arm": panel.name, "kind": _kind(panel.kind), "ms": 1000 * time, "exchanges": count}
        for panel in panels
        for time, count in [(0.0, 0), *thinned(in_flight(panel.starts, panel.ends), longest, _COLUMNS)]
    ]
    return (
        alt.Chart(alt.InlineData(values=rows), title=_title(alt, title, subtitle))
        .mark_area(interpolate="step-after", opacity=0.4, line=True)
        .encode(
            x=alt.X("ms:Q", title="time since the batch began, ms"),
            y=alt.Y("exchanges:Q", title="in flight"),
            color=_colour(alt),
            row=alt.Row(
                "arm:N",
                sort=[panel.name for panel in panels],
                title=None,
                header=alt.Header(labelOrient="top", labelAnchor="start", labelFontWeight="bold"),
            ),
            tooltip=["arm:N", "ms:Q", "exchanges:Q"],
        )
        .properties(width=_WIDTH, height=70)
    )


def scaling_chart(curves: Sequence[Curve], parameter: str, title: str, subtitle: str = "") -> Any:
    """Return what ``charts.scaling_picture`` draws, as an altair chart, with times in ms.

    Raises:
        ImportError: altair is not installed.
    """
    alt = _altair()
    rows: list[dict[str, Any]] = []
    for curve in curves:
        for value, time, low, high in curve.points:
            row = {"arm": curve.name, "value": value, "ms": 1000 * time, "measured": curve.kind != "line"}
            if 0 < low < high < float("inf"):
                row |= {"low": 1000 * low, "high": 1000 * high}
            rows.append(row)
    values = curve_values(curves)
    across = logarithmic(values, 0, _WIDTH)
    up = logarithmic([1000 * time for time in curve_times(curves)], 0, _WIDTH)
    x = alt.X("value:Q", title=across.titled(parameter), scale=_scale(alt, across), axis=alt.Axis(values=values))
    lined = [curve.kind == "line" for curve in curves]
    named = list(zip(curves, lined, strict=True))
    colours = {curve.name: _LINE if line else colour_of(curve.kind) for curve, line in named}
    dashes = {curve.name: _dashes(curve.name) if line else [1, 0] for curve, line in named}
    shapes = {curve.name: "stroke" if line else _shape(curve.shape) for curve, line in named}
    base = alt.Chart(alt.InlineData(values=rows), title=_title(alt, title, subtitle)).encode(
        x=x, color=alt.Color("arm:N", legend=_legend(alt), scale=_domain(alt, colours))
    )

    def y(name: str) -> Any:
        ticks = alt.Axis(values=[value for value, _ in up.ticks()])
        return alt.Y(f"{name}:Q", title=up.titled("wall time, ms"), scale=_scale(alt, up), axis=ticks)

    dash = alt.StrokeDash("arm:N", legend=_legend(alt), scale=_domain(alt, dashes))
    shape = alt.Shape("arm:N", legend=_legend(alt), scale=_domain(alt, shapes))
    told = ["arm:N", "value:Q", *(alt.Tooltip(f"{key}:Q", format=",.3f") for key in ("ms", "low", "high"))]
    return alt.layer(
        base.transform_filter("isValid(datum.low)").mark_area(opacity=0.2).encode(y=y("low"), y2="high:Q"),
        base.mark_line().encode(y=y("ms"), strokeDash=dash),
        base.transform_filter("datum.measured")
        .mark_point(filled=True, opacity=1, size=60)
        .encode(y=y("ms"), shape=shape, tooltip=told),
    ).properties(width=_WIDTH, height=320)


def _bars(panel: Panel) -> list[dict[str, Any]]:
    return [
        {
            "request": place + 1,
            "below": place + (1.2 if name == "queued" else 1.8),
            "what": name,
            "from": 1000 * start,
            "to": 1000 * end,
        }
        for name, place, start, end in parts(panel)
    ]


def _cells(panel: Panel, cells: Sequence[Sequence[float]], shading: Shading, longest: float) -> list[dict[str, Any]]:
    wide = 1000 * longest / _COLUMNS
    labels = shading.labels
    rows: list[dict[str, Any]] = []
    for row, (counts, (due, start)) in enumerate(zip(cells, queues(panel, shading.per_row), strict=True)):
        first = 1 + row * shading.per_row
        below = min(first + shading.per_row, len(panel.starts) + 1)
        if start > due:
            middle = {"request": first, "below": (first + below) / 2}
            rows.append({**middle, "what": "queued", "from": 1000 * due, "to": 1000 * start})
        for column, count in enumerate(counts):
            shade = shading.shade(count)
            if shade is not None:
                span = {"from": column * wide, "to": (column + 1) * wide}
                rows.append({"request": first, "below": below, "what": labels[shade], **span})
    return rows


def _shape(corners: int) -> str:
    """Return a marker's name or outline, as vega knows it."""
    return "circle" if not corners else f"M{'L'.join(f'{x:.3f},{y:.3f}' for x, y in corners_of(corners))}Z"


def _dashes(name: str) -> list[float]:
    return [float(length) for length in broken(name).split()]


def _scale(alt: Any, axis: Axis) -> Any:
    return alt.Scale(type="log" if axis.logarithmic else "linear", domain=[axis.low, axis.high], nice=False)


def _legend(alt: Any, title: list[str] | None = None) -> Any:
    return alt.Legend(title=title, symbolOpacity=1, symbolSize=150)


def _domain(alt: Any, named: Mapping[str, object]) -> Any:
    return alt.Scale(domain=list(named), range=list(named.values()))


def _kind(kind: str) -> str:
    return kind if kind in _KINDS else "other"


def _colour(alt: Any) -> Any:
    return alt.Color("kind:N", title=None, scale=alt.Scale(domain=_KINDS, range=_COLOURS), legend=None)


def _title(alt: Any, title: str, subtitle: str) -> Any:
    return alt.TitleParams(title, subtitle=subtitle, anchor="start")


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise ImportError(
            "interactive charts need altair: pip install 'aio-strategies[plot]'", name=error.name
        ) from error
    return altair
