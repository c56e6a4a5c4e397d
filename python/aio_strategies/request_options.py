"""What a caller may ask of every exchange of a call, besides its URLs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar

from .checks import (
    check_choice,
    check_connect_timeout,
    check_count,
    check_flag,
    check_headers,
    check_timeout,
    check_verify,
)
from .terms import DEFAULT_OPTIONS, Options, Terms
from .trust import native_client

if TYPE_CHECKING:
    from .results import Run

__all__ = [
    "OPTIONS",
    "Asked",
    "RequestOptions",
    "checked",
    "for_another_origin",
    "of_a_strategy",
    "of_run",
    "shown_as",
]

Function = TypeVar("Function", bound=Callable[..., Any])

METHODS = ("GET", "HEAD")

_OF_ONE_ORIGIN = {"authorization", "cookie", "host", "proxy-authorization"}


class RequestOptions(TypedDict, total=False):
    """The keyword arguments that all strategies take; see ``OPTIONS``."""

    connect_timeout: float | None
    method: str
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None
    follow_redirects: bool
    max_redirects: int
    verify: bool | str | os.PathLike[str]
    keep_alive: bool
    max_header_bytes: int
    max_headers: int
    max_body_bytes: int


# The signatures that help and completion show, with the options by name; a test holds the two together. (The module
# `inspect` could put them together, but takes as long to import as all the rest.)


def of_a_strategy(
    urls: Iterable[str],
    *,
    concurrency: int = 10,
    timeout: float = 30.0,
    rate: float | None = None,
    connect_timeout: float | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    follow_redirects: bool = False,
    max_redirects: int = 20,
    verify: bool | str | os.PathLike[str] = True,
    keep_alive: bool = False,
    max_header_bytes: int = DEFAULT_OPTIONS.max_header_bytes,
    max_headers: int = DEFAULT_OPTIONS.max_headers,
    max_body_bytes: int = DEFAULT_OPTIONS.max_body_bytes,
) -> Run:
    """The signature of a strategy's function."""
    raise NotImplementedError


def of_run(
    strategy: str,
    urls: Iterable[str],
    *,
    language: str = "rust",
    concurrency: int = 10,
    timeout: float = 30.0,
    rate: float | None = None,
    connect_timeout: float | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    follow_redirects: bool = False,
    max_redirects: int = 20,
    verify: bool | str | os.PathLike[str] = True,
    keep_alive: bool = False,
    max_header_bytes: int = DEFAULT_OPTIONS.max_header_bytes,
    max_headers: int = DEFAULT_OPTIONS.max_headers,
    max_body_bytes: int = DEFAULT_OPTIONS.max_body_bytes,
) -> Run:
    """The signature of ``run`` and ``arun``."""
    raise NotImplementedError


_DEFAULTS = {name: (of_a_strategy.__kwdefaults__ or {})[name] for name in RequestOptions.__annotations__}

OPTIONS = """connect_timeout: the limit on connecting in seconds, TLS handshake included; None for ``timeout`` alone.
        method: ``"GET"`` or ``"HEAD"``.
        headers: header fields to send, as a mapping or as pairs. They replace ours of the same name (``User-Agent``,
            ``Accept``). ``Authorization``, ``Cookie``, ``Proxy-Authorization`` and ``Host`` are not sent on to another
            origin (scheme, host and port) that a redirect leads to.
        follow_redirects: whether to go where a reply with status 301, 302, 303, 307 or 308 leads. The replies on the
            way are in ``Response.history``, without their bodies. Each has the whole ``timeout``. A call fetches all
            its URLs before it follows the first redirect; a stream follows each at once.
        max_redirects: how many redirects may follow one another; with 0, and ``follow_redirects``, any is an error.
        verify: whom to trust over ``https``: True, those whom the system trusts (``SSL_CERT_FILE`` and ``SSL_CERT_DIR``
            replace them); the path of a file of PEM certificates, or of a folder as ``openssl rehash`` makes it; or
            False, anybody, which a RuntimeWarning points out.
        keep_alive: whether each of the ``concurrency`` exchanges in flight leaves its connection open for the next one
            to the same host (HTTP's persistent connections), and keeps those to the last eight other hosts. If the
            server has closed it meanwhile, the next exchange opens another. False: a connection for each exchange.
        max_header_bytes: the most bytes of status line and header fields, and of a chunked body's trailers.
        max_headers: the most header fields.
        max_body_bytes: the most bytes of a body, before and after it is decoded."""


class Asked(NamedTuple):
    """The options, checked.

    Attributes:
        terms: what each exchange needs to know.
        max_redirects: how many redirects to follow, one after another; None if none is followed.
    """

    terms: Terms
    max_redirects: int | None


def checked(
    timeout: float, options: RequestOptions, others: Iterable[str] = ("concurrency", "timeout", "rate")
) -> Asked:
    """Check the timeout and the options.

    Args:
        timeout: the timeout.
        options: the options.
        others: the names of what the caller takes besides, for the message about an unknown one.

    Raises:
        TypeError: an argument is of the wrong type, or unknown.
        ValueError: an argument is out of range, or ``verify`` has no certificate.
    """
    timeout = check_timeout(timeout)
    if not options:
        return Asked(Terms(timeout), None)
    for name in options:
        if name not in _DEFAULTS:
            raise TypeError(f"there is no argument {name!r}; allowed: {', '.join((*others, *_DEFAULTS))}")
    given: dict[str, Any] = {**_DEFAULTS, **options}
    verify = check_verify(given["verify"])
    if isinstance(verify, str):
        native_client(verify)  # raises if there is no certificate, for both languages: OpenSSL does not for a folder
    if verify is False:
        warnings.warn(
            "verify=False: anybody can answer in the place of an https server, and read what is sent to it",
            RuntimeWarning,
            stacklevel=4,
        )
    follow = check_flag("follow_redirects", given["follow_redirects"])
    request = Options(
        check_choice("method", given["method"], METHODS),
        check_headers(given["headers"]),
        check_count("max_header_bytes", given["max_header_bytes"]),
        check_count("max_headers", given["max_headers"]),
        check_count("max_body_bytes", given["max_body_bytes"]),
        check_flag("keep_alive", given["keep_alive"]),
        follow,
    )
    redirects = check_count("max_redirects", given["max_redirects"], least=0)
    terms = Terms(timeout, check_connect_timeout(given["connect_timeout"]), request, verify)
    return Asked(terms, redirects if follow else None)


def for_another_origin(terms: Terms) -> Terms:
    """Return the terms without the header fields that are meant for the caller's origin only: secrets, and its name."""
    headers = tuple(field for field in terms.options.headers if field[0].lower() not in _OF_ONE_ORIGIN)
    return terms._replace(options=terms.options._replace(headers=headers))


def shown_as(signature: Callable[..., Any]) -> Callable[[Function], Function]:
    """Show a function with this signature, and explain the options in its docstring where that has ``{options}``."""

    def show(function: Function) -> Function:
        vars(function)["__wrapped__"] = signature
        function.__doc__ = (function.__doc__ or "").replace("{options}", OPTIONS)
        return function

    return show
