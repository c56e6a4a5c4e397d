"""Ratios of what was measured in the same rounds, and how benchmarks write and show them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aio_strategies import _native

CONFIDENCE = 0.95


def ratio(mine: Sequence[float], others: Sequence[float]) -> list[float | None]:
    """Return the ratio of values to others of the same rounds, and the ends of its interval.

    It is the Hodges-Lehmann estimate over the rounds' log-ratios, with its 95 % interval, which takes 6 rounds.
    """
    logs = [math.log(one / other) for one, other in zip(mine, others, strict=True)]
    return estimate([math.exp(log) for log in _native.hodges_lehmann(logs, CONFIDENCE)])


def estimate(ends: Sequence[float]) -> list[float | None]:
    """Return a value and the ends of its interval, for JSON: None if there were too few rounds for one."""
    value, low, high = ends
    bounded = low > 0 and math.isfinite(high)
    return [rounded(value), rounded(low) if bounded else None, rounded(high) if bounded else None]


def rounded(value: float) -> float:
    """Return the value with five digits: those that mean something, and one or two more."""
    return float(f"{value:.5g}")


def told(found: Sequence[float | None]) -> str:
    """Return a ratio as a table shows it."""
    value, low, high = found
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"
