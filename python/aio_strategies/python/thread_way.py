"""Lecture 2.2.3, multi-thread: the blocking version's ``fetch``, in as many threads as exchanges may be open."""

from concurrent.futures import ThreadPoolExecutor

from ..results import Response
from ..targets import Target
from .blocking_way import fetch


def thread_way(targets: list[Target], concurrency: int, timeout: float) -> list[Response]:
    """Fetch the URLs in a pool of threads, which lasts as long as the call."""
    with ThreadPoolExecutor(min(concurrency, len(targets))) as pool:
        futures = [pool.submit(fetch, target, timeout) for target in targets]
        try:
            return [future.result() for future in futures]
        except BaseException:  # Ctrl-C: what has begun ends, the rest does not begin
            pool.shutdown(cancel_futures=True)
            raise
