"""Lecture 2.2.2, multi-process: the blocking ``fetch``, in as many processes as exchanges may be in flight."""

import pickle
import threading
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from multiprocessing import Pipe
from typing import Any

from ..results import Response
from ..targets import Target
from .attempt import lost
from .blocking_way import blocking_way, fetch
from .work import Assignment, Work, assignments
from .worker_pool import SLOT, PoolSlot, begin_watching, start_pool


def process_way(work: Work) -> None:
    """Fetch the URLs in a process pool, which lasts as long as the call."""
    cancelled, cancel = Pipe(duplex=False)
    with cancelled, cancel:
        pool, workers = start_pool(work, cancelled)
        # Two for each worker: the URL that it fetches, and the next, so that it need not wait for this process.
        idle = IdleSlots([PoolSlot(cancelled, cancel) for _ in range(2 * workers)])
        with pool:
            try:
                while slots := idle.take():
                    for slot in slots:
                        if assignment := next(assignments(work, slot, slot.sleep), None):
                            submit(pool, assignment).add_done_callback(partial(put, work, assignment, slot, idle))
                        else:
                            idle.end_one()
            except BaseException:  # Ctrl-C
                work.cancel()
                pool.shutdown(cancel_futures=True)
                raise
    if not workers:
        blocking_way(work)


class IdleSlots:
    """The slots that have no URL now. They are taken by the half: waking the main thread for each would cost more."""

    def __init__(self, slots: list[PoolSlot]) -> None:
        self._slots = slots
        self._count = len(slots)
        self._changed = threading.Condition()

    def take(self) -> list[PoolSlot]:
        """Return the idle slots, as soon as they are half of those that have not ended; an empty list if all have."""
        with self._changed:
            self._changed.wait_for(self._enough)
            taken, self._slots = self._slots, []
        return taken

    def put(self, slot: PoolSlot) -> None:
        """Put back a slot; may be called from any thread."""
        with self._changed:
            self._slots.append(slot)
            if self._enough():
                self._changed.notify()

    def end_one(self) -> None:
        """Count one slot less: it has ended."""
        with self._changed:
            self._count -= 1

    def _enough(self) -> bool:
        return 2 * len(self._slots) >= self._count


def submit(pool: ProcessPoolExecutor, assignment: Assignment) -> Future[Response]:
    """Submit a URL to the pool; if the pool is broken, its future raises that error, not the whole call."""
    try:
        ticket, target, terms = assignment
        return pool.submit(fetch_one, ticket, tuple(target), pickled(terms))
    except BrokenProcessPool as error:
        future: Future[Response] = Future()
        future.set_exception(error)
        return future


def fetch_one(ticket: int, target: tuple[Any, ...], terms: bytes) -> Response:
    """Fetch one URL, in a worker process, unless the call was cancelled while it waited here for its turn."""
    begin_watching()
    if SLOT.broken_off:
        raise CancelledError
    return fetch(Assignment(ticket, Target(*target), unpickled(terms)), SLOT)


# The terms are the same for many URLs, and take longer to pickle than all the rest.
pickled = lru_cache(pickle.dumps)
unpickled = lru_cache(pickle.loads)


def put(work: Work, assignment: Assignment, slot: PoolSlot, idle: IdleSlots, future: Future[Response]) -> None:
    """Put back what a worker sent home, or that it died."""
    if not future.cancelled():
        error = future.exception()
        work.put(slot, assignment.ticket, lost(assignment, error) if error else future.result())
    idle.put(slot)
