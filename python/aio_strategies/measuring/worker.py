"""A worker: a separate interpreter that runs one arm, batch after batch, as the coordinator orders.

``crew.py`` starts it as a program and never forks it, so that it inherits none of the caller's memory, threads or
imports. It starts no threads itself, so that arms may fork.
"""

from __future__ import annotations

# Imports only what every arm needs: a comparison starts many workers.
import contextlib
import gc
import os
import sys
import time
from array import array
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from .. import _native
from ..calling import run
from ..cpu_clock import cpu_now
from ..exceptions import RequestError
from ..results import Run
from .messages import Assignment, BatchReport, Failure, Found, Order, Outcome, Report, receive, send

__all__ = ["main"]

try:
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

    def _switches() -> tuple[int, int] | None:
        mine, childrens = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        return mine.ru_nvcsw + childrens.ru_nvcsw, mine.ru_nivcsw + childrens.ru_nivcsw

except ImportError:  # Windows does not report them

    def _switches() -> tuple[int, int] | None:
        return None


def main() -> None:
    """Take orders on standard input and answer on standard output, until the coordinator closes them."""
    orders, reports = _take_over_pipes()
    assignment: Assignment = receive(orders)
    _native.die_with(assignment.parent)
    _native.allow_tracing()
    if assignment.ca_file is not None:
        # OpenSSL, rustls, aiohttp and httpx read the first; requests and curl the others.
        os.environ |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), assignment.ca_file)
    try:
        arm = _arm(assignment)
    except Exception as error:
        send(reports, _failure(error))
        return
    gc.freeze()  # makes the collection before each order fast
    send(reports, "ready")
    while True:
        try:
            order: Order = receive(orders)
        except EOFError:
            return
        answer: Report | Failure
        before = sum(cpu_now())
        gc.collect()  # the last order's garbage must not cost the next one time
        try:
            batches = [_batch(arm, assignment.urls[: order.requests], order.want) for _ in range(order.batches)]
            answer = Report(batches, sum(cpu_now()) - before)
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # SIGINT asks where it is stuck
            answer = _failure(error)
        if order.want == "outcomes":
            _give_back_memory()  # the costs are looked at next
        with contextlib.suppress(Exception):  # an arm may have closed it
            sys.stdout.flush()
        send(reports, answer)


def _give_back_memory() -> None:
    """Have the C library give the system the memory that it keeps; only glibc does it on request."""
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Hide the coordinator's pipes from the arm: its output goes to standard error, and its standard input is empty."""
    orders, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return orders, reports


# --- the arms: each takes URLs and what to report, and returns its result with its clocks

_Timed = tuple[Any, float, float, float, float]  # result, began, wall, CPU user, CPU system
_Arm = Callable[[Sequence[str], str], _Timed]
_Program = Callable[[Sequence[str]], _Timed]


def _arm(assignment: Assignment) -> _Arm:
    if assignment.crawled is not None:
        from ..lab.hosts import Host, stand_in_for

        stand_in_for([Host(name, assignment.lab_port) for name in assignment.crawled], assignment.lab_port)
    if assignment.strategy is not None:
        return _strategy(assignment) if assignment.crawled is None else _crawl(assignment)
    from .confinement import confine, follow_into_children, forget_start_method

    if assignment.bounds is not None:
        confine(assignment.bounds, assignment.lab_port)
    follow_into_children()
    assert assignment.program is not None
    options = assignment.options
    program = (
        _source(assignment.program, options)
        if isinstance(assignment.program, str)
        else _callable(assignment.program, options)
    )

    def arm(urls: Sequence[str], _: str) -> _Timed:
        forget_start_method()
        return program(urls)

    return arm


def _strategy(assignment: Assignment) -> _Arm:
    def strategy(urls: Sequence[str], _: str) -> _Timed:
        result = run(assignment.strategy or "", urls, language=assignment.language or "", **assignment.options)
        return result, result.began, result.wall, result.cpu.user, result.cpu.system

    return strategy


class _Crawl(NamedTuple):
    """What came of a crawl: the URLs that failed, and, if asked for, the outcomes of all."""

    failed: Sequence[tuple[str, str]] = ()
    found: Found | None = None


def _crawl(assignment: Assignment) -> _Arm:
    from .. import python, rust

    options = {"strategy": assignment.strategy, **assignment.options}
    options["max_tasks"] = options.pop("concurrency")
    del options["rate"]
    if assignment.language == "rust":
        options["robots"] = False  # which the crawler in Python does not know
    crawlers = {"python": python, "rust": rust}

    def crawl(roots: Sequence[str], want: str) -> _Timed:
        crawler = crawlers[assignment.language or ""].Crawler(roots, max_tries=1, **options)
        failed: list[tuple[str, str]] = []
        found: Found = {}
        clocks = _Clocks()
        for page in crawler:
            if page.error is not None:
                failed.append((page.url, _told(page.error)))
            if want == "outcomes":
                found[page.url] = page.error or _digest(page.status, page.content)
        return clocks.stop(_Crawl(failed, found if want == "outcomes" else None))

    return crawl


