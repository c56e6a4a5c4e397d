"""Programs of one's own as arms: callables and source text, sync and async, from a script and from a cell."""

import functools
import itertools
import re
import subprocess
import sys
import textwrap

import aio_strategies as aio
import nbclient
import nbformat
import pytest
from aio_strategies.exceptions import ComparisonError
from plain_arm import contents, contents_at_once

pytestmark = pytest.mark.slow

FAST = {"requests": 4, "concurrency": 4, "latency": 0.01, "rounds": 1, "progress": False}

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


@pytest.mark.alone
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

    @pytest.mark.parametrize(
        ("program", "taken"),
        [(lambda: None, "<lambda>()"), (lambda first, second: None, "<lambda>(first, second)")],
    )
    def test_one_that_does_not_take_the_urls_is_refused_at_once(self, program, taken):
        may = "(and may take concurrency, rate, keep_alive, timeout by name)"
        message = f"programs['mine'] must take one argument, the list of URLs {may}, unlike {taken}"
        with pytest.raises(TypeError, match=re.escape(message)):
            aio.compare([], programs={"mine": program}, **FAST)

    @pytest.mark.parametrize("program", [lambda urls: (url for url in urls), "async_generator"])
    def test_one_that_returns_a_generator(self, program):
        async def later(urls):
            for url in urls:
                yield url

        with pytest.raises(ComparisonError) as caught:
            compare(later if program == "async_generator" else program)
        assert str(caught.value) == (
            "mine cannot be compared: TypeError: it returned a generator that nobody iterated: return what it yields,"
            " as a list"
        )

    def test_only_the_author_s_lines_are_shown(self):
        def broken(urls):
            from urllib.request import urlopen

            return urlopen("http://127.0.0.1:9/").read()

        with pytest.raises(ComparisonError) as caught:
            compare(broken)
        first, head, *lines = str(caught.value).splitlines()
        assert first == "mine cannot be compared: urllib.error.URLError: <urlopen error [Errno 111] Connection refused>"
        assert head == "Traceback (most recent call last):"
        assert lines[0].endswith("in broken")
        assert lines[1].strip() == 'return urlopen("http://127.0.0.1:9/").read()'
        assert lines[-1].startswith("urllib.error.URLError")
        assert len(lines) <= 4
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    def test_the_author_s_lines_in_another_process(self):
        source = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def fail(url):
    return 1 / 0

with ProcessPoolExecutor(1, mp_context=get_context("fork")) as executor:
    print(list(executor.map(fail, urls)))
