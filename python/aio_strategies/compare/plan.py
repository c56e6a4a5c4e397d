"""What a comparison is to do: its settings, checked, its arms, and the order in which they run."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..catalogue import LANGUAGES, STRATEGIES
from ..checks import check_rate
from ..exceptions import ComparisonError
from ..hosts import Bounds

__all__ = ["Arm", "Plan", "Settings", "make_plan", "schedule"]


@dataclass(frozen=True, slots=True)
class Arm:
    """What is timed: a strategy in a language, or a program of the user's.

    Attributes:
        name: such as ``rust/thread``, or the name that the user gave.
        strategy: the strategy's key, or None for a user's arm.
        language: ``"python"`` or ``"rust"``, or None for a user's arm.
        twin_of: for the hidden twin of the baseline, its name: the same once more, which must come out equal.
        own_work: whether it is a program that fetches what it names itself, and not the comparison's URLs.
    """

    name: str
    strategy: str | None = None
    language: str | None = None
    twin_of: str | None = None
    own_work: bool = False

    @classmethod
    def of(cls, strategy: str, language: str) -> Arm:
        """Make the arm of a strategy in a language."""
        return cls(f"{language}/{strategy}", strategy, language)

    def twin(self) -> Arm:
        """Return the twin of this arm."""
        return replace(self, name=f"{self.name} (twin)", twin_of=self.name)

    @property
    def group(self) -> str:
        """What its neighbours in a round share with it."""
        return f"strategy {self.strategy}" if self.strategy else f"arm {self.twin_of or self.name}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of a comparison, checked and filled in.

    Attributes:
        strategies: the keys of the strategies, in the order of the table.
        languages: the languages, in the order of the table.
        arms: the names of the user's arms.
        baseline: the arm that all others are held against, as ``rust/thread``.
        urls: the URLs that were given, or None if a lab server was started.
        requests: the number of URLs that each run fetches.
        concurrency: the number of fetches that may be in flight.
        latency: seconds after which the lab answers, or None without a lab.
        rate: requests per second that are due to start (the open model), or None for as soon as may be.
        timeout: seconds within which each fetch must be done.
        rounds: the number of rounds that was asked for, or None for as many as the precision needs and the budget has.
        budget: seconds that the comparison may take, if ``rounds`` is None.
        hosts: the hosts that the lab stood in for, as ``example.com:80``, if the user's arms did work of their own.
    """

    strategies: tuple[str, ...]
    languages: tuple[str, ...]
    arms: tuple[str, ...]
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

    def facts(self, *, without: str | None = None) -> list[str]:
        """Return the settings that bear on every arm's time, in words, without that of a given name."""
        known = {
            "requests": f"{self.requests:,} request{'s' * (self.requests != 1)}",
            "concurrency": f"{self.concurrency:,} at a time",
        }
        if self.rate is not None:
            known["rate"] = f"due at {self.rate:,g}/s"
        if self.latency is not None:
            known["latency"] = f"latency {1000 * self.latency:g} ms"
        return [words for name, words in known.items() if name != without]


@dataclass(frozen=True, slots=True)
class Plan:
    """A comparison that can begin.

    Attributes:
        settings: the checked arguments.
        arms: the arms, in the order of the table.
        programs: the user's arms, by name: a pickled callable, or source text.
        bounds: what the user's arms are held to, if they do work of their own.
        left_out: the arms that are not available here, such as ``rust/process``, and why.
        seed: what the order of the runs is drawn from.
    """

    settings: Settings
    arms: tuple[Arm, ...]
    programs: Mapping[str, bytes | str]
    left_out: Mapping[str, str]
    seed: int
    bounds: Bounds | None = None

    @property
    def baseline(self) -> Arm:
        """The arm that all others are held against."""
        return next(arm for arm in self.arms if arm.name == self.settings.baseline)


