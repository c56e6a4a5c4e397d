"""TCP sockets, and when they acknowledge what they receive. (Linux alone lets a program choose.)

What the server says when a connection opens is acknowledged with the request, not before: it saves both a packet, and
the server a wake-up. If a reply does not come as a whole, what has come is acknowledged at once: a server may hold
back the rest until then (Nagle's algorithm), and a delayed acknowledgement would cost 40 ms.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


def open_socket(family: int) -> socket.socket:
    """Return a socket that will acknowledge the handshake with the first bytes that it sends."""
    # asyncio sets TCP_NODELAY if it reads "TCP" here
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    _set(sock, 0)
    return sock


def acknowledge_at_once(sock: Any) -> None:
    """Acknowledge what has been received, and for a while what is received from now on."""
    _set(sock, 1)


def _set(sock: Any, promptly: int) -> None:
    if _QUICKACK is not None:
        with suppress(OSError):  # if it cannot be had, the exchange takes a little longer
            sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, promptly)
