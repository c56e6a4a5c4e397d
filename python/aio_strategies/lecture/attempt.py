"""One try at one URL. It does no I/O itself: it says what it wants next, and the strategy reports the result."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Literal

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
from ..results import Response, shortage_words
from ..targets import client_ports
from .connections import Idle, is_quiet
from .exchange import Exchange
from .sockets import acknowledge_at_once
from .work import SHORTAGES, Assignment, Slot

if TYPE_CHECKING:
    from .tls import Tls

_LONG_READ_SIZE = 256 * 1024
"""Bytes to ask for once a read has brought as many as it could: a long body takes few reads then."""

Want = Literal["connect", "send", "receive", "close", "done"]
"""What an attempt wants next: begin or continue to connect to ``address``; send some of ``unsent``; receive some bytes;
close the connection, if there is one; or nothing, as it is done."""

FAILURES = (RequestError, OSError)
"""The exceptions to pass to ``Attempt.failed``."""

_PHASES = {"connect": "connect", "send": "write", "receive": "read", "close": "read"}
_DOING = {
    "connect": "connecting",
    "handshake": "the TLS handshake",
    "write": "sending the request",
    "read": "reading the response",
}
_LACKING = {"connect": "connection", "handshake": "TLS handshake", "write": "whole response", "read": "whole response"}
_ERRORS: dict[str, type[NetworkError]] = {
    "connect": ConnectError,
    "handshake": ConnectError,
    "write": WriteError,
    "read": ReadError,
}

_GONE = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)
"""The server has closed the connection."""

_ASK_AFTER = 0.1
"""Seconds that a connection may be idle before it is asked whether anything has arrived, which takes a system call."""

_TURN = 0.25
"""Seconds that the first of several addresses has to answer, as in RFC 8305."""


class Attempt(Exchange):
    """One try at one URL: an exchange with a phase and a deadline.

    The strategy passes whatever a socket raises to ``failed``, and also what the attempt itself raises: a missed
    deadline or a violation of HTTP.
    """

    deadline: float
    """When to stop waiting and to ask again. It changes: read it before each wait."""
    address: tuple[str, int]
    """Where to connect to."""
    time_left: float
    read_size = 16 * 1024
    """Bytes to ask for in one read, the same as in the Rust versions; more once a body is long."""
    _reused = False  # whether the connection served an earlier attempt
    _prompt = False  # whether what is received is acknowledged at once
    _turn = _TURN
    _others: Sequence[tuple[str, int]] = ()  # the addresses to try after this one

    def __init__(self, assignment: Assignment, slot: Slot) -> None:
        _, target, terms = assignment
        self._target, self._terms, self._slot = target, terms, slot
        _, authority, path, addresses, _, _ = target
        timeout, connect_timeout, options, _, _ = terms
        Exchange.__init__(self, authority, path, options)  # super() takes longer
        self._want: Want = "connect"
        self._error: RequestError | None = None
        # Why the request cannot be sent; the server may have replied before it left.
        self._unsendable: OSError | None = None
        self._tls: Tls | None = None
        self._rerouted = False  # whether to close the connection, and to open another
        self.started = now = monotonic()
        self.deadline = self._last = self._connect_deadline = now + timeout
        self.address = addresses[0]
        if len(addresses) > 1 or connect_timeout is not None:
            self._prepare_to_connect(now)
        if slot.idle is not None or slot.kept:
            idle = slot.turn_to(target, terms.others_kept)
            if idle is not None and (now - idle.since <= _ASK_AFTER or is_quiet(slot.sock)):
                self._reuse(idle)
            elif slot.sock is not None:
                self._want, self._rerouted = "close", True

    @property
    def family(self) -> int:
        """The family of the address, for the socket."""
        return socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET

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
        if self._target.tls_host is None:
            self.deadline = self._last
        else:
            self._begin_tls(self._target.tls_host)
        self._want = "send"

    def sent(self, count: int) -> None:
        """Record that ``count`` more bytes were sent."""
        self.unsent = self.unsent[count:]
        if not self.unsent:
            self._want = "receive"

    def received(self, data: bytes) -> None:
        """Process bytes from the server; ``b""`` means the end of the stream."""
        if self._unsendable is not None and not data:
            raise self._unsendable  # no end of a body
        if self._tls is not None:
            self._decrypt(self._tls, data)
        elif self.receive(data):
            if self._options.keep_alive:
                self._complete()
            else:
                self._want = "close"
        if self._want == "receive":
            if len(data) == self.read_size:
                self.read_size = _LONG_READ_SIZE
            if not self._prompt:
                self._prompt = True
                acknowledge_at_once(self._slot.sock)

    def closed(self) -> None:
        """Record that the connection is closed."""
        if self._error is not None and self._slot.kept and getattr(self._error, "errno", None) in SHORTAGES:
            _, self._slot.sock = self._slot.kept.pop()  # the next one: their descriptors are needed
            return
        self._want = "connect" if self._rerouted else "done"
        self._rerouted = False

    def failed(self, error: RequestError | OSError) -> None:
        """Record the error that ends the attempt, unless there is another address to try.

        BlockingIOError is no failure: the socket is just not ready. Neither is a timeout before the deadline.
        """
        if isinstance(error, BlockingIOError):
            return
        now = monotonic()
        late = isinstance(error, TimeoutError) and error.errno is None  # a deadline of ours, not the network's
        if late and now < self.deadline:
            return
        phase = self._phase()
        if phase == "write" and isinstance(error, _GONE):
            if self._unsendable is None:
                self._unsendable = error
                self._want = "receive"
                return
            error = self._unsendable
        self._want = "close"
        if self._reused and not self.bytes_received and not late and not self._slot.broken_off:
            self._begin_anew(now)
        elif phase == "connect" and now < self._connect_deadline and self._can_go_elsewhere(error):
            following, *self._others = self._others
            if late:
                self._others.append(self.address)
                self._turn *= 1.5
            self._rerouted = True
            self._reroute(following)
        else:
            self._error = self._failure(error, phase, late and now < self._last)
            self._error.phase = phase

    def finish(self) -> Response:
        """Return the response; if the attempt failed, it holds the error."""
        elapsed = monotonic() - self.started
        error = self._error
        if error is None:
            return Response(
                self._target.url,
                status_code=self.status,
                reason_phrase=self.reason,
                http_version=self.version,
                headers=self.headers,
                content=b"".join(self._body),
                start=self.started,
                elapsed=elapsed,
            )
        error.url = self._target.url
        error.bytes_received = self.bytes_received
        error.elapsed = elapsed
        return Response(self._target.url, start=self.started, elapsed=elapsed, error=error)

    def _phase(self) -> str:
        if self._tls is not None and not self._tls.secured:
            return "handshake"
        return "write" if self._unsendable is not None else _PHASES[self._want]

    def _can_go_elsewhere(self, error: RequestError | OSError) -> bool:
        return bool(self._others) and not isinstance(error, RequestError) and error.errno not in SHORTAGES

    def _prepare_to_connect(self, now: float) -> None:
        self._connect_deadline = self._last
        if self._terms.connect_timeout is not None:
            self._connect_deadline = min(self._last, now + self._terms.connect_timeout)
        self.deadline = self._connect_deadline
        self.address = self._target.addresses[0]
        if len(self._target.addresses) > 1:
            self._others = self._target.addresses[1:]
            self._reroute(self.address)

    def _reuse(self, idle: Idle) -> None:
        """Send the request over a connection that served an earlier attempt."""
        self._reused = True
        self.deadline = self._last
        self._want = "send"
        self._tls = idle.tls
        if self._tls is not None:
            self._tls.send(self.unsent)
            self.unsent = self._tls.outgoing()

    def _begin_anew(self, now: float) -> None:
        """Send the request over another connection: the server has closed the idle one, or is about to."""
        # All else is as it was before.
        assignment, slot, started, last = Assignment(0, self._target, self._terms), self._slot, self.started, self._last
        vars(self).clear()
        Attempt.__init__(self, assignment, slot)
        self.started, self._last = started, last
        self._want, self._rerouted = "close", True
        self._prepare_to_connect(now)

    def _complete(self) -> None:
        """Keep the connection for the next attempt, or close it."""
        if self._reused and self.status == 408:
            # Some servers say so before they close an idle connection: it answers nothing that was asked.
            self._begin_anew(monotonic())
        elif (
            self.leaves_connection_open()
            and self._unsendable is None
            and not (self._tls is not None and self._tls.ended)
        ):
            self._slot.idle = Idle(self._target, self._tls, monotonic())
            self._want = "done"
        else:
            self._want = "close"

    def _reroute(self, address: tuple[str, int]) -> None:
        """Connect to this address next. (RFC 8305 tries several at a time; an exchange has one socket.)"""
        self.address = address
        turn_ends = monotonic() + self._turn
        self.deadline = min(self._connect_deadline, turn_ends) if self._others else self._connect_deadline

    def _begin_tls(self, host: str) -> None:
        from .tls import Tls  # here, since ssl takes long to import

        self._request, self.unsent = self.unsent, b""
        self.deadline = self._connect_deadline
        self._tls = Tls(self._terms.verify, host)
        self.unsent = self._tls.outgoing()

    def _decrypt(self, tls: Tls, data: bytes) -> None:
        """Process encrypted bytes from the server; ``b""`` means the end of the stream."""
        if not data:
            from .tls import cut_off, truncated

            if not tls.secured:
                raise cut_off()
            # Anybody can cut a connection off: where only its end tells the body's, the body may be incomplete.
            if self.receive(data):
                raise truncated()
            return
        plain = b""
        if tls.secured:
            plain = tls.receive(data)
        else:
            tls.shake_hands(data)
            if tls.secured:
                self.deadline = self._last
                tls.send(self._request)
        if (plain and self.receive(plain)) or (tls.ended and self.receive(b"")):
            self._complete()
        else:
            self.unsent = tls.outgoing()
            self._want = "send" if self.unsent and self._unsendable is None else "receive"

    def _failure(self, error: RequestError | OSError, phase: str, late_connecting: bool) -> RequestError:
        if isinstance(error, RequestError):
            return error
        if isinstance(error, TimeoutError) and error.errno is None:  # a deadline of ours, not the network's ETIMEDOUT
            limit = (late_connecting and self._terms.connect_timeout) or self._terms.timeout
            kind = ConnectTimeout if phase in ("connect", "handshake") else TotalTimeout
            return kind(f"no {_LACKING[phase]} within {_seconds(limit)} s")
        # by the number, since asyncio words the message differently
        if error.errno is None:
            words = str(error)
        elif phase == "connect" and error.errno in SHORTAGES:
            words = f"[Errno {error.errno}] {shortage_words(error.errno)}"
        else:
            words = f"[Errno {error.errno}] {os.strerror(error.errno)}"
        failure = _ERRORS[phase](f"{_DOING[phase]} failed: {words}", errno=error.errno)
        failure.__cause__ = error
        return failure


def _seconds(limit: float) -> str:
    """Return a number of seconds to the nanosecond, as Rust writes it."""
    return f"{limit:.9f}".rstrip("0").rstrip(".")


def lost(assignment: Assignment, why: BaseException) -> Response:
    """Return the response for a URL whose worker died while fetching it."""
    url = assignment.target.url
    error = InternalError(f"the worker process died: {why}", url=url, phase="connect")
    error.__cause__ = why
    return Response(url, error=error)
