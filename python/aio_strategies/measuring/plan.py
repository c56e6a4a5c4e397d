"""The plan of a comparison: its checked settings, its arms, and the order in which they run."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..catalogue import LANGUAGES, STRATEGIES, TWINS, meant_by
from ..checks import (
    DEFAULT_BODY_SIZE,
    DEFAULT_LATENCY,
    DEFAULT_LOG_LIMIT,
    check_baseline,
    check_budget,
    check_concurrency,
    check_fetchable_urls,
    check_flag,
    check_latency,
    check_names,
    check_program_name,
    check_programs,
    check_rate,
    check_requests,
    check_rounds,
    check_seed,
    check_timeout,
)
from ..comparison.settings import Arm, Settings, declared_pairs
from ..exceptions import ComparisonError
from ..lab.hosts import Bounds
from ..lab.server import LabServer
from ..lab.site import Site, pages_to_crawl
from .programs import packed

__all__ = ["Plan", "make_plan", "schedule"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A comparison that is ready to begin.

    Attributes:
        settings: the checked arguments.
        arms: the arms, in the order of the table.
        programs: the caller's programs, by name: a packed callable, or source text.
        left_out: the arms that are not available here, such as ``rust/process``, and why.
        seed: the seed of the random order of the runs.
        bounds: the limits on the programs, if they name their own pages.
        lab: the caller's lab server, or None to start one (unless the settings have URLs).
    """

    settings: Settings
    arms: tuple[Arm, ...]
    programs: Mapping[str, bytes | str]
    left_out: Mapping[str, str]
    seed: int
    bounds: Bounds | None = None
    lab: LabServer | None = None

    @property
    def contrasts(self) -> int:
        """The number of contrasts to judge."""
        return len(declared_pairs(self.arms, self.settings.baseline))

    @property
    def baseline(self) -> Arm:
        """The arm that all others are compared with."""
        return next(arm for arm in self.arms if arm.name == self.settings.baseline)


def make_plan(
    strategies: str | Sequence[str] | None = None,
    languages: str | Sequence[str] = LANGUAGES,
    *,
    programs: Mapping[str, Callable[..., Any] | str] | None = None,
    baseline: str | None = None,
    lab: LabServer | None = None,
    urls: Iterable[str] | None = None,
    site: Site | None = None,
    requests: int = 10,
    concurrency: int = 10,
    latency: float | None = None,
    rate: float | None = None,
    keep_alive: bool = False,
    timeout: float = 30.0,
    https: bool = False,
    rounds: int | None = None,
    budget: float = 30.0,
    seed: int | None = None,
    bounds: Bounds | None = None,
) -> Plan:
    """Check the arguments of ``compare``, and draw a seed if there is none. Nothing is started.

    With ``bounds``, the programs name their own pages: each fetches ``requests`` pages from the hosts, if any, that
    the lab stands in for. Their Python code is refused other hosts, and each run may take ``timeout`` seconds.

    Raises:
        ComparisonError: none of the arms is available here.
        TypeError: an argument is of the wrong type, or a program cannot be sent to a worker process.
        ValueError: an argument is out of range or an unknown name.
        RuntimeError: the process of ``lab`` has ended.
    """
    programs = check_programs(programs)
    strategies = TWINS if strategies is None else strategies
    keys = check_names("strategies", "strategy", strategies, STRATEGIES, may_be_none=bool(programs))
    spoken = check_names("languages", "language", languages, LANGUAGES)
    chosen: list[Arm] = []
    left_out: dict[str, str] = {}
    for strategy in keys:
        written = [language for language in spoken if language in STRATEGIES[strategy].waits_by]
        if not written:
            left_out |= {f"{language}/{strategy}": f"there is no {language} version" for language in spoken}
        for language in written:
            reason = STRATEGIES[strategy].unavailable.get(language)
            if reason is None:
                chosen.append(Arm.of(strategy, language))
            else:
                left_out[f"{language}/{strategy}"] = reason
    carried = {check_program_name(name, LANGUAGES): packed(name, program) for name, program in programs.items()}
    beside = {name: key for name in carried if (key := meant_by(name)) in keys}
    chosen += [Arm(name, own_work=bounds is not None, beside=beside.get(name)) for name in carried]
    if site is not None:
        chosen = [replace(arm, own_work=True) for arm in chosen]
    names = [arm.name for arm in chosen]
    if names and baseline is not None:
        check_baseline(baseline, names)
    fetched = None if urls is None else tuple(check_fetchable_urls(urls))
    if site is not None:
        requests = _crawled(site, urls=fetched, rate=rate, lab=lab, bounds=bounds)
    else:
        requests = check_requests(requests) if fetched is None else len(fetched)
    if fetched is None and lab is None and requests > DEFAULT_LOG_LIMIT:
        raise ValueError(
            f"requests={requests:,} is too many: the lab server's log, which checks each, keeps {DEFAULT_LOG_LIMIT:,}"
        )
    settings = Settings(
        strategies=keys,
        languages=spoken,
        programs=tuple(carried),
        beside=beside,
        baseline=baseline or next(iter(names), ""),
        urls=fetched,
        site=site,
        requests=requests,
        concurrency=check_concurrency(concurrency),
        rate=check_rate(rate),
        keep_alive=check_flag("keep_alive", keep_alive),
        timeout=check_timeout(timeout),
        rounds=check_rounds(rounds),
        budget=check_budget(budget),
        hosts=None if bounds is None else tuple(map(str, bounds.hosts)),
        **_of_the_lab(
            lab,
            urls=fetched,
            latency=None if latency is None else check_latency(latency),
            https=check_flag("https", https),
            requests=requests,
            site=site,
        ),
    )
    _check_room(settings, len(chosen))
    seed = random.SystemRandom().randrange(2**32) if seed is None else check_seed(seed)
    if not chosen:
        name, reason = next(iter(left_out.items()))
        raise ComparisonError(name, None, f"not available here: {reason}")
    return Plan(settings, tuple(chosen), carried, left_out, seed, bounds, lab)


