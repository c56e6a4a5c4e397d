"""Ctrl-C ends each of the sixteen, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.alone]

PROGRAM = """
import gc, json, os, signal, sys, threading, time
import psutil
import aio_strategies as aio

key, language, latency, rate = sys.argv[1], sys.argv[2], float(sys.argv[3]), json.loads(sys.argv[4])
here = psutil.Process()

def state():
    gc.collect()
    return [here.num_fds(), here.num_threads(), len(here.children())]

with aio.LabServer(latency=0) as lab:  # all is imported
    aio.run(key, lab.urls(1), language=language)

with aio.LabServer(latency=latency) as lab:
    time.sleep(0.1)
    before = state()
    sent = 0.0

    def interrupt():
        global sent
        if rate is None:  # the moment when all that may be in flight is in flight
            while lab.stats().in_flight < (1 if key in ("blocking", "nonblocking") else 5):
                time.sleep(0.01)
        else:  # the moment when all wait, since the first is served
            while lab.stats().served < 1:
                time.sleep(0.01)
        time.sleep(0.1)
        sent = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Thread(target=interrupt)
    timer.start()
    try:
        aio.run(key, lab.urls(20), language=language, concurrency=5, timeout=30, rate=rate)
        outcome = "finished"
    except KeyboardInterrupt:
        outcome = "KeyboardInterrupt"
    took = time.monotonic() - sent
    timer.join()
    deadline = time.monotonic() + 5
    while state() != before and time.monotonic() < deadline:
        time.sleep(0.02)
    print(json.dumps({"outcome": outcome, "took": took, "before": before, "after": state()}))
"""


def test_ctrl_c(way):
    # Python's pools wait for what has begun; the lab's latency bounds that.
    assert shortest(way, latency=1) < (0.2 if way.language == "rust" else 20)


def test_ctrl_c_while_waiting_for_a_due_time(way):
    assert shortest(way, latency=0, rate=1e-6) < (0.2 if way.language == "rust" else 20)


def shortest(way, **settings) -> float:
    """One try may meet a busy machine; three do not, unless a signal is really heard late."""
    took = interrupted(way, **settings)
    for _ in range(2):
        if way.language == "rust" and took >= 0.2:
            took = min(took, interrupted(way, **settings))
    return took


def interrupted(way, latency: float, rate: float | None = None) -> float:
    """Interrupt a call, see that nothing is left of it, and return the seconds that its end took."""
    arguments = [sys.executable, "-c", PROGRAM, way.key, way.language, str(latency), json.dumps(rate)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["outcome"] == "KeyboardInterrupt"
    assert seen["after"] == seen["before"]
    assert "Traceback" not in done.stderr
    return seen["took"]


def test_workers_end_with_a_killed_parent():
    program = """
import aio_strategies as aio
with aio.LabServer(latency=30) as lab:
    print("ready", flush=True)
    aio.rust.process_way(lab.urls(5), concurrency=5)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "ready\n"
        here = psutil.Process(parent.pid)
        deadline = time.monotonic() + 10
        while len(here.children()) < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        children = here.children()
        assert len(children) == 6  # the lab and five workers
        parent.kill()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


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
