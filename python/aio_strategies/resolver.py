"""Resolves host names to addresses, without waiting for ever."""

from __future__ import annotations

import contextlib
import errno
import queue
import socket
import threading
from collections.abc import Iterator
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
        timeout: for how many seconds no answer may come, until the rest have none.
    """
    todo: queue.SimpleQueue[Host] = queue.SimpleQueue()
    for host in hosts:
        todo.put(host)
    answers: queue.SimpleQueue[tuple[Host, list[Address] | OSError]] = queue.SimpleQueue()
    # Threads, since getaddrinfo can be neither interrupted nor given a deadline; daemons, since one may hang at exit.
    threads = [
        threading.Thread(target=_work, args=(todo, answers), name="aio-resolver", daemon=True)
        for _ in range(min(len(hosts), THREADS))
    ]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:  # the system allows no more threads
        if thread is threads[0]:
            _work(todo, answers)
    found: dict[Host, list[Address] | OSError] = {}
    try:
        while len(found) < len(hosts):
            host, answer = answers.get(timeout=timeout)
            found[host] = answer
    except queue.Empty:
        late = socket.gaierror(socket.EAI_AGAIN, f"no name server answered within {timeout:g} s")
        return {host: found.get(host, late) for host in hosts}
    finally:
        for _ in _rest(todo):  # the threads end with the name that they have
            pass
    return found


def _work(todo: queue.SimpleQueue[Host], answers: queue.SimpleQueue[tuple[Host, list[Address] | OSError]]) -> None:
    for host in _rest(todo):
        answer = _ask(*host)
        if isinstance(answer, list):
            answer = list(filter(_is_within_reach, answer)) or answer
        answers.put((host, answer))


def _rest(todo: queue.SimpleQueue[Host]) -> Iterator[Host]:
    """Take what is left, one after another."""
    with contextlib.suppress(queue.Empty):
        while True:
            yield todo.get_nowait()


def _is_within_reach(address: Address) -> bool:
    """Tell whether this machine has an address to go there from: where IPv6 is off, it has none for ``::1``.

    Connecting would fail in the same way as if all ports were taken, for which strategies wait.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(address)  # sends nothing
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT)
    return True


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
