"""Comparing strategies and programs: ``compare`` and its awaitable twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..checks import check_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..comparison.comparison import Comparison
    from ..display.progress import Show
    from ..lab.server import LabServer
    from .plan import Plan

__all__ = ["acompare", "carry_out", "compare", "last_comparison"]

_last: Comparison | None = None


def compare(
    strategies: str | Sequence[str] | None = None,
    languages: str | Sequence[str] = ("python", "rust"),
    *,
    programs: Mapping[str, Callable[..., Any] | str] | None = None,
    baseline: str | None = None,
    lab: LabServer | None = None,
    urls: Iterable[str] | None = None,
    requests: int = 10,
    concurrency: int = 10,
    latency: float | None = None,
    rate: float | None = None,
    timeout: float = 30.0,
    rounds: int | None = None,
    budget: float = 30.0,
    seed: int | None = None,
    progress: bool | Show | None = None,
) -> Comparison:
    """Time strategies side by side, on the same work, and tell what may be said of the difference.

    Each arm (a row: a strategy in a language, or one of ``programs``) has a process of its own, which is replaced now
    and then; one works at a time. First every arm fetches the same URLs untimed, and all must get the same. Then each
    round times every arm once, in a random order: strategies are shuffled, a strategy's two languages next to each
    other. A hidden twin of the baseline shows whether the machine can be trusted. The protocol is explained in
    docs/measuring.md.

    Args:
        strategies: keys of strategies; None for all, an empty list for none but ``programs``.
        languages: ``"python"``, ``"rust"`` or both.
        programs: your own code, by name: a callable that takes a list of URLs, sync or async, also one defined in a
            notebook's cell; or source text, run anew each time with the list in ``urls``, top-level ``await`` allowed.
            A callable that returns a ``Run``, or bytes or responses (``.content``) in the order of the URLs, has its
            payloads checked; of any other, the lab server tells what it fetched.
        baseline: the arm that all others are held against, as ``"python/blocking"``; None for the first.
        lab: a running ``LabServer`` of yours, whose pages are fetched: it may have a body size, a jitter, a bandwidth.
            It is the referee, so its log and counters are reset again and again, and nobody else should use it
            meanwhile. It is not closed. None to start one for this comparison.
        urls: what to fetch from other servers, without a referee; None to fetch ``requests`` pages of the lab.
        requests: how many pages each run fetches from the lab. Ignored with ``urls``, all of which are fetched.
        concurrency: how many fetches a strategy may have in flight.
        latency: seconds after which the lab answers; None for 0.02, or what ``lab`` has. Ignored with ``urls``.
        rate: requests per second that are due to start (the open model: a request that starts late counts from when it
            was due); None for all at once. ``programs`` take no notice of it.
        timeout: seconds within which each fetch must be done.
        rounds: how often each arm is timed, whatever that takes; None for at least 10, if the budget has room for them,
            and on until every interval is within ±5 % (at most 60).
        budget: seconds that the whole comparison may take, if ``rounds`` is None; infinity for no limit. An arm that
            would take too long fetches fewer URLs, and its times are projected, and marked so.
        seed: what the random order is drawn from, 0 to 2**64 - 1; None to draw one. It is kept in the result.
        progress: True or False to show how far it is or not; None to do so in a notebook or a terminal; or a callable
            that gets ``(runs done, runs expected, what comes next)``. It is shown between runs only.

    Returns:
        The comparison. An arm that is not available here is left out; ``Comparison.left_out`` says why. After Ctrl-C
        it is what was measured until then, if anything was; ``Comparison.ended`` tells so.

    Raises:
        ComparisonError: an arm failed, or got something else than the others, before the timing began (an error later
            on is counted in the arm's row); or none of the arms is available here; or not one run fitted into
            the budget.
        TypeError: an argument is of the wrong type; one of ``programs`` is neither callable nor text, or cannot be sent
            to another process.
        ValueError: an argument is out of range or an unknown name, a URL cannot be fetched, or ``lab`` is closed, or
            contradicts ``urls`` or ``latency``.
        RuntimeError: the process of ``lab`` has ended.

    Arguments are checked before anything is started.
    """
    from .plan import make_plan

    check_progress(progress)
    plan = make_plan(
        strategies,
        languages,
        programs=programs,
        baseline=baseline,
        lab=lab,
        urls=urls,
        requests=requests,
        concurrency=concurrency,
        latency=latency,
        rate=rate,
        timeout=timeout,
        rounds=rounds,
        budget=budget,
        seed=seed,
    )
    return carry_out(plan, progress)


def carry_out(plan: Plan, progress: bool | Show | None = None) -> Comparison:
    """Do what a plan says, as ``compare`` does, and with its exceptions."""
    from ..display.progress import shown
    from .session import measure

    with shown(progress) as show:
        return _keep(measure(plan, show))


async def acompare(
    strategies: str | Sequence[str] | None = None,
    languages: str | Sequence[str] = ("python", "rust"),
    *,
    programs: Mapping[str, Callable[..., Any] | str] | None = None,
    baseline: str | None = None,
    lab: LabServer | None = None,
    urls: Iterable[str] | None = None,
    requests: int = 10,
    concurrency: int = 10,
    latency: float | None = None,
    rate: float | None = None,
    timeout: float = 30.0,
    rounds: int | None = None,
    budget: float = 30.0,
    seed: int | None = None,
    progress: bool | Show | None = None,
) -> Comparison:
    """Do as ``compare`` does, in a thread, while the event loop's other tasks go on.

    What they do at the same time takes processor time from what is timed: keep them few. If it is cancelled, it ends at
    once with ``CancelledError``, and ``last_comparison()`` returns what was measured until then. A ``progress``
    callable is called in the thread.

    Args and exceptions are those of ``compare``.
    """
    import threading

    from ..background import in_thread
    from ..display.progress import shown
    from .plan import make_plan
    from .session import measure

    check_progress(progress)
    plan = make_plan(
        strategies,
        languages,
        programs=programs,
        baseline=baseline,
        lab=lab,
        urls=urls,
        requests=requests,
        concurrency=concurrency,
        latency=latency,
        rate=rate,
        timeout=timeout,
        rounds=rounds,
        budget=budget,
        seed=seed,
    )
    cancelled = threading.Event()

    def work() -> Comparison:
        with shown(progress) as show:
            return _keep(measure(plan, show, cancelled.is_set))

    return await in_thread(work, cancelled.set)


def last_comparison() -> Comparison:
    """Return the latest comparison that ended in this process, also one that was interrupted or cancelled.

    Raises:
        LookupError: there was none.
    """
    if _last is None:
        raise LookupError("no comparison has ended in this process")
    return _last


def _keep(comparison: Comparison) -> Comparison:
    global _last
    _last = comparison
    return comparison
