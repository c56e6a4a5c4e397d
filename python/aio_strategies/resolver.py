"""Resolves host names to addresses, with a deadline."""

from __future__ import annotations

import queue
import socket
import threading
import time

__all__ = ["look_up"]

THREADS = 16
"""How many names are looked up at the same time."""

Host = tuple[str, int]
"""A name and a port."""

Address = tuple[str, int]
"""An IP address and a port."""


def look_up(hosts: list[Host], timeout: float) -> dict[Host, Address | OSError]:
    """Return each host's address, or the error that says why it has none.

    Args:
        hosts: names with ports.
        timeout: the limit on all of them together, in seconds.
    """
    todo: queue.SimpleQueue[Host] = queue.SimpleQueue()
    for host in hosts:
        todo.put(host)
    answers: queue.SimpleQueue[tuple[Host, Address | OSError]] = queue.SimpleQueue()
    # Threads, since getaddrinfo can be neither interrupted nor given a deadline; daemons, since one may hang at exit.
    for _ in range(min(len(hosts), THREADS)):
        threading.Thread(target=_work, args=(todo, answers), name="aio-resolver", daemon=True).start()
    found: dict[Host, Address | OSError] = {}
    deadline = time.monotonic() + timeout
    try:
        while len(found) < len(hosts):
            host, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
            found[host] = answer
    except queue.Empty:
        late = socket.gaierror(socket.EAI_AGAIN, f"no name server answered within {timeout:g} s")
        return {host: found.get(host, late) for host in hosts}
    return found


def _work(todo: queue.SimpleQueue[Host], answers: queue.SimpleQueue[tuple[Host, Address | OSError]]) -> None:
    while True:
        try:
            host = todo.get_nowait()
        except queue.Empty:
            return
        answers.put((host, _ask(*host)))


def _ask(name: str, port: int) -> Address | OSError:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError as error:  # from Python's IDNA codec
        return socket.gaierror(socket.EAI_NONAME, str(error))
    # IPv4 first: many names have an IPv6 address that no server listens on, "localhost" first of all.
    *_, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return str(address[0]), int(address[1])
