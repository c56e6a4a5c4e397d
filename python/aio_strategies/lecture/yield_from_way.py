"""Lecture 2.3.2.2, ``yield from``: the coroutine is split into smaller ones that it delegates to: ``connect``,
``read``, ``read_all``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator

from ..results import Response
from ..targets import Target
from .attempt import READ_SIZE, Attempt
from .batch import Batch
from .event_loop import READ, WRITE, EventLoop


def yield_from_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs by coroutines made of coroutines."""
    batch = Batch(targets, timeout)
    with EventLoop() as event_loop:
        for _ in range(min(concurrency, len(targets))):
            Task(fetch_urls(batch, event_loop))
        while not batch.is_done():
            event_loop.turn()
    return batch.responses()


class Future:
    """A result that comes later: what a coroutine delegates to in the end; this is where it pauses."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def add_done_callback(self, callback: Callable[[], None]) -> None:
        """Call back when the result is there."""
        self._callbacks.append(callback)

    def set_result(self) -> None:
        """Note that the result is there. (It is always "go on": what came is asked of the socket.)"""
        for callback in self._callbacks:
            callback()

    def __iter__(self) -> Generator[Future, None, None]:
        yield self


class Task:
    """Drives one coroutine: resumes it, and resumes it again when the future that it yielded is done."""

    def __init__(self, coroutine: Generator[Future, None, None]) -> None:
        self.coroutine = coroutine
        self.step()

    def step(self) -> None:
        """Let the coroutine run on to its next pause."""
        try:
            future = next(self.coroutine)
        except StopIteration:
            return
        future.add_done_callback(self.step)


def fetch_urls(batch: Batch, event_loop: EventLoop) -> Generator[Future, None, None]:
    """Fetch URLs as long as there are any."""
    for index, target in batch:
        yield from due(target, event_loop)
        with Attempt(target, batch.timeout) as attempt:
            yield from fetch(attempt, event_loop)
        batch.put(index, attempt.response)


def due(target: Target, event_loop: EventLoop) -> Generator[Future, None, None]:
    """Wait until the exchange may begin."""
    if target.early():
        future = Future()
        event_loop.call_at(target.due, future.set_result)
        yield from future


def fetch(attempt: Attempt, event_loop: EventLoop) -> Generator[Future, None, None]:
    """Fetch one URL."""
    sock = event_loop.connect(attempt.address, attempt.family, attempt.deadline)
    try:
        yield from connect(attempt, event_loop, sock)
        yield from write_all(attempt, event_loop, sock)
        yield from read_all(attempt, event_loop, sock)
    finally:
        event_loop.close(sock)


def connect(attempt: Attempt, event_loop: EventLoop, sock: socket.socket) -> Generator[Future, None, None]:
    """Wait for the connection."""
    yield from ready(attempt, event_loop, sock, WRITE)
    event_loop.connected(sock)
    attempt.connected()


def write_all(attempt: Attempt, event_loop: EventLoop, sock: socket.socket) -> Generator[Future, None, None]:
    """Send the request."""
    while not attempt.sent(sock.send(attempt.unsent)):
        yield from ready(attempt, event_loop, sock, WRITE)


def read(attempt: Attempt, event_loop: EventLoop, sock: socket.socket) -> Generator[Future, None, bool]:
    """Receive some of the response; tell whether that was the last of it."""
    yield from ready(attempt, event_loop, sock, READ)
    return attempt.receive(sock.recv(READ_SIZE))


def read_all(attempt: Attempt, event_loop: EventLoop, sock: socket.socket) -> Generator[Future, None, None]:
    """Receive all of the response."""
    while not (yield from read(attempt, event_loop, sock)):
        pass


def ready(attempt: Attempt, event_loop: EventLoop, sock: socket.socket, event: int) -> Generator[Future, None, None]:
    """Wait until the socket is ready for ``event``, or its deadline has passed."""
    future = Future()
    event_loop.call_when_ready(sock, event, future.set_result)
    yield from future
    attempt.time_left()
