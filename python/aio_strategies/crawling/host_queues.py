"""Politeness: URLs that wait for their host's turn."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

__all__ = ["HostQueues"]

Job = TypeVar("Job")


class HostQueues(Generic[Job]):
    """Jobs, a queue for each host. It keeps no clock: each call says what time it is.

    Args:
        per_host: how many jobs of a host may be in work at once.
        delay: the least pause, in seconds, from the end of a job to the beginning of the host's next. If there is one,
            a host has one job in work.
    """

    def __init__(self, per_host: int, delay: float) -> None:
        self._per_host = 1 if delay else per_host
        self._delay = delay
        self._hosts: dict[Hashable, _Host[Job]] = {}
        self._turns: list[tuple[float, int, Hashable]] = []  # a heap: when a host may begin a job
        self._later: list[tuple[float, int, Hashable, Job]] = []  # a heap of jobs that are not due yet
        self._numbers = count()
        self._waiting = 0
        self._forget_above = 1_000

    def __len__(self) -> int:
        """How many jobs wait."""
        return self._waiting + len(self._later)

    def add(self, host: Hashable, job: Job, due: float = 0.0) -> None:
        """Put a job into its host's queue: at the end; or, once it is due, in front."""
        if due:
            heapq.heappush(self._later, (due, next(self._numbers), host, job))
            return
        self._put(host, job)

    def take(self, now: float) -> Job | None:
        """Return a job of the host that has waited longest for its turn; None if no host has its turn now."""
        self._forget(now)
        while self._later and self._later[0][0] <= now:
            _, _, name, job = heapq.heappop(self._later)
            self._put(name, job, in_front=True)
        turn = self.next_turn()
        if turn is None or turn > now:
            return None
        _, _, name = heapq.heappop(self._turns)
        host = self._hosts[name]
        host.has_turn = False
        host.in_work += 1
        host.turn = max(host.turn, now)  # behind the others
        self._waiting -= 1
        job = host.jobs.popleft()
        self._give_turn(name, host)
        return job

    def next_turn(self) -> float | None:
        """Return when ``take`` will have a job, if none ends and none is added before; None if it never will."""
        while self._turns:
            turn, _, name = self._turns[0]
            host = self._hosts[name]
            if turn >= host.turn and host.jobs:
                break
            heapq.heappop(self._turns)  # it was paused, or closed, meanwhile
            host.has_turn = False
            self._give_turn(name, host)
        firsts = [heap[0][0] for heap in (self._turns, self._later) if heap]
        return min(firsts, default=None)

    def ended(self, host: Hashable, now: float) -> None:
        """Take note that a job of this host has ended."""
        self._hosts[host].in_work -= 1
        if self._delay:
            self.pause(host, now + self._delay)
        self._give_turn(host, self._hosts[host])

    def pause(self, host: Hashable, until: float) -> None:
        """Begin no job of this host before this time."""
        self._hosts[host].turn = max(self._hosts[host].turn, until)

    def drain(self, host: Hashable | None = None) -> list[Job]:
        """Return all jobs of a host that wait, or of all hosts, and forget them."""
        drained = [job for _, _, name, job in self._later if host in (None, name)]
        self._later = [entry for entry in self._later if host not in (None, entry[2])]
        heapq.heapify(self._later)
        for queue in [self._hosts[host].jobs] if host is not None else [one.jobs for one in self._hosts.values()]:
            drained += queue
            self._waiting -= len(queue)
            queue.clear()
        return drained

    def _put(self, name: Hashable, job: Job, in_front: bool = False) -> None:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host()
        if in_front:
            host.jobs.appendleft(job)
        else:
            host.jobs.append(job)
        self._waiting += 1
        self._give_turn(name, host)

    def _give_turn(self, name: Hashable, host: _Host[Job]) -> None:
        """Have the host wait for its turn, if it may begin a job."""
        if host.jobs and host.in_work < self._per_host and not host.has_turn:
            host.has_turn = True
            heapq.heappush(self._turns, (host.turn, next(self._numbers), name))

    def _forget(self, now: float) -> None:
        """Forget, now and then, the hosts that have nothing to do and could begin at once."""
        if len(self._hosts) > self._forget_above:
            idle = [name for name, host in self._hosts.items() if host.is_idle and host.turn <= now]
            for name in idle:
                del self._hosts[name]
            self._forget_above = max(1_000, 2 * len(self._hosts))


class _Host(Generic[Job]):
    """A host's jobs that wait, and when it has its turn."""

    __slots__ = ("has_turn", "in_work", "jobs", "turn")

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.in_work = 0
        self.turn = 0.0
        self.has_turn = False

    @property
    def is_idle(self) -> bool:
        return not (self.jobs or self.in_work or self.has_turn)
