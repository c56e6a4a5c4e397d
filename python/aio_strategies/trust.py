"""Whom to trust over TLS. The certificates are read before a call's clock starts, and kept for later calls."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from . import _native

if TYPE_CHECKING:
    import ssl

__all__ = ["native_client", "ssl_context"]


def ssl_context(verify: bool | str) -> ssl.SSLContext:
    """Return the context of Python's connections.

    Args:
        verify: True, to trust whom the system trusts; the path of a file or a folder with the certificates of other
            authorities; or False, to trust anybody.

    Raises:
        ValueError: the file has no certificate. (OpenSSL looks into a folder only when it needs a certificate.)
    """
    return _ssl_context(verify, _version(verify))


def native_client(verify: bool | str) -> _native.TlsClient:
    """Return what Rust's connections have in common; see ``ssl_context``.

    Raises:
        ValueError: there are no such certificates.
    """
    return _native_client(verify, _version(verify))


def _version(verify: bool | str) -> int:
    return os.stat(verify).st_mtime_ns if isinstance(verify, str) else 0


@cache
def _native_client(verify: bool | str, version: int) -> _native.TlsClient:
    return _native.TlsClient(verify)


@cache
def _ssl_context(verify: bool | str, version: int) -> ssl.SSLContext:
    import ssl  # here, since it takes long to import

    if not isinstance(verify, str):
        context = ssl.create_default_context()
    elif os.path.isdir(verify):
        context = ssl.create_default_context(capath=verify)
    else:
        try:
            context = ssl.create_default_context(cafile=verify)
        except ssl.SSLError as error:
            raise ValueError(f"{verify} has no certificate of an authority to trust") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
