"""The exchanges of one batch, as columns of times, and counts of how many are in flight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .timeline import Phase

__all__ = ["Batch", "in_flight", "latest", "peak", "running", "thinned"]


@dataclass(frozen=True, slots=True)
class Batch:
    """The exchanges of one batch, in the order of the requests; times are in seconds from its beginning.

    Attributes:
        name: what it is called, such as ``"python/thread"``.
        kind: chooses its colour: ``"python"``, ``"rust"`` or anything else.
        starts: when each exchange began.
        ends: when each ended.
        intended: when each should have begun.
        phases: the phases of each, empty if unknown; may be left out above ``MOST_BARS`` exchanges.
        failed: the indexes of the exchanges that failed.
    """

    name: str
    kind: str
    starts: Sequence[float]
    ends: Sequence[float]
    intended: Sequence[float]
    phases: Sequence[Sequence[Phase]] = ()
    failed: frozenset[int] = frozenset()

    def parts(self) -> Iterator[tuple[str, int, float, float]]:
        """Yield the bars of a waterfall: a name in ``PARTS``, the index of the exchange, start and end."""
        for place, (start, end, intended) in enumerate(zip(self.starts, self.ends, self.intended, strict=True)):
            if start > intended:
                yield "queued", place, intended, start
            if place in self.failed or not self.phases or not self.phases[place]:
                yield "failed" if place in self.failed else "in flight", place, start, end
            else:
                for phase in self.phases[place]:
                    yield phase.name, place, phase.start, phase.end


def latest(batches: Sequence[Batch]) -> float:
    """Return when the last exchange of all ended, in seconds."""
    return max((max(batch.ends, default=0.0) for batch in batches), default=0.0)


def in_flight(starts: Sequence[float], ends: Sequence[float]) -> list[tuple[float, int]]:
    """Return steps of how many exchanges are in flight; at equal times, ends come before starts."""
    changes = [(end, -1) for start, end in zip(starts, ends, strict=True) if end > start]
    changes += [(start, 1) for start, end in zip(starts, ends, strict=True) if end > start]
    return running(changes)


def running(changes: Iterable[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return steps of a count that begins at 0, from its changes, each with its time."""
    now = 0
    steps: list[tuple[float, int]] = []
    for time, change in sorted(changes):
        now += change
        if steps and steps[-1][0] == time:
            steps[-1] = (time, now)
        else:
            steps.append((time, now))
    return steps


def peak(steps: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """Return when the most exchanges are in flight for the first time, and how many."""
    return max(steps, key=lambda step: step[1], default=(0.0, 0))


def thinned(steps: Sequence[tuple[float, int]], longest: float, columns: int) -> list[tuple[float, int]]:
    """Return at most four steps for each of this many columns of time: the first, lowest, highest and last."""
    if len(steps) <= 4 * columns or not longest:
        return list(steps)
    by_column: dict[int, list[tuple[float, int]]] = {}
    for step in steps:
        by_column.setdefault(int(step[0] / longest * columns), []).append(step)
    return [
        step
        for found in by_column.values()
        for step in sorted(
            {found[0], min(found, key=lambda one: one[1]), max(found, key=lambda one: one[1]), found[-1]}
        )
    ]
