"""The state of the machine: what else it does while arms are timed, and which resources are scarce.

Only Linux reports this; elsewhere, nothing is watched or said about it.
"""

from __future__ import annotations

import contextlib
import os
import time

from ..comparison.conditions import Conditions
from ..targets import client_ports

__all__ = ["Monitor", "descriptor_limit", "port_count", "sockets_in_time_wait"]


class Monitor:
    """Records what the machine does, from its creation to ``stop``."""

    def __init__(self) -> None:
        self._before = _now()
        self._own = time.thread_time()

    def stop(self, own: float) -> Conditions:
        """Return what was seen.

        Args:
            own: CPU time in seconds that the arm and the lab server used in that time.
        """
        after = _now()
        own += time.thread_time() - self._own
        return Conditions(
            wall=after.wall - self._before.wall,
            pressure=_difference(after.pressure, self._before.pressure),
            steal=_difference(after.steal, self._before.steal),
            busy=_difference(after.busy, self._before.busy),
            own=own,
        )


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _now() -> Conditions:
    """Read the system's counters."""
    now = Conditions(wall=time.monotonic())
    with contextlib.suppress(OSError, ValueError), open("/proc/pressure/cpu", encoding="ascii") as file:
        # some avg10=0.00 avg60=0.00 avg300=0.00 total=<µs>
        now.pressure = int(file.readline().rpartition("=")[2]) / 1e6
    with contextlib.suppress(OSError, ValueError), open("/proc/stat", encoding="ascii") as file:
        # cpu user nice system idle iowait irq softirq steal …; the interrupts serve the network, so they are our own
        user, nice, system, _, _, _, _, steal = map(int, file.readline().split()[1:9])
        ticks = os.sysconf("SC_CLK_TCK")
        now.busy = (user + nice + system) / ticks
        now.steal = steal / ticks
    return now


def descriptor_limit() -> int | None:
    """Return how many file descriptors a process may have; None if that is unknown or unlimited."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
    except ImportError:  # Windows
        return None
    soft, _ = getrlimit(RLIMIT_NOFILE)
    return None if soft == RLIM_INFINITY else soft


def port_count() -> int:
    """Return how many local ports there are for connections to one address."""
    return len(client_ports())


def sockets_in_time_wait() -> int:
    """Return how many closed TCP sockets the system still keeps (TIME_WAIT); 0 if unknown."""
    with contextlib.suppress(OSError, ValueError), open("/proc/net/sockstat", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[0] == "TCP:":
                return int(words[words.index("tw") + 1])
    return 0
