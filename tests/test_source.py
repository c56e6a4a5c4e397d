"""The sources of the strategies: the right text, the lines that wait, and how they are shown."""

import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import aio_strategies as aio
import pytest
from aio_strategies import sources
from aio_strategies.catalogue import STRATEGIES, TWINS
from aio_strategies.display.code import COLOURS, LEAST_COLUMNS
from aio_strategies.sources import ASLEEP, PAUSED, SPINNING, WAITS
from rich.console import Console

SRC = Path(__file__).parent.parent / "src"
WIDE = 2 * LEAST_COLUMNS + 10


def marked(key, language):
    """Return the marked lines of a strategy's own file, stripped, by the sign."""
    (listing,) = aio.source(key, language).parts[0]
    lines = listing.text.split("\n")
    return [(mark, lines[number - 1].strip()) for number, mark in sorted(listing.marks.items())]


EACH = [(key, language) for key, strategy in STRATEGIES.items() for language in strategy.waits_by]


class TestEachStrategy:
    @pytest.mark.parametrize("key", STRATEGIES)
    def test_texts(self, key):
        found = aio.source(key)
        texts = [getattr(found, language) for language in STRATEGIES[key].waits_by]
        for language, text in zip(STRATEGIES[key].waits_by, texts, strict=True):
            assert f"{'def' if language == 'python' else 'fn'} {key}_way(" in text
        assert found.strategy is STRATEGIES[key]
        assert [listing.text for listing in found.parts[0]] == texts

    @pytest.mark.parametrize("key", STRATEGIES)
    @pytest.mark.skipif(not SRC.exists(), reason="not in the repository")
    def test_the_native_module_was_built_from_these_sources(self, key):
        for *_, listing in aio.source(key).parts:
            assert listing.text == (SRC / listing.title).read_text(encoding="utf-8"), "build anew"

    @pytest.mark.parametrize(("key", "language"), EACH)
    def test_it_has_lines_that_wait_and_they_are_code(self, key, language):
        lines = marked(key, language)
        assert lines
        for _, line in lines:
            assert re.match(r'[^/#"]', line), line

    @pytest.mark.parametrize(("key", "language"), EACH)
    def test_each_pattern_matches(self, key, language):
        for part in aio.source(key, language).parts:
            for listing in part:
                stem = listing.title.rpartition("/")[2].partition(".")[0]
                for _, pattern in WAITS[language, stem]:
                    assert re.search(pattern, listing.text, re.MULTILINE), (listing.title, pattern)

    @pytest.mark.parametrize("key", TWINS)
    def test_the_languages_wait_in_the_same_manner(self, key):
        kinds = []
        for language in STRATEGIES[key].waits_by:
            listings = [listing for part in aio.source(key, language).parts for listing in part]
            kinds.append({mark for listing in listings for mark in listing.marks.values()})
        if key != "asyncio":  # asyncio sleeps in its own code
            assert kinds[0] == kinds[1]

    @pytest.mark.parametrize("key", STRATEGIES)
    def test_html_survives_an_untrusted_notebook(self, key):
        seen, text = [], []

        class Reader(HTMLParser):
            def handle_starttag(self, tag, attributes):
                seen.append((tag, {name for name, _ in attributes}))

            def handle_data(self, data):
                text.append(data)

        found = aio.source(key)
        Reader().feed(found._repr_html_())
        assert {tag for tag, _ in seen} <= {"div", "pre", "span", "b", "details", "summary"}
        assert set().union(*(attributes for _, attributes in seen)) == {"style"}
        shown = "".join(text)
        for listings in found.parts[:1]:
            for line in "\n".join(listing.text for listing in listings).splitlines():
                assert line in shown


def test_lines_that_wait():
    assert marked("blocking", "python") == [
        (ASLEEP, "slot.sock.connect(attempt.address)"),
        (ASLEEP, "attempt.sent(slot.sock.send(attempt.unsent))"),
        (ASLEEP, "attempt.received(slot.sock.recv(attempt.read_size))"),
    ]
    assert marked("nonblocking", "python") == [
        (SPINNING, "error = slot.sock.connect_ex(attempt.address)"),
        (SPINNING, "attempt.sent(slot.sock.send(attempt.unsent))"),
        (SPINNING, "attempt.received(slot.sock.recv(attempt.read_size))"),
    ]
    assert marked("nonblocking", "rust") == [(SPINNING, "spin_loop();")]
    assert marked("generator", "python") == [(ASLEEP, "event_loop.run()"), *[(PAUSED, "yield future")] * 3]
    assert (PAUSED, "Want::Receive => read_all(attempt, socket).await,") in marked("yield_from", "rust")
    assert marked("uring", "rust") == [
        (ASLEEP, "self.ring.wait().map_err(failed)?;"),
        (PAUSED, "Ok(()) => ring.connect(place),"),
        (PAUSED, "Want::Send(bytes) => ring.send(place, bytes),"),
        (PAUSED, "Want::Receive => ring.receive(place, attempt.read_size()),"),
    ]
    for key, language in EACH:
        for _, line in marked(key, language):
            assert not re.search(r"due|sleep\(", line), "waiting for the rate is not waiting for the network"


