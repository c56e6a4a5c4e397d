"""Lecture 2.2.4, non-blocking: no call waits, so the program asks again and again. Still one URL after another."""

from contextlib import closing
from errno import EISCONN
from os import strerror

from ..results import Response
from .attempt import FAILURES, Attempt
from .sockets import open_socket
from .work import Assignment, Slot, Work, assignments


def nonblocking_way(work: Work) -> None:
    """Fetch the URLs one after another, keeping a processor busy all the time."""
    with closing(Slot()) as slot:  # even after Ctrl-C
        for assignment in assignments(work, slot, spin):
            work.put(slot, assignment.ticket, fetch(assignment, slot))


def fetch(assignment: Assignment, slot: Slot) -> Response:
    """Fetch one URL, asking the kernel until it has something."""
    attempt = Attempt(assignment, slot)
    while (want := attempt.wants()) != "done":
        try:
            match want:
                case "connect":
                    if slot.sock is None:
                        slot.sock = open_socket(attempt.family)
                        slot.sock.setblocking(False)
                    error = slot.sock.connect_ex(attempt.address)
                    if error not in (0, EISCONN):
                        raise OSError(error, strerror(error))
                    attempt.connected(slot.sock.getsockname)
                case "send":
                    attempt.sent(slot.sock.send(attempt.unsent))
                case "receive":
                    attempt.received(slot.sock.recv(attempt.read_size))
                case "close":
                    slot.disconnect()
                    attempt.closed()
        except FAILURES as error:  # or the socket is not ready yet: ask again at once
            attempt.failed(error)
    return attempt.finish()


def spin(until: float | None) -> None:
    """Wait without sleeping: return at once, to be called again."""
