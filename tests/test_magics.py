"""The magics in a real kernel: lecture-style programs run unchanged, and nothing that a cell does harms the kernel."""

from __future__ import annotations

import errno
import re
import signal
import textwrap
import threading
import time

import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_core.utils import ensure_event_loop
from lecture_programs import PEAKS, PROGRAMS

FETCH = """
import socket

def download(path):
    with socket.create_connection(("example.com", 80)) as sock:
        sock.sendall(f"GET {path} HTTP/1.0\\r\\n\\r\\n".encode())
        while sock.recv(4096):
            pass
"""

# said by the kernel's own libraries, not by us
said_by_the_kernel = pytest.mark.filterwarnings(
    "ignore:Proactor", "ignore::DeprecationWarning", "ignore::ResourceWarning"
)
pytestmark = [said_by_the_kernel, pytest.mark.slow]


class Shown:
    """What a cell showed."""

    def __init__(self):
        self.status = ""
        self.error_name = ""
        self.out = ""
        self.err = ""
        self.error = ""
        self.html = ""
        self.markdown = ""
        self.paged = ""


class Kernel:
    def __init__(self):
        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.process = psutil.Process(self.manager.provisioner.pid)

    def run(self, code):
        shown = Shown()

        def watch(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                name = {"stdout": "out", "stderr": "err"}[content["name"]]
                setattr(shown, name, getattr(shown, name) + content["text"])
            elif message["msg_type"] == "error":
                shown.error += "\n".join(content["traceback"])
            elif message["msg_type"] in ("display_data", "execute_result"):
                shown.html += content["data"].get("text/html", "")
                shown.markdown += content["data"].get("text/markdown", "")

        reply = self.client.execute_interactive(textwrap.dedent(code), output_hook=watch, timeout=60)
        shown.status = reply["content"]["status"]
        shown.paged = "".join(page["data"]["text/plain"] for page in reply["content"].get("payload", ()))
        shown.error_name = reply["content"].get("ename", "")
        return shown

    def workers(self):
        return [child for child in self.process.children(recursive=True) if "worker" in " ".join(child.cmdline())]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        ensure_event_loop().close()  # it is kept for this thread


@pytest.fixture(scope="module")
def kernel():
    started = Kernel()
    assert started.run("%load_ext aio_strategies").status == "ok"
    yield started
    started.close()


@pytest.fixture
def fresh(kernel):
    """The kernel, with no cell compared so far."""
    assert kernel.run("%aiobench --reset").status == "ok"
    return kernel


class TestAiotime:
    def test_shows_the_comparison_and_returns_it_only_when_asked(self, kernel):
        shown = kernel.run("%aiotime thread callback -n 4 -r 2 -c 2 --language python --latency 1ms")
        assert (shown.status, shown.err) == ("ok", "")
        assert "thread" in shown.html
        assert "callback" in shown.html
        quiet = kernel.run(
            """
            c = %aiotime -q -o blocking -n 3 -r 1 --latency 2ms
            s = c.settings
            print([arm.name for arm in c.arms], s.requests, s.concurrency, s.rounds, s.latency)
            """
        )
        assert quiet.out == "['python/blocking', 'rust/blocking'] 3 10 1 0.002\n"
        assert "blocking" not in quiet.html
        assert kernel.run("print(%aiotime -q thread -r 1 -n 1 --latency 1ms)").status == "error"  # as for all magics

    def test_lang_is_the_readers_language(self, kernel):
        shown = kernel.run("%aiotime thread -n 2 -r 1 --latency 1ms --lang zh")
        assert (shown.status, shown.err) == ("ok", "")
        assert "| 多线程 |" in shown.markdown

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("%aiotime threads", "no strategy 'threads'; allowed: blocking, "),
            ("%aiotime thread --latency 3xs", "'3xs' is not a duration: write it as 20ms"),
            ("%aiotime thread --latency 20", "'20' needs a unit: write 20ms or 20s"),
            ("%aiotime thread -n 0", "requests must be at least 1, not 0"),
            ("%aiotime thread --latency 2000m", "latency must be 0 to 86400 seconds, not 120000.0"),
            ("%aiotime thread --lang python", "--lang: must be en or zh, the language of the table"),
            ("%%aiobench mine --timeout 0\npass", "timeout must be a finite number of seconds above 0"),
            ("%aiotime", "the following arguments are required: KEY"),
            ("%aiobench mine", "%%aiobench times a cell"),
            ("%aiobench --reset -n 7 mine", "%%aiobench times a cell"),
            ("%%aiobench mine --host a:b\npass", "'a:b' is not a host: write it as example.com or example.com:80"),
            ("%%aiobench mine\nif", "the cell is not valid Python: invalid syntax"),
            ("%%aiobench rust/mine\npass", "names that begin with python/ or rust/ are reserved"),
        ],
    )
    def test_what_is_typed_wrong_is_told_in_a_line(self, kernel, line, message):
        shown = kernel.run(line)
        assert (shown.status, shown.error_name) == ("error", "UsageError")
        assert message in shown.err
        assert len(shown.err.splitlines()) == 1


