"""Source code, highlighted, with marked lines: side by side in a terminal, or as HTML for untrusted notebooks too.

The HTML colours are as far from white as from black, so they are readable on both; other text keeps the page's colours.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .notebook import folded
from .text import width

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from rich.containers import Lines
    from rich.text import Text

__all__ = ["COLOURS", "LEAST_COLUMNS", "Colour", "Listing", "Mark", "html_listings", "terminal_listings"]

LEAST_COLUMNS = 80
"""The columns of code that a listing needs in a terminal to stand beside another; longer lines are wrapped."""


class Colour(NamedTuple):
    """A colour.

    Attributes:
        html: the colour in HTML, such as ``"#a558c9"``.
        terminal: its name for a terminal, which picks a shade that suits its background.
    """

    html: str
    terminal: str


COLOURS: Mapping[str, Colour] = {
    "Keyword": Colour("#a558c9", "magenta"),
    "Name.Function": Colour("#2e7bd6", "blue"),
    "Name.Class": Colour("#2e7bd6", "blue"),
    "Name.Builtin": Colour("#148585", "cyan"),
    "Name.Decorator": Colour("#148585", "cyan"),
    "Literal.Number": Colour("#b5621b", "yellow"),
    "Literal.String": Colour("#3d8536", "green"),
    "Comment": Colour("#787878", "bright_black"),
}
"""The colours by pygments token type; a type without its own colour has its parent's."""


class Mark(NamedTuple):
    """A kind of marked line.

    Attributes:
        sign: one character, shown in the gutter.
        colour: the colour of the sign and, faintly, of the line.
        meaning: its text in the legend.
    """

    sign: str
    colour: Colour
    meaning: str


@dataclass(frozen=True)
class Listing:
    """A file to show.

    Attributes:
        title: the heading above it.
        language: ``"python"`` or ``"rust"``.
        text: its text.
        marks: the marks by line number, from 1.
    """

    title: str
    language: str
    text: str
    marks: Mapping[int, Mark] = field(default_factory=dict)


# --- HTML


def html_listings(parts: Sequence[Sequence[Listing]]) -> str:
    """Return the listings of the first part side by side, or one below the other on a narrow page; then the legend;
    then the other parts, folded.
    """
    chief, *others = parts
    hidden = [folded(_titles(part), _columns(part)) for part in others]
    return "".join([_columns(chief), _html_legend(parts), *hidden])


def _columns(listings: Sequence[Listing]) -> str:
    # Not a flex box: an untrusted notebook loses `flex-wrap`. It loses the second `min-width`, too, which gives each
    # the whole width of a page that is too narrow for both.
    share = "100%" if len(listings) == 1 else "49.5%"
    least = "min-width: 24em; min-width: min(100%, max(24em, (49em - 100%) * 999))"
    style = f"display: inline-block; vertical-align: top; width: {share}; {least}"
    return "<div>" + "".join(f'<div style="{style}">{_html_listing(one)}</div>' for one in listings) + "</div>"


def _html_listing(listing: Listing) -> str:
    title = f'<div style="padding: 0.3em 0.6em 0 0.6em"><b>{html.escape(listing.title)}</b></div>'
    box = (
        "margin: 0.3em 0.6em 0.6em 0; padding: 0.5em 0.6em 0.5em 0; border: 1px solid rgba(128, 128, 128, 0.4);"
        " border-radius: 4px; overflow-x: auto; background-color: transparent; color: inherit;"
        " font-family: monospace; font-size: 12px; line-height: 1.45; white-space: pre"
    )
    # as wide as the longest line, so that a mark's tint does not end where the scrolling begins
    sheet = "display: inline-block; min-width: 100%"
    lines = "".join(_html_line(code, listing.marks.get(number)) for number, code in enumerate(_html_code(listing), 1))
    return f'{title}<pre style="{box}"><span style="{sheet}">{lines}</span></pre>'


