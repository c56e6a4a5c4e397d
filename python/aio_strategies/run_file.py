"""The child of ``aio-strategies run --as-host``: runs a Python file while the lab stands in for its hosts."""

from __future__ import annotations

import multiprocessing
import sys
import traceback
from functools import partial
from types import TracebackType

from . import _native
from .lab.hosts import read_host, stand_in_for
from .program_file import ProgramFile

__all__ = ["main"]


def main() -> None:
    """Run ``sys.argv``: the parent's process number, the lab's port, the hosts, the file, and the file's arguments."""
    parent, lab_port, hosts, path, *arguments = sys.argv[1:]
    _native.die_with(int(parent))
    stand_in_for(map(read_host, hosts.split(",")), int(lab_port))
    default, *others = multiprocessing.get_all_start_methods()
    if default != "fork" and "fork" in others:
        multiprocessing.set_start_method("fork")  # only forked processes inherit the redirection
    del sys.path[0]  # the current directory
    sys.excepthook = partial(_tell, path)
    ProgramFile(path, arguments)()


def _tell(path: str, kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    """Print a traceback that begins with the file's own frames."""
    while frames is not None and frames.tb_frame.f_code.co_filename != path:
        frames = frames.tb_next
    traceback.print_exception(kind, error, frames)
