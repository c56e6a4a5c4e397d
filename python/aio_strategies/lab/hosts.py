"""Public hosts that a lab server stands in for: parses them, finds them in a program's source, and redirects them."""

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
    """A host: its normalized name (or address), and a port."""

    name: str
    port: int = _HTTP_PORT

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Bounds(NamedTuple):
    """The limits on a program that names its own pages, and how its author can change them.

    Attributes:
        hosts: the hosts that the lab stands in for; Python code is refused all others.
        host_option: the option that adds a host, such as ``--host``.
        time_option: the option that limits the time of a run, such as ``--timeout``.
    """

    hosts: tuple[Host, ...]
    host_option: str
    time_option: str


def read_host(text: str) -> Host:
    """Parse a host: ``example.com`` (the port is then 80), ``example.com:8080`` or ``[::1]:80``.

    Raises:
        ValueError: the text is not a host, or its port is not 1 to 65535.
    """
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::([0-9]+))?", text)
    port = int(match[3]) if match and match[3] else _HTTP_PORT
    if match is None or not 1 <= port <= 65535:
        raise ValueError(
            f"{text!r} is not a host: write it as example.com or example.com:80, with a port of 1 to 65535"
        )
    return Host(redirect.checked_name(match[1] or match[2]), port)


def hosts_in(source: str | bytes) -> list[Host]:
    """Find the public hosts that a program's string literals name.

    These are host names, assumed to be used with port 80 (a string that only looks like one does no harm: nothing
    connects to it); addresses next to the number 80, as in ``("192.0.2.1", 80)``; and the hosts of ``http://`` URLs.
    Names and addresses of this machine are left out.

    Raises:
        SyntaxError: the source is not valid Python (top-level ``await`` is allowed).
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
    """Redirect connections to the hosts to the lab server, permanently, in this process and those forked from it."""
    redirect.redirect_for_good(hosts, ("127.0.0.1", lab_port))


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
