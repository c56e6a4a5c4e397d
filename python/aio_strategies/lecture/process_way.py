"""Lecture 2.2.2, multi-process: the blocking version's ``fetch``, in as many processes as exchanges may be open."""

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
"""Of this process, for each worker."""


def process_way(work: Work) -> None:
    """Fetch the URLs in a pool of processes, which lasts as long as the call."""
    workers = enough_for(work, DESCRIPTORS)
    idle: SimpleQueue[ThreadSlot] = SimpleQueue()
    for _ in range(workers):
        idle.put(ThreadSlot())
    # A terminal sends Ctrl-C to all processes; it is for this one, which then ends the others.
    ignore_interrupts = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(workers, initializer=signal.signal, initargs=ignore_interrupts) as pool:
        try:
            while workers:
                slot = idle.get()
                if assignment := next(assignments(work, slot, slot.sleep), None):
                    submit(pool, assignment).add_done_callback(partial(put, work, assignment, slot, idle))
                else:
                    workers -= 1
        except BaseException:  # Ctrl-C: what has begun ends, the rest does not begin
            pool.shutdown(cancel_futures=True)
            raise


def submit(pool: ProcessPoolExecutor, assignment: Assignment) -> Future[Response]:
    """Hand a URL to the pool; the future of one that is broken says so, instead of the call as a whole."""
    try:
        return pool.submit(fetch_one, assignment)
    except BrokenProcessPool as error:
        future: Future[Response] = Future()
        future.set_exception(error)
        return future


def fetch_one(assignment: Assignment) -> Response:
    """Fetch one URL, in a worker."""
    return fetch(assignment, Slot())


def put(
    work: Work, assignment: Assignment, slot: ThreadSlot, idle: SimpleQueue[ThreadSlot], future: Future[Response]
) -> None:
    """Put back what a worker sent home, or that it died."""
    if not future.cancelled():
        error = future.exception()
        work.put(slot, assignment.ticket, lost(assignment, error) if error else future.result())
    idle.put(slot)
