"""One try at one URL: an exchange with a deadline, whose failure becomes part of the response instead of spreading."""

from __future__ import annotations

import os
import socket
import time
from types import TracebackType

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
from ..targets import Target
from .exchange import Exchange

READ_SIZE = 16 * 1024
"""Bytes asked for in one read; the Rust versions ask for as many."""

_DOING = {"connect": "connecting", "write": "sending the request", "read": "reading the response"}
_NETWORK_ERRORS: dict[str, type[NetworkError]] = {"connect": ConnectError, "write": WriteError, "read": ReadError}


class Attempt(Exchange):
    """Use it as ``with Attempt(target, timeout) as attempt: ...``; afterwards there is ``attempt.response``.

    Network errors, passed deadlines and violations of HTTP end the block and are recorded in the response. Everything
    else, such as KeyboardInterrupt or CancelledError, goes through.
    """

    response: Response

    def __init__(self, target: Target, timeout: float) -> None:
        super().__init__(target)
        self.url = target.url
        self.address = target.address
        self.family = socket.AF_INET6 if ":" in target.address[0] else socket.AF_INET
        self.timeout = timeout
        self.phase = "connect"
        self.started = time.monotonic()
        self.deadline = self.started + timeout

    def time_left(self) -> float:
        """Return the seconds that are left; TimeoutError if there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def connected(self) -> None:
        """Note that the connection stands."""
        self.phase = "write"

    def sent(self, count: int) -> bool:
        """Note that ``count`` bytes more were sent; tell whether that was the last of the request."""
        self.unsent = self.unsent[count:]
        if not self.unsent:
            self.phase = "read"
        return not self.unsent

    def finish(self, error: RequestError | OSError | None = None) -> Response:
        """End the try: return the response, or the record of what ended it."""
        elapsed = time.monotonic() - self.started
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
        failure = self._failure(error)
        failure.url = self.url
        failure.phase = self.phase
        failure.bytes_received = self.bytes_received
        failure.elapsed = elapsed
        return Response(self.url, start=self.started, elapsed=elapsed, error=failure)

    def __enter__(self) -> Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is not None and not isinstance(error, (RequestError, OSError)):
            return False
        self.response = self.finish(error)
        return True

    def _failure(self, error: RequestError | OSError) -> RequestError:
        if isinstance(error, RequestError):
            return error
        if isinstance(error, TimeoutError) and error.errno is None:  # a deadline of ours, not the network's ETIMEDOUT
            if self.phase == "connect":
                return ConnectTimeout(f"no connection within {self.timeout:g} s")
            return TotalTimeout(f"no whole response within {self.timeout:g} s")
        # by the number, since asyncio has words of its own for it
        words = str(error) if error.errno is None else f"[Errno {error.errno}] {os.strerror(error.errno)}"
        failure = _NETWORK_ERRORS[self.phase](f"{_DOING[self.phase]} failed: {words}", errno=error.errno)
        failure.__cause__ = error
        return failure


def lost(target: Target, why: BaseException) -> Response:
    """Return the response for a URL whose worker died while fetching it."""
    error = InternalError(f"the worker process died: {why}", url=target.url, phase="connect")
    error.__cause__ = why
    return Response(target.url, error=error)
