"""The two exchanges, Python's and Rust's, agree to the byte and to the word; and what both leave to Rust is right."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import zlib

import aio_strategies as aio
import brotli
import pytest
import zstandard
from aio_strategies._native import decode_content, request
from aio_strategies.checks import check_headers
from aio_strategies.lecture.exchange import Exchange
from aio_strategies.terms import DEFAULT_OPTIONS, Options
from both_exchanges import OPTIONS, mutated, pieces, python_outcome, reply, rust_outcome
from conftest import saying
from hypothesis import given, settings
from hypothesis import strategies as st

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def outcome(data: bytes, options: Options = DEFAULT_OPTIONS) -> tuple:
    """Return what becomes of the bytes, in both languages."""
    python, rust = (of([*([data] if data else []), b""], options) for of in (python_outcome, rust_outcome))
    assert python == rust
    assert python is not None
    return python


def body(data: bytes, options: Options = DEFAULT_OPTIONS) -> bytes:
    reply = outcome(data, options)
    assert isinstance(reply[0], int), reply
    return reply[4]


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "RemoteProtocolError", "the server closed the connection without a response"),
        (OK, "RemoteProtocolError", "the connection ended inside the response's head"),
        (b"SSH-2.0\r\n", "RemoteProtocolError", r'the server\'s answer is not HTTP: "SSH-2.0\r\n"'),
        (b"\x15\x03'\"\xff", "RemoteProtocolError", r'the server\'s answer is not HTTP: "\x15\x03' + r"'\"\xff" + '"'),
        (b"HTTP/1.2 200 OK\r\n\r\n", "RemoteProtocolError", 'head is malformed: invalid status line "HTTP/1.2 200 OK"'),
        (b"HTTP/1.1 20\r\n\r\n", "RemoteProtocolError", 'head is malformed: invalid status line "HTTP/1.1 20"'),
        (b"HTTP/1.1 200 \0\n\n", "RemoteProtocolError", r'invalid status line "HTTP/1.1 200 \x00"'),
        (b"HTTP/1.1 200 OK\r\r\n\r\n", "RemoteProtocolError", r'invalid status line "HTTP/1.1 200 OK\r"'),
        (OK + b"no colon\r\n\r\n", "RemoteProtocolError", 'head is malformed: invalid header "no colon"'),
        (OK + b"A: b\nC : d\n\n", "RemoteProtocolError", 'head is malformed: invalid header "C : d"'),
        (OK + b": b\r\n\r\n", "RemoteProtocolError", 'head is malformed: invalid header ": b"'),
        (OK + b"A: b\rc\r\n\r\n", "RemoteProtocolError", r'head is malformed: invalid header "A: b\rc"'),
        (OK + b"A: b\r\r\n c\r\n\r\n", "RemoteProtocolError", r'head is malformed: invalid header "A: b\r   c"'),
        (OK + b" A: b\r\n\r\n", "RemoteProtocolError", 'head is malformed: invalid header " A: b"'),
        (OK + b"\tContent-Length: 5\r\n\r\n", "RemoteProtocolError", r'invalid header "\tContent-Length: 5"'),
        (OK + b" " * 200 + b"\r\n\r\n", "RemoteProtocolError", 'invalid header "' + 100 * " " + '"'),
        (OK + b"A: b\r\n" * 129 + b"\r\n", "HeadersTooLarge", "the response's head has more than 128 fields"),
        (OK + b"A" * 65536, "HeadersTooLarge", "the response's head has more than 65536 bytes"),
        (b"HTTP/1.1 101 X\r\n\r\n", "RemoteProtocolError", "101 Switching Protocols, which nobody asked for"),
        (b"HTTP/1.1 100 X\r\n\r\n" * 33, "RemoteProtocolError", "more than 32 interim responses"),
        (OK + b"Transfer-Encoding: gzip\r\n\r\n", "RemoteProtocolError", 'unknown transfer coding "gzip"'),
        (OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n", "RemoteProtocolError", 'coding "chunked, gzip"'),
        (OK + b"Transfer-Encoding: chunked, identity\r\n\r\n", "RemoteProtocolError", "unknown transfer coding"),
        (OK + b"Transfer-Encoding: chunked,\r\n\r\n", "RemoteProtocolError", 'unknown transfer coding "chunked,"'),
        (OK + b"Content-Length: -1\r\n\r\n", "RemoteProtocolError", 'invalid Content-Length "-1"'),
        (OK + b"Content-Length: 1, 2\r\n\r\n", "RemoteProtocolError", 'contradicting Content-Length "1, 2"'),
        (OK + b"Content-Length: 9\r\n\r\nabc", "IncompleteBody", "inside the body, after 3 bytes of it"),
        (CHUNKED + b"5\r\nab", "IncompleteBody", "the connection ended inside the body, after 2 bytes of it"),
        (CHUNKED + b"5\r\nhello\r\n5\n", "RemoteProtocolError", 'bare line feed in a chunked body after "5"'),
        (CHUNKED + b"5\nhello\r\n", "RemoteProtocolError", r'no line end behind a chunk, but "\r"'),
        (CHUNKED + b"5\nhello\n5\r\n", "RemoteProtocolError", r'invalid chunk size "5\r"'),
        (CHUNKED + b"6\nhello\n0\n\n", "RemoteProtocolError", 'no line end behind a chunk, but "0"'),
        (CHUNKED + b"5\r\nhllo\r\n", "RemoteProtocolError", 'bare line feed in a chunked body after ""'),
        (CHUNKED + b"0\r\nA: b\n\r\n", "RemoteProtocolError", 'bare line feed in a chunked body after "A: b"'),
        (CHUNKED + b"0\r\n\n", "RemoteProtocolError", 'bare line feed in a chunked body after ""'),
        (CHUNKED + b"0x5\r\n", "RemoteProtocolError", 'invalid chunk size "0x5"'),
        (CHUNKED + b"5\r\r\n", "RemoteProtocolError", r'invalid chunk size "5\r"'),
        (CHUNKED + b"5\x0c\r\n", "RemoteProtocolError", r'invalid chunk size "5\x0c"'),
        (CHUNKED + b"5;a\0\r\n", "RemoteProtocolError", r'invalid chunk size "5;a\x00"'),
        (CHUNKED + b"1\r\nab\r\n", "RemoteProtocolError", 'no line end behind a chunk, but "b"'),
        (CHUNKED + b"1;" + b"x" * 1023, "RemoteProtocolError", 'overlong line in a chunked body "1;xxx'),
        (CHUNKED + b"0\r\nA\r\n", "RemoteProtocolError", 'invalid trailer "A"'),
        (CHUNKED + b"0\r\nA: \0\r\n", "RemoteProtocolError", r'invalid trailer "A: \x00"'),
        (CHUNKED + b"0\r\nA: b\r\r\n", "RemoteProtocolError", r'invalid trailer "A: b\r"'),
        (CHUNKED + b"0\r\nA: b\r\n c\r\n", "RemoteProtocolError", 'invalid trailer " c"'),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * 20_000, "RemoteProtocolError", "too many trailers"),
        (OK + b"Content-Length: 268435457\r\n\r\n", "ResponseTooLarge", "body has more than 268435456 bytes"),
        (CHUNKED + b"fffffffff\r\n", "ResponseTooLarge", "the response's body has more than 268435456 bytes"),
        (OK + b"Content-Encoding: gzip\r\n\r\nabc", "DecodingError", "corrupt or cut short: it is not valid gzip"),
    ],
)
def test_faults_have_the_same_words(data, kind, words):
    error, message, _ = outcome(data)
    assert error == kind
    assert words.replace(r"\'", "'") in message


def test_responses_without_a_body_end_with_their_head():
    for line in (b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"):
        for field in (b"Content-Length: abc", b"Transfer-Encoding: gzip", b"Content-Encoding: gzip"):
            assert body(line + b"\r\n" + field + b"\r\n\r\nmore") == b""
    head_only = Options("HEAD", max_body_bytes=10)
    for field in (b"Content-Length: 1000000", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"A: b"):
        assert body(OK + field + b"\r\n\r\n", head_only) == b""
    assert outcome(b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 404 N\r\n\r\n", head_only)[0] == 404


@pytest.mark.parametrize(
    ("fields", "reused"),
    [
        (b"Transfer-Encoding: chunked\r\n", True),
        (b"Transfer-Encoding: identity, chunked\r\n", False),
        (b"Transfer-Encoding: Chunked , chunked\r\n", False),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", False),
    ],
)
def test_chunked_twice_is_chunked_once_and_identity_is_nothing(fields, reused):
    chunks = b"\r\n5\r\nhello\r\n0\r\n\r\n"
    assert body(OK + fields + chunks) == b"hello"
    assert outcome(OK + fields + chunks, Options(keep_alive=True))[-1] is reused
    identity = b"Transfer-Encoding: identity, Identity\r\n"
    assert body(OK + identity + b"Content-Length: 5\r\n\r\nhello and more") == b"hello"
    assert body(OK + identity + b"\r\nhello and more") == b"hello and more"


def test_chunks_may_end_all_their_lines_with_a_line_feed_alone():
    for trailers in (b"\n", b"A: b\n\n", b"A: b\r\n\r\n"):
        whole = CHUNKED + b"5;x=y\nhello\n1\n!\n0\n" + trailers
        assert body(whole) == b"hello!"
        assert outcome(whole, Options(keep_alive=True))[-1] is False  # who sends it may mean another end


FOLLOWED = Options(keep_alive=True, follow_redirects=True, max_body_bytes=7)


@pytest.mark.parametrize(
    ("rest", "reused"),
    [
        (b"Content-Length: 0\r\n\r\n", True),
        (b"Content-Length: 5\r\n\r\nhello", True),
        (b"Content-Length: 5\r\nContent-Encoding: gzip\r\n\r\nhello", True),
        (b"Content-Length: 5\r\nConnection: close\r\n\r\nhello", False),
        (b"Content-Length: 8\r\n\r\nhello", False),
        (b"Content-Length: 5\r\n\r\nhello!", False),
        (b"Content-Length: many\r\n\r\nhello", False),
        (b"Transfer-Encoding: chunked\r\n\r\nzz", False),
        (b"Transfer-Encoding: gzip\r\n\r\n", False),
        (b"\r\nhello and more", False),
        (b"\r\n", False),
    ],
)
def test_the_body_of_a_redirect_that_is_followed_is_read_only_to_keep_the_connection(rest, reused):
    moved = b"HTTP/1.1 302 Found\r\nLocation: /x\r\n"
    reply = outcome(moved + rest, FOLLOWED)
    assert (reply[0], reply[4], reply[-1]) == (302, b"", reused)
    for of in (python_outcome, rust_outcome):  # where it is not kept, the reply is whole before the connection ends
        assert of([moved + rest], FOLLOWED._replace(keep_alive=False))[0] == 302


def test_the_body_of_a_redirect_that_leads_nowhere_is_the_result():
    for field in (b"Location:\r\n", b"Location: /x\r\nLocation: /y\r\n", b""):
        assert body(b"HTTP/1.1 302 Found\r\n" + field + b"\r\nhello", FOLLOWED) == b"hello"
    assert body(b"HTTP/1.1 201 Created\r\nLocation: /x\r\n\r\nhello", FOLLOWED) == b"hello"
    assert body(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\nhello", Options(keep_alive=True)) == b"hello"


def test_limits_are_the_callers():
    head = OK + b"A: b\r\n\r\n"
    assert outcome(head, Options(max_header_bytes=25))[0] == 200
    assert outcome(head, Options(max_header_bytes=24))[1] == "the response's head has more than 24 bytes"
    fields = OK + b"A: b\r\n" * 3 + b"\r\n"
    assert outcome(fields, Options(max_headers=3))[0] == 200
    assert outcome(fields, Options(max_headers=2))[1] == "the response's head has more than 2 fields"
    assert outcome(CHUNKED + b"0\r\n" + b"A: bcdefg\r\n" * 5 + b"\r\n", Options(max_header_bytes=47))[0] == 200
    assert outcome(CHUNKED + b"0\r\n" + b"A: bcdefg\r\n" * 6, Options(max_header_bytes=47))[1] == "too many trailers"
    for hello in (OK + b"\r\nhello", OK + b"Content-Length: 5\r\n\r\nhello", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"):
        assert body(hello, Options(max_body_bytes=5)) == b"hello"
        assert outcome(hello, Options(max_body_bytes=4))[:2] == (
            "ResponseTooLarge",
            "the response's body has more than 4 bytes",
        )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), "GET /x HTTP/1.1|Host: a.org|User-Agent: aio-strategies|Accept: */*|Connection: close"),
        (Options("HEAD"), "HEAD /x HTTP/1.1|Host: a.org|User-Agent: aio-strategies|Accept: */*|Connection: close"),
        (
            Options(headers=(("X", "1"), ("accept", "text/html"), ("HOST", "b.org"), ("x", ""), ("Y", "é"))),
            "GET /x HTTP/1.1|HOST: b.org|User-Agent: aio-strategies|accept: text/html|X: 1|x: |Y: é|Connection: close",
        ),
        (
            Options(headers=(("User-Agent", "me"), ("Accept", "a"), ("Accept", "b"))),
            "GET /x HTTP/1.1|Host: a.org|User-Agent: me|Accept: a|Accept: b|Connection: close",
        ),
    ],
)
def test_requests(options, expected):
    expected = expected.replace("|", "\r\n").encode() + b"\r\n\r\n"
    assert Exchange("a.org", "/x", options).unsent == request("a.org", "/x", options) == expected


def test_headers_are_checked():
    assert check_headers(None) == ()
    assert check_headers({"A": "b"}) == check_headers([("A", "b")]) == check_headers([["A", "b"]]) == (("A", "b"),)
    for wrong in ("A: b", b"A: b", 5, ["A"], [("A", "b", "c")], {"A": 1}, {b"A": "b"}, [("A", None)]):
        with pytest.raises(TypeError, match="headers must be a mapping of names to values"):
            check_headers(wrong)
    for name in ("", "A:", "A b", "A\n", "Ä", "A\0"):
        with pytest.raises(ValueError, match="name of a header must be ASCII letters, digits or"):
            check_headers({name: "b"})
    for value in ("b\r\nC: d", "b\n", "b\r", "\0", "\udc80"):
        with pytest.raises(ValueError, match="the value of the header A must be without CR, LF, NUL"):
            check_headers({"A": value})
    for name in ("Connection", "connection", "Content-Length", "Transfer-Encoding"):
        with pytest.raises(ValueError, match=f"headers must not set {name}"):
            check_headers({name: "1"})


@settings(max_examples=300, deadline=None, database=None)
@given(st.data())
def test_the_exchanges_agree(data):
    check_agreement(lambda choices: data.draw(st.sampled_from(choices)))


def test_the_exchanges_agree_on_many_replies():
    """More than the test above has time for; it finds the smallest reply on which they do not."""
    rng = random.Random(1)
    for _ in range(30_000):
        check_agreement(rng.choice)


def check_agreement(choose):
    fed = pieces(mutated(reply(choose), choose), choose)
    options = choose(OPTIONS)
    assert python_outcome(fed, options) == rust_outcome(fed, options), (fed, options)


# --- content encodings


def deflated(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


ENCODERS = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"GZip": gzip.compress,
    b"deflate": zlib.compress,
    b" deflate": deflated,
    b"br": brotli.compress,
    b"zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    b"zstd ": lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data),
}

TEXTS = [b"x", b"hello" * 1000, random.Random(1).randbytes(100_000), b"\0" * 1_000_000]


def decoded(data: bytes, *encodings: bytes, limit: int = 1 << 28) -> bytes:
    return decode_content(data, encodings, limit)


@pytest.mark.parametrize("name", ENCODERS)
def test_encodings_are_undone(name):
    for text in TEXTS:
        encoded = ENCODERS[name](text)
        assert decoded(encoded, name) == text
        assert decoded(encoded, name, limit=len(text)) == text
        with pytest.raises(aio.ResponseTooLarge, match=f"the response's body has more than {len(text) - 1} bytes"):
            decoded(encoded, name, limit=len(text) - 1)
        assert decoded(encoded + b"what follows", name) == text
        assert decoded(encoded, b"identity", name + b", IDENTITY,") == text
        framed = b"Content-Encoding: " + name + b"\r\nContent-Length: " + str(len(encoded)).encode() + b"\r\n\r\n"
        assert body(OK + framed + encoded) == text
    assert decoded(ENCODERS[name](b""), name) == b""


def test_several_encodings_are_undone_last_first():
    text = b"hello" * 100
    once = gzip.compress(text)
    assert decoded(brotli.compress(once), b"gzip, br") == text
    assert decoded(brotli.compress(once), b"gzip", b"br") == text
    five = gzip.compress(zlib.compress(zlib.compress(brotli.compress(once))))
    assert decoded(five, b"gzip,br,deflate,deflate,gzip") == text
    for _ in range(29):
        once = gzip.compress(once)
    with pytest.raises(aio.DecodingError, match="the response's body has more than 5 encodings"):
        decoded(once, b", ".join([b"gzip"] * 30))


def test_several_members_and_frames_are_one_body():
    assert decoded(gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b"), b"gzip") == b"ab"
    frame = ENCODERS[b"zstd"]
    skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    assert decoded(skipped + frame(b"a") + skipped + frame(b"b") + skipped, b"zstd") == b"ab"
    with pytest.raises(aio.DecodingError):
        decoded(gzip.compress(b"a") + gzip.compress(b"b")[:-1], b"gzip")
    with pytest.raises(aio.DecodingError):
        decoded(frame(b"a") + frame(b"b")[:-1], b"zstd")
    with pytest.raises(aio.DecodingError):
        decoded(frame(b"a") + skipped[:-1], b"zstd")


def test_what_is_unknown_or_empty_is_left_alone():
    encoded = gzip.compress(b"hello")
    for names in ([b"aes128gcm"], [b"gzip, aes128gcm"], [b"gzipped"], [], [b""], [b"identity"]):
        assert decoded(encoded, *names) == encoded
    assert decoded(b"", b"gzip") == b""
    assert body(OK + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n") == b""


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_cut_short_or_corrupt_is_an_error(name):
    encoded = ENCODERS[name](b"hello, hello, hello" * 20)
    shown = name.strip().lower().decode().removeprefix("x-")
    for end in range(1, len(encoded)):
        with pytest.raises(aio.DecodingError, match=f"corrupt or cut short: it is not valid {shown}"):
            decoded(encoded[:end], name)
    for wrong in (b"hello", b"\xff" * 100, b"\0"):
        with pytest.raises(aio.DecodingError, match=f"corrupt or cut short: it is not valid {shown}"):
            decoded(wrong, name)


def test_checksums_are_checked():
    for name, place in ((b"gzip", -8), (b"gzip", -1), (b"deflate", -1), (b"zstd", -1)):
        encoded = bytearray(ENCODERS[name](b"hello"))
        encoded[place] ^= 1
        with pytest.raises(aio.DecodingError):
            decoded(bytes(encoded), name)


def test_a_window_beyond_the_standard_is_an_error():
    parameters = zstandard.ZstdCompressionParameters(window_log=24, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(aio.DecodingError):
        decoded(compressor.compress(b"hello") + compressor.flush(), b"zstd")


BOMB = """
import gzip, resource, sys, zlib
import brotli, zstandard
from aio_strategies._native import receive
from aio_strategies.exceptions import ResponseTooLarge
from aio_strategies.terms import Options
size, limit = 200_000_000, 1_000_000
name = sys.argv[1]
def zeros(compressor, flush):
    parts = [compressor(bytes(1_000_000)) for _ in range(size // 1_000_000)]
    return b"".join(parts) + flush()
if name == "gzip":
    bomb = gzip.compress(bytes(1_000_000), 1) * (size // 1_000_000)
elif name == "deflate":
    compressor = zlib.compressobj(1)
    bomb = zeros(compressor.compress, compressor.flush)
elif name == "br":
    compressor = brotli.Compressor(quality=1)
    bomb = zeros(compressor.process, compressor.finish)
else:
    compressor = zstandard.ZstdCompressor().compressobj()
    bomb = zeros(compressor.compress, compressor.flush)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reply = b"HTTP/1.1 200 OK\\r\\nContent-Encoding: " + name.encode() + b"\\r\\n\\r\\n" + bomb
try:
    receive(Options(max_body_bytes=max(limit, len(bomb))), [reply, b""])
except ResponseTooLarge:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.slow
def test_a_bomb_uses_no_memory_beyond_the_limit(name):
    result = subprocess.run([sys.executable, "-c", BOMB, name], capture_output=True, text=True, timeout=60)
    assert not result.stderr
    # the limit, a window of 8 MiB, and room for how allocators work; the body has 200 MB
    assert int(result.stdout) < 50_000


@pytest.mark.parametrize("language", ["python", "rust"])
def test_over_the_network(language, scripted):
    encoded = brotli.compress(b"hello" * 1000)
    head = OK + b"Content-Encoding: br\r\nContent-Length: " + str(len(encoded)).encode() + b"\r\n\r\n"
    scripted.scripts["br"] = saying(head + encoded)
    scripted.scripts["bad"] = saying(head + bytes(len(encoded)))
    good, bad = aio.run("thread", [scripted.url("br"), scripted.url("bad")], language=language)
    assert good.content == b"hello" * 1000
    assert good.headers["content-encoding"] == "br"
    assert type(bad.error) is aio.DecodingError
    assert (bad.error.phase, bad.error.bytes_received) == ("read", len(head) + len(encoded))


# --- text


def text(content: bytes, *content_types: str) -> str:
    headers = [(b"Content-Type", value.encode("latin-1")) for value in content_types]
    return aio.Response("http://a/", status_code=200, headers=headers, content=content).text


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        # by the header
        ("ä".encode(), "text/html; charset=utf-8", "ä"),
        (b"\xe4", "text/html; charset=ISO-8859-1", "ä"),
        (b"\x80", "text/plain;charset=latin1", "€"),  # browsers take latin1 for windows-1252
        (b"\xe4", 'text/plain; x=y; Charset = "ascii"', "ä"),
        ("中".encode("gb18030"), "text/html; charset=gb2312", "中"),
        ("中".encode("big5"), "text/html; charset=big5", "中"),
        ("ж".encode("koi8-r"), "text/html; charset=koi8-r", "ж"),
        ("ä".encode("utf-16-le"), "text/html; charset=utf-16", "ä"),
        # by the byte order mark, which overrides all else
        (b"\xef\xbb\xbf" + "ä".encode(), "text/plain; charset=latin1", "ä"),
        ("\ufeffä".encode("utf-16-le"), "text/plain; charset=utf-8", "ä"),
        ("\ufeffä".encode("utf-16-be"), "", "ä"),
        # neither
        ("ä".encode(), "", "ä"),
        ("ä".encode(), "text/plain", "ä"),
        (b"\xff", "application/json", "\ufffd"),
        # names that mean something to Python, and nothing to a browser
        (b"\\x41 \xc3\xa4", "text/plain; charset=unicode_escape", "\\x41 ä"),
        (b"ab", "text/plain; charset=undefined", "ab"),
        (b"a..b", "text/plain; charset=idna", "a..b"),
        (b"ab-", "text/plain; charset=punycode", "ab-"),
        (b"6162", "text/plain; charset=hex", "6162"),
        (b"ab", "text/plain; charset=", "ab"),
        (b"ab", "; charset", "ab"),
        (b"ab", "text/plain; charset=\xe9\xff", "ab"),
    ],
)
def test_text(content, content_type, expected):
    assert text(content, *([content_type] if content_type else [])) == expected


def test_the_last_content_type_counts():
    assert text(b"\xe4", "text/html; charset=utf-8", "text/html; charset=latin1") == "ä"


@pytest.mark.parametrize(
    "html",
    [
        b"<meta charset=latin1>",
        b"<META CharSet = 'ISO-8859-1' >",
        b'<!doctype html><html lang="a>b"><head><meta name=x content=y><meta\ncharset="windows-1252"/>',
        b'<meta http-equiv="Content-Type" content="text/html; charset=latin1">',
        b"<meta content='text/html;charset = \"latin1\"' http-equiv=content-type>",
        b"<meta content='charset charset=latin1;x' http-equiv=content-type>",
        b"<!-- <meta charset=utf-8> --><meta charset=latin1>",
        b"<!--><meta charset=latin1>",
        b"<title a='<meta charset=utf-8>'><meta charset=latin1>",
        b"<meta charset=nonsense><meta charset=latin1>",
        b"<meta charset=latin1 charset=utf-8>",
        b"<meta charset=x-user-defined>",
        b"</meta charset=utf-8><?x <meta charset=utf-8?><meta/charset=latin1>",
        b"<" * 500 + b"<meta charset=latin1>",
    ],
)
def test_text_of_html_that_names_its_encoding(html):
    for kind in ("text/html", "Text/HTML; charset=nonsense", "application/xhtml+xml", None):
        assert text(html + b"\xe4", *([kind] if kind else [])).endswith("ä")
    assert text(html + b"\xe4", "text/html; charset=utf-8").endswith("\ufffd")
    assert text(html + b"\xe4", "text/plain").endswith("\ufffd"), "only HTML has <meta>"


@pytest.mark.parametrize(
    "html",
    [
        b"<meta charset=utf-16>",
        b"<meta content='text/html; charset=latin1'>",
        b"<meta http-equiv=refresh content='text/html; charset=latin1'>",
        b"<metacharset=latin1>",
        b"<!-- <meta charset=latin1>",
        b"<!-- <meta charset=latin1> --",
        b"<a b='<meta charset=latin1>",
        b"<meta charset",
        b"<meta charset='latin1",
        b"<meta charset=latin1",
        b"<meta",
        b"<",
        b" " * 1024 + b"<meta charset=latin1>",
    ],
)
def test_text_of_html_that_does_not(html):
    assert text(html + "ä".encode(), "text/html").endswith("ä")


@settings(max_examples=200, deadline=None, database=None)
@given(st.binary(max_size=50), st.text(max_size=30), st.sampled_from([b"", b"<meta ", b"<meta charset=", b"<!--"]))
def test_text_never_fails(content, charset, prefix):
    for content_type in (f"text/html; charset={charset}", charset, ""):
        decoded = aio._native.decode_text(prefix + content, content_type)
        decoded.encode()


@pytest.mark.parametrize(
    ("content", "content_type", "name"),
    [
        (b"", "", "utf-8"),
        (b"\xe4", "text/plain; charset=latin1", "windows-1252"),
        (b"\xef\xbb\xbf", "text/plain; charset=latin1", "utf-8"),
        (b"\xff\xfe", "", "utf-16le"),
        (b"\xfe\xff", "", "utf-16be"),
        (b"<meta charset=shift-jis>", "text/html", "shift_jis"),
        (b"<meta charset=shift-jis>", "text/plain", "utf-8"),
        (b"", "text/html; charset=nonsense", "utf-8"),
    ],
)
def test_the_encoding_is_the_one_of_the_text(content, content_type, name):
    response = aio.Response("http://a.org/", headers=[(b"content-type", content_type.encode())], content=content)
    assert response.encoding == name
    assert response.text == content.decode(name).removeprefix("\ufeff")
