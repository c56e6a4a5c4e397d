"""Confines a program that names its own pages: the lab stands in for its hosts, and all others are refused.

This keeps a mistake from reaching a public host; it is no sandbox. What does not connect through ``socket.socket`` gets
past it: other programs (curl), native code, UDP.

That holds for the processes that it starts, too, by whatever method of ``multiprocessing``. A forked process inherits
everything. Any other is a fresh interpreter, which would import the file of the main module and find the program's
functions there. But a cell has no file. So this module is its main module instead: it confines the process as its
parent is confined, and functions and classes of the main module are sent to and fro by value.
"""

from __future__ import annotations

import io
import json
import os
import sys
from types import FunctionType
from typing import Any

from ..lab.hosts import Bounds, read_host, stand_in_for
from ..lab.redirect import fence
from .programs import packed, unpacked

__all__ = ["confine", "follow_into_children", "forget_start_method"]

#: How many characters a program may print, so that one that prints forever cannot fill the disk.
_MOST_PRINTED = 100_000
#: The environment variable that tells the processes of a program how to confine themselves.
_CONFINED = "AIO_STRATEGIES_CONFINED"


def confine(bounds: Bounds, lab_port: int) -> None:
    """Let the lab stand in for the hosts, and block all others, in this process and those that it starts."""
    hosts, *options = bounds
    os.environ[_CONFINED] = json.dumps([list(map(str, hosts)), *options, lab_port])
    stand_in_for(hosts, lab_port)
    fence(f"name it by {bounds.host_option} {{host}}", lab_port)
    sys.stdout = _BoundedOutput(sys.stdout.detach(), "utf-8", "replace", line_buffering=True)  # type: ignore[union-attr]


class _BoundedOutput(io.TextIOWrapper):
    """Writes line by line, up to a limit, so that forked children repeat nothing and a killed program loses nothing."""

    _left = _MOST_PRINTED

    def write(self, text: str) -> int:
        shown = text[: self._left]
        self._left -= len(shown)
        super().write(shown)
        return len(text)


def follow_into_children() -> None:
    """Make this the main module of the processes that are started from now on, unless they are forked."""
    from multiprocessing import spawn

    prepare = spawn.get_preparation_data

    def prepare_child(name: str) -> dict[str, Any]:
        _pickle_by_value()
        data: dict[str, Any] = prepare(name)
        data.pop("init_main_from_path", None)
        return data | {"init_main_from_name": _NAME}

    spawn.get_preparation_data = prepare_child


def forget_start_method() -> None:
    """Let a program that runs again set its start method again, which is allowed only once."""
    if multiprocessing := sys.modules.get("multiprocessing"):
        multiprocessing.set_start_method(None, force=True)


def _pickle_by_value() -> None:
    from multiprocessing.reduction import ForkingPickler

    ForkingPickler.reducer_override = _by_value  # type: ignore[method-assign]


def _by_value(_: Any, value: Any) -> Any:
    """Tell a pickler how to pickle what another process cannot find by its name."""
    if isinstance(value, FunctionType | type) and value.__module__ in ("__main__", "__mp_main__"):
        return unpacked, (packed(value.__name__, value),)
    return NotImplemented


assert __spec__ is not None
_NAME = __spec__.name

if __name__ == "__mp_main__":
    follow_into_children()
    _pickle_by_value()  # what it sends back
    if _CONFINED in os.environ:
        hosts, *options, port = json.loads(os.environ[_CONFINED])
        confine(Bounds(tuple(map(read_host, hosts)), *options), port)
