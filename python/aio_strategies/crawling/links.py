"""The links of an HTML page, as a browser sees them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from .._native import join_url, link_url
from ..exceptions import RequestError
from ..results import Response

__all__ = ["links_of", "links_of_page", "without_fragment"]


def links_of(text: str, url: str) -> list[str]:
    """Return where the page's links lead, in their order, each once: absolute http and https URLs without fragments.

    Args:
        text: the page.
        url: its URL, which relative links start from, unless the page has a ``<base>``.
    """
    reader = _Reader()
    reader.feed(_AMPERSAND.sub("&amp;", text))
    reader.close()
    try:
        base = join_url(url, reader.base or "")
    except RequestError:
        base = url
    if base.startswith(("data:", "javascript:")):  # the HTML standard allows neither
        base = url
    found = (link_url(base, reference) for reference in reader.references)
    return list(dict.fromkeys(link for link in found if link))


def links_of_page(response: Response) -> list[str]:
    """Return where the links of a reply lead that is a page."""
    return links_of(response.text, response.url)


_AMPERSAND = re.compile("&(?=[A-Za-z][A-Za-z0-9]*=)")
"""An ampersand between two parameters of a query, as in ``?a=1&copy=2``: older Pythons read the sign © there."""


def without_fragment(url: str) -> str:
    """Return the URL without what follows the first ``#``."""
    return url.partition("#")[0]


_SHOWN_AS_TEXT = {"textarea", "title", "xmp", "iframe", "noembed", "noframes"}
"""Elements that hold no markup, besides those of which the parser knows."""

_READ = {"a", "area", "base", "plaintext", "script", "style", *_SHOWN_AS_TEXT}
"""Elements whose start tags are read."""

_NAME, _END_TAG = re.compile(r"[^\s/>\0]+"), re.compile("</[A-Za-z][A-Za-z0-9]*>")


class _Reader(HTMLParser):
    """Notes the links; the parser decodes entities, and passes over comments, scripts, and markup shown as text."""

    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.references: list[str] = []

    def parse_starttag(self, start: int) -> int:
        """Pass over the tags of other elements: it takes long to read their attributes."""
        end = self.check_for_whole_start_tag(start)
        name = _NAME.match(self.rawdata, start + 1)
        if end < 0 or name is None or name[0].lower() in _READ:
            return super().parse_starttag(start)
        return end

    def parse_endtag(self, start: int) -> int:
        """Pass over end tags, of which only those after text without markup mean anything."""
        tag = None if self.cdata_elem else _END_TAG.match(self.rawdata, start)
        return tag.end() if tag else super().parse_endtag(start)

    def updatepos(self, start: int, end: int) -> int:
        """Count no lines."""
        return end

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an ``<a>``, an ``<area>`` or the first ``<base>``."""
        if tag in _SHOWN_AS_TEXT:
            self.set_cdata_mode(tag)
        if tag not in ("a", "area", "base"):
            return
        references = [value or "" for name, value in attributes if name == "href"]
        if not references:
            return
        reference = references[0]
        if tag != "base":
            self.references.append(reference)
        elif self.base is None:
            self.base = reference
