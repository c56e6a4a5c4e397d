"""The catalogue of strategies, with the section of the lecture that explains each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from . import _native
from .checks import check_name
from .exceptions import UnavailableError

if TYPE_CHECKING:
    from .display.tables import Table

__all__ = ["LANGUAGES", "STRATEGIES", "TWINS", "Catalogue", "Strategy", "by_key", "find", "meant_by", "strategies"]

LANGUAGES = ("python", "rust")


class Strategy(NamedTuple):
    """One way to wait for the network.

    Attributes:
        key: its name in this package.
        section: the lecture's section, or "" if the lecture does not have it.
        title: its name in English.
        title_zh: its name in the lecture.
        waits_by: how it waits, for each language in which it is written.
        one_at_a_time: whether it never has more than one exchange in flight.
        lecture_seconds: the lecture's own measurement in seconds (2021, ten requests to a public host), or None.
        unavailable: the languages in which it cannot run on this machine, with the reason.
    """

    key: str
    section: str
    title: str
    title_zh: str
    waits_by: Mapping[str, str]
    one_at_a_time: bool
    lecture_seconds: float | None
    unavailable: Mapping[str, str] = MappingProxyType({})

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages in which it can run on this machine."""
        return tuple(language for language in self.waits_by if language not in self.unavailable)

    @property
    def label(self) -> str:
        """Its key, and the lecture's section if there is one."""
        return f"{self.key} ({self.section})" if self.section else self.key


class _RustLacks(Mapping[str, str]):
    """Why Rust's version cannot run here, if it cannot. That is found out when somebody looks."""

    def __init__(self, key: str) -> None:
        self._key = key

    @cached_property
    def _reasons(self) -> Mapping[str, str]:
        reason = _native.unavailable(self._key)
        return {} if reason is None else {"rust": reason}

    def __getitem__(self, language: str) -> str:
        return self._reasons[language]

    def __iter__(self) -> Iterator[str]:
        return iter(self._reasons)

    def __len__(self) -> int:
        return len(self._reasons)

    def __repr__(self) -> str:
        return repr(self._reasons)


def _strategy(
    key: str,
    section: str,
    title: str,
    title_zh: str,
    python: str,
    rust: str,
    seconds: float | None,
    *,
    one_at_a_time: bool = False,
) -> Strategy:
    waits_by = MappingProxyType({"python": python, "rust": rust})
    return Strategy(key, section, title, title_zh, waits_by, one_at_a_time, seconds)


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        strategy.key: strategy
        for strategy in (
            _strategy(
                "blocking",
                "2.2.1",
                "blocking",
                "同步阻塞",
                "blocking socket, one URL after another",
                "blocking std::net socket, one URL after another",
                1.3751,
                one_at_a_time=True,
            ),
            _strategy(
                "process",
                "2.2.2",
                "multi-process",
                "多进程",
                "ProcessPoolExecutor",
                "a pool of worker processes",
                0.8139,
            ),
            _strategy(
                "thread", "2.2.3", "multi-thread", "多线程", "ThreadPoolExecutor", "OS threads of its own", 0.2436
            ),
            _strategy(
                "nonblocking",
                "2.2.4",
                "non-blocking",
                "非阻塞",
                "busy-waiting on a non-blocking socket, one URL after another",
                "the same busy-waiting",
                1.1245,
                one_at_a_time=True,
            ),
            _strategy(
                "callback",
                "2.2.5",
                "callbacks + event loop",
                "回调 + 事件循环",
                "an event loop on selectors that calls registered callbacks",
                "an event loop on mio that calls boxed callbacks",
                0.2548,
            ),
            _strategy(
                "generator",
                "2.3.2.1",
                "generator coroutines",
                "生成器协程",
                "generators that yield a Future, stepped by a Task",
                "coroutines that yield a Future, stepped by a Task",
                0.1850,
            ),
            _strategy(
                "yield_from",
                "2.3.2.2",
                "yield from",
                "yield from",
                "sub-generators: connect, read, read_all",
                "async fns awaited on our own small executor",
                0.1895,
            ),
            _strategy("asyncio", "2.3.4", "asyncio", "asyncio", "native coroutines on asyncio streams", "tokio", None),
            Strategy(
                "uring",
                "",
                "io_uring",
                "io_uring",
                MappingProxyType({"rust": "chains of operations that the kernel completes by itself (io_uring)"}),
                one_at_a_time=False,
                lecture_seconds=None,
                unavailable=_RustLacks("uring"),
            ),
        )
    }
)
"""The strategies by key: in the lecture's order, then what it does not have."""

