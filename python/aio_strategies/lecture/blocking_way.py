"""Lecture 2.2.1, blocking: one URL after another, asleep in the kernel while the network works."""

import socket
from time import sleep

from ..results import Response
from ..targets import Target
from .arrivals import when_due
from .attempt import READ_SIZE, Attempt


def blocking_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs one after another."""
    return [fetch(target, timeout) for target in when_due(targets, sleep)]


def fetch(target: Target, timeout: float) -> Response:
    """Fetch one URL, waiting in each call until the kernel has something."""
    with Attempt(target, timeout) as attempt, socket.socket(attempt.family) as sock:
        sock.settimeout(attempt.time_left())
        sock.connect(attempt.address)
        attempt.connected()
        while not attempt.sent(sock.send(attempt.unsent)):
            sock.settimeout(attempt.time_left())
        while True:
            sock.settimeout(attempt.time_left())
            if attempt.receive(sock.recv(READ_SIZE)):
                break
    return attempt.response
