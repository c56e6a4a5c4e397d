"""Comparing: every arm (a strategy in a language) does the same work, in turns, and is timed.

- ``plan.py``: what was asked for, checked, and the order of the runs
- ``gate.py``: every arm must do the same work before any is timed
- ``measure.py``: the timed runs, and how many fit in the budget
- ``comparison.py``: the result
- ``summary.py``: the statistics
- ``tables.py``: the result as tables
- ``environment.py``: the machine and the builds that the times belong to
"""

# The package imports this module at once, so that its function, not this module, stays known as aio_strategies.compare:
# keep heavy imports within the functions.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..report.progress import Show
    from .comparison import Comparison

__all__ = ["acompare", "compare"]


def compare(
    strategies: Sequence[str] | None = None,
    languages: Sequence[str] = ("python", "rust"),
    *,
    urls: Sequence[str] | None = None,
    requests: int = 10,
    concurrency: int = 10,
    latency: float = 0.02,
    timeout: float = 30.0,
    rounds: int | None = None,
    budget: float = 30.0,
    seed: int | None = None,
    progress: bool | Show | None = None,
) -> Comparison:
    """Time strategies side by side, on the same work.

    An arm is a strategy in a language. First every arm fetches the URLs once untimed, and all must get the same. Then
    each round runs every arm once: strategies in a random order, a strategy's two languages next to each other.

    Args:
        strategies: keys of strategies; None for all.
        languages: ``"python"``, ``"rust"`` or both.
        urls: what to fetch; None to start a lab server and fetch ``requests`` pages of it.
        requests: how many pages each run fetches from the lab. Ignored with ``urls``, all of which are fetched.
        concurrency: how many fetches a strategy may have in flight.
        latency: seconds after which the lab answers. Ignored with ``urls``.
        timeout: seconds within which each fetch must be done.
        rounds: how often each arm is timed; None for as many as fit in the budget, at least 3 and at most 20.
        budget: seconds that the whole comparison may take, if ``rounds`` is None. A round that began is finished.
        seed: what the random order is drawn from; None to draw one. It is kept in the result.
        progress: True or False to show how far it is or not; None to do so in a notebook or a terminal; or a callable
            that gets ``(runs done, runs expected, what comes next)``. It is shown between runs only.

    Returns:
        The comparison. An arm that is not available here is left out; ``Comparison.left_out`` says why.

    Raises:
        ComparisonError: an arm failed, or got something else than the others, before the timing began (an error later
            on is counted in the arm's row); or none of the arms is available here.
        ValueError: an argument is out of range or an unknown name.
    """
    from ..report.progress import shown
    from .measure import measure
    from .plan import make_plan

    plan = make_plan(
        strategies,
        languages,
        urls=urls,
        requests=requests,
        concurrency=concurrency,
        latency=latency,
        timeout=timeout,
        rounds=rounds,
        budget=budget,
        seed=seed,
    )
    with shown(progress) as show:
        return measure(plan, show)


async def acompare(
    strategies: Sequence[str] | None = None,
    languages: Sequence[str] = ("python", "rust"),
    *,
    urls: Sequence[str] | None = None,
    requests: int = 10,
    concurrency: int = 10,
    latency: float = 0.02,
    timeout: float = 30.0,
    rounds: int | None = None,
    budget: float = 30.0,
    seed: int | None = None,
    progress: bool | Show | None = None,
) -> Comparison:
    """Do as ``compare`` does, in a thread, while the event loop's other tasks go on.

    What they do at the same time is timed too: keep them few. If it is cancelled, the run at work is finished, no
    further one begins, and ``CancelledError`` is raised. A ``progress`` callable is called in the thread.

    Raises:
        ComparisonError: as for ``compare``.
        ValueError: as for ``compare``.
    """
    import asyncio
    import threading

    from ..report.progress import shown
    from .measure import measure
    from .plan import make_plan

    plan = make_plan(
        strategies,
        languages,
        urls=urls,
        requests=requests,
        concurrency=concurrency,
        latency=latency,
        timeout=timeout,
        rounds=rounds,
        budget=budget,
        seed=seed,
    )
    cancelled = threading.Event()

    def work() -> Comparison:
        with shown(progress) as show:

            def show_unless_cancelled(done: int, total: int, label: str) -> None:
                if cancelled.is_set():
                    raise asyncio.CancelledError
                show(done, total, label)

            return measure(plan, show_unless_cancelled)

    worker = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(worker)
    finally:
        cancelled.set()
        await asyncio.wait([worker])
