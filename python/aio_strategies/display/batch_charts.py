"""The charts of batches, each batch in its own panel: what happened when, how many exchanges were in flight, and how
many ended per second.

The unit of the times may be given; otherwise it suits the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from .batch import Batch, in_flight, latest, peak
from .colours import FAINT_INK, PARTS, SHADES, colour_of
from .density import Shading, failures, mapped, queues
from .marks import Axis, Bars, Chart, Key, Layer, Legend, Line, Panel, Point, Points, Span, Tick
from .over_time import COLUMNS, area, count_axis, sketch, stairs, time_axis
from .scale import Scale, TimeUnit, figure, label, round_step, unit_of

__all__ = ["in_flight_chart", "throughput_chart", "waterfall_chart"]

#: The heights of the panels of a curve over time, in pixels, by how many there are; of even more, the last.
_HEIGHTS = (220.0, 130.0, 100.0, 90.0, 52.0)
#: The most steps of a batch in which ends are counted, and the fewest ends in each, on average.
_STEPS, _ENDS = 40, 5


def waterfall_chart(
    batches: Sequence[Batch], title: str, subtitle: str = "", notes: Sequence[str] = (), unit: TimeUnit | None = None
) -> Chart:
    """Describe when each exchange was queued, connected, shook hands (TLS), sent its request, waited and received."""
    unit = unit or unit_of(latest(batches))
    x = time_axis(latest(batches), unit, "batch")
    longest = x.scale.high / unit.per_second
    shading, maps = mapped(batches, longest, COLUMNS)
    tallest = {1: 300.0, 2: 220.0, 3: 180.0, 4: 150.0}.get(len(batches), 90.0)
    panels = []
    for batch, cells in zip(batches, maps, strict=True):
        per_row = shading.per_row if cells else 1
        rows = max(len(cells) or len(batch.starts), 1)
        height = min(11.0 * rows, tallest)
        layers = _cells(batch, cells, shading, unit, longest) if cells else _bars(batch, unit, height / rows)
        places = failures(batch, longest, per_row, COLUMNS)
        # visible even if a bar is thinner than a pixel
        dots = [Point(unit.per_second * batch.ends[place], _middle(place // per_row, per_row)) for place in places]
        if dots:
            layers.append(Points("failures", "failed", PARTS["failed"], dots, radius=2.5, many=True))
        scale = Scale(0.5, rows * per_row + 0.5)
        ticks = _request_ticks(len(batch.starts), scale, height)
        y = Axis(scale, "request", ticks, grid=False, reverse=True)
        panels.append(_panel(batch, _facts(batch, unit), y, layers, height))
    found = {layer.label for panel in panels for layer in panel.layers}
    kinds = [name for name in PARTS if name in found]
    legends = [Legend([Key(name, PARTS[name], "marker" if name == "failed" else "box") for name in kinds])]
    if any(maps):
        keys = [Key(text, colour) for text, colour in zip(shading.labels, SHADES, strict=True)]
        legends.append(Legend(keys, f"exchanges in flight\nper row of {shading.per_row:,} requests"))
    shared = "requests of each, the first at the top"
    return Chart(title, subtitle, notes, x, panels, legends, sketch(panels), shared)


def in_flight_chart(
    batches: Sequence[Batch], title: str, subtitle: str = "", notes: Sequence[str] = (), unit: TimeUnit | None = None
) -> Chart:
    """Describe how many exchanges are in flight over time, with the same two axes for all batches."""
    unit = unit or unit_of(latest(batches))
    x = time_axis(latest(batches), unit, "batch")
    all_steps = [in_flight(batch.starts, batch.ends) for batch in batches]
    highest = max((peak(steps)[1] for steps in all_steps), default=0) or 1
    y = count_axis(highest, "exchanges in flight")
    height = _HEIGHTS[min(len(batches), len(_HEIGHTS)) - 1]
    panels = []
    for batch, steps in zip(batches, all_steps, strict=True):
        when, most = peak(steps)
        told = f"peak {most:,} at {figure(unit.per_second * when)} {unit.name}"
        colour, top = colour_of(batch.kind), Point(unit.per_second * when, most)
        layers = area("in-flight", batch.name, colour, stairs(steps, x, unit))
        layers.append(Points("peak", batch.name, colour, [top], radius=3.5, tips=[told]))
        panels.append(_panel(batch, told, y, layers, height))
    shared = f"exchanges in flight, each from 0 to {highest:,}"
    return Chart(title, subtitle, notes, x, panels, (), sketch(panels), shared)


def throughput_chart(
    batches: Sequence[Batch],
    title: str,
    subtitle: str = "",
    notes: Sequence[str] = (),
    unit: TimeUnit | None = None,
    rate: float | None = None,
) -> Chart:
    """Describe how many exchanges ended per second over time, with the same two axes for all batches. Failures are not
    counted. A line marks the rate at which requests were due, if there is one.
    """
    unit = unit or unit_of(latest(batches))
    x = time_axis(latest(batches), unit, "batch")
    widths = [_width(batch) for batch in batches]
    all_rates = [_rates(batch, width) for batch, width in zip(batches, widths, strict=True)]
    highest = max([rate or 0, *(value for rates in all_rates for value in rates)]) or 1
    height = _HEIGHTS[min(len(batches), len(_HEIGHTS)) - 1]
    y = count_axis(highest, "exchanges per second")
    panels = []
    for batch, width, rates in zip(batches, widths, all_rates, strict=True):
        edges = [min(unit.per_second * width * place, x.scale.high) for place in range(len(rates) + 1)]
        corners = [Point(edges[0], 0.0)]
        for (start, end), value in zip(pairwise(edges), rates, strict=True):
            corners += [Point(start, value), Point(end, value)]
        corners.append(Point(edges[-1], 0.0))
        layers = area("throughput", batch.name, colour_of(batch.kind), corners)
        if rate:
            due = [Point(x.scale.low, rate), Point(x.scale.high, rate)]
            layers.append(Line("rule", f"due at {rate:,g}/s", FAINT_INK, due, (6, 4)))
        took = max(batch.ends, default=0.0)
        average = f"{(len(batch.ends) - len(batch.failed)) / took:,.0f}/s on average, " if took else ""
        told = f"{average}in steps of {label(unit.per_second * width)} {unit.name}"
        panels.append(_panel(batch, told, y, layers, height))
    keys = [Key(f"requests due at {rate:,g}/s", FAINT_INK, "line", dashes=(6, 4))] if rate else []
    shared = f"exchanges per second, each from 0 to {highest:,.0f}"
    return Chart(title, subtitle, notes, x, panels, [Legend(keys)], sketch(panels), shared)


def _width(batch: Batch) -> float:
    """Return over how many seconds ends are counted: in fewer steps where few exchanges end."""
    took = max(batch.ends, default=0.0)
    return round_step(max(took / _STEPS, _ENDS * took / max(len(batch.ends), 1)) or 1.0)


def _rates(batch: Batch, width: float) -> list[float]:
    """Return how many exchanges ended well per second, for each step of this many seconds."""
    counts = [0] * (int(max(batch.ends, default=0.0) / width) + 1)
    for place, end in enumerate(batch.ends):
        if place not in batch.failed:
            counts[int(end / width)] += 1
    return [count / width for count in counts]


def _request_ticks(count: int, scale: Scale, height: float) -> list[Tick]:
    """Return the first and the last request, and round ones between them, if there is room."""
    if height < 30 or count < 2:
        return []
    apart = 20 / height * (scale.high - scale.low)
    between = [Tick(*tick) for tick in scale.ticks(height, upwards=True) if 1 + apart < tick[0] < count - apart]
    return [Tick(1, "1"), *between, Tick(count, f"{count:,}")]


def _middle(row: int, per_row: int) -> float:
    """Return the middle of a row's requests, which count from 1."""
    return (row + 0.5) * per_row + 0.5


