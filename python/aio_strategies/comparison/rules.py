"""The rules of a comparison, and who broke them: such an arm is not judged against any other. Not even against one
that broke the same rule, as they may have broken it by different amounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .arm_times import ArmTimes
from .settings import Settings

__all__ = ["Breach", "breaches"]

#: By how much a request may begin before it is due, in seconds: clocks are read one after another.
_EARLY = 0.001
#: Below this share of the ideal time, no rounding explains a time.
_IMPOSSIBLE = 0.99


class Breach(NamedTuple):
    """A rule that an arm broke.

    Attributes:
        text: what it did and what is allowed, in English.
        text_zh: the same in Chinese.
    """

    text: str
    text_zh: str


def breaches(
    arm: ArmTimes, settings: Settings, ideal: float | None, starts: Iterable[Sequence[float]]
) -> tuple[Breach, ...]:
    """Return the rules that an arm broke, as far as the lab server could see.

    Args:
        arm: the arm.
        settings: the settings that hold for all arms.
        ideal: the shortest possible time in seconds, or None if there is none.
        starts: when the requests of each kept batch began, in seconds from the start of the batch.
    """
    broken = []
    peak, allowed = arm.peak_in_flight, settings.concurrency
    if peak is not None and peak > allowed:
        broken.append(
            Breach(
                f"{peak:,} requests in flight at once ({allowed:,} allowed; to allow as many to all:"
                f" concurrency={peak}, or -c {peak})",
                f"同时有 {peak} 个请求（上限 {allowed}；若要全部放宽：concurrency={peak}，或 -c {peak}）",
            )
        )
    if settings.rate is not None and (early := _earliest(starts, settings.rate)) > _EARLY:
        broken.append(
            Breach(
                f"a request began {1000 * early:.0f} ms before it was due",
                f"有请求在到期前 {1000 * early:.0f} ms 就开始了",
            )
        )
    if ideal is not None and not arm.projected and arm.median_wall < _IMPOSSIBLE * ideal:
        broken.append(
            Breach(
                f"{1000 * arm.median_wall:.1f} ms is below the ideal of {1000 * ideal:.1f} ms",
                f"{1000 * arm.median_wall:.1f} ms 低于理想值 {1000 * ideal:.1f} ms",
            )
        )
    return tuple(broken)


def _earliest(starts: Iterable[Sequence[float]], rate: float) -> float:
    """Return by how many seconds the earliest request began before it was due; 0 if none did.

    The first request to begin counts as the first that was due, and so on.
    """
    return max(
        (number / rate - start for batch in starts for number, start in enumerate(sorted(batch))),
        default=0.0,
    )
