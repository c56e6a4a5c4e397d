"""What an arm costs besides time: memory, threads, system calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Costs"]


@dataclass(frozen=True, slots=True)
class Costs:
    """What one batch of an arm took, in a pass of its own.

    Attributes:
        requests: the number of URLs of that batch.
        wall: the seconds that it took while it was watched.
        peak_memory: the most bytes of memory that the worker process held (``VmHWM``), and its child processes with it,
            each at its own peak; pages that they share are counted in each. None if it was not measured.
        threads: the most threads of all these processes that were seen at once, or None.
        processes: the most processes that were seen at once, or None.
        system_calls: how often each system call was made, or None.
        missing: for each of ``"memory"`` and ``"system_calls"`` that was not measured, why.
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
        """The system calls of one request."""
        return None if self.system_calls is None else sum(self.system_calls.values()) / self.requests
