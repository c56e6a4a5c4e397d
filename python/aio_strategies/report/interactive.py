"""The charts, as altair charts that answer to the pointer: of few enough marks, since 100,000 of them take seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .charts import (
    FAILED,
    MOST_BARS,
    PHASES,
    UNKNOWN,
    Curve,
    Dot,
    Panel,
    density,
    in_flight,
    thinned,
)
from .colours import GREY, LANGUAGES

__all__ = ["dots_chart", "in_flight_chart", "scaling_chart", "waterfall_chart"]

_ROWS, _COLUMNS = 40, 120
_KINDS = [*LANGUAGES, "line", "other"]
_COLOURS = [*LANGUAGES.values(), "#5b6166", GREY]


def dots_chart(dots: Sequence[Dot], lines: Sequence[tuple[str, float]], title: str, subtitle: str = "") -> Any:
    """Return what ``charts.dots_picture`` draws, as an altair chart, with times in ms.

    Raises:
        ImportError: altair is not installed.
    """
    alt = _altair()
    rows: list[dict[str, Any]] = [
        {
            "arm": f"{dot.name}/{dot.group}" if dot.name else dot.group,
            "kind": _kind(dot.kind),
            "ms": 1000 * dot.value,
            **({"low": 1000 * dot.low, "high": 1000 * dot.high} if dot.has_interval else {}),
            "projected": dot.projected,
        }
        for dot in dots
    ]
    times = [row[key] for row in rows for key in ("ms", "low", "high") if key in row] + [1000 * t for _, t in lines]
    wide = bool(times) and min(times) > 0 and max(times) > 5 * min(times)
    scale = alt.Scale(type="log", nice=False) if wide else alt.Scale(zero=False)
    x = alt.X("ms:Q", title="wall time, ms", scale=scale)
    y = alt.Y("arm:N", sort=None, title=None)
    told = ["arm:N", *(alt.Tooltip(f"{key}:Q", format=",.3f") for key in ("ms", "low", "high")), "projected:N"]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y, color=_colour(alt), tooltip=told)
    layers = [
        base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", title="wall time, ms", scale=scale), x2="high:Q"),
        base.transform_filter("!datum.projected").mark_circle(size=80, opacity=1).encode(x=x),
        base.transform_filter("datum.projected").mark_point(size=80).encode(x=x),
    ]
    if lines:
        marks = alt.InlineData(values=[{"line": name, "ms": 1000 * time} for name, time in lines])
        layers.append(alt.Chart(marks).mark_rule(strokeDash=[5, 4], color=GREY).encode(x=x, tooltip=["line:N", "ms:Q"]))
    return alt.layer(*layers).properties(title=_title(alt, title, subtitle), width=480)


def waterfall_chart(panels: Sequence[Panel], title: str, subtitle: str = "") -> Any:
    """Return what ``charts.waterfall_picture`` draws, as an altair chart, with times in ms.

    Raises:
        ImportError: altair is not installed.
    """
    alt = _altair()
    longest = max((max(panel.ends, default=0.0) for panel in panels), default=0.0) or 1.0
    # phases and densities have no scale in common
    mixed = len({len(panel.starts) > MOST_BARS for panel in panels}) > 1
    charts = []
    for panel in panels:
        dense = len(panel.starts) > MOST_BARS
        rows = _cells(panel, longest) if dense else _bars(panel)
        chart = (
            alt.Chart(alt.InlineData(values=rows))
            .mark_rect()
            .encode(
                x=alt.X("from:Q", title="time since the batch began, ms", scale=alt.Scale(domain=[0, 1000 * longest])),
                x2="to:Q",
                y=alt.Y("request:Q", title="request", scale=alt.Scale(reverse=True, zero=False, nice=False)),
                y2="below:Q",
            )
        )
        if dense:
            chart = chart.encode(
                color=alt.Color("exchanges:Q", title="in flight"), tooltip=["from:Q", "to:Q", "exchanges:Q"]
            )
        else:
            names = ["queued", *PHASES, "in flight", "failed"]
            colours = alt.Scale(domain=names, range=["#d8d8d4", *PHASES.values(), UNKNOWN, FAILED])
            chart = chart.encode(
                color=alt.Color("phase:N", scale=colours), tooltip=["request:Q", "phase:N", "from:Q", "to:Q"]
            )
        charts.append(chart.properties(title=panel.name, width=560, height=140))
    return (
        alt.vconcat(*charts)
        .properties(title=_title(alt, title, subtitle))
        .resolve_scale(x="shared", color="independent" if mixed else "shared")
    )


def in_flight_chart(panels: Sequence[Panel], title: str, subtitle: str = "") -> Any:
    """Return what ``charts.in_flight_picture`` draws, as an altair chart, with times in ms.

    Raises:
        ImportError: altair is not installed.
    """
    alt = _altair()
    longest = max((max(panel.ends, default=0.0) for panel in panels), default=0.0)
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
            row=alt.Row("arm:N", sort=[panel.name for panel in panels], title=None),
            tooltip=["arm:N", "ms:Q", "exchanges:Q"],
        )
        .properties(width=560, height=70)
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
            row = {"arm": curve.name, "kind": _kind(curve.kind), "value": value, "ms": 1000 * time}
            if 0 < low < high < float("inf"):
                row |= {"low": 1000 * low, "high": 1000 * high}
            rows.append(row)
    kind = "log" if all(row["value"] > 0 for row in rows) else "linear"
    base = alt.Chart(alt.InlineData(values=rows), title=_title(alt, title, subtitle)).encode(
        x=alt.X("value:Q", title=parameter, scale=alt.Scale(type=kind, nice=False)), color=_colour(alt), detail="arm:N"
    )
    up = alt.Scale(type="log", nice=False)
    ribbon = base.transform_filter("isValid(datum.low)").mark_area(opacity=0.2)
    dashes = alt.condition("datum.kind == 'line'", alt.value([6, 4]), alt.value([1, 0]))
    line = base.mark_line(point=True).encode(strokeDash=dashes, tooltip=["arm:N", "value:Q", "ms:Q", "low:Q", "high:Q"])
    y = alt.Y("ms:Q", title="wall time, ms", scale=up)
    layers = alt.layer(ribbon.encode(y=alt.Y("low:Q", title="wall time, ms", scale=up), y2="high:Q"), line.encode(y=y))
    return layers.properties(width=480, height=320)


def _bars(panel: Panel) -> list[dict[str, Any]]:
    parts: list[tuple[int, str, float, float]] = []
    for place, (start, end, intended) in enumerate(zip(panel.starts, panel.ends, panel.intended, strict=True)):
        if start > intended:
            parts.append((place, "queued", intended, start))
        if place in panel.failed or not panel.phases or not panel.phases[place]:
            parts.append((place, "failed" if place in panel.failed else "in flight", start, end))
        else:
            parts += [(place, phase.name, phase.start, phase.end) for phase in panel.phases[place]]
    return [
        {
            "request": place + 1,
            "below": place + (1.2 if name == "queued" else 1.8),
            "phase": name,
            "from": 1000 * start,
            "to": 1000 * end,
        }
        for place, name, start, end in parts
    ]


def _cells(panel: Panel, longest: float) -> list[dict[str, Any]]:
    high, wide = len(panel.starts) / _ROWS, 1000 * longest / _COLUMNS
    return [
        {
            "request": 1 + round(row * high),
            "below": 1 + round((row + 1) * high),
            "from": column * wide,
            "to": (column + 1) * wide,
            "exchanges": round(count, 2),
        }
        for row, counts in enumerate(density(panel, longest, _ROWS, _COLUMNS))
        for column, count in enumerate(counts)
        if count > 0.005
    ]


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
