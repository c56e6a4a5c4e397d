"""Hands out assignments and collects responses, so that to a strategy, all calls look the same."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count, islice, repeat
from typing import Any, NamedTuple, Protocol

from ..exceptions import NetworkError
from ..results import Response
from ..targets import Target
from ..terms import Terms
from .connections import Idle, leaves_enough

TRY_AGAIN_AFTER = 0.05
"""Seconds that a waiter which could not begin waits before it tries again."""

LOOKED_AT = 64
"""How many URLs of a stream are looked at for one that a waiter's connection leads to, and the other way round."""

# connect() fails with EADDRNOTAVAIL when all local ports are in use.
SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


class Assignment(NamedTuple):
    """One URL to fetch, and how; ``ticket`` is the work's number for it."""

    ticket: int
    target: Target
    terms: Terms


class Wait(NamedTuple):
    """There is nothing to begin yet: ask again after your ``wake`` has been called, or at the time ``until`` (of
    ``time.monotonic()``; None for never). Asking earlier does no harm."""

    until: float | None


class Slot:
    """A waiter's place in the work.

    Attributes:
        wake: wakes the waiter, however it waits; may be called from any thread.
        sock: the connection in use, if there is one. Strategies differ in what they keep here.
        idle: what an attempt left in it for the next one; None if that must open another.
        kept: the connections to other hosts, with what was left in them; the one that was used last is last.
        claimed: the assignment that it will begin as soon as it is due.
        begun: the assignment that it has begun last.
        broken_off: whether its exchange is to end, and not to be tried again.
        starved: whether its last exchange could not begin because this machine was short of a resource.
    """

    __slots__ = ("begun", "broken_off", "claimed", "idle", "kept", "sock", "starved", "wake")

    def __init__(self, wake: Callable[[], object] = lambda: None) -> None:
        self.wake = wake
        self.sock: Any = None
        self.idle: Idle | None = None
        self.kept: list[tuple[Idle, Any]] = []
        self.claimed: Assignment | None = None
        self.begun: Assignment | None = None
        self.starved = False
        self.broken_off = False

    def disconnect(self) -> None:
        """Close the connection in use, if there is one."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def close(self) -> None:
        """Close all connections."""
        for _ in self.connections():
            self.disconnect()

    def connections(self) -> Iterator[None]:
        """Make each connection the one in use, to be closed."""
        yield
        while self.kept:
            _, self.sock = self.kept.pop()
            yield

    def turn_to(self, target: Target, others_kept: int) -> Idle | None:
        """Make the connection to the target's host the one in use, and return what is left in it.

        If it returns None, that has yet to be opened; then there may be another in use, which must be closed before. At
        most so many to other hosts are kept.
        """
        last, self.idle = self.idle, None
        if last is not None and last.serves(target):
            return last
        for place, (idle, sock) in enumerate(self.kept):
            if idle.serves(target):
                del self.kept[place]
                if last is not None:
                    self.kept.append((last, self.sock))
                self.sock = sock
                return idle
        if last is not None and leaves_enough(self.sock):
            self.kept.append((last, self.sock))
            self.sock = self.kept.pop(0)[1] if len(self.kept) > others_kept else None
        return None

    def set_timeout(self, seconds: float) -> None:
        """Have the connection's calls wait for that long at most, to the millisecond, as exactly as they can wait."""
        # Setting it is a system call; on a fast network, next to no time has passed since the last.
        timeout = self.sock.gettimeout()
        if timeout is None or not 0 <= timeout - seconds < 0.001:
            self.sock.settimeout(seconds)

    def break_off(self) -> None:
        """Break off the exchange from another thread: whoever waits for its connection sees it end."""
        self.broken_off = True
        sock = self.sock
        if sock is not None:
            with suppress(OSError):  # it is not connected, or has just been closed
                sock.shutdown(socket.SHUT_RDWR)


class ThreadSlot(Slot):
    """The slot of a waiter that has its own thread, which may sleep."""

    __slots__ = ("_woken",)

    def __init__(self) -> None:
        self._woken = threading.Event()
        super().__init__(self._woken.set)

    def sleep(self, until: float | None) -> None:
        """Sleep until woken, or until the time has come."""
        # Not every system call can wait longer than a day: after that, the waiter asks again.
        self._woken.wait(86_400.0 if until is None else min(max(0.0, until - time.monotonic()), 86_400.0))
        self._woken.clear()


