"""A table, as aligned text that can fit a terminal, or as Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from .text import cut, pad, width

__all__ = ["Column", "Table"]

_GAP = "  "
_IN_BRACKETS = re.compile(r" ?[\[(（].*")
#: The least width to which words are cut.
_LEAST = 8


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column, and how the column gives way in a terminal that is too narrow for the table.

    Attributes:
        title: the title.
        right: whether its cells are right-aligned, as numbers are.
        wraps: whether HTML may wrap its cells.
        about: what it means, in a few words; HTML shows them when the pointer rests on the title.
        short: a shorter title, for when the column is shortened.
        shorten: when to leave out what stands in brackets: the columns with the lowest number give way first; 0 for
            never.
        drop: when to leave out the whole column, in the same sequence; 0 for never.
    """

    title: str
    right: bool = False
    wraps: bool = False
    about: str = ""
    short: str = ""
    shorten: int = 0
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and rows that have a cell for each of them."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_text(self, columns: int | None = None) -> str:
        """Return lines of aligned cells below a header, without a line break at the end.

        Args:
            columns: how many characters a line may have; a table that is wider gets titles on two lines, then shorter
                cells and fewer columns as its columns say, then words that are cut off. None for no limit.
        """
        if columns is None or sum(self._widths(self.rows)) + self._gaps <= columns:
            return self._aligned([[column.title] for column in self.columns])
        fitted = self._fitted(columns)
        least = zip(fitted._titles, fitted._least, strict=True)
        return fitted._aligned([[title] if width(title) <= w else _halves(title) for title, w in least])

    def to_markdown(self) -> str:
        """Return a GitHub Markdown table, with its source aligned too, without a line break at the end."""
        rows = tuple(tuple(_escaped(cell) for cell in row) for row in self.rows)
        widths = [max(3, w) for w in self._widths(rows)]
        lines = [
            self._padded(self._titles, widths),
            ["-" * (w - 1) + ":" if column.right else "-" * w for column, w in zip(self.columns, widths, strict=True)],
            *(self._padded(row, widths) for row in rows),
        ]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def _aligned(self, heads: list[list[str]]) -> str:
        """Return the table as text; each column's title has one line or several."""
        height = max(map(len, heads))
        titles = list(zip(*([""] * (height - len(head)) + head for head in heads), strict=True))
        widths = [max(map(width, cells)) for cells in zip(*titles, *self.rows, strict=True)]
        lines = [
            *(self._padded(line, widths) for line in titles),
            ["-" * w for w in widths],
            *(self._padded(row, widths) for row in self.rows),
        ]
        return "\n".join(_GAP.join(cells).rstrip() for cells in lines)

    def _fitted(self, columns: int) -> Table:
        """Return the table with as much left out as is needed for this width, if its titles have two lines."""
        steps = [(column.shorten, place, "shorten") for place, column in enumerate(self.columns) if column.shorten]
        steps += [(column.drop, place, "drop") for place, column in enumerate(self.columns) if column.drop]
        shortened: set[int] = set()
        dropped: set[int] = set()
        table = self
        for _, place, what in sorted(steps):
            if sum(table._least) + table._gaps <= columns:
                return table
            (shortened if what == "shorten" else dropped).add(place)
            table = self._without(shortened, dropped)
        return table._cut(columns)

    def _cut(self, columns: int) -> Table:
        """Return the table with its longest words cut off, not its numbers, as far as this width needs it."""
        most = list(self._least)
        for place in sorted(range(len(most)), key=most.__getitem__, reverse=True):
            if not self.columns[place].right:
                most[place] -= max(0, min(sum(most) + self._gaps - columns, most[place] - _LEAST))
        heads = tuple(
            replace(column, title=" ".join(cut(half, w) for half in _halves(column.title)))
            for column, w in zip(self.columns, most, strict=True)
        )
        return Table(heads, tuple(tuple(map(cut, row, most)) for row in self.rows))

    def _without(self, shortened: Collection[int], dropped: Collection[int]) -> Table:
        """Return the table without what stands in the brackets of some columns, and without others."""

        def kept(cells: Sequence[str]) -> tuple[str, ...]:
            return tuple(
                _IN_BRACKETS.sub("", cell) if place in shortened else cell
                for place, cell in enumerate(cells)
                if place not in dropped
            )

        heads = tuple(
            replace(column, title=column.short or _IN_BRACKETS.sub("", column.title)) if place in shortened else column
            for place, column in enumerate(self.columns)
            if place not in dropped
        )
        return Table(heads, tuple(map(kept, self.rows)))

    @property
    def _titles(self) -> list[str]:
        return [column.title for column in self.columns]

    @property
    def _gaps(self) -> int:
        return len(_GAP) * (len(self.columns) - 1)

    @property
    def _least(self) -> list[int]:
        """The least width of each column: that of its widest cell, or of its title on two lines."""
        heads = [max(_halves(title), key=width) for title in self._titles]
        return [max(map(width, cells)) for cells in zip(heads, *self.rows, strict=True)]

    def _widths(self, rows: tuple[tuple[str, ...], ...]) -> list[int]:
        return [max(map(width, cells)) for cells in zip(self._titles, *rows, strict=True)]

    def _padded(self, cells: Collection[str], widths: list[int]) -> list[str]:
        return [pad(cell, w, right=column.right) for cell, w, column in zip(cells, widths, self.columns, strict=True)]


def _halves(title: str) -> list[str]:
    """Return a title on two lines that are as short as possible; a single word on one."""
    words = title.split()
    splits = [[" ".join(words[:place]), " ".join(words[place:])] for place in range(1, len(words))]
    return min(splits, key=lambda lines: max(map(width, lines)), default=[title])


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|").replace("\n", " ")
