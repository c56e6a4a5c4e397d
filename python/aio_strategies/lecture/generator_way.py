"""Lecture 2.3.2.1, coroutines from generators: the fetch is one piece of code again, which pauses (``yield``) where it
would have to wait. A Task resumes it whenever the Future that it yielded has its result."""

from __future__ import annotations

from collections.abc import Callable, Generator

from ..results import Response
from ..targets import Target
from .attempt import READ_SIZE, Attempt
from .batch import Batch
from .event_loop import READ, WRITE, EventLoop


def generator_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs by coroutines that yield futures."""
    batch = Batch(targets, timeout)
    with EventLoop() as event_loop:
        for _ in range(min(concurrency, len(targets))):
            Task(fetch_urls(batch, event_loop))
        while not batch.is_done():
            event_loop.turn()
    return batch.responses()


class Future:
    """A result that comes later: what a coroutine yields, and a callback completes."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def add_done_callback(self, callback: Callable[[], None]) -> None:
        """Call back when the result is there."""
        self._callbacks.append(callback)

    def set_result(self) -> None:
        """Note that the result is there. (It is always "go on": what came is asked of the socket.)"""
        for callback in self._callbacks:
            callback()


class Task:
    """Drives one coroutine: resumes it, and resumes it again when the future that it yielded is done."""

    def __init__(self, coroutine: Generator[Future, None, None]) -> None:
        self.coroutine = coroutine
        self.step()

    def step(self) -> None:
        """Let the coroutine run on to its next ``yield``."""
        try:
            future = next(self.coroutine)
        except StopIteration:
            return
        future.add_done_callback(self.step)


def fetch_urls(batch: Batch, event_loop: EventLoop) -> Generator[Future, None, None]:
    """The coroutine: fetches URLs as long as there are any."""
    for index, target in batch:
        if target.early():
            future = Future()
            event_loop.call_at(target.due, future.set_result)
            yield future

        with Attempt(target, batch.timeout) as attempt:
            sock = event_loop.connect(attempt.address, attempt.family, attempt.deadline)
            try:
                future = Future()
                event_loop.call_when_ready(sock, WRITE, future.set_result)
                yield future
                attempt.time_left()
                event_loop.connected(sock)
                attempt.connected()

                while not attempt.sent(sock.send(attempt.unsent)):
                    future = Future()
                    event_loop.call_when_ready(sock, WRITE, future.set_result)
                    yield future
                    attempt.time_left()

                while True:
                    future = Future()
                    event_loop.call_when_ready(sock, READ, future.set_result)
                    yield future
                    attempt.time_left()
                    if attempt.receive(sock.recv(READ_SIZE)):
                        break
            finally:
                event_loop.close(sock)
        batch.put(index, attempt.response)
