"""The lab server's log: what it saw of each exchange, and when."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple, SupportsIndex, overload

__all__ = ["ExchangeLog", "LogRecord"]

#: A record: id, connection, accepted, secured, begun, request, first_byte, last_byte, closed, size, path (start and
#: length), status.
_RECORD = struct.Struct("<11QIHxx")
#: The end of a connection: its number, and when it was closed.
_CLOSING = struct.Struct("<QQ")


class LogRecord(NamedTuple):
    """One exchange, as the server saw it. Times are in seconds of ``time.monotonic()``.

    (On Windows, they count from the start of the server, as processes share no clock there.)

    Attributes:
        id: number of the exchange, from 1, in the order in which exchanges began.
        connection: number of the connection, from 1, in the order in which connections were accepted.
        path: the request's target; its whole URL, if the site of the server answered; empty if no readable request
            came.
        status: the reply's status; None if no byte of a reply was sent, or if a raw reply has none.
        size: bytes of the reply's body that were sent; of all of a raw reply.
        accepted: when the connection was accepted.
        secured: when the connection's TLS handshake had ended; None for plain HTTP, or if it never did.
        begun: when the exchange began. The first on a connection began when that was accepted; a later one began when
            the first byte of its request had arrived and the one before it had ended.
        request: when the request's head had arrived completely, or None.
        first_byte: just before the reply's first byte was sent, or None.
        last_byte: just after the reply's last byte was handed to the kernel, or None.
        closed: when the connection was closed; None if it was still open when the log was read.
    """

    id: int
    connection: int
    path: str
    status: int | None
    size: int
    accepted: float
    secured: float | None
    begun: float
    request: float | None
    first_byte: float | None
    last_byte: float | None
    closed: float | None


class ExchangeLog(Sequence[LogRecord]):
    """The lab server's log: a sequence of ``LogRecord``, in the order in which the exchanges ended.

    It is a copy, made when ``LabServer.log`` was called; its records are decoded on access.

    Attributes:
        dropped: the number of older records that the server dropped because ``log_limit`` was reached.
    """

    __slots__ = ("_closed", "_paths", "_records", "dropped")

    def __init__(self, data: bytes, *, records: int, closings: int, dropped: int) -> None:
        view = memoryview(data)
        end = records * _RECORD.size
        self._records = view[:end]
        #: The closing times of connections that were still open when their records were written.
        self._closed = dict(_CLOSING.iter_unpack(view[end : end + closings * _CLOSING.size]))
        self._paths = view[end + closings * _CLOSING.size :]
        self.dropped = dropped

    def __len__(self) -> int:
        return len(self._records) // _RECORD.size

    def __iter__(self) -> Iterator[LogRecord]:
        return map(self._decode, _RECORD.iter_unpack(self._records))

    @overload
    def __getitem__(self, index: SupportsIndex) -> LogRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[LogRecord]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> LogRecord | list[LogRecord]:
        # a range handles negative numbers, steps and bounds
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self._at(place) for place in places]
        return self._at(places)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} exchanges{f', {self.dropped} dropped' if self.dropped else ''}>"

    def _at(self, place: int) -> LogRecord:
        return self._decode(_RECORD.unpack_from(self._records, place * _RECORD.size))

    def _decode(self, fields: tuple[int, ...]) -> LogRecord:
        id_, connection, *times, closed, size, path, length, status = fields
        accepted, secured, begun, request, first_byte, last_byte = times
        closed = closed or self._closed.get(connection, 0)
        return LogRecord(
            id_,
            connection,
            str(self._paths[path : path + length], "utf-8", "replace"),
            status or None,
            size,
            accepted / 1e9,
            secured / 1e9 if secured else None,
            begun / 1e9,
            request / 1e9 if request else None,
            first_byte / 1e9 if first_byte else None,
            last_byte / 1e9 if last_byte else None,
            closed / 1e9 if closed else None,
        )