def _callable(program: bytes, options: Mapping[str, Any]) -> _Program:
    import functools
    import inspect

    from ..checks import settings_it_takes
    from .programs import unpacked

    function = unpacked(program)
    told = {name: options[name] for name in settings_it_takes(function)}
    # Its globals may be looked up by name, for example when a process pool unpickles them.
    vars(sys.modules["__main__"]).update(
        {name: value for name, value in getattr(function, "__globals__", {}).items() if not name.startswith("__")}
    )
    timed = _timed_in_loop if inspect.iscoroutinefunction(function) else _timed
    call = functools.partial(function, **told)
    return lambda urls: timed(lambda: call(list(urls)))


def _source(source: str, options: Mapping[str, Any]) -> _Program:
    import ast
    import inspect
    import linecache

    name = "<program>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for tracebacks
    code = compile(source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    module = vars(sys.modules["__main__"])
    fresh = dict(module)

    timed = _timed_in_loop if code.co_flags & inspect.CO_COROUTINE else _timed

    def run() -> Any:
        try:
            return eval(code, module)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
            return None

    def source_arm(urls: Sequence[str]) -> _Timed:
        # In the main module, where process pools look up the functions that they run.
        module.clear()
        module.update(fresh, **options, urls=list(urls))
        return timed(run)

    return source_arm


class _Clocks:
    """Takes wall time and CPU time from its creation to ``stop``, which returns them with the result."""

    def __init__(self) -> None:
        self._cpu = cpu_now()
        self._began = time.monotonic()

    def stop(self, result: Any) -> _Timed:
        wall = time.monotonic() - self._began
        user, system = cpu_now()
        return result, self._began, wall, user - self._cpu[0], system - self._cpu[1]


def _timed(call: Callable[[], Any]) -> _Timed:
    clocks = _Clocks()
    result = call()
    if hasattr(result, "__await__"):
        import asyncio

        result = asyncio.run(_awaited(result))
    return clocks.stop(result)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _timed_in_loop(call: Callable[[], Any]) -> _Timed:
    import asyncio

    # As for the built-in arms, creating the event loop is not timed.
    async def timed() -> _Timed:
        clocks = _Clocks()
        return clocks.stop(await call())

    return asyncio.run(timed())


# --- what is reported


def _batch(arm: _Arm, urls: Sequence[str], want: str) -> BatchReport:
    before = _switches()
    result, began, wall, user, system = arm(urls, want)
    after = _switches()
    if isinstance(result, Generator | AsyncGenerator):
        raise TypeError("it returned a generator that nobody iterated: return what it yields, as a list")
    errors: list[tuple[int, str]] = []
    starts, services = array("d"), array("d")
    if isinstance(result, Run):
        errors = [(index, _told(response.error)) for index, response in enumerate(result) if response.error is not None]
        if want == "times":
            starts.extend(result.began - began + response.start for response in result)
            # not `elapsed`, which is rounded to microseconds: an exchange could end after its successor began
            services.extend(response.end - response.start for response in result)
    crawl = result if isinstance(result, _Crawl) else _Crawl()
    return BatchReport(
        began=began,
        wall=wall,
        cpu_user=user,
        cpu_system=system,
        waits=None if before is None or after is None else after[0] - before[0],
        preemptions=None if before is None or after is None else after[1] - before[1],
        errors=errors,
        starts=starts,
        services=services,
        outcomes=_outcomes(result) if want == "outcomes" else None,
        failed=crawl.failed,
        found=crawl.found,
    )


def _told(error: RequestError) -> str:
    return f"{type(error).__name__}: {error.message}"


def _outcomes(result: Any) -> list[Outcome] | None:
    """Read the outcomes from what the arm returned; None if that does not show any."""
    if isinstance(result, str | bytes | _Crawl):
        return None
    try:
        outcomes = [_outcome(item) for item in result] if len(result) else [None]
    except TypeError:
        return None
    return None if None in outcomes else outcomes  # type: ignore[return-value]


def _outcome(item: Any) -> Outcome | None:
    error = getattr(item, "error", None)
    if isinstance(error, BaseException):
        return error
    content = item if isinstance(item, bytes | bytearray) else getattr(item, "content", None)
    if not isinstance(content, bytes | bytearray):
        return None
    return _digest(getattr(item, "status_code", None), content)


def _digest(status: int | None, content: bytes | bytearray) -> Outcome:
    import hashlib

    return status, len(content), hashlib.sha256(content).digest()


def _failure(error: BaseException) -> Failure:
    from .failing import failure_of

    return failure_of(error)
