"""One HTTP/1 exchange without I/O: bytes to send out, received bytes in, done or error. All strategies drive this."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..exceptions import HeadersTooLarge, IncompleteBody, RemoteProtocolError, ResponseTooLarge

# The Rust version has the same limits, in src/exchange/limits.rs.
MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 128
MAX_INTERIM = 32
MAX_CHUNK_LINE = 1024
MAX_BODY_BYTES = 256 * 1024 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?\r?")
_FIELD = re.compile(rb"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\r?\n", re.MULTILINE)
_LENGTH = re.compile(rb"0*([0-9]{1,20})")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class Exchange:
    """A GET request (``unsent``) and the response to it (``receive``)."""

    status = 0
    version = ""
    reason = ""
    bytes_received = 0
    _interim = 0
    _pending = b""  # the part received so far of the head, or of a line of a chunked body
    _body_size = 0
    _left = 0  # bytes still to come: of the body, or of a chunk
    _expected = "size"  # the next line of a chunked body: "size", "line end" or "trailer"
    _trailers = 0

    def __init__(self, authority: str, path: str) -> None:
        self.unsent = (
            f"GET {path} HTTP/1.1\r\nHost: {authority}\r\n"
            "User-Agent: aio-strategies\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        ).encode("ascii")
        self.headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        # Not a bound method: it would refer to this exchange, which only the garbage collector could then free.
        self._take: Callable[[Exchange, bytes], bool] = Exchange._take_head

    @property
    def body(self) -> bytes:
        """The body received so far."""
        return b"".join(self._body)

    def receive(self, data: bytes) -> bool:
        """Process bytes from the server, ``b""`` at the end of the stream; return whether the response is complete."""
        self.bytes_received += len(data)
        return self._take(self, data)

    def _take_head(self, data: bytes) -> bool:
        if not data:
            if not self.bytes_received:
                raise RemoteProtocolError("the server closed the connection without a response")
            raise RemoteProtocolError("the connection ended inside the response's head")
        searched = max(0, len(self._pending) - 2)
        head = self._pending + data
        # A server that does not speak HTTP may never send an empty line: check at once.
        if head[:5] != b"HTTP/"[: len(head)]:
            raise RemoteProtocolError(f"the server's answer is not HTTP: {head[:40]!r}")
        end = _end_of_head(head, searched)
        if (end if end >= 0 else len(head)) > MAX_HEADER_BYTES:
            raise HeadersTooLarge(f"the response's head has more than {MAX_HEADER_BYTES} bytes")
        if end < 0:
            self._pending = head
            return False
        self._pending = b""
        self._read_head(head[:end])
        rest = head[end:]
        if self.status < 200:
            self._interim += 1
            if self.status == 101:
                raise RemoteProtocolError("101 Switching Protocols, which nobody asked for")
            if self._interim > MAX_INTERIM:
                raise RemoteProtocolError(f"more than {MAX_INTERIM} interim responses")
            return self._take_head(rest) if rest else False
        self._find_framing()
        if self._take is Exchange._take_length and not self._left:
            return True
        return self._take(self, rest) if rest else False

    def _read_head(self, head: bytes) -> None:
        if b"\n " in head or b"\n\t" in head:  # folded lines: RFC 9112, section 5.2
            head = re.sub(rb"\r\n(?=[ \t])", b"  ", head)
            head = re.sub(rb"\n(?=[ \t])", b" ", head)
        line = head[: head.index(b"\n")]
        status_line = _STATUS_LINE.fullmatch(line)
        if status_line is None:
            raise RemoteProtocolError(f"the response's head is malformed: invalid status line {line[:100]!r}")
        version, status, reason = status_line.groups(b"")
        self.version = "HTTP/1." + version.decode()
        self.status = int(status)
        self.reason = reason.decode() if reason.isascii() else ""
        fields = _FIELD.findall(head)
        if len(fields) != head.count(b"\n") - 2:  # besides the fields there are the status line and the empty one
            line = next(line for line in head.split(b"\n")[1:-2] if not _FIELD.fullmatch(line + b"\n"))
            raise RemoteProtocolError(f"the response's head is malformed: invalid header {line[:100]!r}")
        self.headers = [(name, value.strip(b" \t")) for name, value in fields]
        if len(self.headers) > MAX_HEADERS:
            raise HeadersTooLarge(f"the response's head has more than {MAX_HEADERS} fields")

    def _find_framing(self) -> None:
        """Find out what marks the end of the body: RFC 9112, section 6."""
        self._take = Exchange._take_until_end
        chunked, length = False, None
        for name, value in self.headers:
            name = name.lower()
            if name == b"transfer-encoding":
                # A coding that cannot be undone, or chunked twice: the body's end cannot be known.
                if chunked or value.lower() != b"chunked":
                    raise RemoteProtocolError(f"unknown transfer coding {value[:100]!r}")
                chunked = True
            elif name == b"content-length":
                for part in value.split(b","):
                    part = part.strip()
                    digits = _LENGTH.fullmatch(part)
                    number = int(digits[1]) if digits else 1 << 64
                    if number >= 1 << 64:
                        raise RemoteProtocolError(f"invalid Content-Length {part[:100]!r}")
                    if length not in (None, number):
                        raise RemoteProtocolError(f"contradicting Content-Length {value[:100]!r}")
                    length = number
        if self.status in (204, 304):
            chunked, length = False, 0
        if chunked:
            self._take = Exchange._take_chunks
        elif length is not None:
            self._take, self._left = Exchange._take_length, length
            self._bound_body(length)

    def _take_until_end(self, data: bytes) -> bool:
        if not data:
            return True
        self._append(data)
        self._bound_body(self._body_size)
        return False

    def _take_length(self, data: bytes) -> bool:
        if not data:
            raise self._incomplete()
        data = data[: self._left]
        self._append(data)
        self._left -= len(data)
        return not self._left

    def _take_chunks(self, data: bytes) -> bool:
        """Decode a chunked body: RFC 9112, section 7.1."""
        if not data:
            raise self._incomplete()
        start = 0
        while True:
            if self._left:
                taken = data[start : start + self._left]
                self._append(taken)
                self._left -= len(taken)
                start += len(taken)
                if self._left:
                    return False
                self._expected = "line end"
            end = data.find(b"\n", start)
            line = self._pending + (data[start:end] if end >= 0 else data[start:])
            if len(line) > (MAX_HEADER_BYTES if self._expected == "trailer" else MAX_CHUNK_LINE):
                raise RemoteProtocolError(f"overlong line in a chunked body {line[:100]!r}")
            if end < 0:
                self._pending = line
                return False
            self._pending = b""
            start = end + 1
            line = line.removesuffix(b"\r")
            if self._expected == "size":
                size = _CHUNK_SIZE.fullmatch(line)
                if size is None:
                    raise RemoteProtocolError(f"invalid chunk size {line[:100]!r}")
                self._left = int(size[1], 16)
                self._bound_body(self._body_size + self._left)
                if not self._left:
                    self._expected = "trailer"
            elif self._expected == "line end":
                if line:
                    raise RemoteProtocolError(f"no line end behind a chunk, but {line[:100]!r}")
                self._expected = "size"
            elif not line:
                return True
            else:
                self._trailers += len(line)
                if self._trailers > MAX_HEADER_BYTES:
                    raise RemoteProtocolError("too many trailers")

    def _append(self, data: bytes) -> None:
        self._body.append(data)
        self._body_size += len(data)

    def _bound_body(self, size: int) -> None:
        if size > MAX_BODY_BYTES:
            raise ResponseTooLarge(f"the response's body has more than {MAX_BODY_BYTES} bytes")

    def _incomplete(self) -> IncompleteBody:
        return IncompleteBody(f"the connection ended inside the body, after {self._body_size} bytes of it")


def _end_of_head(head: bytes, start: int) -> int:
    """Return the index after the first empty line at or after ``start``, -1 if there is none."""
    end = head.find(b"\n\r\n", start)
    # A bare line feed counts too, but only if it comes first: the rest may be a long body.
    bare = head.find(b"\n\n", start, end + 1 if end >= 0 else len(head))
    if bare >= 0:
        return bare + 2
    return end + 3 if end >= 0 else -1
