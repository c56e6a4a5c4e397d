"""Responses as they come: URLs are taken from an iterable as there is room for them, responses are handed out."""

from __future__ import annotations

import os
import time
from _thread import get_ident, start_new_thread
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .checks import check_concurrency, check_encodable, check_rate, check_url, check_url_source
from .exceptions import ForkedProcessError, InvalidURL, RequestError, UnsupportedProtocol
from .fetching import Fetching, OpenStream
from .http_redirects import Redirect, redirect
from .request_options import RequestOptions, checked, for_another_origin
from .results import Response, count_from, warn_of_shortage
from .targets import AddressBook, Location, Target, locate
from .terms import DEFAULT_OPTIONS

if TYPE_CHECKING:
    import asyncio
    from typing import Self

__all__ = ["ResponseStream", "of_stream"]

PATIENCE = 0.001
"""Seconds that the iterable may take for more URLs while exchanges are in flight: then their responses come first."""

_FAILURES_LAST = 30.0
"""Seconds for which a host that was not found is not looked up again."""


class _Asked:
    """A URL whose response has not come yet."""

    __slots__ = ("elsewhere", "history", "location", "url")

    def __init__(self, url: str, location: Location) -> None:
        self.url = url
        self.location = location
        self.history: tuple[Response, ...] = ()
        self.elsewhere = False


