"""A batch of each arm on one axis of time, for traces, archives and pictures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..report.timeline import ExchangeTimes, Timeline
from .gate import path_of

if TYPE_CHECKING:
    from .comparison import ArmTimes, Comparison, TimedRun
    from .exchanges import Exchange

__all__ = ["timelines"]


def timelines(comparison: Comparison) -> list[Timeline]:
    """Return the first batch of each arm's most typical run: of those whose exchanges were kept, the one whose wall
    time is nearest to the arm's median. An arm without any is left out.
    """
    kept = {exchange.run for exchange in comparison.exchanges}
    made = []
    for arm in comparison.arms:
        run = _typical(arm, kept)
        if run is not None:
            exchanges = comparison.exchanges.rows_of(run.index, 0)
            times = [_times(comparison, exchange) for exchange in exchanges]
            made.append(
                Timeline(arm.name, [time for time in times if time is not None], datetime.fromtimestamp(run.began, UTC))
            )
    return made


def _typical(arm: ArmTimes, kept: set[int]) -> TimedRun | None:
    runs = [run for run in arm.runs if run.index in kept]
    middle = arm.median_wall
    return min(runs, key=lambda run: abs(run.wall * arm.requests / run.requests - middle), default=None)


def _times(comparison: Comparison, exchange: Exchange) -> ExchangeTimes | None:
    if exchange.start is None or exchange.service is None:
        return None
    settings = comparison.settings
    if settings.urls is not None:
        url = settings.urls[exchange.request]
    else:
        url = (comparison.url or "http://lab/").rstrip("/") + path_of(exchange.request)
    return ExchangeTimes(
        url=url,
        intended=comparison.intended(exchange),
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
