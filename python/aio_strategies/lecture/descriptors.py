"""How many more file descriptors this process may open."""

import errno
import os
from contextlib import suppress

from .work import Work

SPARE = 16
"""File descriptors reserved for the pool's own pipes, and for everything else."""


def enough_for(work: Work, each: int) -> int:
    """Return how many of the waiters fit into the limit on open files, at least one.

    Args:
        work: notified if there are fewer waiters than it wants.
        each: file descriptors that one waiter needs.
    """
    room = work.waiters
    with suppress(ImportError, OSError):  # Windows has no such limit, and some systems have no such directory
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

        limit, _ = getrlimit(RLIMIT_NOFILE)
        if limit != RLIM_INFINITY:
            room = max(1, (limit - len(os.listdir("/dev/fd")) - SPARE) // each)
    if room < work.waiters:
        work.fewer_waiters(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    return min(room, work.waiters)
