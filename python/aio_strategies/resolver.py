"""Resolves host names to addresses, with a deadline."""

from __future__ import annotations

import queue
import socket
import threading
import time
from itertools import zip_longest

__all__ = ["look_up"]

THREADS = 16
"""How many names are looked up at the same time."""

MOST_ADDRESSES = 8
"""How many addresses of a host are tried."""

Host = tuple[str, int]
"""A name and a port."""

Address = tuple[str, int]
"""An IP address and a port."""


def look_up(hosts: list[Host], timeout: float) -> dict[Host, list[Address] | OSError]:
    """Return each host's addresses, the best first, or the error that says why it has none.

    Args:
        hosts: names with ports.
        timeout: the limit on all of them together, in seconds.
    """
    todo: queue.SimpleQueue[Host] = queue.SimpleQueue()
    for host in hosts:
        todo.put(host)
    answers: queue.SimpleQueue[tuple[Host, list[Address] | OSError]] = queue.SimpleQueue()
    # Threads, since getaddrinfo can be neither interrupted nor given a deadline; daemons, since one may hang at exit.
    for _ in range(min(len(hosts), THREADS)):
        threading.Thread(target=_work, args=(todo, answers), name="aio-resolver", daemon=True).start()
    found: dict[Host, list[Address] | OSError] = {}
    deadline = time.monotonic() + timeout
    try:
        while len(found) < len(hosts):
            host, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
            found[host] = answer
    except queue.Empty:
        late = socket.gaierror(socket.EAI_AGAIN, f"no name server answered within {timeout:g} s")
        return {host: found.get(host, late) for host in hosts}
    return found


def _work(todo: queue.SimpleQueue[Host], answers: queue.SimpleQueue[tuple[Host, list[Address] | OSError]]) -> None:
    while True:
        try:
            host = todo.get_nowait()
        except queue.Empty:
            return
        answers.put((host, _ask(*host)))


def _ask(name: str, port: int) -> list[Address] | OSError:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError as error:  # from Python's IDNA codec
        return socket.gaierror(socket.EAI_NONAME, str(error))
    addresses = list(dict.fromkeys((str(address[0]), int(address[1])) for *_, address in found))
    # The families in turn, as in RFC 8305; but IPv4 first: many names have an IPv6 address that no server listens on,
    # "localhost" first of all.
    four, six = ([address for address in addresses if (":" in address[0]) is is_six] for is_six in (False, True))
    in_turn = [address for pair in zip_longest(four, six) for address in pair if address]
    return in_turn[:MOST_ADDRESSES]