class Work(Protocol):
    """What a strategy has to do: a list of URLs, a stream, a crawler's frontier.

    Whatever fetches is a *waiter*: it calls ``next``, does what it says, and calls it again, until the end.
    """

    waiters: int
    """How many waiters are worth having, at least one: the limit on exchanges in flight."""

    def next(self, slot: Slot) -> Assignment | Wait | None:
        """Return what the waiter must do: begin this assignment now, wait, or, if it is None, end."""

    def put(self, slot: Slot, ticket: int, response: Response) -> None:
        """Take the response to an assignment of the waiter."""

    def fewer_waiters(self, why: OSError | RuntimeError) -> None:
        """Record that there are fewer waiters than wanted, because the system does not allow more."""

    def cancel(self) -> None:
        """End the call: begin nothing more, break off what has begun, and wake all that wait.

        It may miss an exchange that begins at this very moment, so call it again until all waiters have ended.
        """


def assignments(work: Work, slot: Slot, wait: Callable[[float | None], object]) -> Iterator[Assignment]:
    """Yield the waiter's assignments, each as soon as it may begin; until then, call ``wait`` with ``Wait.until``."""
    while step := work.next(slot):
        if isinstance(step, Wait):
            wait(step.until)
        else:
            yield step


class WorkList:
    """The work of one call: a list of URLs, each with an optional time before which it must not begin."""

    def __init__(self, targets: list[Target], concurrency: int, terms: Terms) -> None:
        self.waiters = min(concurrency, len(targets))
        self.shortage: int | None = None
        """The system's error number that kept the call below ``concurrency`` exchanges in flight."""
        self._lock = threading.Lock()
        # What Assignment() would call; a call of Python code for each URL takes three times as long.
        make = partial(tuple.__new__, Assignment)
        self._todo: Iterator[Assignment] = map(make, zip(count(), targets, repeat(terms)))
        self._again: deque[Assignment] = deque()  # those that could not begin
        self._in_flight: set[Slot] = set()
        self._peak = 0  # the most that were in flight at once
        self._stuck_since: float | None = None
        self._responses: list[Response | None] = [None] * len(targets)
        self._asleep: set[Slot] = set()
        self._cancelled = False

    def next(self, slot: Slot) -> Assignment | Wait | None:
        """Return what the waiter must do: begin this assignment now, wait, or, if it is None, end."""
        with self._lock:
            if self._asleep:
                self._asleep.discard(slot)
            if self._cancelled:
                return None
            if slot.starved:
                # End this waiter, so that the resources suffice for the others. But half as many as they once sufficed
                # for must stay: a shortage may be over soon.
                slot.starved = False
                enough = 2 * len(self._in_flight) >= self._peak
                return None if enough else self._wait(slot, time.monotonic() + TRY_AGAIN_AFTER)
            step = slot.claimed
            if step is None:
                step = self._again.popleft() if self._again else self._take_one(slot)
                if step is None:
                    return self._nothing_left(slot)
            due = step.target.due
            if due and due > time.monotonic():
                slot.claimed = step
                return self._wait(slot, due)
            slot.claimed = None
            slot.begun = step
            self._in_flight.add(slot)
            if len(self._in_flight) > self._peak:
                self._peak = len(self._in_flight)
            return step

    def put(self, slot: Slot, ticket: int, response: Response) -> None:
        """Take the response to an assignment of the waiter."""
        error = response.error
        if error and isinstance(error, NetworkError) and error.phase == "connect" and error.errno in SHORTAGES:
            assert slot.begun is not None
            with self._lock:
                self.shortage = error.errno
                self._in_flight.discard(slot)
                if self._in_flight or not self._is_stuck(slot.begun.terms.timeout):
                    slot.starved = True
                    self._again.append(slot.begun)
                    return
        else:  # without the lock: it would cost as much as the rest
            self._stuck_since = None
            self._in_flight.discard(slot)
        self._deliver(ticket, response)

    def fewer_waiters(self, why: OSError | RuntimeError) -> None:
        """Record that there are fewer waiters than wanted, because the system does not allow more."""
        # When a thread cannot be started, Python gives no error number.
        self.shortage = getattr(why, "errno", None) or errno.EAGAIN

    def cancel(self) -> None:
        """End the call: begin nothing more, break off what has begun, and wake all that wait."""
        with self._lock:
            self._cancelled = True
            for slot in self._asleep:
                slot.wake()
        for slot in list(self._in_flight):
            slot.break_off()

    def responses(self) -> list[Response | None]:
        """Return all responses, in the order of the URLs; None for those that were never finished."""
        return self._responses

    def _take_one(self, slot: Slot) -> Assignment | None:
        """Return an assignment that no waiter has begun, for this one."""
        return next(self._todo, None)

    def _nothing_left(self, slot: Slot) -> Wait | None:
        """Return what a waiter must do if there is nothing to begin."""
        return None

    def _deliver(self, ticket: int, response: Response) -> None:
        self._responses[ticket] = response

    def _wait(self, slot: Slot, until: float | None) -> Wait:
        """Remember who waits, so that they can be woken."""
        self._asleep.add(slot)
        return Wait(until)

    def _is_stuck(self, timeout: float) -> bool:
        """Return whether no exchange has been able to begin for a whole ``timeout``."""
        now = time.monotonic()
        if self._stuck_since is None:
            self._stuck_since = now
        return now - self._stuck_since >= timeout


