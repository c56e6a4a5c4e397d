"""What drives coroutines over the event loop: a coroutine yields a Future where it would have to wait, and a Task
resumes it when that future has its result."""

from __future__ import annotations

from collections.abc import Callable, Generator


class Future:
    """A result that comes later: what a coroutine yields, and a callback completes."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def add_done_callback(self, callback: Callable[[], None]) -> None:
        """Call back when the result is there."""
        self._callbacks.append(callback)

    def set_result(self) -> None:
        """Note that the result is there. (It is always "go on": what came is asked of the socket.)"""
        for callback in self._callbacks:
            callback()

    def __iter__(self) -> Generator[Future, None, None]:
        """A coroutine may delegate to a future like to a coroutine: it yields itself."""
        yield self


class Task:
    """Drives one coroutine: resumes it, and resumes it again when the future that it yielded is done."""

    def __init__(self, coroutine: Generator[Future, None, None]) -> None:
        self.coroutine = coroutine
        self.step()

    def step(self) -> None:
        """Let the coroutine run on to its next pause, or to its end."""
        try:
            future = next(self.coroutine)
        except StopIteration:
            return
        future.add_done_callback(self.step)
