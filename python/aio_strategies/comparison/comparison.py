"""What ``compare`` returns: the findings, as tables, charts, sentences and files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from .._native import build_info
from ..checks import COMPARISON_SUFFIXES, REPORT_SUFFIX, Lang, check_choice, check_suffix
from ..display.har import to_har
from ..display.text import terminal_columns
from ..display.trace import to_trace
from . import archive, tables, value_tables, views
from .difference import Diff
from .explanation import Explanation, explain
from .findings import Findings
from .report import to_html_page
from .side_by_side import Comparisons
from .typical_runs import timelines
from .verdicts import Metric
from .warnings import Caveat, caveats

if TYPE_CHECKING:
    from os import PathLike

    from ..display.picture import Picture
    from ..frame import Frame

__all__ = ["Comparison"]


class Comparison(Findings):
    """The result of ``compare``. It holds everything that was measured, and is displayed as a table.

    Attributes:
        settings: the arguments of the comparison.
        seed: the seed of the random order of the runs.
        environment: the machine and the builds; see ``measuring/environment.py``.
        timed_runs: every timed run, in chronological order, including those of the twin.
        left_out: the arms that are not available here, such as ``rust/process``, and why.
        costs: what each arm cost besides time, measured in a separate pass, by the arm's name.
        conditions: what else the machine did.
        kept_exchanges: the exchanges of the timed runs that were kept, in columns.
        failures: the errors of runs that failed after the gate, by the arm's name.
        unchecked: the programs that returned no content, so that it could not be checked; with a lab, its log shows
            that they fetched each URL once, and how many bytes were sent.
        printed: what the programs printed on their first run, by the arm's name, if anything.
        url: the root URL of the lab server, or of its site that was crawled; None without a lab.
        ended: why there were no more rounds: ``"precise"`` (every headline interval is within ±5 %), ``"rounds"`` (the
            number allowed was reached), ``"budget"``, or ``"interrupted"``.
    """

    @cached_property
    def warnings(self) -> tuple[Caveat, ...]:
        """Reasons not to trust the figures, shown below the table; empty if there are none."""
        return caveats(self)

    def explain(self, arm: str | None = None, lang: Lang = "en") -> Explanation:
        """Explain why an arm took as long as it did, in a sentence based only on what was measured.

        Args:
            arm: the arm, such as ``rust/thread``; None for all.
            lang: ``"en"`` for English, ``"zh"`` for Chinese.

        Raises:
            ValueError: there is no such arm, or ``lang`` is neither ``"en"`` nor ``"zh"``.
        """
        return explain(self, arm, lang)

    # --- as tables

    @cached_property
    def summary(self) -> Frame:
        """A row for each arm, for polars, pyarrow, duckdb or pandas. Times are in seconds, memory in bytes."""
        return value_tables.summary(self)

    @cached_property
    def runs(self) -> Frame:
        """A row for each timed run, as measured (nothing is projected), including those of the twin."""
        return value_tables.runs(self)

    @cached_property
    def exchanges(self) -> Frame:
        """A row for each exchange that was kept; times are in seconds from the start of its batch."""
        return value_tables.exchanges(self)

    def to_text(self, lang: Lang = "en", *, columns: int | None = None, costs: bool = False) -> str:
        """Return the table as aligned text: in English, or in Chinese with the lecture's columns and figures.

        Args:
            lang: ``"en"`` for English, ``"zh"`` for Chinese.
            columns: the width in characters; where there is too little room, less important columns are shortened, then
                left out. None for no limit.
            costs: whether to add the table of costs and latencies (in English only).

        Raises:
            ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
        """
        return tables.to_text(self, lang, columns=columns, costs=costs)

    def to_markdown(self, lang: Lang = "en") -> str:
        """Return the table in Markdown: in English, or in Chinese with the lecture's columns and figures.

        Raises:
            ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
        """
        shown = [table.to_markdown() for table in tables.tables(self, lang)]
        return "\n\n".join([*shown, *tables.notes(self, lang)])

    def to_csv(self, table: Literal["summary", "runs", "exchanges"] = "summary") -> str:
        """Return one of the tables as comma-separated values, with a header line.

        Raises:
            ValueError: there is no such table.
        """
        frame: Frame = getattr(self, check_choice("table", table, ("summary", "runs", "exchanges")))
        return frame.to_csv()

    # --- as pictures

    def plot(self, *, interactive: bool = False, ax: Any = None) -> Picture | Any:
        """Draw each arm's median wall time with its 95 % confidence interval, in ms, or in s from ten seconds on. Lines
        mark the ideal and the serial time. A hollow dot is projected.

        Args:
            interactive: return an altair chart that answers to the pointer, with times in ms (extra ``[plot]``).
            ax: draw on this matplotlib axis instead, with times in ms, and return it.

        Returns:
            a ``Picture``, unless an argument asks for another.

        Raises:
            ImportError: ``interactive``, and altair is not installed.
            ValueError: both ``interactive`` and ``ax`` were given.
        """
        return views.wall_times(self, interactive=interactive, ax=ax)

    def waterfall(
        self, arms: Collection[str] | None = None, *, interactive: bool = False, ax: Any = None
    ) -> Picture | Any:
        """Draw when each exchange of a batch was queued, connected, sent its request, waited and received its reply: a
        panel for each arm, all on one time axis. Above 500 exchanges, a panel shows their density instead.

        The batch is from the run whose wall time is nearest to the arm's median.

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
        return views.waterfall(self, arms, interactive=interactive, ax=ax)

    def in_flight(
        self, arms: Collection[str] | None = None, *, interactive: bool = False, ax: Any = None
    ) -> Picture | Any:
        """Draw how many exchanges of a batch were in flight over time: a panel for each arm, all on the same axes.

        The batch is from the run whose wall time is nearest to the arm's median.

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
        return views.in_flight(self, arms, interactive=interactive, ax=ax)

    def throughput(
        self, arms: Collection[str] | None = None, *, interactive: bool = False, ax: Any = None
    ) -> Picture | Any:
        """Draw how many exchanges of a batch ended per second over time, without those that failed: a panel for each
        arm, all on the same axes. With ``rate=``, a line marks the rate.

        The batch is from the run whose wall time is nearest to the arm's median.

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
        return views.throughput(self, arms, interactive=interactive, ax=ax)

    def latencies(
        self, arms: Collection[str] | None = None, *, interactive: bool = False, ax: Any = None
    ) -> Picture | Any:
        """Draw how long the exchanges took: for each time, the share of them that took no longer, as a percentile.

        There is a panel for each strategy, with a line for each language. As text, it is a table of percentiles.

        The times are service times, from an exchange's start to its end; with ``rate=``, also response times, from when
        the request was due. All exchanges that were kept count, except those that failed. A percentile is shown only if
        at least ten exchanges lie beyond it.

        Args:
            arms: the names of the arms; None for all with at least 20 exchanges.
            interactive: return an altair chart that answers to the pointer, with times in ms (extra ``[plot]``).
            ax: draw on this matplotlib axis instead, with times in ms, and return it.

        Returns:
            a ``Picture``, unless an argument asks for another.

        Raises:
            ImportError: ``interactive``, and altair is not installed.
            TypeError: ``arms`` is a single name.
            ValueError: one of ``arms`` is none of the comparison's, or both ``interactive`` and ``ax`` were given.
        """
        return views.latencies(self, arms, interactive=interactive, ax=ax)

    # --- as files

    def to_dict(self, *, exchanges: bool = False) -> dict[str, Any]:
        """Return everything as dicts, lists, numbers and strings. Times are in seconds; None stands for infinity.

        Args:
            exchanges: whether to include the exchanges; there may be many.
        """
        return archive.to_dict(self, exchanges=exchanges)

    def to_json(self, *, exchanges: bool = False) -> str:
        """Return ``to_dict()`` as JSON text."""
        import json

        return json.dumps(self.to_dict(exchanges=exchanges), indent=2, ensure_ascii=False, allow_nan=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything, including the exchanges, to a file that ``aio.load`` can read, or a report to a page.

        Args:
            path: the file; its name ends with ``.json`` or, to be compressed, with ``.json.gz``. If it ends with
                ``.html``, the file becomes a report for a browser, which loads nothing: tables, pictures, explanations,
                costs, settings, the machine.

        Raises:
            OSError: the file cannot be written.
            ValueError: its name ends with something else.
        """
        if check_suffix(path, COMPARISON_SUFFIXES) == REPORT_SUFFIX:
            with open(path, "w", encoding="utf-8") as file:
                file.write(to_html_page(self))
        else:
            archive.save(self, path)

    def to_har(self) -> dict[str, Any]:
        """Return one batch of each arm as an HTTP Archive (HAR 1.2), one page per arm; write it with ``json.dump``.

        The batch is from the run whose wall time is nearest to the arm's median.
        """
        return to_har(timelines(self), creator_version=build_info()["version"])

    def to_trace(self) -> dict[str, Any]:
        """Return one batch of each arm as a trace for Perfetto, speedscope or viztracer; write it with ``json.dump``.

        The batch is from the run whose wall time is nearest to the arm's median. All batches begin at 0.
        """
        return to_trace(timelines(self))

    @staticmethod
    def concat(comparisons: Sequence[Comparison], labels: Sequence[str] | None = None) -> Comparisons:
        """Show comparisons from several machines side by side: only their ratios, never their seconds.

        Args:
            comparisons: at least one.
            labels: a name for each; None for its CPU model.

        Raises:
            ValueError: there are no comparisons, the labels do not fit or are not unique, or the comparisons were not
                about the same work.
        """
        return Comparisons(comparisons, labels)

    def diff(self, after: Comparison, *, reference: str | None = None, metric: Metric = "wall") -> Diff:
        """Hold a later comparison of the same work against this one, arm by arm: ``before.diff(after)``.

        Each arm is taken relative to the reference, which must not have changed: so what slows the whole machine
        cancels, as far as it slows both by the same factor. To time the old and the new program in one comparison is
        surer.

        Args:
            after: the later comparison.
            reference: the arm that has not changed; None for the baseline of both.
            metric: ``"wall"`` for wall time, or ``"cpu"`` for CPU time.

        Raises:
            TypeError: ``after`` is not a comparison.
            ValueError: the two are not about the same work, have no common arm besides the reference, or have different
                baselines and no reference was given; or there is no such reference or metric.
        """
        return Diff(self, after, reference, metric)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text(columns=terminal_columns())

    def _repr_html_(self) -> str:
        return tables.to_html(self)
