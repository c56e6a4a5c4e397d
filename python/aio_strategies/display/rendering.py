"""Which way a chart is drawn: as a picture, as one that answers to the pointer, or on an axis of matplotlib's."""

from __future__ import annotations

from typing import Any

from .chart import Chart
from .scale import MILLISECONDS, TimeUnit

__all__ = ["render", "unit_for"]


def render(chart: Chart, *, interactive: bool = False, ax: Any = None) -> Any:
    """Draw the chart: as a ``Picture``, by altair, or on an axis of matplotlib's.

    Raises:
        ImportError: ``interactive``, and altair is not installed.
        ValueError: ``interactive``, and an axis of matplotlib's was given.
    """
    if interactive and ax is not None:
        raise ValueError("either interactive=True or ax=..., not both")
    if interactive:
        from .altair_renderer import render_altair

        return render_altair(chart)
    if ax is not None:
        from .matplotlib_renderer import render_matplotlib

        return render_matplotlib(chart, ax)
    from .svg_renderer import render_svg

    return render_svg(chart)


def unit_for(*, interactive: bool, ax: Any) -> TimeUnit | None:
    """Return the unit of times: always ms where programs go on with what was drawn; None for the one that suits."""
    return MILLISECONDS if interactive or ax is not None else None
