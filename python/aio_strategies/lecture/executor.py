"""The executor, which drives coroutines on the event loop: a coroutine yields a Future where it would have to wait, and
a Task resumes it when that future has its result."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import TracebackType


class Future:
    """A result that will come later: a coroutine yields the future, and a callback completes it."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def add_done_callback(self, callback: Callable[[], None]) -> None:
        """Call this function when the result is there."""
        self._callbacks.append(callback)

    def set_result(self) -> None:
        """Complete the future. (Its result is always "go on"; the coroutine then asks the socket what has come.)"""
        for callback in self._callbacks:
            callback()

    def __iter__(self) -> Generator[Future, None, None]:
        """Make ``yield from future`` work: the future yields itself."""
        yield self


class Task:
    """Drives one coroutine: resumes it whenever the future that it yielded is done."""

    def __init__(self, coroutine: Generator[Future, None, None]) -> None:
        self.coroutine = coroutine
        self.step()

    def step(self) -> None:
        """Resume the coroutine until it pauses or ends."""
        try:
            future = next(self.coroutine)
        except StopIteration:
            return
        future.add_done_callback(self.step)


class TaskGroup:
    """The tasks of one call. Those that have not ended at the end of a ``with`` block, as after Ctrl-C, are closed."""

    def __init__(self) -> None:
        self._tasks: list[Task] = []

    def create_task(self, coroutine: Generator[Future, None, None]) -> None:
        """Run the coroutine until it first pauses."""
        self._tasks.append(Task(coroutine))

    def __enter__(self) -> TaskGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.coroutine.close()
