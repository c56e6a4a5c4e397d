"""Ctrl-C ends each implementation at once, and leaves nothing behind; neither does the end of the caller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from killed_caller import PROGRAMS, Caller

pytestmark = [pytest.mark.slow, pytest.mark.alone]

INTERRUPTED = Path(__file__).parent.parent / "benchmarks" / "interrupted_call.py"
LIMITS = {"rust": 0.2, "python": 1.0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="its server is forked")
def test_ctrl_c(way):
    """While resolving, connecting, shaking hands, before the first byte, in a drip, in a stream, before one is due."""
    for _ in range(3):  # one try may meet a busy machine; three do not, unless a signal is really heard late
        command = [sys.executable, str(INTERRUPTED), way.key, way.language]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert (done.returncode, done.stderr) == (0, "")
        seen = json.loads(done.stdout)
        assert len(seen) == 7
        for situation, found in seen.items():
            assert found["outcome"] == "KeyboardInterrupt", situation
            assert not found["left behind"], situation
        late = {name: found["seconds"] for name, found in seen.items() if found["seconds"] >= LIMITS[way.language]}
        if not late:
            break
    assert not late


UNCAUGHT = """
import os, signal, sys, threading, time
import aio_strategies as aio

signal.signal(signal.SIGINT, signal.default_int_handler)
key, language = sys.argv[1:]
with aio.LabServer(latency=20) as lab:
    def interrupt():
        while lab.stats().in_flight < (1 if key in ("blocking", "nonblocking") else 5):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    aio.run(key, lab.urls(20), language=language, concurrency=5)
"""


def test_one_that_is_not_caught_prints_its_own_traceback_only(way):
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", UNCAUGHT, way.key, way.language]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == -2
    assert done.stderr.startswith("Traceback (most recent call last):\n"), done.stderr
    assert done.stderr.endswith("\nKeyboardInterrupt\n"), done.stderr
    assert "Exception ignored" not in done.stderr
    assert "Warning" not in done.stderr


IN_A_RUNNING_LOOP = """
import asyncio, os, signal, sys, threading, time
import psutil
import aio_strategies as aio

# Not by asyncio.run, which keeps the first Ctrl-C for itself; a notebook's kernel does not.
signal.signal(signal.SIGINT, signal.default_int_handler)
loop = asyncio.new_event_loop()

async def main(lab):
    aio.run("asyncio", lab.urls(20), language=sys.argv[1], concurrency=5)

with aio.LabServer(latency=20) as lab:
    def interrupt():
        while lab.stats().in_flight < 5:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Thread(target=interrupt)
    timer.start()
    try:
        loop.run_until_complete(main(lab))
    except KeyboardInterrupt:
        print("interrupted")
    timer.join()

    def left():
        names = [thread.name for thread in threading.enumerate()]
        return names[1:], [c for c in psutil.Process().net_connections(kind="tcp") if c.raddr]

    deadline = time.monotonic() + 5
    while any(left()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left() == ([], []), left()
loop.close()
"""


@pytest.mark.parametrize("language", ["python", "rust"])
def test_a_call_beside_a_running_loop_ends_too(language):
    command = [sys.executable, "-c", IN_A_RUNNING_LOOP, language]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


AWAITED = """
import asyncio, os, signal, sys, threading, time
import aio_strategies as aio

signal.signal(signal.SIGINT, signal.default_int_handler)
key, language = sys.argv[1:]
with aio.LabServer(latency=20) as lab:
    sent = 0.0

    def interrupt():
        global sent
        while lab.stats().in_flight < 5:
            time.sleep(0.01)
        sent = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    try:
        asyncio.run(aio.arun(key, lab.urls(20), language=language, concurrency=5))
    except KeyboardInterrupt:
        print(time.monotonic() - sent)
"""


@pytest.mark.parametrize("key", ["process", "thread", "callback"])
def test_pythons_threads_beside_a_loop_end_at_once(key):
    command = [sys.executable, "-c", AWAITED, key, "python"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) < 2


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_outlives_a_killed_caller(program):
    """No worker of ``process``, native or Python's, however multiprocessing starts them; no lab, no arm of compare."""
    caller = Caller(program)
    caller.wait_until_at_work()
    _, left = caller.kill()
    assert left == []


def test_a_killed_worker_costs_one_url():
    program = """
import threading, time
import psutil
import aio_strategies as aio
with aio.LabServer(latency=0.5) as lab:
    def kill():
        while lab.stats().in_flight < 3: time.sleep(0.01)
        next(child for child in psutil.Process().children() if child.pid != lab.pid).kill()
    killer = threading.Thread(target=kill); killer.start()
    run = aio.rust.process_way(lab.urls(9), concurrency=3)
    killer.join()
    [error] = run.errors
    assert type(error) is aio.InternalError, error
    assert "worker process died" in str(error), error
    assert sum(r.status_code == 200 for r in run) == 8
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_killed_worker_breaks_pythons_pool_and_no_more():
    """ProcessPoolExecutor gives up as a whole; what was fetched before stays, and nothing is raised."""
    program = """
import threading, time
import psutil
import aio_strategies as aio
with aio.LabServer(latency=0.5) as lab:
    def kill():
        while lab.stats().served < 3 or lab.stats().in_flight < 3: time.sleep(0.01)
        next(child for child in psutil.Process().children() if child.pid != lab.pid).kill()
    killer = threading.Thread(target=kill); killer.start()
    run = aio.python.process_way(lab.urls(9), concurrency=3)
    killer.join()
    assert sum(r.status_code == 200 for r in run) >= 3
    assert {type(error) for error in run.errors} == {aio.InternalError}, run.errors
    assert "worker process died" in str(run.errors[0])
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_broken_pool_of_pythons_is_told_by_those_that_come_later():
    program = """
import threading, time
import psutil
import aio_strategies as aio
with aio.LabServer(latency=0) as lab:
    def kill():
        while lab.stats().served < 2: time.sleep(0.01)
        next(child for child in psutil.Process().children() if child.pid != lab.pid).kill()
    killer = threading.Thread(target=kill); killer.start()
    run = aio.python.process_way(lab.urls(5), concurrency=1, rate=2)
    killer.join()
    assert sum(r.status_code == 200 for r in run) >= 2
    assert {type(error) for error in run.errors} == {aio.InternalError}, run.errors
    assert [r.start for r in run if r.error] == [0.0] * len(run.errors)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
