"""From URLs to targets that a strategy can fetch: parsing and resolving, for both languages.

None of this is timed: strategies differ in how they wait for servers, and resolving a name (``getaddrinfo`` can only
block) would blur that.
"""

from __future__ import annotations

import socket
from functools import cache
from typing import NamedTuple

from ._native import parse_urls
from .exceptions import NameResolutionError
from .lab.redirect import destination

__all__ = [
    "Location",
    "Target",
    "are_addresses",
    "client_ports",
    "locate",
    "resolve",
]


class Target(NamedTuple):
    """One URL, ready to be fetched.

    Attributes:
        url: the URL, as it was given.
        authority: the ``Host`` header's value.
        path: path and query.
        address: IP address and port to connect to.
        due: the intended start, before which its exchange may not begin, on the clock of ``time.monotonic()``; 0 means
            at once.
    """

    url: str
    authority: str
    path: str
    address: tuple[str, int]
    due: float = 0.0


Location = tuple[str, int, str, str]
"""A URL taken apart: host, port, authority, path and query."""


def locate(urls: list[str]) -> list[Location]:
    """Parse URLs, by the WHATWG URL standard.

    Raises:
        InvalidURL: a URL is malformed.
        UnsupportedProtocol: a URL's scheme is not ``http``.
    """
    return parse_urls(urls)


def are_addresses(locations: list[Location]) -> bool:
    """Tell whether all hosts are IP addresses, so that ``resolve`` has nothing to wait for."""
    return all(_is_address(host) for host in {host for host, _, _, _ in locations})


def resolve(
    urls: list[str], locations: list[Location], timeout: float
) -> tuple[list[Target], dict[int, NameResolutionError]]:
    """Resolve the URLs' hosts to addresses.

    Args:
        urls: the URLs.
        locations: what ``locate`` returned for them.
        timeout: the limit on resolving all of them together, in seconds.

    Returns:
        The targets, in the order of the URLs, and the errors, by the URL's index. A URL whose host was not found has
        an error and no target.
    """
    client_ports()  # read and kept before the clock starts, and before a strategy forks its workers
    addresses = _addresses({(host, port) for host, port, _, _ in locations}, timeout)
    targets: list[Target] = []
    errors: dict[int, NameResolutionError] = {}
    for index, (url, (host, port, authority, path)) in enumerate(zip(urls, locations, strict=True)):
        address = addresses[host, port]
        if isinstance(address, tuple):
            targets.append(Target(url, authority, path, address))
        else:
            error = NameResolutionError(str(address), url=url, phase="resolve", errno=address.errno)
            error.__cause__ = address
            errors[index] = error
    return targets, errors


def _addresses(hosts: set[tuple[str, int]], timeout: float) -> dict[tuple[str, int], tuple[str, int] | OSError]:
    """Return each host's address, or the error that says why it has none; IP addresses are taken as they are."""
    names = [(host, port) for host, port in hosts if not _is_address(host)]
    found: dict[tuple[str, int], tuple[str, int] | OSError] = {host: host for host in hosts.difference(names)}
    if names:
        from .resolver import look_up

        found |= look_up(names, timeout)
    return {host: destination(address) if isinstance(address, tuple) else address for host, address in found.items()}


@cache
def client_ports() -> range:
    """Return the ports that the system gives to clients' sockets; all if it does not say."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            first, last = map(int, file.read().split())
    except (OSError, ValueError):
        return range(65536)
    return range(first, last + 1)


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return False
    return True
