"""Small servers for single cases, over TLS and without; and certificates that nobody should trust."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import trustme

Script = Callable[[socket.socket], object]


class Server:
    """Serves each connection in a thread, by the script that it is given."""

    def __init__(self, script: Script, scheme: str = "https", host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{shown}:{self._listener.getsockname()[1]}/"
        self._script = script
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), connection:
            connection.settimeout(20)
            self._script(connection)
        self._open.discard(connection)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # not everywhere can it be shut down, nor need it be
            self._listener.shutdown(socket.SHUT_RDWR)  # on Linux, closing it would not wake the thread
        self._listener.close()
        self._thread.join()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving(script: Script, scheme: str = "https", host: str = "127.0.0.1") -> Iterator[str]:
    """Yield the URL of a server that serves by the script."""
    server = Server(script, scheme, host)
    try:
        yield server.url
    finally:
        server.close()


def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(made)
    return made


def over_tls(certificate: trustme.LeafCert, reply: bytes, *, farewell: bool = True) -> Script:
    """Reply over TLS; without a farewell, the connection just ends."""
    tls = context(certificate)

    def script(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as secured:
            head = b""
            while b"\r\n\r\n" not in head:
                head += secured.recv(4096)
            secured.sendall(reply)
            if farewell:
                secured.unwrap()

    return script


YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
TOMORROW = YESTERDAY + datetime.timedelta(days=2)


def self_signed() -> trustme.LeafCert:
    """A certificate that is its own authority."""
    authority = trustme.CA()
    return trustme.LeafCert(authority.private_key_pem.bytes(), authority.cert_pem.bytes(), [])


BAD = {
    "expired": (
        lambda authority: authority.issue_cert(
            "127.0.0.1", not_before=YESTERDAY.replace(year=2020), not_after=YESTERDAY
        ),
        "the certificate has expired",
    ),
    "not valid yet": (
        lambda authority: authority.issue_cert(
            "127.0.0.1", not_before=TOMORROW, not_after=TOMORROW + datetime.timedelta(days=1)
        ),
        "the certificate is not valid yet",
    ),
    "for another host": (
        lambda authority: authority.issue_cert("example.org"),
        "the certificate is not for 127.0.0.1",
    ),
    "self-signed": (lambda _: self_signed(), "the certificate is self-signed"),
    "of an unknown authority": (
        lambda _: trustme.CA().issue_cert("127.0.0.1"),
        "the certificate's issuer is unknown",
    ),
}
