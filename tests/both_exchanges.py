"""Both languages' exchange, fed the same bytes; and replies, valid and broken, to feed them.

A ``choose`` picks one of several: ``random.Random().choice``, or one that Hypothesis can shrink.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from aio_strategies._native import receive
from aio_strategies.exceptions import RequestError
from aio_strategies.lecture.exchange import Exchange
from aio_strategies.terms import DEFAULT_OPTIONS, Options

Choose = Callable[[Sequence[Any]], Any]

OPTIONS = [
    *([Options(keep_alive=True)] * 5),
    Options(),
    Options(keep_alive=True, follow_redirects=True),
    Options(follow_redirects=True, max_body_bytes=7),
    Options("HEAD", keep_alive=True),
    Options(max_header_bytes=60),
    Options(max_headers=2),
    Options(max_body_bytes=7),
]

STATUS_LINES = [
    *([b"HTTP/1.1 200 OK"] * 60),
    b"HTTP/1.0 404 Not Found",
    b"HTTP/1.1 204 No Content",
    *([b"HTTP/1.1 302 Found"] * 3),
    b"HTTP/1.1 304",
    b"HTTP/1.1 500 ",
    b"HTTP/1.1 200  \xc3\xa9\t",
    b"HTTP/1.1 999 \x7f",
    b"HTTP/1.1 101 Switching",
    b"HTTP/1.1 099 A",
    b"HTTP/1.1 2000 A",
    b"HTTP/1.1  200 A",
    b"HTTP/1.1 200\tA",
    b"HTTP/1.2 200 A",
    b"HTTP/2 200 A",
    b"http/1.1 200 A",
    b" HTTP/1.1 200 A",
    b"<html>",
    b"",
]

INTERIM = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"]

LINE_ENDS = [*([b"\r\n"] * 150), *([b"\n"] * 10), b"\r", b"\r\r\n", b"\n\r", b"\x0b\n", b""]

FIELDS = [
    *([b"A: b"] * 20),
    *([b"Content-Length: 5"] * 20),
    *([b"Transfer-Encoding: chunked"] * 20),
    b"Transfer-Encoding: Chunked",
    *([b"Location: /x"] * 3),
    b"Location:",
    b"Content-Length: 65537",
    b"Connection: close",
    b"Connection: Keep-Alive",
    b"connection: upgrade , Close",
    b"Connection: keep-alive, close",
    b"Content-Encoding: gzip",
    b"Content-Encoding: deflate",
    b"content-encoding: X-GZIP , identity",
    b"Content-Encoding: gzip, br, zstd, deflate",
    b"Content-Encoding: aes128gcm",
    b"Content-Encoding: " + b", ".join([b"gzip"] * 6),
    b"A:",
    b"A:\tb \t",
    b"A!#$%&'*+-.^_`|~9: caf\xe9 \xe4\xb8\xad",
    b" folded",
    b"\tfolded",
    b" ",
    b": b",
    b"A : b",
    b"A b",
    b"A\0: b",
    b"A: b\0",
    b"A: b\rc",
    b"A: \"quoted\" 'too' \\",
    b"(A): b",
    b"\xe9: b",
    b"Content-Length: 0",
    b"Content-Length: 05",
    b"Content-Length: 5, 5",
    b"Content-Length: 5, 6",
    b"Content-Length: 5,",
    b"Content-Length: +5",
    b"Content-Length: 0x5",
    b"Content-Length: 1_0",
    b"Content-Length:",
    b"Content-Length: 18446744073709551615",
    b"Content-Length: 18446744073709551616",
    b"Content-Length: " + b"0" * 30 + b"5",
    b"Content-Length: " + b"9" * 30,
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: Identity",
    b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: chunked;x=y",
    b"Transfer-Encoding:",
]

BODIES = [
    *([b"hello"] * 10),
    *([b"5\r\nhello\r\n"] * 10),
    *([b"0\r\n\r\n"] * 10),
    b"",
    b"hello and more",
    b"\r\n",
    b"\n",
    b"5 ;x=y\r\nhello\r\n",
    *([b"5\nhello\n"] * 3),
    *([b"0\n\n"] * 3),
    b"A: b\n\n",
    b"5\r\nhello",
    b"5\r\nhello!\r\n",
    b"5\r\r\nhello\r\n",
    b"5\x0c\r\nhello\r\n",
    b"5;\0\r\nhello\r\n",
    b"5;a\rb\r\nhello\r\n",
    b"a\r\n0123456789\r\n",
    b"0\r\n",
    b"000000000000000000\r\n\r\n",
    b"A: b\r\n",
    b"A b\r\n",
    b"A: \0\r\n",
    b"A: b\r\r\n",
    b" folded\r\n",
    b"zz\r\n",
    b"-5\r\n",
    b"0x5\r\n",
    b"\r\r\n",
    b"fffffffffffffff\r\n",
    b"ffffffffffffffff\r\n",
    gzip.compress(b"hello", mtime=0),
    gzip.compress(b"hello" * 100, mtime=0),
    zlib.compress(b"hello"),
    zlib.compress(b"hello", wbits=-15),
]

MUTATIONS = ["delete", "delete", "replace", "insert", "repeat", "cut"]

BYTES = [bytes([byte]) for byte in b"\r\n\0 \t:;,05a\x0b\x7f\x80\xff"]


def reply(choose: Choose) -> bytes:
    """Return a reply, valid or broken."""
    lines = [choose(STATUS_LINES), *(choose(FIELDS) for _ in range(choose(range(5)))), b""]
    head = b"".join(line + choose(LINE_ENDS) for line in lines)
    interim = b"".join(choose(INTERIM) for _ in range(choose([0, 0, 0, 1, 2])))
    return interim + head + b"".join(choose(BODIES) for _ in range(choose(range(5))))


def mutated(data: bytes, choose: Choose) -> bytes:
    """Return the bytes with a few mutations, or none."""
    for _ in range(choose([0, 0, 0, 0, 0, 1, 1, 1, 2, 3])):
        at = choose(range(len(data) + 1))
        match choose(MUTATIONS):
            case "delete":
                data = data[:at] + data[at + 1 :]
            case "replace":
                data = data[:at] + choose(BYTES) + data[at + 1 :]
            case "insert":
                data = data[:at] + choose(BYTES) + data[at:]
            case "repeat":
                data = data[: at + choose(range(1, 30))] + data[at:]
            case "cut":
                data = data[:at]
    return data


def pieces(data: bytes, choose: Choose) -> list[bytes]:
    """Return the bytes in pieces, none of them empty, and then the end of the stream."""
    match choose(["whole", "two", "some", "bytes"]):
        case "two":
            places = [choose(range(len(data) + 1))]
        case "some":
            places = sorted(choose(range(len(data) + 1)) for _ in range(choose(range(1, 6))))
        case "bytes":
            places = list(range(len(data)))
        case _:
            places = []
    cuts = zip([0, *places], [*places, len(data)], strict=True)
    return [*(data[start:end] for start, end in cuts if start < end), b""]


def python_outcome(pieces: Sequence[bytes], options: Options = DEFAULT_OPTIONS) -> tuple | None:
    """Return what Python's exchange makes of the pieces: the response or the error; None if it wants more."""
    exchange = Exchange("a.org", "/", options)
    try:
        if not any(map(exchange.receive, pieces)):
            return None
    except RequestError as error:
        return type(error).__name__, str(error), exchange.bytes_received
    reply = exchange.status, exchange.reason, exchange.version, exchange.headers, exchange.body
    return *reply, exchange.bytes_received, exchange.leaves_connection_open()


def rust_outcome(pieces: Sequence[bytes], options: Options = DEFAULT_OPTIONS) -> tuple | None:
    """Return the same of Rust's exchange."""
    try:
        whole = receive(options, pieces)
    except RequestError as error:
        return type(error).__name__, str(error), error.bytes_received
    if whole is None:
        return None
    (status, reason, version, headers, body), received, left_open = whole
    return status, reason.decode(), f"HTTP/1.{version}", headers, body, received, left_open
