"""Before and after: two comparisons of the same work, measured at different times, held against each other."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args, overload
from urllib.parse import urlsplit

from .._native import holm
from ..checks import check_choice, check_limit
from ..display.tables import Column, Table
from .findings import Findings
from .rank_sum import Shift
from .sequence import ARM, TableAndNotes, warnings_of
from .settings import WORK, Settings
from .verdicts import Contrast, Metric, Verdict, figure, log_ratios

__all__ = ["Change", "Diff"]

# The thresholds of src/statistics.rs; see docs/measuring.md.
_CONFIDENCE = 0.95
_RELEVANT = 0.03
_EQUIVALENT = 0.05

_ENVIRONMENT = ("cpu", "cores", "usable_cores", "governor", "os", "kernel", "python", "package", "build_profile")


@dataclass(frozen=True, slots=True)
class Change:
    """How an arm has changed between two comparisons, relative to the reference.

    Attributes:
        arm: the arm.
        before: the arm, compared with the reference in the first comparison.
        after: the same in the second.
        ratio: how many times as fast the arm is after as before, both times relative to the reference.
        low: the lower end of the ratio's 95 % confidence interval; 0 if there were too few rounds for one.
        high: its upper end; infinite if there were too few rounds.
        p: the Holm-adjusted p-value for a change of more than 3 %.
        verdict: ``"faster"`` or ``"slower"`` (by more than 3 %, at 5 % for all arms together), ``"equivalent"`` (the
            interval is within ±5 %), ``"incomparable"`` (before or after, the arm or the reference is in
            ``Comparison.incomparable``; there is no interval), else ``"undecided"``.
        rounds: the number of rounds before or after, whichever is smaller.
        rounds_needed: about how many rounds a verdict would need both before and after; None if there is one, or can be
            none.
    """

    arm: str
    before: Contrast
    after: Contrast
    ratio: float
    low: float
    high: float
    p: float
    verdict: Verdict
    rounds: int
    rounds_needed: int | None

    def brief(self) -> str:
        """Return the verdict with its interval, for a table cell: ``1.08× slower [1.05, 1.11]``.

        If it is undecided, it also says how many rounds were timed, and about how many are needed.
        """
        return replace(
            self.after,
            ratio=self.ratio,
            low=self.low,
            high=self.high,
            p=self.p,
            verdict=self.verdict,
            rounds=self.rounds,
            rounds_needed=self.rounds_needed,
        ).brief()

    def __str__(self) -> str:
        return f"{self.arm}: {self.brief()}"

    def __repr__(self) -> str:
        return f"<Change {self}>"


class Diff(TableAndNotes, Sequence[Change]):
    """Two comparisons of the same work, before and after: a sequence of ``Change``, one for each arm that is in both,
    displayed as a table.

    A machine's speed differs from one comparison to the next, so times are never held against each other. Each arm is
    taken relative to a reference arm of its own comparison, round by round: what slows both by the same factor cancels.
    These log-ratios, before and after, are two independent samples. The change is the Hodges–Lehmann estimate of their
    shift; its interval inverts the rank-sum test (Mann–Whitney), exactly up to 60 rounds each. Holm's procedure judges
    all arms together.

    Args:
        before: the first comparison.
        after: the second.
        reference: the arm that has not changed; None for the baseline of both.
        metric: ``"wall"`` for wall time, or ``"cpu"`` for CPU time.

    Raises:
        TypeError: ``after`` is not a comparison.
        ValueError: the two are not about the same work, have no common arm besides the reference, or have different
            baselines and no reference was given; or there is no such reference or metric.

    Attributes:
        before: the first comparison.
        after: the second.
        reference: the name of the arm that the others are relative to.
        metric: ``"wall"`` or ``"cpu"``.
    """

    def __init__(
        self, before: Findings, after: Findings, reference: str | None = None, metric: Metric = "wall"
    ) -> None:
        if not isinstance(after, Findings):
            raise TypeError(f"a comparison can be compared only with another Comparison, not {after!r}")
        check_choice("metric", metric, get_args(Metric))
        _check_same_work(before.settings, after.settings)
        self.before, self.after, self.metric = before, after, metric
        self.reference = _reference(before, after, reference)
        self._samples = {
            name: samples
            for name in _shared(before, after)
            if name != self.reference and all(samples := [self._ratios(found, name) for found in (before, after)])
        }
        if not self._samples:
            raise ValueError(f"no arm shares a round with {self.reference!r} whose {metric} time could be measured")
        incomparable = before.incomparable | after.incomparable
        self._shifts = {
            name: Shift(*samples)
            for name, samples in self._samples.items()
            if not {name, self.reference} & incomparable
        }
        adjusted = self._adjusted_p(_RELEVANT)
        self._changes = tuple(
            self._change(name, adjusted[name]) if name in adjusted else self._no_verdict(name) for name in self._samples
        )

    def slower_than(self, limit: float) -> tuple[Change, ...]:
        """Return the arms that are proven to be slower by more than a limit, at 5 % for all arms together.

        Args:
            limit: the share of the time that may be added, such as 0.05 for 5 %.

        Raises:
            TypeError: it is not a number.
            ValueError: it is negative or not finite.
        """
        adjusted = self._adjusted_p(check_limit(limit))
        return tuple(change for change in self if adjusted.get(change.arm, 1.0) <= 1 - _CONFIDENCE and change.ratio < 1)

    @cached_property
    def unjudged(self) -> Mapping[str, str]:
        """The arms of the first comparison that no slowdown can be proven of, however large, each with the reason: it
        is not in the second; its times, or the reference's, are projected, or were taken against the rules; or there
        are too few rounds.
        """
        names = [arm.name for arm in self.before.arms if arm.name != self.reference]
        return {name: reason for name in names if (reason := self._why_unjudged(name))}

    @overload
    def __getitem__(self, index: int) -> Change: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Change, ...]: ...

    def __getitem__(self, index: Any) -> Any:
        return self._changes[index]

    def __len__(self) -> int:
        return len(self._changes)

    # --- how it is judged

    def _why_unjudged(self, name: str) -> str:
        """Return why no slowdown of this arm can be proven; empty if one can."""
        if name not in _shared(self.before, self.after):
            return "it is not in the second comparison"
        for when, findings in (("first", self.before), ("second", self.after)):
            for one in (name, self.reference):
                if one in findings.incomparable:
                    what = "did not keep to the rules" if one in findings.breaches else "has projected times"
                    return f"{'it' if one == name else one} {what} in the {when} comparison"
        if name not in self._samples:
            return f"it shares no round with {self.reference}"
        before, after = map(len, self._samples[name])
        return "" if self._decides(before, after) else f"too few rounds: {before}, then {after}"

    def _ratios(self, findings: Findings, name: str) -> list[float]:
        arm, reference = (findings.arm(one).by_round(self.metric) for one in (name, self.reference))
        return log_ratios(arm, reference)

    def _adjusted_p(self, limit: float) -> dict[str, float]:
        """Return each arm's p-value for a change of more than this, adjusted by Holm."""
        edge = math.log1p(limit)
        p_values = [min(1.0, 2 * min(shift.p_above(edge), shift.p_below(-edge))) for shift in self._shifts.values()]
        return dict(zip(self._shifts, holm(p_values), strict=True))

    def _change(self, name: str, p: float) -> Change:
        shift = self._shifts[name]
        low, high = shift.interval(_CONFIDENCE)
        edge = math.log1p(_EQUIVALENT)
        verdict: Verdict = "equivalent" if -edge <= low and high <= edge else "undecided"
        if p <= 1 - _CONFIDENCE:
            verdict = "faster" if shift.value > 0 else "slower"
        return Change(
            name,
            self.before.contrast(name, self.reference, self.metric),
            self.after.contrast(name, self.reference, self.metric),
            math.exp(shift.value),
            math.exp(low),
            math.exp(high),
            p,
            verdict,
            min(map(len, self._samples[name])),
            self._rounds_needed(name) if verdict == "undecided" else None,
        )

    def _no_verdict(self, name: str) -> Change:
        before, after = (found.contrast(name, self.reference, self.metric) for found in (self.before, self.after))
        rounds = min(map(len, self._samples[name]))
        ratio = math.exp(Shift(*self._samples[name]).value)
        return Change(name, before, after, ratio, 0.0, math.inf, 1.0, "incomparable", rounds, None)

    def _rounds_needed(self, name: str) -> int:
        """Return about how many rounds would give a verdict if the estimate were true, as src/statistics.rs does:
        intervals shrink with the square root of their number.
        """
        shift, distance = self._shifts[name], abs(self._shifts[name].value)
        sizes = [len(sample) for sample in self._samples[name]]
        # two samples of this size would have the same interval
        rounds = statistics.harmonic_mean(sizes)

        def needed(confidence: float, room: float) -> float:
            low, high = shift.interval(confidence)
            return rounds * ((high - low) / 2 / room) ** 2 if room > 0 else math.inf

        different = needed(1 - (1 - _CONFIDENCE) / len(self._shifts), distance - math.log1p(_RELEVANT))
        equivalent = needed(_CONFIDENCE, math.log1p(_EQUIVALENT) - distance)
        fewest = max(min(sizes) + 1, self._fewest_rounds())
        found = min(different, equivalent)
        return max(fewest, math.ceil(found)) if math.isfinite(found) else fewest

    def _fewest_rounds(self) -> int:
        """Return how many rounds before and after can give any verdict of faster or slower."""
        return next(n for n in itertools.count(1) if self._decides(n, n))

    def _decides(self, n: int, m: int) -> bool:
        """Return whether so many rounds could call the clearest change faster or slower: if all values of one sample
        lie beyond all of the other, the p-value is 2 / (n + m choose n), and Holm multiplies it by the number of arms.
        """
        return 2 * len(self._shifts) / math.comb(n + m, n) <= 1 - _CONFIDENCE

    # --- how it is displayed

    def _table(self) -> Table:
        ratio = f"how many times as fast as {self.reference} in the {{}} comparison [95 % confidence interval]"
        columns = (
            ARM,
            Column(f"before, vs {self.reference}", about=ratio.format("first"), shorten=1, drop=3),
            Column(f"after, vs {self.reference}", about=ratio.format("second"), shorten=1, drop=4),
            Column(
                "after vs before",
                about=f"how many times as fast it has become, both times relative to {self.reference}"
                " [95 % confidence interval]",
                shorten=2,
            ),
        )
        rows = tuple((change.arm, _ratio(change.before), _ratio(change.after), change.brief()) for change in self)
        return Table(columns, rows)

    def _notes(self) -> list[str]:
        what = "wall time" if self.metric == "wall" else "CPU time"
        return [
            f"{what}: each arm relative to {self.reference}, then after against before; what slows both by the same"
            f" factor cancels, provided that {self.reference} itself has not changed",
            f"rounds: {self.before.rounds} before, {self.after.rounds} after",
            *self._too_few(),
            *self._left_out(),
            *self._elsewhere(),
            *warnings_of(("before", "after"), (self.before, self.after)),
            "surer: time the old and the new program in one comparison, where they are paired round by round"
            " (aio-strategies compare old.py new.py)",
        ]

    def _too_few(self) -> Iterator[str]:
        """Say so if not even the clearest change could be called faster or slower."""
        judged = [self._samples[name] for name in self._shifts]
        if judged and not any(self._decides(len(before), len(after)) for before, after in judged):
            yield (
                f"too few rounds to call any arm faster or slower: at least {self._fewest_rounds()} before and after"
                " are needed"
            )

    def _left_out(self) -> Iterator[str]:
        names = [[arm.name for arm in findings.arms] for findings in (self.before, self.after)]
        for when, here, there in (("before", *names), ("after", *reversed(names))):
            if only := [name for name in here if name not in there]:
                yield f"only {when}: {', '.join(only)}"
        lost = [name for name in _shared(self.before, self.after) if name not in (self.reference, *self._samples)]
        if lost:
            yield f"no round shared with {self.reference}: {', '.join(lost)}"

    def _elsewhere(self) -> Iterator[str]:
        before, after = self.before.environment, self.after.environment
        changed = [name for name in _ENVIRONMENT if before.get(name) != after.get(name)]
        if changed:
            told = (f"{name.replace('_', ' ')} {before.get(name)} → {after.get(name)}" for name in changed)
            yield f"also changed: {', '.join(told)}"


