"""What is known of a connection that is kept for another attempt."""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ..targets import Target

if TYPE_CHECKING:
    from .tls import Tls


class Idle(NamedTuple):
    """What an attempt leaves in a connection that can serve another: the target that it served last, its TLS, if any,
    and the time (of ``time.monotonic()``)."""

    target: Target
    tls: Tls | None
    since: float

    def serves(self, target: Target) -> bool:
        """Return whether it leads to the same host and port, in the same scheme."""
        return (self.target.authority, self.target.tls_host) == (target.authority, target.tls_host)


def is_quiet(sock: Any) -> bool:
    """Return whether nothing has arrived, not even the end: what comes unasked is no reply to what is asked next."""
    if isinstance(sock, socket.socket):
        with getattr(selectors, "PollSelector", selectors.SelectSelector)() as selector:
            selector.register(sock, selectors.EVENT_READ)
            return not selector.select(0)
    return bool(sock.is_quiet())


def leaves_enough(sock: Any) -> bool:
    """Return whether as many file descriptors are left as are in use. They are numbered from the lowest."""
    with suppress(ImportError):  # Windows has no such limit
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

        limit, _ = getrlimit(RLIMIT_NOFILE)
        return bool(limit == RLIM_INFINITY or sock.fileno() < limit // 2)
    return True