def _check_room(settings: Settings, arms: int) -> None:
    """Check that the budget has room for the shortest comparison: each arm fetches a page twice, one after another.

    Raises:
        ValueError: it has not.
    """
    if settings.rounds is not None or not settings.latency:
        return
    # A crawl is never cut.
    waves = 1 if settings.site is None else math.ceil(settings.requests / settings.concurrency)
    least = 2 * waves * settings.latency * (arms + 1)  # the baseline has a twin
    if least > settings.budget:
        work = "fetch a page" if settings.site is None else "crawl the site"
        raise ValueError(
            f"budget={settings.budget:g} is too small: with a latency of {settings.latency:g} s,"
            f" {arms} arms and the baseline's twin need at least {least:g} s to {work} twice each"
        )


def _crawled(
    site: Site, *, urls: Sequence[str] | None, rate: float | None, lab: LabServer | None, bounds: Bounds | None
) -> int:
    """Return how many requests one crawl of the site makes.

    Raises:
        TypeError: ``site`` is not a ``Site``.
        ValueError: not all crawls of it would be alike, or too long; or another argument conflicts with it.
    """
    if not isinstance(site, Site):
        raise TypeError(f"site must be a Site or None, not {site!r}")
    for name, value in (("urls", urls), ("rate", rate)):
        if value is not None:
            raise ValueError(f"give site= or {name}=, not both: a crawl finds its URLs itself")
    if bounds is not None:
        raise ValueError("site= does not apply to programs that name their own pages")
    for name, reason in _NO_SUCH_CRAWLS.items():
        if value := getattr(site, name):
            raise ValueError(f"a site with {name}={value} cannot be compared: {reason}")
    if isinstance(lab, LabServer) and lab.site != site:
        raise ValueError(f"site={site} conflicts with lab=, whose site is {lab.site}: start a LabServer with it")
    least = site.pages + site.wide
    requests = least if least > DEFAULT_LOG_LIMIT else len(pages_to_crawl(site, f"http://{site.names[0]}/"))
    if requests > DEFAULT_LOG_LIMIT:
        raise ValueError(
            f"site={site} is too large: the lab server's log, which checks each page, keeps {DEFAULT_LOG_LIMIT:,}"
        )
    return requests


#: What a site to compare crawls of must not have, and why.
_NO_SUCH_CRAWLS = {
    "calendar": "no crawl of it comes to an end",
    "throttled": "which pages are refused depends on the order of the requests",
    "unavailable": "which pages are refused depends on the order of the requests",
}


def _of_the_lab(
    lab: LabServer | None,
    *,
    urls: Sequence[str] | None,
    latency: float | None,
    https: bool,
    requests: int,
    site: Site | None,
) -> dict[str, Any]:
    """Return the settings of the lab server: the caller's, or the one that will be started, or none.

    Raises:
        TypeError: ``lab`` is not a ``LabServer``.
        ValueError: it is closed, its log is too short, or another argument conflicts with it.
        RuntimeError: its process has ended, or was started by another process (``ForkedProcessError``).
    """
    if lab is None:
        if urls is not None:
            if https:
                raise ValueError("https=True is for the lab server's pages: what urls= holds is fetched as it says")
            return {"latency": None}
        latency = DEFAULT_LATENCY if latency is None else latency
        body_size = DEFAULT_BODY_SIZE if site is None else None  # each page of a site has its own
        return {"latency": latency, "jitter": 0.0, "body_size": body_size, "https": https}
    if not isinstance(lab, LabServer):
        raise TypeError(f"lab must be a LabServer, not {lab!r}")
    if urls is not None:
        raise ValueError("give lab= or urls=, not both: with lab=, that lab server's pages are fetched")
    if latency is not None and latency != lab.latency:
        raise ValueError(
            f"latency={latency:g} conflicts with lab=, whose latency is {lab.latency:g}: leave latency out, or start a"
            " LabServer with it"
        )
    if https and lab.ca_file is None:
        raise ValueError("https=True conflicts with lab=, which serves plain http: start a LabServer(https=True)")
    if lab.closed:
        raise ValueError("lab is closed: give a running LabServer, for example inside its with block")
    if lab.log_limit < requests:
        raise ValueError(f"lab keeps only log_limit={lab.log_limit} records, but requests={requests} need one each")
    lab.stats()  # raises if it is dead
    return {
        "latency": lab.latency,
        "jitter": lab.jitter,
        "body_size": lab.body_size if site is None else None,
        "bandwidth": lab.bandwidth,
        "https": lab.ca_file is not None,
    }


def schedule(arms: Sequence[Arm], seed: int) -> Iterator[list[Arm]]:
    """Yield an endless sequence of rounds, each with every arm once. The same arms and seed give the same sequence.

    Strategies are shuffled in each round. The two languages of a strategy are neighbours, and so are the programs
    beside it: a machine's speed drifts, and neighbours share most of the drift. A coin decides which goes first, as
    strict alternation could fall in step with the drift. Another coin puts the baseline's twin before or after the
    baseline's strategy.
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
