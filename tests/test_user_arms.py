"""Programs of one's own as arms: callables and source text, sync and async, from a script and from a cell."""

import functools
import subprocess
import sys
import textwrap

import aio_strategies as aio
import nbclient
import nbformat
import pytest
from aio_strategies.exceptions import ComparisonError
from plain_arm import contents

pytestmark = [pytest.mark.slow, pytest.mark.alone]

FAST = {"requests": 4, "concurrency": 4, "latency": 0.01, "rounds": 2, "progress": False}

SOURCE = """
import asyncio
from urllib.parse import urlsplit

done = []  # a global of its own: each run begins with none

async def fetch(url):
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path} HTTP/1.0\\r\\nHost: lab\\r\\n\\r\\n".encode())
    while await reader.read(1000):
        pass
    writer.close()
    done.append(url)

await asyncio.gather(*(fetch(url) for url in urls))
assert len(done) == len(urls)
print("printed by an arm")
"""


def compare(arm, **changes):
    return aio.compare([], programs={"mine": arm}, **(FAST | changes)).arm("mine")


class TestKinds:
    def test_one_that_returns_contents(self):
        arm = compare(contents)
        assert arm.peak_in_flight == 1
        assert arm.errors == 0
        assert arm.median_wall >= 0.04

    def test_one_that_returns_a_run(self):
        arm = compare(lambda urls: aio.rust.thread_way(urls))
        assert arm.peak_in_flight == 4
        assert arm.latency.service[0.5] >= 0.01

    def test_one_that_returns_nothing_is_seen_by_the_lab(self):
        def silent(urls):
            contents(urls)

        arm = compare(silent, rounds=4)
        assert arm.latency.count == 4 * sum(run.batches for run in arm.runs)
        assert arm.latency.service[0.5] >= 0.01

    def test_a_coroutine_function(self):
        async def mine(urls):
            return await aio.python.asyncio_way(urls)

        assert compare(mine).peak_in_flight == 4

    def test_a_partial_and_one_that_returns_an_awaitable(self):
        async def mine(concurrency, urls):
            return await aio.arun("asyncio", urls, concurrency=concurrency)

        assert compare(functools.partial(mine, 2)).peak_in_flight == 2
        assert compare(lambda urls: mine(3, urls)).peak_in_flight == 3

    def test_source_with_top_level_await_and_globals_of_its_own(self):
        assert compare(SOURCE).peak_in_flight == 4

    def test_what_it_prints_at_first_is_kept(self):
        comparison = aio.compare("callback", "python", programs={"loud": SOURCE, "quiet": contents}, **FAST)
        assert comparison.printed == {"loud": "printed by an arm\n"}

    def test_plain_source(self):
        assert compare("from urllib.request import urlopen\nfor url in urls: urlopen(url).read()").peak_in_flight == 1

    def test_beside_built_in_arms_and_in_the_contrasts(self):
        def slowed(urls):
            import time

            time.sleep(0.02)
            return aio.python.callback_way(urls)

        comparison = aio.compare("callback", "python", programs={"slowed": slowed}, **(FAST | {"rounds": 6}))
        contrast = comparison.contrast("slowed", "python/callback")
        assert contrast.ratio < 0.6
        assert "slowed" in str(comparison)


