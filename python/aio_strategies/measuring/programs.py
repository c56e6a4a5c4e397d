"""Packs the caller's programs for their way to a worker: callables by value, with their source for tracebacks."""

from __future__ import annotations

import io
import linecache
import pickle
from collections.abc import Callable
from types import CodeType
from typing import Any

__all__ = ["packed", "unpacked"]


def packed(name: str, program: Callable[..., Any] | str) -> bytes | str:
    """Return a program in the form that is sent to its worker: source text unchanged, a callable pickled.

    Raises:
        TypeError: it is neither callable nor text, or cannot be pickled.
        ValueError: the text is not valid Python (top-level ``await`` is allowed).
    """
    if isinstance(program, str):
        import ast

        try:
            compile(program, f"<program {name}>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError as error:
            raise ValueError(f"programs[{name!r}] is not valid Python: {error}") from error
        return program
    if not callable(program):
        raise TypeError(f"programs[{name!r}] must be a callable that takes urls, or source text, not {program!r}")
    try:
        return _pickled(program)
    except Exception as error:
        raise TypeError(f"programs[{name!r}] cannot be sent to a worker process: {error}") from error


def unpacked(data: bytes) -> Any:
    """Return the callable that was packed, and make tracebacks show its source."""
    sources, function = pickle.loads(data)
    for filename, lines in sources.items():
        # without a modification time, it counts as current
        linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)
    return pickle.loads(function)


def _pickled(function: Any) -> bytes:
    """Pickle a callable, together with the lines of each file (or notebook cell) that its code comes from."""
    import cloudpickle

    filenames: set[str] = set()

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
        """Keeps file names. cloudpickle 3.1.3 replaces them, so that tracebacks would find no source."""

        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, CodeType):
                filenames.add(value.co_filename)
                kind, arguments = cloudpickle.CloudPickler.dispatch_table[CodeType](value)
                return _named_code, (kind, arguments, value.co_filename)
            return super().reducer_override(value)

    with io.BytesIO() as file:
        Pickler(file).dump(function)
        pickled = file.getvalue()
    # The worker cannot read a notebook cell from a file.
    sources = {filename: lines for filename in sorted(filenames) if (lines := linecache.getlines(filename))}
    return pickle.dumps((sources, pickled))


def _named_code(kind: Callable[..., CodeType], arguments: tuple[Any, ...], filename: str) -> CodeType:
    return kind(*arguments).replace(co_filename=filename)
