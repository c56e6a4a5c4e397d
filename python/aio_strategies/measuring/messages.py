"""The messages between the coordinator and its workers, and the pipe that carries them."""

from __future__ import annotations

import math
import pickle
import struct
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

if TYPE_CHECKING:
    from ..lab.hosts import Bounds

__all__ = ["Assignment", "BatchReport", "Failure", "Found", "Order", "Outcome", "Report", "receive", "send"]

_LENGTH = struct.Struct("<Q")


# Named tuples, since there are many workers: importing `dataclasses` takes longer than this package's own part.


class Assignment(NamedTuple):
    """What a worker does again and again: the first message to it.

    Attributes:
        parent: the coordinator's process ID.
        strategy: the key of a strategy, or None for a program.
        language: the language of the strategy, or None.
        program: the caller's program: a packed callable, or source text.
        options: the strategy's keyword arguments.
        urls: all URLs of the comparison.
        ca_file: the certificate of the authority to trust over https; None to trust whom the system trusts.
        bounds: the limits on a program that names its own pages; None for others, whose connections are not
            redirected.
        lab_port: the port of the lab server.
        crawled: the names of the lab's hosts, all of which are crawled from the URLs; None to fetch the URLs only.
        time_limit: the limit on a batch, in seconds.
    """

    parent: int
    strategy: str | None
    language: str | None
    program: bytes | str | None
    options: Mapping[str, Any]
    urls: Sequence[str]
    ca_file: str | None = None
    bounds: Bounds | None = None
    lab_port: int = 0
    crawled: tuple[str, ...] | None = None
    time_limit: float = math.inf


class Order(NamedTuple):
    """Fetch the first ``requests`` URLs, ``batches`` times in a row.

    Attributes:
        requests: how many of the URLs.
        batches: how often.
        want: what to report besides the clocks: nothing, the outcome of each URL, or the times of each exchange.
    """

    requests: int
    batches: int = 1
    want: Literal["clocks", "outcomes", "times"] = "clocks"


Outcome = tuple[int | None, int, bytes] | BaseException
"""The outcome of a URL: status (None if unknown), size of the content in bytes, and its digest; or the exception."""

Found = dict[str, Outcome]
"""What a crawl found: the outcome of each URL."""


class BatchReport(NamedTuple):
    """What was measured of one batch.

    Attributes:
        began: when its clock started, in seconds of ``time.monotonic()``.
        wall: wall time in seconds.
        cpu_user: CPU time in seconds in the program's own code, child processes included.
        cpu_system: CPU time in seconds in the kernel on its behalf.
        waits: voluntary context switches (the program waited); None if the system does not report them.
        preemptions: involuntary context switches (others were due); None if the system does not report them.
        errors: the index and the error of each URL that failed.
        starts: seconds from ``began`` to the start of each exchange; empty unless asked for and known.
        services: seconds from each start to the end of that exchange.
        outcomes: the outcomes that the arm returned, which should be one for each URL; None unless asked for and known.
        failed: the URLs that failed in a crawl, and their errors.
        found: what it found in a crawl; None unless asked for and known.
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
    failed: Sequence[tuple[str, str]] = ()
    found: Found | None = None


class Report(NamedTuple):
    """The answer to an order that was carried out.

    Attributes:
        batches: a report of each batch.
        cpu: CPU time in seconds that the worker used for the whole order, including the time outside the clocks.
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
        OSError: the other side has closed the pipe.
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
