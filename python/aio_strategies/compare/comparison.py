"""What a comparison found: every run and exchange, gathered by arm, and what may be said of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from .arm_times import PERCENTILES, ArmTimes, Latency, TimedRun
from .conditions import Conditions
from .contrasts import Contrast, Metric, contrasts
from .costs import Costs
from .exchanges import Exchanges
from .plan import Arm, Settings

if TYPE_CHECKING:
    from os import PathLike

    from ..display.choosing import View
    from ..display.picture import Picture
    from ..frame import Frame
    from .caveats import Caveat
    from .explanation import Explanation
    from .several import Comparisons

__all__ = ["PERCENTILES", "ArmTimes", "Comparison", "Latency", "TimedRun"]


@dataclass(frozen=True, repr=False)
class Comparison:
    """The result of ``compare``: a table wherever it is shown, with everything that was measured in it.

    Attributes:
        settings: what was asked for.
        seed: what the order of the runs was drawn from.
        environment: the machine and the builds at work; see ``compare/environment.py``.
        timed_runs: every timed run, in the order in which they were made, those of the twin among them.
        left_out: the arms that are not available here, such as ``rust/process``, and why.
        costs: what each arm was seen to cost, in a pass of its own, by the arm's name.
        conditions: what else the machine did.
        exchanges: the exchanges of the timed runs, as many as were kept.
        failures: what a user's arm raised after the gate, by the arm's name.
        unchecked: the user's arms of which nobody could tell whether they did the same work.
        printed: what the user's arms printed when they ran for the first time, by the arm's name, if it was anything.
        url: the root of the lab server, or None without one.
        ended: why there were not more rounds: ``"precise"`` (every headline interval is within ±5 %), ``"rounds"`` (as
            many as there may be), ``"budget"``, or ``"interrupted"``.
    """

    settings: Settings
    seed: int
    environment: Mapping[str, str | int]
    timed_runs: tuple[TimedRun, ...]
    left_out: Mapping[str, str]
    costs: Mapping[str, Costs] = field(default_factory=dict)
    conditions: Conditions = field(default_factory=Conditions)
    exchanges: Exchanges = field(default_factory=Exchanges)
    failures: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unchecked: tuple[str, ...] = ()
    printed: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    ended: str = "rounds"

    # --- the arms

    @cached_property
    def arms(self) -> tuple[ArmTimes, ...]:
        """The rows of the table: by strategy, then by language, each in the order that was asked for, then the others.

        The twin is not among them; see ``twin``.
        """
        return tuple(times for times in map(self._times, self._all_arms()) if times.runs)

    @cached_property
    def twin(self) -> ArmTimes | None:
        """The times of the baseline's twin; None if there are none."""
        twin = self._times(self._baseline.twin())
        return twin if twin.runs else None

    def arm(self, name: str) -> ArmTimes:
        """Return an arm's row.

        Raises:
            ValueError: there is no arm of that name, or it was not timed.
        """
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise ValueError(f"{name!r} is none of the arms: {', '.join(arm.name for arm in self.arms)}")

    @property
    def rounds(self) -> int:
        """The number of rounds that were timed."""
        return max((run.round for run in self.timed_runs), default=0)

    @property
    def ideal(self) -> float | None:
        """The seconds that perfect concurrency would take, ⌈requests / concurrency⌉ · latency; None without a lab.

        With a rate, it is no less than until the last request is due, and answered.
        """
        return self._line(math.ceil(self.settings.requests / self.settings.concurrency))

    @property
    def serial(self) -> float | None:
        """The seconds that waiting for one request after another takes, requests · latency; None without a lab.

        With a rate, it is no less than until the last request is due, and answered.
        """
        return self._line(self.settings.requests)

    def efficiency(self, name: str) -> float | None:
        """Return the ideal time as a share of the arm's: 1 is perfect; None without a lab, or where nothing waits."""
        return self.ideal / self.arm(name).median_wall if self.ideal else None

    # --- what may be said of them

    @cached_property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The declared contrasts of wall time, judged together: Rust by Python for each strategy, and each arm by the
        baseline.
        """
        return self._judged("wall")

    @cached_property
    def by_language(self) -> dict[str, Contrast]:
        """The declared contrasts of Rust by Python, by the strategy's key."""
        declared = {(contrast.arm, contrast.base): contrast for contrast in self.contrasts}
        return {strategy: declared[pair] for strategy, pair in self._twice().items() if pair in declared}

    @cached_property
    def by_baseline(self) -> dict[str, Contrast]:
        """The declared contrasts with the baseline, each seen from the other arm, by that arm's name."""
        baseline = self.settings.baseline
        forth = {contrast.arm: contrast for contrast in self.contrasts if contrast.base == baseline}
        back = {contrast.base: contrast.inverse() for contrast in self.contrasts if contrast.arm == baseline}
        return forth | back

    def contrast(self, arm: str, base: str, metric: Metric = "wall") -> Contrast:
        """Hold an arm against another.

        A declared contrast (Rust by Python of the same strategy, any arm by the baseline, or either the other way
        round) has the verdict that holds for all of them together. Any other is judged alone, as if it had been the
        only question.

        Args:
            arm: the arm, as ``rust/thread``.
            base: the arm that it is held against.
            metric: ``"wall"``, or ``"cpu"`` for processor time.

        Raises:
            ValueError: there is no such arm or metric, both are the same, or they share no round, or the clock was too
                coarse to see a processor time.
        """
        if metric not in ("wall", "cpu"):
            raise ValueError(f"metric must be 'wall' or 'cpu', not {metric!r}")
        times = {name: self.arm(name).by_round(metric) for name in (arm, base)}
        if arm == base:
            raise ValueError(f"{arm!r} cannot be held against itself; aa_check does so with its twin")
        for contrast in self.contrasts if metric == "wall" else self._cpu_contrasts:
            if (contrast.arm, contrast.base) == (arm, base):
                return contrast
            if (contrast.base, contrast.arm) == (arm, base):
                return contrast.inverse()
        alone = contrasts([(arm, base)], times, metric)
        if not alone:
            raise ValueError(f"{arm!r} and {base!r} share no round whose {metric} time could be measured")
        return alone[0]

    @cached_property
    def aa_check(self) -> Contrast | None:
        """The baseline, held against its twin: a harness that can be trusted finds no difference. None if it has none.

        It is a check of validity, with an interval of 99 %: it takes no part in the judging of the others.
        """
        baseline = self._times(self._baseline)
        if self.twin is None or not baseline.runs:
            return None
        from .caveats import aa_contrast

        return aa_contrast(baseline, self.twin)

    @cached_property
    def warnings(self) -> tuple[Caveat, ...]:
        """What speaks against trusting the figures; shown below the table. Empty in a quiet run."""
        from .caveats import caveats

        return caveats(self)

    def explain(self, arm: str | None = None, lang: Literal["en", "zh"] = "en") -> Explanation:
        """Tell why an arm took as long as it did: a sentence, made of what was measured of it and of nothing else.

        Args:
            arm: the arm, as ``rust/thread``; None for all.
            lang: ``"en"`` for English, ``"zh"`` for Chinese.

        Raises:
            ValueError: there is no such arm, or ``lang`` is neither ``"en"`` nor ``"zh"``.
        """
        from .explanation import explain

        return explain(self, arm, lang)

    @cached_property
    def _cpu_contrasts(self) -> tuple[Contrast, ...]:
        return self._judged("cpu")

    def _judged(self, metric: Metric) -> tuple[Contrast, ...]:
        names = [arm.name for arm in self.arms]
        baseline = self.settings.baseline
        by_language = list(self._twice().values())
        by_baseline = [
            (name, baseline)
            for name in names
            if baseline in names
            and name != baseline
            and (name, baseline) not in by_language
            and (baseline, name) not in by_language
        ]
        times = {arm.name: arm.by_round(metric) for arm in self.arms}
        return tuple(contrasts(by_language + by_baseline, times, metric))

    # --- as tables

    @cached_property
    def summary(self) -> Frame:
        """A row for each arm: a table for polars, pyarrow, duckdb or pandas. Times are in seconds, memory in bytes."""
        from .frames import summary

        return summary(self)

    @cached_property
    def runs(self) -> Frame:
        """A row for each timed run, as measured (nothing is projected), those of the twin among them."""
        from .frames import runs

        return runs(self)

    @cached_property
    def requests(self) -> Frame:
        """A row for each exchange that was kept, in seconds from the start of its batch."""
        from .frames import requests

        return requests(self)

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """Return the table as aligned text: in English, or in Chinese with the lecture's columns and figures.

        Raises:
            ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
        """
        from .tables import notes, tables

        return "\n\n".join([*(table.to_text() for table in tables(self, lang)), "\n".join(notes(self, lang))])

    def to_markdown(self, lang: Literal["en", "zh"] = "en") -> str:
        """Return the table in Markdown: in English, or in Chinese with the lecture's columns and figures.

        Raises:
            ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
        """
        from .tables import notes, tables

        return "\n\n".join([*(table.to_markdown() for table in tables(self, lang)), *notes(self, lang)])

    def to_csv(self, table: Literal["summary", "runs", "requests"] = "summary") -> str:
        """Return one of the tables as comma-separated values, with a line of headings.

        Raises:
            ValueError: there is no such table.
        """
        if table not in ("summary", "runs", "requests"):
            raise ValueError(f"table must be 'summary', 'runs' or 'requests', not {table!r}")
        frame: Frame = getattr(self, table)
        return frame.to_csv()

    # --- as pictures

    def plot(self, *, interactive: bool = False, ax: Any = None) -> Picture | Any:
        """Draw each arm's wall time, the median and its 95 % interval (in ms; in s from ten seconds on), with the ideal
        and the serial time as lines. A hollow dot is projected.

        Args:
            interactive: return an altair chart that answers to the pointer, with times in ms (extra ``[plot]``).
            ax: draw on this matplotlib axis instead, with times in ms, and return it.

        Returns:
            a ``Picture``, unless an argument asks for another.

        Raises:
            ImportError: ``interactive``, and altair is not installed.
            ValueError: both ``interactive`` and ``ax`` were given.
        """
        from ..display.choosing import drawn
        from .views import conditions, dots, lines

        values = dots(self), lines(self), "Wall time by strategy", conditions(self)
        return drawn("dots", *values, interactive=interactive, ax=ax)

    def waterfall(
        self, arms: Collection[str] | None = None, *, interactive: bool = False, ax: Any = None
    ) -> Picture | Any:
        """Draw when each exchange of a batch was queued, connected, sent, waited for and received, in a panel for each
        arm, all on one axis of time. Of more than 500 exchanges, a panel shows how densely they lie.

        The batch is of the run whose wall time is nearest to the arm's median.

        Args:
            arms: the names of the arms; None for all whose exchanges were kept.
            interactive: return an altair chart that answers to the pointer, with times in ms (extra ``[plot]``).
            ax: draw on this matplotlib axis instead, with times in ms, and return it.

        Returns:
            a ``Picture``, unless an argument asks for another.

        Raises:
            ImportError: ``interactive``, and altair is not installed.
            TypeError: ``arms`` is a single name.
            ValueError: one of ``arms`` is none of the comparison's, or both ``interactive`` and ``ax`` were given.
        """
        return self._drawn_by_arm("waterfall", "What happened when", arms, interactive, ax)

    def in_flight(
        self, arms: Collection[str] | None = None, *, interactive: bool = False, ax: Any = None
    ) -> Picture | Any:
        """Draw how many exchanges of a batch were in flight over time, as the client saw it: a panel for each arm, all
        on the same axes.

        The batch is of the run whose wall time is nearest to the arm's median.

        Args:
            arms: the names of the arms; None for all whose exchanges were kept.
            interactive: return an altair chart that answers to the pointer, with times in ms (extra ``[plot]``).
            ax: draw on this matplotlib axis instead, with times in ms, and return it.

        Returns:
            a ``Picture``, unless an argument asks for another.

        Raises:
            ImportError: ``interactive``, and altair is not installed.
            TypeError: ``arms`` is a single name.
            ValueError: one of ``arms`` is none of the comparison's, or both ``interactive`` and ``ax`` were given.
        """
        return self._drawn_by_arm("in_flight", "Exchanges in flight", arms, interactive, ax)

    def _drawn_by_arm(
        self, view: View, title: str, arms: Collection[str] | None, interactive: bool, ax: Any
    ) -> Picture | Any:
        """Draw a batch of each arm, in a panel of its own."""
        from ..display.choosing import drawn
        from .views import chosen_panels, conditions, panel_notes

        panels, others = chosen_panels(self, arms)
        notes = panel_notes(panels, others)
        return drawn(view, panels, title, conditions(self), notes=notes, interactive=interactive, ax=ax)

    # --- as files

    def to_dict(self, *, requests: bool = False) -> dict[str, Any]:
        """Return everything as dicts, lists, numbers and strings; times are in seconds, None for infinity.

        Args:
            requests: whether to include the exchanges, which may be many.
        """
        from .archive import to_dict

        return to_dict(self, requests=requests)

    def to_json(self, *, requests: bool = False) -> str:
        """Return ``to_dict()`` as JSON text."""
        import json

        return json.dumps(self.to_dict(requests=requests), indent=2, ensure_ascii=False, allow_nan=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything, the exchanges too, to a file that ``aio.load`` reads.

        Args:
            path: where to; a name that ends in ``.gz`` is compressed.

        Raises:
            OSError: the file cannot be written.
        """
        from .archive import save

        save(self, path)

    def to_har(self) -> dict[str, Any]:
        """Return one batch of each arm as an HTTP archive (HAR 1.2), a page for each arm: ``json.dump`` it.

        The batch is of the run whose wall time is nearest to the arm's median.
        """
        from .._native import build_info
        from ..display.har import to_har
        from .timelines import timelines

        return to_har(timelines(self), creator_version=build_info()["version"])

    def to_trace(self) -> dict[str, Any]:
        """Return one batch of each arm as a trace for Perfetto, speedscope or viztracer: ``json.dump`` it.

        The batch is of the run whose wall time is nearest to the arm's median. All begin at 0.
        """
        from ..display.trace import to_trace
        from .timelines import timelines

        return to_trace(timelines(self))

    @staticmethod
    def concat(comparisons: Sequence[Comparison], labels: Sequence[str] | None = None) -> Comparisons:
        """Lay comparisons of several machines side by side: their ratios, never their seconds.

        Args:
            comparisons: at least one.
            labels: a name for each; None for the model of its processor.

        Raises:
            ValueError: there is no comparison, or not as many labels.
        """
        from .several import Comparisons

        return Comparisons(comparisons, labels)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from .tables import to_html

        return to_html(self)

    def due(self, run: int, request: int) -> float:
        """Return when a request of a run was due, in seconds from its batch's start; a user's arm has no part in a
        rate.
        """
        rate = self.settings.rate
        return request / rate if rate and self._strategies[run] else 0.0

    # --- helpers

    def _twice(self) -> dict[str, tuple[str, str]]:
        """Return the strategies that were timed in both languages, each with its arms: Rust's, then Python's."""
        names = {arm.name for arm in self.arms}
        pairs = {key: (Arm.of(key, "rust").name, Arm.of(key, "python").name) for key in self.settings.strategies}
        return {key: pair for key, pair in pairs.items() if names.issuperset(pair)}

    @cached_property
    def _strategies(self) -> dict[int, str | None]:
        """The strategy of each run, by its index."""
        strategies = {arm.name: arm.strategy for arm in (*self._all_arms(), self._baseline.twin())}
        return {run.index: strategies[run.arm] for run in self.timed_runs}

    def _line(self, latencies: int) -> float | None:
        latency, rate = self.settings.latency, self.settings.rate
        if latency is None:
            return None
        last_due = (self.settings.requests - 1) / rate if rate else 0.0
        return max(latencies * latency, last_due + latency)

    def _all_arms(self) -> list[Arm]:
        arms = [
            Arm.of(strategy, language) for strategy in self.settings.strategies for language in self.settings.languages
        ]
        return arms + [Arm(name) for name in self.settings.arms]

    @property
    def _baseline(self) -> Arm:
        return next(arm for arm in self._all_arms() if arm.name == self.settings.baseline)

    def _times(self, arm: Arm) -> ArmTimes:
        runs = tuple(run for run in self.timed_runs if run.arm == arm.name)
        return ArmTimes(arm, self.settings.requests, runs, self.costs.get(arm.name), self._latencies.get(arm.name))

    @cached_property
    def _latencies(self) -> dict[str, Latency]:
        arms = {run.index: run.arm for run in self.timed_runs}
        times: dict[str, tuple[list[float], list[float]]] = {}
        columns = map(self.exchanges.column, ("run", "request", "start", "service", "error"))
        for run, request, start, seconds, error in zip(*columns, strict=True):
            if start is None or seconds is None or error is not None:
                continue
            service, response = times.setdefault(arms[run], ([], []))
            service.append(seconds)
            response.append(start + seconds - self.due(run, request))
        return {arm: Latency.of(service, response) for arm, (service, response) in times.items()}
