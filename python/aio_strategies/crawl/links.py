"""The links of an HTML page, as a browser sees them."""

from __future__ import annotations

from html.parser import HTMLParser

from .._native import join_url
from ..exceptions import RequestError

__all__ = ["links_of", "without_fragment"]


def links_of(text: str, url: str) -> list[str]:
    """Return where the page's links lead, in their order, each once: absolute http and https URLs without fragments.

    Args:
        text: the page.
        url: its URL, which relative links start from, unless the page has a ``<base>``.
    """
    reader = _Reader()
    reader.feed(text)
    reader.close()
    base = _joined(url, reader.base) or url
    found = (_joined(base, reference) for reference in reader.references)
    return list(dict.fromkeys(link for link in found if link))


def without_fragment(url: str) -> str:
    """Return the URL without what follows the first ``#``."""
    return url.partition("#")[0]


def _joined(base: str, reference: str) -> str | None:
    """Return the absolute URL, by the WHATWG URL standard; None if it is none that can be fetched."""
    try:
        url = without_fragment(join_url(base, reference))
    except RequestError:
        return None
    return url if url.startswith(("http://", "https://")) else None


class _Reader(HTMLParser):
    """Notes the links; the parser decodes entities, and passes over comments and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an ``<a>``, an ``<area>`` or the first ``<base>``."""
        if tag not in ("a", "area", "base"):
            return
        references = [value or "" for name, value in attributes if name == "href"]
        if not references:
            return
        reference = references[0]
        if tag != "base":
            self.references.append(reference)
        elif not self.base:
            self.base = reference
