"""What was timed: single runs, and the summary of an arm's runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .._native import median, percentiles, tells_percentile
from .costs import Costs
from .settings import Arm
from .verdicts import Metric

__all__ = ["PERCENTILES", "ArmTimes", "Latency", "TimedRun", "fitted"]

PERCENTILES = (0.5, 0.9, 0.99, 0.999)
"""The percentiles of latencies to report, if there are enough exchanges."""


@dataclass(frozen=True, slots=True)
class TimedRun:
    """One timed run of an arm: a batch of requests, repeated until it is long enough to be timed.

    Attributes:
        round: the round, from 1.
        index: the run's place among all runs of the comparison, from 0.
        arm: the arm's name.
        began: when the first batch began, in seconds since 1970 (UTC).
        requests: the number of URLs that each batch fetched.
        batches: the number of batches. The times and context switches below are means per batch.
        wall: wall time in seconds, from the start of the first connection to the end of the last response.
        cpu_user: CPU time in seconds in the program's own code, child processes included.
        cpu_system: CPU time in seconds in the kernel on its behalf.
        waits: context switches because the program waited (voluntary), or None.
        preemptions: context switches because other programs were due (involuntary), or None.
        errors: the number of URLs that failed, in all batches together.
        peak_in_flight: the most requests that the lab server had in flight at once, or None without a lab.
        server_load: the share of one core that the lab server used during the run, or None without a lab.
        connections: how many connections the lab server accepted, in all batches together, or None if unknown.
        generation: which of the arm's worker processes made the run, from 1; workers are replaced now and then.
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
    connections: int | None = None

    @property
    def cpu(self) -> float:
        """Total CPU time, in seconds."""
        return self.cpu_user + self.cpu_system


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the exchanges of an arm took.

    Attributes:
        count: the number of exchanges.
        service: by percentile (0.5, 0.9, …), the seconds from the start of an exchange to its end. A percentile is left
            out if fewer than ten exchanges lie beyond it.
        response: the same from the intended start: when the request was due, or without a rate, the batch's start.
    """

    count: int
    service: Mapping[float, float]
    response: Mapping[float, float]

    @classmethod
    def of(cls, service: Sequence[float], response: Sequence[float]) -> Latency:
        """Summarize the service and response times of all exchanges."""
        return cls(len(service), *_percentiles(service, response))


@dataclass(frozen=True)
class ArmTimes:
    """An arm's row: its timed runs, in the order of the rounds, and their summary.

    If the budget did not allow its runs to fetch all URLs, its times are projected: the runs have two sizes, which tell
    the time that each request adds from the time that a batch takes in any case.

    Attributes:
        arm: the arm.
        requests: the number of URLs that each run should fetch.
        runs: the runs.
        costs: what it cost besides time, measured in a separate pass, or None.
        latency: how long its exchanges took, or None if that is unknown.
    """

    arm: Arm
    requests: int
    runs: tuple[TimedRun, ...]
    costs: Costs | None
    latency: Latency | None

    @property
    def name(self) -> str:
        """The arm's name, such as ``rust/thread``."""
        return self.arm.name

    @property
    def strategy(self) -> str | None:
        """The strategy's key, or None for a program."""
        return self.arm.strategy

    @property
    def language(self) -> str | None:
        """``"python"`` or ``"rust"``, or None for a program."""
        return self.arm.language

    @property
    def projected(self) -> bool:
        """Whether some run fetched fewer than all URLs, so that its times are projected."""
        return any(run.requests < self.requests for run in self.runs)

    @property
    def projected_from(self) -> int:
        """The most URLs that a run fetched: the number that projected times are told to be from."""
        return max(run.requests for run in self.runs)

    @property
    def walls(self) -> list[float]:
        """Each run's wall time, in seconds."""
        return self._projected([run.wall for run in self.runs])

    @property
    def cpu_user(self) -> list[float]:
        """Each run's CPU time in the program's own code, in seconds."""
        return self._projected([run.cpu_user for run in self.runs])

    @property
    def cpu_system(self) -> list[float]:
        """Each run's CPU time in the kernel, in seconds."""
        return self._projected([run.cpu_system for run in self.runs])

    @property
    def cpu(self) -> list[float]:
        """Each run's CPU time (user + system), in seconds."""
        return [user + system for user, system in zip(self.cpu_user, self.cpu_system, strict=True)]

    @property
    def median_wall(self) -> float:
        """The median wall time of a run, in seconds."""
        return self.wall_interval[0]

    @cached_property
    def wall_interval(self) -> tuple[float, float, float]:
        """The median wall time and the ends of its 95 % confidence interval, in seconds; infinite below 6 runs, and if
        the time is projected.
        """
        return (statistics.median(self.walls), -math.inf, math.inf) if self.projected else median(self.walls)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile of the wall times, in seconds."""
        if len(self.walls) < 2:
            return self.median_wall, self.median_wall
        first, _, third = statistics.quantiles(self.walls, n=4, method="inclusive")
        return first, third

    @property
    def outliers(self) -> list[int]:
        """The rounds whose wall time lies more than 1.5 interquartile ranges outside the quartiles (Tukey).

        They are marked, but count like all others.
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
        """The median CPU time of a run (user + system), in seconds."""
        return statistics.median(self.cpu)

    @property
    def cpu_ms_per_request(self) -> float:
        """The median CPU time of a run, per request, in milliseconds."""
        return 1000 * self.median_cpu / self.requests

    @property
    def switches_per_request(self) -> float | None:
        """The median number of context switches per request, voluntary and involuntary; None if unknown."""
        counts = [
            (run.waits + run.preemptions) / run.requests
            for run in self.runs
            if run.waits is not None and run.preemptions is not None
        ]
        return statistics.median(counts) if counts else None

    @property
    def peak_in_flight(self) -> int | None:
        """The most requests that the lab server had in flight at once in any run, or None without a lab."""
        return max((run.peak_in_flight for run in self.runs if run.peak_in_flight is not None), default=None)

    @property
    def connections_per_request(self) -> float | None:
        """Connections that the lab server accepted per request: below 1 if they were kept alive; None if unknown."""
        counts = [(run.connections, run.requests * run.batches) for run in self.runs if run.connections is not None]
        return sum(count for count, _ in counts) / sum(requests for _, requests in counts) if counts else None

    @property
    def server_load(self) -> float | None:
        """The median share of one core that the lab server used in a run, or None without a lab."""
        loads = [run.server_load for run in self.runs if run.server_load is not None]
        return statistics.median(loads) if loads else None

    @property
    def slowdown_by_watching(self) -> float | None:
        """How many times as long a request took in the cost pass, where system calls are traced; None if unknown."""
        if self.costs is None or self.costs.wall is None:
            return None
        return self.costs.wall / self.costs.requests / (self.median_wall / self.requests)

    @property
    def errors(self) -> int:
        """The number of URLs that failed, in all runs together."""
        return sum(run.errors for run in self.runs)

    def by_round(self, metric: Metric) -> dict[int, float]:
        """Return the wall time or CPU time of each round, in seconds."""
        times = self.walls if metric == "wall" else self.cpu
        return {run.round: time for run, time in zip(self.runs, times, strict=True)}

    def _projected(self, seconds: Sequence[float]) -> list[float]:
        """Return the seconds that each run would have taken with all URLs."""
        if not self.projected:
            return list(seconds)
        _, each = fitted([(run.requests, time) for run, time in zip(self.runs, seconds, strict=True)])
        return [time + each * (self.requests - run.requests) for run, time in zip(self.runs, seconds, strict=True)]

    def __repr__(self) -> str:
        return f"<ArmTimes {self.name}: {len(self.runs)} runs, median {self.median_wall:.4f} s>"


def fitted(times: Iterable[tuple[int, float]]) -> tuple[float, float]:
    """Fit times to a constant and a time for each request, both at least 0; return them.

    The line goes through the medians of the smallest and the largest number of requests. If there is only one number,
    the constant is 0.

    Args:
        times: numbers of requests, and the seconds that they took.
    """
    by_size: dict[int, list[float]] = {}
    for requests, seconds in times:
        by_size.setdefault(requests, []).append(seconds)
    few, many = min(by_size), max(by_size)
    short, long = statistics.median(by_size[few]), statistics.median(by_size[many])
    each = long / many
    if few < many:
        each = min(each, max(0.0, (long - short) / (many - few)))
    return long - each * many, each


def _percentiles(service: Sequence[float], response: Sequence[float]) -> list[dict[float, float]]:
    told = [p for p in PERCENTILES if tells_percentile(len(service), p)]
    return [dict(zip(told, values, strict=True)) for values in percentiles([service, response], told)]
