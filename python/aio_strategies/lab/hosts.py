"""Public hosts that a lab server stands in for: how they are written, where a program's source names them, and the
bounds that a program has with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import redirect

__all__ = ["Bounds", "Host", "hosts_in", "read_host", "stand_in_for"]

_HTTP_PORT = 80
_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_URL = re.compile(
    r"http://(?:[^\s/?#@]*@)?(\[[0-9a-f:.]+\]|[^\s/?#:@\[\]]+)(?::([0-9]{1,5}))?(?![^\s/?#])", re.IGNORECASE
)


class Host(NamedTuple):
    """A host, by its name (or address) in the form in which names are compared, and a port."""

    name: str
    port: int = _HTTP_PORT

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Bounds(NamedTuple):
    """What a program that does work of its own is held to, and how its author can change it.

    Attributes:
        hosts: the hosts that the lab stands in for; the program can reach no other.
        host_option: what names one more of them, as ``--host``.
        time_option: what sets how long a run may take, as ``--timeout``.
    """

    hosts: tuple[Host, ...]
    host_option: str
    time_option: str


def read_host(text: str) -> Host:
    """Read a host as it is typed: ``example.com`` (then the port is 80), ``example.com:8080`` or ``[::1]:80``.

    Raises:
        ValueError: the text is no host, or its port is not 1 to 65535.
    """
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::([0-9]+))?", text)
    port = int(match[3]) if match and match[3] else _HTTP_PORT
    if match is None or not 1 <= port <= 65535:
        raise ValueError(f"{text!r} is no host: write it as example.com or example.com:80")
    return Host(redirect.checked_name(match[1] or match[2]), port)


def hosts_in(source: str) -> list[Host]:
    """Find the public hosts that a program's string literals name.

    They are names of hosts, which are taken to be used with port 80 (a name that is none harms nobody: no connection
    goes there); addresses beside the number 80, as in ``("192.0.2.1", 80)``; and the hosts of ``http://`` URLs. Names
    and addresses of this machine are left out.

    Raises:
        SyntaxError: the source is no Python, top-level ``await`` allowed.
    """
    import ast

    tree = compile(source, "<source>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found: dict[Host, None] = {}
    for node in ast.walk(tree):
        children = (child.value if isinstance(child, ast.keyword) else child for child in ast.iter_child_nodes(node))
        literals = [child.value for child in children if isinstance(child, ast.Constant)]
        for literal in literals:
            if isinstance(literal, str):
                found.update(dict.fromkeys(_hosts_of(literal, beside_port=_HTTP_PORT in literals)))
    return list(found)


def stand_in_for(hosts: Iterable[Host], lab_port: int) -> None:
    """Lead what this process, and those forked from it, connect to the hosts to the lab server, from now on for good.

    Process pools then fork by default wherever that is possible, as other children would know nothing of it.
    """
    import multiprocessing

    for host in hosts:
        redirect.redirect_for_good(host.name, host.port, ("127.0.0.1", lab_port))
    default, *others = multiprocessing.get_all_start_methods()
    if default != "fork" and "fork" in others:
        multiprocessing.set_start_method("fork")


def _hosts_of(word: str, beside_port: bool) -> Iterator[Host]:
    for name, port in _URL.findall(word):
        host = Host(redirect.normal_name(name.strip("[]")), int(port or _HTTP_PORT))
        if 1 <= host.port <= 65535 and not redirect.is_local(host.name):
            yield host
    if not word or any(character.isspace() for character in word):
        return
    name = redirect.normal_name(word)
    if (_NAME.fullmatch(name) or (beside_port and redirect.is_address(name))) and not redirect.is_local(name):
        yield Host(name)
