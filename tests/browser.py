"""A headless Chromium for the tests, told what to do by the DevTools protocol; without one they are skipped."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

connect = pytest.importorskip("websockets.sync.client", reason="websockets is not installed").connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
#: What was seen, to be looked at.
SCREENSHOTS = Path(__file__).parent.parent / "target" / "screenshots"
# How many pixels of a picture are neither black nor white nor grey, from a corner on.
COLOURED = """
    (async (png, left, top) => {
        const bytes = Uint8Array.from(atob(png), character => character.charCodeAt(0));
        const picture = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
        const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
        context.drawImage(picture, 0, 0);
        const pixels = context.getImageData(left, top, picture.width - left, picture.height - top).data;
        let coloured = 0;
        for (let at = 0; at < pixels.length; at += 4) {
            const [red, green, blue] = pixels.subarray(at, at + 3);
            coloured += Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
        }
        return coloured;
    })(%s, %d, %d)
"""

# How bright a pixel of a picture is, from 0 to 1.
BRIGHTNESS = """
    (async (png, left, top) => {
        const bytes = Uint8Array.from(atob(png), character => character.charCodeAt(0));
        const picture = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
        const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
        context.drawImage(picture, 0, 0);
        const [red, green, blue] = context.getImageData(left, top, 1, 1).data;
        return (red + green + blue) / 3 / 255;
    })(%s, %d, %d)
"""


class Page:
    """A page of the browser, by the DevTools protocol."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._socket = websocket
        self._numbers = itertools.count(1)
        self.exceptions: list[str] = []
        self.requested: list[str] = []
        self.call("Runtime.enable")
        self.call("Network.enable")
        self.call("Page.enable")
        # as if its window were the one in front
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def call(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("method") == "Runtime.exceptionThrown":
                self.exceptions.append(json.dumps(message["params"]["exceptionDetails"]))
            if message.get("method") == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def evaluate(self, expression: str) -> object:
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def keep_screenshot(self, name: str, whole: bool = False) -> None:
        """Keep a picture of what is seen of it, or of the whole page."""
        area = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            area = {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        picture = base64.b64decode(self.call("Page.captureScreenshot", **area)["data"])
        (SCREENSHOTS / f"{name}.png").write_bytes(picture)

    def brightness(self, left: int, top: int) -> float:
        """Return how bright a pixel of what is seen is, from 0 to 1."""
        return self.evaluate(BRIGHTNESS % (json.dumps(self.call("Page.captureScreenshot")["data"]), left, top))

    def coloured_pixels(self, left: int = 0, top: int = 0) -> int:
        """Count the pixels that have a colour, right of and below a point of what is seen."""
        return self.evaluate(COLOURED % (json.dumps(self.call("Page.captureScreenshot")["data"]), left, top))


@contextlib.contextmanager
def running(*command: str, **settings: object) -> Iterator[None]:
    """Run a program meanwhile."""
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, **settings)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def wait_for(what: str, ready: Callable[[], object], seconds: float = 40) -> object:
    """Return what becomes of it, as soon as it is something true; what cannot be reached yet is asked again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if value := ready():
                return value
        time.sleep(0.1)
    raise AssertionError(f"no {what} within {seconds} seconds")


@contextlib.contextmanager
def browser(tmp_path: Path) -> Iterator[Page]:
    """Give a page of a browser that reaches this machine only."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
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
