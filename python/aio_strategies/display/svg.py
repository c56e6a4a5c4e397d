"""The elements of an SVG file, and the shapes that charts are made of."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable

from .colours import DARK, INK, PAPER

__all__ = ["corners_of", "document", "element", "marker", "number", "polyline", "stroke", "text_at"]

#: Characters that XML cannot contain, even escaped.
_UNSAYABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: A rule takes precedence over an attribute, so each colour stands in the elements once, as it is on a light page.
_DARK = "".join(
    f'[{paint}="{light}"]{{{paint}:{dark}}}' for light, dark in DARK.items() for paint in ("fill", "stroke")
)
_FONTS = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Arial, sans-serif"


def number(value: float) -> str:
    """Return a coordinate with at most two decimals, as short as possible."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def element(name: str, content: str = "", /, **attributes: str | float | None) -> str:
    """Return an element; in an attribute's name, ``_`` stands for ``-``, and a value of None leaves it out."""
    given = "".join(
        f' {key.strip("_").replace("_", "-")}="{value if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def text_at(
    x: float, y: float, text: str, *, size: float = 13, anchor: str | None = None, upwards: bool = False, **how: str
) -> str:
    """Return a line of text; ``y`` is its baseline, ``anchor`` is ``"middle"`` or ``"end"``."""
    turned = f"rotate(-90 {number(x)} {number(y)})" if upwards else None
    sayable = html.escape(_UNSAYABLE.sub("\ufffd", text)) or " "
    return element("text", sayable, x=x, y=y, font_size=size, text_anchor=anchor, transform=turned, **how)


def marker(x: float, y: float, colour: str, *, radius: float, corners: int = 0, hollow: bool = False) -> str:
    """Return a dot, or the polygon of ``corners_of``."""
    paint = {"fill": PAPER, "stroke": colour} if hollow else {"fill": colour, "stroke": PAPER}
    width = 2 if hollow else 1
    if not corners:
        return element("circle", cx=x, cy=y, r=radius, **paint, stroke_width=width)
    points = " ".join(f"{number(x + radius * dx)},{number(y + radius * dy)}" for dx, dy in corners_of(corners))
    return element("polygon", points=points, **paint, stroke_width=width)


def stroke(
    path: str,
    colour: str,
    width: float = 1,
    *,
    dashes: Iterable[float] = (),
    opacity: float | None = None,
    cap: str | None = None,
    name: str | None = None,
) -> str:
    """Return a line along a path; the name is for readers of the file."""
    ink: dict[str, str | float | None] = {"stroke": colour, "stroke_width": width, "stroke_opacity": opacity}
    ink |= {"stroke_dasharray": " ".join(map(number, dashes)) or None, "stroke_linecap": cap}
    return element("path", d=path, fill="none", class_=name, **ink)


def document(width: float, height: float, title: str, elements: Iterable[str]) -> str:
    """Return the text of a file: a rounded sheet with its own background, so it is readable on any page; dark where the
    reader prefers dark pages. The title is for readers who cannot see it.
    """
    dark = element("style", f"@media (prefers-color-scheme:dark){{{_DARK}}}")
    sheet = element("rect", width=width, height=height, rx=8, fill=PAPER)
    named = element("title", html.escape(_UNSAYABLE.sub(" ", title)))
    box = f"0 0 {number(width)} {number(height)}"
    how = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": box, "font_family": _FONTS, "fill": INK, "role": "img"}
    return element("svg", "".join([named, dark, sheet, *elements]), width=width, height=height, **how)


def corners_of(corners: int) -> list[tuple[float, float]]:
    """Return a regular polygon around 0 with this many corners, as large as a circle of radius 1. It stands on a side,
    or on a corner if the number is negative.
    """
    count = abs(corners)
    turned = 0.5 if corners > 0 else 0
    turns = [2 * math.pi * (corner + turned) / count + math.pi / 2 for corner in range(count)]
    radius = math.sqrt(2 * math.pi / count / math.sin(2 * math.pi / count))
    return [(radius * math.cos(turn), radius * math.sin(turn)) for turn in turns]


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """Return the path along the points."""
    path = ""
    last = None
    for x, y in ((number(x), number(y)) for x, y in points):
        if last is None:
            path = f"M{x} {y}"
        elif y == last[1]:
            path += f"H{x}"
        elif x == last[0]:
            path += f"V{y}"
        else:
            path += f"L{x} {y}"
        last = x, y
    return path
