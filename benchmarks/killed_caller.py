"""A program that is killed, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable

import psutil

#: What a killed caller may have been doing.
PROGRAMS = {
    **{
        f"{language}/process, {method}": f"""
import multiprocessing
import aio_strategies as aio
if {method!r} != "native":
    multiprocessing.set_start_method({method!r})
with aio.LabServer(latency=30) as lab:
    aio.{language}.process_way(lab.urls(20), concurrency=5)
"""
        for language, method in [("rust", "native"), ("python", "fork"), ("python", "spawn"), ("python", "forkserver")]
    },
    "compare": """
import aio_strategies as aio
aio.compare(["process"], requests=5, concurrency=5, latency=0.7, progress=False, budget=100)
""",
    "lab": """
import time
import aio_strategies as aio
with aio.LabServer() as lab:
    time.sleep(60)
""",
    "https lab": """
import time
import aio_strategies as aio
with aio.LabServer(https=True) as lab:
    time.sleep(60)
""",
}


class Caller:
    """A program in a process of its own. The processes that it starts are known by a mark in their environment.

    Args:
        name: one of ``PROGRAMS``.
        python: the interpreter.
    """

    def __init__(self, name: str, python: str = sys.executable) -> None:
        self.name = name
        self.mark = uuid.uuid4().hex
        environment = os.environ | {"AIO_STRATEGIES_TEST": self.mark}
        self.process = subprocess.Popen([python, "-c", PROGRAMS[name]], env=environment)

    def family(self) -> list[psutil.Process]:
        """Return it and all that it has started, whoever is their parent now."""
        mark = {"AIO_STRATEGIES_TEST": self.mark}
        every = psutil.process_iter(["environ", "cmdline"])
        return [process for process in every if mark.items() <= (process.info["environ"] or {}).items()]

    def is_at_work(self) -> bool:
        """Tell whether all the processes that it starts are there."""
        family = self.family()
        if self.name == "compare":
            # two arms and the twin of one, and the pool of the one in Python, which is forked from it
            workers = sum("measuring.worker" in " ".join(process.info["cmdline"] or ()) for process in family)
            return workers >= 3 + 5
        return len(family) >= (2 if "lab" in self.name else 7)  # itself, the lab, and five workers

    def wait_until_at_work(self) -> None:
        self._wait_until(self.is_at_work, 30)
        assert self.is_at_work(), self.family()
        time.sleep(0.2)

    def kill(self, patience: float = 5) -> tuple[float, list[psutil.Process]]:
        """Kill it; return the seconds until all was gone, and those that are left after ``patience`` seconds."""
        killed = time.monotonic()
        self.process.kill()
        self.process.wait()
        self._wait_until(lambda: not self.family(), patience)
        seconds = time.monotonic() - killed
        left = self.family()
        for process in left:
            process.kill()
        return seconds, left

    @staticmethod
    def _wait_until(condition: Callable[[], bool], patience: float) -> None:
        deadline = time.monotonic() + patience
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
