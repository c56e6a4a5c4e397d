"""A scale of a chart: from values to pixels, with round numbers to mark it by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .svg import text_width

__all__ = ["Axis", "from_zero", "label", "logarithmic", "spanning", "spread", "time_unit"]

#: Pixels between two labels, at least.
_GAP = 14


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale.

    Attributes:
        low: the value at its beginning.
        high: the value at its end; more than ``low``.
        start: the pixel at its beginning.
        end: the pixel at its end, which may be less than ``start``.
        logarithmic: whether equal ways are equal ratios; both values are positive then.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of a value; one beyond the scale is put at its end."""
        if self.logarithmic:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def titled(self, name: str) -> str:
        """Return a title: the name, and how it is scaled where a reader might be misled."""
        how = "logarithmic" if self.logarithmic else "not from 0" if self.low > 0 else ""
        return f"{name} ({how})" if how else name

    def ticks(self, size: float = 13) -> list[tuple[float, str]]:
        """Return round values of the scale and their labels, as many as fit beside each other at that size of text."""
        room = abs(self.end - self.start)
        best: list[tuple[float, str]] = []
        for values in (
            [self._powers(steps) for steps in ((1, 2, 5), (1, 3), (1,))]
            if self.logarithmic
            else [self._multiples(count) for count in (8, 6, 5, 4, 3, 2, 1)]
        ):
            ticks = [(value, label(value)) for value in values if self.low * 0.9999 <= value <= self.high * 1.0001]
            needed = sum(text_width(text, size) + _GAP for _, text in ticks)
            spacing = min((abs(self.at(b) - self.at(a)) for (a, _), (b, _) in pairwise(ticks)), default=room)
            widest = max((text_width(text, size) for _, text in ticks), default=0)
            if len(ticks) > len(best) and needed <= room and spacing >= widest + _GAP:
                best = ticks
        return best

    def _powers(self, steps: Sequence[int]) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        return [step * 10.0**decade for decade in decades for step in steps]

    def _multiples(self, count: int) -> list[float]:
        step = _round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def from_zero(high: float, start: float, end: float) -> Axis:
    """Return a scale from 0 to a little above the value."""
    return Axis(0.0, high * 1.02 if high > 0 else 1.0, start, end)


def spanning(values: Sequence[float], start: float, end: float) -> Axis:
    """Return a scale that all the values are on: logarithmic where they span more than a factor of 5, from 0 where they
    span more than one of 1.5, and else a section.
    """
    low, high = min(values), max(values)
    if low > 0 and high / low > 5:
        return Axis(low / 1.15, high * 1.15, start, end, logarithmic=True)
    if low <= 0 or high / low > 1.5:
        return Axis(0.0, high * 1.05 or 1.0, start, end)
    margin = 0.15 * (high - low) or 0.1 * high
    return Axis(low - margin, high + margin, start, end)


def logarithmic(values: Sequence[float], start: float, end: float) -> Axis:
    """Return a logarithmic scale that all the values are on; one from 0 where they are not all positive."""
    low, high = min(values), max(values)
    if low <= 0:  # such as no latency at all
        return from_zero(high, start, end)
    return Axis(low / 1.12, high * 1.12, start, end, logarithmic=True)


def label(value: float) -> str:
    """Return a number as an axis says it: without zeros that say nothing."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


def time_unit(longest: float) -> tuple[float, str]:
    """Return what to multiply seconds by, and the unit that they are in then: ms, or s for ten seconds and more."""
    return (1.0, "s") if longest >= 10 else (1000.0, "ms")


def spread(wanted: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Move places apart until neighbours are ``distance`` apart, each as near to where it was wanted as may be.

    They stay between ``low`` and ``high`` if there is room for all.
    """
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    # blocks of neighbours: the sum of where their first is wanted, and how many they are
    blocks: list[tuple[float, int]] = []
    for place in order:
        total, count = wanted[place], 1
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][1] * distance > total / count:
            before, many = blocks.pop()
            total, count = before + total - count * many * distance, many + count
        blocks.append((total, count))
    places = [total / count + number * distance for total, count in blocks for number in range(count)]
    for number in range(len(places)):
        places[number] = max(places[number], low + number * distance)
    for number in reversed(range(len(places))):
        places[number] = min(places[number], high - (len(places) - 1 - number) * distance)
    moved = [0.0] * len(wanted)
    for place, new in zip(order, places, strict=True):
        moved[place] = new
    return moved


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * 0.9999)
