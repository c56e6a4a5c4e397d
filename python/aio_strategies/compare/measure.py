"""The timed runs: round after round, in the order of the schedule, until all are done or the budget is spent."""

from __future__ import annotations

import time
from contextlib import ExitStack

from ..calling import run
from ..lab import LabServer
from ..report.progress import Show
from ..results import Run
from .comparison import Comparison, TimedRun
from .environment import describe
from .gate import pass_gate
from .plan import Arm, Plan, Settings, schedule

__all__ = ["FEWEST_ROUNDS", "MOST_ROUNDS", "measure", "rounds_that_fit"]

FEWEST_ROUNDS = 3
MOST_ROUNDS = 20


def measure(plan: Plan, show: Show) -> Comparison:
    """Do what the plan says: start a lab server if there are no URLs, pass the gate, time the rounds.

    Args:
        plan: the plan.
        show: gets ``(runs done, runs expected, what comes next)`` before every run, and once at the end; the runs of
            the gate count too. An exception that it raises ends the comparison.

    Raises:
        ComparisonError: the arms do not do the same work.
    """
    settings, arms = plan.settings, plan.arms
    started = time.monotonic()
    with ExitStack() as stack:
        lab: LabServer | None = None
        if settings.urls is None:
            assert settings.latency is not None
            lab = stack.enter_context(LabServer(latency=settings.latency))
            urls = tuple(lab.urls(settings.requests))
        else:
            urls = settings.urls

        def run_arm(arm: Arm) -> Run:
            return run(
                arm.strategy,
                urls,
                language=arm.language,
                concurrency=settings.concurrency,
                timeout=settings.timeout,
            )

        done = 0
        total = len(arms) * (1 + (settings.rounds or FEWEST_ROUNDS))

        def warm_up(arm: Arm) -> Run:
            nonlocal done
            show(done, total, f"{arm}, warm-up")
            done += 1
            return run_arm(arm)

        gate_began = time.monotonic()
        pass_gate(arms, warm_up)
        round_seconds = time.monotonic() - gate_began

        runs: list[TimedRun] = []
        for number, order in enumerate(schedule(arms, plan.seed), 1):
            rounds = rounds_that_fit(settings, number - 1, time.monotonic() - started, round_seconds)
            if number > rounds:
                break
            total = len(arms) * (1 + rounds)
            round_began = time.monotonic()
            for arm in order:
                show(done, total, f"{arm}, round {number}")
                if lab is not None:
                    lab.reset()
                outcome = run_arm(arm)
                runs.append(
                    TimedRun(
                        round=number,
                        index=len(runs),
                        strategy=arm.strategy,
                        language=arm.language,
                        wall=outcome.wall,
                        cpu_user=outcome.cpu.user,
                        cpu_system=outcome.cpu.system,
                        errors=len(outcome.errors),
                        peak_in_flight=None if lab is None else lab.stats().peak_in_flight,
                    )
                )
                done += 1
            round_seconds = time.monotonic() - round_began
        show(done, done, "done")
    return Comparison(settings, plan.seed, describe(), tuple(runs), plan.left_out)


def rounds_that_fit(settings: Settings, done: int, spent: float, round_seconds: float) -> int:
    """Return how many rounds there will be: as many as were asked for, or as fit in the budget.

    Args:
        settings: the number of rounds that was asked for, and the budget.
        done: the rounds that are over.
        spent: seconds since the comparison began.
        round_seconds: what the last round took.
    """
    if settings.rounds is not None:
        return settings.rounds
    more = max(0.0, settings.budget - spent) / round_seconds
    return max(FEWEST_ROUNDS, done, int(min(MOST_ROUNDS, done + more)))
