"""A process may fork and may end, whatever calls are under way in it; and an interpreter may make many calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

FORKS = """
import os, signal, sys, threading, time
import aio_strategies as aio

language, children = sys.argv[1], int(sys.argv[2])
KEYS = ("asyncio", "thread", "process", "callback")

def fetch(lab_urls):
    for key in KEYS:
        aio.run(key, lab_urls, language=language, concurrency=3).raise_for_errors()

with aio.LabServer(latency=0.001) as lab:
    urls = lab.urls(3)
    fetch(urls)
    # ... and while another thread uses them
    done = threading.Event()
    def busy():
        while not done.is_set():
            fetch(urls)
    if language == "rust":  # Python's own pools do not take a fork in the middle of their work
        thread = threading.Thread(target=busy)
        thread.start()
    good = 0
    for _ in range(children):
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # ends one that hangs
            try:
                fetch(urls)
                os._exit(0)
            finally:
                os._exit(1)
        good += os.waitpid(child, 0)[1] == 0
    done.set()
    if language == "rust":
        thread.join()
print(good)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("language", ["python", "rust"])
def test_forked_children_fetch(language):
    forks(language, children=20)


def forks(language: str, children: int) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, language, str(children)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{children}\n", "")


POOL = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import aio_strategies as aio

def fetch(language, key, urls):
    return [response.status_code for response in aio.run(key, urls, language=language, concurrency=3)]

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with aio.LabServer(latency=0.001) as lab, ProcessPoolExecutor(2, mp_context=context) as pool:
        urls = lab.urls(3)
        fetch("rust", "thread", urls)
        keys = ("asyncio", "thread", "process", "callback")
        futures = [pool.submit(fetch, language, key, urls) for language in ("python", "rust") for key in keys]
        assert [future.result() for future in futures] == [[200] * 3] * 8
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_in_the_workers_of_a_process_pool(method, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(POOL, encoding="utf-8")
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(program), method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


EXITS = """
import asyncio, sys, threading, time
import aio_strategies as aio

how, language = sys.argv[1:]
lab = aio.LabServer(latency=30)  # closed when the interpreter exits, which ends the calls that are under way then

def wait_for(exchanges):
    while lab.stats().in_flight < exchanges:
        time.sleep(0.01)

async def main():
    calls = [("callback", 90), ("asyncio", 90), ("thread", 20)]
    tasks = [
        asyncio.create_task(aio.arun(key, lab.urls(count), language=language, concurrency=count))
        for key, count in calls
    ]
    await asyncio.to_thread(wait_for, 200)
    if how == "exit":
        sys.exit(3)

if how == "daemon":
    # A thread or process pool of Python's makes its interpreter wait for it.
    keys = ("callback", "generator") if language == "python" else ("callback", "asyncio", "thread", "process")
    for key in keys:
        def call(key=key):
            aio.run(key, lab.urls(200 // len(keys)), language=language, concurrency=200)
        threading.Thread(target=call, daemon=True).start()
    wait_for(200)
else:
    asyncio.run(main())
"""


def exits(how: str, language: str, times: int) -> None:
    for _ in range(times):
        command = [sys.executable, "-c", EXITS, how, language]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (3 if how == "exit" else 0, "", "")


@pytest.mark.parametrize("language", ["python", "rust"])
@pytest.mark.parametrize("how", ["return", "exit", "daemon"])
def test_an_exit_while_exchanges_are_in_flight(how, language):
    """Of a coroutine that leaves tasks pending, by ``sys.exit`` in one, and beside daemon threads."""
    exits(how, language, times=2)


def test_many_requests_leave_nothing(way):
    """benchmarks/endurance.py makes more of them, and limits the growth of memory more closely."""
    command = [sys.executable, str(BENCHMARKS / "many_requests.py"), way.key, way.language, "2000", "1000", "250"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    seen = json.loads(done.stdout)
    before, after = seen["before"], seen["after"]
    assert after["rss"] < before["rss"] + 8e6
    assert {**after, "rss": 0} == {**before, "rss": 0}


SUB_INTERPRETER = """
try:
    import _interpreters as interpreters  # 3.13
except ImportError:
    import _xxsubinterpreters as interpreters
import aio_strategies

code = '''
try:
    import aio_strategies
except ImportError as error:
    assert "interpreter" in str(error), error
else:
    raise AssertionError("it was imported")
'''
failed = interpreters.run_string(interpreters.create(), code)
assert failed is None, failed
"""


def test_a_sub_interpreter_is_refused():
    done = subprocess.run([sys.executable, "-c", SUB_INTERPRETER], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
