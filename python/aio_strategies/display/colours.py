"""The colours of what is shown: the same in tables and in pictures."""

from __future__ import annotations

__all__ = ["FAINT_INK", "GREY", "INK", "LANGUAGES", "PAPER", "PARTS", "RULE", "SHADES", "colour_of"]

#: Middling colours: seen on white as well as on black, and by the colour-blind apart.
LANGUAGES = {"python": "#4a8fd0", "rust": "#d9772b"}
GREY = "#8a8a8a"
#: What a picture is drawn with and on, so that it can be read on any page; the faint ink is also of lines to compare
#: with.
INK, FAINT_INK, RULE, PAPER = "#25282b", "#5b6166", "#dcdcd8", "#fafaf8"

#: What a part of a waterfall's bar is called. Apart for the colour-blind; the wait is pale since it is most of the
#: picture.
PARTS = {
    "queued": "#c4c4c0",
    "connect": "#0b8f6b",
    "send": "#c65b9a",
    "wait": "#9fbfd9",
    "receive": "#c8500a",
    "in flight": "#7f93a8",
    "failed": "#a80a2e",
}

#: From few exchanges to many, in a hue that stands for no language and no phase.
SHADES = ("#c9c4e4", "#a49bd2", "#7d6fbb", "#55439b", "#2c1a63")


def colour_of(kind: str) -> str:
    """Return the colour of ``"python"``, of ``"rust"``, or of anything else, which is grey."""
    return LANGUAGES.get(kind, GREY)