"""
        with pytest.raises(ComparisonError) as caught:
            compare(source)
        assert "in fail\n    return 1 / 0" in str(caught.value)
        assert "in <module>\n    print(list(" in str(caught.value)
        assert "concurrent/futures" not in str(caught.value)

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


class TestRules:
    """A program is told what holds for all; one that does not keep to it gets no verdict."""

    def test_it_is_given_the_arguments_that_it_names(self, tmp_path):
        given = tmp_path / "given"

        def mine(urls, concurrency, *, rate=7, timeout=1):
            given.write_text(f"{concurrency} {rate} {timeout}")
            return aio.rust.thread_way(urls, concurrency=concurrency, rate=rate)

        arm = compare(mine, concurrency=2, rate=100, timeout=9)
        assert given.read_text() == "2 100.0 9.0"
        assert arm.peak_in_flight <= 2
        assert min(arm.walls) >= 3 / 100 + 0.01

    def test_what_its_author_has_bound_stays(self):
        def mine(urls, concurrency):
            return aio.rust.thread_way(urls, concurrency=concurrency)

        assert compare(functools.partial(mine, concurrency=2), concurrency=3).peak_in_flight == 2

    def test_source_text_finds_them_by_name(self):
        source = "import aio_strategies\naio_strategies.rust.thread_way(urls, concurrency=concurrency, timeout=timeout)"
        assert compare(source, concurrency=3).peak_in_flight <= 3

    def test_more_in_flight_than_allowed(self):
        comparison = aio.compare(
            "callback", "python", programs={"mine": contents_at_once}, **(FAST | {"concurrency": 2})
        )
        assert comparison.arm("mine").peak_in_flight > 2
        assert comparison.incomparable == {"mine"}
        contrast = comparison.contrast("mine", "python/callback")
        assert (contrast.verdict, contrast.low, contrast.p) == ("incomparable", 0.0, 1.0)
        assert "no verdict (≈" in str(comparison)
        assert "warning: mine did not keep to the rules and gets no verdict: 4 requests in flight" in str(comparison)
        assert (
            "mine 未遵守规则，不作判定：同时有 4 个请求（上限 2；若要全部放宽：concurrency=4，或 -c 4）"
            in comparison.to_text("zh")
        )

    def test_requests_before_they_are_due(self):
        comparison = aio.compare("callback", "python", programs={"mine": contents_at_once}, rate=10, **FAST)
        early, impossible = comparison.breaches["mine"]
        assert "a request began " in early.text
        assert " is below the ideal of 310.0 ms" in impossible.text
        assert comparison.contrast("mine", "python/callback").verdict == "incomparable"
        assert all(row["response"] > 0 for row in comparison.exchanges.rows() if row["arm"] == "mine")


@pytest.mark.alone
class TestKeptAlive:
    def test_each_exchange_has_its_own_beginning(self):
        def mine(urls):
            import http.client
            from urllib.parse import urlsplit

            connection = http.client.HTTPConnection(urlsplit(urls[0]).netloc)
            for url in urls:
                connection.request("GET", urlsplit(url).path or "/")
                assert connection.getresponse().read()
            connection.close()

        comparison = aio.compare("blocking", "rust", programs={"mine": mine}, **(FAST | {"requests": 10, "rounds": 2}))
        arm = comparison.arm("mine")
        assert arm.connections_per_request == 0.1
        assert comparison.arm("rust/blocking").connections_per_request == 1
        rows = [row for row in comparison.exchanges.rows() if row["arm"] == "mine"]
        assert {row["observer"] for row in rows} == {"server"}
        assert min(row["service"] for row in rows) >= 0.01
        assert sorted(row["service"] for row in rows)[len(rows) // 2] < 0.015
        for before, after in itertools.pairwise(rows):
            if (before["run"], before["batch"]) == (after["run"], after["batch"]):
                assert after["start"] >= before["start"] + before["service"]
        assert arm.peak_in_flight == 1


class TestGate:
    def test_one_that_fetches_each_page_twice(self):
        def twice(urls):
            contents(urls)
            return contents(urls)

        with pytest.raises(ComparisonError, match="the lab server saw 2 requests for it, not 1"):
            compare(twice)

    def test_one_that_returns_too_few(self):
        with pytest.raises(ComparisonError, match="mine cannot be compared: it returned 2 results, not 4"):
            compare(lambda urls: contents(urls)[:2])

    def test_one_that_caches(self):
        kept = {}

        def caching(urls):
            for url in urls:
                if url not in kept:
                    (kept[url],) = contents([url])
            return [kept[url] for url in urls]

        with pytest.raises(ComparisonError, match="the lab server saw 0 requests for it, not 1"):
            compare(caching)

    def test_one_that_fetches_more_after_the_gate_has_failed_runs(self, tmp_path):
        marks = str(tmp_path / "calls")

        def eager(urls):
            with open(marks, "a+", encoding="ascii") as calls:
                calls.write(".")
                late = calls.tell() > 8
            return contents([*urls, *urls][: len(urls) + late])[: len(urls)]

        comparison = aio.compare([], programs={"mine": eager}, **(FAST | {"rounds": 6}))
        assert "the lab server served it" in comparison.failures["mine"][0]


class TestTime:
    def test_one_that_never_ends_is_killed(self, monkeypatch):
        monkeypatch.setattr("aio_strategies.measuring.session._PATIENCE", 0.3)

        def endless(urls):
            import time

            time.sleep(1000)

        with pytest.raises(ComparisonError, match=r"it was still running after 0.8 s, and was killed") as caught:
            compare(endless, timeout=0.5)
        assert "time.sleep(1000)" in str(caught.value)

    def test_one_that_hangs_later_is_given_up_and_the_others_go_on(self, monkeypatch, tmp_path):
        monkeypatch.setattr("aio_strategies.measuring.session._PATIENCE", 0.3)
        marks = str(tmp_path / "calls")

        def hanging(urls):
            import time

            with open(marks, "a+", encoding="ascii") as calls:
                calls.write(".")
                late = calls.tell() > 7
            if late:
                time.sleep(1000)
            return contents(urls)

        settings = FAST | {"rounds": 4, "timeout": 0.5}
        comparison = aio.compare("callback", "rust", programs={"hanging": hanging}, **settings)
        assert len(comparison.arm("rust/callback").runs) == 4
        assert len(comparison.arm("hanging").runs) < 4
        (message,) = comparison.failures["hanging"]
        assert "it was still running after" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"requests": 10**9, "budget": 5}, "requests=1,000,000,000 is too many: the lab server's log"),
        ({"latency": 5, "budget": 5}, "budget=5 is too small: with a latency of 5 s, 16 arms and the baseline's twin"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        aio.compare(**changes)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_pool_of_a_function_beside_it(tmp_path, method):
    """What a pool is to run is found by its name in the worker, as in the program that defined it."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import multiprocessing
            import sys
            from concurrent.futures import ProcessPoolExecutor
            from urllib.request import urlopen
            import aio_strategies as aio

            METHOD = sys.argv[1]

            def fetch(url):
                return urlopen(url).read()

            def pool(urls):
                multiprocessing.set_start_method(METHOD)
                with ProcessPoolExecutor(2) as executor:
                    return list(executor.map(fetch, urls))

            # no guard: neither a worker nor its children run this program again
            c = aio.compare([], programs={"pool": pool}, requests=4, latency=0.05, rounds=1, progress=False)
            print(c.arm("pool").peak_in_flight, c.arm("pool").costs.processes)
            """
        ),
        encoding="utf-8",
    )
    shown = subprocess.run([sys.executable, script, method], capture_output=True, text=True, timeout=60, check=True)
    peak, processes = map(int, shown.stdout.split())
    assert processes >= 3
    assert peak == 2 or method == "spawn"  # a spawned process may have done it all before the other has begun
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
