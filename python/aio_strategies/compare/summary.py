"""The statistics of a comparison, in one place: what is said of an arm's runs, and of two arms."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

__all__ = ["median", "ratio"]


def median(values: Sequence[float]) -> float:
    """Return the median, in the values' own unit."""
    return statistics.median(values)


def ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """Return how many times larger ``values`` are than ``base``: the ratio of the medians."""
    return median(values) / median(base)
