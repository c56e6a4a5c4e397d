"""Comparing strategies and programs: ``compare`` and its awaitable counterpart ``acompare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..checks import check_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..comparison.comparison import Comparison
    from ..display.progress import Show
    from ..lab.server import LabServer
    from ..lab.site import Site
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
    site: Site | None = None,
    requests: int = 10,
    concurrency: int = 10,
    latency: float | None = None,
    rate: float | None = None,
    keep_alive: bool = False,
    https: bool = False,
    timeout: float = 30.0,
    rounds: int | None = None,
    budget: float = 30.0,
    seed: int | None = None,
    progress: bool | Show | None = None,
) -> Comparison:
    """Time strategies side by side on the same work, and judge which differences are real.

    Each arm (a row of the table: a strategy in a language, or one of ``programs``) has its own process, which is
    replaced now and then; only one works at a time. First, every arm fetches the same URLs untimed, and all must get
    the same content. Then each round times every arm once, in random order: strategies are shuffled, but a strategy's
    two languages stay next to each other. A hidden twin of the baseline shows whether the machine can be trusted.
    docs/measuring.md explains the protocol.

    Args:
        strategies: keys of strategies; None for those that have a version in each language, an empty list for
            ``programs`` only. ``uring`` has a Rust version only: it is timed if it is named.
        languages: ``"python"``, ``"rust"`` or both.
        programs: your own code, by name. Either a callable, sync or async, that takes a list of URLs (it may be defined
            in a notebook cell); or source text, which is run anew each time with the list in ``urls`` and may use
            top-level ``await``. A callable that has a parameter named ``concurrency``, ``rate``, ``keep_alive`` or
            ``timeout`` is given that argument; source text finds them under these names. One that does not keep to
            ``concurrency`` or ``rate`` gets no verdict. If a callable returns a ``Run``, or bytes or responses
            (``.content``) in the order of the URLs, their content is checked, besides what the lab server's log shows.
            One that goes by a strategy's name, such as ``"my threads"``, is compared with that strategy in both
            languages.
        baseline: the arm to compare all others with, such as ``"python/blocking"``; None for the first.
        lab: your own running ``LabServer``, whose pages are fetched; it may have a body size, jitter and bandwidth.
            The arms use a port of their own, with a log of its own: the requests of others are not counted, but take
            the server's time, so there is a warning. It is not closed afterwards. None to start one for this
            comparison.
        urls: what to fetch from other servers, whose logs cannot be checked; None to fetch ``requests`` pages of the
            lab.
        site: a site of the lab, to compare crawls: each run is a whole crawl of it, from its root, by
            ``aio.python.Crawler`` or ``aio.rust.Crawler`` with the arm's strategy. All must find the same pages. A
            program gets the site's root and a page of each other host, and crawls all of these hosts; its Python
            sockets, and those of what it forks, find them. A crawl is never cut: the ``budget`` must allow whole ones.
        requests: how many pages of the lab each run fetches. Ignored with ``urls`` and ``site``, which are all fetched.
        concurrency: how many fetches an arm may have in flight.
        latency: seconds before the lab answers; None for 0.02, or for the latency of ``lab``. Ignored with ``urls``.
        rate: requests per second that are due to start (the open model: the response time of a request that starts late
            counts from when it was due); None for all at once.
        keep_alive: whether each of the ``concurrency`` fetches in flight leaves its connection open for the next, as in
            ``aio.run``. False: a connection for each fetch.
        https: whether to fetch the lab's pages over https: every connection then pays a whole TLS handshake. Programs
            find the lab's authority where ``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` is heeded.
        timeout: the limit on each fetch, in seconds.
        rounds: how often each arm is timed, however long that takes; None for at least 10, if the budget allows, and up
            to 60, until every interval is within ±5 %.
        budget: the limit on the whole comparison in seconds, if ``rounds`` is None; infinity for no limit. If it has no
            room for enough rounds, the arms that take longest fetch fewer URLs; their times are then projected, marked
            as such, and get no verdict.
        seed: the seed of the random order, 0 to 2**64 - 1; None to draw one. The result keeps it.
        progress: True or False to show progress or not; None to show it in a notebook or a terminal; or a callable
            that gets ``(runs done, runs expected, what comes next)``. Progress is shown only between runs.

    Returns:
        The comparison. An arm that is not available here is left out; ``Comparison.left_out`` says why. After Ctrl-C,
        it has the runs measured so far, if there are any, and ``Comparison.ended`` is ``"interrupted"``.

    Raises:
        ComparisonError: before the timing began, an arm failed or got different content from the others (later errors
            are counted in the arm's row); or no arm is available here; or the budget was too small for a single
            run.
        TypeError: an argument is of the wrong type; one of ``programs`` is neither text nor a callable that takes one
            argument, or cannot be sent to another process.
        ValueError: an argument is out of range or an unknown name, a URL cannot be fetched, ``lab`` is closed or
            conflicts with ``urls``, ``site`` or ``latency``, or ``site`` conflicts with ``urls`` or ``rate``, or has no
            end or no two crawls alike: a calendar, or pages that it refuses at first.
        RuntimeError: the process of ``lab`` has ended.

    All arguments are checked before anything is started.
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
        site=site,
        requests=requests,
        concurrency=concurrency,
        latency=latency,
        rate=rate,
        keep_alive=keep_alive,
        https=https,
        timeout=timeout,
        rounds=rounds,
        budget=budget,
        seed=seed,
    )
    return carry_out(plan, progress)


def carry_out(plan: Plan, progress: bool | Show | None = None) -> Comparison:
    """Carry out a plan; raises what ``compare`` raises."""
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
    site: Site | None = None,
    requests: int = 10,
    concurrency: int = 10,
    latency: float | None = None,
    rate: float | None = None,
    keep_alive: bool = False,
    https: bool = False,
    timeout: float = 30.0,
    rounds: int | None = None,
    budget: float = 30.0,
    seed: int | None = None,
    progress: bool | Show | None = None,
) -> Comparison:
    """Run ``compare`` in a thread, while the event loop's other tasks run.

    Those tasks take CPU time from what is timed, so have few of them. If this task is cancelled, the comparison ends at
    once with ``CancelledError``, and ``last_comparison()`` returns what was measured so far. A ``progress`` callable is
    called in the thread.

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
        site=site,
        requests=requests,
        concurrency=concurrency,
        latency=latency,
        rate=rate,
        keep_alive=keep_alive,
        https=https,
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
    """Return the latest comparison that ended in this process, even if it was interrupted or cancelled.

    Raises:
        LookupError: there is none yet.
    """
    if _last is None:
        raise LookupError("no comparison has ended in this process")
    return _last


def _keep(comparison: Comparison) -> Comparison:
    global _last
    _last = comparison
    return comparison
