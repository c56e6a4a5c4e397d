"""A round of a crawl as a stage of a data engine: record batches of URLs in, record batches of their pages out.

The engine does the rest: it spreads the URLs over machines, finds those that are new among the links, begins the next
round, and runs a task again whose worker has died.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, Unpack

from .. import python_fetching, rust_fetching
from .._native import asked_pause, page_links
from ..catalogue import find
from ..checks import (
    check_addresses,
    check_count,
    check_deadline,
    check_flag,
    check_pause,
    check_record_batch,
    check_record_batches,
)
from ..exceptions import ForkedProcessError, HostPaused, InvalidURL, RequestError, TotalTimeout, UnsupportedProtocol
from ..fetching import Fetching, OpenStream
from ..request_options import RequestOptions, checked
from ..results import Response, warn_of_shortage
from ..targets import AddressBook, Location, locate
from ..terms import Terms
from .crawler import may_be_tried_again, wait_before_try
from .host_queues import HostQueues
from .leads import leads
from .links import links_of_page
from .page import described
from .record_batches import BYTES, ROWS
from .stage_rows import Source, StageBatches, StageRow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["crawl_batches"]

MOST_BYTES = 1 << 30
"""The most bytes that a batch may be allowed: its offsets have 32 bits."""

TAKEN_AT_ONCE = 1_000
"""How many URLs of a batch become Python objects at a time."""


def crawl_batches(
    batches: Iterable[pa.RecordBatch],
    *,
    strategy: str = "asyncio",
    language: str = "rust",
    max_tasks: int = 10,
    max_tasks_per_host: int | None = None,
    delay: float = 0.0,
    max_delay: float = 300.0,
    max_tries: int = 4,
    timeout: float = 30.0,
    deadline: float | None = None,
    content: bool = True,
    rows: int = ROWS,
    bytes: int = BYTES,
    look_ahead: int = 10_000,
    resolve: Mapping[str, tuple[str, int]] | None = None,
    **options: Unpack[RequestOptions],
) -> Iterator[pa.RecordBatch]:
    """Fetch the URLs of record batches, each once, and yield record batches of what came of them.

    It is one round of a crawl, as a stage of a data engine (Spark's ``mapInArrow``, Ray Data's ``map_batches``, Dask's
    ``map_partitions``): it follows no link and no redirect, but hands them out for the engine to choose from. See
    docs/engines.md. Keep the URLs of a host in one task: politeness goes no further than a call.

    The batches have a column ``url`` of strings, and may have others. A batch that is yielded has all of these columns,
    and in addition, a row for each URL, in the order in which they are complete:

    - ``next_url`` (string): where it redirects to;
    - ``status`` (int64): the status of the reply;
    - ``error`` (string): what went wrong, such as ``"ConnectError: Connection refused"``; null if nothing did;
    - ``content_type`` (string): the media type, such as ``"text/html"``;
    - ``encoding`` (string): the name of the encoding of the text, such as ``"utf-8"``;
    - ``content`` (binary): the body, decoded by ``Content-Encoding``;
    - ``links`` (list of string): where the links of an HTML page lead, each once, without fragments;
    - ``tries`` (int64): how many times it was fetched.

    What is not there is null, or empty. If the batches have no row, one batch without rows is yielded, to show
    the schema.

    Args:
        batches: record batches, all with the same schema: any iterable. They are taken as they are needed.
        strategy: the key of the strategy that fetches.
        language: ``"rust"`` or ``"python"``: of what fetches, and reads the links.
        max_tasks: how many fetches may be in flight at once.
        max_tasks_per_host: how many of them to one host (scheme, name and port); None for all.
        delay: the least pause between two fetches from one host, in seconds, from the end of one to the beginning of
            the next. If there is one, a host has one fetch in flight.
        max_delay: the longest pause that a host may ask for by ``Retry-After``, in seconds. If it asks for more, no
            more is fetched from it: its URLs have a ``HostPaused`` error.
        max_tries: how many times a URL is fetched if connecting or reading fails, the reply ends too early, or the
            status is 429 or 5xx.
        timeout: the limit on each fetch, in seconds.
        deadline: the limit on the call, in seconds from the first batch that is asked for; None for none. The URLs that
            have not been fetched by then have an ``error``.
        content: whether the batches have the bodies.
        rows: the most rows of a batch that is yielded.
        bytes: the most bytes of such a batch, unless it has one row: up to 2**30.
        look_ahead: how many URLs may wait for their hosts, so that there is one for another host.
        resolve: the address and port to connect to for some host names, whatever the port in the URL:
            ``{"a.site.test": ("127.0.0.1", 8000)}``, or a lab's ``hosts``.
        options: what ``aio.run`` takes besides, but for redirects; ``keep_alive`` is True unless you say otherwise.
            ``headers`` are sent to every URL: a secret among them is for batches of its own host only.

    Raises:
        TypeError: an argument is of the wrong type; while it goes on: ``batches`` has something else.
        ValueError: an argument is out of range; while it goes on: the batches have no column ``url``, or one that is
            added.
        ForkedProcessError: while it goes on: it was begun before a fork, by the parent process.
    """
    check_record_batches(batches)
    find(strategy, language)
    max_tasks = check_count("max_tasks", max_tasks)
    most = max_tasks if max_tasks_per_host is None else max_tasks_per_host
    if options.get("follow_redirects"):
        raise ValueError("follow_redirects=True: redirects are not followed here, but go into the column next_url")
    options.setdefault("keep_alive", True)
    terms = checked(timeout, options, crawl_batches.__kwdefaults__ or ()).terms._replace(others_kept=0)  # as in a crawl
    if terms.options.max_body_bytes >= 1 << 31:
        raise ValueError(f"max_body_bytes must be below 2**31 here, not {terms.options.max_body_bytes}")
    return _Stage(
        iter(batches),
        strategy,
        {"python": python_fetching, "rust": rust_fetching}[language].open_stream,
        {"python": links_of_page, "rust": _links_in_rust}[language],
        terms,
        max_tasks,
        HostQueues(check_count("max_tasks_per_host", most), check_pause("delay", delay)),
        check_pause("max_delay", max_delay),
        check_count("max_tries", max_tries),
        check_deadline(deadline),
        {
            "content": check_flag("content", content),
            "rows": check_count("rows", rows),
            "bytes": check_count("bytes", bytes, most=MOST_BYTES),
        },
        check_count("look_ahead", look_ahead),
        {_host_of(name): address for name, address in check_addresses(resolve).items()},
    ).run()


_Host = tuple[str, int, bool]
"""A name or address, a port, and whether it is https."""


class _Job:
    """A URL to fetch, and where it is from."""

    __slots__ = ("host", "location", "place", "source", "tries", "url")

    def __init__(self, url: str, source: Source, place: int, location: Location) -> None:
        self.url = url
        self.source = source
        self.place = place
        self.location = location
        self.host: _Host = location.origin
        self.tries = 0


class _Stage:
    """One call: what waits, what is in flight, and what is to be handed out."""

    def __init__(
        self,
        batches: Iterator[pa.RecordBatch],
        strategy: str,
        open_stream: OpenStream,
        links_of: Callable[[Response], list[str]],
        terms: Terms,
        max_tasks: int,
        queues: HostQueues[_Job],
        max_delay: float,
        max_tries: int,
        deadline: float | None,
        limits: dict[str, Any],
        look_ahead: int,
        own_addresses: Mapping[str, tuple[str, int]],
    ) -> None:
        self._urls: Iterator[tuple[Source, int, str | None]] | None = self._take_urls(batches)
        self._strategy = strategy
        self._open_stream = open_stream
        self._links_of = links_of
        self._terms = terms
        self._max_tasks = max_tasks
        self._queues = queues
        self._max_delay = max_delay
        self._max_tries = max_tries
        self._deadline = deadline
        self._limits = limits
        self._look_ahead = look_ahead
        self._own_addresses = own_addresses
        self._addresses = AddressBook()
        self._given_up: dict[_Host, HostPaused] = {}  # hosts, and why
        self._in_flight: dict[int, _Job] = {}
        self._tickets = count()
        self._fetching: Fetching | None = None
        self._process = 0
        self._ends = math.inf
        self._pages: StageBatches | None = None  # known with the first batch

    def run(self) -> Iterator[pa.RecordBatch]:
        """Fetch all URLs, and yield the batches."""
        self._process = os.getpid()
        if self._deadline is not None:
            self._ends = time.monotonic() + self._deadline
        yielded = False
        try:
            goes_on = True
            while goes_on:
                goes_on = self._proceed()
                for batch in self._pages.full() if self._pages else ():
                    yield batch
                    yielded = True
                    self._check_process()
            if self._pages is not None:
                rest = self._pages.rest()
                if rest is not None or not yielded:
                    yield self._pages.empty() if rest is None else rest
            self._warn_of_shortage()
        finally:
            self._cancel()

    def _proceed(self) -> bool:
        """Begin what may begin, and wait for what comes of it; return whether anything is left to do."""
        if time.monotonic() >= self._ends:
            return self._give_up_in_time()
        self._begin()
        if self._has_full:
            return True
        if not (self._in_flight or self._queues or self._urls):
            return False
        self._wait()
        return True

    def _begin(self) -> None:
        """Begin what has its turn; take more URLs as long as there is room for an exchange with another host."""
        while not self._has_full and time.monotonic() < self._ends:
            jobs: list[_Job] = []
            while self._room > len(jobs) and (job := self._queues.take(time.monotonic())) is not None:
                jobs.append(job)
            if jobs:
                self._push(jobs)
            if self._room <= 0 or len(self._queues) >= self._look_ahead or self._urls is None:
                return
            self._take_some()

    @property
    def _room(self) -> int:
        """How many more URLs may be handed to the strategy: as many again as it may have in flight wait there."""
        return 2 * self._max_tasks - len(self._in_flight)

    @property
    def _has_full(self) -> bool:
        return self._pages is not None and self._pages.has_full

    # --- URLs

    def _take_urls(self, batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[Source, int, str | None]]:
        schema = None
        for batch in batches:
            check_record_batch(batch, schema)
            if schema is None:
                schema = batch.schema
                self._pages = StageBatches(schema, **self._limits)
            source, urls = Source(batch), batch.column("url")
            for start in range(0, batch.num_rows, TAKEN_AT_ONCE):
                for place, url in enumerate(urls.slice(start, TAKEN_AT_ONCE).to_pylist(), start):
                    yield source, place, url

    def _take_some(self) -> None:
        """Take a few URLs, and have them wait for their hosts' turns."""
        assert self._urls is not None
        for _ in range(self._max_tasks):
            taken = next(self._urls, None)
            if taken is None:
                self._urls = None
                return
            self._enqueue(*taken)

    def _enqueue(self, source: Source, place: int, url: str | None) -> None:
        try:
            if url is None:
                raise InvalidURL("there is no URL")
            [location] = locate([url])
        except (InvalidURL, UnsupportedProtocol) as error:
            self._add(StageRow(source, place, error=described(error)))
            return
        job = _Job(url, source, place, location)
        if (why := self._given_up.get(job.host)) is not None:
            self._fail(job, why)
        else:
            self._queues.add(job.host, job)

    # --- exchanges

    def _push(self, jobs: list[_Job]) -> None:
        """Hand these to the strategy."""
        if self._fetching is None:
            self._fetching = self._open_stream(self._strategy, self._max_tasks, self._terms, self._terms)
        batch = {next(self._tickets): job for job in jobs}
        for job in jobs:
            if (own := self._own_addresses.get(job.location.host)) is not None:
                self._addresses.add({job.location[:2]: [own]})
        urls = {ticket: job.url for ticket, job in batch.items()}
        locations = {ticket: job.location for ticket, job in batch.items()}
        timeout = min(self._terms.timeout, max(0.0, self._ends - time.monotonic()))
        self._addresses.look_up(locations.values(), timeout)
        targets, errors = self._addresses.targets(urls, locations)
        self._in_flight |= batch
        self._fetching.push([(ticket, target, False) for ticket, target in targets.items()])
        for ticket, error in errors.items():
            self._arrive(ticket, Response(urls[ticket], error=error))

    def _wait(self) -> None:
        """Wait until something has arrived, a host has its turn, or the deadline has passed."""
        turn = self._queues.next_turn() if self._room > 0 else None
        until = self._ends if turn is None else min(turn, self._ends)
        timeout = None if until == math.inf else max(0.0, until - time.monotonic())
        if not self._in_flight:
            time.sleep(timeout or 0.0)
            return
        assert self._fetching is not None
        arrived = self._fetching.wait(timeout)
        for ticket, response in arrived:
            self._arrive(ticket, response)
        if not arrived and (why := self._fetching.ended()) is not None:
            raise why

    def _arrive(self, ticket: int, response: Response) -> None:
        """Take what came of a URL: have it tried again, or make its row."""
        job = self._in_flight.pop(ticket)
        job.tries += 1
        now = time.monotonic()
        self._queues.ended(job.host, now)
        wait = wait_before_try(job.tries)
        pause = asked_pause(response.status_code or 0, response.headers.get("retry-after"), job.tries - 1)
        if pause is not None:
            wait = max(wait, pause)
            if pause > self._max_delay:
                self._give_up_host(job.host, f"asks for a pause of {pause:g} s; max_delay is {self._max_delay:g} s")
            elif now + pause >= self._ends:
                self._give_up_host(job.host, f"asks for a pause of {pause:g} s; the deadline is before its end")
            else:
                self._queues.pause(job.host, now + pause)
        again = may_be_tried_again(response) and job.tries < self._max_tries and job.host not in self._given_up
        if again and now + wait < self._ends:
            self._queues.add(job.host, job, due=now + wait)
        else:
            self._add(_row(job, response, self._links_of))

    def _add(self, row: StageRow) -> None:
        assert self._pages is not None
        self._pages.add(row)

    # --- ends

    def _fail(self, job: _Job, why: RequestError) -> None:
        self._add(StageRow(job.source, job.place, error=described(why), tries=job.tries))

    def _give_up_host(self, host: _Host, why: str) -> None:
        """Fetch nothing more from this host."""
        self._given_up[host] = HostPaused(f"the host {why}")
        for job in self._queues.drain(host):
            self._fail(job, self._given_up[host])

    def _give_up_in_time(self) -> bool:
        """After the deadline: end what is in flight, and make rows of what is left, until one batch is full."""
        if self._fetching is not None:
            for ticket, response in self._fetching.take():
                self._arrive(ticket, response)
        self._cancel()
        late = TotalTimeout(f"the deadline of {self._deadline:g} s passed")
        for job in [*self._in_flight.values(), *self._queues.drain()]:
            self._fail(job, late)
        self._in_flight.clear()
        for source, place, _ in self._urls or ():
            self._add(StageRow(source, place, error=described(late)))
            if self._has_full:
                return True
        self._urls = None
        return False

    def _warn_of_shortage(self) -> None:
        if self._fetching is not None and (shortage := self._fetching.shortage()) is not None:
            warn_of_shortage(self._max_tasks, shortage)

    def _cancel(self) -> None:
        """End the strategy, if it is this process's."""
        fetching, self._fetching = self._fetching, None
        if fetching is not None and self._process == os.getpid():
            fetching.cancel()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ForkedProcessError("this crawl was begun before a fork, by the parent process")


def _links_in_rust(response: Response) -> list[str]:
    return page_links(response.content, response.headers.get_list("content-type")[-1], response.url)


def _row(job: _Job, response: Response, links_of: Callable[[Response], list[str]]) -> StageRow:
    """Make the row of a page, a redirect or an error."""
    content_type, error, next_url, links = leads(response, 1, 0, links_of)
    return StageRow(
        job.source,
        job.place,
        next_url,
        response.status_code,
        described(error),
        content_type,
        None if response.status_code is None else response.encoding,
        response.content,
        links,
        job.tries,
    )


def _host_of(name: str) -> str:
    """Return a host name as it is in a URL that was taken apart."""
    [location] = locate([f"http://{name}/"])
    return location.host
