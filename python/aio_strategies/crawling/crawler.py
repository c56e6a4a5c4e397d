"""The lecture's crawler (section 3.3): from its roots, it finds all pages of a site by their links.

Its frontier is a queue of URLs that were seen and not fetched yet. Any strategy fetches them; what comes back is
parsed here, and its links go into the queue.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import count
from typing import ClassVar, NamedTuple, Protocol, Unpack

from .._native import site_of
from ..catalogue import find
from ..checks import check_count, check_flag, check_pattern, check_roots
from ..exceptions import IncompleteBody, NetworkError, RemoteProtocolError, TimeoutException
from ..fetching import Fetching, OpenStream
from ..request_options import RequestOptions, checked, for_another_origin
from ..results import Response, count_from
from ..targets import AddressBook, Location, locate
from .leads import leads
from .links import links_of_page, without_fragment
from .outputs import Outputs
from .page import Page
from .statistics import CrawlStatistics, CrawlTotals

__all__ = ["Crawler", "may_be_tried_again", "wait_before_try"]

MOST = 2**32 - 1
"""The highest number that a crawl counts to."""

_WAIT_BEFORE_TRY = 0.1
"""Seconds before the second try of a URL; before each later one, twice as long as before."""


class Running(Protocol):
    """A crawl that has begun."""

    def totals(self) -> CrawlTotals:
        """Return how it stands."""

    def stop(self) -> None:
        """Have the crawl end, from any thread."""


class Known(NamedTuple):
    """A URL of the frontier.

    Attributes:
        url: the URL.
        referrer: the page that led to it.
        depth: how many links led to it.
        redirects: how many redirects may follow.
        tries: how many times it was fetched.
    """

    url: str
    referrer: str | None
    depth: int
    redirects: int
    tries: int = 0


class Crawler(Outputs):
    """Crawls a site: iterate over it, with ``for`` or ``async for``, and it yields a ``Page`` for each URL as it comes.

    A crawl begins when the iteration does, and each iteration is a new one. It follows the links of HTML pages whose
    status is 200, and redirects, within the hosts of its roots.

    ``crawl()`` goes to the end; ``to_parquet()``, ``to_jsonl()`` and ``to_warc()`` write files on the way. A crawler is
    an Arrow stream, too: ``polars.DataFrame(crawler)`` and ``duckdb.sql("from crawler")`` read its pages, and
    ``batches()`` yields them.

    Args:
        roots: where to begin: one URL or several. ``http://`` is added where there is no scheme.
        exclude: a regular expression; URLs in which it is found are not fetched.
        strict: whether a host must be one of the roots' hosts; if False, it may also be another of the same site, as
            ``www.example.co.uk`` and ``example.co.uk`` are (by the public suffix list).
        max_redirect: how many redirects may follow one another.
        max_tries: how many times a URL is fetched if connecting or reading fails, the reply ends too early, or the
            status is 429 or 5xx.
        max_tasks: how many fetches may be in flight at once.
        max_pages: how many URLs are fetched at most; None for all.
        max_depth: how many links away from a root to go, on the way that is found first; None for any number.
        strategy: the key of the strategy that fetches.
        timeout: the limit on each fetch, in seconds.
        options: what ``aio.run`` takes besides; ``keep_alive`` is True unless you say otherwise. ``max_redirect``
            holds, whatever ``follow_redirects`` and ``max_redirects`` say. Of ``headers``, ``Authorization``,
            ``Cookie``, ``Proxy-Authorization`` and ``Host`` are sent to the roots' origins only.

    Attributes:
        statistics: a row for each URL, of the latest crawl.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument is out of range.
    """

    language: ClassVar[str]
    _open_stream: ClassVar[OpenStream]

    def __init__(
        self,
        roots: str | Iterable[str],
        *,
        exclude: str | None = None,
        strict: bool = True,
        max_redirect: int = 10,
        max_tries: int = 4,
        max_tasks: int = 10,
        max_pages: int | None = None,
        max_depth: int | None = None,
        strategy: str = "asyncio",
        timeout: float = 30.0,
        **options: Unpack[RequestOptions],
    ) -> None:
        self.roots = check_roots(roots)
        self.exclude = check_pattern("exclude", exclude)
        self.strict = check_flag("strict", strict)
        self.max_redirect = check_count("max_redirect", max_redirect, least=0, most=MOST)
        self.max_tries = check_count("max_tries", max_tries, most=MOST)
        self.max_tasks = check_count("max_tasks", max_tasks, most=MOST)
        self.max_pages = None if max_pages is None else check_count("max_pages", max_pages, most=MOST)
        self.max_depth = None if max_depth is None else check_count("max_depth", max_depth, least=0, most=MOST)
        self.strategy = find(strategy, self.language).key
        options.setdefault("keep_alive", True)
        # A host sees no more connections than there are requests in flight to it.
        self._terms = checked(timeout, options, type(self).__init__.__kwdefaults__ or ()).terms._replace(others_kept=0)
        self.statistics = CrawlStatistics(self.max_tasks)
        self._running: Running | None = None

    def __iter__(self) -> Iterator[Page]:
        crawl = self._running = _Crawl(self)
        try:
            while crawl.begins(crawl.looked_up(crawl.next_ones())):
                yield from crawl.take([] if crawl.lost else crawl.fetching.wait())
        finally:
            crawl.end()

    async def __aiter__(self) -> AsyncIterator[Page]:
        crawl = self._running = _Crawl(self)
        try:
            while crawl.begins(await crawl.looked_up_beside(crawl.next_ones())):
                if not crawl.lost:
                    await crawl.fetching.arrived()
                for page in crawl.take(crawl.fetching.take()):
                    yield page
        finally:
            crawl.end()

    def totals(self) -> CrawlTotals:
        """Return how the latest crawl stands."""
        return CrawlTotals() if self._running is None else self._running.totals()

    def stop(self) -> None:
        """End the crawl that is going on: what is in flight is broken off, and its iteration ends.

        Any thread may call it.
        """
        if self._running is not None:
            self._running.stop()


_Batch = dict[int, tuple[Known, Location]]
"""What to fetch at the same time, by its ticket."""


class _Crawl:
    """One crawl: its frontier, and what is in flight."""

    def __init__(self, crawler: Crawler) -> None:
        crawler.statistics = self._statistics = CrawlStatistics(crawler.max_tasks)
        self._crawler = crawler
        roots = locate(crawler.roots)
        self._hosts = {location.host for location in roots}
        self._origins = {location.origin for location in roots}
        self._began = time.monotonic()
        self._totals = CrawlTotals()
        self._seen: set[str] = set()
        self._met: set[tuple[str, int]] = set()
        self._queue: deque[Known] = deque()
        self._in_flight: dict[int, Known] = {}
        self._taken = 0
        self._tickets = count()
        self._addresses = AddressBook()
        self._stopped = False
        self.lost: list[tuple[int, Response]] = []  # whose host has no address
        self.fetching: Fetching = type(crawler)._open_stream(
            crawler.strategy, crawler.max_tasks, crawler._terms, for_another_origin(crawler._terms)
        )
        for root in crawler.roots:
            self._add(Known(without_fragment(root), None, 0, crawler.max_redirect))

    def totals(self) -> CrawlTotals:
        """Return how it stands."""
        in_flight = min(len(self._in_flight), self._crawler.max_tasks)  # the strategy has others waiting
        queued = len(self._queue) + len(self._in_flight) - in_flight
        return self._totals._replace(queued=queued, in_flight=in_flight, hosts=len(self._met))

    def next_ones(self) -> _Batch:
        """Take what there is room for from the queue."""
        limit = self._crawler.max_pages
        taken: list[Known] = []
        while self._queue and len(self._in_flight) + len(taken) < 2 * self._crawler.max_tasks:
            known = self._queue.popleft()
            if limit is not None and self._taken >= limit and not known.tries:
                continue  # it is never fetched; behind it may be one that is tried again
            taken.append(known)
            self._taken += not known.tries
        locations = locate([known.url for known in taken])
        self._met.update(location[:2] for location in locations)
        return {next(self._tickets): one for one in zip(taken, locations, strict=True)}

    def looked_up(self, batch: _Batch) -> _Batch:
        """Look up the hosts of these."""
        self._addresses.look_up((location for _, location in batch.values()), self._crawler._terms.timeout)
        return batch

    async def looked_up_beside(self, batch: _Batch) -> _Batch:
        """Do the same beside an event loop."""
        locations = (location for _, location in batch.values())
        await self._addresses.look_up_beside(locations, self._crawler._terms.timeout)
        return batch

    def begins(self, batch: _Batch) -> bool:
        """Begin these, whose hosts have been looked up; return whether anything is in flight."""
        if batch and not self._stopped:
            self._begin(batch)
        return bool(self._in_flight) and not self._stopped

    def take(self, arrived: list[tuple[int, Response]]) -> Iterator[Page]:
        """Yield the pages that have come, after their links have gone into the queue."""
        if not (arrived or self.lost or self._stopped) and (why := self.fetching.ended()) is not None:
            raise why
        lost, self.lost = self.lost, []
        for ticket, response in (*arrived, *lost):
            known = self._in_flight.pop(ticket)
            known = known._replace(tries=known.tries + 1)
            if known.tries < self._crawler.max_tries and may_be_tried_again(response):
                self._queue.append(known)
                continue
            page = self._digest(known, response)
            self._count(page)
            yield page

    def stop(self) -> None:
        """Have the crawl end, from any thread."""
        self._stopped = True
        self.fetching.cancel()

    def end(self) -> None:
        """End what is in flight."""
        self.fetching.cancel()
        self._statistics.seconds = time.monotonic() - self._began

    def _count(self, page: Page) -> None:
        self._statistics.add(page)
        pages, errors, *_, size = self._totals
        self._totals = CrawlTotals(pages + 1, errors + (page.error is not None), bytes=size + len(page.content))

    def _begin(self, batch: _Batch) -> None:
        self._in_flight |= {ticket: known for ticket, (known, _) in batch.items()}
        urls = {ticket: known.url for ticket, (known, _) in batch.items()}
        locations = {ticket: location for ticket, (_, location) in batch.items()}
        targets, errors = self._addresses.targets(urls, locations)
        now = time.monotonic()
        jobs = []
        for ticket, target in targets.items():
            tries = batch[ticket][0].tries
            due = now + wait_before_try(tries) if tries else 0.0
            jobs.append((ticket, target._replace(due=due), locations[ticket].origin not in self._origins))
        self.fetching.push(jobs)
        self.lost += [(ticket, Response(urls[ticket], error=error, start=now)) for ticket, error in errors.items()]

    def _digest(self, known: Known, response: Response) -> Page:
        """Make the page, and put where it leads into the queue."""
        most = self._crawler.max_redirect
        content_type, error, next_url, links = leads(response, known.redirects, most - known.redirects, links_of_page)
        found = [Known(link, known.url, known.depth + 1, most) for link in links]
        if next_url is not None:
            found.append(Known(next_url, known.url, known.depth, known.redirects - 1))
        new = sum(map(self._add, found))
        count_from(response, self._began)
        return Page(
            url=known.url,
            next_url=next_url,
            referrer=known.referrer,
            depth=known.depth,
            status=response.status_code,
            error=error,
            content_type=content_type,
            content=response.content,
            links=links,
            new_links=new,
            tries=known.tries,
            start=response.start,
            end=response.end,
            _response=response,
        )

    def _add(self, known: Known) -> bool:
        """Put a URL into the queue, unless it was there before or is not to be fetched; return whether it was put."""
        if known.url in self._seen or not self._is_wanted(known):
            return False
        self._seen.add(known.url)
        self._queue.append(known)
        return True

    def _is_wanted(self, known: Known) -> bool:
        crawler = self._crawler
        if crawler.max_depth is not None and known.depth > crawler.max_depth:
            return False
        if crawler.exclude is not None and crawler.exclude.search(known.url):
            return False
        [location] = locate([known.url])
        return self._is_in_scope(location)

    def _is_in_scope(self, location: Location) -> bool:
        if location.host in self._hosts:
            return True
        return not self._crawler.strict and site_of(location.host) in map(site_of, self._hosts)


def wait_before_try(tries: int) -> float:
    """Return how many seconds to wait before the next try of a URL, after so many."""
    return _WAIT_BEFORE_TRY * 2.0 ** (tries - 1)


def may_be_tried_again(response: Response) -> bool:
    """Tell whether another try may fare better: after failures of the network, a reply that ends early, 429 and 5xx."""
    error = response.error
    if isinstance(error, RemoteProtocolError):
        return isinstance(error, IncompleteBody) or not error.bytes_received
    if error is not None:
        return isinstance(error, NetworkError | TimeoutException)
    return response.status_code == 429 or (response.status_code or 0) >= 500
