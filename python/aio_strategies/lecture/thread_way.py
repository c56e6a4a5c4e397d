"""Lecture 2.2.3, multi-thread: the blocking version's ``fetch``, in as many threads as exchanges may be open."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

from ..results import Response
from ..targets import Target
from .arrivals import when_due
from .blocking_way import fetch


def thread_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs in a pool of threads, which lasts as long as the call."""
    with ThreadPoolExecutor(min(concurrency, len(targets))) as pool:
        try:
            futures = [pool.submit(fetch, target, timeout) for target in when_due(targets, sleep)]
            return [future.result() for future in futures]
        except BaseException:  # Ctrl-C: what has begun ends, the rest does not begin
            pool.shutdown(cancel_futures=True)
            raise
