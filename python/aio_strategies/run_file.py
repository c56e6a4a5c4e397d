"""The child of ``aio-strategies run --as-host``: runs a Python file while the lab stands in for its hosts."""

from __future__ import annotations

import builtins
import os
import sys
import traceback
from functools import partial
from types import TracebackType

from . import _native
from .lab.hosts import read_host, stand_in_for

__all__ = ["main"]


def main() -> None:
    """Run ``sys.argv``: the parent's process number, the lab's port, the hosts, the file, and the file's arguments."""
    parent, lab_port, hosts, path, *arguments = sys.argv[1:]
    _native.die_with(int(parent))
    stand_in_for(map(read_host, hosts.split(",")), int(lab_port))
    sys.argv[:] = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    with open(path, "rb") as file:
        source = file.read()
    sys.excepthook = partial(_tell, path)
    # In the main module, where process pools look up the functions that they run.
    module = vars(sys.modules["__main__"])
    module.clear()
    module.update(__name__="__main__", __file__=path, __builtins__=builtins, __doc__=None, __spec__=None)
    exec(compile(source, path, "exec", dont_inherit=True), module)


def _tell(path: str, kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    """Print a traceback that begins with the file's own frames."""
    while frames is not None and frames.tb_frame.f_code.co_filename != path:
        frames = frames.tb_next
    traceback.print_exception(kind, error, frames)
