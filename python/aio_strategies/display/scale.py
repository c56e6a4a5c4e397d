"""Scales, which map values to positions along an axis and choose round numbers as ticks; and the units of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ..units import figure
from .text import text_width

__all__ = [
    "MILLISECONDS",
    "Scale",
    "TimeUnit",
    "figure",
    "from_zero",
    "label",
    "logarithmic",
    "round_step",
    "spanning",
    "unit_of",
]

#: The least gap between two labels, in pixels.
_GAP = 14


class TimeUnit(NamedTuple):
    """A unit of time: its name, and how many of it make a second."""

    name: str
    per_second: float


MILLISECONDS = TimeUnit("ms", 1000.0)


def unit_of(longest: float) -> TimeUnit:
    """Return the unit that suits times up to this many seconds."""
    return TimeUnit("s", 1.0) if longest >= 10 else MILLISECONDS


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale.

    Attributes:
        low: the value at its beginning.
        high: the value at its end; more than ``low``.
        logarithmic: whether equal distances are equal ratios; both values are then positive.
    """

    low: float
    high: float
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return how far along the scale a value is, from 0 to 1; a value beyond the scale is put at its end."""
        if self.logarithmic:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0)

    def titled(self, name: str) -> str:
        """Return a title: the name, and the kind of scale if a reader might be misled."""
        how = "logarithmic" if self.logarithmic else "not from 0" if self.low > 0 else ""
        return f"{name} ({how})" if how else name

    def ticks(self, length: float, *, size: float = 13, upwards: bool = False) -> list[tuple[float, str]]:
        """Return round values of the scale and their labels.

        Args:
            length: the length of the scale in pixels, which limits the number of labels.
            size: the height of the letters in pixels.
            upwards: whether the labels are stacked vertically, rather than side by side.
        """
        best: list[tuple[float, str]] = []
        for values in (
            [self._powers(steps) for steps in ((1, 2, 5), (1, 3), (1,))]
            if self.logarithmic
            else [self._multiples(count) for count in (8, 6, 5, 4, 3, 2, 1)]
        ):
            ticks = [(value, label(value)) for value in values if self.low * 0.9999 <= value <= self.high * 1.0001]
            sizes = [size if upwards else text_width(text, size) for _, text in ticks]
            spacing = min((length * (self.share(b) - self.share(a)) for (a, _), (b, _) in pairwise(ticks)), default=0)
            fits = len(ticks) < 2 or (sum(sizes) + _GAP * len(sizes) <= length and spacing >= max(sizes) + _GAP)
            if len(ticks) > len(best) and fits:
                best = ticks
        return best

    def _powers(self, steps: Sequence[int]) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        return [step * 10.0**decade for decade in decades for step in steps]

    def _multiples(self, count: int) -> list[float]:
        step = round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def from_zero(high: float) -> Scale:
    """Return a scale from 0 to a little above the value."""
    return Scale(0.0, high * 1.02 if high > 0 else 1.0)


def spanning(values: Sequence[float], *, close: float = 1.5) -> Scale:
    """Return a scale that includes all values: logarithmic if they span more than a factor of 5, from 0 if they span
    more than a factor of ``close``, otherwise only the range of the values.
    """
    low, high = min(values), max(values)
    if low > 0 and high / low > 5:
        return Scale(low / 1.15, high * 1.15, logarithmic=True)
    if low <= 0 or high / low > close:
        return Scale(0.0, high * 1.05 or 1.0)
    margin = 0.15 * (high - low) or 0.1 * high
    return Scale(low - margin, high + margin)


def logarithmic(values: Sequence[float]) -> Scale:
    """Return a logarithmic scale that includes all values; a linear one from 0 if some are not positive."""
    low, high = min(values), max(values)
    if low <= 0:  # such as no latency at all
        return from_zero(high)
    return Scale(low / 1.12, high * 1.12, logarithmic=True)


def label(value: float) -> str:
    """Return a number as an axis label, without superfluous zeros."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


def round_step(least: float) -> float:
    """Return the least of 1, 2 and 5, times a power of ten, that is not below this."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * 0.9999)
