"""Lecture 2.2.3, multi-thread: the blocking version, in as many threads as exchanges may be in flight."""

from concurrent.futures import ThreadPoolExecutor

from .blocking_way import blocking_way
from .work import Work


def thread_way(work: Work) -> None:
    """Fetch the URLs in a thread pool, which lasts as long as the call."""
    with ThreadPoolExecutor(work.waiters) as pool:
        futures = []
        try:
            for _ in range(work.waiters):
                futures.append(pool.submit(blocking_way, work))
        except RuntimeError as error:  # the system does not allow more threads
            work.fewer_waiters(error)
        try:
            for future in futures:
                future.result()
        except BaseException:  # Ctrl-C: finish what has begun, and begin nothing more
            work.cancel()
            raise
    if not futures:
        blocking_way(work)
