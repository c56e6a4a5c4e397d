"""Sizes batches and runs, by predicting times from what each arm took at the gate.

If a round would take too long, the longest batches fetch fewer URLs. If a batch is too short to be timed, a run repeats
it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..comparison.arm_times import fitted
from ..comparison.settings import Arm, Settings

__all__ = ["Sizes"]

#: The fewest rounds to which a comparison is cut before its requests are: their median means little.
_FEWEST_ROUNDS = 3
#: How many rounds are timed if most times are projected.
_PROJECTED_ROUNDS = 6
#: The shortest run in seconds; shorter batches are repeated.
_SHORTEST_RUN = 0.05
#: Times whose ratio is below this are about as long.
_ALIKE = 1.25
#: The longest warm-up batch of a fresh worker, in seconds; it is discarded.
_WARM_UP = 0.1
#: About how much longer computing takes while system calls are traced, as a factor.
_TRACING = 5
#: About how many seconds a run takes besides its batches, and to report and keep one exchange.
_BESIDE, _BESIDE_EACH = 0.006, 30e-6
#: A batch is cut only if that saves at least this share of its time: most of it may be the start of a pool.
_WORTHWHILE = 0.3
#: The smaller of the two sizes of a cut batch, as a share of the larger.
_SMALLER = 0.5


class _Pace(NamedTuple):
    """The predicted time of a batch: a constant, as for starting a pool, and a time for each request, in seconds."""

    constant: float
    each: float
    cpu_each: float

    def seconds(self, requests: int) -> float:
        return self.constant + self.each * requests


class Sizes:
    """The sizes of batches and runs: a batch fetches all URLs, unless ``fit`` cuts it."""

    def __init__(self, settings: Settings, arms: Sequence[Arm]) -> None:
        self._settings = settings
        self._arms = arms
        self._requests = dict.fromkeys(arms, settings.requests)
        self._paces: dict[Arm, _Pace] = {}
        #: The arms that fetch one URL after another.
        self._one_by_one: set[Arm] = set()

    def learn(self, arm: Arm, walls: Sequence[tuple[int, float]], cpu_each: float, *, one_by_one: bool) -> None:
        """Predict an arm's times.

        Args:
            arm: the arm.
            walls: numbers of URLs, and the seconds that it took to fetch them.
            cpu_each: its CPU seconds for each URL.
            one_by_one: whether it fetches one URL after another.
        """
        constant, each = fitted(walls)
        if self._settings.rate is not None and arm.strategy is not None:
            each = max(each, 1 / self._settings.rate)
        self._paces[arm] = _Pace(constant, each, cpu_each)
        if one_by_one:
            self._one_by_one.add(arm)

    def fit(self, seconds: float, rounds: int) -> int:
        """Fit so many rounds into this many seconds; return how many fit, at least one.

        If only a few arms are too long, their batches are cut, so that the others get all their rounds. If many are,
        rounds are given up first, down to three, and only then requests.
        """
        whole = int(seconds / self.round_seconds)
        if whole < rounds:
            self._cut_longest(seconds / rounds)
            few = 2 * sum(map(self._is_cut, self._arms)) <= len(self._arms)
            if not few or self.round_seconds > seconds / rounds:
                self._requests = dict.fromkeys(self._arms, self._settings.requests)
                if whole < _FEWEST_ROUNDS:
                    self._cut_longest(seconds / min(rounds, _PROJECTED_ROUNDS))
        return max(1, min(rounds, int(seconds / self.round_seconds)))

    def _cut_longest(self, round_seconds: float) -> None:
        """Cut the longest batches until a round takes at most this long, if that is possible."""
        longest = max(self.seconds(arm, self._settings.requests) for arm in self._arms)
        while self.round_seconds > round_seconds and longest > _SHORTEST_RUN:
            longest *= 0.9
            for arm in self._arms:
                self._requests[arm] = self._cut(arm, longest)
            for arm in self._arms:  # neighbours are compared with each other
                self._requests[arm] = min(self._requests[other] for other in self._neighbours(arm))

    def _is_cut(self, arm: Arm) -> bool:
        return self._requests[arm] < self._settings.requests

    def requests(self, arm: Arm, round_: int = 1) -> int:
        """Return how many of the URLs a batch of the arm fetches in this round.

        If they are not all, even rounds fetch fewer still: two sizes tell the time that each request adds from the time
        that a batch takes in any case.
        """
        requests = self._requests[arm]
        if round_ % 2 or not self._is_cut(arm):
            return requests
        return min(self._whole_waves(other, int(_SMALLER * requests)) for other in self._neighbours(arm))

    def batches(self, arm: Arm) -> int:
        """Return how many batches make a run long enough to be timed. Neighbours, and arms that take about as long,
        have the same number, so that the first batch, with cold caches, counts the same in each.
        """
        times = {other: self.seconds(other, self._requests[other]) for other in self._arms}

        def is_like(one: Arm, other: Arm) -> bool:
            return one.group == other.group or 1 / _ALIKE < times[one] / max(times[other], 1e-9) < _ALIKE

        alike = [arm]
        for one in alike:  # and those that are like these, and so on
            alike += [other for other in self._arms if other not in alike and is_like(one, other)]
        return max(1, math.ceil(_SHORTEST_RUN / max(1e-4, min(times[one] for one in alike))))

    def warm_up(self, arm: Arm) -> int:
        """Return how many requests the batch has that warms up a fresh worker of the arm, and is discarded."""
        if arm.own_work:
            return self._requests[arm]
        pace = self._paces[arm]
        fitting = max(0.0, _WARM_UP - pace.constant) / max(pace.each, 1e-9)
        return max(1, int(min(self._requests[arm], fitting)))

    def traced(self, arm: Arm, seconds: float) -> int:
        """Return how many requests the arm can make in this many seconds while it is traced: tracing slows its
        computing, but not its waiting.
        """
        requests, pace = self.warm_up(arm), self._paces[arm]
        if arm.own_work:  # it cannot make fewer
            return requests
        each = pace.each + _TRACING * pace.cpu_each
        if pace.constant + each * requests <= seconds:
            return requests
        return max(min(10, requests), min(requests, int(max(0.0, seconds - pace.constant) / max(each, 1e-9))))

    def seconds(self, arm: Arm, requests: int) -> float:
        """Return the seconds that the arm takes to fetch this many URLs."""
        return self._paces[arm].seconds(requests)

    @property
    def warm_up_seconds(self) -> float:
        """The seconds that it takes to warm up all arms, one after another."""
        return sum(self.seconds(arm, self.warm_up(arm)) for arm in self._arms)

    @property
    def round_seconds(self) -> float:
        """The seconds that a round takes."""
        return sum(
            self.batches(arm) * (self.seconds(arm, requests) + _BESIDE_EACH * requests) + _BESIDE
            for arm, requests in self._requests.items()
        )

    def _cut(self, arm: Arm, longest: float) -> int:
        """Return how many URLs a batch fetches that may take so many seconds; all, if fewer would save little."""
        everything, pace = self._settings.requests, self._paces[arm]
        whole = pace.seconds(everything)
        if any(other.own_work for other in self._neighbours(arm)) or whole <= longest:
            return everything
        requests = self._whole_waves(arm, int(max(0.0, longest - pace.constant) / max(pace.each, 1e-9)), fewest=2)
        return requests if pace.seconds(requests) <= (1 - _WORTHWHILE) * whole else everything

    def _whole_waves(self, arm: Arm, count: int, *, fewest: int = 1) -> int:
        """Return a whole number of waves of requests, at least ``fewest``: less would not show how the arm works."""
        paced = arm in self._one_by_one or self._settings.rate is not None
        wave = 1 if paced else min(self._settings.concurrency, self._settings.requests)
        return min(self._settings.requests, max(fewest * wave, count - count % wave))

    def _neighbours(self, arm: Arm) -> list[Arm]:
        return [other for other in self._arms if other.group == arm.group]
