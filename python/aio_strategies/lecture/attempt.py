"""One try at one URL. It does no I/O itself: it says what it wants next, and the strategy reports the result."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from time import monotonic
from typing import Literal

from ..exceptions import (
    ConnectError,
    ConnectTimeout,
    InternalError,
    NetworkError,
    ReadError,
    RequestError,
    TotalTimeout,
    WriteError,
)
from ..results import Response
from ..targets import client_ports
from .exchange import Exchange
from .work import Assignment

READ_SIZE = 16 * 1024
"""Bytes to ask for in one read, the same as in the Rust versions."""

Want = Literal["connect", "send", "receive", "close", "done"]
"""What an attempt wants next: begin or continue to connect to ``address``; send some of ``unsent``; receive some bytes;
close the connection, if there is one; or nothing, as it is done."""

FAILURES = (RequestError, OSError)
"""The exceptions to pass to ``Attempt.failed``."""

_PHASES = {"connect": "connect", "send": "write", "receive": "read", "close": "read"}
_DOING = {"connect": "connecting", "write": "sending the request", "read": "reading the response"}
_ERRORS: dict[str, type[NetworkError]] = {"connect": ConnectError, "write": WriteError, "read": ReadError}


class Attempt(Exchange):
    """One try at one URL: an exchange with a phase and a deadline.

    The strategy passes whatever a socket raises to ``failed``, and also what the attempt itself raises: a missed
    deadline or a violation of HTTP.
    """

    time_left: float
    _want: Want = "connect"
    _error: RequestError | None = None

    def __init__(self, assignment: Assignment) -> None:
        target = assignment.target
        super().__init__(target.authority, target.path)
        self.url = target.url
        self.address = target.address
        self.family = socket.AF_INET6 if ":" in target.address[0] else socket.AF_INET
        self.timeout = assignment.timeout
        self.started = monotonic()
        self.deadline = self.started + self.timeout

    def wants(self) -> Want:
        """Return what to do next, within ``time_left`` seconds. Ask again after each step and each wait."""
        want = self._want
        if want == "close" or want == "done":
            return want
        self.time_left = self.deadline - monotonic()
        if self.time_left > 0:
            return want
        self.failed(TimeoutError())
        return "close"

    def connected(self, local: Callable[[], tuple[str, int]]) -> None:
        """Record that the connection is established; ``local`` returns the address of this end."""
        if monotonic() >= self.deadline:  # It may be the deadline that woke us, not the network.
            raise TimeoutError
        # A client's port may be the very port that it connects to: then TCP connects it to itself. Asking costs a
        # system call, so only where that may be.
        if self.address[1] in client_ports() and local()[:2] == self.address:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._want = "send"

    def sent(self, count: int) -> None:
        """Record that ``count`` more bytes were sent."""
        self.unsent = self.unsent[count:]
        if not self.unsent:
            self._want = "receive"

    def received(self, data: bytes) -> None:
        """Process bytes from the server; ``b""`` means the end of the stream."""
        if self.receive(data):
            self._want = "close"

    def closed(self) -> None:
        """Record that the connection is closed."""
        self._want = "done"

    def failed(self, error: RequestError | OSError) -> None:
        """Record the error that ends the attempt; BlockingIOError is no failure: the socket is just not ready."""
        if not isinstance(error, BlockingIOError):
            phase = _PHASES[self._want]
            self._want = "close"
            self._error = self._failure(error, phase)
            self._error.phase = phase

    def finish(self) -> Response:
        """Return the response; if the attempt failed, it holds the error."""
        elapsed = monotonic() - self.started
        error = self._error
        if error is None:
            return Response(
                self.url,
                status_code=self.status,
                reason_phrase=self.reason,
                http_version=self.version,
                headers=self.headers,
                content=self.body,
                start=self.started,
                elapsed=elapsed,
            )
        error.url = self.url
        error.bytes_received = self.bytes_received
        error.elapsed = elapsed
        return Response(self.url, start=self.started, elapsed=elapsed, error=error)

    def _failure(self, error: RequestError | OSError, phase: str) -> RequestError:
        if isinstance(error, RequestError):
            return error
        if isinstance(error, TimeoutError) and error.errno is None:  # a deadline of ours, not the network's ETIMEDOUT
            if phase == "connect":
                return ConnectTimeout(f"no connection within {self.timeout:g} s")
            return TotalTimeout(f"no whole response within {self.timeout:g} s")
        # by the number, since asyncio words the message differently
        words = str(error) if error.errno is None else f"[Errno {error.errno}] {os.strerror(error.errno)}"
        failure = _ERRORS[phase](f"{_DOING[phase]} failed: {words}", errno=error.errno)
        failure.__cause__ = error
        return failure


def lost(assignment: Assignment, why: BaseException) -> Response:
    """Return the response for a URL whose worker died while fetching it."""
    url = assignment.target.url
    error = InternalError(f"the worker process died: {why}", url=url, phase="connect")
    error.__cause__ = why
    return Response(url, error=error)
