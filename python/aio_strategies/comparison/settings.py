"""What was compared: the arms, and the settings that hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from ..checks import DEFAULT_BODY_SIZE
from ..lab.site import Site
from ..units import size_text

__all__ = ["WORK", "Arm", "Settings", "declared_pairs", "versions"]


@dataclass(frozen=True, slots=True)
class Arm:
    """What is timed, a row of the table: a strategy in a language, or a program of the caller's.

    Attributes:
        name: such as ``rust/thread``, or the name that the caller gave.
        strategy: the strategy's key, or None for a program.
        language: ``"python"`` or ``"rust"``, or None for a program.
        twin_of: for the hidden twin of the baseline, the baseline's name. Both run the same code, so their times should
            be equal.
        own_work: whether it finds its pages itself, instead of fetching the comparison's URLs: a program that names its
            own, or a crawl.
        beside: for a program that goes by a strategy's name, that strategy's key: it is compared with both languages.
    """

    name: str
    strategy: str | None = None
    language: str | None = None
    twin_of: str | None = None
    own_work: bool = False
    beside: str | None = None

    @classmethod
    def of(cls, strategy: str, language: str) -> Arm:
        """Make the arm of a strategy in a language."""
        return cls(f"{language}/{strategy}", strategy, language)

    def twin(self) -> Arm:
        """Return the twin of this arm."""
        return replace(self, name=f"{self.name} (twin)", twin_of=self.name)

    @property
    def group(self) -> str:
        """The group that neighbours in a round share."""
        strategy = self.strategy or self.beside
        return f"strategy {strategy}" if strategy else f"arm {self.twin_of or self.name}"

    def __str__(self) -> str:
        return self.name


def versions(arms: Sequence[Arm]) -> dict[str, tuple[str, str]]:
    """Return the strategies that are there in both languages, with the names of their arms: first Rust, then Python."""
    names = {arm.name for arm in arms}
    keys = dict.fromkeys(arm.strategy for arm in arms if arm.strategy is not None)
    pairs = {key: (Arm.of(key, "rust").name, Arm.of(key, "python").name) for key in keys}
    return {key: pair for key, pair in pairs.items() if names.issuperset(pair)}


def declared_pairs(arms: Sequence[Arm], baseline: str) -> list[tuple[str, str]]:
    """Return the names of the arms to compare, each with its base: Rust vs Python for each strategy, each program vs
    both languages of the strategy beside it, and each arm vs the baseline, if that is there.
    """
    pairs = list(versions(arms).values())
    pairs += [
        (arm.name, built_in.name)
        for arm in arms
        for built_in in arms
        if arm.beside is not None and built_in.strategy == arm.beside
    ]
    names = [arm.name for arm in arms]
    if baseline in names:
        known = {frozenset(pair) for pair in pairs}
        pairs += [(name, baseline) for name in names if name != baseline and frozenset((name, baseline)) not in known]
    return pairs


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of a comparison, checked and filled in.

    Attributes:
        strategies: the keys of the strategies, in the order of the table.
        languages: the languages, in the order of the table.
        programs: the names of the caller's own programs.
        baseline: the arm that all others are compared with, such as ``rust/thread``.
        urls: the URLs that were given, or None if a lab server's pages were fetched.
        requests: the number of URLs that each run fetches; of a crawl, all that it finds.
        concurrency: the number of fetches that may be in flight at once.
        latency: seconds before the lab answers, or None without a lab.
        rate: requests per second that are due to start (the open model), or None to start each as soon as possible.
        timeout: the limit on each fetch, in seconds.
        rounds: the requested number of rounds, or None for as many as the precision needs and the budget allows.
        budget: the limit on the comparison in seconds, if ``rounds`` is None.
        hosts: the hosts that the lab stood in for, such as ``example.com:80``, if the programs named their own pages.
        jitter: upper bound of the lab's extra delay in seconds, or None without a lab.
        body_size: size of each of the lab's pages in bytes, or None without a lab.
        bandwidth: bytes of the body that the lab sends per second and connection, or None for no limit.
        https: whether the lab server's pages were fetched over https.
        keep_alive: whether connections were used again.
        beside: the strategy whose name a program goes by, if it is one of ``strategies``, by the program's name.
        site: the lab's site, if each run was a crawl of it.
    """

    strategies: tuple[str, ...]
    languages: tuple[str, ...]
    programs: tuple[str, ...]
    baseline: str
    urls: tuple[str, ...] | None
    requests: int
    concurrency: int
    latency: float | None
    rate: float | None
    timeout: float
    rounds: int | None
    budget: float
    hosts: tuple[str, ...] | None = None
    jitter: float | None = None
    body_size: int | None = None
    bandwidth: float | None = None
    https: bool = False
    keep_alive: bool = False
    beside: Mapping[str, str] = field(default_factory=dict, hash=False)
    site: Site | None = None

    @property
    def arms(self) -> list[Arm]:
        """All arms in the order of the table: each strategy with the programs beside it, then the other programs."""
        programs = [Arm(name, beside=self.beside.get(name)) for name in self.programs]
        arms = []
        for strategy in self.strategies:
            arms += [Arm.of(strategy, language) for language in self.languages]
            arms += [program for program in programs if program.beside == strategy]
        return arms + [program for program in programs if program.beside is None]

    def facts(self, *, without: str | None = None) -> list[str]:
        """Return the settings that affect every arm's time, as text; ``without`` names one to leave out."""
        known = {
            "requests": _count(self.requests, "request"),
            "concurrency": f"{self.concurrency:,} at a time",
        }
        if self.site is not None:
            pages = _count(self.site.pages, "page")
            if self.site.pages != self.requests:  # there are redirects or errors, too
                pages = f"{_count(self.requests, 'URL')} ({pages})"
            known["requests"] = f"a crawl of {pages} on {_count(self.site.hosts, 'host')}"
            known["concurrency"] = f"at most {self.concurrency:,} at a time"
        if self.rate is not None:
            known["rate"] = f"due at {self.rate:,g}/s"
        if self.keep_alive:
            known["keep_alive"] = "keep-alive"
        if self.https:
            known["https"] = "https"
        if self.latency is not None:
            known["latency"] = f"latency {1000 * self.latency:g} ms"
        if self.jitter:
            known["jitter"] = f"jitter up to {1000 * self.jitter:g} ms"
        if self.body_size not in (None, DEFAULT_BODY_SIZE):
            known["body_size"] = f"body {size_text(self.body_size or 0)}"
        if self.bandwidth is not None:
            known["bandwidth"] = f"bandwidth {size_text(self.bandwidth)}/s per connection"
        return [words for name, words in known.items() if name != without]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


_HOW_TIMED = {"strategies", "languages", "programs", "beside", "baseline", "timeout", "rounds", "budget"}

WORK = tuple(setting.name for setting in fields(Settings) if setting.name not in _HOW_TIMED)
"""The settings that say what each arm had to do. The others say which arms did it, and how they were timed."""