def make_plan(
    strategies: Sequence[str] | None,
    languages: Sequence[str],
    *,
    arms: Mapping[str, Callable[..., Any] | str] | None,
    baseline: str | None,
    urls: Sequence[str] | None,
    requests: int,
    concurrency: int,
    latency: float,
    rate: float | None,
    timeout: float,
    rounds: int | None,
    budget: float,
    seed: int | None,
    bounds: Bounds | None = None,
) -> Plan:
    """Check the arguments of ``compare``, and draw a seed if there is none.

    With ``bounds``, the user's arms are programs that do work of their own: they fetch ``requests`` pages that they
    name themselves, from the hosts (which may be none) for which the lab stands in; they can reach no other, and each
    run of one may take ``timeout`` seconds.

    Raises:
        ComparisonError: none of the arms is available here.
        TypeError: a user's arm is neither callable nor text, or cannot be sent to a worker process.
        ValueError: an argument is out of range or an unknown name.
    """
    if isinstance(urls, str):
        raise ValueError("urls is one string: give a list of URLs")
    if urls is not None and not urls:
        raise ValueError("urls is empty: there is nothing to fetch")
    keys = (
        ()
        if strategies is not None and not strategies and arms
        else _names("strategies", strategies, known=tuple(STRATEGIES))
    )
    spoken = _names("languages", languages, known=LANGUAGES)
    chosen, left_out = [], {}
    for strategy in keys:
        for language in spoken:
            reason = STRATEGIES[strategy].unavailable.get(language)
            if reason is None:
                chosen.append(Arm.of(strategy, language))
            else:
                left_out[f"{language}/{strategy}"] = reason
    programs = {name: _program(name, program) for name, program in (arms or {}).items()}
    chosen += [Arm(name, own_work=bounds is not None) for name in programs]
    if not chosen:
        name, reason = next(iter(left_out.items()))
        raise ComparisonError(name, None, f"not available here, {reason}")
    names = [arm.name for arm in chosen]
    if baseline is None:
        baseline = names[0]
    elif baseline not in names:
        raise ValueError(f"baseline {baseline!r} is none of the arms: {', '.join(names)}")
    settings = Settings(
        strategies=keys,
        languages=spoken,
        arms=tuple(programs),
        baseline=baseline,
        urls=None if urls is None else tuple(urls),
        requests=_count("requests", requests if urls is None else len(urls)),
        concurrency=_count("concurrency", concurrency),
        latency=_seconds("latency", latency) if urls is None else None,
        rate=check_rate(rate),
        timeout=_seconds("timeout", timeout),
        rounds=None if rounds is None else _count("rounds", rounds),
        budget=_seconds("budget", budget),
        hosts=None if bounds is None else tuple(map(str, bounds.hosts)),
    )
    seed = random.SystemRandom().randrange(2**32) if seed is None else operator.index(seed)
    return Plan(settings, tuple(chosen), programs, left_out, seed, bounds)


def schedule(arms: Sequence[Arm], seed: int) -> Iterator[list[Arm]]:
    """Yield rounds without end, each with every arm once: the same ones for the same arms and seed.

    Strategies are shuffled in each round. The languages of one are neighbours, as a machine's speed drifts and
    neighbours share most of the drift; a coin decides which goes first, as alternating could fall in step with it.
    Another coin puts the baseline's twin before or behind the baseline's strategy.
    """
    coin = random.Random(seed)
    groups: dict[str, list[Arm]] = {}
    for arm in arms:
        groups.setdefault(arm.group, []).append(arm)
    while True:
        order: list[Arm] = []
        for group in coin.sample(list(groups.values()), len(groups)):
            twins = [arm for arm in group if arm.twin_of is not None]
            pair = [arm for arm in group if arm.twin_of is None]
            pair = coin.sample(pair, len(pair))
            order += twins + pair if coin.random() < 0.5 else pair + twins
        yield order


def _program(name: str, program: Callable[..., Any] | str) -> bytes | str:
    """Return a user's arm as it travels to its worker."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name of an arm must be some text, not {name!r}")
    if name.endswith("(twin)"):
        raise ValueError(f"arms[{name!r}]: names that end with (twin) are taken")
    if "/" in name and name.partition("/")[0] in LANGUAGES:
        raise ValueError(f"arms[{name!r}]: names that begin with {' or '.join(f'{x}/' for x in LANGUAGES)} are taken")
    if isinstance(program, str):
        import ast

        try:
            compile(program, f"<arm {name}>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError as error:
            raise ValueError(f"arms[{name!r}] is no Python source: {error}") from error
        return program
    if not callable(program):
        raise TypeError(f"arms[{name!r}] must be a callable that takes urls, or source text, not {program!r}")
    import cloudpickle

    try:
        pickled: bytes = cloudpickle.dumps(program)
    except Exception as error:
        raise TypeError(f"arms[{name!r}] cannot be sent to a worker process: {error}") from error
    return pickled


def _names(argument: str, given: Sequence[str] | None, *, known: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return known
    names = tuple(dict.fromkeys([given] if isinstance(given, str) else given))
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is none of the {argument}: {', '.join(known)}")
    if not names:
        raise ValueError(f"{argument} is empty: choose from {', '.join(known)}")
    return names


def _count(argument: str, value: int) -> int:
    if operator.index(value) < 1:
        raise ValueError(f"{argument} must be at least 1, not {value}")
    return operator.index(value)


def _seconds(argument: str, value: float) -> float:
    if not value >= 0:  # so written, nan is refused too
        raise ValueError(f"{argument} must be a number of seconds, not {value}")
    return float(value)
