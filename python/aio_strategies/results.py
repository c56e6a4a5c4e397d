"""What a strategy returns, in either language: a ``Run``, which is a sequence of ``Response`` objects."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ._native import decode_text, remedy, text_encoding
from .exceptions import HTTPStatusError, RequestError

if TYPE_CHECKING:
    from datetime import timedelta

    from .display.batch import Batch
    from .display.picture import Picture
    from .display.timeline import Exchange

__all__ = ["CPUTime", "Headers", "Response", "Run"]


class Headers(Mapping[str, str]):
    """A response's header fields: a mapping whose keys ignore case. ``raw`` has the fields in the order received.

    Fields of the same name are joined with commas (RFC 9110, section 5.3); ``get_list`` keeps them apart.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.raw: list[tuple[bytes, bytes]] = list(raw)

    def get_list(self, name: str) -> list[str]:
        """Return the values of all fields of this name, in the order received."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.raw if key.lower() == wanted]

    def __getitem__(self, name: str) -> str:
        values = self.get_list(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.decode("latin-1").lower() for key, _ in self.raw))

    def __len__(self) -> int:
        return len({key.lower() for key, _ in self.raw})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"


class Response:
    """The outcome of one URL: a response, with attributes named as in httpx, or the error that came instead.

    Attributes:
        url: the URL, as it was given; after redirects, the last one.
        status_code: the status, or None if ``error`` is set.
        reason_phrase: the text after the status, often empty.
        http_version: ``"HTTP/1.0"`` or ``"HTTP/1.1"``, or ``""`` if ``error`` is set.
        headers: the header fields.
        content: the body's bytes, decoded if ``Content-Encoding`` names only encodings that are known here.
        start: when this exchange began (before it connected), in seconds after ``Run.began``; 0.0 if it never began
            because its host is unknown, or if its worker process died.
        error: the exception that ended this exchange, or None.
        history: the replies that led here, in order, if redirects were followed; without their bodies.
        index: the place of its URL among those of the call.
    """

    __slots__ = (
        "_headers",
        "_seconds",
        "content",
        "error",
        "history",
        "http_version",
        "index",
        "reason_phrase",
        "start",
        "status_code",
        "url",
    )

    def __init__(
        self,
        url: str,
        *,
        status_code: int | None = None,
        reason_phrase: str = "",
        http_version: str = "",
        headers: Iterable[tuple[bytes, bytes]] = (),
        content: bytes = b"",
        start: float = 0.0,
        elapsed: float = 0.0,
        error: RequestError | None = None,
    ) -> None:
        self.url = url
        self.status_code = status_code
        self.reason_phrase = reason_phrase
        self.http_version = http_version
        self._headers: Headers | Iterable[tuple[bytes, bytes]] = headers
        self.content = content
        self.start = start
        self._seconds = elapsed
        self.error = error
        self.history: tuple[Response, ...] = ()
        self.index = 0

    def __reduce__(self) -> tuple[Any, ...]:
        # Shorter and faster than what Python does by itself: worker processes send them home.
        return _unpickled, (
            self.url,
            self.status_code,
            self.reason_phrase,
            self.http_version,
            self.headers.raw,
            self.content,
            self.start,
            self._seconds,
            self.error,
            self.history,
            self.index,
        )

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if not isinstance(self._headers, Headers):  # made when they are looked at
            self._headers = Headers(self._headers)
        return self._headers

    @property
    def end(self) -> float:
        """When this exchange ended, in seconds after ``Run.began``. With ``rate``, the response time is this minus
        the intended start."""
        return self.start + self._seconds

    @property
    def elapsed(self) -> timedelta:
        """The service time, to the microsecond: from the start of this exchange (before it connects) to its end."""
        from datetime import timedelta

        return timedelta(seconds=self._seconds)

    @property
    def text(self) -> str:
        """The body as text, decoded as browsers do, with U+FFFD for what cannot be decoded.

        The encoding is the one that the byte order mark, the charset of ``Content-Type`` or, in HTML, a ``<meta>``
        element among the first 1024 bytes names; else it is UTF-8. Unknown names are passed over.
        """
        return decode_text(self.content, self._content_type)

    @property
    def encoding(self) -> str:
        """The name of the encoding by which ``text`` is decoded, such as ``"utf-8"`` or ``"windows-1252"``."""
        return text_encoding(self.content, self._content_type)

    @property
    def _content_type(self) -> str:
        content_types = self.headers.get_list("content-type")
        return content_types[-1] if content_types else ""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx; False if ``error`` is set."""
        return self.status_code is not None and 200 <= self.status_code <= 299

    def json(self, **settings: Any) -> Any:
        """Return the body, parsed as JSON.

        Args:
            settings: keyword arguments of ``json.loads``.

        Raises:
            RequestError: the exchange failed; this is ``error``.
            ValueError: the body is not JSON (``json.JSONDecodeError``), or not in UTF-8, UTF-16 or UTF-32.
        """
        import json

        if self.error is not None:
            raise self.error
        return json.loads(self.content, **settings)

    def raise_for_status(self) -> Response:
        """Return this response if its status is below 400.

        Raises:
            RequestError: the exchange failed; this is ``error``.
            HTTPStatusError: the status is 4xx or 5xx.
        """
        if self.error is not None:
            raise self.error
        if self.status_code is None or self.status_code >= 400:
            line = f"{self.status_code} {self.reason_phrase}".strip()
            raise HTTPStatusError(f"{line} for {self.url}", response=self)
        return self

    def __repr__(self) -> str:
        if self.error is not None:
            return f"<Response [{type(self.error).__name__}] {self.url}>"
        return f"<Response [{self.status_code}] {self.url} {len(self.content)} bytes>"


