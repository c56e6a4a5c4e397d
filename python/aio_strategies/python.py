"""The Python strategies: ``aio.python.<key>_way``. Same names, arguments, results and exceptions as ``aio.rust``.

They are in ``lecture/``, a file each. A file is imported when its function is called for the first time: asyncio and
the pools take longer to import than all the rest of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .strategy_function import async_strategy_function, strategy_function

__all__ = [
    "asyncio_way",
    "blocking_way",
    "callback_way",
    "generator_way",
    "nonblocking_way",
    "process_way",
    "thread_way",
    "yield_from_way",
]


def _from_file(key: str) -> Callable[[], Any]:
    """Return what imports that strategy's file and gives its function."""
    return lambda: getattr(import_module(f".lecture.{key}_way", __package__), f"{key}_way")


blocking_way = strategy_function("blocking", "python", _from_file("blocking"))
process_way = strategy_function("process", "python", _from_file("process"))
thread_way = strategy_function("thread", "python", _from_file("thread"))
nonblocking_way = strategy_function("nonblocking", "python", _from_file("nonblocking"))
callback_way = strategy_function("callback", "python", _from_file("callback"))
generator_way = strategy_function("generator", "python", _from_file("generator"))
yield_from_way = strategy_function("yield_from", "python", _from_file("yield_from"))
asyncio_way = async_strategy_function("asyncio", "python", _from_file("asyncio"))
