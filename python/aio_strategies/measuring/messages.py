"""What the coordinator and its workers say to each other, and the pipe that carries it."""

from __future__ import annotations

import math
import pickle
import struct
from array import array
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

if TYPE_CHECKING:
    from ..lab.hosts import Bounds

__all__ = ["Assignment", "BatchReport", "Failure", "Order", "Outcome", "Report", "receive", "send"]

_LENGTH = struct.Struct("<Q")


# Named tuples: `dataclasses` would take each of the many workers longer to import than this package's own part.


class Assignment(NamedTuple):
    """What a worker is to do again and again. It is the first message to it.

    Attributes:
        parent: the number of the coordinator's process.
        strategy: the key of a strategy, or None for a program.
        language: the language of the strategy, or None.
        program: a program of the caller's: a packed callable, or source text.
        options: the strategy's keyword arguments.
        urls: all URLs of the comparison.
        bounds: what a program that does work of its own is held to; None for others, whose connections go their own
            way.
        lab_port: the port of the lab server.
        time_limit: seconds after which a batch is given up.
    """

    parent: int
    strategy: str | None
    language: str | None
    program: bytes | str | None
    options: Mapping[str, Any]
    urls: tuple[str, ...]
    bounds: Bounds | None = None
    lab_port: int = 0
    time_limit: float = math.inf


class Order(NamedTuple):
    """Fetch the first ``requests`` URLs, ``batches`` times in a row.

    Attributes:
        requests: how many of the URLs.
        batches: how often.
        want: what to report besides the clocks: nothing, what came of each URL, or when.
    """

    requests: int
    batches: int = 1
    want: Literal["clocks", "outcomes", "times"] = "clocks"


Outcome = tuple[int | None, int, bytes] | BaseException
"""What came of a URL: status (None if it is not known), bytes of content and their digest; or the exception."""


class BatchReport(NamedTuple):
    """One batch.

    Attributes:
        began: when its clock began, in seconds of ``time.monotonic()``.
        wall: seconds.
        cpu_user: seconds of processor time in the program's own code, child processes included.
        cpu_system: seconds of processor time in the kernel for it.
        waits: context switches because the program waited (voluntary); None if the system does not tell.
        preemptions: context switches because others were due (involuntary); None if the system does not tell.
        errors: the URL's index and what went wrong, for each that failed.
        starts: seconds from ``began`` to the start of each exchange; empty unless wanted and known.
        services: seconds from each start to the end of that exchange.
        outcomes: what came of each URL; None unless wanted and known.
    """

    began: float
    wall: float
    cpu_user: float
    cpu_system: float
    waits: int | None
    preemptions: int | None
    errors: list[tuple[int, str]]
    starts: array[float]
    services: array[float]
    outcomes: list[Outcome] | None


class Report(NamedTuple):
    """An order that was carried out.

    Attributes:
        batches: what each batch took.
        cpu: seconds of processor time that the worker used for the order in all, what is beside the clocks too.
    """

    batches: list[BatchReport]
    cpu: float


class Failure(NamedTuple):
    """The arm raised an exception.

    Attributes:
        message: its type and text.
        traceback: the traceback as text, from the arm's own code on.
    """

    message: str
    traceback: str


def send(pipe: BinaryIO, message: object) -> None:
    """Write a message.

    Raises:
        OSError: nobody reads any more.
    """
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read a message.

    Raises:
        EOFError: the other side has ended.
    """
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)
