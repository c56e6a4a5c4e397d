"""The exceptions of both languages: httpx's names and tree, with the built-in bases that ``except`` clauses expect.

The Rust strategies raise these same classes. All of them can be pickled with their attributes, so that a worker process
can send them back.

.. code-block:: text

    Error
    ├── RequestError
    │   ├── TransportError
    │   │   ├── TimeoutException (TimeoutError): ConnectTimeout, TotalTimeout
    │   │   ├── NetworkError (OSError)
    │   │   │   ├── ConnectError (ConnectionError): NameResolutionError, SSLError
    │   │   │   ├── ReadError (ConnectionError)
    │   │   │   └── WriteError (ConnectionError)
    │   │   ├── ProtocolError: RemoteProtocolError > IncompleteBody, HeadersTooLarge
    │   │   └── UnsupportedProtocol (ValueError)
    │   ├── DecodingError
    │   ├── ResponseTooLarge
    │   ├── TooManyRedirects
    │   ├── InvalidURL (ValueError)
    │   ├── RobotsDisallowed
    │   ├── HostPaused
    │   └── InternalError
    ├── HTTPStatusError
    ├── ComparisonError
    ├── SchemaError (ValueError)
    ├── UnavailableError (ValueError)
    └── ForkedProcessError (RuntimeError)
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ComparisonError",
    "ConnectError",
    "ConnectTimeout",
    "DecodingError",
    "Error",
    "ForkedProcessError",
    "HTTPStatusError",
    "HeadersTooLarge",
    "HostPaused",
    "IncompleteBody",
    "InternalError",
    "InvalidURL",
    "NameResolutionError",
    "NetworkError",
    "ProtocolError",
    "ReadError",
    "RemoteProtocolError",
    "RequestError",
    "ResponseTooLarge",
    "RobotsDisallowed",
    "SSLError",
    "SchemaError",
    "TimeoutException",
    "TooManyRedirects",
    "TotalTimeout",
    "TransportError",
    "UnavailableError",
    "UnsupportedProtocol",
    "WriteError",
]


class Error(Exception):
    """The base of all exceptions that aio_strategies defines."""


class RequestError(Error):
    """A request got no complete response.

    Attributes:
        url: the URL that was being fetched, as it was given.
        phase: the step that failed: ``"resolve"``, ``"connect"``, ``"handshake"``, ``"write"``, ``"read"`` or
            ``"redirect"``.
        strategy: the key of the strategy, such as ``"thread"``, or None.
        errno: the operating system's error number, or None.
        bytes_received: bytes of the response received before the failure.
        elapsed: seconds from the start of the exchange to the failure.
    """

    errno: int | None

    def __init__(
        self,
        message: str,
        *,
        url: str | None = None,
        phase: str | None = None,
        strategy: str | None = None,
        errno: int | None = None,
        bytes_received: int = 0,
        elapsed: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.url = url
        self.phase = phase
        self.strategy = strategy
        self.errno = errno
        self.bytes_received = bytes_received
        self.elapsed = elapsed

    def __str__(self) -> str:
        return f"{self.message} (while fetching {self.url})" if self.url else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError.errno is a slot of the base class, not an entry of __dict__: the default __reduce__ would lose it.
        attributes = ("url", "phase", "strategy", "errno", "bytes_received", "elapsed")
        return _rebuild, (type(self), self.message, {name: getattr(self, name) for name in attributes}, self.__cause__)


def _rebuild(
    kind: type[RequestError], message: str, attributes: dict[str, Any], cause: BaseException | None
) -> RequestError:
    error = kind(message, **attributes)
    error.__cause__ = cause
    return error


class TransportError(RequestError):
    """The connection failed, or what came over it was invalid."""


class TimeoutException(TransportError, TimeoutError):
    """A timeout expired."""


class ConnectTimeout(TimeoutException):
    """The deadline (``timeout=`` or ``connect_timeout=``) passed before there was a connection; over https, before
    its TLS handshake had ended."""


class TotalTimeout(TimeoutException):
    """The deadline of the whole exchange (``timeout=``) passed after the connection was established."""


class NetworkError(TransportError, OSError):
    """The operating system reported a network error."""


class ConnectError(NetworkError, ConnectionError):
    """The connection could not be made: refused, unreachable, no free port."""


class NameResolutionError(ConnectError):
    """The host name has no address, or no name server answered."""


class SSLError(ConnectError):
    """TLS failed: the server's certificate cannot be trusted, or the server does not speak TLS."""


class ReadError(NetworkError, ConnectionError):
    """The connection broke while the response was being read."""


class WriteError(NetworkError, ConnectionError):
    """The connection broke while the request was being sent."""


class ProtocolError(TransportError):
    """HTTP was violated."""


class RemoteProtocolError(ProtocolError):
    """The server sent something that is not a valid HTTP response."""


class IncompleteBody(RemoteProtocolError):
    """The connection ended before the announced end of the body."""


class HeadersTooLarge(RemoteProtocolError):
    """The status line and headers exceed the limit on their size or number."""


class UnsupportedProtocol(TransportError, ValueError):
    """The URL's scheme is not supported; only ``http`` and ``https`` are."""


class DecodingError(RequestError):
    """The body is not encoded as the ``Content-Encoding`` header says: it is corrupt or cut short."""


class ResponseTooLarge(RequestError):
    """The body exceeds the limit on its size, as it was received or after decoding."""


class TooManyRedirects(RequestError):
    """More than ``max_redirects`` redirects followed one another."""


class RobotsDisallowed(RequestError):
    """The host's robots.txt closes the URL to crawlers: a crawl has not fetched it."""


class HostPaused(RequestError):
    """The host asks for a longer pause than a crawl may make: it has not fetched the URL."""


class InternalError(RequestError):
    """A bug in this package, or the death of a worker process; the URL is not at fault."""


class HTTPStatusError(Error):
    """``raise_for_status()`` was called on a response whose status is 4xx or 5xx.

    Attributes:
        response: the ``Response``.
    """

    def __init__(self, message: str, *, response: Any) -> None:
        super().__init__(message)
        self.message = message
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_status_error, (self.message, self.response)


def _rebuild_status_error(message: str, response: Any) -> HTTPStatusError:
    return HTTPStatusError(message, response=response)


class ComparisonError(Error):
    """The arms of a comparison did not all do the same work, so their times would not be comparable.

    Attributes:
        arm: the arm that stood out, such as ``"rust/thread"``.
        url: the URL where it did, or None if the error concerns no single URL.
        difference: a description of what was different or wrong.
    """

    def __init__(self, arm: str, url: str | None, difference: str) -> None:
        super().__init__(arm, url, difference)
        self.arm = arm
        self.url = url
        self.difference = difference

    def __str__(self) -> str:
        where = f" ({self.url})" if self.url else ""
        return f"{self.arm} cannot be compared: {self.difference}{where}"


class SchemaError(Error, ValueError):
    """The file does not contain a saved comparison or sweep that this version can read."""


class InvalidURL(RequestError, ValueError):
    """The text is not a URL that can be fetched; this is checked before any I/O."""


class UnavailableError(Error, ValueError):
    """This machine cannot run the strategy: it lacks what the strategy waits with, or does not allow it."""


class ForkedProcessError(Error, RuntimeError):
    """An object made before a fork was used in the child process."""
