"""What a comparison found: the raw times of every run, gathered by arm, and its tables and exports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from .plan import Settings
from .summary import median, ratio

__all__ = ["ArmTimes", "Comparison", "TimedRun"]

SCHEMA = 1
"""The version of the exported structure: raised when a reader of the old one would be misled."""


@dataclass(frozen=True, slots=True)
class TimedRun:
    """One timed run of an arm.

    Attributes:
        round: the round, from 1.
        index: the run's place among all runs of the comparison, from 0.
        strategy: the strategy's key.
        language: ``"python"`` or ``"rust"``.
        wall: seconds from the first connection's start to the last response's end.
        cpu_user: seconds of processor time in the program's own code.
        cpu_system: seconds of processor time in the kernel for it.
        errors: the number of URLs that failed.
        peak_in_flight: the most requests that the lab server held at once, or None without a lab.
    """

    round: int
    index: int
    strategy: str
    language: str
    wall: float
    cpu_user: float
    cpu_system: float
    errors: int
    peak_in_flight: int | None


@dataclass(frozen=True, slots=True)
class ArmTimes:
    """An arm's row: its timed runs, in the order of the rounds, and what sums them up.

    Attributes:
        strategy: the strategy's key.
        language: ``"python"`` or ``"rust"``.
        requests: the number of URLs that each run fetched.
        runs: the runs.
    """

    strategy: str
    language: str
    requests: int
    runs: tuple[TimedRun, ...]

    @property
    def walls(self) -> list[float]:
        """Each run's wall time, in seconds."""
        return [run.wall for run in self.runs]

    @property
    def cpu_user(self) -> list[float]:
        """Each run's processor time in the program's own code, in seconds."""
        return [run.cpu_user for run in self.runs]

    @property
    def cpu_system(self) -> list[float]:
        """Each run's processor time in the kernel, in seconds."""
        return [run.cpu_system for run in self.runs]

    @property
    def median_wall(self) -> float:
        """The median wall time of a run, in seconds."""
        return median(self.walls)

    @property
    def median_cpu(self) -> float:
        """The median processor time of a run (user + system), in seconds."""
        return median([run.cpu_user + run.cpu_system for run in self.runs])

    @property
    def cpu_ms_per_request(self) -> float:
        """The median processor time of a run, shared out among its requests, in milliseconds."""
        return 1000 * self.median_cpu / self.requests

    @property
    def peak_in_flight(self) -> int | None:
        """The most requests that the lab server held at once in any run, or None without a lab."""
        return max((run.peak_in_flight for run in self.runs if run.peak_in_flight is not None), default=None)

    @property
    def errors(self) -> int:
        """The number of URLs that failed, in all runs together."""
        return sum(run.errors for run in self.runs)

    def __repr__(self) -> str:
        return f"<ArmTimes {self.language}/{self.strategy}: {len(self.runs)} runs, median {self.median_wall:.4f} s>"


@dataclass(frozen=True, repr=False)
class Comparison:
    """The result of ``compare``: a table wherever it is shown, with the raw times in it.

    Attributes:
        settings: what was asked for.
        seed: what the order of the runs was drawn from.
        environment: the machine and the builds at work; see ``compare/environment.py``.
        runs: every timed run, in the order in which they were made.
        left_out: the arms that are not available here, such as ``rust/process``, and why.
    """

    settings: Settings
    seed: int
    environment: Mapping[str, str | int]
    runs: tuple[TimedRun, ...]
    left_out: Mapping[str, str]

    @cached_property
    def arms(self) -> tuple[ArmTimes, ...]:
        """The rows of the table: by strategy, then by language, each in the order that was asked for."""
        runs: dict[tuple[str, str], list[TimedRun]] = {}
        for run in self.runs:
            runs.setdefault((run.strategy, run.language), []).append(run)
        return tuple(
            ArmTimes(strategy, language, self.settings.requests, tuple(runs[strategy, language]))
            for strategy in self.settings.strategies
            for language in self.settings.languages
            if (strategy, language) in runs
        )

    @property
    def rounds(self) -> int:
        """The number of rounds that were timed."""
        return max(run.round for run in self.runs)

    @property
    def ideal(self) -> float | None:
        """The seconds that perfect concurrency would take, ⌈requests / concurrency⌉ · latency; None without a lab."""
        if self.settings.latency is None:
            return None
        return math.ceil(self.settings.requests / self.settings.concurrency) * self.settings.latency

    @property
    def serial(self) -> float | None:
        """The seconds that waiting for one request after another takes, requests · latency; None without a lab."""
        if self.settings.latency is None:
            return None
        return self.settings.requests * self.settings.latency

    def ratio(self, strategy: str) -> float:
        """Return how many times longer Python took than Rust: the ratio of their median wall times.

        Raises:
            ValueError: the strategy was not timed in both languages.
        """
        walls = {arm.language: arm.walls for arm in self.arms if arm.strategy == strategy}
        if walls.keys() != {"python", "rust"}:
            raise ValueError(f"{strategy!r} was not timed in both languages")
        return ratio(walls["python"], walls["rust"])

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """Return the table as aligned text: in English, or in Chinese with the lecture's columns and figures.

        Raises:
            ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
        """
        from .tables import notes, table

        return "\n".join([table(self, lang).to_text(), "", *notes(self, lang)])

    def to_markdown(self, lang: Literal["en", "zh"] = "en") -> str:
        """Return the table in Markdown: in English, or in Chinese with the lecture's columns and figures.

        Raises:
            ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
        """
        from .tables import notes, table

        return "\n\n".join([table(self, lang).to_markdown(), *notes(self, lang)])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists, numbers and strings; times are in seconds.

        Returns:
            ``schema`` (the version of this structure), ``settings``, ``seed``, ``environment``, ``rounds``, ``ideal``,
            ``serial``, ``arms`` (each with its medians and its raw ``runs``), ``ratios`` (Python / Rust by strategy)
            and ``left_out``.
        """
        timed = {(arm.strategy, arm.language) for arm in self.arms}
        return {
            "schema": SCHEMA,
            "settings": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self.settings).items()
            },
            "seed": self.seed,
            "environment": dict(self.environment),
            "rounds": self.rounds,
            "ideal": self.ideal,
            "serial": self.serial,
            "arms": [
                {
                    "strategy": arm.strategy,
                    "language": arm.language,
                    "median_wall": arm.median_wall,
                    "median_cpu": arm.median_cpu,
                    "cpu_ms_per_request": arm.cpu_ms_per_request,
                    "peak_in_flight": arm.peak_in_flight,
                    "errors": arm.errors,
                    "runs": [asdict(run) for run in arm.runs],
                }
                for arm in self.arms
            ],
            "ratios": {
                strategy: self.ratio(strategy)
                for strategy in self.settings.strategies
                if {(strategy, "python"), (strategy, "rust")} <= timed
            },
            "left_out": dict(self.left_out),
        }

    def to_json(self) -> str:
        """Return ``to_dict()`` as JSON text."""
        import json

        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from ..report.notebook import Bars, html_table
        from .tables import WALL_COLUMN, notes, table

        longest = max(arm.median_wall for arm in self.arms)
        bars = Bars(
            after=WALL_COLUMN,
            lengths=[arm.median_wall / longest for arm in self.arms],
            kinds=[arm.language for arm in self.arms],
        )
        return html_table(table(self, "en"), bars=bars, notes=notes(self, "en"))
