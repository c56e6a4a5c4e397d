"""Lecture 2.2.2, multi-process: the blocking version's ``fetch``, in as many processes as exchanges may be open."""

import signal
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from time import sleep

from ..results import Response
from ..targets import Target
from .arrivals import when_due
from .attempt import lost
from .blocking_way import fetch


def process_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs in a pool of processes, which lasts as long as the call."""
    # A terminal sends Ctrl-C to all processes; it is for this one, which then ends the others.
    ignore_interrupts = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(
        min(concurrency, len(targets)), initializer=signal.signal, initargs=ignore_interrupts
    ) as pool:
        try:
            futures = [submit(pool, target, timeout) for target in when_due(targets, sleep)]
            return [result(future, target) for future, target in zip(futures, targets, strict=True)]
        except BaseException:  # Ctrl-C: what has begun ends, the rest does not begin
            pool.shutdown(cancel_futures=True)
            raise


def submit(pool: ProcessPoolExecutor, target: Target, timeout: float) -> Future[Response]:
    """Hand a target to the pool; the future of one that is broken says so, instead of the call as a whole."""
    try:
        return pool.submit(fetch, target, timeout)
    except BrokenProcessPool as error:
        future: Future[Response] = Future()
        future.set_exception(error)
        return future


def result(future: Future[Response], target: Target) -> Response:
    """Return what a worker sent home, or that it died."""
    try:
        return future.result()
    except BrokenProcessPool as error:
        return lost(target, error)
