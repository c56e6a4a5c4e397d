"""Two arms held against each other, round by round: how many times as fast, how certain, and what may be said of it.

The estimators are native: ``src/statistics.rs``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .._native import hodges_lehmann, judge

__all__ = ["Contrast", "Metric", "Verdict", "aa_contrast", "contrasts", "figure", "log_ratios"]

Metric = Literal["wall", "cpu"]
"""What is compared: the wall time of a run, or its processor time."""

Verdict = Literal["faster", "slower", "equivalent", "undecided"]
"""What may be said of two arms; see ``Contrast.verdict``."""

Times = Mapping[int, float]
"""Seconds, by round."""

_AA_CONFIDENCE = 0.99
_OPPOSITE: Mapping[Verdict, Verdict] = {"faster": "slower", "slower": "faster"}
_WORDS = {
    ("wall", "faster"): "faster",
    ("wall", "slower"): "slower",
    ("cpu", "faster"): "less CPU",
    ("cpu", "slower"): "more CPU",
}


@dataclass(frozen=True, slots=True)
class Contrast:
    """An arm, seen from its base.

    The ratio is the Hodges–Lehmann estimate over the rounds' ratios, and its interval the one that inverts Wilcoxon's
    signed-rank test at 95 %. "Faster" and "slower" hold for all contrasts of the comparison together (Holm): one whose
    own interval lies just beyond the limit may still be undecided among many.

    Attributes:
        arm: the arm.
        base: the arm that it is held against.
        metric: ``"wall"``, or ``"cpu"`` (processor time).
        ratio: how many times as fast the arm is as its base (base's time / arm's time).
        low: the lower end of the ratio's interval; 0 if there were too few rounds to exclude anything.
        high: its upper end; infinite if there were too few rounds.
        p: the p-value, adjusted by Holm, of a difference of more than 3 %.
        verdict: ``"faster"`` or ``"slower"`` (by more than 3 %, at 5 % for all contrasts together), ``"equivalent"``
            (the interval is within ±5 %), else ``"undecided"``.
        rounds: the number of rounds in which both arms were timed.
        rounds_needed: about how many rounds would give a verdict; None if there is one.
    """

    arm: str
    base: str
    metric: Metric
    ratio: float
    low: float
    high: float
    p: float
    verdict: Verdict
    rounds: int
    rounds_needed: int | None

    @property
    def half_width(self) -> float:
        """Half the interval's width, as a share of the ratio: 0.05 for ±5 %; infinite if there were too few rounds."""
        return math.sqrt(self.high / self.low) - 1 if self.low > 0 else math.inf

    def inverse(self) -> Contrast:
        """Return the base, seen from the arm."""
        return replace(
            self,
            arm=self.base,
            base=self.arm,
            ratio=1 / self.ratio,
            low=1 / self.high,
            high=1 / self.low if self.low > 0 else math.inf,
            verdict=_OPPOSITE.get(self.verdict, self.verdict),
        )

    def brief(self) -> str:
        """Return the verdict with its interval, as for a cell of a table: ``2.3× faster [2.1, 2.6]``.

        One that is undecided says of how many rounds about how many have been timed.
        """
        if self.verdict in _OPPOSITE:
            told = self if self.verdict == "faster" else self.inverse()
            return f"{figure(told.ratio)}× {_WORDS[self.metric, self.verdict]}{told.interval}"
        needed = "" if self.rounds_needed is None else f" ({self.rounds} of about {self.rounds_needed} rounds)"
        return f"{self.verdict}: {figure(self.ratio)}×{self.interval}{needed}"

    def __str__(self) -> str:
        return self.brief() + (f", {_rounds(self.rounds)}" if self.rounds_needed is None else "")

    @property
    def interval(self) -> str:
        """The interval as it stands behind a ratio, `` [2.1, 2.6]``; empty if there were too few rounds for one."""
        return f" [{figure(self.low)}, {figure(self.high)}]" if self.low > 0 else ""


def contrasts(pairs: Sequence[tuple[str, str]], times: Mapping[str, Times], metric: Metric) -> list[Contrast]:
    """Judge pairs of arm and base together; those that share no round are left out.

    Args:
        pairs: the declared contrasts.
        times: each arm's times.
        metric: what these times are.
    """
    shared = [(arm, base, log_ratios(times.get(arm, {}), times.get(base, {}))) for arm, base in pairs]
    known = [(arm, base, ratios) for arm, base, ratios in shared if ratios]
    return [
        Contrast(arm, base, metric, ratio, low, high, p, verdict, len(ratios), rounds_needed)
        for (arm, base, ratios), (ratio, low, high, p, verdict, rounds_needed) in zip(
            known, judge([ratios for _, _, ratios in known]), strict=True
        )
    ]


def aa_contrast(baseline: str, twin: str, times: Mapping[str, Times]) -> Contrast | None:
    """Hold the baseline against its twin by their wall times, with an interval of 99 %.

    At 95 %, one comparison in twenty would tell its reader not to trust it, with nothing wrong.
    """
    found = contrasts([(twin, baseline)], times, "wall")
    if not found:
        return None
    ratios = log_ratios(times[twin], times[baseline])
    _, low, high = hodges_lehmann(ratios, _AA_CONFIDENCE)
    return replace(found[0], low=math.exp(low), high=math.exp(high))


def log_ratios(arm: Times, base: Times) -> list[float]:
    """Return ln(base's time / arm's time) of each round that has both; none if a clock was too coarse to see a time."""
    rounds = sorted(arm.keys() & base.keys())
    if any(arm[number] <= 0 or base[number] <= 0 for number in rounds):
        return []
    return [math.log(base[number] / arm[number]) for number in rounds]


def _rounds(count: int) -> str:
    return f"{count} round{'s' * (count != 1)}"


def figure(ratio: float) -> str:
    """Return a ratio with as many digits as make sense."""
    if not math.isfinite(ratio):
        return "∞"
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:.0f}"
