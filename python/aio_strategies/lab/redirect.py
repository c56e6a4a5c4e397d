"""Redirects this process's connections to a host and port, for ``LabServer.as_host``.

Lecture code names its public host in many ways: ``sock.connect(("baidu.com", 80))``, blocking or not, through asyncio,
through ``urllib``. All of them end in ``socket.getaddrinfo`` or ``gethostbyname``, and in the ``connect`` of a
``socket.socket``. These are replaced while any redirection is in force:

- a name that code resolves first gets its own address (an alias) from 127.77.0.0/16;
- ``connect`` to the name or to its alias goes to the target address instead.

Everything else (other hosts, other ports of the same host, UDP) is not affected, or is refused once ``fence`` has been
called. Event loops that connect without ``socket.socket`` (uvloop) cannot be redirected.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = [
    "checked_name",
    "destination",
    "fence",
    "is_address",
    "is_local",
    "local_hints",
    "normal_name",
    "redirect",
    "redirect_for_good",
    "refusals",
]

Address = tuple[str, int]


class _Redirection:
    """One redirection. Compared by identity, as two equal ones may be in force at once."""

    def __init__(self, name: str, port: int, target: Address) -> None:
        self.name = name
        self.port = port
        self.target = target


class _Rules:
    """The combined redirections in force. Never changed, only replaced, so reading it needs no lock."""

    def __init__(self, redirections: tuple[_Redirection, ...] = ()) -> None:
        self.redirections = redirections
        #: The target of each name or alias with a port.
        self.targets: dict[Address, Address] = {}
        #: The aliases of the names.
        self.aliases: dict[str, str] = {}
        #: The names of the aliases.
        self.names: dict[str, str] = {}


_rules = _Rules()
_patches: list[_Patch] = []
#: Every name that was ever redirected keeps its alias, as code may have stored the alias.
_known_aliases: dict[str, str] = {}
_lock = threading.Lock()
#: The advice in the message about a refused host; None while there is no fence.
_advice: str | None = None
_refusals: list[str] = []
#: The hosts of this machine that were asked for, by port, except the lab.
_local_hosts: dict[int, str] = {}
#: The lab's port, which needs no hint.
_lab_port = 0


def normal_name(host: str | bytes | bytearray) -> str:
    """Return the host's name, normalized for comparison: lower case, IDNA, without the final dot."""
    text = host if isinstance(host, str) else bytes(host).decode("latin-1")
    text = text.removesuffix(".").lower()
    if not text.isascii():
        with contextlib.suppress(UnicodeError):
            text = text.encode("idna").decode("ascii")
    return text


def checked_name(host: str) -> str:
    """Return the host's normal name.

    Raises:
        ValueError: it cannot be the name or address of a host.
    """
    name = normal_name(host)
    if not name or any(character.isspace() or character in "/\0" for character in name):
        raise ValueError(f"host must be the name or the address of a host, not {host!r}")
    return name


def is_address(name: str) -> bool:
    """Tell whether a normal name is an IP address."""
    import ipaddress

    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_local(name: str) -> bool:
    """Tell whether a normal name refers to this machine."""
    import ipaddress

    if not is_address(name):
        return name in ("", "localhost") or name.endswith(".localhost")
    address = ipaddress.ip_address(name)
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


@contextlib.contextmanager
def redirect(name: str, port: int, target: Address) -> Iterator[None]:
    """Redirect connections to ``(name, port)`` to the IPv4 address ``target``; ``name`` must be normal.

    Redirections nest, and may end in any order; of several for the same host and port, the latest applies.
    """
    redirection = _Redirection(name, port, target)
    with _lock:
        _put_in_force((*_rules.redirections, redirection))
    try:
        yield
    finally:
        with _lock:
            _put_in_force(tuple(other for other in _rules.redirections if other is not redirection))


def redirect_for_good(hosts: Iterable[Address], target: Address) -> None:
    """Like ``redirect``, but for several names with ports, and for the rest of this process."""
    with _lock:
        _put_in_force((*_rules.redirections, *(_Redirection(name, port, target) for name, port in hosts)))


def fence(advice: str, lab_port: int = 0) -> None:
    """From now on, refuse Python's connections to another machine, in this process and those forked from it.

    Redirected connections are still allowed. All others raise an OSError that names the host and gives the advice, in
    which ``{host}`` stands for the host, such as ``example.com:80``. ``lab_port`` is the lab's, which needs no advice.
    """
    global _advice, _lab_port
    with _lock:
        _advice, _lab_port = advice, lab_port
        _put_in_force(_rules.redirections)


def refusals() -> list[str]:
    """Return the messages of all refusals in this process, without duplicates."""
    return list(_refusals)


def local_hints() -> list[str]:
    """Return the advice for each host of this machine that code asked for, as nobody may be there to answer."""
    hosts = [f"{name}:{port}" for port, name in _local_hosts.items()]
    return [f"if the lab is to stand in for {host}, {(_advice or '').format(host=host)}" for host in hosts]


def destination(address: Address) -> Address:
    """Return the target of connections to ``address``, for code that does not connect through ``socket``."""
    host, port = address
    return _rules.targets.get((normal_name(host), port), address)


