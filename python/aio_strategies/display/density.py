"""A density map, for more exchanges than can be drawn one by one: how many are in flight, by request and time."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from .batch import Batch
from .colours import SHADES

__all__ = ["MOST_BARS", "Shading", "cells_of", "failures", "mapped", "queues"]

#: The most exchanges that a panel of a waterfall shows one by one; above that, it shows their density.
MOST_BARS = 500

_ROWS = 45
#: A map of more exchanges would look the same.
_MAPPED = 20_000
_STEPS = [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]


@dataclass(frozen=True, slots=True)
class Shading:
    """The meaning of rows and shades: the same in all maps of a picture, so that they can be compared.

    Attributes:
        per_row: the number of requests per row.
        bounds: for each of ``SHADES``, the most exchanges in flight that it stands for, on average over a cell.
    """

    per_row: int
    bounds: tuple[float, ...]

    @property
    def labels(self) -> list[str]:
        """The meaning of each shade."""
        return [f"≤ {bound:,g}" for bound in self.bounds]

    def shade(self, value: float) -> int | None:
        """Return the index in ``SHADES`` for a cell's value; None if nothing is in flight."""
        return min(bisect_left(self.bounds, value), len(SHADES) - 1) if value > 0 else None


def mapped(batches: Sequence[Batch], longest: float, columns: int) -> tuple[Shading, list[list[list[float]]]]:
    """Return the shading, and the map of each batch as ``cells_of`` makes it; empty for a batch of few exchanges."""
    per_row = math.ceil(max((len(batch.starts) for batch in batches), default=1) / _ROWS)
    maps = [cells_of(batch, longest, per_row, columns) if len(batch.starts) > MOST_BARS else [] for batch in batches]
    most = max((value for cells in maps for row in cells for value in row), default=0.0)
    last = max(bisect_left(_STEPS, most), len(SHADES) - 1)
    return Shading(per_row, tuple(_STEPS[last + 1 - len(SHADES) : last + 1])), maps


def cells_of(batch: Batch, longest: float, per_row: int, columns: int) -> list[list[float]]:
    """Return how many exchanges are in flight on average, by row of requests and column of time, from 0 to ``longest``
    seconds.
    """
    count = len(batch.starts)
    rows = math.ceil(count / per_row)
    step = max(1, count // _MAPPED)
    # An exchange that begins within a column counts partly in that column, and fully in later ones.
    within = [[0.0] * (columns + 1) for _ in range(rows)]
    onwards = [[0.0] * (columns + 2) for _ in range(rows)]
    for place in range(0, count, step):
        row = place // per_row
        for time, weight in ((batch.starts[place], step), (batch.ends[place], -step)):
            moment = min(max(time / longest * columns, 0.0), columns) if longest else 0.0
            column = int(moment)
            within[row][column] += weight * (column + 1 - moment)
            onwards[row][column + 1] += weight
    # rounded, so that exactly 0 remains after everything has ended
    return [
        [round(part + whole, 6) for part, whole in zip(parts[:columns], accumulate(wholes), strict=False)]
        for parts, wholes in zip(within, onwards, strict=True)
    ]


def failures(batch: Batch, longest: float, per_row: int, columns: int) -> list[int]:
    """Return the indexes of failed exchanges: for each cell of the map, the last failure that ended in it."""
    cells = {(place // per_row, int(batch.ends[place] / longest * columns)): place for place in sorted(batch.failed)}
    return list(cells.values())


def queues(batch: Batch, per_row: int) -> list[tuple[float, float]]:
    """Return, for each row of a map, when the exchange in its middle was queued: from and until, in seconds."""
    count = len(batch.starts)
    middles = [(first + min(first + per_row, count)) // 2 for first in range(0, count, per_row)]
    return [(batch.intended[middle], batch.starts[middle]) for middle in middles]
