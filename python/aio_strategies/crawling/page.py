"""What came of one URL of a crawl."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..exceptions import RequestError
from ..results import Headers, Response

__all__ = ["Page", "described"]


@dataclass(frozen=True, slots=True)
class Page:
    """What came of one URL of a crawl: a page, a redirect, or an error.

    Attributes:
        url: the URL.
        next_url: where it redirects to, or None.
        referrer: the URL of the page that linked or redirected to it first; None for a root.
        depth: how many links led to it from a root.
        status: the status of the reply, or None if there was none.
        error: why there was none, or None.
        content_type: the media type, such as ``"text/html"``; empty if the reply does not say.
        content: the body.
        links: where the links of an HTML page lead, in their order, each once, whether the crawl follows them or not.
        new_links: how many of them the crawl saw for the first time, and will follow.
        tries: how many times it was fetched.
        start: when the last of them began, in seconds after the crawl did; if there was none, when that was decided.
        end: when it ended.
    """

    url: str
    next_url: str | None
    referrer: str | None
    depth: int
    status: int | None
    error: RequestError | None
    content_type: str
    content: bytes = field(repr=False)
    links: tuple[str, ...] = field(repr=False)
    new_links: int
    tries: int
    start: float
    end: float
    _response: Response = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The body as text, decoded as ``Response.text`` is."""
        return self._response.text

    @property
    def encoding(self) -> str | None:
        """The name of the encoding by which ``text`` is decoded, such as ``"utf-8"``; None if there was no reply."""
        return None if self.status is None else self._response.encoding

    @property
    def headers(self) -> Headers:
        """The header fields of the reply; none if there was none."""
        return self._response.headers

    @property
    def reason_phrase(self) -> str:
        """The text after the status, often empty."""
        return self._response.reason_phrase

    @property
    def http_version(self) -> str:
        """``"HTTP/1.0"`` or ``"HTTP/1.1"``; empty if there was no reply."""
        return self._response.http_version

    @property
    def exception(self) -> str | None:
        """The error as text, such as ``"ConnectError: Connection refused"``, or None."""
        return described(self.error)


def described(error: RequestError | None) -> str | None:
    """Return an error as text."""
    return None if error is None else f"{type(error).__name__}: {error.message}"
