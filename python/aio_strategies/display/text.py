"""Text as wide as it looks: a Chinese character takes two columns of a terminal, a combining accent none."""

from __future__ import annotations

import unicodedata

__all__ = ["pad", "width"]


def width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(map(_columns, text))


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Fill the text up with spaces to that many columns: behind it, or before it if it shall stand at the right."""
    spaces = " " * (columns - width(text))
    return spaces + text if right else text + spaces


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
