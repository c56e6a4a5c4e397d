"""The strategies in Python, as plain lecture code: one file each; ``aio_strategies.python`` has their public functions.

``exchange`` is HTTP without I/O; ``attempt`` is one try at one URL, and says what it wants next; ``work`` hands out
assignments and collects responses. ``callback``, ``generator`` and ``yield_from`` share ``event_loop``; ``executor``
drives the coroutines of the latter two. The strategies differ only in how they wait: ``diff`` two neighbours to see it.
"""

from importlib import import_module
from typing import Any


def way(key: str) -> Any:
    """Import that strategy's file, and return its function."""
    return getattr(import_module(f".{key}_way", __package__), f"{key}_way")
