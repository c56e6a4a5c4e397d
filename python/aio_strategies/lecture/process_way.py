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
from .work import Assignment, Slot, ThreadSlot, Wait, Work

DESCRIPTORS = 2
"""File descriptors that this process needs for each worker."""

Waiting = SimpleQueue[tuple[ThreadSlot, Assignment | Wait | None]]
"""Waiters, each with what to do next."""


def process_way(work: Work) -> None:
    """Fetch the URLs in a process pool, which lasts as long as the call."""
    workers = enough_for(work, DESCRIPTORS)
    waiting: Waiting = SimpleQueue()
    # A terminal sends Ctrl-C to all processes: only this one must react, and then ends the others.
    ignore_interrupts = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(workers, initializer=signal.signal, initargs=ignore_interrupts) as pool:
        try:
            # Two for each worker: the URL that it fetches, and the next, so that it need not wait for this process.
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
        except BaseException:  # Ctrl-C: finish what has begun, and begin nothing more
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
    """Fetch one URL, in a worker process."""
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
