"""Text as wide as it looks, tables, and the progress display."""

import io
import math
import sys
import threading
import unicodedata
from types import SimpleNamespace

import pytest
from aio_strategies.display import progress
from aio_strategies.display.notebook import Bars, bar, html_notes, html_table
from aio_strategies.display.progress import Notice, shown
from aio_strategies.display.tables import Column, Table
from aio_strategies.display.text import cut, flowed, pad, width
from aio_strategies.units import byte_count, figure, percent, seconds, with_interval

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

    def test_cut_ends_with_an_ellipsis_within_the_width(self):
        assert [cut("程序 abc", columns) for columns in (8, 7, 5, 4, 2)] == ["程序 abc", "程序 a…", "程序…", "程…", "…"]

    def test_flowed_breaks_at_spaces_and_indents(self):
        assert flowed("it took 20 ms of 30 %, or so", 12) == "it took\n  20 ms of\n  30 %, or\n  so"
        assert flowed("short", 60) == "short"

    def test_flowed_breaks_beside_any_chinese_character(self):
        lines = flowed("警告：请勿采信本次比较 python/blocking 对其孪生进程", 20).split("\n")
        assert max(map(width, lines)) <= 20
        assert "".join(line.removeprefix("  ") for line in lines).replace(" ", "") == (
            "警告：请勿采信本次比较python/blocking对其孪生进程"
        )


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "low", "high", "text"),
        [
            (105.3, 60.1, 160.2, "105 [60, 160]"),
            (20.83, 20.31, 21.26, "20.8 [20.3, 21.3]"),
            (5341.26, 5340.0, 5345.0, "5,341.3 [5,340.0, 5,345.0]"),
            (5341.26, 5200.0, 5400.0, "5,341 [5,200, 5,400]"),
            (4.126, 4.101, 4.15, "4.13 [4.10, 4.15]"),
            (4.126, -math.inf, math.inf, "4.13"),
            (5341.26, -math.inf, math.inf, "5,341.3"),
        ],
    )
    def test_a_wide_interval_has_no_decimals(self, value, low, high, text):
        assert with_interval(value, low, high) == text

    def test_a_share_and_its_sign_are_apart(self):
        assert (percent(0.3), percent(0.0123, 1), percent(1.9)) == ("30 %", "1.2 %", "190 %")

    def test_a_figure_has_thousands_separators(self):
        assert (figure(5341.26), figure(20.0), figure(4.0)) == ("5,341.3", "20.0", "4.00")


#: As wide as what ``compare`` shows, and as a column gives way there.
WIDE = Table(
    (
        Column("strategy (section)", shorten=2),
        Column("language", short="lang.", shorten=1),
        Column("wall, ms [95 %]", right=True),
        Column("CPU, ms/request", right=True, drop=3),
        Column("errors", right=True),
    ),
    (("thread (2.2.3)", "python", "20.8 [20.3, 21.3]", "0.123", "0"), ("", "rust", "≈105 [60, 160]", "0.1", "12")),
)


