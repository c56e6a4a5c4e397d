"""From a caller's arguments to targets that a strategy can fetch: checking, parsing and resolving, for both languages.

Nothing of this is timed: a strategy differs in how it waits for servers, and resolving a name (``getaddrinfo`` can only
block) would blur that.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from typing import NamedTuple

from ._native import parse_urls
from ._redirect import destination
from .exceptions import NameResolutionError

__all__ = [
    "Location",
    "Target",
    "are_addresses",
    "check_concurrency",
    "check_rate",
    "check_timeout",
    "check_urls",
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

    def early(self) -> float:
        """Return the seconds until the exchange may begin, 0.0 if it may. More than a day, which not every system call
        can wait for, counts as a day."""
        return min(max(0.0, self.due - time.monotonic()), 86_400.0) if self.due else 0.0


def check_urls(urls: Iterable[str]) -> list[str]:
    """Return the URLs as a list.

    Raises:
        TypeError: not an iterable of strings.
        ValueError: there are none.
    """
    if isinstance(urls, str | bytes):
        raise TypeError(f"urls must be an iterable of strings, not a single {type(urls).__name__}: write [{urls!r}]")
    try:
        checked = list(urls)
    except TypeError:
        raise TypeError(f"urls must be an iterable of strings, not {type(urls).__name__}") from None
    for url in checked:
        if not isinstance(url, str):
            raise TypeError(f"urls must hold strings, not {type(url).__name__}: {url!r}")
    if not checked:
        raise ValueError("urls is empty; at least one URL is needed")
    return checked


def check_concurrency(concurrency: int) -> int:
    """Return ``concurrency``.

    Raises:
        TypeError: not an integer.
        ValueError: below 1.
    """
    if not isinstance(concurrency, int) or isinstance(concurrency, bool):
        raise TypeError(f"concurrency must be an integer of at least 1, not {concurrency!r}")
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    return concurrency


def check_timeout(timeout: float) -> float:
    """Return ``timeout`` as a float.

    Raises:
        TypeError: not a number.
        ValueError: not finite, or not above 0.
    """
    if not isinstance(timeout, int | float) or isinstance(timeout, bool):
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}")
    if not 0 < timeout <= 1e9:
        raise ValueError(f"timeout must be a finite number of seconds above 0 (at most 1e9), not {timeout}")
    return float(timeout)


def check_rate(rate: float | None) -> float | None:
    """Return ``rate`` as a float, or None.

    Raises:
        TypeError: neither a number nor None.
        ValueError: not finite, or not above 0.
    """
    if rate is None:
        return None
    if not isinstance(rate, int | float) or isinstance(rate, bool):
        raise TypeError(f"rate must be a number of requests per second or None, not {rate!r}")
    if not 1e-6 <= rate <= 1e9:
        raise ValueError(f"rate must be a finite number of requests per second above 0 (1e-6 to 1e9), not {rate}")
    return float(rate)


Location = tuple[str, int, str, str]
"""A URL taken apart: host, port, authority, path and query."""


def locate(urls: list[str]) -> list[Location]:
    """Take URLs apart, by the WHATWG's rules.

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
    """Find the addresses of the URLs' hosts.

    Args:
        urls: the URLs.
        locations: what ``locate`` made of them.
        timeout: seconds that finding the addresses may take, all together.

    Returns:
        The targets, in the order of the URLs; and, by the URL's index, the error of each whose name was not found,
        which has no target.
    """
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
    """Find each host's address, or why it has none; IP addresses are taken as they are."""
    names = [(host, port) for host, port in hosts if not _is_address(host)]
    found: dict[tuple[str, int], tuple[str, int] | OSError] = {host: host for host in hosts.difference(names)}
    if names:
        from .resolver import look_up

        found |= look_up(names, timeout)
    return {host: destination(address) if isinstance(address, tuple) else address for host, address in found.items()}


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return False
    return True
