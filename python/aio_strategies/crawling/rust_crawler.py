"""The crawler in Rust: the same as the one in Python, and what sites and their owners ask for besides."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from sys import intern
from typing import ClassVar, NamedTuple, Unpack

from .. import _native
from ..background import in_thread, in_thread_left_behind, until_readable
from ..checks import check_count, check_flag, check_folder, check_pattern, check_pause
from ..display.progress import SECONDS_BETWEEN, Show
from ..helper import PROGRAM
from ..native_values import response, terms_tuple
from ..request_options import RequestOptions, for_another_origin
from ..results import count_from, warn_of_shortage
from ..targets import addresses_of
from ..terms import Terms
from ..trust import native_client
from . import crawler
from .page import Page, described
from .statistics import CrawlRow, CrawlStatistics, CrawlTotals

__all__ = ["Crawler"]

NAME = "aio-strategies"
_ROWS_AT_ONCE = 1_000


class Settings(NamedTuple):
    """What the native module is told of a crawl."""

    include: str | None
    exclude: str | None
    strict: bool
    max_redirect: int
    max_tries: int
    max_tasks: int
    max_tasks_per_host: int
    max_pages: int | None
    max_pages_per_folder: int | None
    max_depth: int | None
    delay: float
    max_delay: float
    robots: str | None
    sitemaps: bool
    nofollow: bool
    state: str | None


class Crawler(crawler.Crawler):
    """Crawls a site: iterate over it, with ``for`` or ``async for``, and it yields a ``Page`` for each URL as it comes.

    A crawl begins when the iteration does, and each iteration is a new one. It follows the links of HTML pages whose
    status is 200, and redirects, within the hosts of its roots, and keeps to their robots.txt. Pages are fetched by a
    strategy, and read by other threads beside it.

    Args:
        roots: where to begin: one URL or several. ``http://`` is added where there is no scheme.
        include: a regular expression; only URLs in which it is found are fetched.
        exclude: a regular expression; URLs in which it is found are not fetched.
        strict: whether a host must be one of the roots' hosts; if False, it may also be another of the same site, as
            ``www.example.co.uk`` and ``example.co.uk`` are (by the public suffix list).
        max_redirect: how many redirects may follow one another.
        max_tries: how many times a URL is fetched if connecting or reading fails, the reply ends too early, or the
            status is 429 or 5xx.
        max_tasks: how many fetches may be in flight at once.
        max_tasks_per_host: how many of them to one host (scheme, name and port); None for all.
        max_pages: how many URLs are fetched at most; None for all.
        max_pages_per_folder: how many URLs that differ only after the last slash of their paths are fetched at most,
            against calendars and the like; None for all. ``report()`` names the largest folder.
        max_depth: how many links away from a root to go, on the way that is found first; None for any number.
        robots: whether to fetch each host's robots.txt, to leave out what it closes (these URLs become pages with a
            ``RobotsDisallowed`` error), and to pause between fetches for as long as its ``Crawl-delay`` says.
        delay: the least pause between two fetches from one host, in seconds, from the end of one to the beginning of
            the next. If there is one, by this or by ``Crawl-delay``, a host has one fetch in flight.
        max_delay: the longest pause that a host may ask for, in seconds, by ``Crawl-delay`` or ``Retry-After``. If it
            asks for more, nothing more is fetched from it: its URLs become pages with a ``HostPaused`` error.
        sitemaps: whether to begin with the URLs of the hosts' sitemaps, too: of those that robots.txt names, or of
            ``/sitemap.xml``.
        nofollow: whether to leave out links that are marked ``rel="nofollow"``.
        keep_pages: whether ``statistics`` has a row for each URL; False for crawls that no memory holds.
        state: a folder in which the crawl keeps what it needs to go on after it was killed; None for no such thing. A
            crawl with the state of an earlier one fetches what that has not done, and its statistics begin with that
            one's rows. A page is done when the loop asks for the next one. Of ``max_tasks``, those that wait for
            the loop or the disk count as in flight: at most so many are fetched a second time. Not for what writes
            files or makes batches: these hold pages back.
        strategy: the key of the strategy that fetches.
        timeout: the limit on each fetch, in seconds.
        options: what ``aio.run`` takes besides; ``keep_alive`` is True unless you say otherwise. ``max_redirect``
            holds, whatever ``follow_redirects`` and ``max_redirects`` say. Of ``headers``, ``Authorization``,
            ``Cookie``, ``Proxy-Authorization`` and ``Host`` are sent to the roots' origins only. robots.txt knows this
            crawler by the first word of the ``User-Agent``, or as ``aio-strategies``.

    Attributes:
        statistics: a row for each URL, of the latest crawl.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument is out of range.
    """

    language: ClassVar[str] = "rust"

    def __init__(
        self,
        roots: str | Iterable[str],
        *,
        include: str | None = None,
        exclude: str | None = None,
        strict: bool = True,
        max_redirect: int = 10,
        max_tries: int = 4,
        max_tasks: int = 10,
        max_tasks_per_host: int | None = None,
        max_pages: int | None = None,
        max_pages_per_folder: int | None = None,
        max_depth: int | None = None,
        robots: bool = True,
        delay: float = 0.0,
        max_delay: float = 300.0,
        sitemaps: bool = False,
        nofollow: bool = False,
        keep_pages: bool = True,
        state: str | os.PathLike[str] | None = None,
        strategy: str = "asyncio",
        timeout: float = 30.0,
        **options: Unpack[RequestOptions],
    ) -> None:
        super().__init__(
            roots,
            exclude=exclude,
            strict=strict,
            max_redirect=max_redirect,
            max_tries=max_tries,
            max_tasks=max_tasks,
            max_pages=max_pages,
            max_depth=max_depth,
            strategy=strategy,
            timeout=timeout,
            **options,
        )
        self.include = check_pattern("include", include)
        per_host = self.max_tasks if max_tasks_per_host is None else max_tasks_per_host
        self.max_tasks_per_host = check_count("max_tasks_per_host", per_host, most=crawler.MOST)
        self.max_pages_per_folder = (
            None
            if max_pages_per_folder is None
            else check_count("max_pages_per_folder", max_pages_per_folder, most=crawler.MOST)
        )
        self.robots = check_flag("robots", robots)
        self.delay = check_pause("delay", delay)
        self.max_delay = check_pause("max_delay", max_delay)
        self.sitemaps = check_flag("sitemaps", sitemaps)
        self.nofollow = check_flag("nofollow", nofollow)
        self.keep_pages = check_flag("keep_pages", keep_pages)
        self.state = None if state is None else check_folder("state", state)
        _native.check_crawl(self._settings(), self.roots)

    def __iter__(self) -> Iterator[Page]:
        crawl = self._begin(hands_out=True)
        try:
            while not crawl.has_ended():
                yield from crawl.wait()
        finally:
            crawl.end()

    async def __aiter__(self) -> AsyncIterator[Page]:
        crawl = self._begin(hands_out=True)
        try:
            while not crawl.has_ended():
                for page in await crawl.arrived():
                    yield page
        finally:
            crawl.end()

    def crawl(self, *, progress: bool | Show | None = None) -> CrawlStatistics:
        """Crawl to the end, and return the statistics.

        Args:
            progress: as in ``aio.python.Crawler.crawl``.
        """
        crawl = self._begin(hands_out=False)
        try:
            with self._shown(progress) as update:
                while not crawl.has_ended():
                    crawl.wait(SECONDS_BETWEEN)
                    update()
        finally:
            crawl.end()
        return self.statistics

    def _settings(self) -> Settings:
        return Settings(
            None if self.include is None else self.include.pattern,
            None if self.exclude is None else self.exclude.pattern,
            self.strict,
            self.max_redirect,
            self.max_tries,
            self.max_tasks,
            self.max_tasks_per_host,
            self.max_pages,
            self.max_pages_per_folder,
            self.max_depth,
            self.delay,
            self.max_delay,
            _agent(self._terms) if self.robots else None,
            self.sitemaps,
            self.nofollow,
            self.state,
        )

    def _begin(self, *, hands_out: bool) -> _Crawl:
        crawl = self._running = _Crawl(self, hands_out)
        return crawl


class _Crawl:
    """One crawl: it gives the native one the addresses that it asks for, and takes its pages."""

    def __init__(self, crawler: Crawler, hands_out: bool) -> None:
        crawler.statistics = self._statistics = CrawlStatistics(crawler.max_tasks)
        # Not the crawler itself: only the garbage collector would then close what this one holds.
        self._terms = crawler._terms
        self._max_tasks = crawler.max_tasks
        self._keeps_pages = crawler.keep_pages
        self._keeps_state = crawler.state is not None
        self._began = time.monotonic()
        self._trusts = False
        self._native = _native.Crawl(
            crawler.strategy,
            crawler._settings(),
            terms_tuple(crawler._terms, False),
            terms_tuple(for_another_origin(crawler._terms), False),
            crawler.roots,
            PROGRAM,
            hands_out=hands_out,
            keeps_rows=crawler.keep_pages,
        )
        self._take_rows()  # of earlier crawls with this state

    def has_ended(self) -> bool:
        return self._native.has_ended()

    def wait(self, timeout: float | None = None) -> Iterator[Page]:
        """Wait until pages have come, for at most so many seconds, and return them."""
        pages, lookups = self._native.wait(timeout)
        self._look_up(lookups)
        return self._made_of(pages)

    async def arrived(self) -> Iterator[Page]:
        """Do the same beside an event loop."""
        try:
            await until_readable(self._native)
            pages, lookups = self._native.take()
        except NotImplementedError:
            pages, lookups = await in_thread(self._native.wait, self.stop)
        if lookups:
            await in_thread_left_behind(lambda: self._look_up(lookups))
        return self._made_of(pages)

    def totals(self) -> CrawlTotals:
        return CrawlTotals(*self._native.totals())

    def stop(self) -> None:
        """Have the crawl end, from any thread."""
        self._native.cancel()

    def end(self) -> None:
        """End what is in flight."""
        self._native.close()
        self._take_rows()
        self._statistics.seconds = time.monotonic() - self._began
        if not self._keeps_pages:
            self._statistics.pages = self.totals().pages
        if (shortage := self._native.shortage()) is not None:
            warn_of_shortage(self._max_tasks, shortage)

    def _take_rows(self) -> None:
        while rows := self._native.take_rows(_ROWS_AT_ONCE):
            self._statistics.extend(map(self._row, rows))

    def _row(self, row: _native._CrawlRow) -> CrawlRow:
        url, next_url, status, error, size, content_type, encoding, links, times = row
        start = end = None
        if times is not None:  # of an earlier crawl, they are not known
            start = max(0.0, times[0] - self._began)
            end = start + times[1]
        content_type, encoding = intern(content_type), None if encoding is None else intern(encoding)
        return CrawlRow(url, next_url, status, described(error), size, content_type, encoding, *links, start, end)

    def _look_up(self, lookups: list[_native._HostLookup]) -> None:
        if not lookups:
            return
        if not self._trusts and any(is_secure for *_, is_secure in lookups):
            self._native.trust(native_client(self._terms.verify))
            self._trusts = True
        found = addresses_of({(name, port) for _, name, port, _ in lookups}, self._terms.timeout)
        for number, name, port, _ in lookups:
            answer = found[name, port]
            if isinstance(answer, list):
                self._native.resolved(number, answer, None, "")
            else:
                self._native.resolved(number, None, answer.errno, str(answer))

    def _made_of(self, pages: list[_native._CrawledPage]) -> Iterator[Page]:
        pages.reverse()
        while pages:
            page = self._page(pages.pop())
            if self._keeps_pages:
                self._statistics.add(page)
            yield page
            del page  # it is freed as soon as the loop has done with it
            if self._keeps_state:
                self._native.acknowledge(1)

    def _page(self, page: _native._CrawledPage) -> Page:
        (url, next_url, referrer, depth, tries, content_type), links, new_links, error, outcome = page
        reply = response(url, outcome)
        count_from(reply, self._began)
        return Page(
            url=url,
            next_url=next_url,
            referrer=referrer,
            depth=depth,
            status=reply.status_code,
            error=reply.error or error,
            content_type=content_type,
            content=reply.content,
            links=links,
            new_links=new_links,
            tries=tries,
            start=reply.start,
            end=reply.end,
            _response=reply,
        )


def _agent(terms: Terms) -> str:
    """Return the ``User-Agent``, by whose first word robots.txt knows this crawler."""
    agents = (value for name, value in terms.options.headers if name.lower() == "user-agent")
    return next(agents, NAME)
