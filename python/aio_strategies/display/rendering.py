"""Chooses how to draw a chart: as a picture, as an interactive chart, or on matplotlib axes."""

from __future__ import annotations

from typing import Any

from .marks import Chart
from .scale import MILLISECONDS, TimeUnit

__all__ = ["render", "unit_for"]


def render(chart: Chart, *, interactive: bool = False, ax: Any = None) -> Any:
    """Draw the chart: as a ``Picture``, with altair, or on matplotlib axes.

    Raises:
        ImportError: ``interactive`` is set, and altair is not installed.
        ValueError: both ``interactive`` and ``ax`` were given.
    """
    if interactive and ax is not None:
        raise ValueError("give interactive=True or ax=..., not both")
    if interactive:
        from .altair_renderer import render_altair

        return render_altair(chart)
    if ax is not None:
        from .matplotlib_renderer import render_matplotlib

        return render_matplotlib(chart, ax)
    from .svg_renderer import render_svg

    return render_svg(chart)


def unit_for(*, interactive: bool, ax: Any) -> TimeUnit | None:
    """Return the unit of times: always ms if a program may process the chart further; None for a suitable one."""
    return MILLISECONDS if interactive or ax is not None else None
