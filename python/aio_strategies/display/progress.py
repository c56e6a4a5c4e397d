"""Shows the progress of a comparison or a crawl, in a notebook, in a terminal or in a log; draws only when ``show`` is
called.

No thread refreshes the display: it would take CPU time from what is timed, and a process that forks should have no
threads.
"""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["SECONDS_BETWEEN", "Notice", "Show", "shown"]

Show = Callable[[int, int, str], object]
"""Takes the runs (or pages) done, how many are expected in total, and what comes next."""

SECONDS_BETWEEN = 0.1
"""How often anyone can read a display."""


class Notice(str):
    """A label that nobody may miss: it is shown at once, whatever was shown just before, and stays to be read."""

    __slots__ = ()


#: How many seconds and which share of the runs it takes to foretell the end.
_SOONEST, _ENOUGH = 1.0, 0.1


@contextmanager
def shown(progress: bool | Show | None, *, foretells: bool = True) -> Iterator[Show]:
    """Yield a function to call with ``(done, total, label)``; the display that it draws is removed after the block.

    Args:
        progress: True to show progress (as lines on stderr if there is neither a notebook nor a terminal); False not
            to; None to show it only in a notebook, or if stderr is a terminal; or the function to yield.
        foretells: whether to say how much longer it takes, as the total does not grow.
    """
    if callable(progress):
        yield progress
        return
    display = _display(progress, foretells)
    if display is None:
        yield lambda done, total, label: None
        return
    try:
        yield display.show
    finally:
        display.clear()


def _display(progress: bool | None, foretells: bool) -> _Display | None:
    if progress is False:
        return None
    if _in_notebook():
        return _NotebookBlock(foretells)
    if sys.stderr is not None and sys.stderr.isatty():
        return _TerminalBar(foretells)
    return _LogLines(foretells) if progress else None


def _in_notebook() -> bool:
    # Only the shell of a kernel has a kernel, and code that runs in one has IPython imported.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


class _Display(ABC):
    """Draws no more often than anyone can read."""

    seconds_between = SECONDS_BETWEEN

    def __init__(self, foretells: bool) -> None:
        self._foretells = foretells
        self._began = time.monotonic()
        self._drawn_at = float("-inf")

    def show(self, done: int, total: int, label: str) -> None:
        if isinstance(label, Notice):
            self.tell(done, total, label)
            return
        now = time.monotonic()
        if now - self._drawn_at >= self.seconds_between:
            self._drawn_at = now
            left = _left(now - self._began, done, total) if self._foretells else ""
            self.draw(done, total, f"{label}{left}")

    @abstractmethod
    def draw(self, done: int, total: int, label: str) -> None:
        """Show this state instead of the last one."""

    @abstractmethod
    def tell(self, done: int, total: int, notice: str) -> None:
        """Show a notice, at least until the display is removed."""

    @abstractmethod
    def clear(self) -> None:
        """Remove the display."""


def _left(seconds: float, done: int, total: int) -> str:
    """Say about how much longer it takes, once enough is done to tell."""
    if seconds < _SOONEST or done < _ENOUGH * total:
        return ""
    left = seconds * (total - done) / done
    return f", about {left / 60:.0f} min left" if left >= 90 else f", about {max(1.0, left):.0f} s left"


class _NotebookBlock(_Display):
    """One block of output, which is replaced in place and is empty at the end."""

    def __init__(self, foretells: bool) -> None:
        super().__init__(foretells)
        self._handle: Any = None
        self._notice = ""

    def draw(self, done: int, total: int, label: str) -> None:
        import html

        from .notebook import bar

        drawn = bar(done / total, width="16em", track=True)
        self._put(
            f'<div style="display: flex; align-items: center; gap: 0.8em">{drawn}'
            f"<span>{done}/{total}</span><span>{html.escape(label)}</span></div>"
            + (f"<div>{html.escape(self._notice)}</div>" if self._notice else ""),
            f"{done}/{total} {label}" + (f"\n{self._notice}" if self._notice else ""),
        )

    def tell(self, done: int, total: int, notice: str) -> None:
        self._notice = notice
        self.draw(done, total, "")

    def clear(self) -> None:
        if self._handle is not None:
            self._put("", "")

    def _put(self, rich: str, plain: str) -> None:
        from IPython.display import display

        bundle = {"text/html": rich, "text/plain": plain}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)


class _TerminalBar(_Display):
    """A bar on stderr, drawn by rich, which disappears at the end."""

    def __init__(self, foretells: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        super().__init__(foretells)
        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", visible=False)
        self._progress.start()

    def draw(self, done: int, total: int, label: str) -> None:
        self._progress.update(self._task, completed=done, total=total, description=label, visible=True, refresh=True)

    def tell(self, done: int, total: int, notice: str) -> None:
        self._progress.console.print(notice, markup=False, highlight=False)  # stands above the bar, and stays there

    def clear(self) -> None:
        self._progress.stop()


class _LogLines(_Display):
    """A line on stderr now and then, for a log."""

    seconds_between = 1.0

    def draw(self, done: int, total: int, label: str) -> None:
        print(f"{done}/{total} {label}", file=sys.stderr, flush=True)

    def tell(self, done: int, total: int, notice: str) -> None:
        self.draw(done, total, notice)

    def clear(self) -> None:
        pass  # a log keeps its lines
