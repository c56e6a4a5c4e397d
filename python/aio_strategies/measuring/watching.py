"""Measures what an arm costs besides time, from the outside: memory, threads, system calls.

This is never done while an arm is timed, because watching a process slows it down.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

__all__ = ["SystemCallCounter", "Watch", "why_no_memory", "why_no_system_calls"]

#: How long strace may take to attach, in seconds.
_ATTACH_TIMEOUT = 5.0


def why_no_memory() -> str | None:
    """Tell why peak memory cannot be measured on this machine; None if it can."""
    if not os.path.exists("/proc/self/clear_refs"):
        return "there is no /proc/self/clear_refs"
    return None


def why_no_system_calls() -> str | None:
    """Tell why system calls cannot be counted on this machine; None if no reason is known."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    return None


class Watch:
    """Looks at a process and its descendants whenever asked, and keeps the peaks.

    Attributes:
        interval: seconds between two looks, short enough to miss little.
        threads: the most threads seen at once, in all processes together.
        processes: the most processes seen at once.
    """

    interval = 0.002

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._memory: dict[int, int] = {}
        self.threads = 0
        self.processes = 0
        # "5" resets VmHWM to the memory held now, and so forgets what the process inherited or did before.
        with contextlib.suppress(OSError), open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")

    @property
    def peak_memory(self) -> int:
        """The sum of the peaks of all processes, in bytes."""
        return sum(self._memory.values())

    def look(self) -> None:
        """Look once."""
        threads = processes = 0
        for pid in _family(self._pid):
            status = _status(pid)
            if status is not None:
                self._memory[pid] = max(status[0], self._memory.get(pid, 0))
                threads += status[1]
                processes += 1
        self.threads = max(self.threads, threads)
        self.processes = max(self.processes, processes)


_HIGH_WATER = re.compile(rb"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_THREADS = re.compile(rb"^Threads:\s+(\d+)", re.MULTILINE)


def _status(pid: int) -> tuple[int, int] | None:
    """Return the peak memory in bytes and the number of threads; None if the process has ended."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            status = file.read()
    except OSError:
        return None
    memory, threads = _HIGH_WATER.search(status), _THREADS.search(status)
    return (1024 * int(memory[1]), int(threads[1])) if memory and threads else None


def _family(pid: int) -> Iterator[int]:
    """Yield the process and all its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children,
            ):
                for child in children.read().split():
                    yield from _family(int(child))


class SystemCallCounter:
    """Counts the system calls of a process and its children during a ``with`` block, by strace.

    Attributes:
        calls: after the block, how often each was made; None if strace could not count them.
        trouble: after the block, why ``calls`` is None.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.calls: dict[str, int] | None = None
        self.trouble = ""

    def __enter__(self) -> SystemCallCounter:
        self._table: Any = tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace")
        self._said: Any = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            ["strace", "-f", "-c", "-o", self._table.name, "-p", str(self._pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
        )
        give_up = time.monotonic() + _ATTACH_TIMEOUT
        while self._process.poll() is None and not self._is_attached() and time.monotonic() < give_up:
            time.sleep(0.001)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            attached = self._process.poll() is None and self._is_attached()
            # at SIGINT, strace detaches from all processes and writes its table
            self._process.send_signal(signal.SIGINT if kind is None else signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ATTACH_TIMEOUT)
            if attached:
                self.calls = _calls(self._table.read())
            if not self.calls:
                self.calls = None
                self._said.seek(0)
                said = self._said.read().strip().splitlines()
                self.trouble = said[-1] if said else "strace counted nothing"
        finally:
            self._process.kill()
            self._process.wait()
            self._table.close()
            self._said.close()

    def _is_attached(self) -> bool:
        self._said.seek(0)
        return "attached" in self._said.read()


def _calls(table: str) -> dict[str, int]:
    """Read strace's table: percent, seconds, µs per call, calls, errors (or blank), name."""
    calls = {}
    for line in table.splitlines():
        fields = line.split()
        if len(fields) in (5, 6) and fields[3].isdecimal() and fields[-1] != "total":
            calls[fields[-1]] = int(fields[3])
    return calls
