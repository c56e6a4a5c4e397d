"""The few shapes that the charts are made of, written as SVG."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

from .text import width

__all__ = ["Drawing", "corners_of", "fitted", "number", "polyline", "text_width", "wrapped"]

#: What XML cannot say, not even escaped.
_UNSAYABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: An average letter's width as a share of its height, in the widest of the usual fonts without serifs.
_LETTER = 0.6


def text_width(text: str, size: float) -> float:
    """Return about how many pixels the text takes at that size."""
    return _LETTER * size * width(text)


def fitted(text: str, size: float, pixels: float) -> str:
    """Return the text, cut off with an ellipsis where it would be wider than that many pixels."""
    if text_width(text, size) <= pixels:
        return text
    while text and text_width(text + "…", size) > pixels:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, size: float, pixels: float) -> list[str]:
    """Return the lines of a text that are not wider than that many pixels; a word that is wider is cut off."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= pixels:
            lines[-1] += f" {word}"
        else:
            lines.append(fitted(word, size, pixels))
    return lines


def number(value: float) -> str:
    """Return a coordinate, as short as two decimals allow."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


class Drawing:
    """A drawing on a rounded panel of its own colour, so that it can be read on any page.

    Args:
        width: its width in pixels; its height is given in the end.
    """

    ink = "#25282b"
    faint_ink = "#5b6166"
    rule = "#dcdcd8"
    panel = "#fafaf8"

    def __init__(self, width: float) -> None:
        self.width = width
        self._shapes: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 14,
        anchor: str = "start",
        faint: bool = False,
        bold: bool = False,
        upwards: bool = False,
    ) -> None:
        """Write a line of text; ``y`` is its baseline, ``anchor`` is ``"start"``, ``"middle"`` or ``"end"``."""
        style = f' text-anchor="{anchor}"' if anchor != "start" else ""
        style += ' font-weight="600"' if bold else ""
        style += f' fill="{self.faint_ink}"' if faint else ""
        style += f' transform="rotate(-90 {number(x)} {number(y)})"' if upwards else ""
        sayable = html.escape(_UNSAYABLE.sub("\ufffd", text))
        self._shapes.append(f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}"{style}>{sayable}</text>')

    def rectangle(
        self, x: float, y: float, width: float, height: float, fill: str, *, opacity: float = 1, radius: float = 0
    ) -> None:
        """Fill a rectangle."""
        style = f' rx="{number(radius)}"' if radius else ""
        style += f' fill-opacity="{number(opacity)}"' if opacity < 1 else ""
        self._shapes.append(
            f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" fill="{fill}"'
            f"{style}/>"
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dashes: str = ""
    ) -> None:
        """Draw a straight line."""
        self.lines(f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", colour, width=width, dashes=dashes)

    def lines(
        self,
        path: str,
        colour: str,
        *,
        width: float = 1,
        opacity: float = 1,
        dashes: str = "",
        dots: bool = False,
        what: str = "",
    ) -> None:
        """Draw along a path of SVG's; ``dots`` makes round ends, ``what`` names it for who reads the file."""
        style = f' class="{what}"' if what else ""
        style += f' stroke-dasharray="{dashes}"' if dashes else ""
        style += ' stroke-linecap="round"' if dots else ""
        style += f' stroke-opacity="{number(opacity)}"' if opacity < 1 else ""
        self._shapes.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{number(width)}"{style}/>')

    def area(self, path: str, colour: str, opacity: float) -> None:
        """Fill what a path of SVG's encloses."""
        self._shapes.append(f'<path d="{path}" fill="{colour}" fill-opacity="{number(opacity)}"/>')

    def marker(
        self, x: float, y: float, colour: str, *, hollow: bool = False, corners: int = 0, size: float = 5
    ) -> None:
        """Draw a dot, or the polygon of ``corners_of``."""
        paint = f'fill="{self.panel if hollow else colour}" stroke="{colour if hollow else self.panel}"'
        paint += f' stroke-width="{2 if hollow else 1}"'
        if corners:
            points = " ".join(f"{number(x + size * dx)},{number(y + size * dy)}" for dx, dy in corners_of(corners))
            self._shapes.append(f'<polygon points="{points}" {paint}/>')
        else:
            self._shapes.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(size)}" {paint}/>')

    def to_svg(self, height: float, title: str) -> str:
        """Return the file's text; the title is for those who cannot see it."""
        size = f'width="{number(self.width)}" height="{number(height)}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {number(self.width)} {number(height)}" '
            f"font-family=\"system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Arial, sans-serif\" "
            f'fill="{self.ink}" role="img"><title>{html.escape(_UNSAYABLE.sub(" ", title))}</title>'
            f'<rect {size} rx="8" fill="{self.panel}"/>{"".join(self._shapes)}</svg>'
        )


def corners_of(corners: int) -> list[tuple[float, float]]:
    """Return a regular polygon around 0 with so many corners, as large as a circle of radius 1. It stands on a side, or
    on a corner if the number is negative.
    """
    count = abs(corners)
    turned = 0.5 if corners > 0 else 0
    turns = [2 * math.pi * (corner + turned) / count + math.pi / 2 for corner in range(count)]
    radius = math.sqrt(2 * math.pi / count / math.sin(2 * math.pi / count))
    return [(radius * math.cos(turn), radius * math.sin(turn)) for turn in turns]


def polyline(points: Sequence[tuple[float, float]]) -> str:
    """Return the path along the points."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
