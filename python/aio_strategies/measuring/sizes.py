"""Sizes batches and runs, by predicting times from what each arm took at the gate.

A batch that would take too long fetches fewer URLs. If a batch is too short to be timed, a run repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..comparison.settings import Arm, Settings

__all__ = ["Sizes"]

#: The shortest run in seconds; shorter batches are repeated.
_SHORTEST_RUN = 0.05
#: The longest warm-up batch of a fresh worker, in seconds; it is discarded.
_WARM_UP = 0.5
#: About how much longer computing takes while system calls are traced, as a factor.
_TRACING = 5
#: About how many seconds a run takes besides its batches, and to report and keep one exchange.
_BESIDE, _BESIDE_EACH = 0.006, 30e-6


class Sizes:
    """The sizes of batches and runs: a batch fetches all URLs, unless ``fit`` cuts it."""

    def __init__(self, settings: Settings, arms: Sequence[Arm]) -> None:
        self._settings = settings
        self._arms = arms
        self._requests = dict.fromkeys(arms, settings.requests)
        #: The predicted time to fetch all URLs, in seconds.
        self._seconds: dict[Arm, float] = {}
        self._cpu_seconds: dict[Arm, float] = {}
        #: The arms that fetch one URL after another.
        self._one_by_one: set[Arm] = set()

    def learn(self, arm: Arm, requests: int, wall: float, cpu: float, *, one_by_one: bool) -> None:
        """Predict an arm's times from the time that it took to fetch this many URLs."""
        self._seconds[arm] = wall * self._settings.requests / requests
        self._cpu_seconds[arm] = cpu * self._settings.requests / requests
        if one_by_one:
            self._one_by_one.add(arm)

    def fit(self, round_seconds: float) -> None:
        """Cut the batches of the longest arms until a round takes at most this long, or each batch is short."""
        everything = self._settings.requests
        longest = max(self._seconds.values())
        while self.round_seconds > round_seconds and longest > _SHORTEST_RUN:
            longest *= 0.9
            for arm in self._arms:
                if self._seconds[arm] > longest:
                    self._requests[arm] = self._fewer(arm, int(everything * longest / self._seconds[arm]))
            self._even_out()

    def requests(self, arm: Arm) -> int:
        """Return how many of the URLs a batch of the arm fetches."""
        return self._requests[arm]

    def batches(self, arm: Arm) -> int:
        """Return how many batches make a run long enough to be timed. Neighbours have the same number, so that the
        first batch, with cold caches, counts the same in each.
        """
        shortest = min(self.seconds(other, self._requests[other]) for other in self._neighbours(arm))
        return max(1, math.ceil(_SHORTEST_RUN / max(shortest, 1e-4)))

    def warm_up(self, arm: Arm) -> int:
        """Return how many requests the batch has that warms up a fresh worker of the arm, and is discarded."""
        if arm.own_work:
            return self._requests[arm]
        fitting = _WARM_UP * self._settings.requests / max(self._seconds[arm], 1e-9)
        return max(1, int(min(self._requests[arm], fitting)))

    def traced(self, arm: Arm, seconds: float) -> int:
        """Return how many requests the arm can make in this many seconds while it is traced: tracing slows its
        computing, but not its waiting.
        """
        requests = self.warm_up(arm)
        traced = (self._seconds[arm] + _TRACING * self._cpu_seconds[arm]) * requests / self._settings.requests
        return requests if traced <= seconds else max(min(10, requests), int(requests * max(0.0, seconds) / traced))

    def seconds(self, arm: Arm, requests: int) -> float:
        """Return the seconds that the arm takes to fetch this many URLs."""
        return self._seconds[arm] * requests / self._settings.requests

    @property
    def warm_up_seconds(self) -> float:
        """The seconds that it takes to warm up all arms, one after another."""
        return sum(min(seconds, _WARM_UP) for seconds in self._seconds.values())

    @property
    def round_seconds(self) -> float:
        """The seconds that a round takes."""
        return sum(
            self.batches(arm) * (self.seconds(arm, requests) + _BESIDE_EACH * requests) + _BESIDE
            for arm, requests in self._requests.items()
        )

    def _fewer(self, arm: Arm, count: int) -> int:
        """Return a whole number of waves of requests, at least one: less would not show how the arm works."""
        if arm.own_work:
            return self._settings.requests
        if arm in self._one_by_one:
            return max(1, count)
        wave = min(self._settings.concurrency, self._settings.requests)
        return max(wave, count - count % wave)

    def _even_out(self) -> None:
        """Give neighbours the same number of requests, as they are compared with each other."""
        for arm in self._arms:
            self._requests[arm] = min(self._requests[other] for other in self._neighbours(arm))

    def _neighbours(self, arm: Arm) -> list[Arm]:
        return [other for other in self._arms if other.group == arm.group]
