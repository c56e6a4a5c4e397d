"""Tells of a program's failure as its author wants to read it: by the author's own lines."""

from __future__ import annotations

import errno
import re
import sysconfig
import traceback
from pathlib import Path

from ..lab.redirect import local_hints, refusals
from .messages import Failure

__all__ = ["failure_of"]

#: Where code lies that is not the author's: this package, Python's library, and installed packages.
_FOREIGN = (
    "<frozen ",
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
)
_WORKER = str(Path(__file__).with_name("worker.py"))
_FRAME = re.compile(r'^  File "(.*)", line .*\n(?:    .*\n)*', re.MULTILINE)
_REFUSED = f"[Errno {errno.ECONNREFUSED}]"


def failure_of(error: BaseException) -> Failure:
    """Return the message of an error and its traceback, from the author's first line to the author's last.

    If no line is the author's, this package has failed, and the traceback is whole.
    """
    words = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    remote = error.__cause__
    if isinstance(lines := getattr(remote, "tb", None), str):  # a process pool's: as text
        remote.tb = _FRAME.sub(lambda frame: frame[0] if _is_own(frame[1]) else "", lines)  # type: ignore[union-attr]
    told = traceback.TracebackException.from_exception(error)
    told.stack[:] = [frame for frame in told.stack if frame.filename != _WORKER]
    if any(_is_own(frame.filename) for frame in told.stack):
        _keep_own_lines(told, error)
    details = "".join(told.format()) if told.stack else ""
    hints = [refusal for refusal in refusals() if refusal not in words + details]
    if _REFUSED in words + details:
        hints += local_hints()
    return Failure(words, "\n".join([details, *hints]))


def _is_own(path: str) -> bool:
    return not path.startswith(_FOREIGN)


def _keep_own_lines(told: traceback.TracebackException, error: BaseException) -> bool:
    """Drop all other lines, also of the errors in this one and before it; tell whether there is anything left."""
    own = [place for place, frame in enumerate(told.stack) if _is_own(frame.filename)]
    told.stack[:] = told.stack[own[0] : own[-1] + 1] if own else []
    for part, inner in zip(told.exceptions or (), getattr(error, "exceptions", ()), strict=False):
        _keep_own_lines(part, inner)
    for name in ("__cause__", "__context__"):
        before = getattr(told, name)
        if before is not None and not _keep_own_lines(before, getattr(error, name)):
            setattr(told, name, None)
    return bool(own) or hasattr(error, "tb")
