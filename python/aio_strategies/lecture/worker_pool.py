"""The pool of ``process``: it has as many workers as the system allows, and they stop when their caller does."""

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import sleep

from .. import _native
from .descriptors import enough_for
from .work import Slot, ThreadSlot, Work

DESCRIPTORS = 2
"""File descriptors that the caller needs for each worker."""

START_LIMIT = 30.0
"""Seconds. A pool whose first worker takes longer lacks a thread of its own, which it does not report."""

SLOT = Slot()
"""In a worker process, it holds the connection."""

WATCHED: list[Connection] = []
"""In a worker process, the pipe that becomes readable when the call is cancelled, until somebody watches it."""


class PoolSlot(ThreadSlot):
    """The slot of an exchange in a worker process. All workers watch a pipe: a byte in it ends their exchanges."""

    __slots__ = ("_cancel", "_cancelled")

    def __init__(self, cancelled: Connection, cancel: Connection) -> None:
        super().__init__()
        self._cancelled = cancelled
        self._cancel = cancel

    def break_off(self) -> None:
        """Have all workers break off what they fetch."""
        with suppress(OSError):  # the pool has ended
            if not self._cancelled.poll():
                self._cancel.send_bytes(b"\0")


def start_pool(work: Work, cancelled: Connection) -> tuple[ProcessPoolExecutor, int]:
    """Start the workers; return the pool, and how many workers there are: 0 if the system allows none.

    Args:
        work: notified if there are fewer workers than waiters that it wants.
        cancelled: becomes readable when the call is cancelled.
    """
    workers = enough_for(work, DESCRIPTORS)
    while True:
        pool = ProcessPoolExecutor(max(1, workers), initializer=prepare, initargs=(cancelled,))
        if not workers:
            return pool, 0
        try:
            pool.submit(int).result(START_LIMIT)
            return pool, workers
        except BrokenProcessPool:  # a worker died: each URL will say so
            return pool, workers
        except BaseException as error:
            for worker in list((pool._processes or {}).values()):
                worker.kill()
                worker.join()
            if not isinstance(error, OSError | RuntimeError):  # Ctrl-C
                raise
            work.fewer_waiters(error)
            workers //= 2  # leaves room for the threads of the pool


def prepare(cancelled: Connection) -> None:
    """Prepare a worker process: it ends with its caller, even if that is killed.

    Otherwise it would wait for work forever, since it holds a copy of the pipe that the work comes through.
    """
    # A terminal sends Ctrl-C to all processes: only the caller must react, and then cancels the call.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    WATCHED.append(cancelled)
    if sys.platform == "linux" and os.getppid() == caller().pid:
        _native.die_with(os.getppid())
    else:  # a child of the fork server, or a system that cannot end a child with its parent
        begin_watching()


def begin_watching() -> None:
    """Watch for the end of the call, and of its process, from now on.

    Where possible, not before the first URL: if there is little room for threads, the caller's come first.
    """
    if WATCHED:
        with suppress(RuntimeError):  # the system does not allow more threads
            threading.Thread(target=watch, args=(WATCHED.pop(),), daemon=True).start()


def watch(cancelled: Connection) -> None:
    """Break off what this worker fetches when the call is cancelled; end it with the caller, even if that is killed."""
    ended = caller().sentinel
    while ended not in wait([ended, cancelled]):
        SLOT.break_off()
        sleep(0.05)
    os._exit(1)


def caller() -> BaseProcess:
    """The process whose worker this is."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    return parent
