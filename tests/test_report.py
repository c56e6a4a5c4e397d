"""Text as wide as it looks, tables, and the progress display."""

import io
import sys
import threading
import unicodedata
from types import SimpleNamespace

import pytest
from aio_strategies.display.notebook import Bars, bar, html_notes, html_table
from aio_strategies.display.progress import shown
from aio_strategies.display.tables import Column, Table
from aio_strategies.display.text import pad, width
from aio_strategies.units import byte_count, seconds

TABLE = Table(
    (Column("程序"), Column("耗时（单位：秒）", right=True), Column("n", right=True)),
    (("回调 + 事件循环", "0.2548", "1"), ("asyncio", "–", "20")),
)


class TestText:
    @pytest.mark.parametrize(
        ("text", "columns"),
        [("", 0), ("abc", 3), ("程序", 4), ("（：）", 6), ("2.3×", 4), ("–", 1), ("e\u0301", 1), ("ｱ", 1), ("ア", 2)],
    )
    def test_width_is_in_columns_of_a_terminal(self, text, columns):
        assert width(text) == columns

    def test_pad_fills_up_on_either_side(self):
        assert pad("程", 4) == "程  "
        assert pad("程", 4, right=True) == "  程"
        assert pad("toolong", 3) == "toolong"


class TestTable:
    def test_text_is_aligned_with_chinese_in_it(self):
        assert TABLE.to_text() == (
            "程序             耗时（单位：秒）   n\n"
            "---------------  ----------------  --\n"
            "回调 + 事件循环            0.2548   1\n"
            "asyncio                         –  20"
        )

    def test_columns_of_numbers_end_in_the_same_place(self):
        ends = {width(line) for line in TABLE.to_text().splitlines()}
        assert len(ends) == 1

    def test_markdown_is_aligned_and_says_which_columns_stand_right(self):
        lines = TABLE.to_markdown().splitlines()
        assert lines[1] == "| --------------- | ---------------: | --: |"
        assert {width(line) for line in lines} == {width(lines[0])}
        assert lines[2] == "| 回调 + 事件循环 |           0.2548 |   1 |"

    def test_markdown_keeps_a_cell_a_cell(self):
        table = Table((Column("a"),), (("x|y\nz",),))
        assert table.to_markdown().splitlines()[-1] == r"| x\|y z |"

    def test_without_rows(self):
        assert Table((Column("ab"),), ()).to_text() == "ab\n--"

    def test_html_escapes_and_draws_bars(self):
        table = Table((Column("<n>"), Column("v")), (("a&b", "1"), ("", "2")))
        drawn = html_table(table, bars=Bars(0, [1.0, 0.25], ["python", "rust"])) + html_notes(["<note>"])
        assert "&lt;n&gt;" in drawn
        assert "a&amp;b" in drawn
        assert "&lt;note&gt;" in drawn
        assert "width: 25.0%" in drawn
        assert drawn.count("<th") - drawn.count("<thead") == 3
        assert "<style" not in drawn
        assert "<script" not in drawn

    def test_bars_of_the_two_languages_differ(self):
        assert len({bar(0.5, "python"), bar(0.5, "rust"), bar(0.5)}) == 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestProgress:
    def show_three(self, progress):
        with shown(progress) as show:
            for done in range(3):
                show(done, 3, f"step {done}")

    def test_silent_where_stderr_is_no_terminal(self, capsys):
        self.show_three(None)
        assert capsys.readouterr() == ("", "")

    def test_forced_there_it_writes_lines(self, capsys):
        self.show_three(True)
        assert capsys.readouterr() == ("", "0/3 step 0\n")  # the others came too soon after it

    def test_in_a_terminal_it_draws_a_bar_without_a_thread_and_takes_it_away(self, monkeypatch):
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("TERM", "xterm")
        threads = threading.active_count()
        with shown(None) as show:
            show(1, 3, "rust/thread, round 1")
            assert threading.active_count() == threads
            assert "rust/thread, round 1" in stderr.getvalue()
        assert stderr.getvalue().endswith("\x1b[2K")  # erased the line

    def test_switched_off_in_a_terminal(self, monkeypatch):
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        self.show_three(False)
        assert stderr.getvalue() == ""

    def test_a_callable_is_given_back(self):
        told = []
        self.show_three(lambda *state: told.append(state))
        assert told == [(0, 3, "step 0"), (1, 3, "step 1"), (2, 3, "step 2")]

    def test_in_a_notebook_one_block_is_replaced_and_empty_at_the_end(self, monkeypatch):
        display = pytest.importorskip("IPython.display")
        shown_bundles = []

        def note(bundle, **_):
            shown_bundles.append(bundle)
            return SimpleNamespace(update=lambda bundle, raw: shown_bundles.append(bundle))

        monkeypatch.setattr(display, "display", note)
        monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(kernel=None))
        self.show_three(None)
        assert [bundle["text/plain"] for bundle in shown_bundles] == ["0/3 step 0", ""]
        assert shown_bundles[-1]["text/html"] == ""
        assert "<style" not in shown_bundles[0]["text/html"]

    def test_it_is_taken_away_after_an_exception_too(self, monkeypatch):
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("TERM", "xterm")
        with pytest.raises(ZeroDivisionError), shown(True) as show:
            show(1 // 0, 3, "step")
        assert "\x1b[?25h" in stderr.getvalue()  # the cursor is back


class TestUnits:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("20ms", 0.02),
            ("0.02", 0.02),
            ("0.02s", 0.02),
            ("1.5s", 1.5),
            ("500us", 0.0005),
            ("500µs", 0.0005),
            ("1m", 60.0),
            (".5s", 0.5),
            ("0", 0.0),
            (" 20 ms ", 0.02),
        ],
    )
    def test_durations(self, text, value):
        assert seconds(text) == pytest.approx(value)

    @pytest.mark.parametrize("text", ["", "ms", "20xs", "-1s", "1h", "nan", "inf", "1e3", "1.2.3", "20 m s", "２０"])
    def test_no_durations(self, text):
        with pytest.raises(ValueError, match="is not a duration: write it as 20ms"):
            seconds(text)

    @pytest.mark.parametrize(
        ("text", "value"), [("1500", 1500), ("0", 0), ("64KiB", 65536), ("10MB", 10_000_000), ("0.5KiB", 512)]
    )
    def test_bytes(self, text, value):
        assert byte_count(text) == value

    @pytest.mark.parametrize("text", ["", "1.5", "0.3KiB", "5X", "-1", "kB"])
    def test_no_bytes(self, text):
        with pytest.raises(ValueError, match="is not a number of bytes: write it as"):
            byte_count(text)

    def test_the_two_micro_signs_are_both_known(self):
        assert seconds("1\u00b5s") == seconds("1\u03bcs")
        assert unicodedata.normalize("NFKC", "\u00b5") == "\u03bc"
