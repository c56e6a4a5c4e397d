"""Sweeps a parameter: the same comparison for each of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from ..checks import check_budget, check_choice, check_progress
from ..comparison.comparison import Comparison
from ..comparison.sweep import Parameter, Scaling
from ..display.progress import Show
from .comparing import carry_out, compare
from .plan import make_plan

__all__ = ["scaling"]


def scaling(
    parameter: Parameter,
    values: Sequence[float],
    strategies: str | Sequence[str] | None = None,
    languages: str | Sequence[str] = ("python", "rust"),
    *,
    budget: float = 60.0,
    progress: bool | Show | None = None,
    **settings: Any,
) -> Scaling:
    """Repeat a comparison for each value of a parameter.

    Args:
        parameter: ``"requests"``, ``"concurrency"`` or ``"latency"``.
        values: its values, at least one.
        strategies: as for ``compare``.
        languages: as for ``compare``.
        budget: the limit on all comparisons together, in seconds; each gets an equal share.
        progress: as for ``compare``.
        settings: any other arguments of ``compare``; no ``lab=`` if the latency is swept, no ``urls=`` unless the
            concurrency is, and no ``site=`` if the requests are.

    Returns:
        The comparisons; after Ctrl-C, those that have timed runs.

    Raises:
        ComparisonError: as for ``compare``.
        TypeError: as for ``compare``.
        ValueError: as for ``compare``, or the given ``lab`` or ``urls`` already fix the parameter.

    The arguments of all comparisons are checked before the first one begins.
    """
    check_choice("parameter", parameter, get_args(Parameter))
    values = tuple(values)
    if not values:
        raise ValueError("values is empty; at least one value is needed")
    if unknown := settings.keys() - (compare.__kwdefaults__ or {}).keys():
        raise TypeError(f"scaling() got an unexpected keyword argument {min(unknown)!r}")
    if parameter in settings:
        raise TypeError(f"{parameter} is the swept parameter: give its values only in `values`")
    if parameter == "latency" and settings.get("lab") is not None:
        raise ValueError(
            "latency cannot be swept with lab=: a running server keeps the latency that it was started with"
        )
    if parameter != "concurrency" and settings.get("urls") is not None:
        raise ValueError(
            f"{parameter} cannot be swept with urls=: all URLs are always fetched, from servers as they are"
        )
    if parameter == "requests" and settings.get("site") is not None:
        raise ValueError("requests cannot be swept with site=: a crawl makes as many as its site has pages")
    if None in values:
        raise TypeError(f"values must be numbers, not {values}")
    check_progress(progress)
    share = check_budget(budget) / len(values)
    # all of them first, so that a wrong value is reported before anything is timed
    plans = [make_plan(strategies, languages, budget=share, **{**settings, parameter: value}) for value in values]
    done: list[Comparison] = []
    for plan in plans:
        try:
            comparison = carry_out(plan, progress)
        except KeyboardInterrupt:
            if not done:
                raise
            break
        done.append(comparison)
        if comparison.ended == "interrupted":
            break
    # the checked values: plain numbers, even if those given came from a library such as numpy
    return Scaling(parameter, [getattr(comparison.settings, parameter) for comparison in done], done)
