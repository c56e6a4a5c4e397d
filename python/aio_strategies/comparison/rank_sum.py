"""Two independent samples, compared: how far the second is shifted from the first, and whether by more than a limit.

The estimate is that of Hodges and Lehmann, the median of all differences between a value of the second sample and one
of the first. The interval inverts the rank-sum test of Wilcoxon, and Mann and Whitney (Hollander & Wolfe,
*Nonparametric Statistical Methods*, 4.1-4.3). The estimators for paired samples are in ``src/statistics.rs``.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

__all__ = ["Shift"]

#: Up to this many pairs (60 rounds each, the most without ``rounds=``) the distribution is exact, then it is normal.
_MOST_EXACT = 3600


class Shift:
    """How far the second of two samples is shifted from the first.

    Args:
        first: at least one value.
        second: at least one value.

    Attributes:
        value: the Hodges-Lehmann estimate of the shift.
    """

    def __init__(self, first: Sequence[float], second: Sequence[float]) -> None:
        self._sizes = len(first), len(second)
        self._differences = sorted(b - a for a in first for b in second)
        self.value = statistics.median(self._differences)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the confidence interval; infinite if there are too few values for one."""
        beyond = _most_beyond(*self._sizes, (1 - confidence) / 2)
        if beyond < 0:
            return -math.inf, math.inf
        return self._differences[beyond], self._differences[-1 - beyond]

    def p_above(self, limit: float) -> float:
        """Return the one-sided p-value that the shift is at most ``limit``: small if it lies above."""
        # A difference that equals the limit counts against.
        return _at_most(*self._sizes, bisect_right(self._differences, limit))

    def p_below(self, limit: float) -> float:
        """Return the one-sided p-value that the shift is at least ``limit``: small if it lies below."""
        return _at_most(*self._sizes, len(self._differences) - bisect_left(self._differences, limit))


def _most_beyond(n: int, m: int, tail: float) -> int:
    """Return how many ordered differences lie beyond each end of the interval; -1 if there are too few values."""
    if n * m <= _MOST_EXACT:
        return bisect_right(_cumulated(n, m), tail * math.comb(n + m, n)) - 1
    mean, deviation = _moments(n, m)
    return max(-1, math.floor(mean - statistics.NormalDist().inv_cdf(1 - tail) * deviation - 0.5))


def _at_most(n: int, m: int, statistic: int) -> float:
    """Return the probability that Mann and Whitney's statistic is at most this, if there is no shift."""
    if n * m <= _MOST_EXACT:
        return _cumulated(n, m)[statistic] / math.comb(n + m, n)
    # half a step: the continuity correction
    return statistics.NormalDist(*_moments(n, m)).cdf(statistic + 0.5)


@cache
def _cumulated(n: int, m: int) -> list[int]:
    """Return in how many orders of n + m values the statistic is at most 0, 1, 2, ...: the Gaussian binomial."""
    ways = [1] + [0] * (n * m)
    for i in range(1, m + 1):
        for u in range(n * m, n + i - 1, -1):  # times 1 - q^(n + i)
            ways[u] -= ways[u - n - i]
        for u in range(i, n * m + 1):  # divided by 1 - q^i
            ways[u] += ways[u - i]
    return list(accumulate(ways))


def _moments(n: int, m: int) -> tuple[float, float]:
    """Return the mean and the standard deviation of the statistic."""
    return n * m / 2, math.sqrt(n * m * (n + m + 1) / 12)
