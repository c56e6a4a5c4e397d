"""https in all implementations: verified, with the reason where it fails, and never beyond its deadline."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import aio_strategies as aio
import pytest
import trustme
from servers import BAD, context, over_tls, self_signed, serving

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(range(250)) * 4000


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def test_ten_urls_with_a_verified_certificate(way, certificate, ca_file):
    with serving(over_tls(certificate, REPLY)) as url:
        run = way([f"{url}{number}" for number in range(10)], verify=ca_file).raise_for_errors()
    assert [response.content for response in run] == [b"ok"] * 10


def test_a_body_of_many_records(way, certificate, ca_file):
    with serving(over_tls(certificate, BIG)) as url:
        [response] = way([url], verify=ca_file).raise_for_errors()
    assert response.content == BIG.partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module", params=BAD)
def bad(request, authority) -> Iterator[tuple[str, str]]:
    make, reason = BAD[request.param]
    with serving(over_tls(make(authority), REPLY)) as url:
        yield url, reason


def test_a_certificate_that_cannot_be_trusted(way, bad, ca_file, certificate):
    url, reason = bad
    with serving(over_tls(certificate, REPLY)) as good:
        first, second = way([url, good], verify=ca_file)
    assert type(first.error) is aio.SSLError
    assert str(first.error) == f"the TLS handshake failed: {reason} (while fetching {url})"
    assert (first.error.phase, first.error.bytes_received, first.error.strategy) == ("handshake", 0, way.key)
    assert second.content == b"ok"


def test_a_server_that_does_not_speak_tls(way, ca_file):
    with serving(lambda connection: (connection.recv(4096), connection.sendall(REPLY), connection.recv(1))) as url:
        [response] = way([url], verify=ca_file, timeout=10)
    assert isinstance(response.error, aio.SSLError)
    assert "the TLS handshake failed: the server does not speak TLS" in str(response.error)


def test_a_server_that_goes_away(way, ca_file):
    with serving(lambda connection: connection.recv(4096)) as url:
        [response] = way([url], verify=ca_file, timeout=10)
    assert isinstance(response.error, aio.SSLError)
    assert "the TLS handshake failed: the server closed the connection" in str(response.error)


ALERTS = {
    10: "unexpected message",
    20: "bad record mac",
    22: "record overflow",
    40: "handshake failure",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown ca",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    90: "user cancelled",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    113: "bad certificate status response",
    115: "unknown psk identity",
    116: "certificate required",
    120: "no application protocol",
    200: "unknown error",
}
GOODBYE = bytes([21, 3, 3, 0, 2, 1, 0])


def alerting(number: int) -> Callable[[socket.socket], object]:
    """Answer the beginning of a handshake with this alert, and wait until the client leaves."""
    alert = bytes([21, 3, 3, 0, 2, 2, number])
    return lambda connection: (connection.recv(1 << 16), connection.sendall(alert), connection.recv(1))


@pytest.mark.parametrize("language", ["python", "rust"])
def test_a_server_that_refuses(language, ca_file):
    """A bug once: each language had words of its own for some alerts."""
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(serving(alerting(number))) for number in ALERTS]
        run = aio.run("thread", urls, language=language, verify=ca_file)
    assert [str(response.error) for response in run] == [
        f"the TLS handshake failed: the server refused it: {words} (while fetching {url})"
        for words, url in zip(ALERTS.values(), urls, strict=True)
    ]


def test_a_server_that_says_goodbye(way, ca_file):
    """A bug once: Python quoted OpenSSL. (rustls believes no goodbye before the handshake's end, only that of TCP.)"""
    with serving(lambda connection: (connection.recv(1 << 16), connection.sendall(GOODBYE))) as url:
        [response] = way([url], verify=ca_file, timeout=10)
    assert type(response.error) is aio.SSLError
    assert response.error.message == "the TLS handshake failed: the server closed the connection"


@pytest.mark.parametrize("language", ["python", "rust"])
def test_a_server_that_asks_for_a_certificate(language, authority, certificate, ca_file):
    """By TLS 1.3, the client learns of it only after its handshake."""
    tls = context(certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(tls)

    def script(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
            with contextlib.suppress(ssl.SSLError):
                secured.do_handshake()
            while socket.socket.recv(secured, 4096):  # what is left unread would make a reset of the end
                pass

    with serving(script) as url:
        [response] = aio.run("thread", [url], language=language, verify=ca_file)
    assert type(response.error) is aio.SSLError
    assert response.error.message == "reading the response failed: the server refused it: certificate required"


@pytest.mark.parametrize("limits", [{"timeout": 0.3}, {"timeout": 20.0, "connect_timeout": 0.3}])
@pytest.mark.slow
def test_a_handshake_that_stalls_ends_at_the_deadline(way, ca_file, limits):
    with serving(lambda connection: connection.recv(1 << 20) and connection.recv(1 << 20)) as url:
        [response] = way([url], verify=ca_file, **limits)
    assert isinstance(response.error, aio.ConnectTimeout)
    assert "no TLS handshake within 0.3 s" in str(response.error)
    assert response.error.phase == "handshake"
    assert 0.3 <= response.error.elapsed < 10


@pytest.mark.slow
def test_the_time_for_connecting_is_not_that_of_the_reply(way, certificate, ca_file):
    tls = context(certificate)

    def late(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            threading.Event().wait(0.6)
            secured.sendall(REPLY)

    with serving(late) as url:
        [response] = way([url], verify=ca_file, connect_timeout=0.4).raise_for_errors()
    assert response.content == b"ok"


def test_an_end_that_anybody_could_have_made_is_no_end_of_a_body(way, certificate, ca_file):
    until_end = b"HTTP/1.1 200 OK\r\n\r\nperhaps all of it"
    with (
        serving(over_tls(certificate, until_end)) as whole,
        serving(over_tls(certificate, until_end, farewell=False)) as cut,
        serving(over_tls(certificate, REPLY, farewell=False)) as counted,
    ):
        first, second, third = way([whole, cut, counted], verify=ca_file)
    assert first.content == b"perhaps all of it"
    assert isinstance(second.error, aio.ReadError)
    assert "the connection ended without the closing message of TLS" in str(second.error)
    assert third.content == b"ok"


def test_verify_false_trusts_anybody_and_warns(way):
    with serving(over_tls(self_signed(), REPLY)) as url:
        with pytest.warns(RuntimeWarning, match="verify=False: anybody can answer"):
            run = way([url], verify=False)
        assert run.raise_for_errors()[0].content == b"ok"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command, which names the file, is not here")
@pytest.mark.parametrize("language", ["python", "rust"])
def test_a_folder_of_authorities(language, certificate, ca_file, tmp_path):
    name = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", ca_file], capture_output=True, text=True, check=True
    ).stdout.strip()
    (tmp_path / f"{name}.0").write_bytes(Path(ca_file).read_bytes())
    with serving(over_tls(certificate, REPLY)) as url:
        run = aio.run("thread", [url], language=language, verify=tmp_path)
    assert run.raise_for_errors()[0].content == b"ok"


@pytest.mark.parametrize("language", ["python", "rust"])
def test_the_system_trusts_whom_the_environment_says(language, certificate, ca_file, monkeypatch):
    program = (
        "import sys, aio_strategies as aio\n"
        f"print(aio.run('process', sys.argv[1:], language={language!r}, concurrency=2).raise_for_errors()[0].content)"
    )
    with serving(over_tls(certificate, REPLY)) as url:
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        done = subprocess.run([sys.executable, "-c", program, url, url], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("b'ok'\n", "")


@pytest.mark.parametrize("language", ["python", "rust"])
def test_what_is_no_certificate(language, ca_file, tmp_path):
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("no certificate at all\n")
    with pytest.raises(ValueError, match="has no certificate of an authority to trust"):
        aio.run("thread", ["https://127.0.0.1:1/"], language=language, verify=nothing)
    for name, content in {"empty": "", "ca.pem": Path(ca_file).read_text(), "0123abcd.0": "no certificate"}.items():
        folder = tmp_path / f"folder of {name}"
        folder.mkdir()
        (folder / name).write_text(content)
        for begin in (aio.run, aio.stream):
            with pytest.raises(ValueError, match="has no certificate of an authority to trust"):
                begin("thread", ["https://127.0.0.1:1/"], language=language, verify=folder)
    with pytest.raises(ValueError, match="verify must be True, False, or the path of a file or folder"):
        aio.run("thread", ["https://127.0.0.1:1/"], language=language, verify=tmp_path / "absent")
    with pytest.raises(TypeError, match="verify must be True, False, or the path of certificates, not 1"):
        aio.run("thread", ["https://127.0.0.1:1/"], language=language, verify=1)
