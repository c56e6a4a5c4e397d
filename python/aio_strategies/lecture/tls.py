"""TLS without I/O, between an exchange and its connection: encrypted bytes in and out. ``ssl`` does the work.

Every connection makes a whole handshake, as Rust's does: no session is resumed.
"""

from __future__ import annotations

import re
import ssl

from ..exceptions import ReadError, SSLError
from ..trust import ssl_context

# by OpenSSL's numbers (X509_V_ERR_...)
_CERTIFICATE = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    **dict.fromkeys((2, 19, 20, 21), "the certificate's issuer is unknown"),
    **dict.fromkeys((62, 64), "the certificate is not for {host}"),
}
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
# in OpenSSL's words: Python has no name (``reason``) for some, and OpenSSL no words for those that it does not know
_ALERT = re.compile(r"(?:(?:sslv3|ssl/tls|tlsv13?) (?:alert )?|\[SSL\] (?=unknown error))([a-z ]+) \(")


class Tls:
    """The TLS of one connection to ``host``, a name or an IP address; ``verify`` says whom to trust.

    Attributes:
        secured: whether the handshake has ended.
        ended: whether the server has ended the stream.
    """

    secured = False
    ended = False

    def __init__(self, verify: bool | str, host: str) -> None:
        self._host = host
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self._tls = ssl_context(verify).wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        except ValueError:
            raise _failed(f"{host!r} is no name that a certificate can be for") from None
        self.shake_hands(b"")

    def shake_hands(self, data: bytes) -> None:
        """Go on with the handshake."""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
            self.secured = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            raise cut_off() from None
        except ssl.SSLError as error:
            raise _failed(self._reason(error)) from error

    def outgoing(self) -> bytes:
        """Return the encrypted bytes that must be sent now."""
        return self._outgoing.read()

    def send(self, data: bytes) -> None:
        """Encrypt data, to be sent."""
        self._tls.write(data)

    def receive(self, data: bytes) -> bytes:
        """Return what data from the server decrypts to."""
        self._incoming.write(data)
        plain = []
        try:
            while piece := self._tls.read(len(data)):
                plain.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise SSLError(f"reading the response failed: {self._reason(error)}") from error
        return b"".join(plain)

    def _reason(self, error: ssl.SSLError) -> str:
        """Return what went wrong, in the words of the Rust versions where these have any."""
        if isinstance(error, ssl.SSLCertVerificationError):
            words = _CERTIFICATE.get(error.verify_code, f"the certificate cannot be verified: {error.verify_message}")
            return words.replace("{host}", self._host)
        name = error.reason or ""
        if name in _NO_TLS:
            return "the server does not speak TLS"
        if alert := _ALERT.search(str(error)):
            return f"the server refused it: {alert[1]}"
        return name.replace("_", " ").lower() or str(error)


def cut_off() -> SSLError:
    """Return the error of a handshake that the server cut off."""
    return _failed("the server closed the connection")


def truncated() -> ReadError:
    """Return the error of a stream that ended without TLS's own end: it may have been cut off by anybody."""
    return ReadError("reading the response failed: the connection ended without the closing message of TLS")


def _failed(reason: str) -> SSLError:
    return SSLError(f"the TLS handshake failed: {reason}")