class TestNarrowTable:
    @pytest.mark.parametrize("columns", range(30, 100))
    def test_no_line_is_too_long_and_no_row_is_broken(self, columns):
        lines = WIDE.to_text(columns).splitlines()
        assert max(map(width, lines)) <= max(columns, 47)  # what may not give way is wider than 30
        assert len(lines) - lines.index(next(line for line in lines if line.startswith("--"))) == 3

    def test_with_room_enough_nothing_is_different(self):
        assert WIDE.to_text(200) == WIDE.to_text()

    def test_first_the_titles_take_two_lines(self):
        assert WIDE.to_text(70).splitlines()[:3] == [
            "strategy                                           CPU,",
            "(section)       language    wall, ms [95 %]  ms/request  errors",
            "--------------  --------  -----------------  ----------  ------",
        ]

    def test_then_columns_get_shorter_in_their_order(self):
        assert "language" not in WIDE.to_text(62)
        assert "(2.2.3)" in WIDE.to_text(62)
        assert "(2.2.3)" not in WIDE.to_text(60)
        assert "CPU" in WIDE.to_text(60)

    def test_then_columns_go(self):
        assert WIDE.to_text(50).splitlines() == [
            "strategy  lang.     wall, ms [95 %]  errors",
            "--------  ------  -----------------  ------",
            "thread    python  20.8 [20.3, 21.3]       0",
            "          rust       ≈105 [60, 160]      12",
        ]

    def test_at_last_the_longest_words_are_cut_but_no_number(self):
        table = Table(
            (Column("arm"), Column("language"), Column("wall", right=True)),
            (("a program with a very long name", "your code: threads", "123,456,789.0"), ("", "rust", "20.8")),
        )
        assert table.to_text(45).splitlines()[-2:] == [
            "a program…  your code: threads  123,456,789.0",
            "            rust                         20.8",
        ]
        assert max(map(width, table.to_text(20).splitlines())) == 8 + 8 + 13 + 4  # less makes no sense

    def test_at_last_a_long_name_is_cut(self):
        table = Table((Column("arm"), Column("wall", right=True)), (("a program with a very long name", "20.8"),))
        assert table.to_text(20).splitlines()[-1] == "a program wit…  20.8"


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

    def test_html_says_what_a_column_means_when_pointed_at(self):
        drawn = html_table(Table((Column("wall", about='the "median"'), Column("n")), (("1", "2"),)))
        assert drawn.count(' title="the &quot;median&quot;"') == 1
        assert drawn.count("title=") == 1

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

    def show_a_notice(self, progress):
        """Show one that comes as soon after another state as the next state comes after it."""
        with shown(progress) as show:
            for label in ("step 0", Notice("beware"), "step 1"):
                show(1, 3, label)

    def test_a_notice_is_written_at_once(self, capsys):
        self.show_a_notice(True)
        assert capsys.readouterr().err.splitlines() == ["1/3 step 0", "1/3 beware"]
        self.show_a_notice(None)
        self.show_a_notice(False)
        assert capsys.readouterr() == ("", "")

    def test_a_notice_stays_in_a_terminal(self, monkeypatch):
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("TERM", "xterm")
        self.show_a_notice(None)
        # a line that ends is not erased
        assert "beware\n" in stderr.getvalue()

    def test_switched_off_in_a_terminal(self, monkeypatch):
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        self.show_three(False)
        assert stderr.getvalue() == ""

    def test_a_callable_is_given_back(self):
        told = []
        self.show_three(lambda *state: told.append(state))
        assert told == [(0, 3, "step 0"), (1, 3, "step 1"), (2, 3, "step 2")]

    @pytest.fixture
    def shown_bundles(self, monkeypatch):
        """What is shown in a notebook, one after another in the same place."""
        display = pytest.importorskip("IPython.display")
        shown_bundles = []

        def note(bundle, **_):
            shown_bundles.append(bundle)
            return SimpleNamespace(update=lambda bundle, raw: shown_bundles.append(bundle))

        monkeypatch.setattr(display, "display", note)
        monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(kernel=None))
        return shown_bundles

    def test_a_notice_stays_in_a_notebook_until_the_end(self, shown_bundles, monkeypatch):
        clock = iter([0.0, 0.0, 0.5])
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        self.show_a_notice(None)
        assert [bundle["text/plain"] for bundle in shown_bundles] == [
            "1/3 step 0",
            "1/3 \nbeware",
            "1/3 step 1\nbeware",
            "",
        ]
        assert "<div>beware</div>" in shown_bundles[2]["text/html"]

    def test_in_a_notebook_one_block_is_replaced_and_empty_at_the_end(self, shown_bundles):
        self.show_three(None)
        assert [bundle["text/plain"] for bundle in shown_bundles] == ["0/3 step 0", ""]
        assert shown_bundles[-1]["text/html"] == ""
        assert "<style" not in shown_bundles[0]["text/html"]

    def test_once_enough_is_done_it_foretells_the_end(self, capsys, monkeypatch):
        clock = iter([0.0, 0.0, 10.0, 20.0, 110.0])
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        with shown(True) as show:
            for done in (0, 1, 3, 20):
                show(done, 22, "step")
        lines = capsys.readouterr().err.splitlines()
        assert lines == ["0/22 step", "1/22 step", "3/22 step, about 2 min left", "20/22 step, about 11 s left"]

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

    @pytest.mark.parametrize(("text", "words"), [("20", "20ms or 20s"), (" 5.5 ", "5.5ms or 5.5s"), ("100.", "100.ms")])
    def test_a_long_duration_needs_its_unit(self, text, words):
        with pytest.raises(ValueError, match=f"needs a unit: write {words}"):
            seconds(text)
        assert seconds("5") == 5.0

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
