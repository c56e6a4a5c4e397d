"""The public face of a strategy, the same for all and in both languages: check, resolve, run, measure.

The strategies themselves, in ``lecture/`` and in Rust, take targets and return responses; they know nothing about
arguments or clocks.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol, Unpack

from ._native import Locations, reserve_descriptors
from ._native import Targets as NativeTargets
from .background import in_thread_left_behind
from .catalogue import STRATEGIES
from .checks import check_concurrency, check_rate, check_urls
from .cpu_clock import cpu_now
from .exceptions import NameResolutionError
from .http_redirects import Redirect, redirect
from .request_options import RequestOptions, checked, for_another_origin, of_a_strategy, shown_as
from .results import CPUTime, LazyResponses, Response, Run, count_from, warn_of_shortage
from .targets import Location, Target, addresses_of, are_addresses, targets_at
from .terms import Terms
from .trust import native_client, ssl_context

__all__ = [
    "AsyncStrategyFunction",
    "Call",
    "Fetched",
    "StrategyFunction",
    "Targets",
    "async_strategy_function",
    "strategy_function",
]


class StrategyFunction(Protocol):
    """``<key>_way``: fetch the URLs and return when all are done."""

    __name__: str

    def __call__(
        self,
        urls: Iterable[str],
        *,
        concurrency: int = 10,
        timeout: float = 30.0,
        rate: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> Run:
        """Fetch ``urls``."""


class AsyncStrategyFunction(Protocol):
    """``asyncio_way``: fetch the URLs while the event loop's other coroutines run."""

    __name__: str

    def __call__(
        self,
        urls: Iterable[str],
        *,
        concurrency: int = 10,
        timeout: float = 30.0,
        rate: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> Awaitable[Run]:
        """Fetch ``urls``."""


class Fetched(NamedTuple):
    """What a strategy returns.

    Attributes:
        responses: one for each target, in the order of the targets.
        shortage: the system's error number, such as EMFILE, that kept the call below ``concurrency`` exchanges in
            flight; None if there was none.
    """

    responses: list[Response] | LazyResponses
    shortage: int | None = None


Targets = list[Target] | NativeTargets
"""What to fetch at the same time; the latter for Rust, where a call leads nowhere else: it has no object for each."""

Round = tuple[Targets, Terms]

_DOCSTRING = """Fetch URLs with the strategy ``{key}`` ({where}): {waits_by}.

    Args:
        urls: ``http`` and ``https`` URLs. Their hosts are resolved before the clock starts.
        concurrency: how many exchanges may be in flight at once, at least 1.{alone} If the system runs out of file
            descriptors, ports, threads or processes, fewer are, and a RuntimeWarning says so.
        timeout: the limit on one whole exchange in seconds, above 0 and finite.
        rate: requests per second (1e-6 to 1e9), or None. With it, the intended start of the URL at index ``i`` is
            ``i / rate`` seconds after ``Run.began``: its exchange never begins earlier, and begins later if
            ``concurrency`` others are in flight. Without it, an exchange begins as soon as fewer are.
        {{options}}

    Returns:
        A Run: one Response per URL, in the order of ``urls``. A URL that failed has its exception in
        ``Response.error``; the others are not affected.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: ``urls`` is empty, or another argument is out of range.
        InvalidURL: a URL is malformed (also a ValueError).
        UnsupportedProtocol: a URL's scheme is neither ``http`` nor ``https`` (also a ValueError).{refused}
    """


_REFUSED = """
        UnavailableError: the kernel has no io_uring of Linux 5.19 or later, or a container's filter forbids it."""


def strategy_function(
    key: str, language: str, load: Callable[[], Callable[[Any, int, Terms], Fetched]]
) -> StrategyFunction:
    """Make ``<key>_way`` from a function that fetches targets; ``load`` returns it, before the clock starts."""

    def way(
        urls: Iterable[str],
        *,
        concurrency: int = 10,
        timeout: float = 30.0,
        rate: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> Run:
        call = Call(key, language, urls, concurrency, timeout, rate, options)
        fetch = load()
        for targets, terms in call.rounds():
            call.take(fetch(targets, call.concurrency, terms))
        return call.finish()

    _describe(way, key, language)
    return way


def async_strategy_function(
    key: str, language: str, load: Callable[[], Callable[[Any, int, Terms], Awaitable[Fetched]]]
) -> AsyncStrategyFunction:
    """Make ``<key>_way``, a coroutine function, from one that fetches targets; ``load`` returns it."""

    async def way(
        urls: Iterable[str],
        *,
        concurrency: int = 10,
        timeout: float = 30.0,
        rate: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> Run:
        call = Call(key, language, urls, concurrency, timeout, rate, options)
        fetch = load()
        rounds = call.rounds()
        while step := await _next(rounds, call):
            targets, terms = step
            call.take(await fetch(targets, call.concurrency, terms))
        return call.finish()

    _describe(way, key, language)
    return way


async def _next(rounds: Iterator[Round], call: Call) -> Round | None:
    """Return the next round; if names must be resolved for it, the event loop goes on meanwhile."""
    if call.needs_no_names:
        return next(rounds, None)
    return await in_thread_left_behind(partial(next, rounds, None))


def _describe(way: Callable[..., object], key: str, language: str) -> None:
    strategy = STRATEGIES[key]
    way.__name__ = f"{key}_way"
    way.__qualname__ = way.__name__
    way.__module__ = f"aio_strategies.{language}"
    way.__doc__ = _DOCSTRING.format(
        key=key,
        where=f"lecture {strategy.section}, {strategy.title_zh}" if strategy.section else "not in the lecture",
        waits_by=strategy.waits_by[language],
        refused=_REFUSED if key == "uring" else "",
        alone=" This strategy never has more than 1." if STRATEGIES[key].one_at_a_time else "",
    )
    shown_as(of_a_strategy)(way)


class Call:
    """One call of a strategy."""

    def __init__(
        self,
        key: str,
        language: str,
        urls: Iterable[str],
        concurrency: int,
        timeout: float,
        rate: float | None,
        options: RequestOptions,
    ) -> None:
        self.key = key
        self.language = language
        self.concurrency = check_concurrency(concurrency)
        self.rate = check_rate(rate)
        self.terms, self.max_redirects = checked(timeout, options)
        self._given = check_urls(urls)
        self._first = Locations(self._given)
        self._lazy: LazyResponses | None = None  # instead, if they all came at once and lead nowhere
        self._fetched: Sequence[int] = ()
        self._shortage: int | None = None
        #: The URLs that a redirect has led to another origin.
        self._elsewhere: set[int] = set()

    @property
    def needs_no_names(self) -> bool:
        """Whether no round resolves names; where a redirect leads is not known before."""
        return not self.max_redirects and are_addresses(self._first.hosts())

    def rounds(self) -> Iterator[Round]:
        """Yield what to fetch: first the URLs, then what their replies lead to; put back what came with ``take``."""
        addresses = addresses_of(self._first.hosts(), self.terms.timeout)
        targets: dict[int, Target] | NativeTargets
        found = {host: answer for host, answer in addresses.items() if isinstance(answer, list)}
        # In Rust, where nothing needs to look at each target, they can stay there.
        if self.language == "rust" and self.rate is self.max_redirects is None and len(found) == len(addresses):
            targets = self._first.targets(found)
        else:
            targets = self._without_errors(*targets_at(addresses, self._urls, self._locations))
        if self._first.is_secure:
            # before the clock starts, and before a strategy forks its workers
            (ssl_context if self.language == "python" else native_client)(self.terms.verify)
        reserve_descriptors(min(self.concurrency, len(self._given)))
        self._cpu = cpu_now()
        self._wall = time.perf_counter()
        self._began = time.monotonic()
        if isinstance(targets, NativeTargets):
            self._fetched = range(len(targets))
            yield targets, self.terms
            return
        if self.rate is not None:
            targets = {
                index: Target(*target[:-1], due=self._began + index / self.rate) for index, target in targets.items()
            }
        yield from self._rounds(targets)
        if self.max_redirects is not None:
            left = self.max_redirects
            while self._follow(left):
                addresses = addresses_of({location[:2] for location in self._locations.values()}, self.terms.timeout)
                yield from self._rounds(self._without_errors(*targets_at(addresses, self._urls, self._locations)))
                left -= 1

    def take(self, fetched: Fetched) -> None:
        """Take the responses of one round."""
        self._shortage = self._shortage or fetched.shortage
        responses = fetched.responses
        if isinstance(responses, LazyResponses) and len(responses) == len(self._given) and self.max_redirects is None:
            self._lazy = responses
            return
        for index, response in zip(self._fetched, responses, strict=True):
            if self._responses[index] is None:
                self._responses[index] = response
            else:
                self._put(index, response)

    def finish(self) -> Run:
        """Stop the clocks and return the Run."""
        wall = time.perf_counter() - self._wall
        user, system = cpu_now()
        complete = partial(_complete, self.key, self._began)
        responses: list[Response] | LazyResponses
        if self._lazy is not None:
            responses = self._lazy
            responses.then(complete)
        else:
            responses = [response for response in self._responses if response is not None]
            for index, response in enumerate(responses):
                complete(index, response)
        if self._shortage is not None:
            warn_of_shortage(self.concurrency, self._shortage)
        return Run(
            responses,
            strategy=self.key,
            language=self.language,
            began=self._began,
            wall=wall,
            cpu=CPUTime(user - self._cpu[0], system - self._cpu[1]),
        )

    @cached_property
    def _urls(self) -> dict[int, str]:
        """What to fetch next, by the URL's index."""
        return dict(enumerate(self._given))

    @cached_property
    def _responses(self) -> list[Response | None]:
        """What came of each URL."""
        return [None] * len(self._given)

    @cached_property
    def _locations(self) -> dict[int, Location]:
        """The URLs of what to fetch next, taken apart."""
        return {index: Location(*parts) for index, parts in enumerate(self._first.parts())}

    def _without_errors(self, targets: dict[int, Target], errors: dict[int, NameResolutionError]) -> dict[int, Target]:
        """Return the targets; record which URLs have none, as their hosts have no address."""
        for index, error in errors.items():
            self._put(index, Response(self._urls[index], error=error))
        return targets

    def _rounds(self, targets: dict[int, Target]) -> Iterator[Round]:
        """Yield the targets; those elsewhere on their own: they must not be told what is for the first origin only."""
        elsewhere = {index: targets.pop(index) for index in self._elsewhere & targets.keys()}
        for group, terms in (targets, self.terms), (elsewhere, for_another_origin(self.terms)):
            if group:
                self._fetched = list(group)
                yield list(group.values()), terms

    def _follow(self, left: int) -> bool:
        """Find out where replies lead, if ``left`` more redirects may be followed; return whether any leads on."""
        before = self._locations
        self._urls, self._locations = {}, {}
        for index, location in before.items():
            response = self._responses[index]
            assert response is not None
            leads = redirect(response, left, len(response.history))
            if isinstance(leads, Redirect):
                self._urls[index], self._locations[index] = leads
                if leads.location.origin != location.origin:
                    self._elsewhere.add(index)
            elif leads is not None:
                self._put(index, Response(response.url, error=leads))
        return bool(self._urls)

    def _put(self, index: int, response: Response) -> None:
        """Put the response in its place; what a redirect has led from becomes its history."""
        before = self._responses[index]
        if before is not None:
            response.history = (*before.history, before)
        self._responses[index] = response


def _complete(key: str, began: float, index: int, response: Response) -> None:
    """Say which URL's it is, count its start from the start of the call, and name the strategy in its error."""
    response.index = index
    for one in (response, *response.history):
        count_from(one, began)
    if response.error is not None:
        response.error.strategy = key
