"""Reads what is typed behind a command or a magic.

All raise ``argparse.ArgumentTypeError``, whose words are shown to whoever has typed it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .lab.hosts import Host

__all__ = ["duration", "host", "language_name", "list_of", "port_number", "positive", "size", "strategy_key"]

T = TypeVar("T")


def duration(text: str) -> float:
    """Read a duration in seconds, as ``20ms``."""
    from .units import seconds

    return _read(seconds, text)


def size(text: str) -> int:
    """Read a number of bytes, as ``64KiB``."""
    from .units import byte_count

    return _read(byte_count, text)


def positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def port_number(text: str) -> int:
    """Read the number of a port, or 0."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: it must be a whole number from 0 to 65535")
    return int(text)


def strategy_key(text: str) -> str:
    """Read the key of a strategy."""
    from .catalogue import STRATEGIES

    return _one_of(tuple(STRATEGIES), "strategy", text)


def language_name(text: str) -> str:
    """Read the name of a language."""
    from .catalogue import LANGUAGES

    return _one_of(LANGUAGES, "language", text)


def host(text: str) -> Host:
    """Read a host, as ``example.com:80``."""
    from .lab.hosts import read_host

    return _read(read_host, text)


def list_of(reader: Callable[[str], str]) -> Callable[[str], list[str]]:
    """Return what reads a list of such things, with commas between them."""

    def read(text: str) -> list[str]:
        return [reader(item.strip()) for item in text.split(",")]

    return read


def _read(reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _one_of(known: Sequence[str], kind: str, text: str) -> str:
    if text not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is no {kind}: choose from {', '.join(known)}")
    return text
