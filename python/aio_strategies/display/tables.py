"""A table, as aligned text or as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from .text import pad, width

__all__ = ["Column", "Table"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title, whether its cells are right-aligned, as numbers are, and whether HTML may wrap them."""

    title: str
    right: bool = False
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and rows that have a cell for each of them."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_text(self) -> str:
        """Return lines of aligned cells below a header, without a line break at the end."""
        widths = self._widths(self.rows)
        lines = [
            [pad(column.title, w, right=column.right) for column, w in zip(self.columns, widths, strict=True)],
            ["-" * w for w in widths],
            *self._padded(self.rows, widths),
        ]
        return "\n".join("  ".join(cells).rstrip() for cells in lines)

    def to_markdown(self) -> str:
        """Return a GitHub Markdown table, with its source aligned too, without a line break at the end."""
        rows = tuple(tuple(_escaped(cell) for cell in row) for row in self.rows)
        widths = [max(3, w) for w in self._widths(rows)]
        lines = [
            [pad(column.title, w, right=column.right) for column, w in zip(self.columns, widths, strict=True)],
            ["-" * (w - 1) + ":" if column.right else "-" * w for column, w in zip(self.columns, widths, strict=True)],
            *self._padded(rows, widths),
        ]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def _widths(self, rows: tuple[tuple[str, ...], ...]) -> list[int]:
        titles = tuple(column.title for column in self.columns)
        return [max(map(width, cells)) for cells in zip(titles, *rows, strict=True)]

    def _padded(self, rows: tuple[tuple[str, ...], ...], widths: list[int]) -> list[list[str]]:
        return [
            [pad(cell, w, right=column.right) for cell, w, column in zip(row, widths, self.columns, strict=True)]
            for row in rows
        ]


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|").replace("\n", " ")
