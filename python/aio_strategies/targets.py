"""From URLs to targets that a strategy can fetch: parsing and resolving, for both languages.

None of this is timed: strategies differ in how they wait for servers, and resolving a name (``getaddrinfo`` can only
block) would blur that.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import NamedTuple

from ._native import Locations
from .background import in_thread_left_behind
from .exceptions import NameResolutionError
from .lab.redirect import destination

__all__ = [
    "AddressBook",
    "Addresses",
    "Location",
    "Target",
    "addresses_of",
    "are_addresses",
    "client_ports",
    "locate",
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

    @property
    def origin(self) -> tuple[str, int, bool]:
        """Host, port, and whether it is ``https``: what is meant for one origin is not for another."""
        return self.host, self.port, self.is_secure


def locate(urls: list[str]) -> list[Location]:
    """Parse URLs, by the WHATWG URL standard.

    Raises:
        InvalidURL: a URL is malformed.
        UnsupportedProtocol: a URL's scheme is neither ``http`` nor ``https``.
    """
    return [Location(*parts) for parts in Locations(urls).parts()]


def are_addresses(hosts: Iterable[Host]) -> bool:
    """Tell whether all hosts are IP addresses, so that ``addresses_of`` has nothing to wait for."""
    return all(_is_address(host) for host, _ in hosts)


Host = tuple[str, int]
"""A name or an IP address, and a port."""

Addresses = dict[Host, "list[tuple[str, int]] | OSError"]
"""A host, and the addresses to connect to; or the error that says why there are none."""


class AddressBook:
    """The addresses of the hosts that a stream or a crawl has met.

    Args:
        failures_last: for how many seconds a host that was not found is not looked up again.
    """

    #: How many hosts are remembered.
    MOST = 10_000

    def __init__(self, failures_last: float = 0.0) -> None:
        self._failures_last = failures_last
        self._answers: Addresses = {}
        self._failed: dict[Host, float] = {}  # when

    def look_up(self, locations: Iterable[Location], timeout: float) -> None:
        """Look up those of the hosts that are not known; see ``addresses_of``."""
        if missing := self._missing(locations):
            self.add(addresses_of(missing, timeout))

    async def look_up_beside(self, locations: Iterable[Location], timeout: float) -> None:
        """Do the same; the event loop goes on meanwhile."""
        if missing := self._missing(locations):
            self.add(await addresses_beside(missing, timeout))

    def _missing(self, locations: Iterable[Location]) -> set[Host]:
        hosts = {location[:2] for location in locations}
        long_ago = time.monotonic() - self._failures_last
        return {host for host in hosts if host not in self._answers or self._failed.get(host, math.inf) <= long_ago}

    def add(self, answers: Addresses) -> None:
        """Take what was found out about hosts."""
        self._answers |= answers
        now = time.monotonic()
        for host, answer in answers.items():
            self._failed.pop(host, None)
            if isinstance(answer, OSError):
                self._failed[host] = now

    def targets(
        self, urls: Mapping[int, str], locations: Mapping[int, Location]
    ) -> tuple[dict[int, Target], dict[int, NameResolutionError]]:
        """Do what ``targets_at`` does, after the hosts have been looked up."""
        found = targets_at(self._answers, urls, locations)
        if len(self._answers) > self.MOST:  # not earlier: what was added for these URLs is needed for them
            self._answers.clear()
            self._failed.clear()
        return found


def targets_at(
    addresses: Addresses, urls: Mapping[int, str], locations: Mapping[int, Location]
) -> tuple[dict[int, Target], dict[int, NameResolutionError]]:
    """Return the targets and the errors, by the URL's index.

    A URL whose host was not found has an error and no target.

    Args:
        addresses: those of all hosts.
        urls: the URLs, by their index.
        locations: what ``locate`` returned for them.
    """
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


def addresses_of(hosts: set[Host], timeout: float) -> Addresses:
    """Return each host's addresses, or the error that says why it has none; IP addresses are taken as they are.

    Args:
        hosts: what to look up.
        timeout: for how many seconds no answer may come, until the rest have none.
    """
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


async def addresses_beside(hosts: set[Host], timeout: float) -> Addresses:
    """Return what ``addresses_of`` does; the event loop goes on meanwhile."""
    if are_addresses(hosts):
        return addresses_of(hosts, timeout)
    return await in_thread_left_behind(partial(addresses_of, hosts, timeout))


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
