"""The event loop that ``callback``, ``generator`` and ``yield_from`` share: it knows sockets, deadlines and callbacks,
nothing of HTTP and nothing of coroutines."""

from __future__ import annotations

import heapq
import os
import selectors
import socket
import time
from collections.abc import Callable
from itertools import count
from math import inf
from types import TracebackType
from typing import cast

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

LONGEST_SLEEP = 86_400.0
"""Seconds; what waits for a time longer than the selectors can sleep is looked at anew every day."""


class EventLoop:
    """A selector, its sockets, their deadlines, timers, and the callbacks that wait for them."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        # Every exchange has the same time, so the one that began first is the first here and the first to be late.
        self._deadlines: dict[socket.socket, float] = {}
        # A heap, the next timer first; the numbers keep those of the same time in their order.
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_numbers = count()

    def __enter__(self) -> EventLoop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for sock in list(self._deadlines):  # there are some after Ctrl-C
            sock.close()
        self._selector.close()

    def connect(self, address: tuple[str, int], family: int, deadline: float) -> socket.socket:
        """Begin to connect; the socket becomes writable when the connection stands or has failed."""
        sock = socket.socket(family)
        try:
            sock.setblocking(False)
            sock.connect(address)
        except BlockingIOError:
            pass
        except BaseException:
            sock.close()
            raise
        self._deadlines[sock] = deadline
        return sock

    def call_when_ready(self, sock: socket.socket, event: int, callback: Callable[[], None]) -> None:
        """Call back once, in a later turn, when the socket is ready or its deadline has passed."""
        self._selector.register(sock, event, callback)

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Call back once, in a later turn, when the time (of ``time.monotonic()``) has come."""
        heapq.heappush(self._timers, (when, next(self._timer_numbers), callback))

    def connected(self, sock: socket.socket) -> None:
        """Raise the error if the connection attempt failed, once the socket has become writable."""
        if errno := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(errno, os.strerror(errno))

    def close(self, sock: socket.socket) -> None:
        """Close the socket."""
        del self._deadlines[sock]
        sock.close()

    def turn(self) -> None:
        """Sleep until something can go on, then call back all that can."""
        # 1. How long may this turn sleep? Not past the next deadline or timer.
        deadline = next(iter(self._deadlines.values()), inf)
        nearest = min(deadline, self._timers[0][0]) if self._timers else deadline
        sleep = min(max(0.0, nearest - time.monotonic()), LONGEST_SLEEP)

        # 2. Sleep until a socket is ready, and take the callbacks that waited for it.
        ready = [key for key, _ in self._selector.select(sleep)]

        # 3. Take the callbacks whose deadline has passed.
        now = time.monotonic()
        if deadline <= now:
            late = [key for key in self._selector.get_map().values() if self._deadlines[_socket(key)] <= now]
            ready += [key for key in late if key not in ready]

        # 4. Take the callbacks whose time has come.
        come = []
        while self._timers and self._timers[0][0] <= now:
            come.append(heapq.heappop(self._timers)[-1])

        # 5. Call them.
        for key in ready:
            self._selector.unregister(key.fileobj)
            key.data()
        for callback in come:
            callback()


def _socket(key: selectors.SelectorKey) -> socket.socket:
    return cast(socket.socket, key.fileobj)
