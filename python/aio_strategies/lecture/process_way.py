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
from .work import Assignment, Slot, ThreadSlot, Wait, Work

DESCRIPTORS = 2
"""Of this process, for each worker."""

Waiting = SimpleQueue[tuple[ThreadSlot, Assignment | Wait | None]]
"""Waiters, each with what it is to do next."""


def process_way(work: Work) -> None:
    """Fetch the URLs in a pool of processes, which lasts as long as the call."""
    workers = enough_for(work, DESCRIPTORS)
    waiting: Waiting = SimpleQueue()
    # A terminal sends Ctrl-C to all processes; it is for this one, which then ends the others.
    ignore_interrupts = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(workers, initializer=signal.signal, initargs=ignore_interrupts) as pool:
        try:
            # Two for each worker: one that it fetches, and the next one, lest it wait for this process in between.
            waiters = 2 * workers
            for _ in range(waiters):
                slot = ThreadSlot()
                waiting.put((slot, work.next(slot)))
            while waiters:
                slot, step = waiting.get()
                while isinstance(step, Wait):
                    slot.sleep(step.until)
                    step = work.next(slot)
                if step:
                    submit(pool, work, step, slot, waiting)
                else:
                    waiters -= 1
        except BaseException:  # Ctrl-C: what has begun ends, the rest does not begin
            work.cancel()
            pool.shutdown(cancel_futures=True)
            raise


def submit(pool: ProcessPoolExecutor, work: Work, assignment: Assignment, slot: ThreadSlot, waiting: Waiting) -> None:
    """Hand a URL to the pool."""
    try:
        future = pool.submit(fetch_one, assignment)
    except BrokenProcessPool as error:
        future = Future()
        future.set_exception(error)
    future.add_done_callback(partial(put, pool, work, assignment, slot, waiting))


def fetch_one(assignment: Assignment) -> Response:
    """Fetch one URL, in a worker."""
    return fetch(assignment, Slot())


def put(
    pool: ProcessPoolExecutor,
    work: Work,
    assignment: Assignment,
    slot: ThreadSlot,
    waiting: Waiting,
    future: Future[Response],
) -> None:
    """Put back what a worker sent home, or that it died, and hand over the next URL if there is one."""
    if future.cancelled():
        waiting.put((slot, None))
        return
    error = future.exception()
    work.put(slot, assignment.ticket, lost(assignment, error) if error else future.result())
    step = work.next(slot)
    if isinstance(step, Assignment) and not error:
        submit(pool, work, step, slot, waiting)
    else:  # not from here: this thread is the pool's own
        waiting.put((slot, step))
