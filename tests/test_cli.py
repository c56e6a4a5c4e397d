"""The command line, as a process: what it prints where, and its exit status."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections import Counter
from itertools import pairwise

import aio_strategies as aio
import pytest
from aio_strategies import cli
from aio_strategies.catalogue import STRATEGIES
from aio_strategies.display.text import width
from lecture_programs import PEAKS, PROGRAMS

FAST = ["--latency", "2ms", "-n", "4", "-c", "2", "--rounds", "2"]
ONE_RUN = ["thread", "--languages", "rust", "--latency", "0", "--rounds", "1"]
REFUSED = "http://127.0.0.1:1/"  # nothing listens on port 1
ENVIRONMENT = os.environ | {"PYTHONIOENCODING": "utf-8"}


def aio_strategies(*arguments, environment=ENVIRONMENT):
    return subprocess.run(
        [sys.executable, "-m", "aio_strategies", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env=environment,
    )


def on_a_terminal(columns, *arguments):
    """Return what a command shows on a terminal of this width; what goes to standard error is not shown there."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "aio_strategies", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other side has been closed
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def started(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "aio_strategies", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=ENVIRONMENT,
    )


@pytest.mark.slow
@pytest.mark.alone
class TestCompare:
    def test_table(self):
        done = aio_strategies("compare", "blocking", "thread", *FAST)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].startswith("strategy (section)")
        assert lines[2].startswith("blocking (2.2.1)")
        assert lines[-1].startswith("ideal 4.00 ms (")
        assert "requests/s" not in done.stdout

    def test_costs_if_asked_for(self):
        done = aio_strategies("compare", "thread", *FAST, "--costs", "blocking")  # options may stand anywhere
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("strategy (section)") == 2
        assert done.stdout.count("blocking (2.2.1)") == 2
        assert "requests/s" in done.stdout
        refused = aio_strategies("compare", "thread", "--costs", "--lang", "zh")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "--costs is in English only" in refused.stderr

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
    def test_it_fits_the_terminal(self):
        text = on_a_terminal(60, "compare", "thread", *FAST)
        assert "thread" in text
        assert max(map(width, text.splitlines())) <= 60

    def test_a_file_that_cannot_be_written_is_refused_before_anything_starts(self, tmp_path):
        for name, reason in (
            ("missing/x.json", "there is no directory "),
            (".", "must end with .json, .json.gz or .html, not '.'"),
            ("x.xlsx", "must end with .json, .json.gz or .html, not 'x.xlsx'"),
            ("full.json", "it is a directory"),
        ):
            (tmp_path / "full.json").mkdir(exist_ok=True)
            began = time.monotonic()
            done = aio_strategies("compare", "thread", "--save", f"{tmp_path}/{name}")
            assert (done.returncode, done.stdout) == (2, "")
            assert reason in done.stderr.splitlines()[-1]
            assert time.monotonic() - began < 20  # without a limit, a comparison takes 30 s

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no file that is always full")
    def test_the_table_is_shown_even_if_it_cannot_be_saved(self, tmp_path):
        (tmp_path / "full.json").symlink_to("/dev/full")
        done = aio_strategies("compare", "thread", *FAST, "--save", str(tmp_path / "full.json"))
        assert done.returncode == 1
        assert done.stdout.startswith("strategy (section)")
        assert done.stderr.startswith("aio-strategies: error: [Errno 28] No space left on device")

    def test_save(self, tmp_path):
        done = aio_strategies("compare", "thread", *FAST, "--save", str(tmp_path / "kept.json.gz"))
        assert (done.returncode, done.stderr) == (0, "")
        assert str(aio.load(tmp_path / "kept.json.gz")) == done.stdout.rstrip("\n")

    def test_save_a_report(self, tmp_path):
        done = aio_strategies("compare", "thread", *FAST, "--save", str(tmp_path / "Report.HTML"))
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "Report.HTML").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")

    def test_json_is_all_that_stdout_gets(self):
        done = aio_strategies("compare", "thread", "--languages", "rust", "--seed", "9", "--json", *FAST)
        document = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (0, "")
        assert document["seed"] == 9
        assert [(arm["language"], arm["strategy"]) for arm in document["arms"]] == [("rust", "thread")]
        assert document["settings"]["latency"] == 0.002

    def test_chinese_markdown(self):
        done = aio_strategies("compare", "thread", "--lang", "zh", "--markdown", *FAST)
        assert done.returncode == 0
        assert done.stdout.startswith("| 程序 ")
        assert "| 多线程 " in done.stdout

    def test_urls(self):
        with aio.LabServer(latency=0.001) as lab:
            done = aio_strategies(
                "compare",
                "thread",
                "--rounds",
                "1",
                "--json",
                "--url",
                *lab.urls(2),
                "--url",
                lab.urls(1)[0],
            )
            assert lab.stats().served >= 3 * 3 * 2
        document = json.loads(done.stdout)
        assert document["settings"]["requests"] == 3
        assert document["ideal"] is None

    def test_what_cannot_be_compared_is_told_without_a_traceback(self):
        done = aio_strategies("compare", "thread", "--url", REFUSED)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("aio-strategies: error: python/thread cannot be compared: ConnectError: ")
        assert len(done.stderr.splitlines()) == 1

    def test_a_terminal_without_chinese_gets_question_marks(self):
        done = aio_strategies(
            "compare",
            "thread",
            "--lang",
            "zh",
            *FAST,
            environment=ENVIRONMENT | {"PYTHONIOENCODING": "ascii"},
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "Rust ? Python" in done.stdout


@pytest.mark.slow
@pytest.mark.alone
class TestCompareFiles:
    """``compare a.py b.py``: programs of somebody's, beside one another and beside strategies."""

    FAST = ("--latency", "2ms", "--rounds", "1")

    @staticmethod
    def fetching(path, count, before=""):
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"{before}\n"
            "from urllib.request import urlopen\n"
            f"for number in range({count}):\n"
            "    urlopen(f'http://example.com/{number}').read()\n",
            encoding="utf-8",
        )
        return str(path)

    def test_two_files_and_a_strategy(self):
        paths = [str(PROGRAMS / f"{name}.py") for name in ("thread_pool", "process_pool")]
        done = aio_strategies("compare", *paths, "thread", *self.FAST, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        document = json.loads(done.stdout)
        arms = {arm["arm"]: arm for arm in document["arms"]}
        assert list(arms) == ["python/thread", "rust/thread", "thread_pool.py", "process_pool.py"]
        assert {arm["requests"] for arm in arms.values()} == {10}
        assert arms["thread_pool.py"]["peak_in_flight"] > 1
        assert document["settings"]["baseline"] == "thread_pool.py"
        assert document["settings"]["hosts"] == ["example.com:80"]
        assert document["printed"] == {"thread_pool.py": "10 pages\n", "process_pool.py": "10 pages\n"}
        rounds = {run["round"]: set() for run in document["runs"]}
        for run in document["runs"]:
            rounds[run["round"]].add(run["arm"])
        assert all(ran >= arms.keys() for ran in rounds.values())

    def test_a_file_is_run_as_python_runs_it(self, tmp_path):
        (tmp_path / "beside.py").write_text("pages = 2\n", encoding="utf-8")
        path = self.fetching(
            tmp_path / "mine.py",
            "beside.pages",
            "import beside, sys; assert (__name__, sys.argv) == ('__main__', [__file__])",
        )
        with open(path, "a", encoding="utf-8") as file:
            file.write("exit()\n")
        done = aio_strategies("compare", path, *self.FAST, "--csv")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[1].startswith("mine.py,,,2,")

    def test_files_of_the_same_name_are_known_by_their_paths(self, tmp_path):
        paths = [self.fetching(tmp_path / folder / "main.py", 1) for folder in "ab"]
        done = aio_strategies("compare", *paths, *self.FAST, "--csv")
        assert [line.partition(",")[0] for line in done.stdout.splitlines()[1:]] == paths

    def test_another_host(self, tmp_path):
        path = tmp_path / "built.py"
        path.write_text(
            "from urllib.request import urlopen\nurlopen('http://' + '.'.join(['built', 'invalid'])).read()\n",
            encoding="utf-8",
        )
        done = aio_strategies("compare", str(path), *self.FAST)
        assert done.returncode == 1
        assert "name it by --as-host built.invalid" in done.stderr
        assert aio_strategies("compare", str(path), *self.FAST, "--as-host", "built.invalid").returncode == 0

    def test_what_cannot_be_compared_is_told(self, tmp_path):
        one, two = self.fetching(tmp_path / "one.py", 1), self.fetching(tmp_path / "two.py", 2)
        broken = tmp_path / "broken.py"
        broken.write_text("\nif\n", encoding="utf-8")
        for arguments, status, message in (
            ((one, two), 1, "two.py cannot be compared: it made 2 requests, not 1, the number that one.py made"),
            ((two, "-n", "3"), 1, "two.py cannot be compared: it made 2 requests, not 3, the number given by -n"),
            ((self.fetching(tmp_path / "raises.py", "1 // 0"),), 1, "ZeroDivisionError: "),
            ((str(broken),), 2, "broken.py, line 2, is not valid Python: invalid syntax"),
            ((str(tmp_path / "nothing.py"),), 1, "No such file or directory: "),
            ((one, "--url", "http://127.0.0.1/"), 2, "--url does not apply to Python files"),
            (("thread", "--as-host", "example.com"), 2, "--as-host applies only to Python files"),
        ):
            done = aio_strategies("compare", *arguments)
            assert (done.returncode, done.stdout) == (status, "")
            assert message in done.stderr


class TestRun:
    def test_a_line_for_each_url_of_a_lab_and_one_for_all(self):
        done = aio_strategies("run", "thread", "-n", "3", "--latency", "1ms")
        assert (done.returncode, done.stderr) == (0, "")
        *lines, last = done.stdout.splitlines()
        assert [line.split()[0] for line in lines] == ["200"] * 3
        assert all(line.split()[1:3] == ["1024", "bytes"] for line in lines)
        assert lines[2].endswith("/2")
        assert last.startswith("rust/thread: 3 URLs in ")

    def test_one_failure_makes_the_status_1_and_keeps_the_others(self):
        with aio.LabServer(latency=0.001) as lab:
            done = aio_strategies("run", "blocking", lab.url + "/", REFUSED, "--language", "python")
        assert done.returncode == 1
        first, second, last = done.stdout.splitlines()
        assert first.startswith("200 ")
        assert second.startswith(f"failed  {REFUSED}  ConnectError: ")
        assert last.startswith("python/blocking: 2 URLs, 1 failed in ")

    def test_json(self):
        with aio.LabServer(latency=0.001) as lab:
            done = aio_strategies("run", "thread", lab.url + "/", REFUSED, "--json")
        assert done.returncode == 1
        document = json.loads(done.stdout)
        good, bad = document["responses"]
        assert (good["status_code"], good["bytes"], good["error"]) == (200, 1024, None)
        assert (bad["status_code"], bad["error"]["type"]) == (None, "ConnectError")

    @pytest.mark.parametrize("command", ["run", "source"])
    def test_a_strategy_that_the_language_lacks(self, command):
        done = aio_strategies(command, "uring", "--language", "python")
        assert (done.returncode, done.stdout) == (2, "")
        told = f"aio-strategies {command}: error: no version of 'uring' in the language 'python'"
        assert done.stderr.startswith(told)

    def test_no_url(self):
        done = aio_strategies("run", "thread", "no url at all")
        assert (done.returncode, done.stdout) == (2, "")  # a wrong argument, as any other
        assert 'error: argument URL: "no url at all" is no URL that can be fetched' in done.stderr.splitlines()[-1]


class TestRunFile:
    """``run --as-host``: a program of somebody's, with the lab in the place of its host."""

    @staticmethod
    def program(tmp_path, source):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return str(path)

    @pytest.mark.parametrize(("name", "least", "most"), [(name, *peaks) for name, peaks in PEAKS.items()])
    def test_a_program_in_the_lecture_s_manner(self, name, least, most):
        done = aio_strategies("run", "--as-host", "example.com:80", str(PROGRAMS / f"{name}.py"))
        assert (done.returncode, done.stdout) == (0, "10 pages\n")
        told = re.fullmatch(
            r"aio-strategies: the lab served 10 requests as example\.com:80, at most (\d+) in flight,"
            r" in \d+\.\d ms; the program ran for \d+\.\d\d s\n",
            done.stderr,
        )
        assert told
        assert least <= int(told[1]) <= most

    def test_it_is_run_as_python_runs_it(self, tmp_path):
        (tmp_path / "beside.py").write_text("word = 'found'\n", encoding="utf-8")
        path = self.program(
            tmp_path,
            """
            import beside, sys
            class Pet: pass
            print(__name__, __file__ == sys.argv[0], sys.argv[1:], beside.word, Pet.__module__, "main" in globals())
            print(input(), file=sys.stderr)
            """,
        )
        done = subprocess.run(
            [sys.executable, "-m", "aio_strategies", "run", "--as-host=a.invalid", path, "-n", "--as-host", "x.py"],
            input="typed\n",
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert done.stdout == "__main__ True ['-n', '--as-host', 'x.py'] found __main__ False\n"
        first, second = done.stderr.splitlines()
        assert first == "typed"
        assert second.startswith("aio-strategies: the lab served 0 requests as a.invalid:80, at most 0 in flight")
        assert done.returncode == 0

    def test_several_hosts_and_the_latency(self, tmp_path):
        path = self.program(
            tmp_path,
            """
            from urllib.request import urlopen
            for url in ("http://a.invalid/", "http://b.invalid:8080/x"):
                print(len(urlopen(url).read()))
            """,
        )
        hosts = ["--as-host", "a.invalid", "--as-host", "B.invalid:8080"]
        done = aio_strategies("run", *hosts, "--latency", "50ms", path)
        assert (done.returncode, done.stdout) == (0, "1024\n1024\n")
        told = re.search(r"served 2 requests as a.invalid:80 and b.invalid:8080, .* in ([\d.]+) ms;", done.stderr)
        assert float(told[1]) >= 100

    def test_its_exit_status_and_its_traceback(self, tmp_path):
        assert aio_strategies("run", "--as-host", "a.invalid", self.program(tmp_path, "exit(7)")).returncode == 7
        done = aio_strategies("run", "--as-host", "a.invalid", self.program(tmp_path, "def f():\n    1 / 0\nf()\n"))
        assert done.returncode == 1
        first, second, *_ = done.stderr.splitlines()
        assert first == "Traceback (most recent call last):"
        assert second.endswith('program.py", line 3, in <module>')
        assert "ZeroDivisionError: division by zero\naio-strategies: the lab served 0 requests" in done.stderr
        done = aio_strategies("run", "--as-host", "a.invalid", self.program(tmp_path, "if\n"))
        assert done.returncode == 1
        assert done.stderr.startswith('  File "')
        assert "SyntaxError: invalid syntax\n" in done.stderr

    @pytest.mark.skipif(sys.platform == "win32", reason="no program ends by a signal there")
    def test_an_end_by_a_signal(self, tmp_path):
        path = self.program(tmp_path, "import os; os.kill(os.getpid(), 15)")
        assert aio_strategies("run", "--as-host", "a.invalid", path).returncode == 128 + 15

    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [
            (["run", "program.py"], 2, "a Python file needs --as-host before it"),
            (["run", "--as-host", "a.invalid", "thread"], 2, "--as-host applies only to a Python file"),
            (["run", "--as-host", "a.invalid", "nothing.py"], 1, "No such file or directory: 'nothing.py'"),
            (["run", "--as-host", "a b", "program.py"], 2, "host must be the name or the address of a host, not 'a b'"),
        ],
    )
    def test_what_is_wrong_is_told(self, arguments, status, message):
        done = aio_strategies(*arguments)
        assert (done.returncode, done.stdout) == (status, "")
        assert message in done.stderr


@contextlib.contextmanager
def lab_of_links(count, **settings):
    """A lab whose root links to so many pages, and to one that is not there."""
    links = "".join(f"<a href=/{number}>" for number in range(1, count + 1)) + "<a href=/gone>"
    head = "HTTP/1.1 {}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{}"
    with aio.LabServer(**settings) as lab:
        lab.reply("/", head.format("200 OK", len(links), links).encode())
        lab.reply("/gone", head.format("404 Not Found", 0, "").encode())
        yield lab


@pytest.mark.slow
class TestCrawl:
    @pytest.mark.parametrize("language", ["python", "rust"])
    def test_report(self, language):
        with lab_of_links(3, latency=0) as lab:
            done = aio_strategies("crawl", lab.url.removeprefix("http://"), "--language", language)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].startswith(f"{lab.url} 200 text/html ")
        assert "4 new of 4 links" in lines[0]
        assert {line.split()[0] for line in lines[:5]} == {lab.url + path for path in ("", "1", "2", "3", "gone")}
        assert "status 404: 1" in lines
        assert lines[-1].startswith("5 URLs in ")

    @pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".warc", ".WARC.gz"])
    def test_to_a_file(self, tmp_path, suffix):
        path = tmp_path / f"pages{suffix}"
        with lab_of_links(3, latency=0) as lab:
            done = aio_strategies("crawl", lab.url, "--to", str(path), "--strategy", "thread", "--max-tries", "1")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{lab.url} 200" not in done.stdout
        assert done.stdout.splitlines()[-1].startswith("5 URLs in ")
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        magic = {".parquet": b"PAR1", ".jsonl": b'{"url": ', ".warc": b"WARC/1.1", ".WARC.gz": b"\x1f\x8b"}[suffix]
        assert path.read_bytes().startswith(magic)

    def test_limits(self, tmp_path):
        def found(*arguments):
            done = aio_strategies("crawl", lab.url, *arguments)
            assert done.returncode == 0
            return {
                line.split()[0].removeprefix(lab.url) for line in done.stdout.splitlines() if line.startswith("http")
            }

        with lab_of_links(9, latency=0) as lab:
            assert found("--max-depth", "0") == {""}
            assert len(found("--max-pages", "4")) == 4
            assert found("--exclude", "/([3-9]|gone)$") == {"", "1", "2"}
            lab.reset()
            options = ["--max-tasks", "1", "--timeout", "5s", "--connect-timeout", "2s", "-H", "X: y"]
            assert len(found(*options, "--lenient", "--max-redirect", "2", "--language", "python")) == 11
            assert lab.stats().peak_in_flight == 1

    def test_what_only_the_crawler_in_rust_has(self, tmp_path):
        def statuses(*arguments):
            done = aio_strategies("crawl", lab.url, *arguments)
            assert (done.returncode, done.stderr) == (0, "")
            lines = [line.split() for line in done.stdout.splitlines() if line.startswith("http")]
            return {line[0].removeprefix(lab.url): line[1] for line in lines}

        with lab_of_links(9, latency=0) as lab:
            lab.reply("/robots.txt", b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nUser-agent: *\nDisallow: /1")
            robots = {"1": "error"}
            assert statuses("--include", "/[012]?$") == {"": "200", **robots, "2": "200"}
            assert statuses("--include", "/[012]?$", "--no-robots") == {"": "200", "1": "200", "2": "200"}
            lab.reset()
            statuses("--delay", "10ms", "--max-delay", "1s", "--nofollow", "--sitemaps", "--max-tasks-per-host", "3")
            records = {record.path: record.begun for record in lab.log()}
            assert "/sitemap.xml" in records
            starts = sorted(begun for path, begun in records.items() if not path.endswith((".txt", ".xml")))
            assert len(starts) == 10
            assert all(later - earlier >= 0.01 for earlier, later in pairwise(starts))
            assert len(statuses("--max-pages-per-folder", "4", "--no-robots")) == 4

    def test_a_state_and_a_picture(self, tmp_path):
        options = ["--state", str(tmp_path / "state"), "--plot", str(tmp_path / "crawl.svg")]
        with lab_of_links(9, latency=0) as lab:
            assert "3 URLs in " in aio_strategies("crawl", lab.url, "--max-pages", "3", *options).stdout
            assert "11 URLs in " in aio_strategies("crawl", lab.url, *options).stdout
            assert max(Counter(record.path for record in lab.log() if record.path != "/robots.txt").values()) == 1
            assert "URLs per second" in (tmp_path / "crawl.svg").read_text()
            done = aio_strategies("crawl", lab.url, *options)
        assert done.returncode == 1
        assert "11 URLs in " in done.stdout
        assert done.stderr.startswith("aio-strategies crawl: error: there is nothing to draw")

    def test_nothing_that_answers(self):
        done = aio_strategies("crawl", REFUSED, "--max-tries", "1")
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith(f"{REFUSED} error ")

    def test_what_the_parser_cannot_know(self):
        done = aio_strategies("crawl", REFUSED, "--strategy", "uring", "--language", "python")
        assert (done.returncode, done.stdout) == (2, "")
        assert "aio-strategies crawl: error: no version of 'uring' in the language 'python'" in done.stderr

        done = aio_strategies("crawl", REFUSED, "--no-robots", "--language", "python")
        assert (done.returncode, done.stdout) == (2, "")
        assert "aio-strategies crawl: error: only the crawler in Rust has --no-robots" in done.stderr
        done = aio_strategies("crawl", REFUSED, "--state", "folder", "--to", "pages.jsonl")
        assert (done.returncode, done.stdout) == (2, "")
        assert "aio-strategies crawl: error: --to and --state exclude each other" in done.stderr

    def test_what_is_not_installed(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        assert cli.main(["crawl", REFUSED, "--to", str(tmp_path / "p.parquet")]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert "error: Crawler.to_parquet needs pyarrow: pip install 'aio-strategies[crawl]'" in err

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
    def test_a_terminal_sees_how_it_gets_on(self):
        import pty

        ours, theirs = pty.openpty()
        with lab_of_links(100, latency=0.01) as lab:
            command = [sys.executable, "-m", "aio_strategies", "crawl", lab.url, "--max-tasks", "2"]
            environment = ENVIRONMENT | {"TERM": "xterm", "COLUMNS": "120"}
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
                os.close(theirs)
                shown = b""
                with contextlib.suppress(OSError):  # the other side has been closed
                    while piece := os.read(ours, 65536):
                        shown += piece
                printed = process.stdout.read()
        os.close(ours)
        assert process.returncode == 0
        text = re.sub(r"\x1b\[[?\d;]*\w", "", shown.decode())
        assert re.search(r"\d+/102 pages, \d+/s, \d+ queued, 0 failed, 1 host", text)
        assert printed.startswith(f"{lab.url} 200 ".encode())


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
@pytest.mark.slow
@pytest.mark.alone
class TestSignals:
    @pytest.mark.parametrize("language", ["python", "rust"])
    def test_ctrl_c_ends_a_crawl_with_130_and_keeps_what_came(self, language, tmp_path):
        with lab_of_links(20_000, latency=0.01) as lab:
            process = started("crawl", lab.url, "--language", language, "--to", str(tmp_path / "p.jsonl"))
            while lab.stats().served < 50:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=20)
        assert (process.returncode, stderr) == (130, "")
        came = int(re.search(r"^(\d+) URLs in ", stdout, re.M)[1])
        [path] = tmp_path.iterdir()
        assert path.name == "p.jsonl"
        assert came - len([json.loads(line) for line in path.read_text().splitlines()]) in (0, 1)

    def test_serve_until_ctrl_c(self):
        with started("serve", "--latency", "1ms", "--body-size", "2KiB") as process:
            url = process.stdout.readline().strip()
            with urllib.request.urlopen(url) as answer:
                assert len(answer.read()) == 2048
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=20)
        assert (process.returncode, stderr) == (0, "")
        assert stdout == "served 1 request, at most 1 in flight\n"

    def test_serve_json_is_a_line_at_the_start_and_one_at_the_end(self):
        with started("serve", "--json") as process:
            first = json.loads(process.stdout.readline())
            assert first["url"].endswith(f":{first['port']}") or f":{first['port']}/" in first["url"]
            process.send_signal(signal.SIGINT)
            stdout, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert json.loads(stdout)["served"] == 0

    def test_ctrl_c_is_the_program_s_own_affair(self, tmp_path):
        path = tmp_path / "program.py"
        path.write_text(
            "import time\n"
            "try:\n"
            "    print('begun', flush=True)\n"
            "    time.sleep(60)\n"
            "except KeyboardInterrupt:\n"
            "    time.sleep(0.2)\n"
            "    exit(5)\n",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "aio_strategies", "run", "--as-host", "a.invalid", str(path)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True
        ) as process:
            assert process.stdout.readline() == "begun\n"
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            _, stderr = process.communicate(timeout=20)
        assert process.returncode == 5
        assert stderr.startswith("aio-strategies: the lab served 0 requests as a.invalid:80")

    def test_ctrl_c_ends_a_comparison_with_130(self):
        with aio.LabServer(latency=0.05) as lab:
            one_arm = ["blocking", "--languages", "python"]
            process = started("compare", *one_arm, "--rounds", "1000", "--url", *lab.urls(3))
            while lab.stats().served == 0:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=20)
        assert (process.returncode, stdout, stderr) == (130, "", "")

    @pytest.mark.parametrize("command", [["strategies"], ["--version"], ["source", "thread"], ["compare", *ONE_RUN]])
    def test_a_closed_pipe_is_no_error_to_talk_about(self, command):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "aio_strategies", *command],
            stdout=writer,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (141, "")


