"""A site that a lab server can serve: a generated graph of pages, for crawlers."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, NamedTuple

from .._native import SiteGraph
from ..checks import check_flag, check_site_setting, check_text

__all__ = ["Site", "SitePage", "pages_to_crawl"]

#: How many numbered pages are asked for at a time.
_BATCH = 1_000
#: Seconds here, nanoseconds in the server's program.
_TIMES = ("slow",)


class SitePage(NamedTuple):
    """What is true of a URL of a ``Site``.

    Attributes:
        url: the URL.
        host: the name of its host.
        status: the status of its reply, apart from those of ``throttled`` and ``unavailable``.
        depth: the fewest links that lead to it from the root, redirects not counted; None if no link does.
        location: the URL that it redirects to; None if it does not.
        cut: whether the connection is closed in the middle of its body.
        delay: how many seconds later than others it is answered.
    """

    url: str
    host: str
    status: int
    depth: int | None
    location: str | None
    cut: bool
    delay: float


@dataclass(frozen=True, slots=True, repr=False)
class Site:
    """A generated site of linked pages, and the truth about it: ``LabServer(site=Site(pages=500, hosts=3))``.

    Each page is made when it is asked for, from the seed and its number, so that a site of a million pages starts at
    once and takes no memory. Its links are written in all the ways that a browser understands: absolute and relative,
    to a ``<base>``, with character references, and so on; comments and scripts hold links that are none. All of them
    lead to below ``/decoy/``, and so do links to other sites.

    The first page is the root of the first host, ``http://a.site.test/``. Every page can be reached from it.

    Args:
        pages: how many pages there are, up to 10**12, besides those that the options below add.
        links: how many links to such pages each has, up to 100,000; a few have some more.
        depth: how many links the page farthest from the root is away from it; None for a wide tree.
        size: about how many bytes a page has, up to 2**26; more, if its links need more.
        hosts: how many hosts there are, up to 10,000: ``a.site.test``, ``b.site.test``, and so on.
        hot: the share of the pages that the first host has, from 0 to 1; None spreads them evenly.
        seed: another seed gives another site, 0 to 2**64 - 1.
        calendar: whether there is a calendar without end, ``/calendar/2026-01-01``, of which each day links to the next
            and the previous one.
        wide: how many pages one page links to, ``/wide/``; it is one link away from the root. Up to 1,000,000.
        redirects: whether links to some pages lead to an old address, which redirects to the page, with 301, 302, 303,
            307 or 308. There are also a redirect loop and a redirect to another site.
        slow: how many seconds later some pages are answered.
        broken: whether there are links to what is answered with 404 and 500, and to pages that end too early.
        throttled: how many requests each host answers with 429 and ``Retry-After``, before any other.
        retry_after: the seconds in ``Retry-After``.
        unavailable: how many requests, in a row, each host answers with 503, after those that it throttles, and after
            20 at least.
        robots: whether there is a robots.txt, which closes ``/private/``, but not ``/private/open/``; and pages there.
        crawl_delay: the ``Crawl-delay`` that robots.txt asks for, in seconds.
        sitemap: whether each host has an index of sitemaps, ``/sitemap.xml``, and sitemaps, of the first 50,000,000
            pages at most. These also tell of pages that no page links to, such as ``/orphan/0``.

    ``throttled`` and ``unavailable`` do not concern requests for robots.txt and sitemaps, and do not count them. Their
    counts begin anew with ``lab.reset()``.

    Raises:
        TypeError: a value is of the wrong type.
        ValueError: a value is out of range, or no site has this depth with so many pages and links.
    """

    pages: int = 1_000
    links: int = 10
    _: KW_ONLY
    depth: int | None = None
    size: int = 2048
    hosts: int = 1
    hot: float | None = None
    seed: int = 0
    calendar: bool = False
    wide: int = 0
    redirects: bool = False
    slow: float = 0.0
    broken: bool = False
    throttled: int = 0
    retry_after: int = 1
    unavailable: int = 0
    robots: bool = False
    crawl_delay: float | None = None
    sitemap: bool = False

    def __post_init__(self) -> None:
        for name, value in self._given().items():
            object.__setattr__(self, name, check_site_setting(name, value))
        if self.crawl_delay is not None and not self.robots:
            raise ValueError("crawl_delay stands in robots.txt: it needs robots=True")
        _graph(self.option())  # refuses a depth that no such site has

    def __repr__(self) -> str:
        defaults = {field.name: field.default for field in fields(self)}
        changed = [f"{name}={value!r}" for name, value in self._given().items() if value != defaults[name]]
        return f"{type(self).__name__}({', '.join(changed)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its hosts."""
        return tuple(_graph(self.option()).hosts())

    def urls(self, root: str = "http://a.site.test/") -> Iterator[str]:
        """Return an iterator over the URLs of all that links, redirects and sitemaps lead to, but for the calendar's.

        Args:
            root: the URL of the root, as a client uses it: ``lab.site_url``. Its scheme and port are those of all URLs.

        Raises:
            TypeError: ``root`` is not a string.
            ValueError: it is not a URL of this site.
        """
        graph = _graph(self.option())
        further = graph.further_urls(check_text("root", root))
        batches = (graph.urls_from(root, start, _BATCH) for start in range(0, self.pages, _BATCH))
        return itertools.chain(itertools.chain.from_iterable(batches), further)

    def page(self, url: str) -> SitePage | None:
        """Return what is true of a URL; None if this site has no such page.

        A page has one URL; under any other path or host, the server answers with 404.

        Raises:
            TypeError: ``url`` is not a string.
        """
        page = _graph(self.option()).page(check_text("url", url))
        return None if page is None else SitePage(*page)

    def links_of(self, url: str, *, nofollow: bool = True) -> list[str]:
        """Return the links that a browser finds on a page, in their order: absolute, without fragments.

        They include those to other sites, and any repetition. A URL that has no page has no links.

        Args:
            url: the page's URL.
            nofollow: whether to include links that are marked ``rel=nofollow``. Every page can be reached without them.

        Raises:
            TypeError: ``url`` is not a string, or ``nofollow`` is not a bool.
        """
        check_flag("nofollow", nofollow)
        links = _graph(self.option()).links(check_text("url", url))
        return [link for link, is_nofollow in links if nofollow or not is_nofollow]

    def allowed(self, url: str) -> bool:
        """Return whether the robots.txt of its host lets every crawler fetch a URL.

        Raises:
            TypeError: ``url`` is not a string.
        """
        return _graph(self.option()).allows(check_text("url", url))

    def option(self) -> str:
        """Return the site as the server's program reads it."""
        words = []
        for name, value in self._given().items():
            if name in _TIMES:
                value = round(value * 1e9)
            words.append(f"{name}={int(value) if isinstance(value, bool) else value}")
        return " ".join(words)

    def _given(self) -> dict[str, Any]:
        """Return the settings that are not None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def pages_to_crawl(site: Site, root: str) -> list[SitePage]:
    """Return what is true of all URLs that a crawl of a site without a calendar comes to, robots.txt and limits apart.

    Args:
        site: the site.
        root: the URL of its root, as the crawler uses it.
    """
    pages = (site.page(url) for url in site.urls(root))
    return [page for page in pages if page is not None and page.depth is not None]


@functools.lru_cache(maxsize=8)
def _graph(option: str) -> SiteGraph:
    """Return the native half of a site, which is small but takes some microseconds to read."""
    return SiteGraph(option)