def _unpickled(
    url: str,
    status_code: int | None,
    reason_phrase: str,
    http_version: str,
    headers: list[tuple[bytes, bytes]],
    content: bytes,
    start: float,
    elapsed: float,
    error: RequestError | None,
    history: tuple[Response, ...],
    index: int,
) -> Response:
    response = Response(
        url,
        status_code=status_code,
        reason_phrase=reason_phrase,
        http_version=http_version,
        headers=headers,
        content=content,
        start=start,
        elapsed=elapsed,
        error=error,
    )
    response.history = history
    response.index = index
    return response


def count_from(response: Response, began: float) -> None:
    """Count the response's start from ``began``. A strategy gives it on ``time.monotonic()``'s clock; 0 if unknown."""
    response.start = max(0.0, response.start - began) if response.start else 0.0


def shortage_words(shortage: int) -> str:
    """Return the system's words for a shortage, and what can be done about it, if anything."""
    words = remedy(shortage)
    return os.strerror(shortage) + (f": {words}" if words else "")


def warn_of_shortage(concurrency: int, shortage: int) -> None:
    """Warn the caller's caller that fewer exchanges were in flight; ``shortage`` is the system's error number."""
    warnings.warn(
        f"fewer than concurrency={concurrency} exchanges were in flight at once, because the system did not allow"
        f" more: {shortage_words(shortage)}",
        RuntimeWarning,
        stacklevel=4,
    )


class LazyResponses(Sequence[Response]):
    """Responses that are made when they are looked at.

    Args:
        count: how many there are.
        make: makes the one with this index; called once for each.
        failed: the indexes of those with an error.
    """

    def __init__(self, count: int, make: Callable[[int], Response], failed: Sequence[int]) -> None:
        self.failed = failed
        self._make = make
        self._made: list[Response | None] = [None] * count
        self._lock = threading.Lock()

    def then(self, finish: Callable[[int, Response], None]) -> None:
        """Call this, too, for each one that is made from now on."""
        make = self._make

        def finished(index: int) -> Response:
            response = make(index)
            finish(index, response)
            return response

        self._make = finished

    @overload
    def __getitem__(self, index: int) -> Response: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Response, ...]: ...
    def __getitem__(self, index: int | slice) -> Response | tuple[Response, ...]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(len(self))[index])
        response = self._made[index]
        if response is None:
            place = range(len(self))[index]
            with self._lock:  # another thread may be looking at it, too
                response = self._made[place]
                if response is None:
                    response = self._made[place] = self._make(place)
        return response

    def __len__(self) -> int:
        return len(self._made)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self),)


class CPUTime(float):
    """CPU time in seconds, of this process and of the child processes that ended during the call.

    Attributes:
        user: the seconds spent in the program's own code.
        system: the seconds spent in the kernel on its behalf.
    """

    __slots__ = ("system", "user")
    user: float
    system: float

    def __new__(cls, user: float, system: float) -> CPUTime:
        """Add up the two parts."""
        total = super().__new__(cls, user + system)
        total.user = user
        total.system = system
        return total

    def __reduce__(self) -> tuple[type[CPUTime], tuple[float, float]]:
        return CPUTime, (self.user, self.system)