class TestHelp:
    @pytest.mark.parametrize("line", ["%aiotime -h", "%aiobench --help", "%%aiobench mine -h\npass"])
    def test_it_is_printed(self, kernel, line):
        shown = kernel.run(line)
        assert (shown.status, shown.err, shown.error) == ("ok", "", "")
        assert re.match(r"%%?aio(bench|time) ", shown.out)
        assert "-r N, --rounds N" in shown.out
        assert "SystemExit" not in shown.out

    @pytest.mark.parametrize("line", ["%aiotime?", "%%aiobench?"])
    def test_it_is_shown_by_a_question_mark(self, kernel, line):
        shown = kernel.run(line)
        assert "--latency TIME" in shown.paged
        assert "::" not in shown.paged


class TestLecturePrograms:
    @pytest.mark.parametrize("name", PEAKS)
    def test_runs_unchanged_in_a_cell(self, fresh, name):
        program = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")
        shown = fresh.run(f"%%aiobench my {name} -r 2 -s none -o\n{program}")
        assert (shown.status, shown.err, shown.out) == ("ok", "", "10 pages\n")
        assert shown.html.count("strategy (section)") == 2  # one comparison of two tables
        told = fresh.run(
            f"arm = _.arm('my {name}')\n"
            "print(arm.peak_in_flight, arm.requests, arm.errors, len(arm.runs), arm.latency.count, _.settings.hosts)"
        )
        peak, *rest = told.out.split(maxsplit=4)
        low, high = PEAKS[name]
        assert low <= int(peak) <= high
        assert rest[:3] == ["10", "0", "2"]
        assert rest[3].endswith("('example.com:80',)\n")
        assert int(rest[3].split()[0]) % 20 == 0
        assert not fresh.workers()

    def test_beside_the_built_in_strategies(self, fresh, tmp_path):
        program = (PROGRAMS / "callbacks.py").read_text(encoding="utf-8")
        shown = fresh.run(f"%%aiobench -r 6 -s blocking,callback -q -o my callbacks\n{program}")
        assert (shown.status, shown.err, shown.out) == ("ok", "", "")
        told = fresh.run(
            """
            print([arm.name for arm in _.arms], _.settings.requests, _.printed)
            print(_.contrast("my callbacks", "python/blocking").ratio > 2)
            """
        )
        names = "['python/blocking', 'rust/blocking', 'python/callback', 'rust/callback', 'my callbacks']"
        assert told.out.splitlines() == [f"{names} 10 {{'my callbacks': '10 pages\\n'}}", "True"]
        kept = fresh.run(
            f"""
            import aio_strategies as aio
            _.save({str(tmp_path / "kept.json")!r})
            kept = aio.load({str(tmp_path / "kept.json")!r})
            print(kept.settings == _.settings, kept.printed == _.printed)
            print("the lab stood in for example.com:80" in str(kept), "由实验服务器代替" in kept.to_markdown("zh"))
            """
        )
        assert kept.out == "True True\nTrue True\n"


