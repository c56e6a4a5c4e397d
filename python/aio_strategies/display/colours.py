"""All colours: the same in tables and in charts."""

from __future__ import annotations

__all__ = ["DARK", "FAINT_INK", "GREY", "INK", "LANGUAGES", "PAPER", "PARTS", "RULE", "SHADES", "colour_of"]

#: Medium colours: visible on white and on black, and distinct for colour-blind readers.
LANGUAGES = {"python": "#4a8fd0", "rust": "#d9772b"}
GREY = "#8a8a8a"
#: The inks and the paper of a picture, so that it can be read on any page; reference lines also have the faint ink.
INK, FAINT_INK, RULE, PAPER = "#25282b", "#5b6166", "#dcdcd8", "#fafaf8"

#: The parts of a waterfall's bars. Distinct for colour-blind readers; the wait is pale, as it fills most of it.
PARTS = {
    "queued": "#c4c4c0",
    "connect": "#0b8f6b",
    "handshake": "#d4a017",
    "send": "#c65b9a",
    "wait": "#9fbfd9",
    "receive": "#c8500a",
    "in flight": "#7f93a8",
    "failed": "#a80a2e",
}

#: From few exchanges to many, in a hue that no language and no phase has.
SHADES = ("#c9c4e4", "#a49bd2", "#7d6fbb", "#55439b", "#2c1a63")


#: What stands for a colour on a dark page; all others are readable on both.
DARK = {
    **{INK: "#e8e8e4", FAINT_INK: "#a9aeb3", RULE: "#3b3e42", PAPER: "#1b1d1f"},
    **{PARTS["queued"]: "#5d6063", PARTS["connect"]: "#1fb88a", PARTS["wait"]: "#41627d", PARTS["failed"]: "#ff5c7c"},
    # the more, the brighter
    **dict(zip(SHADES, ("#3a3062", "#55479a", "#7d6fc4", "#aa9ee4", "#ded7ff"), strict=True)),
}


def colour_of(kind: str) -> str:
    """Return the colour of ``"python"``, of ``"rust"``, or of anything else, which is grey."""
    return LANGUAGES.get(kind, GREY)
