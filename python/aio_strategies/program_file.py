"""Runs a Python file as ``python FILE.py`` does: as the main module, which can import what lies beside it."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from types import CodeType

__all__ = ["ProgramFile"]


class ProgramFile:
    """A Python file, which each call runs from its first line to its last.

    Args:
        path: the file.
        arguments: what the program finds in ``sys.argv`` after its path.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: str, arguments: Sequence[str] = ()) -> None:
        self.path = path
        self.arguments = arguments
        with open(path, "rb") as file:
            self.source = file.read()

    def __call__(self, urls: Sequence[str] = ()) -> None:
        """Run the program, which names its own pages and ignores ``urls``.

        Raises:
            SyntaxError: it is not valid Python.
            SystemExit: it ended with an exit status other than 0.
        """
        directory = os.path.dirname(os.path.realpath(self.path))
        if directory not in sys.path:
            sys.path.insert(0, directory)
        sys.argv[:] = [self.path, *self.arguments]
        # In the main module, where process pools look up the functions that they run.
        module = vars(sys.modules["__main__"])
        module.clear()
        module.update(__name__="__main__", __file__=self.path, __builtins__=builtins, __doc__=None, __spec__=None)
        try:
            exec(self._code, module)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise

    @cached_property
    def _code(self) -> CodeType:
        code: CodeType = compile(self.source, self.path, "exec", dont_inherit=True)
        return code