class TestCells:
    def test_one_named_as_a_strategy_is_beside_it_and_another_beside_the_baseline(self, fresh):
        options = "-r 1 --latency 5ms -o -q"
        arms = (
            "print([arm.name for arm in _.arms], sorted(f'{c.arm} vs {c.base}' for c in _.contrasts if ' ' in c.arm))"
        )
        fresh.run(f"%%aiobench my threads {options}{FETCH}\ndownload('/')")
        assert fresh.run(arms).out == (
            "['python/blocking', 'rust/blocking', 'python/thread', 'rust/thread', 'my threads']"
            " ['my threads vs python/blocking', 'my threads vs python/thread', 'my threads vs rust/thread']\n"
        )
        fresh.run(f"%%aiobench my way {options}{FETCH}\ndownload('/')")
        assert fresh.run(arms).out == ("['python/blocking', 'rust/blocking', 'my way'] ['my way vs python/blocking']\n")

    def test_all_cells_so_far_in_one_table_until_they_are_reset(self, fresh):
        options = "-r 1 --latency 5ms --language python"
        fresh.run(f"%%aiobench callbacks {options} -q{FETCH}\nfor i in range(3): download('/')")
        fresh.run(f"%%aiobench mine {options} -q{FETCH}\nfor i in range(3): download('/two')")
        fresh.run(f"%%aiobench callbacks {options} -q{FETCH}\nfor i in range(3): download('/again')")
        fresh.run(f"%%aiobench four {options} -q{FETCH}\nfor i in range(4): download('/')")
        shown = fresh.run("c = %aiobench -r 1 -o")
        assert shown.err == "left out, as they do not make 3 requests: four (4)\n"
        assert "your code: callbacks" in shown.html
        names = "print([arm.name for arm in c.arms], c.settings.requests, c.settings.latency)"
        assert fresh.run(names).out == "['python/blocking', 'python/callback', 'callbacks', 'mine'] 3 0.005\n"
        fresh.run("c = %aiobench -r 1 -o -q -n 4 -s none --latency 1ms")
        assert fresh.run(names).out == "['four'] 4 0.001\n"
        assert "no cell makes 9 requests; the cells make 3, 4" in fresh.run("%aiobench -n 9").err
        fresh.run(f"%%aiobench five {options} -q --reset{FETCH}\nfor i in range(4): download('/')")
        fresh.run("c = %aiobench -r 1 -o -q -s none")
        assert fresh.run(names).out == "['five'] 4 0.005\n"

    def test_top_level_await_urls_and_a_host_that_no_literal_names(self, fresh):
        shown = fresh.run(
            """
            %%aiobench -n 3 -r 1 -s asyncio --host hidden.invalid:8080 -o
            import asyncio
            from urllib.parse import urlsplit

            async def get(host, port, path):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(f"GET {path} HTTP/1.0\\r\\n\\r\\n".encode())
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
                writer.close()

            own = [get(urlsplit(url).hostname, urlsplit(url).port, "/") for url in urls[1:]]
            await asyncio.gather(get("hidden" + ".invalid", 8080, "/"), *own)
            """
        )
        assert (shown.status, shown.err) == ("ok", "")
        assert fresh.run("print(_.arm('this cell').peak_in_flight, _.settings.requests)").out == "3 3\n"

    def test_it_must_make_as_many_requests_as_it_is_said_to(self, fresh):
        shown = fresh.run(f"%%aiobench mine -n 7 -r 1{FETCH}\ndownload('/')")
        assert shown.error == "mine cannot be compared: it made 1 request, not 7: leave -n out to compare it as it is"

    def test_a_run_with_another_number_of_requests_is_a_failed_one(self, fresh, tmp_path):
        marks = str(tmp_path / "calls")
        shown = fresh.run(
            f"%%aiobench moody -r 4 -s callback --latency 60ms -o{FETCH}\n"
            f"with open({marks!r}, 'a+') as calls:\n"
            "    calls.write('.')\n"
            "    late = calls.tell() > 8\n"
            "for path in ('/', '/late')[:1 + late]:\n"
            "    download(path)\n"
        )
        assert (shown.status, shown.error) == ("ok", "")
        assert "the lab server served it 2 requests, not 1" in fresh.run("print(_)").out

    def test_what_it_prints_is_bounded(self, fresh):
        shown = fresh.run(f"%%aiobench loud -r 1 -s none{FETCH}\ndownload('/')\nprint('many words\\n' * 10_000)")
        assert shown.status == "ok"
        assert shown.out.endswith("… (cut)\n")
        assert len(shown.out) < 5000


