"""The common base of results that hold several comparisons: a sequence that is displayed as a table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..display.tables import Table
from .findings import Findings
from .warnings import caveats

if TYPE_CHECKING:
    from ..frame import Field, Frame

__all__ = ["ComparisonSequence", "stacked"]


class ComparisonSequence(Sequence[Findings]):
    """Several comparisons, in order."""

    def __init__(self, comparisons: Sequence[Findings]) -> None:
        self._comparisons = tuple(comparisons)

    def to_text(self) -> str:
        """Return the table, and the notes below it, as aligned text."""
        return "\n".join([self._table().to_text(), "", *self._notes()])

    def to_markdown(self) -> str:
        """Return the same in Markdown."""
        return "\n\n".join([self._table().to_markdown(), *self._notes()])

    @abstractmethod
    def _table(self) -> Table:
        """Return the comparisons side by side."""

    @abstractmethod
    def _names(self) -> Sequence[str]:
        """Return the name of each comparison, for the notes."""

    def _notes(self) -> list[str]:
        """Return the lines below the table."""
        return [
            f"warning: {name}: {warning}"
            for name, comparison in zip(self._names(), self, strict=True)
            for warning in caveats(comparison)
        ]

    def __getitem__(self, index: Any) -> Any:
        return self._comparisons[index]

    def __len__(self) -> int:
        return len(self._comparisons)

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from ..display.notebook import html_notes, html_table

        return html_table(self._table()) + html_notes(self._notes())


def stacked(first: Field, values: Sequence[Any], frames: Sequence[Frame]) -> Frame:
    """Concatenate frames with the same columns, one below the other.

    Args:
        first: the first column; it replaces a column of the same name, if there is one.
        values: the value in that column for each frame.
        frames: the frames, at least one.
    """
    from ..frame import Frame

    heads = [head for head in frames[0].fields if head.name != first.name]
    return Frame(
        [first, *heads],
        [
            [value for value, frame in zip(values, frames, strict=True) for _ in range(len(frame))],
            *([value for frame in frames for value in frame[head.name]] for head in heads),
        ],
    )
