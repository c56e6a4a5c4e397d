"""Lecture 2.3.2.2, ``yield from``: the coroutine is split into smaller ones that it delegates to: ``connect``,
``write_all``, ``read``, ``read_all``."""

from __future__ import annotations

from collections.abc import Generator

from .attempt import FAILURES, Attempt
from .event_loop import READ, WRITE, EventLoop
from .executor import Future, TaskGroup
from .work import Slot, Wait, Work


def yield_from_way(work: Work) -> None:
    """Fetch the URLs with coroutines that are made of smaller coroutines."""
    with EventLoop() as event_loop, TaskGroup() as tasks:
        for _ in range(work.waiters):
            tasks.create_task(fetch_urls(work, event_loop))
        event_loop.run()


def fetch_urls(work: Work, event_loop: EventLoop) -> Generator[Future, None, None]:
    """Fetch URLs until there are none left."""
    slot = event_loop.slot()
    while step := work.next(slot):
        if isinstance(step, Wait):
            future = Future()
            event_loop.call_when_woken(slot, step.until, future.set_result)
            yield from future
            continue

        attempt = Attempt(step, slot)
        yield from fetch(attempt, event_loop, slot)
        work.put(slot, step.ticket, attempt.finish())
        # After all that has arrived: a server that is asked in bursts sleeps less often, which saves both sides work.
        future = Future()
        event_loop.call_soon(future.set_result)
        yield from future
    event_loop.close(slot)


def fetch(attempt: Attempt, event_loop: EventLoop, slot: Slot) -> Generator[Future, None, None]:
    """Fetch one URL."""
    while (want := attempt.wants()) != "done":
        try:
            match want:
                case "connect":
                    yield from connect(attempt, event_loop, slot)
                case "send":
                    yield from write_all(attempt, event_loop, slot)
                case "receive":
                    yield from read_all(attempt, event_loop, slot)
                case "close":
                    event_loop.disconnect(slot)
                    attempt.closed()
        except FAILURES as error:
            attempt.failed(error)


def connect(attempt: Attempt, event_loop: EventLoop, slot: Slot) -> Generator[Future, None, None]:
    """Open the connection."""
    slot.sock = event_loop.connect(attempt.address, attempt.family)
    yield from ready(attempt, event_loop, slot, WRITE)
    attempt.connected(event_loop.connected(slot.sock))


def write_all(attempt: Attempt, event_loop: EventLoop, slot: Slot) -> Generator[Future, None, None]:
    """Send the request."""
    attempt.sent(event_loop.send(slot.sock, attempt.unsent))
    while attempt.unsent and attempt.wants() == "send":
        yield from ready(attempt, event_loop, slot, WRITE)
        attempt.sent(event_loop.send(slot.sock, attempt.unsent))


def read(attempt: Attempt, event_loop: EventLoop, slot: Slot) -> Generator[Future, None, None]:
    """Receive some of the response."""
    yield from ready(attempt, event_loop, slot, READ)
    attempt.received(slot.sock.recv(attempt.read_size))


def read_all(attempt: Attempt, event_loop: EventLoop, slot: Slot) -> Generator[Future, None, None]:
    """Receive all of the response."""
    while attempt.wants() == "receive":
        yield from read(attempt, event_loop, slot)


def ready(attempt: Attempt, event_loop: EventLoop, slot: Slot, event: int) -> Generator[Future, None, None]:
    """Wait until the socket is ready for ``event``, or the deadline has passed."""
    future = Future()
    event_loop.call_when_ready(slot.sock, event, attempt.deadline, future.set_result)
    yield from future