class TestProcesses:
    """A pool's processes find the functions of a cell, which has no file, and the lab."""

    POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from urllib.request import urlopen

HOST = "http://example.com/"

class Page:
    def __init__(self, body):
        self.body = body

def download(number):
    return Page(urlopen(f"{HOST}{number}").read())
"""

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_a_pool_whose_start_method_the_cell_sets(self, fresh, method):
        shown = fresh.run(
            f"%%aiobench process pool -n 2 -r 2 -s process --language python --latency 5ms -o{self.POOL}\n"
            f"multiprocessing.set_start_method({method!r})\n"
            "with ProcessPoolExecutor(2) as pool:\n"
            "    print({type(page) is Page and len(page.body) for page in pool.map(download, range(2))})\n"
        )
        assert (shown.status, shown.error, shown.out) == ("ok", "", "{1024}\n")
        assert fresh.run("print(_.arm('process pool').errors, _.rounds)").out == "0 2\n"
        assert not fresh.workers()

    @pytest.mark.parametrize("method", ["spawn", "forkserver"])
    def test_a_process_that_is_started_by_another_method_is_confined_too(self, fresh, method):
        shown = fresh.run(
            f"%%aiobench abroad{self.POOL}\n"
            f"with multiprocessing.get_context({method!r}).Pool(1) as pool:\n"
            "    HOST = 'http://other.' + 'invalid/'\n"
            "    pool.map(download, [1])\n"
        )
        assert "the lab does not stand in for other.invalid:80" in shown.error
        assert 'return Page(urlopen(f"{HOST}{number}").read())' in shown.error


class TestFaults:
    """A clear message each; the kernel lives on, and so does the comparison."""

    OPTIONS = "-r 1 -s none --latency 2ms -o -q"

    @pytest.fixture(scope="class")
    def compared(self, kernel):
        kernel.run(f"%%aiobench good --reset {self.OPTIONS}{FETCH}\ndownload('/')")

    @pytest.fixture
    def begun(self, kernel, compared):
        """The kernel, with a cell in the comparison; the last test looks whether it is still there."""
        yield kernel
        assert not kernel.workers()
        assert kernel.run("print('alive')").out == "alive\n"

    def test_a_cell_that_raises(self, begun):
        shown = begun.run("%%aiobench broken\nprint('so far')\nlist = []\nlist[3]")
        assert (shown.status, shown.error_name, shown.out) == ("error", "ComparisonError", "so far\n")
        assert shown.error.splitlines()[0] == "broken cannot be compared: IndexError: list index out of range"
        assert "line 3, in <module>\n    list[3]" in shown.error
        assert "magics.py" not in shown.error

    def test_a_cell_that_uses_what_another_one_has_defined(self, begun):
        begun.run("import socket")
        shown = begun.run("%%aiobench lonely\nsocket.socket()")
        assert "NameError: name 'socket' is not defined" in shown.error
        assert "it must import and define everything that it uses" in shown.error

    def test_a_cell_that_loops_for_ever(self, begun):
        began = time.monotonic()
        shown = begun.run("%%aiobench endless --timeout 1s\nprint('begun')\nwhile True:\n    pass")
        assert time.monotonic() - began < 10
        assert shown.out == "begun\n"
        assert shown.error.startswith(
            "endless cannot be compared: it was still running after 1 s (--timeout), and was killed\nTraceback"
        )
        assert re.search(r"line [23], in <module>", shown.error)

    def test_one_that_cannot_even_be_interrupted(self, begun):
        shown = begun.run(
            """
            %%aiobench stubborn --timeout 1s
            while True:
                try:
                    while True:
                        print("for ever")
                except BaseException:
                    pass
            """
        )
        assert "stubborn cannot be compared: it was still running after 1 s (--timeout), and was killed" in shown.error
        assert shown.out.startswith("for ever\nfor ever\n")
        assert len(shown.out) < 5000

    @pytest.mark.parametrize(
        ("call", "host"),
        [
            ("s.connect((bytes.fromhex('6f746865722e696e76616c6964').decode(), 8080))", "other.invalid:8080"),
            ("s.connect(('example.com', 81))", "example.com:81"),
            ("s.connect_ex(('192.0.2.1', 81))", "192.0.2.1:81"),
            ("socket.create_connection(('other.' + 'invalid', 80))", "other.invalid:80"),
        ],
    )
    def test_a_host_that_is_not_redirected(self, begun, call, host):
        shown = begun.run(f"%%aiobench abroad\nimport socket\ns = socket.socket()\n{call}")
        assert shown.error_name == "ComparisonError"
        assert shown.error.splitlines()[0] == (
            f"abroad cannot be compared: OSError: [Errno {errno.ENETUNREACH}] the lab does not stand in for {host},"
            f" and connecting to other hosts is refused; name it by --host {host}"
        )

    def test_a_host_of_this_machine_where_nobody_answers(self, begun):
        code = "from urllib.request import urlopen\nurlopen('http://localhost:9/').read()"
        shown = begun.run(f"%%aiobench local\n{code}")
        assert shown.error.splitlines()[-1] == (
            "if the lab is to stand in for localhost:9, name it by --host localhost:9"
        )
        assert begun.run(f"%%aiobench local --host localhost:9 {self.OPTIONS}\n{code}").status == "ok"

    def test_a_host_that_is_not_redirected_in_a_program_that_hears_no_errors(self, begun):
        shown = begun.run(
            """
            %%aiobench deaf --timeout 1s
            import socket
            while True:
                try:
                    socket.create_connection(("example.com", 443))
                    break
                except OSError:
                    pass
            """
        )
        assert "deaf cannot be compared: it was still running after 1 s" in shown.error
        assert "the lab does not stand in for example.com:443" in shown.error
        assert "it speaks plain HTTP, not TLS: use http://" in shown.error

    def test_a_cell_that_fetches_nothing(self, begun):
        shown = begun.run("%%aiobench idle\npass")
        assert shown.error == "idle cannot be compared: the lab server saw no request from it"

    def test_a_cell_with_a_request_that_fails(self, begun):
        code = """
            %%aiobench mumbling
            import socket
            with socket.create_connection(("example.com", 80)) as sock:
                sock.sendall(b"nonsense\\r\\n\\r\\n")
                sock.makefile().read()
            with socket.create_connection(("example.com", 80)) as sock:
                sock.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                sock.makefile().read()
            """
        shown = begun.run(code)
        assert (
            "1 of the 2 requests that the lab server saw from it got no complete reply with status 200" in shown.error
        )

    def test_interrupting_the_kernel(self, begun):
        timer = threading.Timer(1.5, begun.process.send_signal, [signal.SIGINT])
        timer.start()
        began = time.monotonic()
        shown = begun.run("%%aiobench endless --timeout 60s\nwhile True:\n    pass")
        assert time.monotonic() - began < 10
        assert (shown.status, shown.error_name) == ("error", "KeyboardInterrupt")

    def test_the_comparison_has_outlived_all_that(self, begun):
        assert begun.run(f"%%aiobench also {self.OPTIONS}{FETCH}\ndownload('/')").status == "ok"
        assert begun.run("c = %aiobench -r 1 -o -q -s none").status == "ok"
        assert begun.run("print(c.arms[0].name, c.arms[-1].name)").out == "good also\n"
