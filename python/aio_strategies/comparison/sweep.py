"""The same comparison for several values of a parameter, measured by ``measuring/sweeping.py``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ..display.tables import Column, Table
from ..units import figure
from . import value_tables, views
from .archive import save_scaling
from .findings import Findings
from .sequence import ComparisonSequence, stacked

if TYPE_CHECKING:
    from os import PathLike

    from ..display.picture import Picture
    from ..frame import Frame

__all__ = ["Parameter", "Scaling"]

Parameter = Literal["requests", "concurrency", "latency"]
"""The parameters that ``scaling`` can sweep."""


class Scaling(ComparisonSequence):
    """Comparisons over a parameter: a sequence, in the order of its values, displayed as a table of median wall times,
    with a row for each arm and a column for each value.

    Attributes:
        parameter: ``"requests"``, ``"concurrency"`` or ``"latency"``.
        values: the values for which there is a comparison.
    """

    def __init__(self, parameter: str, values: Sequence[float], comparisons: Sequence[Findings]) -> None:
        super().__init__(comparisons)
        self.parameter = parameter
        self.values = tuple(values)

    def save(self, path: str | PathLike[str]) -> None:
        """Write all comparisons, including their exchanges, to a file that ``aio.load`` can read.

        Args:
            path: the file; its name ends with ``.json`` or, to be compressed, with ``.json.gz``.

        Raises:
            OSError: the file cannot be written.
            ValueError: its name ends with something else.
        """
        save_scaling(self.parameter, self.values, self, path)

    @cached_property
    def summary(self) -> Frame:
        """The summaries of all comparisons; the first column, named after the parameter, has its value."""
        from ..frame import Field

        first = Field(self.parameter, "real" if self.parameter == "latency" else "integer", "the parameter")
        return stacked(first, self.values, [value_tables.summary(comparison) for comparison in self])

    def plot(self, *, interactive: bool = False, ax: Any = None) -> Picture | Any:
        """Draw each arm's median wall time over the parameter, with a ribbon for its 95 % confidence interval, and the
        ideal and the serial time. Both axes are logarithmic. A hollow marker is projected.

        Args:
            interactive: return an altair chart that answers to the pointer, with times in ms (extra ``[plot]``).
            ax: draw on this matplotlib axis instead, with times in ms, and return it.

        Returns:
            a ``Picture``, unless an argument asks for another.

        Raises:
            ImportError: ``interactive``, and altair is not installed.
            ValueError: both ``interactive`` and ``ax`` were given.
        """
        return views.scaling(self.parameter, self.values, self, interactive=interactive, ax=ax)

    def _table(self) -> Table:
        names = list(dict.fromkeys(arm.name for comparison in self for arm in comparison.arms))
        last = len(self.values) - 1
        columns = [
            Column(
                f"wall, ms, by {self.parameter}",
                about="median wall time of all requests, by arm: a strategy in a language, or a program of yours",
            ),
            # a narrow terminal shows the largest values
            *(
                Column(name, right=True, about=told, drop=place + 1 if place < last else 0)
                for place, (name, told) in enumerate(zip(map(self._value, self.values), self._names(), strict=True))
            ),
        ]
        by_name = [{arm.name: arm for arm in comparison.arms} for comparison in self]
        rows = [
            (
                name,
                *(
                    f"{'≈' if arms[name].projected else ''}{figure(1000 * arms[name].median_wall)}"
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
                rows.append((label, *(figure(1000 * time) for time in times)))
        return Table(tuple(columns), tuple(rows))

    def _value(self, value: float) -> str:
        return f"{1000 * value:g} ms" if self.parameter == "latency" else f"{value:,}"

    def _names(self) -> list[str]:
        return [f"{self.parameter} {self._value(value)}" for value in self.values]

    def _notes(self) -> list[str]:
        projected = any(arm.projected for comparison in self for arm in comparison.arms)
        note = ["≈ projected from fewer requests, since the budget did not allow more"] if projected else []
        return note + super()._notes()
