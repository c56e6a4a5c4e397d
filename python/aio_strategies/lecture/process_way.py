"""Lecture 2.2.2, multi-process: the blocking ``fetch``, in as many processes as exchanges may be in flight."""

import signal
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from queue import SimpleQueue

from ..results import Response
from .attempt import lost
from .blocking_way import fetch
from .descriptors import enough_for
from .work import Assignment, Slot, ThreadSlot, Work, assignments

DESCRIPTORS = 2
"""File descriptors that this process needs for each worker."""


def process_way(work: Work) -> None:
    """Fetch the URLs in a process pool, which lasts as long as the call."""
    workers = enough_for(work, DESCRIPTORS)
    # Two for each worker: the URL that it fetches, and the next, so that it need not wait for this process.
    waiters = 2 * workers
    idle: SimpleQueue[ThreadSlot] = SimpleQueue()
    for _ in range(waiters):
        idle.put(ThreadSlot())
    # A terminal sends Ctrl-C to all processes: only this one must react, and then ends the others.
    ignore_interrupts = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(workers, initializer=signal.signal, initargs=ignore_interrupts) as pool:
        try:
            while waiters:
                # Several at once: whatever is submitted has the pool look at all of its workers.
                for slot in [idle.get() for _ in range(min(waiters, workers))]:
                    if assignment := next(assignments(work, slot, slot.sleep), None):
                        submit(pool, assignment).add_done_callback(partial(put, work, assignment, slot, idle))
                    else:
                        waiters -= 1
        except BaseException:  # Ctrl-C: finish what has begun, and begin nothing more
            pool.shutdown(cancel_futures=True)
            raise


def submit(pool: ProcessPoolExecutor, assignment: Assignment) -> Future[Response]:
    """Submit a URL to the pool; if the pool is broken, its future raises that error, not the whole call."""
    try:
        return pool.submit(fetch_one, assignment)
    except BrokenProcessPool as error:
        future: Future[Response] = Future()
        future.set_exception(error)
        return future


def fetch_one(assignment: Assignment) -> Response:
    """Fetch one URL, in a worker process."""
    return fetch(assignment, Slot())


def put(
    work: Work, assignment: Assignment, slot: ThreadSlot, idle: SimpleQueue[ThreadSlot], future: Future[Response]
) -> None:
    """Put back what a worker sent home, or that it died."""
    if not future.cancelled():
        error = future.exception()
        work.put(slot, assignment.ticket, lost(assignment, error) if error else future.result())
    idle.put(slot)
