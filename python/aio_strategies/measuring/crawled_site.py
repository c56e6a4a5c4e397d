"""The lab's site as the arms of a comparison crawl it, through their own entrance, and the truth about it."""

from __future__ import annotations

from ..lab.server import Entrance
from ..lab.site import Site, pages_to_crawl

__all__ = ["CrawledSite"]


class CrawledSite:
    """A site to crawl.

    Attributes:
        pages: what is true of each URL that a crawl comes to, by the URL.
        roots: where to begin: its root and the first page of each other host, or whatever that host has, so that the
            roots tell all hosts.
        places: the place of each URL among ``pages``.
        cut: the URLs whose pages end too early.
    """

    def __init__(self, site: Site, entrance: Entrance) -> None:
        self.pages = {page.url: page for page in pages_to_crawl(site, entrance.root_of(site))}
        self.places = {url: place for place, url in enumerate(self.pages)}
        self.cut = {url for url, page in self.pages.items() if page.cut}
        roots: dict[str, str] = {}
        for page in sorted(self.pages.values(), key=lambda page: page.status != 200 or page.cut):
            roots.setdefault(page.host, page.url)
        self.roots = tuple(roots.values())
