"""The colours of what is shown: the same in tables and in pictures."""

from __future__ import annotations

__all__ = ["GREY", "LANGUAGES", "colour_of"]

#: Middling colours: seen on white as well as on black, and by the colour-blind apart.
LANGUAGES = {"python": "#4a8fd0", "rust": "#d9772b"}
GREY = "#8a8a8a"


def colour_of(kind: str) -> str:
    """Return the colour of ``"python"``, of ``"rust"``, or of anything else, which is grey."""
    return LANGUAGES.get(kind, GREY)
