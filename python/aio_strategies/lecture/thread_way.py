"""Lecture 2.2.3, multi-thread: the blocking version, in as many threads as exchanges may be in flight."""

from concurrent.futures import Future, ThreadPoolExecutor, wait

from .blocking_way import blocking_way
from .work import Work


def thread_way(work: Work) -> None:
    """Fetch the URLs in a thread pool, which lasts as long as the call."""
    futures: list[Future[None]] = []
    with ThreadPoolExecutor(work.waiters) as pool:
        try:
            submit(pool, work, futures)
            for future in futures:
                future.result()
        except BaseException:  # Ctrl-C
            work.cancel()
            while wait(futures, timeout=0.05).not_done:
                work.cancel()
            raise
    if not futures:
        blocking_way(work)


def submit(pool: ThreadPoolExecutor, work: Work, futures: list[Future[None]]) -> None:
    """Have each thread of the pool fetch URLs until there are none left."""
    try:
        for _ in range(work.waiters):
            futures.append(pool.submit(blocking_way, work))
    except RuntimeError as error:  # the system does not allow more threads
        work.fewer_waiters(error)
