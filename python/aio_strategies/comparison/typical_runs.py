"""Selects a typical batch of each arm, for traces, HTTP archives and charts."""

from __future__ import annotations

from datetime import UTC, datetime

from ..display.timeline import Exchange, Timeline
from ..lab.page_urls import path_of
from .arm_times import ArmTimes, TimedRun
from .findings import Findings

__all__ = ["exchange_at", "timelines", "typical_runs"]


def timelines(findings: Findings) -> list[Timeline]:
    """Return the first batch of each arm's most typical run, as ``typical_runs`` does."""
    made = []
    for name, run in typical_runs(findings).items():
        places = findings.kept_exchanges.places(run.index, 0)
        exchanges = [exchange for place in places if (exchange := exchange_at(findings, place)) is not None]
        made.append(Timeline(name, exchanges, datetime.fromtimestamp(run.began, UTC)))
    return made


def typical_runs(findings: Findings) -> dict[str, TimedRun]:
    """Return each arm's most typical run, by the arm's name: among those whose exchanges were kept, the one with the
    wall time nearest to the arm's median. Arms without such a run are left out.
    """
    kept = findings.kept_exchanges.kept_runs
    found = {arm.name: _typical(arm, kept) for arm in findings.arms}
    return {name: run for name, run in found.items() if run is not None}


def _typical(arm: ArmTimes, kept: set[int]) -> TimedRun | None:
    most = max((run.requests for run in arm.runs if run.index in kept), default=0)
    middle = arm.median_wall
    walls = [(run, wall) for run, wall in zip(arm.runs, arm.walls, strict=True) if run.index in kept]
    runs = [(abs(wall - middle), run.index, run) for run, wall in walls if run.requests == most]
    return min(runs)[-1] if runs else None


def exchange_at(findings: Findings, place: int) -> Exchange | None:
    """Return the exchange that is kept at this place; None if its start or end is unknown."""
    kept, settings = findings.kept_exchanges, findings.settings
    request = kept.request(place)
    if settings.urls is not None:
        url = settings.urls[request]
    elif settings.site is not None:
        url = findings.crawled_urls[request]
    else:
        url = (findings.url or "http://lab/").rstrip("/") + path_of(request)
    return kept.exchange(place, url=url, intended=findings.due(request, kept.span(place)[0]))
