"""What a comparison found: every run and exchange, gathered by arm, and what may be said of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from .._native import median, percentile, tells_percentile
from .conditions import Conditions
from .contrasts import Contrast, Metric, contrasts
from .costs import Costs
from .exchanges import Exchanges
from .plan import Arm, Settings

if TYPE_CHECKING:
    from os import PathLike

    from ..frame import Frame
    from ..report.picture import Picture
    from .caveats import Caveat
    from .explanation import Explanation
    from .several import Comparisons

__all__ = ["PERCENTILES", "ArmTimes", "Comparison", "Latency", "TimedRun"]

PERCENTILES = (0.5, 0.9, 0.99, 0.999)
"""The percentiles of latencies that are told, where there are exchanges enough."""


@dataclass(frozen=True, slots=True)
class TimedRun:
    """One timed run of an arm: the same batch of requests, as often as makes it long enough to be timed.

    Attributes:
        round: the round, from 1.
        index: the run's place among all runs of the comparison, from 0.
        arm: the arm's name.
        began: when the first batch began, in seconds since 1970 (UTC).
        requests: the number of URLs that each batch fetched.
        batches: the number of batches. All that follows is of one batch, on average.
        wall: seconds from the first connection's start to the last response's end.
        cpu_user: seconds of processor time in the program's own code, child processes included.
        cpu_system: seconds of processor time in the kernel for it.
        waits: context switches because the program waited, or None.
        preemptions: context switches because other programs were due, or None.
        errors: the number of URLs that failed, in all batches together.
        peak_in_flight: the most requests that the lab server held at once, or None without a lab.
        server_load: the share of one core that the lab server used meanwhile, or None without a lab.
        generation: which worker process of the arm did it, from 1: they are replaced now and then.
    """

    round: int
    index: int
    arm: str
    began: float
    requests: int
    batches: int
    wall: float
    cpu_user: float
    cpu_system: float
    waits: float | None
    preemptions: float | None
    errors: int
    peak_in_flight: int | None
    server_load: float | None
    generation: int

    @property
    def cpu(self) -> float:
        """Seconds of processor time, in all."""
        return self.cpu_user + self.cpu_system


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the exchanges of an arm took.

    Attributes:
        count: the number of exchanges.
        service: by percentile (0.5, 0.9, …), the seconds from the start of an exchange to its end. A percentile that
            fewer than ten exchanges lie beyond is left out.
        response: the same from the intended start: with a rate, when the request was due; else the batch's start.
    """

    count: int
    service: Mapping[float, float]
    response: Mapping[float, float]