class TestStrategies:
    def test_table(self):
        done = aio_strategies("strategies")
        assert done.returncode == 0
        lines = done.stdout.splitlines()
        assert [line.split()[0] for line in lines[2 : 2 + len(STRATEGIES)]] == list(STRATEGIES)
        assert "同步阻塞" in lines[2]

    def test_json(self):
        rows = json.loads(aio_strategies("strategies", "--json").stdout)
        assert [row["key"] for row in rows] == list(STRATEGIES)
        assert rows[0]["lecture_seconds"] == 1.3751
        assert rows[-1]["lecture_seconds"] is None
        assert rows[0].keys() == {
            "key",
            "section",
            "title",
            "title_zh",
            "lecture_seconds",
            "waits_by",
            "unavailable",
        }


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["compare", "--latency", "20xs"],
                "argument --latency: '20xs' is not a duration: write it as 20ms, 500us, 1.5s",
            ),
            (["compare", "--latency", "20"], "argument --latency: '20' needs a unit: write 20ms or 20s"),
            (["compare", "--budget", "-3"], "argument --budget: "),
            (
                ["compare", "thread", "fork"],
                "no strategy 'fork'; allowed: blocking, process, thread",
            ),
            (["compare", "--languages", "go"], "no language 'go'; allowed: python, rust"),
            (["compare", "--rounds", "0"], "argument -r/--rounds: rounds must be at least 1, not 0"),
            (["compare", "--json", "--markdown"], "not allowed with argument"),
            (["run", "fork"], "no strategy 'fork'; allowed: blocking, "),
            (["crawl"], "the following arguments are required: URL"),
            (["crawl", "ftp://a.org"], "argument URL: "),
            (["crawl", "a.org", "--to", "pages.csv"], "must end with .parquet, .jsonl, .warc or .warc.gz"),
            (["crawl", "a.org", "--exclude", "("], "argument --exclude: exclude='(' is no regular expression: "),
            (["crawl", "a.org", "--include", ")"], "argument --include: include=')' is no regular expression: "),
            (["crawl", "a.org", "--delay", "-1s"], "argument --delay: "),
            (["crawl", "a.org", "--plot", "a.gif"], "must end with .svg, .html, .png or .pdf, not 'a.gif'"),
            (["crawl", "a.org", "--max-pages", "0"], "argument --max-pages: max_pages must be at least 1, not 0"),
            (["crawl", "a.org", "--max-depth", "-1"], "argument --max-depth: max_depth must be at least 0, not -1"),
            (["crawl", "a.org", "--strategy", "fork"], "no strategy 'fork'; allowed: blocking, "),
            (["crawl", "a.org", "--lang", "rust"], "unrecognized arguments: --lang"),
            (["run", "thread", "-c", "many"], "'many' is not a whole number"),
            (["serve", "--port", "65536"], "port must be 0 to 65535, not 65536"),
            (
                ["compare", "--url", "ftp://x/"],
                '--url: "ftp://x/" has the scheme "ftp"; allowed: "http", "https"',
            ),
            (["compare", "--timeout", "0"], "argument --timeout: timeout must be a finite number of seconds above 0"),
            (
                ["compare", "--rate", "0"],
                "argument --rate: rate must be a finite number of requests per second above 0",
            ),
            (["compare", "--latency", "2000m"], "argument --latency: latency must be 0 to 86400 seconds, not 120000.0"),
            (["compare", "--seed", "-1"], "argument --seed: seed must be 0 to 18446744073709551615, not -1"),
            (["compare", "--lang", "python"], "for the strategies' language, write --language python"),
            (["compare", "--lang", "fr"], "lang must be 'en' or 'zh', not 'fr'"),
            (["run", "thread", "--lang", "rust"], "unrecognized arguments: --lang"),
            (["run", "thread", "--timeout", "0"], "argument --timeout: timeout must be"),
            (["serve", "--bandwidth", "0"], "argument --bandwidth: bandwidth must be 1 to 1e+15 bytes per second"),
            (["serve", "--body-size", "1.5"], "'1.5' is not a number of bytes: write it as 1500, 64KiB or 10MB"),
            ([], "the following arguments are required: COMMAND"),
        ],
    )
    def test_a_wrong_one_is_named_with_what_is_allowed(self, arguments, message, capsys):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert message in err

    def test_options_may_stand_anywhere(self, capsys):
        with pytest.raises(SystemExit):  # all is well up to the last one
            cli.main(["compare", "thread", "-n", "4", "asyncio", "-r", "2", "blocking", "--rounds", "none"])
        assert "argument -r/--rounds: 'none' is not a whole number" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("aio-strategies c", {"compare", "crawl"}),
            ("aio-strategies crawl a.org --strategy th", {"thread"}),
            ("aio-strategies compare th", {"thread"}),
            ("aio-strategies compare thread mi", {"mine.py"}),
            ("aio-strategies source y", {"yield_from"}),
            ("aio-strategies compare --cos", {"--costs"}),
            ("aio-strategies run --language ", {"python", "rust"}),
        ],
    )
    @pytest.mark.skipif(sys.platform == "win32", reason="argcomplete is for POSIX shells")
    def test_a_shell_is_told_how_to_complete(self, line, words, tmp_path):
        pytest.importorskip("argcomplete")
        (tmp_path / "mine.py").touch()
        answer = tmp_path / "answer"
        asked = {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "9",
        }
        program = [sys.executable, "-m", "aio_strategies"]
        subprocess.run(program, env=ENVIRONMENT | asked, cwd=tmp_path, check=True, timeout=60)
        assert set(answer.read_text().split("\n")) == words

    def test_version(self):
        done = aio_strategies("--version")
        assert done.returncode == 0
        assert done.stdout == f"aio-strategies {aio.__version__}\n"

    def test_the_command_s_own_import_is_light(self):
        code = (
            "import aio_strategies, sys; before = set(sys.modules); import aio_strategies.cli;"
            "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
        assert not set(done.stdout.split()) & {"rich", "IPython", "json", "asyncio", "statistics", "random"}
