"""From URLs to targets that a strategy can fetch: parsing and resolving, for both languages.

None of this is timed: strategies differ in how they wait for servers, and resolving a name (``getaddrinfo`` can only
block) would blur that.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from ._native import Locations
from .exceptions import NameResolutionError
from .lab.redirect import destination

__all__ = [
    "Addresses",
    "Location",
    "Target",
    "addresses_of",
    "are_addresses",
    "client_ports",
    "locate",
    "resolve",
    "targets_at",
]


class Target(NamedTuple):
    """One URL, ready to be fetched.

    Attributes:
        url: the URL, as it was given.
        authority: the ``Host`` header's value.
        path: path and query.
        addresses: IP addresses and ports to connect to, at least one, the best first.
        tls_host: the host that the certificate must be for, if the URL is ``https``; else None.
        due: the intended start, before which its exchange may not begin, on the clock of ``time.monotonic()``; 0 means
            at once.
    """

    url: str
    authority: str
    path: str
    addresses: list[tuple[str, int]]
    tls_host: str | None = None
    due: float = 0.0


class Location(NamedTuple):
    """A URL taken apart; ``path`` has the query, too."""

    host: str
    port: int
    authority: str
    path: str
    is_secure: bool


def locate(urls: list[str]) -> list[Location]:
    """Parse URLs, by the WHATWG URL standard.

    Raises:
        InvalidURL: a URL is malformed.
        UnsupportedProtocol: a URL's scheme is neither ``http`` nor ``https``.
    """
    return [Location(*parts) for parts in Locations(urls).parts()]


def are_addresses(hosts: Iterable[tuple[str, int]]) -> bool:
    """Tell whether all hosts are IP addresses, so that ``addresses_of`` has nothing to wait for."""
    return all(_is_address(host) for host, _ in hosts)


Addresses = dict[tuple[str, int], "list[tuple[str, int]] | OSError"]
"""A host and port, and the addresses to connect to; or the error that says why there are none."""


_MOST_NAMES = 10_000
"""How many names' addresses are remembered."""


def resolve(
    urls: Mapping[int, str], locations: Mapping[int, Location], timeout: float, known: Addresses | None = None
) -> tuple[dict[int, Target], dict[int, NameResolutionError]]:
    """Resolve the URLs' hosts to addresses.

    Args:
        urls: the URLs, by their index.
        locations: what ``locate`` returned for them.
        timeout: the limit on resolving all of them together, in seconds.
        known: what was found before, to which this is added; it is emptied when there are too many.

    Returns:
        The targets and the errors, by the URL's index. A URL whose host was not found has an error and no target.
    """
    addresses = {} if known is None else known
    hosts = {location[:2] for location in locations.values()}
    addresses |= addresses_of({host for host in hosts if not isinstance(addresses.get(host), list)}, timeout)
    found = targets_at(addresses, urls, locations)
    if len(addresses) > _MOST_NAMES:
        addresses.clear()
    return found


def targets_at(
    addresses: Addresses, urls: Mapping[int, str], locations: Mapping[int, Location]
) -> tuple[dict[int, Target], dict[int, NameResolutionError]]:
    """Return the targets and the errors, as ``resolve`` does, from the addresses of all hosts."""
    targets: dict[int, Target] = {}
    errors: dict[int, NameResolutionError] = {}
    for index, url in urls.items():
        host, port, authority, path, is_secure = locations[index]
        found = addresses[host, port]
        if isinstance(found, list):
            targets[index] = Target(url, authority, path, found, host if is_secure else None)
        else:
            error = NameResolutionError(str(found), url=url, phase="resolve", errno=found.errno)
            error.__cause__ = found
            errors[index] = error
    return targets, errors


def addresses_of(hosts: set[tuple[str, int]], timeout: float) -> Addresses:
    """Return each host's addresses, or the error that says why it has none; IP addresses are taken as they are."""
    client_ports()  # read and kept before the clock starts, and before a strategy forks its workers
    # a name that a lab stands in for needs no lookup
    names = [host for host in hosts if not _is_address(host[0]) and destination(host) == host]
    found: Addresses = {host: [host] for host in hosts.difference(names)}
    if names:
        from .resolver import look_up

        found |= look_up(names, timeout)
    return {
        host: [destination(address) for address in answer] if isinstance(answer, list) else answer
        for host, answer in found.items()
    }


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
