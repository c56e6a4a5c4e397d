"""How much of what a process may have open is left."""

import errno
import os
from contextlib import suppress

from .work import Work

SPARE = 16
"""Left for the pool's own pipes, and for whatever else goes on."""


def enough_for(work: Work, each: int) -> int:
    """Return how many waiters of the work the limit on open files has room for, at least one.

    Args:
        work: it is told if there are fewer waiters than it wants.
        each: descriptors for one waiter.
    """
    room = work.waiters
    with suppress(ImportError, OSError):  # Windows has no such limit, and other systems no such folder
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

        limit, _ = getrlimit(RLIMIT_NOFILE)
        if limit != RLIM_INFINITY:
            room = max(1, (limit - len(os.listdir("/dev/fd")) - SPARE) // each)
    if room < work.waiters:
        work.fewer_waiters(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    return min(room, work.waiters)
