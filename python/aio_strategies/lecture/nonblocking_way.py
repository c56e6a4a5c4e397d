"""Lecture 2.2.4, non-blocking: no call waits, so the program asks again and again. One URL after another still."""

import socket
from contextlib import suppress

from ..results import Response
from ..targets import Target
from .arrivals import spin, when_due
from .attempt import READ_SIZE, Attempt


def nonblocking_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs one after another, and keep a processor busy all the while."""
    return [fetch(target, timeout) for target in when_due(targets, spin)]


def fetch(target: Target, timeout: float) -> Response:
    """Fetch one URL, asking until the kernel has something."""
    with Attempt(target, timeout) as attempt, socket.socket(attempt.family) as sock:
        sock.setblocking(False)
        with suppress(BlockingIOError):
            sock.connect(attempt.address)
        while True:
            attempt.time_left()
            try:
                count = sock.send(attempt.unsent)
            except BlockingIOError:
                continue
            # The first send that succeeds tells that the connection stands.
            attempt.connected()
            if attempt.sent(count):
                break
        while True:
            attempt.time_left()
            try:
                data = sock.recv(READ_SIZE)
            except BlockingIOError:
                continue
            if attempt.receive(data):
                break
    return attempt.response
