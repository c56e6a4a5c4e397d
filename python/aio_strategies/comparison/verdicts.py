"""Compares two arms round by round: the ratio of their times, its confidence interval, and the verdict.

The estimators are written in Rust: ``src/statistics.rs``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .._native import hodges_lehmann, judge

__all__ = ["Contrast", "Metric", "Verdict", "aa_contrast", "contrasts", "figure", "log_ratios"]

Metric = Literal["wall", "cpu"]
"""What is compared: the wall time of a run, or its CPU time."""

Verdict = Literal["faster", "slower", "equivalent", "undecided", "incomparable"]
"""The verdict on two arms; see ``Contrast.verdict``."""

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
    """An arm, compared with its base.

    The ratio is the Hodges–Lehmann estimate over the ratios of the rounds; its 95 % confidence interval inverts
    Wilcoxon's signed-rank test. The verdicts "faster" and "slower" hold for all contrasts of the comparison together
    (Holm): among many, a contrast may be undecided even if its own interval lies just beyond the limit.

    Attributes:
        arm: the arm.
        base: the arm that it is compared with.
        metric: ``"wall"`` (wall time) or ``"cpu"`` (CPU time).
        ratio: how many times as fast the arm is as its base (base's time / arm's time).
        low: the lower end of the ratio's confidence interval; 0 if there is none, as after too few rounds.
        high: its upper end; infinite if there is none.
        p: the Holm-adjusted p-value for a difference of more than 3 %; 1 if they are incomparable.
        verdict: ``"faster"`` or ``"slower"`` (by more than 3 %, at 5 % for all contrasts together), ``"equivalent"``
            (the interval is within ±5 %), ``"incomparable"`` (one of the two broke a rule, or its times are projected:
            it is in ``Comparison.incomparable``, and there is no interval; two that broke the same rule may have broken
            it by different amounts, so there is no verdict on them either), else ``"undecided"``.
        rounds: the number of rounds in which both arms were timed.
        rounds_needed: about how many rounds a verdict would need; None if there is one, or can be none.
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
        """Return the reverse contrast: the base, compared with the arm."""
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
        """Return the verdict with its interval, for a table cell: ``2.3× faster [2.1, 2.6]``.

        If it is undecided, it also says how many rounds were timed, and about how many are needed.
        """
        if self.verdict == "incomparable":
            return f"no verdict (≈{figure(self.ratio)}×)"
        if self.verdict in _OPPOSITE:
            told = self if self.verdict == "faster" else self.inverse()
            return f"{figure(told.ratio)}× {_WORDS[self.metric, self.verdict]}{told.interval}"
        needed = "" if self.rounds_needed is None else f" ({self.rounds} of about {self.rounds_needed} rounds)"
        return f"{self.verdict}: {figure(self.ratio)}×{self.interval}{needed}"

    def __str__(self) -> str:
        return self.brief() + (f", {_rounds(self.rounds)}" if self.rounds_needed is None else "")

    @property
    def interval(self) -> str:
        """The interval as text to follow a ratio, `` [2.1, 2.6]``; empty if there were too few rounds for one."""
        return f" [{figure(self.low)}, {figure(self.high)}]" if self.low > 0 else ""


def contrasts(
    pairs: Sequence[tuple[str, str]],
    times: Mapping[str, Times],
    metric: Metric,
    incomparable: Collection[str] = (),
) -> list[Contrast]:
    """Judge all pairs of arm and base together; pairs that share no round are left out.

    Args:
        pairs: the declared contrasts.
        times: each arm's times.
        metric: whether these are wall times or CPU times.
        incomparable: the arms on which there is no verdict.
    """
    shared = {pair: log_ratios(times.get(pair[0], {}), times.get(pair[1], {})) for pair in pairs}
    judged = [pair for pair, ratios in shared.items() if ratios and not set(pair) & set(incomparable)]
    verdicts = dict(zip(judged, judge([shared[pair] for pair in judged]), strict=True))
    found = []
    for pair, ratios in shared.items():
        if pair in verdicts:
            ratio, low, high, p, verdict, needed = verdicts[pair]
            found.append(Contrast(*pair, metric, ratio, low, high, p, verdict, len(ratios), needed))
        elif ratios:
            ratio = math.exp(hodges_lehmann(ratios, _AA_CONFIDENCE)[0])
            found.append(Contrast(*pair, metric, ratio, 0.0, math.inf, 1.0, "incomparable", len(ratios), None))
    return found


def aa_contrast(baseline: str, twin: str, times: Mapping[str, Times]) -> Contrast | None:
    """Compare the wall times of the baseline and its twin, with a 99 % confidence interval.

    At 95 %, one sound comparison in twenty would tell its reader not to trust it.
    """
    found = contrasts([(twin, baseline)], times, "wall")
    if not found:
        return None
    ratios = log_ratios(times[twin], times[baseline])
    _, low, high = hodges_lehmann(ratios, _AA_CONFIDENCE)
    return replace(found[0], low=math.exp(low), high=math.exp(high))


def log_ratios(arm: Times, base: Times) -> list[float]:
    """Return ln(base's time / arm's time) for each round that has both; empty if the clock is too coarse."""
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
