"""How much of the work each arm does at a time: predicted from how long it took at the gate.

A batch that takes too long fetches fewer URLs; a run of batches that are over too soon to be timed has more of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..comparison.settings import Arm, Settings

__all__ = ["Sizes"]

#: Seconds that a run lasts at least, by repeating its batch.
_SHORTEST_RUN = 0.05
#: The most seconds of the discarded batch that warms up a fresh worker.
_WARM_UP = 0.5
#: How many times as long computing takes while system calls are traced, about.
_TRACING = 5
#: Seconds that a run takes beside its batches, about, and those that reporting and keeping one exchange takes.
_BESIDE, _BESIDE_EACH = 0.006, 30e-6


class Sizes:
    """The sizes of batches and runs: a batch fetches all URLs, until ``fit`` cuts it."""

    def __init__(self, settings: Settings, arms: Sequence[Arm]) -> None:
        self._settings = settings
        self._arms = arms
        self._requests = dict.fromkeys(arms, settings.requests)
        #: What fetching all URLs takes, in seconds, as predicted.
        self._seconds: dict[Arm, float] = {}
        self._cpu_seconds: dict[Arm, float] = {}
        #: The arms that fetch one URL after the other.
        self._one_by_one: set[Arm] = set()

    def learn(self, arm: Arm, requests: int, wall: float, cpu: float, *, one_by_one: bool) -> None:
        """Predict an arm's times from what it took to fetch so many URLs."""
        self._seconds[arm] = wall * self._settings.requests / requests
        self._cpu_seconds[arm] = cpu * self._settings.requests / requests
        if one_by_one:
            self._one_by_one.add(arm)

    def fit(self, round_seconds: float) -> None:
        """Cut the batches of the longest arms until a round takes no more than so many seconds, or each is short."""
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
        """Return how many batches make a run long enough to be timed, the same number for neighbours: the first batch
        of a run, with cold caches, weighs as much in the one as in the other.
        """
        shortest = min(self.seconds(other, self._requests[other]) for other in self._neighbours(arm))
        return max(1, math.ceil(_SHORTEST_RUN / max(shortest, 1e-4)))

    def warm_up(self, arm: Arm) -> int:
        """Return how many requests the discarded batch has that warms up a fresh worker of the arm."""
        if arm.own_work:
            return self._requests[arm]
        fitting = _WARM_UP * self._settings.requests / max(self._seconds[arm], 1e-9)
        return max(1, int(min(self._requests[arm], fitting)))

    def traced(self, arm: Arm, seconds: float) -> int:
        """Return how many requests the arm can do in so many seconds while it is traced: what it computes takes longer
        then, its waiting does not.
        """
        requests = self.warm_up(arm)
        traced = (self._seconds[arm] + _TRACING * self._cpu_seconds[arm]) * requests / self._settings.requests
        return requests if traced <= seconds else max(min(10, requests), int(requests * max(0.0, seconds) / traced))

    def seconds(self, arm: Arm, requests: int) -> float:
        """Return the seconds that fetching so many URLs takes the arm."""
        return self._seconds[arm] * requests / self._settings.requests

    @property
    def warm_up_seconds(self) -> float:
        """The seconds that warming up all arms takes, one after the other."""
        return sum(min(seconds, _WARM_UP) for seconds in self._seconds.values())

    @property
    def round_seconds(self) -> float:
        """The seconds that a round takes."""
        return sum(
            self.batches(arm) * (self.seconds(arm, requests) + _BESIDE_EACH * requests) + _BESIDE
            for arm, requests in self._requests.items()
        )

    def _fewer(self, arm: Arm, count: int) -> int:
        """Return at least one wave of requests, and whole waves, as less would not show what the arm is about."""
        if arm.own_work:
            return self._settings.requests
        if arm in self._one_by_one:
            return max(1, count)
        wave = min(self._settings.concurrency, self._settings.requests)
        return max(wave, count - count % wave)

    def _even_out(self) -> None:
        """Give neighbours the same number of requests: they are held against each other."""
        for arm in self._arms:
            self._requests[arm] = min(self._requests[other] for other in self._neighbours(arm))

    def _neighbours(self, arm: Arm) -> list[Arm]:
        return [other for other in self._arms if other.group == arm.group]
