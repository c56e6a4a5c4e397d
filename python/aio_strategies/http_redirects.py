"""Where a reply leads: redirects, as RFC 9110, section 15.4, and browsers have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ._native import join_url
from .exceptions import InvalidURL, RemoteProtocolError, RequestError, TooManyRedirects
from .results import Response
from .targets import Location, locate

__all__ = ["Redirect", "redirect", "reference_to"]

_STATUSES = {301, 302, 303, 307, 308}


class Redirect(NamedTuple):
    """Where a reply leads: a URL, taken apart."""

    url: str
    location: Location


def redirect(response: Response, left: int, followed: int) -> Redirect | RequestError | None:
    """Return where the reply leads; None if nowhere: it is itself the result.

    Args:
        response: the reply.
        left: how many more redirects may be followed.
        followed: how many have been.

    Returns:
        A Redirect; or, if it leads where nobody can go, the error to report.
    """
    reference = reference_to(response.status_code, response.headers.raw)
    if reference is None:
        return None
    try:
        url = join_url(response.url, _text(reference))
        [location] = locate([url])
    except InvalidURL as error:
        return _described(RemoteProtocolError(str(error)), response)
    except RequestError as error:  # UnsupportedProtocol
        return _described(error, response)
    if not left:
        return _described(TooManyRedirects(f"more than {followed} redirects, the last to {url}"), response)
    return Redirect(url, location)


def reference_to(status: int | None, fields: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the reference to where a reply leads; None if nowhere, or nobody knows where.

    Args:
        status: the reply's status code; None if there is no reply.
        fields: its header fields.
    """
    if status not in _STATUSES:
        return None
    references = [value for name, value in fields if name.lower() == b"location"]
    return references[0] or None if len(references) == 1 else None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _described(error: RequestError, response: Response) -> RequestError:
    error.url = response.url
    error.phase = "redirect"
    return error
