"""The common base of results that hold several comparisons: they are displayed as a table with notes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..display.tables import Column, Table
from ..display.text import flowed, terminal_columns
from .findings import Findings
from .warnings import caveats

if TYPE_CHECKING:
    from ..frame import Field, Frame

__all__ = ["ARM", "ComparisonSequence", "TableAndNotes", "stacked", "warnings_of"]

ARM = Column("arm", about="what was timed: a strategy in a language, or a program of yours")
"""The column of the arms' names."""

_WARNING = "warning: "


class TableAndNotes(ABC):
    """What is displayed as a table with notes below it; a table without rows is left out."""

    def to_text(self, *, columns: int | None = None) -> str:
        """Return the table, and the notes below it, as aligned text.

        Args:
            columns: the width in characters; where there is too little room, less important columns are shortened, then
                left out. None for no limit.
        """
        table, notes = self._table(), self._notes()
        lines = notes if columns is None else [flowed(note, columns) for note in notes]
        return "\n".join([*([table.to_text(columns), ""] if table.rows else []), *lines])

    def to_markdown(self) -> str:
        """Return the same in Markdown."""
        table = self._table()
        return "\n\n".join([*([table.to_markdown()] if table.rows else []), *self._notes()])

    @abstractmethod
    def _table(self) -> Table:
        """Return the table."""

    @abstractmethod
    def _notes(self) -> list[str]:
        """Return the lines below the table."""

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text(columns=terminal_columns())

    def _repr_html_(self) -> str:
        from ..display.notebook import html_notes, html_table, html_warnings

        table, notes = self._table(), self._notes()
        warnings = [note.removeprefix(_WARNING) for note in notes if note.startswith(_WARNING)]
        others = [note for note in notes if not note.startswith(_WARNING)]
        return (html_table(table) if table.rows else "") + html_warnings(warnings) + html_notes(others)


class ComparisonSequence(TableAndNotes, Sequence[Findings]):
    """Several comparisons, in order."""

    def __init__(self, comparisons: Sequence[Findings]) -> None:
        self._comparisons = tuple(comparisons)

    @abstractmethod
    def _names(self) -> Sequence[str]:
        """Return the name of each comparison, for the notes."""

    def _notes(self) -> list[str]:
        return warnings_of(self._names(), self)

    def __getitem__(self, index: Any) -> Any:
        return self._comparisons[index]

    def __len__(self) -> int:
        return len(self._comparisons)


def warnings_of(names: Sequence[str], comparisons: Sequence[Findings]) -> list[str]:
    """Return the warnings about several comparisons, each with the comparison's name, as notes."""
    return [
        f"{_WARNING}{name}: {warning}"
        for name, comparison in zip(names, comparisons, strict=True)
        for warning in caveats(comparison)
    ]


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
