"""Values on their way to the native module, and back."""

from __future__ import annotations

from . import _native
from .results import Response
from .terms import Terms
from .trust import native_client

__all__ = ["response", "terms_tuple"]

_VERSIONS = ("HTTP/1.0", "HTTP/1.1")


def response(url: str, outcome: _native._Outcome) -> Response:
    """Return the response that the native module describes."""
    status, reason, version, headers, content, started, elapsed, error = outcome
    if error is not None:
        return Response(url, start=started, elapsed=elapsed, error=error)
    return Response(
        url,
        status_code=status,
        reason_phrase=reason,
        http_version=_VERSIONS[version],
        headers=headers,
        content=content,
        start=started,
        elapsed=elapsed,
    )


def terms_tuple(terms: Terms, is_secure: bool) -> _native._Terms:
    """Return the terms as the native module takes them."""
    client = native_client(terms.verify) if is_secure else None
    return terms.timeout, terms.connect_timeout, terms.options, client, terms.others_kept
