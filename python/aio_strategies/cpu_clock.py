"""The CPU time used by this process and by its child processes that have ended."""

from __future__ import annotations

__all__ = ["cpu_now"]

try:
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
except ImportError:  # Windows, where os.times() is precise enough
    import os

    def cpu_now() -> tuple[float, float]:
        """Return the seconds spent in the program's own code, and in the kernel for it."""
        now = os.times()
        return now.user + now.children_user, now.system + now.children_system

else:

    def cpu_now() -> tuple[float, float]:
        """Return the seconds spent in the program's own code, and in the kernel for it."""
        mine, childrens = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        return mine.ru_utime + childrens.ru_utime, mine.ru_stime + childrens.ru_stime
