"""The fault matrix as data: what servers do wrong, and what every strategy makes of it in both languages.

Three take their rows from here: the test (``test_fault_matrix.py``), the measurement of other clients
(``benchmarks/other_clients.py``), and the page (``docs/make_faults.py``).
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import aio_strategies as aio
import brotli
import interrupted_call
import trustme
from aio_strategies.results import Headers
from conftest import held_port
from servers import BAD, context, over_tls, serving

#: What the lab sends: bytes as they are, or a script (see ``LabServer.reply``).
Reply = bytes | list[bytes | float | str]


class Row(NamedTuple):
    """A fault, and what comes of it.

    Attributes:
        number: the row of the matrix.
        case: what happens, for a reader.
        server: the reply; or a function that arranges for the fault, and returns the URL.
        outcome: the status, or the exception's name.
        body: the body, if there is a response.
        holds: other attributes of the response, or of the error.
        asked: what the call asks for; a key of ``ASKED``.
        remark: what else a reader should know about the outcome.
        by_others: whether it can be shown to other clients.
    """

    number: int
    case: str
    server: Reply | Callable[[Servers], str]
    outcome: int | str
    body: bytes = b"ok"
    holds: Mapping[str, Any] = {}
    asked: str = "nothing"
    remark: str = ""
    by_others: bool = True


#: What the calls ask for. Rows that ask for the same share a call.
ASKED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "little time": {},  # so much as whoever calls can spare
    "a small body": {"max_body_bytes": 1_000_000},
    "HEAD": {"method": "HEAD"},
    "redirects": {"follow_redirects": True, "max_redirects": 5, "headers": {"Authorization": "secret"}},
    "https": {},
    "a large request": {"headers": {"X-Large": "x" * 16_000_000}},  # more than the system's buffers hold
    "a bad URL": {},
    "other routes": {},
}


class Left(NamedTuple):
    """A row of the matrix that is not in this table, and why."""

    number: int
    case: str
    why: str


LEFT_OUT = [
    Left(8, "a connection with itself", "needs a network of its own: `test_work.py` has it, for all implementations"),
    Left(9, "too few descriptors", "needs a process with few: `test_work.py` has it, for all implementations"),
    Left(
        50,
        "the server closes an idle connection",
        "one more try: `test_keep_alive.py` has it, for all implementations",
    ),
    Left(
        63,
        "robots.txt fails, is huge or redirects to itself",
        "it concerns the crawler in Rust: `test_crawling_politeness.py` has it",
    ),
    Left(64, "faults of clients", "they concern the lab, not the strategies: `test_lab_faults.py` has them"),
]


# --- replies

OK = b"HTTP/1.1 200 OK\r\n"
TWO = OK + b"Content-Length: 2\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

#: Long enough for the client to have read what came before: a reset would take that away.
A_WHILE = 0.1


def drip(piece: bytes) -> list[bytes | float | str]:
    """The piece again and again, for longer than anybody waits, and never so seldom that a single read is long."""
    return [piece, 0.05] * 600


def field(line: bytes) -> bytes:
    """A reply with this header field."""
    return OK + line + b"\r\n\r\nhello"


def encoded(coding: bytes, body: bytes) -> bytes:
    return OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(body)) + body


def moved(where: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % where


def bomb(megabytes: int) -> bytes:
    """So many megabytes of zeros, as one stream of gzip; after a full flush, equal blocks are compressed equally."""
    block = bytes(1_000_000)
    compressor = zlib.compressobj(9, wbits=-15)
    compressed = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return head + compressed * megabytes + compressor.flush() + struct.pack("<II", checksum, megabytes * len(block))


TEXT = b" ".join(b"%d" % number for number in range(300))
GZIP = gzip.compress(TEXT, mtime=0)
DEFLATE = zlib.compress(TEXT)
BROTLI = brotli.compress(TEXT)


# --- servers


class Servers:
    """The servers of all rows.

    Attributes:
        urls: the URL of each row, by its case; without that of IPv6, if there is none here.
        ca_file: the authority of those that speak TLS as they should.
    """

    def __init__(self, stack: contextlib.ExitStack, folder: str) -> None:
        self._stack = stack
        self.lab = stack.enter_context(aio.LabServer(latency=0, body_size=20_000))
        self.refusing = stack.enter_context(held_port())
        self.full = stack.enter_context(interrupted_call.full_backlog())
        self.authority = trustme.CA()
        self.ca_file = f"{folder}/ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)
        self.certificate = self.authority.issue_cert("127.0.0.1")
        self.secure = self.serve(over_tls(self.certificate, TWO + b"\r\nok"), "https")
        self.patient = [self.serve(read_all_then_reply), self.serve(self.secured(read_all_then_reply), "https")]
        here = [row for row in ROWS if row.server is not over_ipv6 or has_ipv6()]
        self.urls = {row.case: self._url(place, row) for place, row in enumerate(here)}

    def serve(self, script: Callable[[socket.socket], object], scheme: str = "http", host: str = "127.0.0.1") -> str:
        """Begin to serve, and return the URL."""
        return self._stack.enter_context(serving(script, scheme, host))

    def reply(self, path: str, reply: Reply) -> str:
        """Have the lab reply so, and return the URL."""
        self.lab.reply(path, reply)
        return self.lab.url.removesuffix("/") + path

    def good(self, asked: str, number: int) -> str:
        """Return the URL of a page without a fault."""
        if asked == "https":
            return f"{self.secure}{number}"
        if asked == "a large request":
            return f"{self.patient[number % 2]}{number}"
        return f"{self.lab.url}good/{number}"

    def secured(self, script: Callable[[socket.socket], object]) -> Callable[[socket.socket], object]:
        """The script over TLS; at its end, the connection just ends."""
        tls = context(self.certificate)

        def over_tls(connection: socket.socket) -> None:
            connection.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
            )  # else an early reply may wait for too long
            with tls.wrap_socket(connection, server_side=True) as secured:
                script(secured)

        return over_tls

    def _url(self, place: int, row: Row) -> str:
        return row.server(self) if callable(row.server) else self.reply(f"/{row.number}-{place}", row.server)


@contextlib.contextmanager
def all_served(folder: str) -> Iterator[Servers]:
    """Yield the servers of all rows; their certificates are in the folder."""
    with contextlib.ExitStack() as stack:
        yield Servers(stack, folder)


def read_all_then_reply(connection: socket.socket) -> None:
    """Reply once the whole request has been read."""
    end = b""
    while not end.endswith(b"\r\n\r\n"):
        data = connection.recv(1 << 16)
        if not data:
            return
        end = (end + data)[-4:]
    connection.sendall(TWO + b"\r\nok")


def reply_early_and_leave(connection: socket.socket) -> None:
    """Reply after a part of the request, and close with the rest unread: the system sends a reset."""
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nok")


def tell_what_was_told(connection: socket.socket) -> None:
    """Reply whether the request had an Authorization."""
    known = b"known" if b"\r\nauthorization:" in connection.recv(1 << 16).lower() else b"unknown"
    connection.sendall(OK + b"Content-Length: %d\r\n\r\n%s" % (len(known), known))


def over_ipv6(servers: Servers) -> str:
    return servers.serve(read_all_then_reply, host="::1")


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def of_an_untrusted_server(which: str) -> Callable[[Servers], str]:
    make, _ = BAD[which]
    return lambda servers: servers.serve(over_tls(make(servers.authority), TWO + b"\r\nok"), "https")


def to_another_host(servers: Servers) -> str:
    elsewhere = servers.serve(tell_what_was_told).replace("127.0.0.1", "localhost")
    return servers.reply("/elsewhere", moved(elsewhere.encode()))


def to_a_place_to_be_encoded(servers: Servers) -> str:
    for encoded in ("%C3%BC", "%c3%bc"):
        servers.reply(f"/b?q={encoded}", TWO + b"\r\nok")
    return servers.reply("/encoded", moved("sp ace/../b?q=ü#part".encode()))


def to_a_place_at_length(servers: Servers) -> str:
    servers.reply("/target", TWO + b"\r\nok")
    return servers.reply("/at_length", [b"HTTP/1.1 302 Found\r\nLocation: /target\r\n\r\n", *drip(b"moved")])


def fixed(url: str) -> Callable[[Servers], str]:
    return lambda _: url


def of_the_lab(host: str) -> Callable[[Servers], str]:
    """A page of the lab, its host written like this."""
    return lambda servers: servers.reply("/host", TWO + b"\r\nok").replace("127.0.0.1", host)


#: Names that the test makes up, and what the resolver answers.
NAMES: dict[str, Callable[[Servers], list[tuple[str, int]] | OSError]] = {
    "again.invalid": lambda _: socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "first-refuses.invalid": lambda servers: [("127.0.0.1", servers.refusing), ("127.0.0.1", servers.lab.port)],
    "first-is-silent.invalid": lambda servers: [servers.full, ("127.0.0.1", servers.lab.port)],
}


ROWS = [
    # connecting
    Row(
        1,
        "nobody listens at the port",
        lambda servers: f"http://127.0.0.1:{servers.refusing}/",
        "ConnectError",
        holds={"errno": errno.ECONNREFUSED, "phase": "connect"},
    ),
    Row(
        2,
        "the network is unreachable",
        fixed("http://127.255.255.255:8000/"),
        "ConnectError",
        holds={"errno": errno.ENETUNREACH, "phase": "connect"},
        remark="with its `errno`",
    ),
    Row(
        2,
        "the host is unreachable",
        fixed("http://198.51.100.1/"),
        "ConnectError",
        holds={"errno": errno.EHOSTUNREACH, "phase": "connect"},
        asked="other routes",
        remark="with its `errno`",
        by_others=False,
    ),
    Row(
        2,
        "the route is prohibited",
        fixed("http://198.51.100.2/"),
        "ConnectError",
        holds={"errno": errno.EACCES, "phase": "connect"},
        asked="other routes",
        remark="with its `errno`",
        by_others=False,
    ),
    Row(
        3,
        "the server accepts no connection",
        lambda servers: "http://{}:{}/".format(*servers.full),
        "ConnectTimeout",
        holds={"phase": "connect"},
        asked="little time",
    ),
    Row(
        4, "the host has no address", fixed("http://no-such-host.invalid/"), "NameResolutionError", asked="little time"
    ),
    Row(
        4,
        "the name server fails",
        fixed("http://again.invalid/"),
        "NameResolutionError",
        holds={"errno": socket.EAI_AGAIN, "phase": "resolve"},
        by_others=False,
    ),
    Row(
        4,
        "the name server does not answer",
        fixed("http://slow.invalid/"),
        "NameResolutionError",
        holds={"errno": socket.EAI_AGAIN, "phase": "resolve"},
        asked="little time",
        by_others=False,
    ),
    Row(5, "an invalid international name", fixed("http://xn--a/"), "InvalidURL", asked="a bad URL"),
    Row(5, "no host", fixed("http:///"), "InvalidURL", asked="a bad URL"),
    Row(5, "port 0", fixed("http://127.0.0.1:0/"), "InvalidURL", asked="a bad URL"),
    Row(5, "port 99999", fixed("http://127.0.0.1:99999/"), "InvalidURL", asked="a bad URL"),
    Row(6, "the host is 127.1", of_the_lab("127.1"), 200, remark="read as browsers read it: 127.0.0.1"),
    Row(6, "the host is 0x7f000001", of_the_lab("0x7f000001"), 200, remark="the same"),
    Row(7, "only IPv6", over_ipv6, 200),
    Row(
        7,
        "the first of two addresses refuses",
        lambda servers: servers.reply("/host", TWO + b"\r\nok").replace("127.0.0.1", "first-refuses.invalid"),
        200,
        by_others=False,
    ),
    Row(
        7,
        "the first of two addresses is silent",
        lambda servers: servers.reply("/host", TWO + b"\r\nok").replace("127.0.0.1", "first-is-silent.invalid"),
        200,
        remark="after 250 ms",
        by_others=False,
    ),
    # no reply, or not all of it
    Row(10, "closed without a reply", ["close"], "RemoteProtocolError", holds={"bytes_received": 0}),
    Row(11, "reset without a reply", ["reset"], "ReadError", holds={"errno": errno.ECONNRESET, "bytes_received": 0}),
    Row(
        11,
        "reset while the request is sent",
        lambda servers: servers.serve(lambda connection: connection.recv(1000)),
        "WriteError",
        holds={"phase": "write", "bytes_received": 0},
        asked="a large request",
    ),
    Row(
        11,
        "reset while the request is sent over https",
        lambda servers: servers.serve(servers.secured(lambda connection: connection.recv(1000)), "https"),
        "WriteError",
        holds={"phase": "write", "bytes_received": 0},
        asked="a large request",
    ),
    Row(12, "silence", ["hang"], "TotalTimeout", holds={"bytes_received": 0}, asked="little time"),
    Row(13, "a head that drips", [OK, *drip(b"A: b\r\n"[:1])], "TotalTimeout", asked="little time"),
    Row(
        14, "a body that drips", [OK + b"Content-Length: 900\r\n\r\n", *drip(b"x")], "TotalTimeout", asked="little time"
    ),
    Row(15, "closed inside the head", OK + b"Content-Le", "RemoteProtocolError", holds={"bytes_received": 27}),
    Row(15, "closed after a whole line of the head", TWO, "RemoteProtocolError", holds={"bytes_received": 36}),
    Row(
        16,
        "closed inside a body of known length",
        OK + b"Content-Length: 9\r\n\r\nabc",
        "IncompleteBody",
        holds={"bytes_received": 41},
    ),
    Row(
        17,
        "reset inside a body of known length",
        [OK + b"Content-Length: 9\r\n\r\nabc", A_WHILE, "reset"],
        "ReadError",
        holds={"errno": errno.ECONNRESET, "bytes_received": 41},
    ),
    Row(
        18,
        "reset inside a body that ends with the connection",
        [OK + b"\r\nabc", A_WHILE, "reset"],
        "ReadError",
        holds={"errno": errno.ECONNRESET, "bytes_received": 22},
    ),
    Row(
        19,
        "a body without end",
        [OK + b"\r\n", *[bytes(100_000)] * 20, "hang"],
        "ResponseTooLarge",
        asked="a small body",
        remark="with `max_body_bytes`",
    ),
    Row(19, "a length of 99,999,999,999", field(b"Content-Length: 99999999999"), "ResponseTooLarge", remark="at once"),
    Row(19, "a chunk of fffffffffff bytes", CHUNKED + b"fffffffffff\r\nhello", "ResponseTooLarge", remark="at once"),
    # heads
    Row(20, "header fields without end", [OK, *[b"A: %s\r\n" % (b"x" * 994)] * 120, "hang"], "HeadersTooLarge"),
    Row(21, "a header field of 100 KB", TWO + b"A: %s\r\n\r\nok" % (b"x" * 100_000), "HeadersTooLarge"),
    Row(21, "a header field of 18 KB", TWO + b"A: %s\r\n\r\nok" % (b"x" * 18_000), 200),
    Row(22, "10,000 header fields", TWO + b"A: b\r\n" * 10_000 + b"\r\nok", "HeadersTooLarge"),
    Row(23, "a status line of 100 KB", b"HTTP/1.1 200 %s\r\n\r\n" % (b"x" * 100_000), "HeadersTooLarge"),
    Row(24, "HTTP/0.9", b"<html>hello</html>", "RemoteProtocolError"),
    Row(24, "the banner of SSH", [b"SSH-2.0-OpenSSH_9\r\n", "hang"], "RemoteProtocolError", remark="at once"),
    Row(24, "an alert of TLS", [b"\x15\x03\x01\0\x02\x02\x28", "hang"], "RemoteProtocolError", remark="at once"),
    Row(25, "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "RemoteProtocolError"),
    Row(26, "HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", "RemoteProtocolError"),
    Row(26, "HTTP/x", b"HTTP/x 200 OK\r\nContent-Length: 2\r\n\r\nok", "RemoteProtocolError"),
    Row(27, "status 20", b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", "RemoteProtocolError"),
    Row(27, "status 2000", b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok", "RemoteProtocolError"),
    Row(27, "status -20", b"HTTP/1.1 -20 OK\r\nContent-Length: 2\r\n\r\nok", "RemoteProtocolError"),
    Row(28, "no reason after the status", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200),
    Row(28, "lines of the head that end with LF alone", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200),
    Row(28, "lines around chunks that all end with LF alone", CHUNKED + b"2\nok\n0\n\n", 200),
    Row(28, "one line among chunks that ends with LF alone", CHUNKED + b"2\r\nok\n0\r\n\r\n", "RemoteProtocolError"),
    Row(29, "Content-Length: -1", field(b"Content-Length: -1"), "RemoteProtocolError"),
    *(
        Row(
            30,
            f"Content-Length: {length or 'empty'}",
            field(b"Content-Length: %s" % length.encode()),
            "RemoteProtocolError",
        )
        for length in ("abc", "5abc", "+5", "1_0", "")
    ),
    Row(31, "a length over 64 bits", field(b"Content-Length: 18446744073709551616"), "RemoteProtocolError"),
    Row(31, "a length of 5,000 digits", field(b"Content-Length: %s" % (b"9" * 5000)), "RemoteProtocolError"),
    Row(31, "a length that begins with 5,000 zeros", OK + b"Content-Length: %s2\r\n\r\nok" % (b"0" * 5000), 200),
    Row(32, "two equal lengths", TWO + b"Content-Length: 2\r\n\r\nok", 200),
    Row(32, "two lengths that differ", TWO + b"Content-Length: 3\r\n\r\nok!", "RemoteProtocolError"),
    Row(
        33,
        "both a length and chunks",
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        200,
        remark="the chunks count",
    ),
    # bodies
    Row(34, "an unknown transfer coding", field(b"Transfer-Encoding: unknown"), "RemoteProtocolError"),
    Row(34, "chunked, but not last", field(b"Transfer-Encoding: chunked, gzip"), "RemoteProtocolError"),
    *(
        Row(34, case, OK + b"Transfer-Encoding: %s\r\n\r\n2\r\nok\r\n0\r\n\r\n" % codings, 200)
        for case, codings in (
            ("the coding chunked, named twice", b"chunked\r\nTransfer-Encoding: chunked"),
            ("the coding identity, then chunked", b"identity, chunked"),
        )
    ),
    Row(35, "chunk size zz", CHUNKED + b"zz\r\nok\r\n0\r\n\r\n", "RemoteProtocolError"),
    Row(35, "chunk size -5", CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", "RemoteProtocolError"),
    Row(35, "chunk size 0x5", CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", "RemoteProtocolError"),
    Row(36, "a chunk size over 64 bits", CHUNKED + b"1" * 17 + b"\r\nhello", "RemoteProtocolError"),
    Row(37, "a chunk without a line end", CHUNKED + b"2\r\nokx\r\n0\r\n\r\n", "RemoteProtocolError"),
    Row(38, "closed inside a chunk", CHUNKED + b"5\r\nab", "IncompleteBody", holds={"bytes_received": 52}),
    Row(38, "closed between two chunks", CHUNKED + b"2\r\nab\r\n", "IncompleteBody", holds={"bytes_received": 54}),
    Row(
        39,
        "a chunk extension of 100 KB",
        CHUNKED + b"2;%s\r\nok\r\n0\r\n\r\n" % (b"x" * 100_000),
        "RemoteProtocolError",
    ),
    Row(39, "20,000 trailers", CHUNKED + b"2\r\nok\r\n0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", "RemoteProtocolError"),
    Row(39, "a chunk extension and a trailer", CHUNKED + b"2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n", 200),
    Row(
        40,
        "100,000 chunks of one byte",
        CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n",
        200,
        body=b"x" * 100_000,
        remark="in linear time",
    ),
    Row(41, "NUL in a header field", TWO + b"A: b\0c\r\n\r\nok", "RemoteProtocolError"),
    Row(42, "CR alone in a header field", TWO + b"A: b\rc\r\n\r\nok", "RemoteProtocolError"),
    Row(43, "a header field without a colon", TWO + b"abc\r\n\r\nok", "RemoteProtocolError"),
    Row(43, "a space before the colon", TWO + b"A : b\r\n\r\nok", "RemoteProtocolError"),
    Row(43, "a header field without a name", TWO + b": b\r\n\r\nok", "RemoteProtocolError"),
    Row(
        44,
        "a header field that goes on in the next line",
        OK + b"A: b\r\n  c\r\nContent-Length: 2\r\n\r\nok",
        200,
        holds={"headers": Headers([(b"A", b"b    c"), (b"Content-Length", b"2")])},
        remark="joined with spaces",
    ),
    Row(
        45,
        "header fields in Latin-1 and in UTF-8",
        OK + b"A: caf\xe9 \xe4\xb8\xad\r\nContent-Length: 2\r\n\r\nok",
        200,
        holds={"headers": Headers([(b"A", b"caf\xe9 \xe4\xb8\xad"), (b"Content-Length", b"2")])},
        remark="`headers.raw` has the bytes",
    ),
    # replies before the reply, without a body, and with more than a body
    Row(46, "two interim replies", CONTINUE + b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + TWO + b"\r\nok", 200),
    Row(46, "2,000 interim replies", CONTINUE * 2_000 + TWO + b"\r\nok", "RemoteProtocolError"),
    Row(47, "an interim reply, then the end", CONTINUE, "RemoteProtocolError", holds={"bytes_received": 25}),
    Row(47, "101, which nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\n\r\nhello", "RemoteProtocolError"),
    Row(48, "204 with a body", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, body=b""),
    Row(48, "304 with a body", b"HTTP/1.1 304 Not Modified\r\n\r\nhello", 304, body=b""),
    Row(48, "a reply to HEAD with a body", TWO + b"\r\nok", 200, body=b"", asked="HEAD"),
    Row(
        49,
        "bytes after the body",
        TWO + b"\r\nok, and more",
        200,
        remark="the rest is ignored, and `keep_alive` ends",
    ),
    Row(51, "an early 413, then a reset", [b"HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\nok", "reset"], 413),
    Row(
        51,
        "an early 413, and a reset while the request is sent",
        lambda servers: servers.serve(reply_early_and_leave),
        413,
        asked="a large request",
    ),
    Row(
        51,
        "an early 413, and a reset while the request is sent over https",
        lambda servers: servers.serve(servers.secured(reply_early_and_leave), "https"),
        413,
        asked="a large request",
    ),
    Row(51, "a 404", b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nok", 404),
    # encoded bodies
    Row(52, "gzip: a wrong checksum", encoded(b"gzip", GZIP[:-8] + b"abcd" + GZIP[-4:]), "DecodingError"),
    *(
        Row(number, f"{name}: {what}", encoded(coding, data), "DecodingError")
        for number, name, coding, data in (
            (52, "gzip", b"gzip", GZIP),
            (52, "deflate", b"deflate", DEFLATE),
            (53, "br", b"br", BROTLI),
        )
        for what, data in (("corrupt", b"\xff" * 20), ("cut short", data[: len(data) // 2]))
    ),
    Row(
        54,
        "200 MB in 200 KB of gzip",
        encoded(b"gzip", bomb(200)),
        "ResponseTooLarge",
        asked="a small body",
        remark="with `max_body_bytes`, which also limits what is decoded",
    ),
    Row(55, "30 encodings", encoded(b", ".join([b"gzip"] * 30), GZIP), "DecodingError"),
    Row(56, "an unknown encoding", encoded(b"unknown", b"ok"), 200, remark="the bytes as they came"),
    Row(
        56,
        "an unknown charset",
        OK + b"Content-Length: 5\r\nContent-Type: text/plain; charset=undefined\r\n\r\ncaf\xc3\xa9",
        200,
        body=b"caf\xc3\xa9",
        holds={"text": "café"},
        remark="`text` is read as UTF-8",
    ),
    # redirects
    Row(
        57,
        "a redirect to itself",
        lambda servers: servers.reply("/loop", moved(b"/loop")),
        "TooManyRedirects",
        asked="redirects",
    ),
    Row(
        57,
        "a redirect with a body without end",
        to_a_place_at_length,
        200,
        asked="redirects",
    ),
    Row(58, "a redirect to nowhere", b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nok", 302, asked="redirects"),
    Row(58, "a redirect to an empty place", moved(b""), 302, body=b"", asked="redirects"),
    Row(
        58,
        "a redirect to two places",
        b"HTTP/1.1 302 Found\r\nLocation: /b\r\nLocation: /c\r\nContent-Length: 0\r\n\r\n",
        302,
        body=b"",
        asked="redirects",
    ),
    Row(59, "a redirect with spaces, dots and ü", to_a_place_to_be_encoded, 200, asked="redirects", remark="encoded"),
    Row(60, "a redirect to ftp:", moved(b"ftp://127.0.0.1/"), "UnsupportedProtocol", asked="redirects"),
    Row(60, "a redirect to file:", moved(b"file:///etc/hostname"), "UnsupportedProtocol", asked="redirects"),
    Row(60, "a redirect to port 99999", moved(b"http://127.0.0.1:99999/"), "RemoteProtocolError", asked="redirects"),
    Row(
        61,
        "a redirect to another host",
        to_another_host,
        200,
        body=b"unknown",
        asked="redirects",
        remark="without `Authorization`",
    ),
    # TLS
    *(
        Row(
            62,
            f"a certificate that is {which}",
            of_an_untrusted_server(which),
            "SSLError",
            holds={"phase": "handshake", "bytes_received": 0},
            asked="https",
        )
        for which in BAD
    ),
    Row(
        62,
        "a server that does not speak TLS",
        lambda servers: servers.reply("/plain", TWO + b"\r\nok").replace("http:", "https:"),
        "SSLError",
        holds={"phase": "handshake", "bytes_received": 0},
        asked="https",
    ),
    Row(
        62,
        "closed inside the handshake",
        lambda servers: servers.serve(lambda connection: connection.recv(4096), "https"),
        "SSLError",
        holds={"phase": "handshake", "bytes_received": 0},
        asked="https",
    ),
    Row(
        62,
        "silence inside the handshake",
        lambda servers: servers.serve(
            lambda connection: connection.recv(1 << 20) and connection.recv(1 << 20), "https"
        ),
        "ConnectTimeout",
        holds={"phase": "handshake", "bytes_received": 0},
        asked="little time",
    ),
    Row(
        62,
        "an end without the closing message of TLS",
        lambda servers: servers.serve(over_tls(servers.certificate, OK + b"\r\nperhaps all", farewell=False), "https"),
        "ReadError",
        asked="https",
        remark="if only the end of the connection tells the body's",
    ),
]