def _put_in_force(redirections: tuple[_Redirection, ...]) -> None:
    global _rules
    rules = _Rules(redirections)
    for redirection in redirections:
        rules.targets[redirection.name, redirection.port] = redirection.target
        alias = _alias(redirection.name)
        if alias is None:
            continue
        rules.aliases[redirection.name] = alias
        for form in (alias, f"::ffff:{alias}"):
            rules.targets[form, redirection.port] = redirection.target
            rules.names[form] = redirection.name
    _rules = rules
    needed = redirections or _advice is not None
    if needed and not _patches:
        _patches.extend(
            [
                _Patch(socket, "getaddrinfo", _make_getaddrinfo),
                _Patch(socket, "gethostbyname", _make_gethostbyname),
                _Patch(socket, "gethostbyname_ex", _make_gethostbyname_ex),
                _Patch(socket.socket, "connect", _make_connect),
                _Patch(socket.socket, "connect_ex", _make_connect),
            ]
        )
    elif not needed:
        while _patches:
            _patches.pop().remove()


def _alias(name: str) -> str | None:
    """Return the name's alias; None for an address, which needs none."""
    if is_address(name):
        return None
    if name not in _known_aliases:
        number = len(_known_aliases) + 1
        if number >= 1 << 16:
            raise RuntimeError("more than 65,535 hosts have been redirected by this process")
        _known_aliases[name] = f"127.77.{number >> 8}.{number & 255}"
    return _known_aliases[name]


def _refuse_unless_local(name: str, port: Any) -> None:
    """Raise OSError if there is a fence and the name does not refer to this machine."""
    if _advice is None or is_local(name):
        return
    host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    what_to_do = _advice.format(host=host)
    if port in (443, "443", "https"):
        what_to_do = "it speaks plain HTTP, not TLS: use http://"
    message = f"the lab does not stand in for {host}, and connecting to other hosts is refused; {what_to_do}"
    if message not in _refusals:
        _refusals.append(message)
    raise OSError(errno.ENETUNREACH, message)


class _Patch:
    """A replaced attribute of ``socket`` or of ``socket.socket``."""

    def __init__(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        self.owner = owner
        self.name = name
        self.original = getattr(owner, name)
        self.inherited = name not in vars(owner)
        self.replacement = make(self.original)
        setattr(owner, name, self.replacement)

    def remove(self) -> None:
        """Restore the attribute, unless other code has replaced it since and may still call this replacement.

        A replacement that stays in place then passes everything through.
        """
        if vars(self.owner).get(self.name) is not self.replacement:
            return
        if self.inherited:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.original)


def _make_getaddrinfo(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        rules = _rules
        alias = rules.aliases.get(normal_name(host)) if isinstance(host, str | bytes | bytearray) else None
        if alias is not None:
            number = _port_number(port)
            target = rules.targets.get((alias, number))
            if sys.platform == "win32" and target is not None:
                # asyncio's default loop there connects without `connect`
                host, port = target
            elif target is not None or number == 0:
                host = f"::ffff:{alias}" if family == socket.AF_INET6 else alias
        # An address may always be looked up: only connecting to it is refused.
        if isinstance(host, str | bytes | bytearray):
            _refuse_name(host, port)
            _note_if_local(normal_name(host), port)
        return original(host, port, family, type, proto, flags)

    return getaddrinfo


def _port_number(port: Any) -> int:
    """Return the number of a port as ``getaddrinfo`` reads it; 0 if it is None, -1 if it is invalid."""
    if port is None:
        return 0
    try:
        return int(port)
    except (TypeError, ValueError):
        pass
    try:
        return socket.getservbyname(port if isinstance(port, str) else bytes(port).decode("latin-1"))
    except (TypeError, OSError):
        return -1


def _make_gethostbyname(original: Callable[[Any], str]) -> Callable[[Any], str]:
    @functools.wraps(original)
    def gethostbyname(hostname: Any) -> str:
        if isinstance(hostname, str | bytes | bytearray):
            hostname = _rules.aliases.get(normal_name(hostname), hostname)
            _refuse_name(hostname)
        return original(hostname)

    return gethostbyname


def _make_gethostbyname_ex(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def gethostbyname_ex(hostname: Any) -> Any:
        if isinstance(hostname, str | bytes | bytearray):
            name = normal_name(hostname)
            alias = _rules.aliases.get(name)
            if alias is not None:
                return name, [], [alias]
            _refuse_name(hostname)
        return original(hostname)

    return gethostbyname_ex


def _refuse_name(host: str | bytes | bytearray, port: Any = 80) -> None:
    if _advice is not None and not is_address(name := normal_name(host)):
        _refuse_unless_local(name, port)


def _note_if_local(name: str, port: Any) -> None:
    if _advice is not None and is_local(name) and (number := _port_number(port)) not in (0, -1, _lab_port):
        _local_hosts.setdefault(number, f"[{name}]" if ":" in name else name)


def _make_connect(original: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    """Make the replacement of ``connect`` or of ``connect_ex``."""

    @functools.wraps(original)
    def connect(self: socket.socket, address: Any) -> Any:
        return original(self, _destination(self, address))

    return connect


def _destination(sock: socket.socket, address: Any) -> Any:
    """Return the address to connect to, for the address that was asked for."""
    rules = _rules
    if not isinstance(address, tuple) or len(address) < 2 or not isinstance(address[0], str | bytes | bytearray):
        return address
    name = normal_name(address[0])
    target = rules.targets.get((name, address[1]))
    if target is not None and sock.type == socket.SOCK_STREAM:
        host, port = target
        return (f"::ffff:{host}", port) if sock.family == socket.AF_INET6 else (host, port)
    # An alias, but with another port or protocol: connect to the real host.
    real = rules.names.get(name, name)
    _refuse_unless_local(real, address[1])
    _note_if_local(real, address[1])
    return (real, *address[1:]) if real != name else address


def _renew_lock() -> None:
    """Replace the lock, as another thread of the parent may have held it at the fork."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
