"""The lab server over TLS, as Python's own ssl module sees it."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import aio_strategies as aio
import pytest
from test_lab import PATIENCE, eventually

REQUEST = b"GET /page HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def lab() -> Iterator[aio.LabServer]:
    with aio.LabServer(latency=0, https=True) as server:
        yield server


def trusting(lab: aio.LabServer, **versions: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=lab.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    for name, version in versions.items():
        setattr(context, name, version)
    return context


def connect(lab: aio.LabServer, host: str = "127.0.0.1", **more: object) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", lab.port), timeout=PATIENCE)
    more = {"context": trusting(lab), "session": None} | more
    return more["context"].wrap_socket(sock, server_hostname=host, session=more["session"])  # type: ignore[attr-defined]


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while chunk := sock.recv(1 << 16):
        received += chunk
    return received


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_serves_and_logs_when_the_connection_was_secure(lab: aio.LabServer, version: ssl.TLSVersion) -> None:
    before = time.monotonic()
    with connect(lab, context=trusting(lab, minimum_version=version, maximum_version=version)) as sock:
        secured = time.monotonic()
        sock.sendall(REQUEST)
        # it says goodbye properly: no unexpected end is suppressed here
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
        assert sock.selected_alpn_protocol() == "http/1.1"
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (len(body), body[:6]) == (1024, b"/page\n")
    eventually(lambda: lab.log()[0].closed is not None)
    (record,) = lab.log()
    times = [before, record.accepted, record.secured, record.request, record.first_byte, record.last_byte]
    assert None not in times
    assert times == sorted(times)
    assert record.begun == record.accepted
    if version == ssl.TLSVersion.TLSv1_2:
        # the server ends the handshake, before the client knows
        assert record.secured is not None
        assert record.secured <= secured


def test_urls_and_names() -> None:
    with aio.LabServer(latency=0, https=True, names=["lecture.test", "192.0.2.1"]) as lab:
        assert lab.names == ("lecture.test", "192.0.2.1")
        assert lab.url == f"https://127.0.0.1:{lab.port}/"
        assert lab.urls(2)[1] == f"{lab.url}1"
        assert "https://" in repr(lab)
        context = trusting(lab)
        for url in lab.urls(20_000)[:4]:
            with urllib.request.urlopen(url, timeout=PATIENCE, context=context) as reply:
                assert reply.status == 200
        for name in ("localhost", "::1", *lab.names):
            connect(lab, name).close()
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(lab, "elsewhere.test")
        with (
            lab.as_host("lecture.test", 443),
            urllib.request.urlopen("https://lecture.test/x", timeout=PATIENCE, context=context) as reply,
        ):
            assert reply.read().startswith(b"/x\n")


def test_who_does_not_trust_it_is_not_served(lab: aio.LabServer) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(lab.url, timeout=PATIENCE)
    with aio.LabServer(https=True) as other, pytest.raises(ssl.SSLCertVerificationError):
        connect(lab, context=trusting(other))
    eventually(lambda: lab.stats().open_connections == 0)
    assert {(record.path, record.status, record.last_byte) for record in lab.log()} == {("", None, None)}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_resumed(lab: aio.LabServer, version: ssl.TLSVersion) -> None:
    context = trusting(lab, minimum_version=version, maximum_version=version)
    with connect(lab, context=context) as first:
        first.sendall(REQUEST)
        read_all(first)
        session = first.session
        assert session is None or not session.has_ticket
    with connect(lab, context=context, session=session) as second:
        second.sendall(REQUEST)
        assert read_all(second)
        assert not second.session_reused


def test_a_connection_is_kept_alive(lab: aio.LabServer) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", lab.port, timeout=PATIENCE, context=trusting(lab))
    with contextlib.closing(connection):
        for number in range(5):
            connection.request("GET", f"/{number}")
            assert connection.getresponse().read().startswith(f"/{number}\n".encode())
        connection.request("POST", "/form", b"x=1")
        assert connection.getresponse().status == 405
    eventually(lambda: lab.stats().open_connections == 0)
    log = lab.log()
    assert [record.status for record in log] == [200] * 5 + [405]
    assert len({(record.connection, record.accepted, record.secured) for record in log}) == 1


def test_large_bodies_slow_readers_and_bandwidth() -> None:
    with aio.LabServer(latency=0, https=True, body_size=5_000_000) as lab, connect(lab) as sock:
        sock.sendall(REQUEST)
        time.sleep(0.1)  # until the kernel's buffers are full
        assert lab.stats().in_flight == 1
        assert len(read_all(sock).partition(b"\r\n\r\n")[2]) == 5_000_000
        assert lab.log()[0].size == 5_000_000
    with aio.LabServer(latency=0, https=True, body_size=5000, bandwidth=50_000) as lab, connect(lab) as sock:
        sock.sendall(REQUEST)
        assert len(read_all(sock).partition(b"\r\n\r\n")[2]) == 5000
        (record,) = lab.log()
        assert record.last_byte is not None
        assert record.first_byte is not None
        assert record.last_byte - record.first_byte >= 0.1 - 1e-6


def test_a_client_that_speaks_plain_http_is_disconnected(lab: aio.LabServer) -> None:
    for request in (REQUEST, b"\x16\x03\x01\x00\x05garbage\r\n\r\n", b"\x00" * 70_000):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", lab.port), timeout=PATIENCE) as sock:
            sock.sendall(request)
            received = read_all(sock)
        assert received[:1] == b"\x15", "a TLS alert"
        assert time.monotonic() - start < 1.5, "it was closed without waiting"
    eventually(lambda: lab.stats().open_connections == 0)
    assert {(record.secured, record.request, record.status) for record in lab.log()} == {(None, None, None)}


def test_a_handshake_has_a_time_limit() -> None:
    with aio.LabServer(latency=0, https=True, head_timeout=0.3) as lab:
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", lab.port), timeout=PATIENCE) as sock:
            sock.sendall(b"\x16\x03\x01")
            read_all(sock)
        assert time.monotonic() - start >= 0.3 - 1e-3
        # after the handshake, a connection may be idle for longer
        with connect(lab) as idle:
            time.sleep(0.5)
            idle.sendall(REQUEST)
            assert b"200 OK" in read_all(idle)
        with connect(lab) as slow:
            slow.sendall(REQUEST[:9])
            assert read_all(slow).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_closes_is_dropped_at_once() -> None:
    with aio.LabServer(latency=60, https=True) as lab:
        with connect(lab) as sock:
            sock.sendall(REQUEST)
            eventually(lambda: lab.stats().in_flight == 1)
        eventually(lambda: lab.stats().open_connections == 0)
        assert lab.log()[0].path == "/page"


def test_raw_replies_are_encrypted_too(lab: aio.LabServer) -> None:
    lab.reply("/page", [b"HTTP/1.1 200", 0.01, b" OK\r\n\r\nraw"])
    with connect(lab) as sock:
        sock.sendall(REQUEST)
        assert read_all(sock) == b"HTTP/1.1 200 OK\r\n\r\nraw"
    lab.reply("/page", [b"HTTP/1.1 200", "reset"])
    plain = socket.create_connection(("127.0.0.1", lab.port), timeout=PATIENCE)
    with trusting(lab).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as sock:
        sock.sendall(REQUEST)
        # no closing alert came; Python 3.11 takes the reset itself for an end
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            read_all(sock)


def test_the_file_of_the_authority_is_private_and_removed() -> None:
    with aio.LabServer() as plain:
        assert plain.ca_file is None
        assert not plain.https
    with aio.LabServer(https=True) as lab:
        assert lab.ca_file is not None
        file = Path(lab.ca_file)
        assert file.read_text(encoding="ascii").startswith("-----BEGIN CERTIFICATE-----")
        if os.name == "posix":
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not file.parent.exists()
    lab = aio.LabServer(https=True)
    assert lab.ca_file is not None
    file = Path(lab.ca_file)
    del lab
    assert not file.parent.exists()
    # nor does it stay behind when its owner is killed
    code = "import aio_strategies as aio, time; lab = aio.LabServer(https=True)"
    code += "; print(lab.ca_file, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        file = Path(owner.stdout.readline().strip())
        assert file.exists()
        owner.kill()
    eventually(lambda: not file.parent.exists())


@pytest.mark.parametrize(
    ("names", "kind"),
    [("a.test", TypeError), ([1], TypeError), (1, TypeError), ([""], ValueError), (["ä"], ValueError)],
)
def test_names_are_checked(names: object, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^names must "):
        aio.LabServer(https=True, names=names)  # type: ignore[arg-type]
