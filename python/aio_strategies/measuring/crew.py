"""The coordinator's side of the workers: starts them, sends them orders, and ends every one of them."""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

from ..comparison.settings import Arm
from .messages import Assignment, Failure, Order, Report, receive, send
from .watching import Watch

__all__ = ["KEEPS_MEMORY", "ArmFailed", "ArmLate", "Crew", "Interrupted", "OutOfTime", "Stop"]

#: With these environment variables, glibc keeps what is freed, up to 512 MiB. Else chance decides whether the system
#: gets it, and has to find it again for the next batch: with long bodies, that takes more CPU time than to fetch them.
KEEPS_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(512 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}

# The path of the caller's interpreter, so that the worker finds this package and the caller's own modules.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop());"
    " from aio_strategies.measuring.worker import main; main()"
)
#: How often a wait checks whether to give up, in seconds.
_TICK = 0.05
#: Takes the place of an answer: no more will come.
_ENDED = object()
#: How many characters of a dead worker's output to show.
_LAST_WORDS = 2000
#: How many characters of a live worker's output to show.
_MOST_WORDS = 4000
#: How long a worker may take to start, in seconds.
_START_LIMIT = 60.0
#: How long a late arm may take to report where it is stuck, in seconds.
_LAST_CHANCE = 1.0


class OutOfTime(Exception):
    """The deadline passed before a worker had answered.

    Attributes:
        arm: the arm whose worker it was.
    """

    def __init__(self, arm: Arm) -> None:
        super().__init__(arm)
        self.arm = arm


class Interrupted(Exception):
    """The caller has cancelled the comparison."""


class ArmFailed(Exception):
    """An arm raised an exception, or its worker died.

    Attributes:
        arm: the arm.
        message: what it raised, or how it died.
        details: its traceback, or its last output.
    """

    def __init__(self, arm: Arm, message: str, details: str) -> None:
        super().__init__(arm, message, details)
        self.arm = arm
        self.message = message
        self.details = details


class ArmLate(ArmFailed):
    """An arm was still running after its time limit, and was killed."""


class Stop:
    """Tells every wait of a comparison when to give up.

    Attributes:
        deadline: the time to give up, in seconds of ``time.monotonic()``.
    """

    def __init__(self, called_off: Callable[[], bool] = lambda: False) -> None:
        self.deadline = float("inf")
        self._called_off = called_off

    def seconds_left(self) -> float:
        """Return the seconds that are left.

        Raises:
            Interrupted: the comparison was cancelled.
        """
        if self._called_off():
            raise Interrupted
        return self.deadline - time.monotonic()

    @contextlib.contextmanager
    def no_later_than(self, deadline: float) -> Iterator[None]:
        """Make the waits in a ``with`` block give up at this deadline, unless the comparison's is sooner."""
        whole = self.deadline
        self.deadline = min(whole, deadline)
        try:
            yield
        finally:
            self.deadline = whole


