"""Where assignments come from, and where responses go: to a strategy, all calls look the same."""

from __future__ import annotations

import errno
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from ..exceptions import NetworkError
from ..results import Response
from ..targets import Target

TRY_AGAIN_AFTER = 0.05
"""Seconds to wait until trying again, when nothing is under way whose end would help."""

# EADDRNOTAVAIL is what connecting says when all local ports are taken.
_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


class Assignment(NamedTuple):
    """One URL to fetch, and the seconds for all of it; ``ticket`` is the work's own number for it."""

    ticket: int
    target: Target
    timeout: float


class Wait(NamedTuple):
    """There is nothing to begin yet: ask again when your ``wake`` was called, or when ``until`` has come (on the clock
    of ``time.monotonic()``; None for never). Asking earlier does no harm."""

    until: float | None


class Slot:
    """A waiter's place in the work.

    Attributes:
        wake: rouses the waiter, in its own way of waiting; may be called from any thread.
        sock: the waiter's connection, if it has one. Strategies differ in what they keep here.
        claimed: the number of what it will begin as soon as that is due.
        starved: whether its last exchange could not begin, since this machine was short of something.
    """

    __slots__ = ("claimed", "sock", "starved", "wake")

    def __init__(self, wake: Callable[[], object] = lambda: None) -> None:
        self.wake = wake
        self.sock: Any = None
        self.claimed: int | None = None
        self.starved = False

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None


class ThreadSlot(Slot):
    """For a waiter that has a thread for itself, and may let it sleep."""

    __slots__ = ("_woken",)

    def __init__(self) -> None:
        self._woken = threading.Event()
        super().__init__(self._woken.set)

    def sleep(self, until: float | None) -> None:
        """Sleep until woken, or until the time has come."""
        # A wait longer than a day is more than not every system call can take: then this is asked again.
        self._woken.wait(86_400.0 if until is None else min(max(0.0, until - time.monotonic()), 86_400.0))
        self._woken.clear()


class Work(Protocol):
    """What a strategy works off: a list of URLs, a stream, a frontier.

    Whoever fetches is a *waiter*: it asks ``next``, does what that says, and asks again, until the end.
    """

    waiters: int
    """How many waiters are worth having, at least one: as many exchanges may be under way at once."""

    def next(self, slot: Slot) -> Assignment | Wait | None:
        """Return what the waiter is to do: begin this now, wait, or, if it is None, end."""

    def put(self, slot: Slot, ticket: int, response: Response) -> None:
        """Take what came of an assignment of the waiter."""

    def fewer_waiters(self, why: OSError | RuntimeError) -> None:
        """Take notice that there are fewer waiters than were wanted, because the system would not have more."""

    def cancel(self) -> None:
        """End the call: nothing more begins, and those who wait are woken."""


def assignments(work: Work, slot: Slot, wait: Callable[[float | None], object]) -> Iterator[Assignment]:
    """Iterate over what the waiter is to begin, each as soon as it may. ``wait`` gets ``Wait.until`` before."""
    while step := work.next(slot):
        if isinstance(step, Wait):
            wait(step.until)
        else:
            yield step


class WorkList:
    """The work of one call: a list of URLs, each of which may have a time before which it is not begun."""

    def __init__(self, targets: list[Target], concurrency: int, timeout: float) -> None:
        self.waiters = min(concurrency, len(targets))
        self.shortage: int | None = None
        """The number of the system's error that kept the call from having ``concurrency`` exchanges under way."""
        self._targets = targets
        self._timeout = timeout
        self._lock = threading.Lock()
        self._todo = iter(range(len(targets)))
        self._again: deque[int] = deque()  # those that could not begin
        self._in_flight: set[Slot] = set()
        self._stuck_since: float | None = None
        self._responses: list[Response | None] = [None] * len(targets)
        self._asleep: set[Slot] = set()
        self._cancelled = False

    def next(self, slot: Slot) -> Assignment | Wait | None:
        """Return what the waiter is to do: begin this now, wait, or, if it is None, end."""
        with self._lock:
            self._asleep.discard(slot)
            if self._cancelled:
                return None
            if slot.starved:
                # With fewer waiters there is enough for the others. The last one must stay.
                slot.starved = False
                return None if self._in_flight else self._wait(slot, time.monotonic() + TRY_AGAIN_AFTER)
            ticket = slot.claimed
            if ticket is None:
                ticket = self._again.popleft() if self._again else next(self._todo, None)
                if ticket is None:
                    return None
            target = self._targets[ticket]
            if target.due > time.monotonic():
                slot.claimed = ticket
                return self._wait(slot, target.due)
            slot.claimed = None
            self._in_flight.add(slot)
            return Assignment(ticket, target, self._timeout)

    def put(self, slot: Slot, ticket: int, response: Response) -> None:
        """Take what came of an assignment of the waiter."""
        error = response.error
        if isinstance(error, NetworkError) and error.phase == "connect" and error.errno in _SHORTAGES:
            with self._lock:
                self.shortage = error.errno
                self._in_flight.discard(slot)
                if self._in_flight or not self._is_stuck():
                    slot.starved = True
                    self._again.append(ticket)
                    return
        else:  # without the lock, which costs as much as all of this
            self._stuck_since = None
            self._in_flight.discard(slot)
        self._responses[ticket] = response

    def fewer_waiters(self, why: OSError | RuntimeError) -> None:
        """Take notice that there are fewer waiters than were wanted, because the system would not have more."""
        # Python says of a thread that could not be started no more than that.
        self.shortage = getattr(why, "errno", None) or errno.EAGAIN

    def cancel(self) -> None:
        """End the call: nothing more begins, and those who wait are woken."""
        with self._lock:
            self._cancelled = True
            for slot in self._asleep:
                slot.wake()

    def responses(self) -> list[Response | None]:
        """Return all responses, in the order of the URLs; None for those that have come to nothing."""
        return self._responses

    def _wait(self, slot: Slot, until: float) -> Wait:
        """Note who waits, for ``cancel``."""
        self._asleep.add(slot)
        return Wait(until)

    def _is_stuck(self) -> bool:
        """Tell whether no exchange could begin for as long as one may take."""
        now = time.monotonic()
        if self._stuck_since is None:
            self._stuck_since = now
        return now - self._stuck_since >= self._timeout
