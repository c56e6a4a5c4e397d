"""Puts Ctrl-C off while something is written that must be whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Postponement"]


class Postponement:
    """A context, within which there may be spans that no Ctrl-C breaks off: it is heard at their end.

    Elsewhere than in the main thread it does nothing, since there is no Ctrl-C.
    """

    def __init__(self) -> None:
        self._handler: Callable[[int, FrameType | None], Any] | None = None
        self._postpones = False
        self._is_due = False

    def __enter__(self) -> Postponement:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            self._handler = handler
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)

    @contextmanager
    def span(self) -> Iterator[None]:
        """Hear Ctrl-C at the end of the block."""
        self._postpones = True
        try:
            yield
        finally:
            self._postpones = False
            if self._is_due and self._handler is not None:
                self._is_due = False
                self._handler(signal.SIGINT, None)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._postpones:
            self._is_due = True
        elif self._handler is not None:
            self._handler(number, frame)
