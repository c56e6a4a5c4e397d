"""A batch of each arm on one axis of time, for traces, archives and pictures."""

from __future__ import annotations

from datetime import UTC, datetime

from ..display.timeline import ExchangeTimes, Timeline
from ..lab.log import path_of
from .arm_times import ArmTimes, TimedRun
from .findings import Findings
from .kept_exchanges import Exchange

__all__ = ["exchange_times", "timelines", "typical_runs"]


def timelines(findings: Findings) -> list[Timeline]:
    """Return the first batch of each arm's most typical run: of those whose exchanges were kept, the one whose wall
    time is nearest to the arm's median. An arm without any is left out.
    """
    made = []
    for name, run in typical_runs(findings).items():
        times = [exchange_times(findings, exchange) for exchange in findings.exchanges.rows_of(run.index, 0)]
        began = datetime.fromtimestamp(run.began, UTC)
        made.append(Timeline(name, [time for time in times if time is not None], began))
    return made


def typical_runs(findings: Findings) -> dict[str, TimedRun]:
    """Return each arm's most typical run, by the arm's name: of those whose exchanges were kept, the one whose wall
    time is nearest to the arm's median. An arm without any is left out.
    """
    kept = findings.exchanges.kept_runs
    found = {arm.name: _typical(arm, kept) for arm in findings.arms}
    return {name: run for name, run in found.items() if run is not None}


def _typical(arm: ArmTimes, kept: set[int]) -> TimedRun | None:
    runs = [run for run in arm.runs if run.index in kept]
    middle = arm.median_wall
    return min(runs, key=lambda run: abs(run.wall * arm.requests / run.requests - middle), default=None)


def exchange_times(findings: Findings, exchange: Exchange) -> ExchangeTimes | None:
    """Return the times of an exchange; None if nobody saw when it began or ended."""
    if exchange.start is None or exchange.service is None:
        return None
    settings = findings.settings
    if settings.urls is not None:
        url = settings.urls[exchange.request]
    else:
        url = (findings.url or "http://lab/").rstrip("/") + path_of(exchange.request)
    return ExchangeTimes(
        url=url,
        intended=findings.due(exchange.run, exchange.request),
        start=exchange.start,
        end=exchange.start + exchange.service,
        accepted=exchange.accepted,
        request=exchange.asked,
        first_byte=exchange.first_byte,
        last_byte=exchange.last_byte,
        closed=exchange.closed,
        status=exchange.status,
        size=exchange.size,
        error=exchange.error,
    )
