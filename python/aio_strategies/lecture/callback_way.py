"""Lecture 2.2.5, callbacks and an event loop: one thread, many sockets; each step of a fetch leaves word with the loop
which function goes on when its socket is ready."""

from collections.abc import Iterable
from functools import partial
from itertools import chain

from ..exceptions import RequestError
from ..results import Response
from ..targets import Target
from .attempt import READ_SIZE, Attempt
from .batch import Batch
from .event_loop import READ, WRITE, EventLoop


def callback_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs by callbacks."""
    batch = Batch(targets, timeout)
    with EventLoop() as event_loop:
        for _ in range(min(concurrency, len(targets))):
            start_next(batch, event_loop)
        while not batch.is_done():
            event_loop.turn()
    return batch.responses()


def start_next(batch: Batch, event_loop: EventLoop, waited_for: Iterable[tuple[int, Target]] = ()) -> None:
    """Begin the next URL, if there is one: ``waited_for``, or else one that nobody has. If it is not due yet, the loop
    comes back to it."""
    for index, target in chain(waited_for, batch):
        if target.early():
            event_loop.call_at(target.due, partial(start_next, batch, event_loop, [(index, target)]))
            return
        attempt = Attempt(target, batch.timeout)
        try:
            fetch = Fetch(batch, event_loop, index, attempt)
        except OSError as error:
            batch.put(index, attempt.finish(error))
        else:
            event_loop.call_when_ready(fetch.sock, WRITE, fetch.connected)
            return


class Fetch:
    """A fetch under way. Its methods are the callbacks."""

    def __init__(self, batch: Batch, event_loop: EventLoop, index: int, attempt: Attempt) -> None:
        self.batch = batch
        self.event_loop = event_loop
        self.index = index
        self.attempt = attempt
        self.sock = event_loop.connect(attempt.address, attempt.family, attempt.deadline)

    def connected(self) -> None:
        """The connection stands, or has failed."""
        try:
            self.attempt.time_left()
            self.event_loop.connected(self.sock)
        except OSError as error:
            self.finish(error)
        else:
            self.attempt.connected()
            self.writable()

    def writable(self) -> None:
        """The socket takes bytes."""
        try:
            self.attempt.time_left()
            sent = self.attempt.sent(self.sock.send(self.attempt.unsent))
        except OSError as error:
            self.finish(error)
        else:
            if sent:
                self.event_loop.call_when_ready(self.sock, READ, self.readable)
            else:
                self.event_loop.call_when_ready(self.sock, WRITE, self.writable)

    def readable(self) -> None:
        """The socket has bytes, or has ended."""
        try:
            self.attempt.time_left()
            whole = self.attempt.receive(self.sock.recv(READ_SIZE))
        except (OSError, RequestError) as error:
            self.finish(error)
        else:
            if whole:
                self.finish()
            else:
                self.event_loop.call_when_ready(self.sock, READ, self.readable)

    def finish(self, error: OSError | RequestError | None = None) -> None:
        """Note what came of it, and go on with the next URL."""
        self.event_loop.close(self.sock)
        self.batch.put(self.index, self.attempt.finish(error))
        start_next(self.batch, self.event_loop)
