"""Carries out a plan within the budget: the gate, the cost pass, and the timed rounds.

The protocol, and the evidence for it, are in docs/measuring.md.
"""

from __future__ import annotations

import math
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from .._native import fewest_rounds
from ..catalogue import STRATEGIES
from ..checks import TOLD
from ..comparison.arm_times import TimedRun
from ..comparison.comparison import Comparison
from ..comparison.conditions import Conditions
from ..comparison.costs import Costs
from ..comparison.findings import Ending
from ..comparison.kept_exchanges import KeptExchanges
from ..comparison.settings import Arm, Settings
from ..display.progress import Notice, Show
from ..exceptions import ComparisonError
from ..lab.log import LogRecord
from ..lab.page_urls import path_of
from ..lab.server import Entrance, LabServer, private_entrance
from .crawled_site import CrawledSite
from .crew import ArmFailed, ArmLate, Crew, Interrupted, OutOfTime, Stop
from .environment import describe
from .gate import CrawlGate, Gate
from .machine import Monitor, descriptor_limit, port_count, sockets_in_time_wait
from .messages import Assignment, BatchReport, Order, Report
from .plan import Plan, schedule
from .sizes import Sizes
from .watching import SystemCallCounter, Watch, why_no_memory, why_no_system_calls

__all__ = ["LOOKS", "Session", "as_comparison_error", "assignment", "measure"]

LOOKS = (10, 15, 20, 30, 40, 60)
"""The numbers of rounds after which the precision is checked; the last is the limit."""

_PRECISE = 0.05
#: The shares of the budget that the gate and the cost pass may use, and by which a comparison may overrun.
_FOR_GATE, _FOR_COSTS, _OVERRUN = 0.2, 0.15, 0.05
#: How often workers are renewed within ten rounds.
_RENEWALS = 4
#: The share of the time to plan for; the rest is a reserve for whatever takes longer than predicted.
_SAFELY = 0.95
#: A run may last this many seconds, a fetch's time limit, and so many times what was predicted, until it is given up.
_PATIENCE, _UNEXPECTED = 10.0, 5.0
#: How many times as long a run may take while it is traced.
_TRACED = 5
#: The seconds that it takes to read a page and find its links, at most.
_READING = 0.05
#: About how many exchanges to keep, of all arms together.
_KEPT_EXCHANGES = 200_000


def measure(plan: Plan, show: Show, called_off: Callable[[], bool] = lambda: False) -> Comparison:
    """Carry out the plan: start a lab server unless one or URLs are given, pass the gate, and time the rounds.

    Args:
        plan: the plan.
        show: gets ``(runs done, runs expected, what comes next)`` before every run, and once at the end. An exception
            that it raises ends the comparison.
        called_off: called now and then; returns whether to stop.

    Returns:
        The comparison; also after a KeyboardInterrupt or a cancellation, if any run was timed by then.

    Raises:
        ComparisonError: the arms do not do the same work, or the budget was too small for a single run.
        KeyboardInterrupt: Ctrl-C came before any run was timed.
        Interrupted: the comparison was cancelled before any run was timed.
    """
    settings = plan.settings
    stop = Stop(called_off)
    started = time.monotonic()
    end = math.inf if settings.rounds is not None else started + settings.budget
    stop.deadline = end + _OVERRUN * settings.budget if end < math.inf else end
    with ExitStack() as stack:
        lab: LabServer | None = None
        if plan.lab is not None:
            lab = plan.lab
        elif settings.urls is None:
            assert settings.latency is not None
            lab = stack.enter_context(LabServer(latency=settings.latency, https=settings.https, site=settings.site))
        entrance = None if lab is None else private_entrance(lab)
        crawled = None if settings.site is None or entrance is None else CrawledSite(settings.site, entrance)
        urls: Sequence[str] = settings.urls or (entrance.page_urls(settings.requests) if entrance else ())
        if crawled is not None:
            urls = crawled.roots
        arms = (*plan.arms, plan.baseline.twin())
        crew = stack.enter_context(Crew({arm: assignment(plan, arm, urls, lab) for arm in arms}, stop))
        session = Session(plan, arms, urls, crawled, lab, crew, stop, end, show)
        try:
            session.prepare()
            session.look_at_costs()
            session.time_rounds()
        except OutOfTime as late:
            if not session.runs:
                raise ComparisonError(
                    late.arm.name, None, f"the budget of {settings.budget:g} s was too small for a single run"
                ) from None
            session.ended = "budget"
        except (KeyboardInterrupt, Interrupted):
            if not session.runs:
                raise
            session.ended = "interrupted"
        return session.result()


