"""Where a reply leads: redirects, as RFC 9110, section 15.4, and browsers have them."""

from __future__ import annotations

from typing import NamedTuple

from ._native import join_url
from .exceptions import InvalidURL, RemoteProtocolError, RequestError, TooManyRedirects
from .results import Response
from .targets import Location, locate

__all__ = ["Redirect", "is_other_origin", "redirect"]

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
    if response.status_code not in _STATUSES:
        return None
    references = [value for name, value in response.headers.raw if name.lower() == b"location"]
    if len(references) != 1 or not references[0]:
        return None  # nowhere, or nobody knows where
    try:
        url = join_url(response.url, _text(references[0]))
        [location] = locate([url])
    except InvalidURL as error:
        return _described(RemoteProtocolError(str(error)), response)
    except RequestError as error:  # UnsupportedProtocol
        return _described(error, response)
    if not left:
        return _described(TooManyRedirects(f"more than {followed} redirects, the last to {url}"), response)
    return Redirect(url, location)


def is_other_origin(before: Location, after: Location) -> bool:
    """Tell whether two URLs have different schemes, hosts or ports: what is meant for one is not for the other."""
    return (before.host, before.port, before.is_secure) != (after.host, after.port, after.is_secure)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _described(error: RequestError, response: Response) -> RequestError:
    error.url = response.url
    error.phase = "redirect"
    return error