def test_what_a_strategy_builds_upon_follows():
    def titles(key):
        return [[listing.title for listing in part] for part in aio.source(key).parts[1:]]

    loop = ["lecture/event_loop.py", "event_loop.rs"]
    executor = ["lecture/executor.py", "executor.rs"]
    assert titles("callback") == [loop]
    assert titles("generator") == titles("yield_from") == [loop, executor]
    assert titles("thread") == titles("process") == [["lecture/blocking_way.py", "strategies/blocking_way.rs"]]
    assert titles("blocking") == titles("nonblocking") == titles("asyncio") == []
    assert titles("uring") == [["ring.rs"]]
    assert aio.source("thread")._repr_html_().count("<details") == 1


class TestArguments:
    def test_no_such_strategy(self):
        with pytest.raises(ValueError, match="no strategy 'fiber'; allowed: blocking, process, "):
            aio.source("fiber")

    def test_no_such_language(self):
        with pytest.raises(ValueError, match="no language 'go'; allowed: python, rust"):
            aio.source("thread", ["go"])
        with pytest.raises(ValueError, match="languages is empty"):
            aio.source("thread", [])
        for ask in (lambda: aio.source("uring", "python"), lambda: aio.source("uring").python):
            with pytest.raises(ValueError, match="no version of 'uring' in the language 'python'; allowed: rust"):
                ask()

    def test_one_that_cannot_run_here_can_be_read(self, monkeypatch):
        crippled = STRATEGIES["process"]._replace(unavailable={"rust": "there is no helper"})
        monkeypatch.setattr(sys.modules["aio_strategies.catalogue"], "STRATEGIES", {**STRATEGIES, "process": crippled})
        assert "fn process_way" in aio.source("process").rust

    def test_the_native_module_keeps_no_other_files(self):
        with pytest.raises(ValueError, match="no source"):
            aio._native.rust_source("lib.rs")

    def test_it_cannot_be_changed(self):
        with pytest.raises(AttributeError):
            aio.source("thread").parts = ()


class TestTerminal:
    found = aio.source("thread")

    def test_side_by_side_if_there_is_room(self):
        lines = self.found.to_text(columns=WIDE).split("\n")
        assert lines[0].split() == ["lecture/thread_way.py", "│", "strategies/thread_way.rs"]
        assert all(len(line) <= WIDE for line in lines[:-2])
        assert {line.index("│") for line in lines if "│" in line} == {(WIDE - 3) // 2 + 1}

    def test_else_below_each_other(self):
        lines = self.found.to_text(columns=80).split("\n")
        assert lines[0] == "  lecture/thread_way.py"
        assert lines.index("  strategies/thread_way.rs") > self.found.python.count("\n")
        assert all(len(line) <= 80 for line in lines)
        assert "●                 future.result()" in lines
        assert lines[-2].startswith("● the thread sleeps here")
        assert lines[-1] == "  builds on lecture/blocking_way.py, strategies/blocking_way.rs"

    def test_nothing_is_lost_where_lines_are_broken(self):
        text = aio.source("thread", "rust").to_text(columns=40)
        assert "".join(self.found.rust.split()) in "".join(text.replace("●", "").split())

    def test_the_whole(self):
        assert "sock.recv(attempt.read_size)" in self.found.to_text(whole=True)
        assert "builds on" not in self.found.to_text(whole=True)

    def test_text_has_no_colours(self, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert "\x1b" not in str(self.found)
        assert "\x1b" not in repr(self.found), "standard output is no terminal here"

    def test_a_terminal_has_colours(self, monkeypatch):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("COLUMNS", "80")
        coloured = repr(self.found)
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == str(self.found)
        monkeypatch.setenv("TERM", "dumb")
        assert "\x1b" not in repr(self.found)

    def test_rich_has_its_own_width(self):
        out = io.StringIO()
        Console(file=out, width=WIDE).print(self.found)
        assert out.getvalue().rstrip() == self.found.to_text(columns=WIDE)

    def test_rich(self):
        out = io.StringIO()
        Console(file=out, width=100, force_terminal=True, color_system="standard").print(self.found)
        assert "\x1b[35m" in out.getvalue()
        assert " │ " not in out.getvalue()
        assert "fn thread_way" in re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def luminance(colour):
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    "colour", sorted({c.html for c in [*COLOURS.values(), *(m.colour for m in (ASLEEP, SPINNING, PAUSED))]})
)
def test_colours_are_read_on_white_and_on_black(colour):
    light = luminance(colour) + 0.05
    assert 1.05 / light >= 4
    assert light / (luminance("#111111") + 0.05) >= 4


class TestCommand:
    @staticmethod
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-X", "utf8", "-m", "aio_strategies", "source", *arguments],
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    def test_both(self):
        done = self.run("callback")
        assert (done.returncode, done.stderr) == (0, "")
        assert "def callback_way" in done.stdout
        assert "fn callback_way" in done.stdout
        assert "\x1b" not in done.stdout

    def test_one_language_and_the_whole(self):
        done = self.run("callback", "--language", "python", "--whole")
        assert "fn " not in done.stdout
        assert "class EventLoop" in done.stdout

    def test_a_wrong_strategy(self):
        done = self.run("fiber")
        assert done.returncode == 2
        assert "no strategy 'fiber'; allowed: blocking, " in done.stderr


def test_nothing_is_imported_before_it_is_asked_for():
    program = "import sys, aio_strategies; print('pygments' in sys.modules, 'aio_strategies.sources' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
    assert sources.source is aio.source
