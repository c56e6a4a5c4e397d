"""Runs a strategy in its own process, with this build of the package or another one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence

_PROGRAM = """
import json, sys
import aio_strategies as aio

key, language, concurrency, urls = sys.argv[1:]
with open(urls, encoding="utf-8") as file:
    urls = file.read().split()

def peak_kib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))

aio.run(key, urls[:10], language=language)  # all is imported
before = peak_kib()
run = aio.run(key, urls, language=language, concurrency=int(concurrency), timeout=120)
print(json.dumps({"wall": run.wall, "cpu": run.cpu.user + run.cpu.system, "kib": peak_kib() - before,
                  "errors": len(run.errors)}))
"""


def one_run(
    key: str, language: str, urls: Sequence[str], concurrency: int, *, python: str = sys.executable
) -> dict[str, float]:
    """Return the costs of a run: its ``wall`` and ``cpu`` seconds, and by how many ``kib`` the process's VmHWM grew.

    Args:
        key: the strategy.
        language: the language of the strategy.
        urls: what to fetch.
        concurrency: how many exchanges may be in flight at once.
        python: the interpreter that has the build.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(urls))
        file.flush()
        command = [python, "-c", _PROGRAM, key, language, str(concurrency), file.name]
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    found: dict[str, float] = json.loads(output)
    if found["errors"]:
        sys.exit(f"{language}/{key}, concurrency {concurrency}: {found['errors']:g} errors")
    return found
