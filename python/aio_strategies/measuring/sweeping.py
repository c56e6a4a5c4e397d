"""Measuring over a parameter: the same comparison for each of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from ..comparison.comparison import Comparison
from ..comparison.sweep import Parameter, Scaling
from .comparing import compare

__all__ = ["scaling"]

_PARAMETERS = get_args(Parameter)


def scaling(
    parameter: Parameter,
    values: Sequence[float],
    strategies: Sequence[str] | None = None,
    languages: Sequence[str] = ("python", "rust"),
    *,
    budget: float = 60.0,
    **settings: Any,
) -> Scaling:
    """Make the same comparison for each value of a parameter.

    Args:
        parameter: ``"requests"``, ``"concurrency"`` or ``"latency"``.
        values: its values, at least one.
        strategies: as for ``compare``.
        languages: as for ``compare``.
        budget: seconds that all comparisons together may take; each has an equal share.
        settings: all other arguments of ``compare``.

    Returns:
        The comparisons; after Ctrl-C, those that were begun until then.

    Raises:
        ComparisonError: as for ``compare``.
        TypeError: as for ``compare``.
        ValueError: an argument is out of range or an unknown name.
    """
    if parameter not in _PARAMETERS:
        raise ValueError(f"parameter must be one of {', '.join(_PARAMETERS)}, not {parameter!r}")
    if not values:
        raise ValueError("values is empty: there is nothing to compare")
    if parameter in settings:
        raise TypeError(f"{parameter} is what is swept: give its values in `values` only")
    done: list[Comparison] = []
    for value in values:
        changed = {**settings, parameter: value}
        try:
            comparison = compare(strategies, languages, budget=budget / len(values), **changed)
        except KeyboardInterrupt:
            if not done:
                raise
            break
        done.append(comparison)
        if comparison.ended == "interrupted":
            break
    return Scaling(parameter, values[: len(done)], done)
