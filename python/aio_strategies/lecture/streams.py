"""asyncio's streams, but that they hand out what had come before the connection broke, as a socket does."""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

from .sockets import open_socket


async def open_connection(host: str, port: int) -> Connection:
    """Connect to an IP address, as ``asyncio.open_connection`` does, which would look for a name's addresses first."""
    loop = asyncio.get_running_loop()
    reader = Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    sock = open_socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, (host, port))
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock)
    except BaseException:  # also if the task is cancelled
        sock.close()
        raise
    return Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


class Reader(asyncio.StreamReader):
    """Raises the error in the place of the stream's end; asyncio's own raises it at once, and what had come is lost."""

    _broken: Exception | None = None
    _buffer: bytearray  # asyncio's own
    _eof: bool  # asyncio's own

    def set_exception(self, exc: Exception) -> None:
        """Take the error that broke the connection."""
        self._broken = exc
        self.feed_eof()

    def exception(self) -> Exception | None:
        """Return the error that broke the connection; a writer asks for it."""
        return self._broken

    def is_quiet(self) -> bool:
        """Return whether nothing has arrived that nobody has read, not even the end."""
        return not self._buffer and not self._eof

    async def read(self, n: int = -1) -> bytes:
        """Return up to ``n`` bytes; none at the end of the stream."""
        data = await super().read(n)
        if not data and self._broken is not None:
            raise self._broken
        return data


class Connection(NamedTuple):
    """What ``asyncio.open_connection`` returns, which can also be kept as a socket can."""

    reader: Reader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        """Close it."""
        self.writer.close()

    def fileno(self) -> int:
        """Return the number of its file descriptor."""
        number: int = self.writer.get_extra_info("socket").fileno()
        return number

    def is_quiet(self) -> bool:
        """Return whether nothing has arrived that nobody has read, not even the end."""
        return self.reader.is_quiet()

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option of its socket."""
        self.writer.get_extra_info("socket").setsockopt(level, option, value)
