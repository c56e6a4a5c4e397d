"""The charts of a comparison: which of its values each one shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from .._native import percentiles
from ..display.batch import Batch
from ..display.batch_charts import in_flight_chart, throughput_chart, waterfall_chart
from ..display.density import MOST_BARS
from ..display.interval_charts import Curve, Dot, dots_chart, scaling_chart
from ..display.latency_chart import Latencies, latency_chart, shares_of
from ..display.marks import Chart
from ..display.rendering import render, unit_for
from ..display.timeline import phases
from .arm_times import ArmTimes
from .findings import Findings
from .typical_runs import exchange_at, typical_runs

__all__ = ["in_flight", "latencies", "scaling", "throughput", "wall_times", "waterfall"]

#: How many exchanges must lie beyond a percentile that is shown.
_BEYOND = 10


def wall_times(findings: Findings, *, interactive: bool = False, ax: Any = None) -> Any:
    """Draw each arm's wall time, as ``Comparison.plot`` does."""
    unit = unit_for(interactive=interactive, ax=ax)
    chart = dots_chart(dots(findings), lines(findings), "Wall time by strategy", conditions(findings), unit=unit)
    return render(chart, interactive=interactive, ax=ax)


def waterfall(findings: Findings, arms: Collection[str] | None = None, **how: Any) -> Any:
    """Draw a batch of each arm, exchange by exchange, as ``Comparison.waterfall`` does."""
    return _by_arm(waterfall_chart, "What happened when", findings, arms, **how)


def in_flight(findings: Findings, arms: Collection[str] | None = None, **how: Any) -> Any:
    """Draw how many exchanges were in flight, as ``Comparison.in_flight`` does."""
    return _by_arm(in_flight_chart, "Exchanges in flight", findings, arms, **how)


def throughput(findings: Findings, arms: Collection[str] | None = None, **how: Any) -> Any:
    """Draw how many exchanges ended per second, as ``Comparison.throughput`` does."""
    describe = partial(throughput_chart, rate=findings.settings.rate)
    return _by_arm(describe, "Exchanges per second", findings, arms, **how)


def latencies(
    findings: Findings, arms: Collection[str] | None = None, *, interactive: bool = False, ax: Any = None
) -> Any:
    """Draw how long the exchanges took, as ``Comparison.latencies`` does."""
    wanted = _wanted(findings, arms)
    found = list(distributions(findings, wanted))
    named = {one.arm for one in found}
    few = [arm.name for arm in wanted if arm.name not in named]
    notes = [f"too few exchanges for percentiles: {', '.join(few)}"] if few else []
    chart = latency_chart(found, "Latency of the exchanges", conditions(findings), notes)
    return render(chart, interactive=interactive, ax=ax)


def distributions(findings: Findings, arms: Sequence[ArmTimes]) -> Iterator[Latencies]:
    """Yield the service times of each arm, and with a rate its response times, where there are enough for percentiles.

    They are of all exchanges that were kept and did not fail.
    """
    for arm in arms:
        latency, (service, response) = arm.latency, findings.times_of_exchanges.get(arm.name, ([], []))
        if latency is None or len(service) < 2 * _BEYOND:
            continue
        shares = shares_of(len(service), _BEYOND)
        drawn = [("service", service, latency.service)]
        drawn += [("response", response, latency.response)] if findings.settings.rate is not None else []
        for time, values, told in drawn:
            curve = list(zip(shares, percentiles([values], shares)[0], strict=True))
            yield Latencies(arm.name, *_place(arm), arm.language or "", time, len(values), curve, told)


def _by_arm(
    describe: Callable[..., Chart],
    title: str,
    findings: Findings,
    arms: Collection[str] | None,
    *,
    interactive: bool = False,
    ax: Any = None,
) -> Any:
    """Draw a batch of each arm, in a panel of its own."""
    batches, notes = chosen_batches(findings, arms)
    chart = describe(batches, title, conditions(findings), notes, unit=unit_for(interactive=interactive, ax=ax))
    return render(chart, interactive=interactive, ax=ax)


def scaling(
    parameter: str, values: Sequence[float], sequence: Sequence[Findings], *, interactive: bool = False, ax: Any = None
) -> Any:
    """Draw each arm's wall time over a parameter, as ``Scaling.plot`` does."""
    # the settings that all comparisons share
    same = ", ".join(sequence[0].settings.facts(without=parameter))
    label, scale = (f"{parameter}, ms", 1000.0) if parameter == "latency" else (parameter, 1.0)
    found = curves([scale * value for value in values], sequence)
    chart = scaling_chart(
        found, label, f"Wall time by {parameter}", same, unit=unit_for(interactive=interactive, ax=ax)
    )
    return render(chart, interactive=interactive, ax=ax)


def dots(findings: Findings) -> list[Dot]:
    """Return the wall time of each arm, in the order of the table."""
    return [
        Dot(
            *_place(arm),
            kind=arm.language or "",
            value=arm.wall_interval[0],
            low=_or_infinite(arm.wall_interval[1]),
            high=arm.wall_interval[2],
            projected=arm.projected,
        )
        for arm in findings.arms
    ]