def assignment(plan: Plan, arm: Arm, urls: Sequence[str], lab: LabServer | None) -> Assignment:
    """Return the assignment of an arm's worker."""
    settings = plan.settings
    told = Assignment(
        parent=os.getpid(),
        strategy=arm.strategy,
        language=arm.language,
        program=plan.programs.get(arm.twin_of or arm.name),
        options={name: getattr(settings, name) for name in TOLD},
        urls=urls,
        ca_file=None if lab is None else lab.ca_file,
    )
    if not arm.own_work or lab is None:
        return told
    told = told._replace(lab_port=private_entrance(lab).port)
    if settings.site is not None:
        return told._replace(crawled=settings.site.names)
    return told._replace(bounds=plan.bounds, time_limit=settings.timeout)


class Session:
    """One comparison in progress.

    Attributes:
        runs: the timed runs so far.
        ended: why there are no more.
    """

    def __init__(
        self,
        plan: Plan,
        arms: Sequence[Arm],
        urls: Sequence[str],
        crawled: CrawledSite | None,
        lab: LabServer | None,
        crew: Crew,
        stop: Stop,
        end: float,
        show: Show,
    ) -> None:
        self.runs: list[TimedRun] = []
        self.ended: Ending = "rounds"
        self._plan = plan
        self._settings: Settings = plan.settings
        self._arms = arms
        self._gate = Gate(urls) if crawled is None else CrawlGate(crawled)
        self._crawled = crawled
        self._public = lab
        self._lab = None if lab is None else private_entrance(lab)
        self._strangers_before = 0 if lab is None else _answered(lab)
        self._crew = crew
        self._stop = stop
        self._end = end
        self._show = show
        self._done = 0
        self._expected = 0
        self._sizes = Sizes(plan.settings, arms)
        self._generation = 0
        #: The time that it takes to restart and warm up all workers, in seconds.
        self._renewal_seconds = 0.0
        self._costs: dict[str, Costs] = {}
        self._conditions = Conditions()
        self._exchanges = KeptExchanges()
        self._kept: dict[Arm, int] = {}
        self._failures: dict[str, list[str]] = {}
        self._unchecked: set[str] = set()
        #: The arms that had to be killed: they are not tried again.
        self._given_up: set[Arm] = set()
        self._printed: dict[str, str] = {}

    def result(self) -> Comparison:
        """Return what has been measured so far."""
        environment = dict(describe())
        for name, value in (("descriptor_limit", descriptor_limit()), ("ports", port_count())):
            if value is not None:
                environment[name] = value
        environment["sockets_in_time_wait"] = sockets_in_time_wait()
        if self._public is not None:
            with suppress(RuntimeError):  # it has ended
                self._conditions.strangers = max(0, _answered(self._public) - self._strangers_before)
        return Comparison(
            self._settings,
            self._plan.seed,
            environment,
            tuple(self.runs),
            self._plan.left_out,
            costs=self._costs,
            conditions=self._conditions,
            kept_exchanges=self._exchanges,
            failures=self._failures,
            unchecked=tuple(sorted(self._unchecked)),
            printed=self._printed,
            url=self._url(),
            ended=self.ended,
        )

    def _url(self) -> str | None:
        if self._public is None:
            return None
        return self._public.url if self._crawled is None else self._public.site_url

    # --- the gate

    def prepare(self) -> None:
        """Start the workers, have every arm fetch the same URLs, and note how long it takes."""
        self._expected = len(self._arms) * (2 + (self._settings.rounds or LOOKS[0]))
        self._tell("starting the workers")
        began = time.monotonic()
        try:
            _raise_first(self._crew.start())
            order, seconds = Order(1, want="outcomes"), 0.0
            if self._crawled is not None:  # the shortest crawl is a whole one
                everything = self._settings.requests
                order, seconds = order._replace(requests=everything), len(self._arms) * self._longest_crawl
            first, failures = self._crew.run_all(dict.fromkeys(self._arms, order), self._time_limit(seconds))
            _raise_first(failures)
            self._renewal_seconds = time.monotonic() - began
            for arm in self._plan.arms:
                if arm.strategy is None and (words := self._crew.printed(arm)):
                    self._printed[arm.name] = words
            for arm in self._arms:
                self._check(arm, first[arm], 1, None)
                self._tell(f"{arm}, warm-up")
                self._pass_gate(arm, first[arm].batches[0].wall)
        except ArmFailed as failure:
            raise as_comparison_error(failure) from None
        self._fit_into_budget()

    def _pass_gate(self, arm: Arm, one: float) -> None:
        """Have an arm fetch as many of the URLs as there is time for; a single one took ``one`` seconds."""
        everything = self._settings.requests
        share = math.inf if self._end == math.inf else self._settings.budget * _FOR_GATE / len(self._arms)
        if self._settings.rate is not None and arm.strategy is not None:
            one = max(one, 1 / self._settings.rate)
        # Two sizes tell what a batch takes in any case from what each request adds. A wave is the smallest that shows
        # how the arm works.
        wave = self._settings.concurrency if everything >= 2 * self._settings.concurrency else everything
        count = everything if arm.own_work else max(1, min(wave, int(min(share / max(one, 1e-9), everything))))
        walls: list[tuple[int, float]] = []
        while True:
            if self._lab is not None:
                self._lab.reset()
            seconds = one if self._crawled is not None else one * count
            report = self._crew.run(arm, Order(count, want="outcomes"), self._time_limit(seconds))
            log = None if self._lab is None else self._lab.log()
            self._check(arm, report, count, log)
            wall = report.batches[0].wall
            walls.append((count, wall))
            if arm.strategy is not None:
                one_by_one = STRATEGIES[arm.strategy].one_at_a_time
            else:
                one_by_one = self._lab is not None and self._lab.stats().peak_in_flight == 1 < count
            self._sizes.learn(arm, walls[-2:], report.cpu / count, one_by_one=one_by_one)
            # The first sizes may predict too long a time: see whether there is time for more.
            more = min(everything, int(0.5 * share * count / wall)) if wall and share < math.inf else everything
            if count == everything or more < min(2 * count, everything):
                return
            count = more

    def _check(self, arm: Arm, report: Report, count: int, log: Sequence[LogRecord] | None) -> None:
        gate, outcomes, found = self._gate, report.batches[0].outcomes, report.batches[0].found
        if isinstance(gate, CrawlGate):
            if log is not None:
                gate.check_log(arm, log)
            if found is not None:
                gate.check(arm, found)
            elif arm.twin_of is None:
                self._unchecked.add(arm.name)
            return
        if arm.own_work:
            if log is not None:
                gate.check_own_work(arm, log, count)
            return
        if outcomes is not None:
            gate.check(arm, outcomes, count)
        elif arm.twin_of is None:
            self._unchecked.add(arm.name)
        if log is not None:
            gate.check_log(arm, log, count)

    def _fit_into_budget(self) -> None:
        """Fit enough rounds for verdicts into what the cost pass and the fresh workers leave of the budget.

        How is up to ``Sizes.fit``. If there are too few for verdicts, the progress says so in any case.
        """
        costs = min(_FOR_COSTS * self._settings.budget, self._sizes.warm_up_seconds)
        beside = costs + _RENEWALS * self._renewal_seconds
        enough = max(LOOKS[0], fewest_rounds(self._plan.contrasts))
        rounds = self._settings.rounds
        if rounds is None:
            seconds = _SAFELY * max(0.0, self._end - time.monotonic() - beside)
            rounds = self._sizes.fit(seconds, enough) if seconds < math.inf else enough
        if rounds < (needed := fewest_rounds(self._plan.contrasts)):
            told = f"room for {rounds} round{'s' * (rounds != 1)}, but verdicts need at least {needed}"
            self._show(self._done, max(self._expected, self._done), Notice(told))

    @property
    def _longest_crawl(self) -> float:
        """About the longest that an arm takes for a crawl, in seconds, before it is known."""
        settings, site = self._settings, self._settings.site
        assert site is not None
        wait = (settings.latency or 0.0) + (settings.jitter or 0.0) + site.slow
        wait += site.size / settings.bandwidth if settings.bandwidth else 0.0
        return settings.requests * (wait + _READING)

    def _time_limit(self, seconds: float) -> float:
        """Return the seconds after which an order that should take so many is given up."""
        return self._settings.timeout + _PATIENCE + _UNEXPECTED * seconds

    # --- the costs

    def look_at_costs(self) -> None:
        """Watch one batch of each arm from the outside."""
        no_memory, no_calls = why_no_memory(), why_no_system_calls()
        give_up = math.inf
        if self._end < math.inf:
            give_up = time.monotonic() + min(
                _FOR_COSTS * self._settings.budget, 0.5 * max(0.0, self._end - time.monotonic())
            )
        no_room = "the budget had no room for it"
        for place, arm in enumerate(self._plan.arms):
            requests = self._sizes.traced(arm, (give_up - time.monotonic()) / (len(self._plan.arms) - place))
            self._costs[arm.name] = Costs(requests, missing={"memory": no_room, "system_calls": no_room})
            seconds = self._sizes.seconds(arm, requests)
            if time.monotonic() + seconds > give_up:
                continue
            self._tell(f"{arm}, costs")
            try:
                # tracing may slow an arm down unpredictably
                with self._stop.no_later_than(max(give_up, time.monotonic() + _TRACED * seconds)):
                    self._costs[arm.name] = self._look(arm, requests, no_memory, no_calls)
            except (ArmLate, OutOfTime):
                self._crew.replace(arm)
            except ArmFailed as failure:
                raise as_comparison_error(failure) from None

    def _look(self, arm: Arm, requests: int, no_memory: str | None, no_calls: str | None) -> Costs:
        pid = self._crew.pid(arm)
        order = Order(requests)
        limit = self._time_limit(_TRACED * self._sizes.seconds(arm, requests))
        missing = {}
        calls = None
        watch = Watch(pid)
        if no_calls is None:
            with SystemCallCounter(pid) as counter:
                report = self._crew.run(arm, order, limit, watch)
            calls = counter.calls
            no_calls = counter.trouble
        else:
            report = self._crew.run(arm, order, limit, watch)
        if calls is None:
            missing["system_calls"] = no_calls
        if no_memory is not None:
            missing["memory"] = no_memory
        return Costs(
            requests,
            wall=report.batches[0].wall,
            peak_memory=watch.peak_memory if no_memory is None else None,
            threads=watch.threads or None,
            processes=watch.processes or None,
            system_calls=calls,
            missing=missing,
        )

    # --- the rounds

    def time_rounds(self) -> None:
        """Time rounds until they are precise enough, or the budget is used up."""
        round_seconds = self._sizes.round_seconds
        for number, order in enumerate(schedule(self._arms, self._plan.seed), 1):
            renews = self._renews_before(number)
            if not self._goes_on(number - 1, round_seconds + (self._renewal_seconds if renews else 0.0)):
                break
            if renews:
                began = time.monotonic()
                self._renew_workers(number)
                self._renewal_seconds = time.monotonic() - began
            began = time.monotonic()
            for arm in order:
                if arm not in self._given_up:
                    self._tell(f"{arm}, round {number}")
                    self._time(arm, number)
            round_seconds = time.monotonic() - began
            self._expect(number, round_seconds)
        self._show(self._done, self._done, "done")

    def _goes_on(self, done: int, seconds: float) -> bool:
        """Tell whether to time another round, which takes so many seconds."""
        if self._settings.rounds is not None:
            return done < self._settings.rounds
        if done >= LOOKS[-1]:
            return False
        if done in LOOKS and self._is_precise():
            self.ended = "precise"
            return False
        # The first round is always tried; the deadline ends it if necessary.
        if done and time.monotonic() + seconds > self._end:
            self.ended = "budget"
            return False
        return True

    def _is_precise(self) -> bool:
        """Tell whether every headline interval is narrow enough."""
        # Only the wall times, as everything else takes time to evaluate.
        so_far = Comparison(self._settings, self._plan.seed, {}, tuple(self.runs), self._plan.left_out)
        headline = so_far.headline or ([so_far.aa_check] if so_far.aa_check else [])
        if so_far.rounds < fewest_rounds(len(so_far.contrasts)):
            return False
        return all(contrast.half_width <= _PRECISE for contrast in headline)

    def _renews_before(self, round_: int) -> bool:
        """Tell whether workers are replaced before this round: at least four times, not counting those of the gate."""
        if self._settings.rounds is not None:
            return (round_ - 1) % max(1, self._settings.rounds // 5) == 0
        return round_ in (1, 4, 6, 8) or round_ % 5 == 1

    def _renew_workers(self, round_: int) -> None:
        """Start fresh workers, and have each run one untimed batch."""
        self._tell(f"fresh workers, round {round_}")
        self._generation += 1
        failed = {failure.arm for failure in self._crew.start()}  # reported when its turn comes
        orders = {arm: Order(self._sizes.warm_up(arm)) for arm in self._arms if arm not in failed}
        self._crew.run_all(orders, self._time_limit(self._sizes.warm_up_seconds))

    def _time(self, arm: Arm, round_: int) -> None:
        requests, batches = self._sizes.requests(arm, round_), self._sizes.batches(arm)
        limit = self._time_limit(batches * self._sizes.seconds(arm, requests))
        # The twin must report as much as the baseline, or the two would not be alike.
        kept = self._kept.get(arm, 0)
        keeps = kept == 0 or kept + requests * batches <= _KEPT_EXCHANGES // len(self._arms)
        lab_cpu = 0.0
        if self._lab is not None:
            self._lab.reset()
            lab_cpu = -_cpu(self._lab)
        monitor = Monitor()
        try:
            report = self._crew.run(arm, Order(requests, batches, "times" if keeps else "clocks"), limit)
        except ArmFailed as failure:
            self._note_failure(failure)
            return
        peak = connections = None
        errors = sum(len(self._errors(batch)) for batch in report.batches)
        if self._lab is not None:
            stats = self._lab.stats()
            served, expected = stats.served, requests * batches
            if self._crawled is not None:
                served, expected = served + stats.errors, expected - batches * len(self._crawled.cut)
            if served > expected or (arm.own_work and served < expected):
                self._note(arm, f"the lab server served it {served:,} requests, not {expected:,}")
                return
            peak, connections = stats.peak_in_flight, stats.connections
            lab_cpu += stats.cpu_user + stats.cpu_system
            # An arm may not report what it did not fetch.
            errors = max(errors, expected - served)
        seen = monitor.stop(own=report.cpu + lab_cpu)
        self._conditions.add(seen)
        run = _timed_run(report.batches)
        self.runs.append(
            TimedRun(
                round=round_,
                index=len(self.runs),
                arm=arm.name,
                began=time.time() - (time.monotonic() - report.batches[0].began),
                requests=requests,
                batches=batches,
                **run,
                errors=errors,
                peak_in_flight=peak,
                server_load=None if self._lab is None else lab_cpu / math.fsum(batch.wall for batch in report.batches),
                connections=connections,
                generation=self._generation,
            )
        )
        if keeps:
            self._keep(arm, report.batches, requests)

    def _note_failure(self, failure: ArmFailed) -> None:
        """Record that an arm failed after the gate; the others continue, and it tries again in the next round, unless
        it had to be killed.
        """
        self._note(failure.arm, failure.message)
        if isinstance(failure, ArmLate):
            self._given_up.add(failure.arm)
            return
        with suppress(ArmFailed):  # then it will fail and be recorded again
            self._crew.replace(failure.arm)
            requests = self._sizes.warm_up(failure.arm)
            limit = self._time_limit(self._sizes.seconds(failure.arm, requests))
            self._crew.run(failure.arm, Order(requests), limit)

    def _note(self, arm: Arm, message: str) -> None:
        self._failures.setdefault(arm.name, []).append(message)

    def _errors(self, batch: BatchReport) -> dict[int, str]:
        """Return the errors of a batch, by the index of the URL."""
        if self._crawled is None:
            return dict(batch.errors)
        places, cut = self._crawled.places, self._crawled.cut
        return {places[url]: error for url, error in batch.failed if url not in cut}

    def _keep(self, arm: Arm, batches: Sequence[BatchReport], requests: int) -> None:
        """Keep the exchanges of a run, as the client and as the lab server saw them."""
        self._kept[arm] = self._kept.get(arm, 0) + requests * len(batches)
        if arm.twin_of is not None:
            return
        begins = [batch.began for batch in batches]
        log = [] if self._lab is None else list(self._lab.log())
        if arm.own_work:  # its requests are numbered as they began
            log.sort(key=_asked)
        made: list[list[LogRecord]] = [[] for _ in batches]
        for record in log:
            place = bisect_right(begins, record.begun) - 1
            if place >= 0:
                made[place].append(record)
        run = self.runs[-1].index
        for number, batch in enumerate(batches):
            clients = list(zip(batch.starts, batch.services, strict=True)) if batch.starts else None
            if clients or self._lab is not None:
                records, numbers = self._placed(arm, made[number], requests)
                self._exchanges.add(run, number, batch.began, clients, records, self._errors(batch), numbers)

    def _placed(
        self, arm: Arm, made: Sequence[LogRecord], requests: int
    ) -> tuple[Sequence[LogRecord | None], Sequence[int] | None]:
        """Return a batch's records and the indexes of their URLs: None if each record has its URL's place."""
        if self._crawled is not None:
            known = [record for record in made if record.path in self._crawled.places]
            return known, [self._crawled.places[record.path] for record in known]
        records: list[LogRecord | None] = [None] * requests
        if arm.own_work:  # it may repeat a path
            records[: len(made)] = made[:requests]
            return records, None
        places = {path_of(index): index for index in range(requests)}
        for record in made:
            if (index := places.get(record.path)) is not None:
                records[index] = record
        return records, None

    def _tell(self, what: str) -> None:
        self._show(self._done, max(self._expected, self._done), what)
        self._done += 1

    def _expect(self, rounds: int, round_seconds: float) -> None:
        """Estimate how many runs there will be."""
        if self._settings.rounds is not None:
            more = self._settings.rounds - rounds
        elif self._end == math.inf:
            more = LOOKS[-1] - rounds
        else:
            more = min(LOOKS[-1] - rounds, max(0, int((self._end - time.monotonic()) / (1.2 * round_seconds))))
        self._expected = self._done + more * len(self._arms)


def _timed_run(batches: Sequence[BatchReport]) -> Mapping[str, Any]:
    """Return the means over the batches, by ``TimedRun``'s attributes."""

    def mean(name: str) -> float | None:
        values = [getattr(batch, name) for batch in batches]
        return None if None in values else math.fsum(values) / len(values)

    return {name: mean(name) for name in ("wall", "cpu_user", "cpu_system", "waits", "preemptions")}


def _asked(record: LogRecord) -> float:
    return record.request or record.begun


def _cpu(lab: Entrance) -> float:
    stats = lab.stats()
    return stats.cpu_user + stats.cpu_system


def _answered(lab: LabServer) -> int:
    """Return how many requests came in at its public port, and were answered."""
    stats = lab.stats()
    return stats.served + stats.errors


def _raise_first(failures: Sequence[ArmFailed]) -> None:
    if failures:
        raise failures[0]


def as_comparison_error(failure: ArmFailed) -> ComparisonError:
    """Return an arm's failure as the error that the caller of the comparison sees."""
    details = f"\n{failure.details.rstrip()}" if failure.details.strip() else ""
    return ComparisonError(failure.arm.name, None, f"{failure.message}{details}")