class TestFaults:
    def test_one_that_raises_is_named_with_its_traceback(self):
        def broken(urls):
            return urls[17]

        with pytest.raises(ComparisonError) as caught:
            compare(broken)
        assert caught.value.arm == "mine"
        assert "IndexError: list index out of range" in str(caught.value)
        assert "return urls[17]" in str(caught.value)

    def test_one_of_a_cell_is_shown_with_its_source(self):
        """The worker cannot read a notebook's cell; nor does cloudpickle tell where code came from."""
        import linecache

        cell = "def mine(urls):\n    def inner():\n        return urls[23]  # here\n    return inner()\n"
        linecache.cache["<cell 7>"] = (len(cell), None, cell.splitlines(keepends=True), "<cell 7>")
        names = {"__name__": "__main__"}
        exec(compile(cell, "<cell 7>", "exec"), names)
        with pytest.raises(ComparisonError) as caught:
            compare(names["mine"])
        assert 'File "<cell 7>", line 3, in inner\n    return urls[23]  # here' in str(caught.value)

    def test_source_that_raises(self):
        with pytest.raises(ComparisonError, match="ZeroDivisionError: division by zero") as caught:
            compare("first = 1\nsecond = first / 0\n")
        assert "second = first / 0" in str(caught.value)

    def test_one_that_fetches_something_else(self):
        with pytest.raises(ComparisonError, match="5 bytes of content, but 1024"):
            aio.compare("blocking", "rust", programs={"mine": lambda urls: [b"wrong"] * len(urls)}, **FAST)

    def test_one_that_fetches_too_little_and_does_not_tell(self):
        def lazy(urls):
            contents(urls[:2])

        with pytest.raises(ComparisonError, match="the lab server saw 0 requests for it, not 1"):
            compare(lazy)

    def test_one_that_gets_lazy_after_the_gate_has_errors(self, tmp_path):
        marks = str(tmp_path / "calls")

        def lazy(urls):
            with open(marks, "a+", encoding="ascii") as calls:
                calls.write(".")
                late = calls.tell() > 8
            aio.rust.callback_way(urls[:1] if late else urls)

        arm = compare(lazy, rounds=6)
        assert arm.errors >= 3

    def test_one_that_nobody_can_check_is_told_of(self):
        with aio.LabServer(latency=0.001) as lab:
            comparison = aio.compare(
                [], programs={"mine": lambda urls: None}, urls=lab.urls(2), rounds=1, progress=False
            )
        assert comparison.unchecked == ("mine",)
        assert "warning: mine: it returned no content, so it could not be checked that" in str(comparison)

    def test_one_that_never_ends_is_stopped_by_the_budget(self):
        def endless(urls):
            while True:
                pass

        with pytest.raises(
            ComparisonError, match="mine cannot be compared: the budget of 2 s was too small for a single run"
        ):
            compare(endless, rounds=None, budget=2)


def test_a_process_pool_of_a_function_beside_it(tmp_path):
    """What a pool is to run is found by its name in the worker, as in the program that defined it."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context
            from urllib.request import urlopen
            import aio_strategies as aio

            def fetch(url):
                return urlopen(url).read()

            def pool(urls):
                with ProcessPoolExecutor(2, mp_context=get_context("fork")) as executor:
                    return list(executor.map(fetch, urls))

            # no guard: a worker does not run this program again
            c = aio.compare([], programs={"pool": pool}, requests=4, latency=0.05, rounds=1, progress=False)
            print(c.arm("pool").peak_in_flight, c.arm("pool").costs.processes)
            """
        ),
        encoding="utf-8",
    )
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.split()[0] == "2"
    assert shown.stdout.count("\n") == 1


def test_in_a_notebook_s_cell_sync_and_awaited():
    cells = [
        "import aio_strategies as aio",
        "from urllib.request import urlopen\ndef read(url):\n    return urlopen(url).read()",
        "def mine(urls):\n    return [read(url) for url in urls]",
        "c = aio.compare(['callback'], programs={'mine': mine}, requests=4, latency=0.005, rounds=2)\nc",
        "d = await aio.acompare(['callback'], programs={'mine': mine}, requests=4, latency=0.005, rounds=2)\nd",
        "print(c.arm('mine').peak_in_flight, d.arm('mine').errors, aio.last_comparison() is d)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    for cell in notebook.cells[3:5]:
        (result,) = [output for output in cell.outputs if output.output_type == "execute_result"]
        assert "mine" in result["data"]["text/html"]
        assert "mine" in result["data"]["text/plain"]
    assert notebook.cells[5].outputs[0]["text"] == "1 0 True\n"
