"""Lecture 2.3.2.1, coroutines from generators: the fetch is one function again, which pauses (``yield``) where it would
have to wait. A Task resumes it when the Future that it yielded has its result."""

from __future__ import annotations

from collections.abc import Generator

from .attempt import FAILURES, Attempt
from .event_loop import READ, WRITE, EventLoop
from .executor import Future, TaskGroup
from .work import Wait, Work


def generator_way(work: Work) -> None:
    """Fetch the URLs with coroutines that yield futures."""
    with EventLoop() as event_loop, TaskGroup() as tasks:
        for _ in range(work.waiters):
            tasks.create_task(fetch_urls(work, event_loop))
        event_loop.run()


def fetch_urls(work: Work, event_loop: EventLoop) -> Generator[Future, None, None]:
    """The coroutine: fetches URLs until there are none left."""
    slot = event_loop.slot()
    while step := work.next(slot):
        if isinstance(step, Wait):
            future = Future()
            event_loop.call_when_woken(slot, step.until, future.set_result)
            yield future
            continue

        attempt = Attempt(step, slot)
        while (want := attempt.wants()) != "done":
            try:
                match want:
                    case "connect":
                        slot.sock = event_loop.connect(attempt.address, attempt.family)
                        future = Future()
                        event_loop.call_when_ready(slot.sock, WRITE, attempt.deadline, future.set_result)
                        yield future
                        attempt.connected(event_loop.connected(slot.sock))
                    case "send":
                        attempt.sent(event_loop.send(slot.sock, attempt.unsent))
                        if attempt.unsent:
                            future = Future()
                            event_loop.call_when_ready(slot.sock, WRITE, attempt.deadline, future.set_result)
                            yield future
                    case "receive":
                        future = Future()
                        event_loop.call_when_ready(slot.sock, READ, attempt.deadline, future.set_result)
                        yield future
                        attempt.received(slot.sock.recv(attempt.read_size))
                    case "close":
                        event_loop.disconnect(slot)
                        attempt.closed()
            except FAILURES as error:
                attempt.failed(error)
        work.put(slot, step.ticket, attempt.finish())
        # After all that has arrived: a server that is asked in bursts sleeps less often, which saves both sides work.
        future = Future()
        event_loop.call_soon(future.set_result)
        yield future
    event_loop.close(slot)
