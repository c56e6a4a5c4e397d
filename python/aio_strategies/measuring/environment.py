"""Describes the machine and the builds that a comparison was measured on, without naming a host, a user or a path."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime

from .._native import build_info

__all__ = ["describe"]


def describe() -> dict[str, str | int]:
    """Describe this machine and the builds in use.

    Returns:
        ``cpu`` (the model), ``cores``, ``usable_cores`` (which this process may run on), ``os``, ``kernel``,
        ``machine`` (the architecture), ``python``, ``implementation``, ``package`` (the version of aio_strategies),
        ``build_profile`` (``"release"`` or ``"debug"``), ``rustc``, ``date`` (UTC, ISO 8601), and, where the system has
        them, ``governor`` (of the CPU frequency) and, by name, the kernel settings that affect connections.
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
        **{name: value for name, path in _FILES.items() if (value := _read(path)) is not None},
    }


_FILES = {
    "governor": "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    **{
        name: f"/proc/sys/{name.replace('.', '/')}"
        for name in (
            "net.core.somaxconn",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_max_syn_backlog",
            "net.ipv4.tcp_tw_reuse",
        )
    },
}


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            return " ".join(file.read().split())
    except (OSError, ValueError):
        return None


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as cpuinfo:
            for line in cpuinfo:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()
