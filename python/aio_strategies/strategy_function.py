"""The public face of a strategy, the same for all and in both languages: check, resolve, run, measure.

The strategies themselves, in ``lecture/`` and in Rust, take targets and return responses; they know nothing about
arguments or clocks.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, Protocol

from .catalogue import STRATEGIES
from .checks import check_concurrency, check_rate, check_timeout, check_urls
from .cpu_clock import cpu_now
from .exceptions import RequestError
from .results import CPUTime, Response, Run
from .targets import Target, are_addresses, locate, resolve

__all__ = [
    "AsyncStrategyFunction",
    "Call",
    "Fetched",
    "StrategyFunction",
    "async_strategy_function",
    "strategy_function",
]


class StrategyFunction(Protocol):
    """``<key>_way``: fetch the URLs and return when all are done."""

    __name__: str

    def __call__(
        self, urls: Iterable[str], *, concurrency: int = 10, timeout: float = 30.0, rate: float | None = None
    ) -> Run:
        """Fetch ``urls``."""


class AsyncStrategyFunction(Protocol):
    """``asyncio_way``: fetch the URLs while the event loop's other coroutines run."""

    __name__: str

    def __call__(
        self, urls: Iterable[str], *, concurrency: int = 10, timeout: float = 30.0, rate: float | None = None
    ) -> Awaitable[Run]:
        """Fetch ``urls``."""


class Fetched(NamedTuple):
    """What a strategy returns.

    Attributes:
        responses: one for each target, in the order of the targets.
        shortage: the system's error number, such as EMFILE, that kept the call below ``concurrency`` exchanges in
            flight; None if there was none.
    """

    responses: list[Response]
    shortage: int | None = None


_DOCSTRING = """Fetch URLs with the strategy ``{key}`` (lecture {section}, {title_zh}): {waits_by}.

    Args:
        urls: ``http`` URLs. Their hosts are resolved before the clock starts.
        concurrency: how many exchanges may be in flight at once, at least 1.{alone} If the system runs out of file
            descriptors, ports, threads or processes, fewer are, and a RuntimeWarning says so.
        timeout: the limit on one whole exchange in seconds, above 0 and finite.
        rate: requests per second (1e-6 to 1e9), or None. With it, the intended start of the URL at index ``i`` is
            ``i / rate`` seconds after ``Run.began``: its exchange never begins earlier, and begins later if
            ``concurrency`` others are in flight. Without it, an exchange begins as soon as fewer are.

    Returns:
        A Run: one Response per URL, in the order of ``urls``. A URL that failed has its exception in
        ``Response.error``; the others are not affected.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: ``urls`` is empty, or ``concurrency``, ``timeout`` or ``rate`` is out of range.
        InvalidURL: a URL is malformed (also a ValueError).
        UnsupportedProtocol: a URL's scheme is not ``http`` (also a ValueError).
    """


def strategy_function(
    key: str, language: str, load: Callable[[], Callable[[list[Target], int, float], Fetched]]
) -> StrategyFunction:
    """Make ``<key>_way`` from a function that fetches targets; ``load`` returns it, before the clock starts."""

    def way(urls: Iterable[str], *, concurrency: int = 10, timeout: float = 30.0, rate: float | None = None) -> Run:
        call = Call(key, language, urls, concurrency, timeout, rate)
        call.resolve()
        fetch = load()
        return call.finish(fetch(call.targets, call.concurrency, call.timeout) if call.begin() else Fetched([]))

    _describe(way, key, language)
    return way


def async_strategy_function(
    key: str, language: str, load: Callable[[], Callable[[list[Target], int, float], Awaitable[Fetched]]]
) -> AsyncStrategyFunction:
    """Make ``<key>_way``, a coroutine function, from one that fetches targets; ``load`` returns it."""

    async def way(
        urls: Iterable[str], *, concurrency: int = 10, timeout: float = 30.0, rate: float | None = None
    ) -> Run:
        call = Call(key, language, urls, concurrency, timeout, rate)
        if are_addresses(call.locations):
            call.resolve()
        else:
            import asyncio

            await asyncio.to_thread(call.resolve)
        fetch = load()
        return call.finish(await fetch(call.targets, call.concurrency, call.timeout) if call.begin() else Fetched([]))

    _describe(way, key, language)
    return way


def _describe(way: Callable[..., object], key: str, language: str) -> None:
    strategy = STRATEGIES[key]
    way.__name__ = f"{key}_way"
    way.__qualname__ = way.__name__
    way.__module__ = f"aio_strategies.{language}"
    way.__doc__ = _DOCSTRING.format(
        key=key,
        section=strategy.section,
        title_zh=strategy.title_zh,
        waits_by=strategy.waits_by[language],
        alone=" This strategy never has more than 1." if STRATEGIES[key].one_at_a_time else "",
    )


class Call:
    """One call of a strategy."""

    def __init__(
        self, key: str, language: str, urls: Iterable[str], concurrency: int, timeout: float, rate: float | None
    ) -> None:
        self.key = key
        self.language = language
        self.urls = check_urls(urls)
        self.concurrency = check_concurrency(concurrency)
        self.timeout = check_timeout(timeout)
        self.rate = check_rate(rate)
        self.locations = locate(self.urls)
        self.targets: list[Target] = []

    def resolve(self) -> None:
        """Resolve the hosts to addresses."""
        self.targets, self._unresolved = resolve(self.urls, self.locations, self.timeout)

    def begin(self) -> bool:
        """Start the clocks; tell whether there is anything to fetch."""
        self._cpu = cpu_now()
        self._wall = time.perf_counter()
        self._began = time.monotonic()
        if self.rate is not None:
            resolved = (index for index in range(len(self.urls)) if index not in self._unresolved)
            self.targets = [
                Target(url, authority, path, address, due=self._began + index / self.rate)
                for index, (url, authority, path, address, _) in zip(resolved, self.targets, strict=True)
            ]
        return bool(self.targets)

    def finish(self, fetched: Fetched) -> Run:
        """Stop the clocks and return the Run."""
        wall = time.perf_counter() - self._wall
        user, system = cpu_now()
        for response in fetched.responses:
            # A strategy gives it on time.monotonic()'s clock, or 0 if it does not know it.
            response.start = max(0.0, response.start - self._began) if response.start else 0.0
        responses = iter(fetched.responses)
        ordered = [
            Response(url, error=self._unresolved[index]) if index in self._unresolved else next(responses)
            for index, url in enumerate(self.urls)
        ]
        for response in ordered:
            if isinstance(response.error, RequestError):
                response.error.strategy = self.key
        if fetched.shortage is not None:
            warnings.warn(
                f"fewer than concurrency={self.concurrency} exchanges were in flight at once, because the system did"
                f" not allow more: {os.strerror(fetched.shortage)}",
                RuntimeWarning,
                stacklevel=3,
            )
        return Run(
            ordered,
            strategy=self.key,
            language=self.language,
            began=self._began,
            wall=wall,
            cpu=CPUTime(user - self._cpu[0], system - self._cpu[1]),
        )
