"""What many tests share: the implementations, a lab, and a server that says whatever it is told."""

from __future__ import annotations

import contextlib
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import aio_strategies as aio
import interrupted_call
import psutil
import pytest
from aio_strategies.catalogue import LANGUAGES, STRATEGIES, TWINS

WAYS = [(strategy.key, language) for strategy in aio.strategies() for language in strategy.languages]
#: The keys of those that run here, by language.
KEYS = {language: [key for key, spoken in WAYS if spoken == language] for language in LANGUAGES}


def in_both_languages(key: str) -> list[tuple[str, str]]:
    """Return both versions of a strategy, by key and language; beside one that has no Python version, callback's."""
    return [(key if key in TWINS else "callback", "python"), (key, "rust")]


def pytest_configure() -> None:
    """Where the tests run in the background of a shell, which ignores SIGINT there, Ctrl-C shall work all the same."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


#: Those that `make check` tries; all wait in one of the manners of these.
CHECKED = [("thread", "python"), ("callback", "python"), ("thread", "rust"), ("asyncio", "rust")]


@pytest.fixture(
    params=[pytest.param(way, marks=[] if way in CHECKED else pytest.mark.slow) for way in WAYS],
    ids=[f"{language}-{key}" for key, language in WAYS],
)
def way(request: pytest.FixtureRequest) -> Callable[..., aio.Run]:
    """Each implementation in turn, as a function of URLs."""
    key, language = request.param

    def call(urls, **settings):
        return aio.run(key, urls, language=language, **settings)

    call.key, call.language = key, language
    call.alone = STRATEGIES[key].one_at_a_time
    return call


@pytest.fixture
def lab() -> Iterator[aio.LabServer]:
    with aio.LabServer(latency=0.02) as server:
        yield server


@pytest.fixture
def quick_lab() -> Iterator[aio.LabServer]:
    """A lab for what does not depend on the waiting, however many wait in a row."""
    with aio.LabServer(latency=0.002) as server:
        yield server


class ScriptedServer:
    """Answers ``/name`` by the script of that name: a function that is handed the connection after the request came."""

    def __init__(self) -> None:
        self.scripts: dict[str, Callable[[socket.socket], None]] = {}
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                connection: socket.socket = self.request
                head = b""
                while b"\r\n\r\n" not in head:
                    data = connection.recv(4096)
                    if not data:
                        return
                    head += data
                name = head.split()[1].decode().strip("/")
                with contextlib.suppress(OSError):
                    outer.scripts[name](connection)

        class Server(socketserver.ThreadingTCPServer):
            request_queue_size = 1024
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def refusing() -> Iterator[str]:
    """A URL that nobody listens at."""
    with held_port() as port:
        yield f"http://127.0.0.1:{port}/"


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """Yield a port that is held, but not listened on: nobody else can take it meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def full_backlog() -> Iterator[tuple[str, int]]:
    """An address that takes no further connection: its backlog is full."""
    with interrupted_call.full_backlog() as address:
        yield address


def thread_count() -> int:
    """How many threads this process has, but for jemalloc's, which other tests' libraries begin when they like."""
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        return psutil.Process().num_threads()
    names = []
    for task in tasks.iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            names.append((task / "comm").read_text())
    return sum(not name.startswith("jemalloc") for name in names)


def saying(*pieces: bytes) -> Callable[[socket.socket], None]:
    """Send the pieces, then end the stream."""

    def script(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return script


def output_in_a_network_of_its_own(program: str, *arguments: str) -> bytes:
    """Run a Python program in a network namespace, whose loopback interface is up; return what it prints."""
    unshare = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made here")
    command = [*unshare, sys.executable, "-c", program, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout
