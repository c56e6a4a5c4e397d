"""Where a reply leads: its redirect, or the links of its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..exceptions import RequestError
from ..http_redirects import Redirect, redirect
from ..results import Response
from .links import without_fragment

__all__ = ["Leads", "leads"]

_HTML = ("text/html", "application/xhtml+xml")


class Leads(NamedTuple):
    """Where a reply leads.

    Attributes:
        content_type: the media type, in small letters; empty if the reply does not say.
        error: why there is no reply, or what is wrong with its redirect; or None.
        next_url: where it redirects to, or None.
        links: where the links of an HTML page lead.
    """

    content_type: str
    error: RequestError | None
    next_url: str | None = None
    links: tuple[str, ...] = ()


def leads(response: Response, left: int, followed: int, links_of: Callable[[Response], list[str]]) -> Leads:
    """Return where a reply leads.

    Args:
        response: the reply, or the error.
        left: how many more redirects may be followed.
        followed: how many have been.
        links_of: returns the links of a page.
    """
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    to = redirect(response, left, followed)
    if isinstance(to, Redirect):
        return Leads(content_type, None, next_url=without_fragment(to.url))
    if to is None and response.status_code == 200 and content_type in _HTML:
        return Leads(content_type, None, links=tuple(links_of(response)))
    return Leads(content_type, to or response.error)