class Worker:
    """A process that runs one arm."""

    def __init__(self, arm: Arm, assignment: Assignment) -> None:
        self.arm = arm
        self._time_limit = assignment.time_limit
        self._limit = _START_LIMIT
        self._bounds = assignment.bounds
        self._due = time.monotonic() + _START_LIMIT
        self._late: ArmLate | None = None
        self._printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            bufsize=-1,
            env=KEEPS_MEMORY | os.environ,
            # A terminal's Ctrl-C must reach only the coordinator; and killing the group ends what the arm has started.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._reports: BinaryIO = self._process.stdout  # type: ignore[assignment]
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # A thread, as no other way to wait for a pipe with a timeout works everywhere.
        self._reader = threading.Thread(target=self._read, name=f"aio-{arm}", daemon=True)
        self._reader.start()
        self._tell(assignment)

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    def order(self, order: Order, limit: float) -> None:
        """Send an order, which may take ``limit`` seconds, or the assignment's time limit for each batch, if less."""
        self._limit = min(limit, self._time_limit * order.batches)
        self._due = time.monotonic() + self._limit
        self._tell(order)

    def answer(self, stop: Stop, watch: Watch | None = None) -> Any:
        """Wait for the answer, watching the process in the meantime.

        Raises:
            ArmFailed: the arm raised an exception, or the worker died.
            ArmLate: the arm's time limit passed; the worker has been killed.
            OutOfTime: the deadline passed.
            Interrupted: the comparison was cancelled.
        """
        answer = None
        while answer is None:
            left = stop.seconds_left()
            if left <= 0:
                raise OutOfTime(self.arm)
            if watch is not None:
                watch.look()
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=min(left, _TICK if watch is None else watch.interval))
            # Its children may hold its end of the pipe open, so its death does not always end the stream.
            if answer is None and self._process.poll() is not None and self._answers.empty():
                answer = _ENDED
            if answer is None and time.monotonic() > self._due:
                raise self._ended_late()
        if watch is not None:
            watch.look()
        if answer is _ENDED:
            raise self._died()
        if isinstance(answer, Failure):
            raise ArmFailed(self.arm, answer.message, answer.traceback)
        return answer

    def printed(self) -> str:
        """Return what it has printed so far, cut if it is too long. Do not call this while it works on an order."""
        self._printed.seek(0)
        words = self._printed.read(4 * _MOST_WORDS).decode("utf-8", "replace")
        size = self._printed.seek(0, os.SEEK_END)  # the worker shares this file offset
        if len(words) <= _MOST_WORDS and size <= 4 * _MOST_WORDS:
            return words
        return f"{words[:_MOST_WORDS]}… (cut)\n"

    def end(self) -> None:
        """Kill the process and everything that it has started, and wait until it is gone."""
        if self._late is None:
            self._kill()
        with contextlib.suppress(OSError):
            self._orders.close()
        self._printed.close()
        self._reader.join(_TICK)
        if not self._reader.is_alive():  # a process that left the group may hold the pipe open, and keep the thread
            self._reports.close()

    def _kill(self) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def _ended_late(self) -> ArmLate:
        """Kill the process, but first let it report where it is stuck."""
        where = ""
        if os.name == "posix":
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=_LAST_CHANCE)
                where = answer.traceback if isinstance(answer, Failure) else ""
        self._kill()
        limit = f"{self._limit:.3g} s" if self._bounds is None else f"{self._limit:g} s ({self._bounds.time_option})"
        self._late = ArmLate(self.arm, f"it was still running after {limit}, and was killed", where)
        return self._late

    def _tell(self, message: object) -> None:
        with contextlib.suppress(OSError):  # it has died: the wait for its answer reports that
            send(self._orders, message)

    def _read(self) -> None:
        while True:
            try:
                self._answers.put(receive(self._reports))
            except Exception:
                self._answers.put(_ENDED)
                return

    def _died(self) -> ArmFailed:
        if self._late is not None:
            return self._late
        status = self._process.wait()
        cause = f"exit status {status}"
        if status < 0:
            with contextlib.suppress(ValueError):
                cause = f"killed by {signal.Signals(-status).name}"
        self._printed.seek(0)
        words = self._printed.read().decode("utf-8", "replace")
        return ArmFailed(self.arm, f"its worker process died: {cause}", words[-_LAST_WORDS:])


class Crew:
    """One worker for each arm; only one works at a time, except in ``run_all``."""

    def __init__(self, assignments: Mapping[Arm, Assignment], stop: Stop) -> None:
        self._assignments = assignments
        self._stop = stop
        self._workers: dict[Arm, Worker] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def start(self) -> list[ArmFailed]:
        """Start a fresh worker for each arm, replacing any old ones, and return those that failed.

        Raises:
            OutOfTime, Interrupted: as ``Worker.answer`` does.
        """
        self.end()
        for arm, assignment in self._assignments.items():
            self._workers[arm] = Worker(arm, assignment)
        return self._answers(self._workers)[1]

    def run(self, arm: Arm, order: Order, limit: float = math.inf, watch: Watch | None = None) -> Report:
        """Have an arm's worker carry out an order within ``limit`` seconds, and wait for its report.

        Raises:
            ArmFailed, ArmLate, OutOfTime, Interrupted: as ``Worker.answer`` does.
        """
        worker = self._workers[arm]
        worker.order(order, limit)
        report: Report = worker.answer(self._stop, watch)
        return report

    def run_all(self, orders: Mapping[Arm, Order], limit: float) -> tuple[dict[Arm, Report], list[ArmFailed]]:
        """Have several arms carry out an order each within ``limit`` seconds, all at the same time.

        Returns:
            The reports, and the failures of the others.

        Raises:
            OutOfTime, Interrupted: as ``Worker.answer`` does.
        """
        for arm, order in orders.items():
            self._workers[arm].order(order, limit)
        return self._answers(orders)

    def _answers(self, arms: Iterable[Arm]) -> tuple[dict[Arm, Any], list[ArmFailed]]:
        """Wait for an answer from each, even a failure, so that none is left over for the next order."""
        answers = {}
        failures = []
        for arm in arms:
            try:
                answers[arm] = self._workers[arm].answer(self._stop)
            except ArmFailed as failure:
                failures.append(failure)
        return answers, failures

    def pid(self, arm: Arm) -> int:
        """Return the process ID of the arm's worker."""
        return self._workers[arm].pid

    def printed(self, arm: Arm) -> str:
        """Return what the arm's worker has printed so far, cut if it is too long."""
        return self._workers[arm].printed()

    def replace(self, arm: Arm) -> None:
        """Start a fresh worker for an arm, replacing its current one.

        Raises:
            ArmFailed, OutOfTime, Interrupted: as ``Worker.answer`` does.
        """
        self._workers.pop(arm).end()
        self._workers[arm] = Worker(arm, self._assignments[arm])
        self._workers[arm].answer(self._stop)

    def end(self) -> None:
        """End all workers."""
        while self._workers:
            self._workers.popitem()[1].end()
