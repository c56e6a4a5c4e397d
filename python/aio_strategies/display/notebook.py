"""A table as HTML that works in an untrusted notebook: inline styles only, readable on light and dark pages."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from .colours import colour_of
from .tables import Column, Table

__all__ = ["Bars", "bar", "folded", "html_notes", "html_table", "html_warnings"]

_RULE = "1px solid rgba(128, 128, 128, 0.4)"
_AMBER = "#d9a32b"


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar in each row, beside a column of numbers.

    Attributes:
        after: the number of the column that the bars follow, from 0.
        lengths: each row's length, from 0 to 1.
        kinds: chooses the colour of each row's bar: ``"python"``, ``"rust"`` or anything else.
    """

    after: int
    lengths: Sequence[float]
    kinds: Sequence[str]


def html_table(table: Table, *, bars: Bars | None = None) -> str:
    """Return the table as HTML, with a rule above each row whose first cell is not blank.

    What a column means is shown while the pointer rests on its title.
    """
    head = [
        _cell("th", column.title, column, f"vertical-align: bottom{'; cursor: help' if column.about else ''}")
        for column in table.columns
    ]
    if bars is not None:
        head.insert(bars.after + 1, "<th></th>")
    body = []
    for number, row in enumerate(table.rows):
        rule = f"border-top: {_RULE if row[0] else 'none'}"
        cells = [
            _cell(
                "td",
                text,
                column,
                f"white-space: {'normal' if column.wraps else 'nowrap'}; vertical-align: top; {rule}",
            )
            for text, column in zip(row, table.columns, strict=True)
        ]
        if bars is not None:
            drawn = bar(bars.lengths[number], bars.kinds[number])
            cells.insert(bars.after + 1, f'<td style="vertical-align: middle; {rule}">{drawn}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        # where the page is narrower, the table scrolls instead of the page
        '<div style="overflow-x: auto"><table style="border-collapse: collapse; margin: 0 0 0.5em 0">'
        f"<thead><tr>{''.join(head)}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def html_notes(notes: Sequence[str]) -> str:
    """Return lines in a faint style, for below a table."""
    return "".join(f'<div style="opacity: 0.75; padding-left: 0.6em">{html.escape(note)}</div>' for note in notes)


def html_warnings(warnings: Sequence[str]) -> str:
    """Return lines in a conspicuous style."""
    style = f"border-left: 4px solid {_AMBER}; padding: 0.15em 0.6em; margin: 0.2em 0"
    return "".join(f'<div style="{style}"><b>warning</b>: {html.escape(warning)}</div>' for warning in warnings)


def folded(title: str, content: str) -> str:
    """Return HTML content that is folded until its title is clicked."""
    return (
        f'<details style="margin: 0.5em 0"><summary style="padding-left: 0.6em">{html.escape(title)}</summary>'
        f"{content}</details>"
    )


def bar(length: float, kind: str = "", *, width: str = "7em", track: bool = False) -> str:
    """Return a bar as HTML.

    Args:
        length: the share of the width that it fills, from 0 to 1; a very short bar stays visible.
        kind: ``"python"`` or ``"rust"`` for their colours; anything else is grey.
        width: the full width, as a CSS length.
        track: whether to also draw the full width, faintly.
    """
    colour = colour_of(kind)
    fill = f"width: {100 * length:.1f}%; min-width: 2px; height: 0.7em; background-color: {colour}; border-radius: 2px"
    whole = f"width: {width}" + ("; background-color: rgba(128, 128, 128, 0.25); border-radius: 2px" if track else "")
    return f'<div style="{whole}"><div style="{fill}"></div></div>'


def _cell(tag: str, text: str, column: Column, style: str) -> str:
    align = "right" if column.right else "left"
    text = text.replace(" %", "\u00a0%")
    about = f' title="{html.escape(column.about)}"' if tag == "th" and column.about else ""
    return f'<{tag}{about} style="text-align: {align}; padding: 0.15em 0.5em; {style}">{html.escape(text)}</{tag}>'
