"""What a call asks of each of its exchanges, besides the URL; for both languages."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DEFAULT_OPTIONS", "Options", "Terms"]


class Options(NamedTuple):
    """What to ask the server for, and how large the response may be.

    Attributes:
        method: ``"GET"`` or ``"HEAD"``.
        headers: the caller's header fields: they replace the defaults of the same name, or follow them.
        max_header_bytes: the limit on the status line and headers, in bytes; also on a chunked body's trailers.
        max_headers: the limit on the number of header fields.
        max_body_bytes: the limit on the body, in bytes, both as it is received and after decoding.
        keep_alive: whether to ask for a connection that further exchanges can use.
        follow_redirects: whether a response that leads elsewhere is followed: nobody needs its body then.
    """

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    max_header_bytes: int = 64 * 1024
    max_headers: int = 128
    max_body_bytes: int = 256 * 1024 * 1024
    keep_alive: bool = False
    follow_redirects: bool = False


DEFAULT_OPTIONS = Options()


class Terms(NamedTuple):
    """What a call asks of each of its exchanges.

    Attributes:
        timeout: the limit on the whole exchange in seconds, from connecting to the last byte.
        connect_timeout: the limit on connecting, the TLS handshake included, if that is less; None for none.
        options: the method, further header fields, the limits on the response's size.
        verify: whom to trust over TLS, as in ``trust.ssl_context``.
        others_kept: how many connections to other hosts each exchange in flight keeps, if they are kept alive.
    """

    timeout: float
    connect_timeout: float | None = None
    options: Options = DEFAULT_OPTIONS
    verify: bool | str = True
    others_kept: int = 8