class WorkStream(WorkList):
    """Work that is given its assignments, and asked for the responses, while it goes on.

    Whoever feeds it bounds what it holds.

    Args:
        waiters: the limit on exchanges in flight.
        notify: called, by any thread, when there is something to take.
    """

    def __init__(self, waiters: int, notify: Callable[[], object]) -> None:
        super().__init__([], waiters, Terms(0.0))
        self.waiters = waiters
        self._notify = notify
        self._jobs: deque[Assignment] = deque()
        self._passed_over = 0  # how many times, in a row, the first of them was
        self._complete = False
        self._arrived: deque[tuple[int, Response]] = deque()

    def push(self, assignments: Iterable[Assignment]) -> None:
        """Hand in assignments, and wake as many waiters."""
        with self._lock:
            for assignment in assignments:
                self._jobs.append(assignment)
                self._rouse_for(assignment.target)

    def complete(self) -> None:
        """Say that no more will be pushed: the waiters end when nothing is left."""
        with self._lock:
            self._complete = True
            while self._asleep:
                self._asleep.pop().wake()

    @property
    def has_arrived(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._arrived)

    def take(self) -> list[tuple[int, Response]]:
        """Return the responses that have arrived, with their tickets."""
        return [self._arrived.popleft() for _ in range(len(self._arrived))]

    def _take_one(self, slot: Slot) -> Assignment | None:
        """Return one that the waiter's connection leads to; if there is none, the first."""
        if not self._jobs:
            return None
        place = 0
        if slot.idle is not None and self._passed_over < LOOKED_AT and not self._jobs[0].target.due:
            first = islice(self._jobs, LOOKED_AT)
            suits = (number for number, job in enumerate(first) if slot.idle.serves(job.target) and not job.target.due)
            place = next(suits, 0)
        self._passed_over = self._passed_over + 1 if place else 0
        job = self._jobs[place]
        del self._jobs[place]
        return job

    def _nothing_left(self, slot: Slot) -> Wait | None:
        return None if self._complete else self._wait(slot, None)

    def _deliver(self, ticket: int, response: Response) -> None:
        self._arrived.append((ticket, response))
        self._notify()

    def _rouse_for(self, target: Target) -> None:
        """Wake a waiter that has nothing to do: one whose connection leads to the target, or else any."""
        free = (slot for slot in self._asleep if slot.claimed is None)
        some = list(islice(free, LOOKED_AT))
        connected = (slot for slot in some if slot.idle is not None and slot.idle.serves(target))
        if (slot := next(connected, some[0] if some else None)) is not None:
            self._asleep.discard(slot)
            slot.wake()