def _check_same_work(before: Settings, after: Settings) -> None:
    """Raise ValueError if the two comparisons did not time the same work, and say what differs."""
    differ = []
    for name in WORK:
        values = [getattr(settings, name) for settings in (before, after)]
        if name == "urls":
            if _without_ports(values[0]) != _without_ports(values[1]):
                differ.append("the URLs")
        elif values[0] != values[1]:
            differ.append(f"{name} was {values[0]}, then {values[1]}")
    if differ:
        raise ValueError(f"these comparisons were not about the same work: {'; '.join(differ)}")


def _without_ports(urls: Sequence[str] | None) -> list[tuple[str | None, str, str]] | None:
    """Return the URLs without their ports: a server of somebody's own tests has another each time."""
    return None if urls is None else [(parts.hostname, parts.path, parts.query) for parts in map(urlsplit, urls)]


def _shared(before: Findings, after: Findings) -> list[str]:
    there = {arm.name for arm in after.arms}
    return [arm.name for arm in before.arms if arm.name in there]


def _reference(before: Findings, after: Findings, reference: str | None) -> str:
    """Return the arm that the others are relative to; raise ValueError if there is none, or no other."""
    shared = _shared(before, after)
    if not shared:
        raise ValueError("these comparisons have no arm in common")
    if len(shared) == 1:
        raise ValueError(
            f"it cannot be told how {shared[0]!r} has changed: there is no other arm in both comparisons, and its times"
            " alone do not tell its own change from the machine's. Compare it both times with an arm that does not"
            " change"
        )
    if reference is None:
        baselines = [findings.settings.baseline for findings in (before, after)]
        if baselines[0] != baselines[1] or baselines[0] not in shared:
            raise ValueError(
                f"the baselines are {baselines[0]!r} and {baselines[1]!r}: name the arm that has not changed with"
                f" reference=, one of {', '.join(shared)}"
            )
        return baselines[0]
    return check_choice("reference", reference, shared)


def _ratio(contrast: Contrast) -> str:
    return f"{'≈' * (contrast.verdict == 'incomparable')}{figure(contrast.ratio)}×{contrast.interval}"