TWINS = tuple(key for key, strategy in STRATEGIES.items() if set(strategy.waits_by) == set(LANGUAGES))
"""The keys of the strategies that are written in both languages."""


#: What else people call the strategies, in the spelling of ``_plain``.
_ALSO_CALLED: Mapping[str, tuple[str, ...]] = {
    "blocking": ("sync", "synchronous", "同步阻塞方式"),
    "process": ("processes", "processpool", "multiprocess", "multiprocesses", "multiprocessing"),
    "thread": ("threads", "threadpool", "threading", "multithread", "multithreads", "multithreading"),
    "nonblocking": ("非阻塞方式",),
    "callback": ("callbacks", "callbackeventloop", "回调"),
    "generator": ("generators", "generatorcoroutine", "基于生成器的协程"),
    "yield_from": ("用yieldfrom改进",),
    "asyncio": ("async", "asyncawait", "nativecoroutines", "asyncio和原生协程"),
    "uring": (),
}


class Catalogue(tuple[Strategy, ...]):
    """The strategies, the lecture's in its order; shown as a table."""

    def __repr__(self) -> str:
        from .display.text import terminal_columns

        unavailable = [
            f"not available here: {language}/{strategy.key} ({reason})"
            for strategy in self
            for language, reason in strategy.unavailable.items()
        ]
        return "\n".join([self._table().to_text(terminal_columns()), *unavailable])

    def _repr_html_(self) -> str:
        from .display.notebook import html_table

        return html_table(self._table())

    def _table(self) -> Table:
        from .display.tables import Column, Table

        return Table(
            (
                Column("key"),
                Column("lecture"),
                Column("title", drop=4),
                Column("讲义"),
                Column("Python waits by", drop=3),
                Column("Rust waits by", drop=2),
                Column("available in", drop=1),
            ),
            tuple(
                (
                    s.key,
                    s.section,
                    s.title,
                    s.title_zh,
                    *(s.waits_by.get(language, "–") for language in LANGUAGES),
                    ", ".join(s.languages),
                )
                for s in self
            ),
        )


def strategies() -> Catalogue:
    """Return all strategies: their keys, sections and titles, how each waits, and where it is available."""
    return Catalogue(STRATEGIES.values())


def by_key(key: str) -> Strategy:
    """Return the strategy with this key, whether or not it is available on this machine.

    Raises:
        ValueError: there is no such strategy.
    """
    return STRATEGIES[check_name("strategy", key, STRATEGIES)]


def find(strategy: str, language: str) -> Strategy:
    """Return the strategy with this key, if it can run here in this language.

    Raises:
        ValueError: there is no such strategy or language, or the strategy is not written in this language.
        UnavailableError: this machine cannot run it in this language.
    """
    found = by_key(strategy)
    check_name("language", language, LANGUAGES)
    check_name(f"version of {strategy!r} in the language", language, found.waits_by)
    if language in found.unavailable:
        raise UnavailableError(f"{strategy!r} is not available in {language} here: {found.unavailable[language]}")
    return found


def meant_by(name: str) -> str | None:
    """Return the key of the strategy that goes by this name, or None.

    A strategy goes by its key, section, titles and other usual names. Case, spaces and punctuation do not matter, nor
    does a leading "my": ``thread``, ``my threads``, ``Thread Pool``, ``2.2.3`` and ``多线程`` mean the same.
    """
    return _KEYS.get(_plain(name).removeprefix("my"))


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


_KEYS = {
    _plain(name): strategy.key
    for strategy in STRATEGIES.values()
    for name in (
        *(strategy.key, strategy.section, strategy.title, strategy.title_zh),
        *_ALSO_CALLED[strategy.key],
    )
    if name
}
