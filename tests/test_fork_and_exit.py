"""A process may fork and may end, whatever calls are under way in it; and an interpreter may make many calls.

benchmarks/exits.py does the first two more often, with any interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import exits
import pytest
from pending_exit import STATUS

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("language", ["python", "rust"])
def test_forked_children_fetch(language):
    found = exits.forks(sys.executable, language, children=20)
    assert found == {"children": 20, "good": 20}


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


@pytest.mark.parametrize("language", ["python", "rust"])
@pytest.mark.parametrize("how", STATUS)
def test_an_exit_while_exchanges_are_in_flight(how, language):
    """Of a coroutine that leaves tasks pending, by ``sys.exit`` in one, and beside daemon threads."""
    assert exits.exits(sys.executable, how, language, times=2)["unclean"] == []


def test_many_requests_leave_nothing(way):
    """benchmarks/endurance.py makes more of them, and limits the growth of memory more closely."""
    command = [sys.executable, str(BENCHMARKS / "many_requests.py"), way.key, way.language, "2000", "1000", "250"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    seen = json.loads(done.stdout)
    before, after = seen["before"], seen["after"]
    assert after["rss"] < before["rss"] + 8e6
    # On a busy machine, a thread that has ended may be counted before.
    assert all(after[what] <= before[what] for what in before if what != "rss"), (before, after)


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
