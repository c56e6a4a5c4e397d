"""One HTTP/1 exchange without I/O: bytes to send out, received bytes in, done or error. All strategies drive this."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from .._native import decode_content
from ..exceptions import HeadersTooLarge, IncompleteBody, RemoteProtocolError, ResponseTooLarge
from ..http_redirects import reference_to
from ..terms import DEFAULT_OPTIONS, Options

# The Rust version has the same limits, in src/exchange/limits.rs.
MAX_INTERIM = 32
MAX_CHUNK_LINE = 1024
MAX_SKIPPED = 64 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?\r?\n")
_FIELD = re.compile(
    rb"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*+((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*\r?\n",
    re.MULTILINE,
)
_LENGTH = re.compile(rb"0*([0-9]{1,20})")
_FRAMING_LENGTHS = {len("content-length"), len("content-encoding"), len("transfer-encoding")}
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")


class Exchange:
    """A request (``unsent``) and the response to it (``receive``)."""

    status = 0
    version = ""
    reason = ""
    _interim = 0
    _left = 0  # bytes still to come: of the body, or of a chunk
    _expected = "size"  # the next line of a chunked body: "size", "line end" or "trailer"
    _ends_bare: bool | None = None  # whether the lines of a chunked body end with a line feed alone, as the first does
    _trailers = 0
    _encodings: tuple[bytes, ...] = ()  # the values of Content-Encoding
    _is_followed = False  # whether the caller follows where the reply leads, and does not need its body
    _surplus = False  # whether more came than the response, or may come

    def __init__(self, authority: str, path: str, options: Options = DEFAULT_OPTIONS) -> None:
        self._options = options
        self.bytes_received = self._body_size = 0
        self.unsent = f"{options.method} {path}{_after_path(authority, options)}".encode()
        self._pending = b""  # the part received so far of the head, or of a line of a chunked body
        self.headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        # Not a bound method: it would refer to this exchange, which only the garbage collector could then free.
        self._take: Callable[[Exchange, bytes], bool] = Exchange._take_head

    @property
    def body(self) -> bytes:
        """The body received so far; decoded, once it is complete."""
        return b"".join(self._body)

    def receive(self, data: bytes) -> bool:
        """Process bytes from the server, ``b""`` at the end of the stream; return whether the response is complete."""
        self.bytes_received += len(data)
        whole = self._take(self, data)
        if whole and self._is_followed:
            self._body.clear()
        elif whole and self._encodings:
            self._body = [decode_content(self.body, self._encodings, self._options.max_body_bytes)]
        return whole

    def leaves_connection_open(self) -> bool:
        """Return whether another exchange can use the connection, once the response is complete: RFC 9112, 9.3."""
        if not self._options.keep_alive or self._surplus or self._ends_bare or self._take is Exchange._take_until_end:
            return False
        lengths, options = self._values(b"content-length"), self._values(b"connection")
        codings = self._values(b"transfer-encoding")
        # Where the head contradicts itself, nobody knows where the next response begins.
        if self.status == 204:
            contradicts_itself = bool(codings) or any(length != b"0" for length in lengths)
        else:
            contradicts_itself = len(codings) > 1 or bool(codings and (lengths or self.version == "HTTP/1.0"))
        persistent = self.version == "HTTP/1.1" or b"keep-alive" in options
        return persistent and not contradicts_itself and b"close" not in options

    def _take_head(self, data: bytes) -> bool:
        if not data:
            if not self.bytes_received:
                raise RemoteProtocolError("the server closed the connection without a response")
            raise RemoteProtocolError("the connection ended inside the response's head")
        searched = max(0, len(self._pending) - 2)
        head = self._pending + data if self._pending else data
        # A server that does not speak HTTP may never send an empty line: check at once.
        if not head.startswith(b"HTTP/") and not b"HTTP/".startswith(head):
            raise RemoteProtocolError(f"the server's answer is not HTTP: {_quoted(head[:40])}")
        end = _end_of_head(head, searched)
        limit = self._options.max_header_bytes
        if (end if end >= 0 else len(head)) > limit:
            raise HeadersTooLarge(f"the response's head has more than {limit} bytes")
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
        # The first three have no body, whatever their headers say.
        if self.status == 204 or self.status == 304 or self._options.method == "HEAD":
            has_body = False
        elif self._options.follow_redirects and reference_to(self.status, self.headers) is not None:
            self._is_followed = True
            has_body = self._skips_body()
        else:
            has_body = self._find_framing()
        if not has_body:
            self._surplus = self._surplus or bool(rest)
            return True
        return self._take(self, rest) if rest else False

    def _read_head(self, head: bytes) -> None:
        status_line = _STATUS_LINE.match(head)
        if status_line is None:
            line = head[: head.index(b"\n")].removesuffix(b"\r")
            raise RemoteProtocolError(f"the response's head is malformed: invalid status line {_quoted(line)}")
        version, status, reason = status_line.groups(b"")
        self.version = "HTTP/1." + version.decode()
        self.status = int(status)
        self.reason = reason.decode() if reason.isascii() else ""
        start = status_line.end()
        # Folded lines: RFC 9112, section 5.2; the first has none to continue. (`in` would take the bytes for a number
        # first, and fail: that is ten times as slow.)
        if head.find(b"\n ") >= 0 or head.find(b"\n\t") >= 0:
            unfolded = re.sub(rb"\r\n(?=[ \t])", b"  ", head[start:])
            head = head[:start] + re.sub(rb"\n(?=[ \t])", b" ", unfolded)
        fields = _FIELD.findall(head, start)
        if len(fields) != head.count(b"\n") - 2:  # besides the fields there are the status line and the empty one
            line = next(line for line in head.split(b"\n")[1:-2] if not _FIELD.fullmatch(line + b"\n"))
            line = line.removesuffix(b"\r")
            raise RemoteProtocolError(f"the response's head is malformed: invalid header {_quoted(line)}")
        self.headers = fields
        limit = self._options.max_headers
        if len(fields) > limit:
            raise HeadersTooLarge(f"the response's head has more than {limit} fields")

    def _find_framing(self) -> bool:
        """Find out what marks the end of the body: RFC 9112, section 6. Return whether there is a body."""
        chunked, length = False, None
        for name, value in self.headers:
            if len(name) not in _FRAMING_LENGTHS:
                continue  # as most fields, which need no small letters then
            name = name.lower()
            if name == b"transfer-encoding":
                # Where a proxy adds the field, too, the body is chunked once. After another coding, or before one, its
                # end cannot be known.
                for coding in value.lower().split(b","):
                    coding = coding.strip()
                    if coding == b"chunked":
                        chunked = True
                    elif chunked or coding != b"identity":
                        raise RemoteProtocolError(f"unknown transfer coding {_quoted(value)}")
            elif name == b"content-length":
                for part in value.split(b","):
                    part = part.strip()
                    digits = _LENGTH.fullmatch(part)
                    number = int(digits[1]) if digits else 1 << 64
                    if number >= 1 << 64:
                        raise RemoteProtocolError(f"invalid Content-Length {_quoted(part)}")
                    if length not in (None, number):
                        raise RemoteProtocolError(f"contradicting Content-Length {_quoted(value)}")
                    length = number
            elif name == b"content-encoding":
                self._encodings += (value,)
        if chunked:
            self._take = Exchange._take_chunks
        elif length is None:
            self._take = Exchange._take_until_end
        else:
            self._take, self._left = Exchange._take_length, length
            self._bound_body(length)
        return chunked or length != 0

    def _skips_body(self) -> bool:
        """Return whether to read the body of a redirect that is followed: a short one, to keep the connection."""
        try:
            if self.leaves_connection_open():
                has_body = self._find_framing()
                if self._take is Exchange._take_length and self._left <= MAX_SKIPPED:
                    return has_body
        except (RemoteProtocolError, ResponseTooLarge):
            pass  # where the body ends does not matter
        self._surplus = True
        return False

    def _take_until_end(self, data: bytes) -> bool:
        if not data:
            return True
        self._append(data)
        self._bound_body(self._body_size)
        return False

    def _take_length(self, data: bytes) -> bool:
        if not data:
            raise self._incomplete()
        self._surplus = len(data) > self._left
        data = data[: self._left]
        size = len(data)
        self._body.append(data)
        self._body_size += size
        self._left -= size
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
            if len(line) > (self._options.max_header_bytes if self._expected == "trailer" else MAX_CHUNK_LINE):
                raise RemoteProtocolError(f"overlong line in a chunked body {_quoted(line)}")
            if end < 0:
                self._pending = line
                return False
            self._pending = b""
            start = end + 1
            # A bare line feed among others would hide that a chunk's size is wrong by one.
            if self._ends_bare is None:
                self._ends_bare = not line.endswith(b"\r")
            if not self._ends_bare and not line.endswith(b"\r"):
                raise RemoteProtocolError(f"bare line feed in a chunked body after {_quoted(line)}")
            if not self._ends_bare or self._expected == "trailer":
                line = line.removesuffix(b"\r")
            if self._expected == "size":
                size = _CHUNK_SIZE.fullmatch(line)
                if size is None:
                    raise RemoteProtocolError(f"invalid chunk size {_quoted(line)}")
                self._left = int(size[1], 16)
                self._bound_body(self._body_size + self._left)
                if not self._left:
                    self._expected = "trailer"
            elif self._expected == "line end":
                if line:
                    raise RemoteProtocolError(f"no line end behind a chunk, but {_quoted(line)}")
                self._expected = "size"
            elif not line:
                self._surplus = start < len(data)
                return True
            elif not _FIELD.fullmatch(line + b"\r\n"):
                raise RemoteProtocolError(f"invalid trailer {_quoted(line)}")
            else:
                self._trailers += len(line)
                if self._trailers > self._options.max_header_bytes:
                    raise RemoteProtocolError("too many trailers")

    def _values(self, name: bytes) -> list[bytes]:
        """Return the values of a header field, in small letters."""
        lists = (value for field, value in self.headers if field.lower() == name)
        return [value.strip().lower() for values in lists for value in values.split(b",")]

    def _append(self, data: bytes) -> None:
        self._body.append(data)
        self._body_size += len(data)

    def _bound_body(self, size: int) -> None:
        limit = self._options.max_body_bytes
        if size > limit:
            raise ResponseTooLarge(f"the response's body has more than {limit} bytes")

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


@lru_cache
def _after_path(authority: str, options: Options) -> str:
    """Return what follows the path in a request: the default header fields, with the caller's in their places."""
    headers = options.headers
    defaults = ("Host", authority), ("User-Agent", "aio-strategies"), ("Accept", "*/*")
    fields: list[tuple[str, str]] = []
    for default in defaults:
        fields += [field for field in headers if field[0].lower() == default[0].lower()] or [default]
    names = {name.lower() for name, _ in defaults}
    fields += [field for field in headers if field[0].lower() not in names]
    fields.append(("Connection", "keep-alive" if options.keep_alive else "close"))
    return " HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"


def _quoted(data: bytes) -> str:
    """Return the first hundred bytes in quotation marks, with escapes for all but printable ASCII."""
    text = data[:100].decode("latin-1").encode("unicode_escape").decode("ascii")
    return '"' + text.replace('"', '\\"') + '"'