@dataclass(frozen=True)
class ArmTimes:
    """An arm's row: its timed runs, in the order of the rounds, and what sums them up.

    Where a run fetched fewer than all requests, since the budget had no room for more, times are projected: they are
    taken to grow with the number of requests.

    Attributes:
        arm: the arm.
        requests: the number of URLs that the comparison is about.
        runs: the runs.
        costs: what was seen of it in a pass of its own, or None.
        latency: how long its exchanges took, or None if nobody saw that.
    """

    arm: Arm
    requests: int
    runs: tuple[TimedRun, ...]
    costs: Costs | None
    latency: Latency | None

    @property
    def name(self) -> str:
        """The arm's name, as ``rust/thread``."""
        return self.arm.name

    @property
    def strategy(self) -> str | None:
        """The strategy's key, or None for a user's arm."""
        return self.arm.strategy

    @property
    def language(self) -> str | None:
        """``"python"`` or ``"rust"``, or None for a user's arm."""
        return self.arm.language

    @property
    def projected(self) -> bool:
        """Whether the runs fetched fewer than all requests, and the times are projected."""
        return any(run.requests < self.requests for run in self.runs)

    @property
    def walls(self) -> list[float]:
        """Each run's wall time, in seconds."""
        return [run.wall * self.requests / run.requests for run in self.runs]

    @property
    def cpu_user(self) -> list[float]:
        """Each run's processor time in the program's own code, in seconds."""
        return [run.cpu_user * self.requests / run.requests for run in self.runs]

    @property
    def cpu_system(self) -> list[float]:
        """Each run's processor time in the kernel, in seconds."""
        return [run.cpu_system * self.requests / run.requests for run in self.runs]

    @property
    def cpu(self) -> list[float]:
        """Each run's processor time (user + system), in seconds."""
        return [user + system for user, system in zip(self.cpu_user, self.cpu_system, strict=True)]

    @property
    def median_wall(self) -> float:
        """The median wall time of a run, in seconds."""
        return self.wall_interval[0]

    @cached_property
    def wall_interval(self) -> tuple[float, float, float]:
        """The median wall time, and the ends of its 95 % interval (infinite with fewer than 6 runs), in seconds."""
        return median(self.walls)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile of the wall times, in seconds."""
        if len(self.walls) < 2:
            return self.median_wall, self.median_wall
        first, _, third = statistics.quantiles(self.walls, n=4, method="inclusive")
        return first, third

    @property
    def outliers(self) -> list[int]:
        """The rounds whose wall time lies more than 1.5 interquartile ranges outside of the quartiles (Tukey).

        They are marked, and count like all others.
        """
        first, third = self.quartiles
        reach = 1.5 * (third - first)
        return [
            run.round
            for run, wall in zip(self.runs, self.walls, strict=True)
            if not first - reach <= wall <= third + reach
        ]

    @property
    def median_cpu(self) -> float:
        """The median processor time of a run (user + system), in seconds."""
        return statistics.median(self.cpu)

    @property
    def cpu_ms_per_request(self) -> float:
        """The median processor time of a run, shared out among its requests, in milliseconds."""
        return 1000 * self.median_cpu / self.requests

    @property
    def switches_per_request(self) -> float | None:
        """The median of a run's context switches, voluntary or not, shared out among its requests; None if unknown."""
        counts = [
            (run.waits + run.preemptions) / run.requests
            for run in self.runs
            if run.waits is not None and run.preemptions is not None
        ]
        return statistics.median(counts) if counts else None

    @property
    def peak_in_flight(self) -> int | None:
        """The most requests that the lab server held at once in any run, or None without a lab."""
        return max((run.peak_in_flight for run in self.runs if run.peak_in_flight is not None), default=None)

    @property
    def server_load(self) -> float | None:
        """The median share of one core that the lab server used in a run, or None without a lab."""
        loads = [run.server_load for run in self.runs if run.server_load is not None]
        return statistics.median(loads) if loads else None

    @property
    def slowdown_by_watching(self) -> float | None:
        """How many times as long a request took in the costs' pass, where system calls were traced; None if unknown."""
        if self.costs is None or self.costs.wall is None:
            return None
        return self.costs.wall / self.costs.requests / (self.median_wall / self.requests)

    @property
    def errors(self) -> int:
        """The number of URLs that failed, in all runs together."""
        return sum(run.errors for run in self.runs)

    def by_round(self, metric: Metric) -> dict[int, float]:
        """Return the wall or processor time of each round, in seconds."""
        times = self.walls if metric == "wall" else self.cpu
        return {run.round: time for run, time in zip(self.runs, times, strict=True)}

    def __repr__(self) -> str:
        return f"<ArmTimes {self.name}: {len(self.runs)} runs, median {self.median_wall:.4f} s>"


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
        from ..report.choosing import drawn
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
        from ..report.choosing import drawn
        from .views import chosen_panels, conditions, panel_notes

        panels, others = chosen_panels(self, arms)
        values = panels, "What happened when", conditions(self)
        return drawn("waterfall", *values, notes=panel_notes(panels, others), interactive=interactive, ax=ax)

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
        from ..report.choosing import drawn
        from .views import chosen_panels, conditions, panel_notes

        panels, others = chosen_panels(self, arms)
        values = panels, "Exchanges in flight", conditions(self)
        return drawn("in_flight", *values, notes=panel_notes(panels, others), interactive=interactive, ax=ax)

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
        from ..report.har import to_har
        from .timelines import timelines

        return to_har(timelines(self), creator_version=build_info()["version"])

    def to_trace(self) -> dict[str, Any]:
        """Return one batch of each arm as a trace for Perfetto, speedscope or viztracer: ``json.dump`` it.

        The batch is of the run whose wall time is nearest to the arm's median. All begin at 0.
        """
        from ..report.trace import to_trace
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
        for exchange in self.exchanges:
            if exchange.start is None or exchange.service is None or exchange.error is not None:
                continue
            service, response = times.setdefault(arms[exchange.run], ([], []))
            service.append(exchange.service)
            response.append(exchange.start + exchange.service - self.due(exchange.run, exchange.request))
        return {
            arm: Latency(len(service), _percentiles(service), _percentiles(response))
            for arm, (service, response) in times.items()
        }


def _percentiles(values: list[float]) -> dict[float, float]:
    return {p: percentile(values, p) for p in PERCENTILES if tells_percentile(len(values), p)}
