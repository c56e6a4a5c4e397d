"""Calling a strategy by its key, and a crawler by its language."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, cast

from . import python, python_fetching, rust, rust_fetching
from .catalogue import LANGUAGES, find
from .checks import check_name
from .request_options import RequestOptions, of_run, shown_as
from .response_stream import ResponseStream, of_stream
from .results import Run
from .strategy_function import AsyncStrategyFunction, StrategyFunction

if TYPE_CHECKING:
    from .crawling.statistics import CrawlStatistics
    from .display.progress import Show

__all__ = ["arun", "crawl", "crawler_class", "run", "stream"]


@shown_as(of_run)
def run(
    strategy: str,
    urls: Iterable[str],
    *,
    language: str = "rust",
    concurrency: int = 10,
    timeout: float = 30.0,
    rate: float | None = None,
    **options: Unpack[RequestOptions],
) -> Run:
    """Fetch URLs with a strategy and return when all are done; works inside a running event loop too, as in a notebook.

    Args:
        strategy: the strategy's key; ``aio.strategies()`` lists them.
        urls: ``http`` and ``https`` URLs.
        language: ``"rust"`` or ``"python"``.
        concurrency: how many exchanges may be in flight at once, at least 1.
        timeout: the limit on one whole exchange in seconds, above 0 and finite.
        rate: requests per second (1e-6 to 1e9), or None. With it, no exchange begins before its intended start: for
            the URL at index ``i``, that is ``i / rate`` seconds after ``Run.began``.
        {options}

    Returns:
        A Run: one Response per URL, in the order of ``urls``.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument is out of range (``InvalidURL`` and ``UnsupportedProtocol`` among them).
    """
    find(strategy, language)
    if (strategy, language) == ("asyncio", "python"):
        return _run_coroutine(python.asyncio_way(urls, concurrency=concurrency, timeout=timeout, rate=rate, **options))
    name = "asyncio_here" if strategy == "asyncio" else f"{strategy}_way"
    way: StrategyFunction = getattr({"python": python, "rust": rust}[language], name)
    return way(urls, concurrency=concurrency, timeout=timeout, rate=rate, **options)


@shown_as(of_run)
async def arun(
    strategy: str,
    urls: Iterable[str],
    *,
    language: str = "rust",
    concurrency: int = 10,
    timeout: float = 30.0,
    rate: float | None = None,
    **options: Unpack[RequestOptions],
) -> Run:
    """Fetch URLs with a strategy while the event loop's other coroutines run.

    Python's ``asyncio`` runs in the event loop itself; every other strategy, of either language, runs in a thread
    beside it. When a call is cancelled, it closes its connections and ends its threads and processes before
    ``CancelledError`` is raised.

    Args and exceptions are those of ``run``.
    """
    find(strategy, language)
    way: AsyncStrategyFunction = {"python": python, "rust": rust}[language].beside(strategy)
    return await way(urls, concurrency=concurrency, timeout=timeout, rate=rate, **options)


@shown_as(of_stream)
def stream(
    strategy: str,
    urls: Iterable[str] | AsyncIterable[str],
    *,
    language: str = "rust",
    concurrency: int = 10,
    timeout: float = 30.0,
    rate: float | None = None,
    **options: Unpack[RequestOptions],
) -> ResponseStream:
    """Fetch URLs with a strategy in the background, and return responses as they come: for lists that no memory holds.

    ``for response in aio.stream("thread", urls): ...`` or, beside an event loop, ``async for``. URLs are taken from the
    iterable when there is room for them: at most twice ``concurrency`` are in work or wait to be handed out. The
    responses come in the order in which they complete; ``Response.index`` is the place of the URL.

    The loop over the responses asks the iterable for URLs: while it makes the loop wait, no response is handed out.
    An asynchronous one does not hold them up.

    Args:
        strategy: the strategy's key; ``aio.strategies()`` lists them.
        urls: ``http`` and ``https`` URLs: any iterable, endless too; for ``async for``, also an asynchronous one.
        language: ``"rust"`` or ``"python"``.
        concurrency: how many exchanges may be in flight at once, at least 1.
        timeout: the limit on one whole exchange in seconds, above 0 and finite.
        rate: requests per second (1e-6 to 1e9), or None. With it, no exchange begins before its intended start: for
            the URL at index ``i``, that is ``i / rate`` seconds after the first began.
        {options}

    Returns:
        The responses. One whose URL is malformed has an ``InvalidURL`` or ``UnsupportedProtocol`` in ``error``.

    Raises:
        TypeError: an argument is of the wrong type; while it goes on: the iterable yields something other than a
            string.
        ValueError: an argument is out of range.
        ForkedProcessError: while it goes on: it was begun before a fork, by the parent process.

    What the iterable raises is raised after the responses to the URLs before.
    """
    find(strategy, language)
    open_stream = {"python": python_fetching, "rust": rust_fetching}[language].open_stream
    return ResponseStream(strategy, urls, language, concurrency, timeout, rate, options, open_stream)


def crawl(
    roots: str | Iterable[str], *, language: str = "rust", progress: bool | Show | None = None, **options: Any
) -> CrawlStatistics:
    """Crawl a site to the end, and return the statistics: a row for each URL.

    Args:
        roots: where to begin: one URL or several.
        language: ``"rust"`` or ``"python"``.
        progress: True to show progress; False not to; None to show it in a notebook or terminal only; or a function
            that is called with the pages so far, how many URLs are known, and a text about the speed.
        options: the keyword arguments of ``aio.Crawler``.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument is out of range.
    """
    statistics: CrawlStatistics = crawler_class(language)(roots, **options).crawl(progress=progress)
    return statistics


def crawler_class(language: str) -> Any:
    """Return the crawler of a language, ``aio.rust.Crawler`` or ``aio.python.Crawler``.

    Raises:
        ValueError: there is no such language.
    """
    check_name("language", language, LANGUAGES)
    return {"python": python, "rust": rust}[language].Crawler


def _run_coroutine(coroutine: Any) -> Run:
    """Run a coroutine to completion: in this thread, or in another if this thread's event loop is already running."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return cast(Run, asyncio.run(coroutine))
    return _run_beside(coroutine)


def _run_beside(coroutine: Coroutine[Any, Any, Run]) -> Run:
    """Run a coroutine in an event loop of its own, in a thread of its own. Ctrl-C cancels it."""
    import asyncio
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    begun: Future[Any] = Future()  # its result cancels the task
    ended: Future[Run] = Future()

    async def main() -> Run:
        task = asyncio.current_task()
        assert task is not None
        begun.set_result(partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel))
        return await coroutine

    def work() -> None:
        try:
            ended.set_result(asyncio.run(main()))
        except BaseException as error:
            ended.set_exception(error)

    thread = threading.Thread(target=work, name="aio-run")
    thread.start()
    try:
        wait([ended])  # not join(), which takes a thread for ended if it is interrupted, before Python 3.13
    except BaseException:  # Ctrl-C
        if wait([begun, ended], return_when=FIRST_COMPLETED).done == {begun}:
            with suppress(RuntimeError):  # its event loop has just been closed
                begun.result()()
        wait([ended])
        raise
    thread.join()
    return ended.result()