def _html_code(listing: Listing) -> list[str]:
    """Return the highlighted lines."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.style import Style
    from pygments.token import string_to_tokentype

    colours = {string_to_tokentype(kind): colour.html for kind, colour in COLOURS.items()}
    on_any_page = type("OnAnyPage", (Style,), {"styles": colours})
    formatter = HtmlFormatter(style=on_any_page, noclasses=True, nowrap=True)
    code: str = highlight(listing.text.rstrip("\n"), _lexer(listing), formatter)
    return code.removesuffix("\n").split("\n")


def _html_line(code: str, mark: Mark | None) -> str:
    if mark is None:
        return f'<span style="display: block; padding-left: 2em">{code or " "}</span>'
    sign = f"float: left; margin-left: -1.5em; color: {mark.colour.html}; font-weight: bold; user-select: none"
    line = f"display: block; padding-left: 2em; background-color: {_tint(mark.colour.html)}"
    return f'<span style="{line}"><span style="{sign}">{mark.sign}</span>{code}</span>'


def _html_legend(parts: Sequence[Sequence[Listing]]) -> str:
    lines = []
    for mark in _marks_of(parts):
        sign = f'<span style="color: {mark.colour.html}; font-weight: bold">{mark.sign}</span>'
        lines.append(f'<div style="padding-left: 0.6em">{sign} {html.escape(mark.meaning)}</div>')
    return "".join(lines)


def _tint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.15)"


# --- a terminal


def terminal_listings(parts: Sequence[Sequence[Listing]], columns: int) -> Text:
    """Return the listings of each part side by side if the terminal is wide enough, otherwise one below the other; then
    the legend.

    Args:
        parts: listings that belong together.
        columns: the terminal's width.
    """
    from rich.text import Text

    told = [Text(f"{mark.sign} ", style=mark.colour.terminal).append(mark.meaning, "") for mark in _marks_of(parts)]
    return Text("\n").join([*(line for part in parts for line in _terminal_part(part, columns)), *told])


_GUTTER = 2
_BETWEEN = " │ "


def _terminal_part(listings: Sequence[Listing], columns: int) -> list[Text]:
    from itertools import zip_longest

    from rich.text import Text

    each = (columns - len(_BETWEEN) * (len(listings) - 1)) // len(listings) - _GUTTER
    if len(listings) == 1 or each < LEAST_COLUMNS:
        return [line for listing in listings for line in [*_terminal_listing(listing, columns - _GUTTER), Text()]]
    blocks = [_terminal_listing(listing, each) for listing in listings]
    lines = []
    for row in zip_longest(*blocks, fillvalue=Text()):
        line = Text()
        for text in row[:-1]:
            line.append_text(text).append(" " * (_GUTTER + each - width(text.plain)), "").append(_BETWEEN, "dim")
        line.append_text(row[-1]).rstrip()
        lines.append(line)
    return [*lines, Text()]


def _terminal_listing(listing: Listing, columns: int) -> list[Text]:
    from rich.text import Text

    lines = [Text(" " * _GUTTER).append(listing.title, "bold"), Text()]
    for number, code in enumerate(_terminal_code(listing), 1):
        mark = listing.marks.get(number)
        gutter = Text(mark.sign.ljust(_GUTTER), style=f"bold {mark.colour.terminal}") if mark else Text(" " * _GUTTER)
        for part in _broken(code, columns):
            lines.append(Text().append_text(gutter).append_text(part))
            gutter = Text(" " * _GUTTER)
    return lines


def _terminal_code(listing: Listing) -> Lines:
    """Return the highlighted lines."""
    from pygments.token import string_to_tokentype
    from rich.style import Style
    from rich.syntax import ANSISyntaxTheme, Syntax

    theme = ANSISyntaxTheme(
        {string_to_tokentype(kind): Style(color=colour.terminal) for kind, colour in COLOURS.items()}
    )
    code = Syntax(listing.text.rstrip("\n"), _lexer(listing), theme=theme).highlight(listing.text.rstrip("\n"))
    code.rstrip()
    return code.split("\n", allow_blank=True)


def _broken(line: Text, columns: int) -> Iterator[Text]:
    """Wrap a line that is too long, between words if possible; continuation lines are indented more."""
    from rich.text import Text

    plain = line.plain
    indent = " " * min(len(plain) - len(plain.lstrip()) + 4, columns // 2)
    beginning, room, at = "", max(columns, 1), 0
    while len(plain) - at > room:
        end = plain.rfind(" ", at + room // 2, at + room) + 1 or at + room
        yield Text(beginning).append_text(line[at:end])
        beginning, room, at = indent, max(columns - len(indent), 1), end
    yield Text(beginning).append_text(line[at:])


# --- both


def _titles(listings: Sequence[Listing]) -> str:
    return " · ".join(listing.title for listing in listings)


def _marks_of(parts: Sequence[Sequence[Listing]]) -> list[Mark]:
    """Return the marks in use, without duplicates."""
    return list(dict.fromkeys(mark for part in parts for listing in part for _, mark in sorted(listing.marks.items())))


def _lexer(listing: Listing) -> Lexer:
    from pygments.lexers import get_lexer_by_name

    return get_lexer_by_name(listing.language, stripnl=False, ensurenl=False)