class Run(Sequence[Response]):
    """The outcome of one call of a strategy: its responses, in the order of the URLs, and what they cost.

    Attributes:
        strategy: the strategy's key, such as ``"thread"``.
        language: ``"python"`` or ``"rust"``.
        began: when the call's clock started, in seconds of ``time.monotonic()``, like the times in the lab's log: once
            its arguments are checked and its hosts resolved. Every ``Response.start`` counts from here.
        wall: wall time in seconds, from ``began`` until the last response is there and all has ended that the strategy
            started, such as a pool of threads or processes; starting it is included.
        cpu: CPU time in seconds during ``wall`` (``cpu.user + cpu.system``), child processes included.
    """

    __slots__ = ("_responses", "began", "cpu", "language", "strategy", "wall")

    def __init__(
        self,
        responses: Iterable[Response],
        *,
        strategy: str,
        language: str,
        began: float = 0.0,
        wall: float,
        cpu: CPUTime,
    ) -> None:
        self._responses = responses if isinstance(responses, LazyResponses) else tuple(responses)
        self.strategy = strategy
        self.language = language
        self.began = began
        self.wall = wall
        self.cpu = cpu

    @property
    def errors(self) -> list[RequestError]:
        """The errors of the URLs that failed, in the order of the URLs."""
        responses: Iterable[Response] = self._responses
        if isinstance(self._responses, LazyResponses):
            responses = (self._responses[index] for index in self._responses.failed)
        return [response.error for response in responses if response.error is not None]

    def raise_for_errors(self) -> Run:
        """Return this run if every URL got a response (4xx and 5xx count as responses).

        Raises:
            ExceptionGroup: some URLs failed; it holds ``errors``.
        """
        if errors := self.errors:
            raise ExceptionGroup(f"{len(errors)} of {len(self)} requests failed", errors)
        return self

    def waterfall(self) -> Picture:
        """Draw when each exchange began and ended, in the order of the URLs. Times count from ``began``, in ms, or in s
        from ten seconds on. Above 500 exchanges, the chart shows their density instead.
        """
        from .display.batch_charts import waterfall_chart
        from .display.svg_renderer import render_svg

        return render_svg(waterfall_chart([self._batch()], "What happened when", ", ".join(self._facts())))

    def in_flight(self) -> Picture:
        """Draw how many exchanges were in flight over time, from ``began``, in ms, or in s from ten seconds on."""
        from .display.batch_charts import in_flight_chart
        from .display.svg_renderer import render_svg

        return render_svg(in_flight_chart([self._batch()], "Exchanges in flight", ", ".join(self._facts())))

    def _exchanges(self) -> list[Exchange]:
        from .display.timeline import Exchange

        return [
            Exchange(
                url=response.url,
                intended=response.start,  # the due time is not known here
                start=response.start,
                end=response.end,
                status=response.status_code,
                size=None if response.error is not None else len(response.content),
                error=None if response.error is None else f"{type(response.error).__name__}: {response.error.message}",
                request=request,
            )
            for request, response in enumerate(self)
        ]

    def _batch(self) -> Batch:
        from .display.batch import Batch

        exchanges = self._exchanges()
        return Batch(
            name=f"{self.language}/{self.strategy}",
            kind=self.language,
            starts=[exchange.start for exchange in exchanges],
            ends=[exchange.end for exchange in exchanges],
            intended=[exchange.intended for exchange in exchanges],
            failed=frozenset(exchange.request for exchange in exchanges if exchange.error is not None),
        )

    @overload
    def __getitem__(self, index: int) -> Response: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Response, ...]: ...
    def __getitem__(self, index: int | slice) -> Response | tuple[Response, ...]:
        return self._responses[index]

    def __len__(self) -> int:
        return len(self._responses)

    def __iter__(self) -> Iterator[Response]:
        return iter(self._responses)

    def _facts(self) -> list[str]:
        failed = len(self.errors)
        return [
            f"{len(self)} response{'s' * (len(self) != 1)}",
            f"{self.wall:.4f} s",
            f"CPU {1000 * self.cpu:.1f} ms",
            *([f"{failed} failed"] if failed else []),
        ]

    def __repr__(self) -> str:
        return f"<Run {self.language}/{self.strategy}: {', '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        import html

        facts = " · ".join(html.escape(fact) for fact in self._facts())
        return f"<div><b>{self.language} / {self.strategy}</b> · {facts}</div>"