def _panel(batch: Batch, facts: str, y: Axis, layers: Sequence[Layer], height: float) -> Panel:
    brief = f"{batch.name}\n{len(batch.failed):,} failed" if batch.failed else batch.name
    return Panel(y, layers, height, batch.name, facts, brief, colour_of(batch.kind))


def _facts(batch: Batch, unit: TimeUnit) -> str:
    """Return how many exchanges there are, how many of them failed, and when the last one ended."""
    count = len(batch.starts)
    told = [f"{count:,} exchange{'s' * (count != 1)}"]
    told += [f"{len(batch.failed):,} failed"] if batch.failed else []
    told += [f"{figure(unit.per_second * max(batch.ends))} {unit.name}"] if batch.ends else []
    return ", ".join(told)


def _bars(batch: Batch, unit: TimeUnit, pitch: float) -> list[Layer]:
    """Return the bars of a few exchanges, with this many pixels for each."""
    spans: dict[str, list[Span]] = {name: [] for name in ("queued", "exchanges", *PARTS)}
    colours = {**PARTS, "exchanges": PARTS["in flight"]}
    # an exchange stays visible even if all its phases are shorter than a pixel
    whole = [("exchanges", place, *times) for place, times in enumerate(zip(batch.starts, batch.ends, strict=True))]
    for name, place, start, end in [*whole, *batch.parts()]:
        spans[name].append(Span(place + 1, unit.per_second * start, unit.per_second * end))
    return [
        # a thin line for a request that only waits
        Bars(name, name, colours[name], found, min(0.35, 1 / pitch) if name == "queued" else 0.72)
        for name, found in spans.items()
        if found
    ]


def _cells(
    batch: Batch, cells: Sequence[Sequence[float]], shading: Shading, unit: TimeUnit, longest: float
) -> list[Layer]:
    """Return the density map of many exchanges; neighbouring cells of the same shade form one bar."""
    width = unit.per_second * longest / COLUMNS
    spans: list[list[Span]] = [[] for _ in SHADES]
    queued = []
    for row, (values, (due, start)) in enumerate(zip(cells, queues(batch, shading.per_row), strict=True)):
        middle = _middle(row, shading.per_row)
        if start > due:
            queued.append(Span(middle, unit.per_second * due, unit.per_second * start))
        column = 0
        for shade, same in groupby(values, shading.shade):
            length = len(list(same))
            if shade is not None:
                spans[shade].append(Span(middle, column * width, (column + length) * width))
            column += length
    layers = [("queued", "queued", PARTS["queued"], queued, 0.4)]
    layers += [
        ("density", f"{text} in flight", colour, found, 1.0)
        for text, colour, found in zip(shading.labels, SHADES, spans, strict=True)
    ]
    return [
        Bars(name, label, colour, found, float(shading.per_row), opacity)
        for name, label, colour, found, opacity in layers
        if found
    ]
