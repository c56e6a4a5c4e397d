"""The same comparison over a parameter: how each arm's time grows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ..report.tables import Column, Table
from . import compare
from .comparison import Comparison

if TYPE_CHECKING:
    from ..frame import Frame
    from ..report.picture import Picture

__all__ = ["Scaling", "scaling"]

Parameter = Literal["requests", "concurrency", "latency"]

_PARAMETERS = ("requests", "concurrency", "latency")


class Scaling(Sequence[Comparison]):
    """Comparisons over a parameter: a sequence, in the order of its values.

    Attributes:
        parameter: ``"requests"``, ``"concurrency"`` or ``"latency"``.
        values: its values, as far as they were reached.
    """

    def __init__(self, parameter: str, values: Sequence[float], comparisons: Sequence[Comparison]) -> None:
        self.parameter = parameter
        self.values = tuple(values)
        self._comparisons = tuple(comparisons)

    @cached_property
    def summary(self) -> Frame:
        """The comparisons' summaries below each other; the first column, named as the parameter, has its value."""
        from ..frame import Field, Frame

        frames = [comparison.summary for comparison in self]
        heads = frames[0].fields
        kind: Literal["real", "integer"] = "real" if self.parameter == "latency" else "integer"
        first = Field(self.parameter, kind, "the parameter")
        rest = [head for head in heads if head.name != self.parameter]
        values = [value for value, frame in zip(self.values, frames, strict=True) for _ in range(len(frame))]
        return Frame(
            [first, *rest], [values, *([value for frame in frames for value in frame[head.name]] for head in rest)]
        )

    def to_text(self) -> str:
        """Return the median wall times, a row for each arm and a column for each value, as aligned text."""
        return "\n".join([self._table().to_text(), "", *self._notes()])

    def to_markdown(self) -> str:
        """Return the same in Markdown."""
        return "\n\n".join([self._table().to_markdown(), *self._notes()])

    def plot(self, *, interactive: bool = False, ax: Any = None) -> Picture | Any:
        """Draw each arm's median wall time over the parameter, with a ribbon for its 95 % interval, and the ideal and
        the serial time; both axes are logarithmic. A hollow mark is projected.

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
        from .views import curves

        unit = ", ms" if self.parameter == "latency" else ""
        title = f"Wall time by {self.parameter}"
        values = curves(self), f"{self.parameter}{unit}", title, self._conditions()
        return drawn("scaling", *values, interactive=interactive, ax=ax)

    def _conditions(self) -> str:
        """Return what all comparisons have in common, in a line."""
        settings = self[0].settings
        told = {
            "requests": f"{settings.requests:,} requests",
            "concurrency": f"{settings.concurrency:,} at a time",
            "latency": f"latency {1000 * (settings.latency or 0):g} ms",
        }
        known = {name: text for name, text in told.items() if name != "latency" or settings.latency is not None}
        return ", ".join(text for name, text in known.items() if name != self.parameter)

    def _table(self) -> Table:
        names = list(dict.fromkeys(arm.name for comparison in self for arm in comparison.arms))
        columns = [Column(f"wall, ms, by {self.parameter}"), *(Column(self._value(v), right=True) for v in self.values)]
        by_name = [{arm.name: arm for arm in comparison.arms} for comparison in self]
        rows = [
            (
                name,
                *(
                    f"{'≈' if arms[name].projected else ''}{1000 * arms[name].median_wall:,.1f}"
                    if name in arms
                    else "–"
                    for arms in by_name
                ),
            )
            for name in names
        ]
        for label, line in (("ideal", "ideal"), ("serial", "serial")):
            times = [getattr(comparison, line) for comparison in self]
            if all(times):
                rows.append((label, *(f"{1000 * time:,.1f}" for time in times)))
        return Table(tuple(columns), tuple(rows))

    def _value(self, value: float) -> str:
        return f"{1000 * value:g} ms" if self.parameter == "latency" else f"{value:,}"

    def _notes(self) -> list[str]:
        notes = []
        if any(arm.projected for comparison in self for arm in comparison.arms):
            notes.append("≈ projected from fewer requests, as the budget had no room for more")
        for value, comparison in zip(self.values, self, strict=True):
            notes += [f"warning: {self.parameter} {self._value(value)}: {warning}" for warning in comparison.warnings]
        return notes

    def __getitem__(self, index: Any) -> Any:
        return self._comparisons[index]

    def __len__(self) -> int:
        return len(self._comparisons)

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from ..report.notebook import html_notes, html_table

        return html_table(self._table()) + html_notes(self._notes())


def scaling(
    parameter: Parameter,
    values: Sequence[float],
    strategies: Sequence[str] | None = None,
    languages: Sequence[str] = ("python", "rust"),
    *,
    budget: float = 60.0,
    **settings: Any,
) -> Scaling:
    """Make the same comparison for each value of a parameter.

    Args:
        parameter: ``"requests"``, ``"concurrency"`` or ``"latency"``.
        values: its values, at least one.
        strategies: as for ``compare``.
        languages: as for ``compare``.
        budget: seconds that all comparisons together may take; each has an equal share.
        settings: all other arguments of ``compare``.

    Returns:
        The comparisons; after Ctrl-C, those that were begun until then.

    Raises:
        ComparisonError: as for ``compare``.
        TypeError: as for ``compare``.
        ValueError: an argument is out of range or an unknown name.
    """
    if parameter not in _PARAMETERS:
        raise ValueError(f"parameter must be one of {', '.join(_PARAMETERS)}, not {parameter!r}")
    if not values:
        raise ValueError("values is empty: there is nothing to compare")
    if parameter in settings:
        raise TypeError(f"{parameter} is what is swept: give its values in `values` only")
    done: list[Comparison] = []
    for value in values:
        changed = {**settings, parameter: value}
        try:
            comparison = compare(strategies, languages, budget=budget / len(values), **changed)
        except KeyboardInterrupt:
            if not done:
                raise
            break
        done.append(comparison)
        if comparison.ended == "interrupted":
            break
    return Scaling(parameter, values[: len(done)], done)
