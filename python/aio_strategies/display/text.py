"""The displayed width of text: a Chinese character takes two columns of a terminal, a combining accent none."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["cut", "fitted", "flowed", "pad", "terminal_columns", "text_width", "width", "wrapped"]

#: An average letter's width as a share of its height, in the widest of the usual fonts without serifs.
_LETTER = 0.6


def width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(map(_columns, text))


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Pad the text with spaces to this many columns: after it, or before it to align it right."""
    spaces = " " * (columns - width(text))
    return spaces + text if right else text + spaces


def cut(text: str, columns: int) -> str:
    """Return the text, cut off with an ellipsis if it takes more than this many columns of a terminal."""
    if width(text) <= columns:
        return text
    while text and width(text) >= columns:
        text = text[:-1]
    return text + "…"


def flowed(text: str, columns: int) -> str:
    """Break a text into lines for a terminal of this many columns; all but the first are indented.

    A line ends at a space that does not part a number from its unit, or beside a Chinese character.
    """
    lines: list[str] = []
    for word in _WORD.findall(_BEFORE_UNIT.sub("\u00a0", text)):
        if lines and width(lines[-1] + word) <= columns:
            lines[-1] += word
        else:
            lines.append(f"  {word.lstrip(' ')}" if lines else word)
    return "\n".join(lines).replace("\u00a0", " ")


_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|ms\b|s\b|×)")
_WORD = re.compile(r" *(?:[^ \u2e80-\uffef]+|.)")


def terminal_columns() -> int | None:
    """Return the width of the terminal that standard output goes to; None if it goes elsewhere, as to a pipe."""
    import sys
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def text_width(text: str, size: float) -> float:
    """Return about how many pixels wide the text is at this size."""
    return _LETTER * size * width(text)


def fitted(text: str, size: float, pixels: float) -> str:
    """Return the text, cut off with an ellipsis if it is wider than this many pixels."""
    if text_width(text, size) <= pixels:
        return text
    while text and text_width(text + "…", size) > pixels:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, size: float, pixels: float) -> list[str]:
    """Wrap a text into lines no wider than this many pixels; a single word that is wider is cut off."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= pixels:
            lines[-1] += f" {word}"
        else:
            lines.append(fitted(word, size, pixels))
    return lines


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
