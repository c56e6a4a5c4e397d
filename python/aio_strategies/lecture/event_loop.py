"""The event loop that ``callback``, ``generator`` and ``yield_from`` share: it knows sockets, deadlines and callbacks,
but nothing about HTTP or coroutines."""

from __future__ import annotations

import errno
import heapq
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from math import inf
from operator import itemgetter
from types import TracebackType

from .sockets import open_socket
from .work import Slot

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
"""What a non-blocking connect returns at once, if nothing has failed."""

LONGEST_SLEEP = 86_400.0
"""Seconds. Selectors cannot sleep forever: longer waits are checked again every day."""


class Source:
    """A socket of the event loop, and the callback that waits for it."""

    __slots__ = ("callback", "deadline", "event", "fd", "is_connected")

    def __init__(self, fd: int) -> None:
        self.fd = fd  # A selector would ask the socket for it each time.
        self.event = 0  # what the selector watches it for
        self.deadline = inf
        self.callback: Callable[[], None] | None = None
        self.is_connected = False  # connecting took no time, and nobody has waited for it yet


class EventLoop:
    """A selector, its sockets and their deadlines, sleeping waiters, and the callbacks that wait for all of these."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._sources: dict[socket.socket, Source] = {}
        # In ascending order: usually, the attempt that began first has the earliest deadline.
        self._deadlines: dict[socket.socket, float] = {}
        self._latest_deadline = 0.0
        self._sleepers: dict[Slot, Callable[[], None]] = {}
        # A heap, the next alarm first; the numbers keep alarms of the same time in order.
        self._alarms: list[tuple[float, int, Slot]] = []
        self._numbers = count()
        self._soon: list[Callable[[], None]] = []
        self._waiting = 0  # how many callbacks wait for something
        self._woken: deque[Slot] = deque()
        self._interrupt, self._interrupted = socket.socketpair()
        self._interrupt.setblocking(False)
        self._selector.register(self._interrupted, READ)

    def __enter__(self) -> EventLoop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for sock in self._sources:  # some are left after Ctrl-C
            sock.close()
        self._interrupt.close()
        self._interrupted.close()
        self._selector.close()

    def run(self) -> None:
        """Run turns until no callback is waiting."""
        while self._waiting or self._soon:
            self.turn()

    def turn(self) -> None:
        """Sleep until at least one callback is ready, then call all that are."""
        # 1. How long may this turn sleep? Not past the next deadline or alarm.
        deadline = next(iter(self._deadlines.values()), inf)
        nearest = min(deadline, self._alarms[0][0]) if self._alarms else deadline
        sleep = 0.0 if self._soon else min(max(0.0, nearest - time.monotonic()), LONGEST_SLEEP)

        # 2. Sleep until a socket is ready or a sleeper is woken, and take the callbacks that waited for it.
        ready, self._soon = self._soon, []
        for key, _ in self._selector.select(sleep):
            source = key.data
            if source is None:
                self._take_woken(ready)
            elif source.callback is None:
                # No callback waits for it: without this, it would be ready in every turn.
                self._selector.unregister(source.fd)
                source.event = 0
            else:
                self._take(source, ready)

        # 3. Take the callbacks whose deadline has passed, or whose time has come.
        now = time.monotonic()
        while deadline <= now:
            sock = next(iter(self._deadlines))
            del self._deadlines[sock]
            self._sources[sock].deadline = inf
            self._take(self._sources[sock], ready)
            deadline = next(iter(self._deadlines.values()), inf)
        while self._alarms and self._alarms[0][0] <= now:
            self._rouse(heapq.heappop(self._alarms)[-1], ready)

        # 4. Call them. What they make ready is for the next turn.
        for callback in ready:
            callback()

    def connect(self, address: tuple[str, int], family: int) -> socket.socket:
        """Begin to connect; the socket becomes writable when the connection is established or has failed."""
        sock = open_socket(family)
        sock.setblocking(False)
        error = sock.connect_ex(address)
        if error not in UNDER_WAY:
            sock.close()
            raise OSError(error, os.strerror(error))
        source = self._sources[sock] = Source(sock.fileno())
        try:
            sock.getpeername()
            source.is_connected = True
        except OSError:
            pass  # so far; to a server nearby, connecting takes no time
        return sock

    def connected(self, sock: socket.socket) -> Callable[[], tuple[str, int]]:
        """Once the socket is writable, return what tells the address of this end; raise why connecting has failed."""
        if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
        return sock.getsockname

    def send(self, sock: socket.socket, data: bytes) -> int:
        """Send some of the data; return the number of bytes sent, 0 if the socket is not ready."""
        try:
            return sock.send(data)
        except BlockingIOError:
            return 0

    def disconnect(self, slot: Slot) -> None:
        """Close the waiter's connection in use, if there is one."""
        if slot.sock is not None:
            source = self._sources.pop(slot.sock)
            if source.event:
                self._selector.unregister(source.fd)
            self._deadlines.pop(slot.sock, None)
            slot.disconnect()

    def close(self, slot: Slot) -> None:
        """Close all of the waiter's connections."""
        for _ in slot.connections():
            self.disconnect(slot)

    def call_when_ready(self, sock: socket.socket, event: int, deadline: float, callback: Callable[[], None]) -> None:
        """Call back once, in a later turn, when the socket is ready or the deadline has passed."""
        source = self._sources[sock]
        if source.is_connected:  # then it is writable, and there is nothing to wait for
            source.is_connected = False
            self._soon.append(callback)
            return
        if source.event != event:
            (self._selector.modify if source.event else self._selector.register)(source.fd, event, source)
            source.event = event
        if source.deadline != deadline:
            self._note_deadline(sock, deadline)
            source.deadline = deadline
        source.callback = callback
        self._waiting += 1

    def call_when_woken(self, slot: Slot, until: float | None, callback: Callable[[], None]) -> None:
        """Call back once, in a later turn, when the slot is woken or the time (of ``time.monotonic()``) has come."""
        self._sleepers[slot] = callback
        if until is not None:
            heapq.heappush(self._alarms, (until, next(self._numbers), slot))
        self._waiting += 1

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the next turn, once all that is ready now has had its turn."""
        self._soon.append(callback)

    def slot(self) -> Slot:
        """Return a slot for a waiter of this event loop, which other threads can also wake."""
        slot = Slot()
        slot.wake = partial(self._wake, slot)
        return slot

    def _wake(self, slot: Slot) -> None:
        self._woken.append(slot)
        with suppress(BlockingIOError):  # the loop has been interrupted already
            self._interrupt.send(b"\0")

    def _take(self, source: Source, ready: list[Callable[[], None]]) -> None:
        if source.callback is not None:
            ready.append(source.callback)
            source.callback = None
            self._waiting -= 1

    def _take_woken(self, ready: list[Callable[[], None]]) -> None:
        self._interrupted.recv(4096)
        while self._woken:
            self._rouse(self._woken.popleft(), ready)

    def _rouse(self, slot: Slot, ready: list[Callable[[], None]]) -> None:
        callback = self._sleepers.pop(slot, None)
        if callback is not None:
            ready.append(callback)
            self._waiting -= 1

    def _note_deadline(self, sock: socket.socket, deadline: float) -> None:
        self._deadlines.pop(sock, None)
        self._deadlines[sock] = deadline
        if deadline < self._latest_deadline:
            self._deadlines = dict(sorted(self._deadlines.items(), key=itemgetter(1)))
        else:
            self._latest_deadline = deadline
