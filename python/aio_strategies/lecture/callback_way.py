"""Lecture 2.2.5, callbacks and an event loop: one thread, many sockets. Where a fetch would have to wait, it tells the
event loop which function to call when its socket is ready."""

from functools import partial

from .attempt import FAILURES, Attempt
from .event_loop import READ, WRITE, EventLoop
from .work import Assignment, Slot, Wait, Work


def callback_way(work: Work) -> None:
    """Fetch the URLs with callbacks."""
    with EventLoop() as event_loop:
        for _ in range(work.waiters):
            next_url(work, event_loop, event_loop.slot())
        event_loop.run()


def next_url(work: Work, event_loop: EventLoop, slot: Slot) -> None:
    """Begin the next URL, or wait until there is one."""
    step = work.next(slot)
    if isinstance(step, Wait):
        event_loop.call_when_woken(slot, step.until, partial(next_url, work, event_loop, slot))
    elif step:
        Fetch(work, event_loop, slot, step).go_on()
    else:
        event_loop.close(slot)


class Fetch:
    """A fetch in flight. Its methods are the callbacks."""

    def __init__(self, work: Work, event_loop: EventLoop, slot: Slot, assignment: Assignment) -> None:
        self.work = work
        self.event_loop = event_loop
        self.slot = slot
        self.ticket = assignment.ticket
        self.attempt = Attempt(assignment, slot)

    def go_on(self) -> None:
        """Do what the attempt wants until it has to wait; then leave the rest to a callback."""
        event_loop, slot, attempt = self.event_loop, self.slot, self.attempt
        while (want := attempt.wants()) != "done":
            try:
                match want:
                    case "connect":
                        slot.sock = event_loop.connect(attempt.address, attempt.family)
                        return event_loop.call_when_ready(slot.sock, WRITE, attempt.deadline, self.connected)
                    case "send":
                        attempt.sent(event_loop.send(slot.sock, attempt.unsent))
                        if attempt.unsent:
                            return event_loop.call_when_ready(slot.sock, WRITE, attempt.deadline, self.go_on)
                    case "receive":
                        return event_loop.call_when_ready(slot.sock, READ, attempt.deadline, self.readable)
                    case "close":
                        event_loop.disconnect(slot)
                        attempt.closed()
            except FAILURES as error:
                attempt.failed(error)
        return self.finish()

    def connected(self) -> None:
        """Called when the connection is established, or has failed."""
        try:
            self.attempt.connected(self.event_loop.connected(self.slot.sock))
        except FAILURES as error:
            self.attempt.failed(error)
        self.go_on()

    def readable(self) -> None:
        """Called when the socket has bytes, or the stream has ended."""
        try:
            self.attempt.received(self.slot.sock.recv(self.attempt.read_size))
        except FAILURES as error:
            self.attempt.failed(error)
        self.go_on()

    def finish(self) -> None:
        """Hand in the response, and continue with the next URL in a callback."""
        self.work.put(self.slot, self.ticket, self.attempt.finish())
        # After all that has arrived: a server that is asked in bursts sleeps less often, which saves both sides work.
        self.event_loop.call_soon(partial(next_url, self.work, self.event_loop, self.slot))
