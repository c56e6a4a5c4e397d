"""What curl, httpx, requests and aiohttp make of the fault matrix: its rows, from the same servers.

Each is used as its users use it: its own defaults, but for what the row is about (redirects followed, the servers'
authority trusted), a timeout of TIMEOUT seconds, and content encodings asked for. httpx's and requests' timeouts are
those of single reads; who has not come back after LIMIT seconds has not ended at the timeout. Writes
results/other_clients.json, from which docs/make_faults.py makes docs/faults.md. Needs curl, httpx, requests and
aiohttp, in an environment without niquests, which would bring requests another urllib3.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import httpx
import requests
from save import save

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from fault_rows import ASKED, ROWS, Row, Servers, all_served

#: Seconds.
TIMEOUT, LIMIT = 2.0, 10.0


class Request(NamedTuple):
    """What a client is asked for."""

    url: str
    method: str
    headers: dict[str, str]
    follow: bool
    authority: str
    reads_text: bool


class Reply(NamedTuple):
    status: int
    body: bytes


#: What curl's manual says about its exit codes, in fewer words.
CURL = {
    1: "unsupported protocol",
    3: "malformed URL",
    6: "no address",
    7: "cannot connect",
    8: "weird reply",
    18: "partial file",
    27: "out of memory",
    28: "timeout",
    35: "TLS failed",
    43: "bad argument",
    47: "too many redirects",
    52: "empty reply",
    56: "receive error",
    60: "certificate",
    61: "bad encoding",
}


def curl(request: Request) -> Reply:
    with tempfile.TemporaryDirectory() as folder:
        body, headers = Path(folder, "body"), Path(folder, "headers")
        headers.write_text("".join(f"{name}: {value}\n" for name, value in request.headers.items()))
        command = ["curl", "-sS", "--max-time", str(TIMEOUT), "--compressed", "--cacert", request.authority]
        command += ["-o", str(body), "-w", "%{http_code}", "-H", f"@{headers}"]
        command += ["--location"] if request.follow else []
        command += ["--head"] if request.method == "HEAD" else []
        done = subprocess.run([*command, request.url], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CurlError(done.returncode)
        whole = body.read_bytes() if body.exists() and request.method != "HEAD" else b""  # else it writes the head
        return Reply(int(done.stdout), whole)


class CurlError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"{code} ({CURL[code]})" if code in CURL else str(code))


def with_httpx(request: Request) -> Reply:
    context = ssl.create_default_context(cafile=request.authority)
    with httpx.Client(verify=context, timeout=TIMEOUT, follow_redirects=request.follow) as client:
        response = client.request(request.method, request.url, headers=request.headers)
        if request.reads_text:
            assert response.text
        return Reply(response.status_code, response.content)


def with_requests(request: Request) -> Reply:
    response = requests.request(
        request.method,
        request.url,
        headers=request.headers,
        timeout=TIMEOUT,
        allow_redirects=request.follow,
        verify=request.authority,
    )
    if request.reads_text:
        assert response.text
    return Reply(response.status_code, response.content)


def with_aiohttp(request: Request) -> Reply:
    context = ssl.create_default_context(cafile=request.authority)

    async def fetch() -> Reply:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session,
            session.request(
                request.method, request.url, headers=request.headers, allow_redirects=request.follow, ssl=context
            ) as response,
        ):
            if request.reads_text:
                await response.text()
            return Reply(response.status, await response.read())

    return asyncio.run(fetch())


CLIENTS: dict[str, Callable[[Request], Reply]] = {
    "curl": curl,
    "httpx": with_httpx,
    "requests": with_requests,
    "aiohttp": with_aiohttp,
}


def outcome(client: Callable[[Request], Reply], request: Request) -> dict:
    """What came of it: a status and the body's size, the error's name, or neither, if it has not ended."""
    found: dict = {"ended": False}

    def fetch() -> None:
        try:
            reply = client(request)
            found.update(ended=True, status=reply.status, size=len(reply.body))
        except CurlError as error:
            found.update(ended=True, error=str(error))
        except Exception as error:
            found.update(ended=True, error=type(error).__name__)

    thread = threading.Thread(target=fetch, daemon=True)  # it may never end
    thread.start()
    thread.join(LIMIT)
    return dict(found)


def request_of(row: Row, servers: Servers) -> Request:
    asked = ASKED[row.asked]
    return Request(
        servers.urls[row.case],
        asked.get("method", "GET"),
        asked.get("headers", {}),
        asked.get("follow_redirects", False),
        servers.ca_file,
        "text" in row.holds,
    )


def main() -> None:
    if importlib.util.find_spec("urllib3_future"):
        sys.exit("urllib3-future, which niquests installs, takes the place of requests' urllib3: uninstall both")
    found: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder, all_served(folder) as servers:
        for row in ROWS:
            if row.by_others:
                request = request_of(row, servers)
                found[row.case] = {name: outcome(client, request) for name, client in CLIENTS.items()}
                print(f"{row.number:3} {row.case}: {row.outcome}")
                for name, came in found[row.case].items():
                    print(f"        {name:9} {came}")
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    versions = {"curl": version} | {name: importlib.metadata.version(name) for name in CLIENTS if name != "curl"}
    save(Path(__file__), {"timeout": TIMEOUT, "limit": LIMIT, "versions": versions, "outcomes": found})


if __name__ == "__main__":
    main()
