"""What a comparison is to do: its settings, checked, its arms, and the order in which they run."""

from __future__ import annotations

import operator
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..exceptions import ComparisonError
from ..strategies import LANGUAGES, STRATEGIES

__all__ = ["Arm", "Plan", "Settings", "make_plan", "schedule"]


@dataclass(frozen=True, slots=True)
class Arm:
    """A strategy in a language; as text, such as ``rust/thread``.

    Attributes:
        strategy: the strategy's key.
        language: ``"python"`` or ``"rust"``.
    """

    strategy: str
    language: str

    def __str__(self) -> str:
        return f"{self.language}/{self.strategy}"


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of a comparison, checked and filled in.

    Attributes:
        strategies: the keys of the strategies, in the order of the table.
        languages: the languages, in the order of the table.
        urls: the URLs that were given, or None if a lab server was started.
        requests: the number of URLs that each run fetches.
        concurrency: the number of fetches that may be in flight.
        latency: seconds after which the lab answers, or None without a lab.
        timeout: seconds within which each fetch must be done.
        rounds: the number of rounds that was asked for, or None for as many as fit in the budget.
        budget: seconds that the comparison may take, if ``rounds`` is None.
    """

    strategies: tuple[str, ...]
    languages: tuple[str, ...]
    urls: tuple[str, ...] | None
    requests: int
    concurrency: int
    latency: float | None
    timeout: float
    rounds: int | None
    budget: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A comparison that can begin.

    Attributes:
        settings: the checked arguments.
        arms: the arms, in the order of the table.
        left_out: the arms that are not available here, such as ``rust/process``, and why.
        seed: what the order of the runs is drawn from.
    """

    settings: Settings
    arms: tuple[Arm, ...]
    left_out: Mapping[str, str]
    seed: int


def make_plan(
    strategies: Sequence[str] | None,
    languages: Sequence[str],
    *,
    urls: Sequence[str] | None,
    requests: int,
    concurrency: int,
    latency: float,
    timeout: float,
    rounds: int | None,
    budget: float,
    seed: int | None,
) -> Plan:
    """Check the arguments of ``compare``, and draw a seed if there is none.

    Raises:
        ComparisonError: none of the arms is available here.
        ValueError: an argument is out of range or an unknown name.
    """
    if isinstance(urls, str):
        raise ValueError("urls is one string: give a list of URLs")
    if urls is not None and not urls:
        raise ValueError("urls is empty: there is nothing to fetch")
    settings = Settings(
        strategies=_names("strategies", strategies, known=tuple(STRATEGIES)),
        languages=_names("languages", languages, known=LANGUAGES),
        urls=None if urls is None else tuple(urls),
        requests=_count("requests", requests if urls is None else len(urls)),
        concurrency=_count("concurrency", concurrency),
        latency=_seconds("latency", latency) if urls is None else None,
        timeout=_seconds("timeout", timeout),
        rounds=None if rounds is None else _count("rounds", rounds),
        budget=_seconds("budget", budget),
    )
    arms, left_out = [], {}
    for arm in (Arm(strategy, language) for strategy in settings.strategies for language in settings.languages):
        reason = STRATEGIES[arm.strategy].unavailable.get(arm.language)
        if reason is None:
            arms.append(arm)
        else:
            left_out[str(arm)] = reason
    if not arms:
        name, reason = next(iter(left_out.items()))
        raise ComparisonError(name, None, f"not available here, {reason}")
    seed = random.SystemRandom().randrange(2**32) if seed is None else operator.index(seed)
    return Plan(settings, tuple(arms), left_out, seed)


def schedule(arms: Sequence[Arm], seed: int) -> Iterator[list[Arm]]:
    """Yield rounds without end, each with every arm once: the same ones for the same arms and seed.

    Strategies are shuffled in each round. The languages of one are neighbours, as a machine's speed drifts and
    neighbours share most of the drift; a coin decides which goes first, as alternating could fall in step with it.
    """
    coin = random.Random(seed)
    pairs: dict[str, list[Arm]] = {}
    for arm in arms:
        pairs.setdefault(arm.strategy, []).append(arm)
    while True:
        shuffled = coin.sample(list(pairs.values()), len(pairs))
        yield [arm for pair in shuffled for arm in coin.sample(pair, len(pair))]


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