def _place(arm: ArmTimes) -> tuple[str, str]:
    """Return the group that an arm stands in, and its name within the group, if it is not alone there."""
    return arm.strategy or arm.arm.beside or arm.name, arm.language or (arm.name if arm.arm.beside else "")


def lines(findings: Findings) -> list[tuple[str, float]]:
    """Return the ideal and the serial time in seconds, if known; a single entry if they are equal."""
    ideal, serial = findings.ideal, findings.serial
    if not ideal or not serial:
        return []
    return [("ideal = serial", ideal)] if ideal == serial else [("ideal", ideal), ("serial", serial)]


def conditions(findings: Findings) -> str:
    """Return the settings in one line."""
    return ", ".join([*findings.settings.facts(), f"{findings.rounds} round{'s' * (findings.rounds != 1)}"])


def chosen_batches(findings: Findings, arms: Collection[str] | None = None) -> tuple[list[Batch], list[str]]:
    """Return the exchanges of each arm's most typical run, and the notes below their panels.

    Args:
        findings: what was found.
        arms: the names of the arms; None for all.

    Raises:
        TypeError: ``arms`` is a single name.
        ValueError: one of ``arms`` is not in the comparison.
    """
    wanted = _wanted(findings, arms)
    runs = typical_runs(findings)
    batches = [_batch(findings, arm, runs[arm.name].index) for arm in wanted if arm.name in runs]
    return batches, _notes(batches, [arm.name for arm in wanted if arm.name not in runs])


def _wanted(findings: Findings, arms: Collection[str] | None) -> Sequence[ArmTimes]:
    if isinstance(arms, str):
        raise TypeError(f"arms must be a list of names, such as [{arms!r}]")
    return findings.arms if arms is None else [findings.arm(name) for name in dict.fromkeys(arms)]


def _batch(findings: Findings, arm: ArmTimes, run: int) -> Batch:
    exchanges = findings.kept_exchanges
    places = [place for place in exchanges.places(run, 0) if not math.isnan(exchanges.span(place)[1])]
    spans = [exchanges.span(place) for place in places]
    few = places if len(places) <= MOST_BARS else []
    parts = [phases(exchange) for exchange in (exchange_at(findings, place) for place in few) if exchange]
    return Batch(
        name=arm.name,
        kind=arm.language or "",
        starts=[start for start, _ in spans],
        ends=[end for _, end in spans],
        intended=[
            findings.due(exchanges.request(place), start) for place, (start, _) in zip(places, spans, strict=True)
        ],
        phases=parts if any(parts) else (),
        failed=frozenset(number for number, place in enumerate(places) if exchanges.failed(place)),
    )


def curves(values: Sequence[float], sequence: Sequence[Findings]) -> list[Curve]:
    """Return the wall time of each arm over the values of a parameter, then the ideal and the serial time."""
    by_value = list(zip(values, sequence, strict=True))
    found: dict[str, list[tuple[float, ArmTimes]]] = {}
    for value, findings in by_value:
        for arm in findings.arms:
            found.setdefault(arm.name, []).append((value, arm))
    groups = list(dict.fromkeys(arms[0][1].arm.group for arms in found.values()))
    drawn = [
        Curve(
            name=name,
            kind=arms[0][1].language or "",
            # the shape shows the strategy, as the colour shows the language
            shape=_SHAPES[groups.index(arms[0][1].arm.group) % len(_SHAPES)],
            points=[(value, *_interval(arm)) for value, arm in arms],
            projected=frozenset(value for value, arm in arms if arm.projected),
        )
        for name, arms in found.items()
    ]
    for name in ("ideal", "serial"):
        times = [(value, time) for value, findings in by_value if (time := getattr(findings, name))]
        if times:
            drawn.append(Curve(name, "line", 0, [(value, time, math.inf, math.inf) for value, time in times]))
    return drawn


_SHAPES = (0, 4, 3, -4, -3, 5, 6, -5)


def _interval(arm: ArmTimes) -> tuple[float, float, float]:
    middle, low, high = arm.wall_interval
    return middle, _or_infinite(low), high


def _or_infinite(low: float) -> float:
    """Return the lower end of an interval; infinite if there were too few runs for one."""
    return low if low > 0 else math.inf


def _notes(panels: Sequence[Batch], left_out: Sequence[str]) -> list[str]:
    """Return the notes below the panels: whether some are too short to read, and which arms have none."""
    ends = [max(panel.ends, default=0.0) for panel in panels]
    notes = []
    if ends and min(ends) < _SEEN * max(ends):
        notes.append(
            "some panels are short compared with the longest: name them in arms=[…] to give them their own axis"
        )
    if len({len(panel.starts) for panel in panels}) > 1:
        notes.append("the panels have different numbers of exchanges, so do not compare their times")
    if left_out:
        notes.append(f"no exchanges were kept for {', '.join(left_out)}")
    return notes


#: A panel shorter than this share of the axis is hard to read.
_SEEN = 0.1
