"""Which way a chart is drawn: as a picture, as one that answers to the pointer, or on an axis of matplotlib's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

__all__ = ["View", "drawn"]

View = Literal["dots", "waterfall", "in_flight", "scaling"]


def drawn(view: View, *values: Any, notes: Sequence[str] = (), interactive: bool = False, ax: Any = None) -> Any:
    """Draw a chart of the values that its functions take: of ``charts.py``, ``interactive.py`` or ``axes.py``.

    Raises:
        ImportError: ``interactive``, and altair is not installed.
        ValueError: ``interactive``, and an axis of matplotlib's was given.
    """
    if interactive and ax is not None:
        raise ValueError("either interactive=True or ax=..., not both")
    if interactive:
        from . import interactive as altair_charts

        return getattr(altair_charts, f"{view}_chart")(*values)
    if ax is not None:
        from . import axes

        return getattr(axes, f"{view}_on")(ax, *values)
    from . import charts

    return getattr(charts, f"{view}_picture")(*values, notes=notes)
