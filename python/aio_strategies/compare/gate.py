"""The gate before the timing: arms that do not do the same work are not compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..exceptions import ComparisonError
from ..results import Response, Run
from .plan import Arm

__all__ = ["pass_gate"]


def pass_gate(arms: Sequence[Arm], run: Callable[[Arm], Run]) -> None:
    """Run every arm once, untimed, which also warms it up, and hold its responses against the first arm's.

    Args:
        arms: the arms; the first one's responses are the measure.
        run: runs an arm.

    Raises:
        ComparisonError: an arm failed at a URL, or got another status or other content than the first arm.
    """
    expected: Run | None = None
    for arm in arms:
        responses = run(arm)
        for response in responses:
            if response.error is not None:
                raise ComparisonError(
                    str(arm), response.url, f"{type(response.error).__name__}: {response.error.message}"
                ) from response.error
        if expected is None:
            expected = responses
        for response, wanted in zip(responses, expected, strict=True):
            if difference := _difference(response, wanted):
                raise ComparisonError(str(arm), response.url, f"{difference} for {arms[0]}")


def _difference(response: Response, wanted: Response) -> str | None:
    """Say how a response differs from the wanted one, or return None."""
    if response.status_code != wanted.status_code:
        return f"status {response.status_code}, but {wanted.status_code}"
    if len(response.content) != len(wanted.content):
        return f"{len(response.content)} bytes of content, but {len(wanted.content)}"
    if response.content != wanted.content:
        return f"content of {len(response.content)} bytes that is not the same as"
    return None
