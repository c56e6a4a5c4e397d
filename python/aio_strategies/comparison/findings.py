"""What a comparison found: every run and exchange, grouped by arm, and the contrasts between the arms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from ..checks import check_choice
from ..lab.site import pages_to_crawl
from .arm_times import ArmTimes, Latency, TimedRun
from .conditions import Conditions
from .costs import Costs
from .kept_exchanges import KeptExchanges
from .rules import Breach, breaches
from .settings import Arm, Settings, declared_pairs, versions
from .verdicts import Contrast, Metric, aa_contrast, contrasts

__all__ = ["Ending", "Findings"]

Ending = Literal["precise", "rounds", "budget", "interrupted"]
"""Why there were no more rounds; see ``Comparison.ended``."""


@dataclass(frozen=True, eq=False, repr=False)
class Findings:
    """What a comparison found; ``Comparison`` describes the attributes."""

    settings: Settings
    seed: int
    environment: Mapping[str, str | int]
    timed_runs: tuple[TimedRun, ...]
    left_out: Mapping[str, str]
    costs: Mapping[str, Costs] = field(default_factory=dict)
    conditions: Conditions = field(default_factory=Conditions)
    kept_exchanges: KeptExchanges = field(default_factory=KeptExchanges)
    failures: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unchecked: tuple[str, ...] = ()
    printed: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    ended: Ending = "rounds"

    # --- the arms

    @cached_property
    def arms(self) -> tuple[ArmTimes, ...]:
        """The rows of the table, in the order of ``Settings.arms``.

        The twin is not included; see ``twin``.
        """
        return tuple(times for times in map(self._times, self.settings.arms) if times.runs)

    @cached_property
    def twin(self) -> ArmTimes | None:
        """The times of the baseline's twin; None if there are none."""
        twin = self._times(self._baseline.twin())
        return twin if twin.runs else None

    def arm(self, name: str) -> ArmTimes:
        """Return an arm's row.

        Raises:
            ValueError: there is no arm with this name, or it was not timed.
        """
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise ValueError(f"{name!r} is not one of the arms: {', '.join(arm.name for arm in self.arms)}")

    @property
    def rounds(self) -> int:
        """The number of rounds that were timed."""
        return max((run.round for run in self.timed_runs), default=0)

    @property
    def ideal(self) -> float | None:
        """The time in seconds with perfect concurrency, ⌈requests / concurrency⌉ · latency; None without a lab.

        With a rate, it is at least the time until the last request is due, plus one latency.
        """
        return self._line(math.ceil(self.settings.requests / self.settings.concurrency))

    @property
    def serial(self) -> float | None:
        """The time in seconds to wait for one request after another, requests · latency; None without a lab.

        With a rate, it is at least the time until the last request is due, plus one latency.
        """
        return self._line(self.settings.requests)

    def efficiency(self, name: str) -> float | None:
        """Return the ideal time divided by the arm's: 1 is perfect.

        None without a lab, without any latency, or if the arm's time is projected.
        """
        arm = self.arm(name)
        return self.ideal / arm.median_wall if self.ideal and not arm.projected else None

    # --- the verdicts

    @cached_property
    def breaches(self) -> dict[str, tuple[Breach, ...]]:
        """The rules that arms broke, by the arm's name, as far as the lab server saw: more requests in flight than
        allowed, requests that began before they were due, a time below the ideal.
        """
        starts: dict[str, list[list[float]]] = {}
        if self.settings.rate is not None:
            arms = {run.index: run.arm for run in self.timed_runs}
            for batch in self.kept_exchanges.batches:
                began = [start for start, _ in batch.spans() if not math.isnan(start)]
                starts.setdefault(arms[batch.run], []).append(began)
        found = {arm.name: breaches(arm, self.settings, self.ideal, starts.get(arm.name, ())) for arm in self.arms}
        return {name: broken for name, broken in found.items() if broken}

    @cached_property
    def incomparable(self) -> frozenset[str]:
        """The names of the arms on which there is no verdict: they broke a rule (``breaches`` says which), or their
        times are projected.
        """
        return frozenset(self.breaches) | {arm.name for arm in self.arms if arm.projected}

    @cached_property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The declared contrasts of wall time, judged together: Rust vs Python for each strategy, each program vs both
        languages of the strategy beside it, and each arm vs the baseline.
        """
        return self._judged("wall")

    @property
    def headline(self) -> list[Contrast]:
        """The declared contrasts between the versions of a strategy; if there are none, all that are declared."""
        groups = {arm.name: arm.arm.group for arm in self.arms}
        versions = [contrast for contrast in self.contrasts if groups[contrast.arm] == groups[contrast.base]]
        return versions or list(self.contrasts)

    @cached_property
    def by_language(self) -> dict[str, Contrast]:
        """The declared contrasts of Rust vs Python, by the strategy's key."""
        declared = {(contrast.arm, contrast.base): contrast for contrast in self.contrasts}
        pairs = versions([arm.arm for arm in self.arms])
        return {strategy: declared[pair] for strategy, pair in pairs.items() if pair in declared}

    def by_built_in(self, arm: ArmTimes, language: str) -> Contrast | None:
        """Return the declared contrast of an arm vs the Python or the Rust version of its strategy, if there is one."""
        strategy = arm.strategy or arm.arm.beside
        base = f"{language}/{strategy}"
        return next((known for known in self.contrasts if (known.arm, known.base) == (arm.name, base)), None)

    @cached_property
    def by_baseline(self) -> dict[str, Contrast]:
        """The declared contrasts of each arm vs the baseline, by the arm's name."""
        baseline = self.settings.baseline
        forth = {contrast.arm: contrast for contrast in self.contrasts if contrast.base == baseline}
        back = {contrast.base: contrast.inverse() for contrast in self.contrasts if contrast.arm == baseline}
        return forth | back

    def contrast(self, arm: str, base: str, metric: Metric = "wall") -> Contrast:
        """Compare an arm with another.

        The declared contrasts (see ``contrasts``) and the reverse of these are judged together. Any other contrast is
        judged alone, as if it were the only question.

        Args:
            arm: the arm, such as ``rust/thread``.
            base: the arm to compare it with.
            metric: ``"wall"`` for wall time, or ``"cpu"`` for CPU time.

        Raises:
            ValueError: there is no such arm or metric, both arms are the same, they share no round, or the clock is too
                coarse to measure a CPU time.
        """
        check_choice("metric", metric, get_args(Metric))
        times = {name: self.arm(name).by_round(metric) for name in (arm, base)}
        if arm == base:
            raise ValueError(
                f"{arm!r} cannot be compared with itself; see aa_check, which compares the baseline with its twin"
            )
        for contrast in self.contrasts if metric == "wall" else self._cpu_contrasts:
            if (contrast.arm, contrast.base) == (arm, base):
                return contrast
            if (contrast.base, contrast.arm) == (arm, base):
                return contrast.inverse()
        alone = contrasts([(arm, base)], times, metric, self.incomparable)
        if not alone:
            raise ValueError(f"{arm!r} and {base!r} share no round whose {metric} time could be measured")
        return alone[0]

    @cached_property
    def aa_check(self) -> Contrast | None:
        """The baseline, compared with its twin: a trustworthy measurement finds no difference. None without a twin.

        This is a check of validity, with a 99 % confidence interval; it is not judged together with the others.
        """
        baseline = self._times(self._baseline)
        if self.twin is None or not baseline.runs:
            return None
        times = {arm.name: arm.by_round("wall") for arm in (baseline, self.twin)}
        return aa_contrast(baseline.name, self.twin.name, times)

    @cached_property
    def _cpu_contrasts(self) -> tuple[Contrast, ...]:
        return self._judged("cpu")

    def _judged(self, metric: Metric) -> tuple[Contrast, ...]:
        declared = declared_pairs([arm.arm for arm in self.arms], self.settings.baseline)
        times = {arm.name: arm.by_round(metric) for arm in self.arms}
        return tuple(contrasts(declared, times, metric, self.incomparable))

    def due(self, request: int, start: float) -> float:
        """Return when a request that began at ``start`` was due, in seconds from its batch's start.

        A crawl's is due when it begins: nobody knew of it before.
        """
        if self.settings.site is not None:
            return start
        return request / self.settings.rate if self.settings.rate else 0.0

    @cached_property
    def crawled_urls(self) -> list[str]:
        """The URLs of a crawl, by the index of the request; none if nothing was crawled."""
        site = self.settings.site
        if site is None:
            return []
        return [page.url for page in pages_to_crawl(site, self.url or f"http://{site.names[0]}/")]

    # --- helpers

    def _line(self, latencies: int) -> float | None:
        latency, rate = self.settings.latency, self.settings.rate
        if latency is None:
            return None
        last_due = (self.settings.requests - 1) / rate if rate else 0.0
        return max(latencies * latency, last_due + latency)

    @property
    def _baseline(self) -> Arm:
        return next(arm for arm in self.settings.arms if arm.name == self.settings.baseline)

    def _times(self, arm: Arm) -> ArmTimes:
        runs = tuple(run for run in self.timed_runs if run.arm == arm.name)
        return ArmTimes(arm, self.settings.requests, runs, self.costs.get(arm.name), self._latencies.get(arm.name))

    @cached_property
    def _latencies(self) -> dict[str, Latency]:
        return {arm: Latency.of(*times) for arm, times in self.times_of_exchanges.items()}

    @cached_property
    def times_of_exchanges(self) -> dict[str, tuple[list[float], list[float]]]:
        """The service times and the response times in seconds of all exchanges that were kept and did not fail, by the
        arm's name.
        """
        arms = {run.index: run.arm for run in self.timed_runs}
        times: dict[str, tuple[list[float], list[float]]] = {}
        kept = self.kept_exchanges
        columns = map(kept.column, ("run", "request", "error"))
        for run, request, error, (start, end) in zip(*columns, kept.spans(), strict=True):
            if math.isnan(start + end) or error is not None:
                continue
            service, response = times.setdefault(arms[run], ([], []))
            service.append(end - start)
            # What began early did not wait for its time.
            response.append(end - min(start, self.due(request, start)))
        return times
