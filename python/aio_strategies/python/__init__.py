"""The Python strategies: ``aio.python.<key>_way``. One file each, plain as lecture code.

``exchange`` is HTTP without I/O, ``attempt`` one try at one URL, ``arrivals`` how the caller's thread waits until a URL
is due, ``event_loop`` what ``callback``, ``generator`` and ``yield_from`` share. The strategies differ in how they
wait, and nothing else: ``diff`` two neighbours.

Each file is imported when its function is called for the first time: asyncio and the pools take longer to import than
all the rest of the package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from ..strategy_function import async_strategy_function, strategy_function

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


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Importing a file would put it in the place of the function of the same name.
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        # cloudpickle knows modules by their very class; a function that names this one is sent to workers.
        return import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package


def _from_file(key: str) -> Callable[[], Any]:
    """Return what imports that strategy's file and gives its function."""
    return lambda: getattr(import_module(f"{__name__}.{key}_way"), f"{key}_way")


blocking_way = strategy_function("blocking", "python", _from_file("blocking"))
process_way = strategy_function("process", "python", _from_file("process"))
thread_way = strategy_function("thread", "python", _from_file("thread"))
nonblocking_way = strategy_function("nonblocking", "python", _from_file("nonblocking"))
callback_way = strategy_function("callback", "python", _from_file("callback"))
generator_way = strategy_function("generator", "python", _from_file("generator"))
yield_from_way = strategy_function("yield_from", "python", _from_file("yield_from"))
asyncio_way = async_strategy_function("asyncio", "python", _from_file("asyncio"))
