"""Lecture 2.2.1, blocking: one URL after another; each call sleeps in the kernel until the network has answered."""

from contextlib import closing

from ..results import Response
from .attempt import FAILURES, Attempt
from .sockets import open_socket
from .work import Assignment, Slot, ThreadSlot, Work, assignments


def blocking_way(work: Work) -> None:
    """Fetch the URLs one after another."""
    with closing(ThreadSlot()) as slot:  # even after Ctrl-C
        for assignment in assignments(work, slot, slot.sleep):
            work.put(slot, assignment.ticket, fetch(assignment, slot))


def fetch(assignment: Assignment, slot: Slot) -> Response:
    """Fetch one URL; each call blocks until the kernel has something."""
    attempt = Attempt(assignment, slot)
    while (want := attempt.wants()) != "done":
        try:
            match want:
                case "connect":
                    slot.sock = open_socket(attempt.family)
                    slot.set_timeout(attempt.time_left)
                    slot.sock.connect(attempt.address)
                    attempt.connected(slot.sock.getsockname)
                case "send":
                    slot.set_timeout(attempt.time_left)
                    attempt.sent(slot.sock.send(attempt.unsent))
                case "receive":
                    slot.set_timeout(attempt.time_left)
                    attempt.received(slot.sock.recv(attempt.read_size))
                case "close":
                    slot.disconnect()
                    attempt.closed()
        except FAILURES as error:
            attempt.failed(error)
    return attempt.finish()
