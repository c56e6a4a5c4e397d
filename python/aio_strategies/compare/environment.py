"""The machine and the builds that the times of a comparison belong to; nothing that names a host, a user or a path."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime

from .._native import build_info

__all__ = ["describe"]


def describe() -> dict[str, str | int]:
    """Describe this machine and the builds at work.

    Returns:
        ``cpu`` (the model), ``cores``, ``usable_cores`` (which this process may run on), ``os``, ``kernel``,
        ``machine`` (the architecture), ``python``, ``implementation``, ``package`` (the version of aio_strategies),
        ``build_profile`` (``"release"`` or ``"debug"``), ``rustc``, and ``date`` (UTC, ISO 8601).
    """
    cores = os.cpu_count() or 1
    build = build_info()
    return {
        "cpu": _cpu_model(),
        "cores": cores,
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores,
        "os": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "package": build["version"],
        "build_profile": build["profile"],
        "rustc": build["rustc"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as cpuinfo:
            for line in cpuinfo:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    except OSError:
        pass  # no Linux
    return platform.processor() or platform.machine()
