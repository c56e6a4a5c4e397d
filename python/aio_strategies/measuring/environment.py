"""Describes the machine and the builds that a comparison was measured on, without naming a host, a user or a path."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from typing import Any

from .._native import build_info

__all__ = ["describe", "main"]


def describe() -> dict[str, str | int]:
    """Describe this machine and the builds in use.

    Returns:
        ``cpu`` (the model), ``cores``, ``usable_cores`` (which this process may run on), ``os``, ``kernel``,
        ``machine`` (the architecture), ``python``, ``implementation``, ``gil`` (``"enabled"`` or ``"disabled"``),
        ``free_threaded`` (whether this build of Python can do without it), ``start_method`` (of multiprocessing) and
        ``default_start_method``, ``event_loop`` (the class that asyncio uses, and its version unless it is Python's
        own), ``package`` (the version of aio_strategies), ``build_profile`` (``"release"`` or ``"debug"``), ``rustc``,
        ``date`` (UTC, ISO 8601), and, where the system has them, ``governor`` (of the CPU frequency) and, by name, the
        kernel settings that affect connections.
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
        **_of_a_worker(),
        "package": build["version"],
        "build_profile": build["profile"],
        "rustc": build["rustc"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: value for name, path in _FILES.items() if (value := _read(path)) is not None},
    }


@cache
def _of_a_worker() -> dict[str, Any]:
    """Return what a worker's interpreter does by itself: it inherits none of the settings that the caller made."""
    program = (
        "import json, sys; sys.path[:] = json.loads(sys.argv.pop());"
        " from aio_strategies.measuring.environment import main; main()"
    )
    command = [sys.executable, "-c", program, json.dumps(sys.path)]
    try:
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=True)
        return dict(json.loads(answer.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}


def main() -> None:
    """Print, as JSON, what this interpreter does by itself."""
    import asyncio
    import multiprocessing
    import sysconfig

    loop = asyncio.new_event_loop()
    loop.close()
    print(
        json.dumps(
            {
                "gil": "enabled" if getattr(sys, "_is_gil_enabled", lambda: True)() else "disabled",
                "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
                "start_method": multiprocessing.get_start_method(),
                "default_start_method": multiprocessing.get_all_start_methods()[0],
                "event_loop": _class_and_version(type(loop)),
            }
        )
    )


def _class_and_version(kind: type) -> str:
    from importlib import metadata

    package = kind.__module__.partition(".")[0]
    name = f"{package}.{kind.__qualname__}"
    try:
        return f"{name} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return name


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
