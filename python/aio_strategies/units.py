"""Quantities as they are typed, ``20ms`` and ``64KiB``, and as they are shown: everywhere with the same digits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

__all__ = ["byte_count", "figure", "percent", "seconds", "size_text", "with_interval"]

_SECONDS = {"": 1.0, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
#: The longest duration without a unit: whoever writes 20 may mean milliseconds.
_LONGEST_BARE = 5.0
_BYTES = {"": 1, "B": 1, "kB": 1000, "KB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2, "GB": 1000**3}


def seconds(text: str) -> float:
    """Read a duration: a number with its unit, ``us``, ``ms``, ``s`` or ``m`` (minutes); up to 5 s, it needs none.

    Raises:
        ValueError: the text is not a duration, or needs a unit.
    """
    duration = _read(text, _SECONDS)
    if duration is None:
        raise ValueError(f"{text!r} is not a duration: write it as 20ms, 500us, 1.5s, 1m or, in seconds, 0.02")
    if duration > _LONGEST_BARE and text.strip()[-1] in "0123456789.":
        raise ValueError(f"{text!r} needs a unit: write {text.strip()}ms or {text.strip()}s")
    return duration


def byte_count(text: str) -> int:
    """Read a number of bytes, such as ``1500``, ``64KiB`` (65,536) or ``10MB`` (10,000,000).

    Raises:
        ValueError: the text is not a whole number of bytes.
    """
    count = _read(text, _BYTES)
    if count is None or not count.is_integer():
        raise ValueError(f"{text!r} is not a number of bytes: write it as 1500, 64KiB or 10MB")
    return int(count)


def size_text(count: float) -> str:
    """Return a number of bytes as it is shown: ``64 KiB``, ``1.5 MB``, ``100 B``."""
    for unit in ("MiB", "KiB"):
        if count and count % _BYTES[unit] == 0:
            return f"{count / _BYTES[unit]:g} {unit}"
    unit = "GB" if count >= 10**9 else "MB" if count >= 10**6 else "kB" if count >= 10**4 else "B"
    return f"{count / _BYTES[unit]:,g} {unit}"


#: In an interval as wide as this, decimals would only be noise.
_WIDE = 10


def figure(value: float) -> str:
    """Return a measured number with one decimal; with two if it is small."""
    return f"{value:,.1f}" if value >= 10 else f"{value:.2f}"


def with_interval(value: float, low: float, high: float) -> str:
    """Return a measured number with its interval, ``20.8 [20.3, 21.3]``; where that is wide, ``105 [60, 160]``.

    Without a finite interval, it is the number alone.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return figure(value)
    show = "{:,.0f}".format if high - low >= _WIDE else "{:,.1f}".format if value >= 10 else "{:.2f}".format
    return f"{show(value)} [{show(low)}, {show(high)}]"


def percent(share: float, decimals: int = 0) -> str:
    """Return a share as it is shown: ``30 %`` for 0.3."""
    return f"{100 * share:.{decimals}f} %"


def _read(text: str, units: Mapping[str, float]) -> float | None:
    match = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+) ?(\D*)", text.strip())
    if match is None or match[2] not in units:
        return None
    return float(match[1]) * units[match[2]]
