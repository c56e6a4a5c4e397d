"""What an arm costs besides time: memory, threads, system calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Costs"]


@dataclass(frozen=True, slots=True)
class Costs:
    """What one batch of an arm cost, measured in a separate pass.

    Attributes:
        requests: the number of URLs of that batch.
        wall: the wall time in seconds while it was being watched.
        peak_memory: peak memory in bytes (``VmHWM``), summed over the worker process and its child processes, each at
            its own peak; shared pages count in each. None if it was not measured.
        threads: the most threads seen at once, in all these processes together, or None.
        processes: the most processes seen at once, or None.
        system_calls: how often each system call was made, or None.
        missing: the reason, for each of ``"memory"`` and ``"system_calls"`` that was not measured.
    """

    requests: int
    wall: float | None = None
    peak_memory: int | None = None
    threads: int | None = None
    processes: int | None = None
    system_calls: Mapping[str, int] | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def system_calls_per_request(self) -> float | None:
        """The number of system calls per request."""
        return None if self.system_calls is None else sum(self.system_calls.values()) / self.requests
