"""What a comparison is to do: its settings, checked, its arms, and the order in which they run."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..catalogue import LANGUAGES, STRATEGIES
from ..checks import check_rate
from ..comparison.settings import Arm, Settings
from ..exceptions import ComparisonError
from ..lab.hosts import Bounds

__all__ = ["Plan", "make_plan", "schedule"]


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
