"""A long body takes few reads."""

from __future__ import annotations

import sys
from typing import Any

import aio_strategies as aio


def test_python_asks_for_more_once_a_read_was_full():
    """A bug once: a body of 1 MB took 62 reads of 16 KiB, and most of the CPU time went into those."""
    reads: list[str] = []

    def note(_frame: Any, event: str, function: Any) -> None:
        if event == "c_call" and function.__name__ == "recv":
            reads.append(event)

    with aio.LabServer(latency=0.05, body_size=1_000_000) as lab:
        sys.setprofile(note)
        try:
            [response] = aio.run("blocking", lab.urls(1), language="python").raise_for_errors()
        finally:
            sys.setprofile(None)
    assert len(response.content) == 1_000_000
    assert len(reads) < 40
