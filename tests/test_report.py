"""Tables and the progress display."""

from __future__ import annotations

import io

import pytest
from aio_strategies.report import progress
from aio_strategies.report.notebook import Bars, html_table
from aio_strategies.report.tables import Column, Table
from aio_strategies.report.text import pad, width

TABLE = Table((Column("程序"), Column("s", right=True)), (("回调 + 事件循环", "0.25"), ("a|b", "12.5")))


def test_width_is_that_in_a_terminal():
    assert width("abc") == 3
    assert width("回调 + 事件循环") == 15
    assert width("é") == width("e\u0301") == 1
    assert pad("中", 4) == "中  "
    assert pad("中", 4, right=True) == "  中"


def test_text_columns_line_up():
    lines = TABLE.to_text().splitlines()
    assert lines == [
        "程序                s",
        "---------------  ----",
        "回调 + 事件循环  0.25",
        "a|b              12.5",
    ]


def test_markdown_escapes_its_bars():
    lines = TABLE.to_markdown().splitlines()
    assert lines[1] == "| --------------- | ---: |"
    assert lines[3] == r"| a\|b            | 12.5 |"
    assert len({width(line) for line in lines}) == 1


def test_html_is_escaped():
    shown = html_table(
        Table((Column("<a>"),), (("<b> & c",),)), bars=Bars(after=0, lengths=[0.5], kinds=["rust"]), notes=["<d>"]
    )
    assert "&lt;b&gt; &amp; c" in shown
    assert "&lt;a&gt;" in shown
    assert "&lt;d&gt;" in shown
    assert "width: 50.0%" in shown


def test_silent_where_nobody_looks(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys, "stderr", io.StringIO())
    with progress.shown(None) as show:
        show(1, 2, "x")
    assert progress.sys.stderr.getvalue() == ""


def test_log_lines_on_request(monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", io.StringIO())
    with progress.shown(True) as show:
        show(1, 2, "rust/thread")
    assert progress.sys.stderr.getvalue() == "1/2 rust/thread\n"


def test_in_a_terminal_nothing_is_left(monkeypatch):
    pytest.importorskip("rich")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress.sys, "stderr", Terminal())
    with progress.shown(None) as show:
        show(1, 2, "rust/thread")
    drawn = progress.sys.stderr.getvalue()
    assert "rust/thread" in drawn
    assert drawn.endswith("\x1b[2K")  # the line is erased
