"""A map of more exchanges than can be drawn one by one: how many are in flight, by request and by time."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .charts import Panel

__all__ = ["MOST_BARS", "SHADES", "Shading", "density", "failures", "is_dense", "mapped", "queues"]

#: The exchanges that a waterfall shows one by one in a panel; of more, it shows how densely they lie.
MOST_BARS = 500

#: From few exchanges to many, in a hue that stands for no language and no phase.
SHADES = ("#c9c4e4", "#a49bd2", "#7d6fbb", "#55439b", "#2c1a63")

_ROWS = 45
#: A map of more exchanges would look the same.
_MAPPED = 20_000
_STEPS = [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]


@dataclass(frozen=True, slots=True)
class Shading:
    """What rows and shades mean: the same in all maps of a picture, so that these can be compared.

    Attributes:
        per_row: the number of requests that a row stands for.
        bounds: the most exchanges in flight, on average over a cell, that each of ``SHADES`` stands for.
    """

    per_row: int
    bounds: tuple[float, ...]

    @property
    def title(self) -> tuple[str, str]:
        """What is counted, on two lines."""
        return "exchanges in flight", f"per row of {self.per_row:,} requests"

    @property
    def labels(self) -> list[str]:
        """What each shade stands for."""
        return [f"≤ {bound:,g}" for bound in self.bounds]

    def shade(self, value: float) -> int | None:
        """Return the place in ``SHADES`` of a cell's value; None where nothing is in flight."""
        return min(bisect_left(self.bounds, value), len(SHADES) - 1) if value > 0 else None


def is_dense(panel: Panel) -> bool:
    """Whether there are too many exchanges to be shown one by one."""
    return len(panel.starts) > MOST_BARS


def mapped(panels: Sequence[Panel], longest: float, columns: int) -> tuple[Shading, list[list[list[float]]]]:
    """Return what the shades mean, and the map of each panel, as ``density`` does; none of one that is not dense."""
    per_row = math.ceil(max((len(panel.starts) for panel in panels), default=1) / _ROWS)
    maps = [density(panel, longest, per_row, columns) if is_dense(panel) else [] for panel in panels]
    most = max((value for cells in maps for row in cells for value in row), default=0.0)
    last = max(bisect_left(_STEPS, most), len(SHADES) - 1)
    return Shading(per_row, tuple(_STEPS[last + 1 - len(SHADES) : last + 1])), maps


def density(panel: Panel, longest: float, per_row: int, columns: int) -> list[list[float]]:
    """Return how many exchanges are in flight on average, by row of requests and column of time, from 0 to ``longest``
    seconds.
    """
    count = len(panel.starts)
    rows = math.ceil(count / per_row)
    step = max(1, count // _MAPPED)
    # What begins within a column counts to it in part, and to those behind it in whole.
    within = [[0.0] * (columns + 1) for _ in range(rows)]
    onwards = [[0.0] * (columns + 2) for _ in range(rows)]
    for place in range(0, count, step):
        row = place // per_row
        for time, weight in ((panel.starts[place], step), (panel.ends[place], -step)):
            moment = min(max(time / longest * columns, 0.0), columns) if longest else 0.0
            column = int(moment)
            within[row][column] += weight * (column + 1 - moment)
            onwards[row][column + 1] += weight
    # rounded, so that nothing remains where all that began has ended
    return [
        [round(part + whole, 6) for part, whole in zip(parts[:columns], accumulate(wholes), strict=False)]
        for parts, wholes in zip(within, onwards, strict=True)
    ]


def failures(panel: Panel, longest: float, per_row: int, columns: int) -> list[int]:
    """Return the places of the exchanges that failed: the last one of each cell of a map that any ended in."""
    cells = {(place // per_row, int(panel.ends[place] / longest * columns)): place for place in sorted(panel.failed)}
    return list(cells.values())


def queues(panel: Panel, per_row: int) -> list[tuple[float, float]]:
    """Return from when to when the exchange in the middle of each row of a map was queued, in seconds."""
    count = len(panel.starts)
    middles = [(first + min(first + per_row, count)) // 2 for first in range(0, count, per_row)]
    return [(panel.intended[middle], panel.starts[middle]) for middle in middles]