class ResponseStream(Iterator[Response], AsyncIterator[Response]):
    """The responses of ``aio.stream``, in the order in which they come: an iterator, and an asynchronous iterator.

    It begins with the first response that is asked for. ``close()`` ends it, as do the end of a ``with`` or ``async
    with`` block, an exception, and leaving a loop over it if nothing else refers to it. Then its connections are
    closed, and its threads and processes have ended. Only one thread or task may use it at a time.

    Attributes:
        strategy: the strategy's key.
        language: ``"python"`` or ``"rust"``.
    """

    def __init__(
        self,
        strategy: str,
        urls: Iterable[str] | AsyncIterable[str],
        language: str,
        concurrency: int,
        timeout: float,
        rate: float | None,
        options: RequestOptions,
        open_stream: OpenStream,
    ) -> None:
        self.strategy = strategy
        self.language = language
        self._concurrency = check_concurrency(concurrency)
        self._rate = check_rate(rate)
        self._terms, self._max_redirects = checked(timeout, options)
        self._urls: Iterator[str] | AsyncIterator[str] | None = check_url_source(urls)
        self._open_stream = open_stream
        self._fetching: Fetching | None = None
        self._pulling: asyncio.Future[str] | None = None
        self._process = self._thread = 0  # in which it was begun
        self._count = 0  # URLs taken so far
        self._asked: dict[int, _Asked] = {}  # by the URL's index
        self._ready: deque[Response] = deque()
        self._addresses = AddressBook(failures_last=_FAILURES_LAST)
        self._failure: BaseException | None = None  # what the iterable raised
        self._is_closed = False
        self._is_awaited = False
        self._began = 0.0

    def __repr__(self) -> str:
        return (
            f"<ResponseStream of {self.language}/{self.strategy}: {self._count} URLs taken, {len(self._asked)} in work>"
        )

    # --- one after another

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Response:
        self._check_process()
        if isinstance(self._urls, AsyncIterator):
            raise TypeError("urls is an asynchronous iterable: write async for")
        try:
            if self._room() >= self._concurrency:
                self._feed()
            while not self._ready:
                if self._room():
                    self._feed()
                if self._asked and not self._ready:
                    leads = self._put(self._open.take() if self._room() else self._open.wait())
                    self._addresses.look_up(leads.values(), self._terms.timeout)
                    self._push(leads)
                elif not self._ready and self._urls is None:
                    break
        except BaseException:
            self.close()
            raise
        if not self._ready:
            self._finish()
            raise StopIteration
        return self._ready.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it: what is in flight is broken off, what has not been handed out is lost."""
        self._is_closed = True
        self._urls = self._failure = None
        self._asked.clear()
        self._ready.clear()
        pulling, self._pulling = self._pulling, None
        if pulling is not None:
            pulling.cancel()
        fetching, self._fetching = self._fetching, None
        if fetching is not None and self._process == os.getpid():
            fetching.cancel()

    def __del__(self) -> None:
        if getattr(self, "_fetching", None) is None:  # its arguments were refused, or it is closed
            return
        if self._thread == get_ident() or self._process != os.getpid():
            self.close()
        else:  # The garbage collector may have come by in one of its own threads, which cannot wait for its end.
            with suppress(RuntimeError):  # the interpreter is ending, and has ended it
                start_new_thread(self._open.cancel, ())

    # --- beside an event loop

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Response:
        self._check_process()
        if self._is_awaited:
            raise RuntimeError("another task is waiting for this stream's next response")
        self._is_awaited = True
        try:
            if self._room() >= self._concurrency:
                await self._feed_beside()
            while not self._ready:
                if self._room():
                    await self._feed_beside()
                if self._asked and not self._ready:
                    await self._arrived()
                    leads = self._put([] if self._is_closed else self._open.take())
                    await self._addresses.look_up_beside(leads.values(), self._terms.timeout)
                    self._push(leads)
                elif not self._ready and self._urls is None:
                    break
        except BaseException:
            self.close()
            raise
        finally:
            self._is_awaited = False
        if not self._ready:
            self._finish()
            raise StopAsyncIteration
        return self._ready.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def aclose(self) -> None:
        """Do what ``close`` does."""
        self.close()

    async def _arrived(self) -> None:
        """Wait until responses have arrived; or until there is another URL, if the iterable is asynchronous."""
        import asyncio

        if not self._room():
            return await self._open.arrived()
        if self._pulling is None:  # there is another URL, or was not in time
            return await asyncio.sleep(0)
        arrived = asyncio.ensure_future(self._open.arrived())
        try:
            waited_for: list[asyncio.Future[Any]] = [arrived, self._pulling]
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrived.cancel()

    async def _feed_beside(self) -> None:
        urls = await self._pull_beside(self._urls) if isinstance(self._urls, AsyncIterator) else self._pull()
        locations = self._locate(urls)
        await self._addresses.look_up_beside(locations.values(), self._terms.timeout)
        self._push_new(urls, locations)

    async def _pull_beside(self, source: AsyncIterator[str]) -> dict[int, str]:
        import asyncio

        urls: dict[int, str] = {}
        for _ in range(self._room()):
            self._pulling = self._pulling or asyncio.ensure_future(anext(source))
            has_more = self._asked or self._ready or urls  # to do, or to hand out
            await asyncio.wait([self._pulling], timeout=PATIENCE if has_more else None)
            if self._is_closed:
                return {}
            if not self._pulling.done():
                break
            pulled, self._pulling = self._pulling, None
            try:
                urls[self._count] = check_url(pulled.result())
                self._count += 1
            except StopAsyncIteration:
                self._urls = None
                break
            except Exception as error:
                self._urls, self._failure = None, error
                break
        return urls

    # --- both

    @property
    def _open(self) -> Fetching:
        assert self._fetching is not None
        return self._fetching

    def _room(self) -> int:
        """Return how many more URLs may be taken."""
        return 0 if self._urls is None else 2 * self._concurrency - len(self._asked) - len(self._ready)

    def _feed(self) -> None:
        """Take URLs, and hand them in."""
        urls = self._pull()
        locations = self._locate(urls)
        self._addresses.look_up(locations.values(), self._terms.timeout)
        self._push_new(urls, locations)

    def _pull(self) -> dict[int, str]:
        """Take as many URLs as there is room for, unless they are long in coming."""
        source = self._urls
        assert isinstance(source, Iterator)
        urls: dict[int, str] = {}
        until = time.monotonic() + PATIENCE
        for _ in range(self._room()):
            try:
                url = check_url(next(source))
                if self._is_closed:
                    return {}  # by the iterable
                urls[self._count] = url
                self._count += 1
            except StopIteration:
                self._urls = None
                break
            except Exception as error:  # raised after the responses to those before
                self._urls, self._failure = None, error
                break
            if (self._asked or urls) and time.monotonic() > until:
                break
        return urls

    def _locate(self, urls: dict[int, str]) -> dict[int, Location]:
        """Take the URLs apart; a malformed one is a response with its error."""
        try:
            for url in urls.values():
                check_encodable(url)
            return dict(zip(urls, locate(list(urls.values())), strict=True))
        except (InvalidURL, UnsupportedProtocol):
            locations = {}
            for index, url in urls.items():
                try:
                    check_encodable(url)
                    [locations[index]] = locate([url])
                except (InvalidURL, UnsupportedProtocol) as error:
                    error.url = url
                    self._hand_out(index, Response(url, error=error))
            return locations

    def _push_new(self, urls: dict[int, str], locations: dict[int, Location]) -> None:
        """Hand in these URLs, whose hosts have been looked up."""
        if self._is_closed:
            return
        for index, location in locations.items():
            self._asked[index] = _Asked(urls[index], location)
        self._push(locations)
        if self._urls is None and not self._max_redirects and self._fetching is not None:
            self._fetching.complete()

    def _push(self, locations: dict[int, Location]) -> None:
        """Hand in what is asked for, or where it leads."""
        if not locations or self._is_closed:
            return
        urls = {index: self._asked[index].url for index in locations}
        targets, errors = self._addresses.targets(urls, locations)
        if self._fetching is None:
            self._start(len(targets))
        if self._rate is not None:
            began, rate = self._began, self._rate
            targets = {
                index: Target(*target[:-1], due=began + index / rate) if not self._asked[index].history else target
                for index, target in targets.items()
            }
        self._open.push([(index, target, self._asked[index].elsewhere) for index, target in targets.items()])
        for index, error in errors.items():
            self._fail(index, error)

    def _start(self, count: int) -> None:
        """Start the strategy; if these are all the URLs, it needs no more waiters."""
        waiters = self._concurrency if self._urls is not None else max(1, min(self._concurrency, count))
        self._process, self._thread = os.getpid(), get_ident()
        self._began = time.monotonic()
        self._fetching = self._open_stream(self.strategy, waiters, self._terms, for_another_origin(self._terms))

    def _put(self, arrived: list[tuple[int, Response]]) -> dict[int, Location]:
        """Take what has arrived, and return where it leads."""
        leads: dict[int, Location] = {}
        if self._is_closed:
            return leads  # meanwhile, by a signal's handler
        for index, response in arrived:
            asked = self._asked[index]
            count_from(response, self._began)
            response.history = asked.history
            if self._max_redirects is not None:
                to = redirect(response, self._max_redirects - len(asked.history), len(asked.history))
                if isinstance(to, Redirect):
                    asked.elsewhere = asked.elsewhere or to.location.origin != asked.location.origin
                    asked.history = (*asked.history, response)
                    asked.url, asked.location = to
                    leads[index] = to.location
                    continue
                if to is not None:
                    asked.history = (*asked.history, response)
                    self._fail(index, to)
                    continue
            self._hand_out(index, response)
        if not arrived and (why := self._open.ended()) is not None:
            for index, asked in list(self._asked.items()):
                self._fail(index, type(why)(why.message, url=asked.url))
        return leads

    def _fail(self, index: int, error: RequestError) -> None:
        """Hand out the error of a URL that was not fetched, and the redirects that led to it."""
        asked = self._asked[index]
        response = Response(asked.url, error=error)
        response.history = asked.history
        self._hand_out(index, response)

    def _hand_out(self, index: int, response: Response) -> None:
        self._asked.pop(index, None)
        response.index = index
        if response.error is not None:
            response.error.strategy = self.strategy
        self._ready.append(response)

    def _finish(self) -> None:
        """End it when all is handed out; raise what the iterable raised."""
        shortage = None if self._fetching is None else self._fetching.shortage()
        failure, self._failure = self._failure, None
        self.close()
        if shortage is not None:
            warn_of_shortage(self._concurrency, shortage)
        if failure is not None:
            raise failure

    def _check_process(self) -> None:
        if self._fetching is not None and self._process != os.getpid():
            raise ForkedProcessError("this stream was begun before a fork, by the parent process")


def of_stream(
    strategy: str,
    urls: Iterable[str] | AsyncIterable[str],
    *,
    language: str = "rust",
    concurrency: int = 10,
    timeout: float = 30.0,
    rate: float | None = None,
    connect_timeout: float | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    follow_redirects: bool = False,
    max_redirects: int = 20,
    verify: bool | str | os.PathLike[str] = True,
    keep_alive: bool = False,
    max_header_bytes: int = DEFAULT_OPTIONS.max_header_bytes,
    max_headers: int = DEFAULT_OPTIONS.max_headers,
    max_body_bytes: int = DEFAULT_OPTIONS.max_body_bytes,
) -> ResponseStream:
    """The signature of ``stream``."""
    raise NotImplementedError
