"""The lab server from Python: its process, its log, and its standing in for other hosts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import itertools
import math
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aio_strategies as aio
import psutil
import pytest
from aio_strategies import resolver
from aio_strategies.exceptions import ForkedProcessError
from aio_strategies.lab import server as lab_module
from aio_strategies.lab.log import LogRecord
from aio_strategies.lab.server import LabServer, LabStats
from aio_strategies.targets import client_ports

#: Seconds far beyond what anything here should take.
PATIENCE = 20.0

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture
def lab() -> Iterator[LabServer]:
    with LabServer(latency=0.0) as server:
        yield server


def fetch(address: tuple[str, int], path: str = "/", host: str = "lab") -> bytes:
    """Fetch over a connection of its own, as the lecture does; return the body."""
    with socket.create_connection(address, timeout=PATIENCE) as sock:
        return ask(sock, path, host)


def ask(sock: socket.socket, path: str = "/", host: str = "lab") -> bytes:
    """Fetch over a connected blocking socket."""
    sock.settimeout(PATIENCE)
    sock.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    reply = b""
    while chunk := sock.recv(65536):
        reply += chunk
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n"), reply
    return body


def get(lab: LabServer, path: str = "/") -> bytes:
    return fetch(("127.0.0.1", lab.port), path)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def in_child(body: Callable[[], None]) -> None:
    """Run in a forked process that ends as a script does, and see that it succeeded."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            body()
            status = 0
        except BaseException as error:
            os.write(2, f"in the forked process: {error!r}\n".encode())
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


# --- the server


def test_serves_and_logs_on_the_clock_of_time_monotonic(lab: LabServer) -> None:
    before = time.monotonic()
    body = get(lab, "/page")
    after = time.monotonic()
    assert len(body) == 1024
    assert body.startswith(b"/page\n")
    (record,) = lab.log()
    assert isinstance(record, LogRecord)
    assert (record.id, record.connection, record.path, record.status, record.size) == (1, 1, "/page", 200, 1024)
    times = [record.accepted, record.request, record.first_byte, record.last_byte, record.closed]
    assert None not in times
    assert sorted(times) == times
    if sys.platform != "win32":
        assert before <= times[0]
        assert record.last_byte <= after


def test_latency_jitter_and_bandwidth() -> None:
    with LabServer(latency=0.03, jitter=0.02, seed=5, body_size=5000, bandwidth=100_000) as lab:
        start = time.monotonic()
        assert len(get(lab)) == 5000
        assert 0.03 + 0.05 <= time.monotonic() - start < PATIENCE
        (record,) = lab.log()
        assert record.first_byte - record.request >= 0.03 - 1e-6
        assert record.last_byte - record.first_byte >= 0.05 - 1e-6


def test_urls(lab: LabServer) -> None:
    root = f"http://127.0.0.1:{lab.port}/"
    assert lab.url == root
    assert lab.urls(0) == []
    assert lab.urls(3) == [root, f"{root}1", f"{root}2"]
    many = lab.urls(10_001)
    assert len(set(many)) == 10_001
    hosts = {url.split("/")[2] for url in many}
    assert f"127.0.0.1:{lab.port}" in hosts
    for url in many[:8]:
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            assert reply.read().startswith(b"/" + url.rpartition("/")[2].encode() + b"\n")
    if sys.platform == "linux":
        assert len(hosts) == 4


def test_stats_and_reset(lab: LabServer) -> None:
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda number: get(lab, f"/{number}"), range(50)))
    stats = lab.stats()
    assert isinstance(stats, LabStats)
    assert (stats.served, stats.errors, stats.connections, stats.log_dropped) == (50, 0, 50, 0)
    assert (stats.open_connections, stats.in_flight) == (0, 0)
    assert 1 <= stats.peak_in_flight <= 5
    assert 1 <= stats.peak_connections <= 5
    assert stats.cpu_user + stats.cpu_system > 0
    assert stats.uptime > 0
    lab.reset()
    assert len(lab.log()) == 0
    after = lab.stats()
    assert (after.served, after.connections, after.peak_connections, after.peak_in_flight) == (0, 0, 0, 0)
    assert after.uptime >= stats.uptime
    get(lab)
    assert lab.stats().served == 1


def test_peaks_are_those_of_the_client() -> None:
    with LabServer(latency=0.2) as lab:
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(lambda number: get(lab, f"/{number}"), range(10)))
        stats = lab.stats()
        assert (stats.peak_connections, stats.peak_in_flight) == (10, 10)
        lab.reset()
        get(lab)
        stats = lab.stats()
        assert (stats.peak_connections, stats.peak_in_flight) == (1, 1)


def test_keep_alive_head_and_errors(lab: LabServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        for number in range(3):
            connection.request("GET", f"/{number}")
            assert connection.getresponse().read().startswith(f"/{number}\n".encode())
        connection.request("HEAD", "/head")
        reply = connection.getresponse()
        assert (reply.headers["Content-Length"], reply.headers["Server"]) == ("1024", "aio-strategies-lab")
        assert reply.read() == b""
        assert [record.closed for record in lab.log()] == [None] * 4
        connection.request("POST", "/form", b"x=1")
        reply = connection.getresponse()
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")
        reply.read()
    eventually(lambda: lab.stats().open_connections == 0)
    log = lab.log()
    assert [record.status for record in log] == [200] * 4 + [405]
    assert [record.size for record in log][:4] == [1024, 1024, 1024, 0]
    assert len({(record.connection, record.accepted, record.closed) for record in log}) == 1
    assert log[0].closed is not None
    assert log[0].begun == log[0].accepted
    for before, record in itertools.pairwise(log):
        assert before.last_byte <= record.begun <= record.request


def test_an_exchange_on_a_used_connection_begins_when_its_request_does() -> None:
    with LabServer(latency=0.1) as lab, socket.create_connection(("127.0.0.1", lab.port)) as client:
        request = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"
        client.sendall(request + request)  # pipelined: both are there, but the second is answered after the first
        eventually(lambda: lab.stats().served == 2)
        idle = time.monotonic()
        client.sendall(request[:7])
        time.sleep(0.05)
        rest = time.monotonic()
        client.sendall(request[7:])
        eventually(lambda: lab.stats().served == 3)
        first, second, third = lab.log()
    assert first.begun == first.accepted
    assert second.begun == first.last_byte
    assert idle <= third.begun < rest <= third.request


def test_a_connection_without_a_request_is_recorded(lab: LabServer) -> None:
    socket.create_connection(("127.0.0.1", lab.port)).close()
    eventually(lambda: len(lab.log()) == 1)
    (record,) = lab.log()
    assert (record.path, record.status, record.size) == ("", None, 0)
    assert (record.request, record.first_byte, record.last_byte) == (None, None, None)
    assert record.closed is not None
    assert record.closed >= record.accepted


def test_the_log_is_a_sequence_and_bounded() -> None:
    with LabServer(latency=0, log_limit=80) as lab:
        for number in range(100):
            get(lab, f"/{number}")
        log = lab.log()
        assert 70 <= len(log) <= 80
        assert len(log) + log.dropped == 100
        assert lab.stats().log_dropped == log.dropped
        assert [record.path for record in log] == [f"/{number}" for number in range(log.dropped, 100)]
        assert log[-1] == list(log)[-1] == log[len(log) - 1]
        assert log[:3] == list(log)[:3]
        assert log[::-1][0] == log[-1]
        with pytest.raises(IndexError):
            log[len(log)]
        assert "dropped" in repr(log)


def test_non_ascii_paths(lab: LabServer) -> None:
    assert get(lab, "/你好").startswith("/你好\n".encode())
    assert lab.log()[0].path == "/你好"


@pytest.mark.skipif(sys.platform != "linux", reason="limits the descriptors of another process")
def test_without_descriptors_connections_wait(lab: LabServer) -> None:
    import resource

    get(lab)
    used = psutil.Process(lab.pid).num_fds()
    resource.prlimit(lab.pid, resource.RLIMIT_NOFILE, (used + 2, used + 2))
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.create_connection(("127.0.0.1", lab.port))) for _ in range(6)]
        eventually(lambda: lab.stats().open_connections == 2)
        cpu = lab.stats().cpu_user + lab.stats().cpu_system
        time.sleep(0.3)
        assert lab.stats().open_connections == 2
        assert lab.stats().cpu_user + lab.stats().cpu_system - cpu < 0.1, "it spins"
        assert [ask(sock, f"/{number}")[:2] for number, sock in enumerate(socks)] == [b"/%d" % i for i in range(6)]


@pytest.mark.skipif(sys.platform != "linux", reason="the table is Linux's")
def test_it_has_room_for_as_many_connections_as_a_client_has_ports(lab: LabServer) -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    status = Path(f"/proc/{lab.pid}/status").read_text()
    table = int(status.partition("FDSize:")[2].split()[0])
    assert table >= min(most, len(client_ports()))


# --- its process


def test_close_ends_the_process_and_may_be_repeated() -> None:
    lab = LabServer()
    process = psutil.Process(lab.pid)
    assert process.is_running()
    assert os.getpgid(lab.pid) != os.getpgid(0)
    assert lab.url in repr(lab)
    lab.close()
    lab.close()
    assert lab.closed
    assert not process.is_running()
    assert "closed" in repr(lab)
    for use in (lab.log, lab.stats, lab.reset):
        with pytest.raises(RuntimeError, match="closed"):
            use()
    with pytest.raises(RuntimeError, match="closed"):
        lab.as_host("example.com")


def test_a_forgotten_server_ends_silently() -> None:
    lab = LabServer()
    process = psutil.Process(lab.pid)
    del lab
    gc.collect()
    assert not process.is_running()


def test_the_death_of_the_server_is_told() -> None:
    with LabServer() as lab:
        os.kill(lab.pid, signal.SIGKILL)
        for use in (lab.log, lab.stats, lab.reset):
            with pytest.raises(RuntimeError, match="killed by SIGKILL, exit status -9"):
                use()


def test_a_taken_port_and_a_missing_program_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with LabServer() as lab, pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{lab.port}") as caught:
        LabServer(port=lab.port)
    assert caught.value.errno is not None
    monkeypatch.setattr(lab_module, "PROGRAM", tmp_path / "aio-strategies-helper")
    with pytest.raises(FileNotFoundError, match="program is missing") as missing:
        LabServer()
    assert str(missing.value.filename).startswith(str(tmp_path))


def script(text: str) -> list[str]:
    return [sys.executable, "-W", "error", "-X", "dev", "-c", textwrap.dedent(text)]


def test_it_ends_with_its_parent_however_that_ends() -> None:
    waiting = """
        import sys, time
        from aio_strategies.lab.server import LabServer
        lab = LabServer()
        print(lab.pid, flush=True)
        {}
    """
    process = subprocess.run(script(waiting.format("")), capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert process.stderr == ""
    assert not psutil.pid_exists(int(process.stdout))

    # A forked child holds copies of the pipes' ends, or not; the server ends all the same.
    with subprocess.Popen(script(waiting.format("time.sleep(60)")), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        start = time.monotonic()
        eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        assert time.monotonic() - start < 5


def test_commands_from_many_threads(lab: LabServer) -> None:
    def use(number: int) -> None:
        get(lab, f"/{number}")
        assert any(record.path == f"/{number}" for record in lab.log())
        assert lab.stats().served > 0

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(100)))
    assert lab.stats().served == 100


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interrupts with a timer")
def test_an_interrupted_command_leaves_no_stale_answer(lab: LabServer) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: get(lab, f"/{number}"), range(2000)))

    class Interrupt(BaseException):
        pass

    def interrupt(*_: Any) -> None:
        raise Interrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        interrupted = 0
        for number in range(60):
            try:
                signal.setitimer(signal.ITIMER_REAL, 20e-6 * (number + 1))
                lab.log()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                interrupted += 1
            assert lab.stats().served == 2000
            assert len(lab.log()) == 2000
        assert interrupted > 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@needs_fork
def test_a_forked_process_uses_it_but_does_not_command_it() -> None:
    with LabServer(latency=0) as lab:

        def child() -> None:
            get(lab, "/child")
            for use in (lab.log, lab.stats, lab.reset):
                with pytest.raises(ForkedProcessError):
                    use()
            lab.close()

        in_child(child)
        assert [record.path for record in lab.log()] == ["/child"]

        # and its end, with finalizers, is not the server's
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                lab_module.weakref.finalize._exitfunc()  # type: ignore[attr-defined]
            os._exit(0)
        os.waitpid(pid, 0)
        assert lab.stats().served == 1


@needs_fork
def test_a_forking_script_is_silent() -> None:
    text = """
        import os, sys
        from aio_strategies.lab.server import LabServer
        lab = LabServer()
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            assert lab.stats().served == 0
            lab.close()
        else:
            sys.exit(0)
    """
    process = subprocess.run(script(text), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("latency", -0.1, ValueError),
        ("latency", math.nan, ValueError),
        ("latency", math.inf, ValueError),
        ("latency", "1", TypeError),
        ("latency", True, TypeError),
        ("latency", None, TypeError),
        ("latency", 1e9, ValueError),
        ("jitter", -1, ValueError),
        ("jitter", False, TypeError),
        ("body_size", -1, ValueError),
        ("body_size", 1.5, TypeError),
        ("body_size", True, TypeError),
        ("bandwidth", 0, ValueError),
        ("bandwidth", -5.0, ValueError),
        ("bandwidth", math.inf, ValueError),
        ("bandwidth", True, TypeError),
        ("seed", -1, ValueError),
        ("seed", 1 << 64, ValueError),
        ("seed", 0.5, TypeError),
        ("port", 65536, ValueError),
        ("port", -1, ValueError),
        ("port", "80", TypeError),
        ("log_limit", 0, ValueError),
        ("log_limit", 10.0, TypeError),
    ],
)
def test_arguments_are_checked_at_the_call(name: str, value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"^{name} must be ") as caught:
        LabServer(**{name: value})
    assert repr(value) in str(caught.value)


def test_other_calls_check_their_arguments_too(lab: LabServer) -> None:
    for n, kind in ((-1, ValueError), (1.0, TypeError), (True, TypeError)):
        with pytest.raises(kind, match=r"^n must be"):
            lab.urls(n)  # type: ignore[arg-type]
    for host, port, kind in (
        ("", 80, ValueError),
        ("a b", 80, ValueError),
        ("http://a/", 80, ValueError),
        (b"a", 80, TypeError),
        ("a", 0, ValueError),
        ("a", 65536, ValueError),
        ("a", "80", TypeError),
    ):
        with pytest.raises(kind, match="must be"):
            lab.as_host(host, port)  # type: ignore[arg-type]


# --- as_host

PATCHED = [
    (socket, "getaddrinfo"),
    (socket, "gethostbyname"),
    (socket, "gethostbyname_ex"),
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """See to it that every test leaves the socket module as it was."""
    before = [(vars(owner).get(name), getattr(owner, name)) for owner, name in PATCHED]
    yield
    assert [(vars(owner).get(name), getattr(owner, name)) for owner, name in PATCHED] == before


def blocking(name: str) -> None:
    with socket.socket() as sock:
        sock.connect((name, 80))
        ask(sock)


def non_blocking(name: str) -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.connect((name, 80))
        select.select([], [sock], [], PATIENCE)
        ask(sock)


def non_blocking_connect_ex(name: str) -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.connect_ex((name, 80))
        select.select([], [sock], [], PATIENCE)
        ask(sock)


def create_connection(name: str) -> None:
    fetch((name, 80))


def get_host_by_name(name: str) -> None:
    fetch((socket.gethostbyname(name), 80))


def get_host_by_name_ex(name: str) -> None:
    fetch((socket.gethostbyname_ex(name)[2][0], 80))


def get_addr_info(name: str) -> None:
    for family, kind, proto, _, address in socket.getaddrinfo(name, "http", type=socket.SOCK_STREAM):
        with socket.socket(family, kind, proto) as sock:
            sock.connect(address)
            ask(sock)


def get_addr_info_without_port(name: str) -> None:
    for service in (None, 0):
        address = socket.getaddrinfo(name, service, type=socket.SOCK_STREAM)[0][4]
        fetch((str(address[0]), 80))


def ipv6_socket(name: str) -> None:
    try:
        sock = socket.socket(socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with sock:
        sock.connect(socket.getaddrinfo(name, 80, socket.AF_INET6, socket.SOCK_STREAM)[0][4])
        ask(sock)


def asyncio_streams(name: str) -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection(name, 80)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        await writer.wait_closed()

    asyncio.run(main())


def asyncio_sock_connect(name: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, (name, 80))
            await loop.sock_sendall(sock, b"GET / HTTP/1.0\r\n\r\n")
            assert b"200 OK" in await asyncio.wait_for(loop.sock_recv(sock, 65536), PATIENCE)

    asyncio.run(main())


def url_open(name: str) -> None:
    with urllib.request.urlopen(f"http://{name}/", timeout=PATIENCE) as reply:
        assert reply.status == 200


def http_client(name: str) -> None:
    connection = http.client.HTTPConnection(name, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Connection": "close"})
        assert connection.getresponse().read()


def in_a_thread(name: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(blocking, name).result(PATIENCE)


def in_a_forked_process(name: str) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    in_child(lambda: blocking(name))


@pytest.mark.parametrize(
    "way",
    [
        blocking,
        non_blocking,
        non_blocking_connect_ex,
        create_connection,
        get_host_by_name,
        get_host_by_name_ex,
        get_addr_info,
        get_addr_info_without_port,
        ipv6_socket,
        asyncio_streams,
        asyncio_sock_connect,
        url_open,
        http_client,
        in_a_thread,
        in_a_forked_process,
    ],
    ids=lambda way: way.__name__,
)
def test_as_host_answers_whatever_way_is_taken(
    lab: LabServer, way: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with lab.as_host("lecture.invalid"):
        way("lecture.invalid")
        eventually(lambda: lab.stats().open_connections == 0)
        served = lab.stats().served
        assert served >= 1
        way("Lecture.INVALID.")
        assert lab.stats().served > served
    with pytest.raises(OSError, match=r"."):
        socket.getaddrinfo("lecture.invalid", 80)


def test_as_host_knows_other_forms_of_a_name(lab: LabServer) -> None:
    with lab.as_host("Bücher.invalid", 8080):
        for name in ("bücher.invalid", "BÜCHER.invalid", "xn--bcher-kva.invalid", b"xn--bcher-kva.invalid"):
            fetch((name, 8080))  # type: ignore[arg-type]
    with lab.as_host("192.0.2.1"):
        blocking("192.0.2.1")


@pytest.mark.parametrize("language", ["python", "rust"])
def test_no_strategy_looks_up_a_host_that_the_lab_stands_in_for(
    lab: LabServer, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(hosts: Any, timeout: float) -> Any:
        raise AssertionError(f"{hosts} were looked up")

    monkeypatch.setattr(resolver, "look_up", look_up)
    with lab.as_host("lecture.invalid", 8080):
        [response] = aio.run("thread", ["http://lecture.invalid:8080/"], language=language)
    assert response.status_code == 200


def test_as_host_leaves_everything_else_alone(lab: LabServer) -> None:
    with LabServer(latency=0) as other, lab.as_host("localhost", 80):
        fetch(("localhost", other.port))
        # resolved without a port, so by its alias, and then connected to another port
        fetch((socket.gethostbyname("localhost"), other.port))
        fetch(("127.0.0.1", other.port))
        fetch(("localhost", 80))
        assert (lab.stats().served, other.stats().served) == (1, 3)
        with pytest.raises(OSError, match=r"."):
            socket.getaddrinfo("elsewhere.invalid", 80)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((socket.gethostbyname("localhost"), 80))
            assert sock.getpeername() == ("127.0.0.1", 80)
        if hasattr(socket, "AF_UNIX"):
            one, two = socket.socketpair()
            one.close()
            two.close()
            with socket.socket(socket.AF_UNIX) as sock, pytest.raises(FileNotFoundError):
                sock.connect("there is no such socket")


def test_as_host_nests_and_ends_in_any_order(lab: LabServer) -> None:
    with LabServer(latency=0) as other:

        def who() -> str:
            before = lab.stats().served, other.stats().served
            blocking("lecture.invalid")
            return "lab" if lab.stats().served > before[0] else "other"

        outer, inner = lab.as_host("lecture.invalid"), other.as_host("lecture.invalid")
        second = lab.as_host("second.invalid")
        outer.__enter__()
        assert who() == "lab"
        inner.__enter__()
        assert who() == "other"
        second.__enter__()
        outer.__exit__(None, None, None)
        assert who() == "other"
        inner.__exit__(None, None, None)
        with pytest.raises(OSError, match=r"."):
            who()
        blocking("second.invalid")
        second.__exit__(None, None, None)
        with lab.as_host("lecture.invalid"), lab.as_host("lecture.invalid"):
            assert who() == "lab"


def test_as_host_ends_for_threads_that_were_begun_in_it(lab: LabServer) -> None:
    with LabServer(latency=0) as real:
        ended = threading.Event()
        address = ("127.0.0.1", real.port)

        def late() -> None:
            fetch(address)
            ended.wait(10)
            fetch(address)

        with lab.as_host(*address):
            thread = threading.Thread(target=late)
            thread.start()
            eventually(lambda: lab.stats().served == 1)
        ended.set()
        thread.join()
        assert (lab.stats().served, real.stats().served) == (1, 1)


def test_as_host_from_many_threads(lab: LabServer) -> None:
    failures: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for _ in range(20):
                with lab.as_host(f"host{number}.invalid"):
                    blocking(f"host{number}.invalid")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == []
    assert lab.stats().served == 160


def test_as_host_respects_a_patch_that_came_later(lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> None:
    original = socket.getaddrinfo
    redirection = lab.as_host("lecture.invalid")
    redirection.__enter__()
    ours = socket.getaddrinfo

    def theirs(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs)

    socket.getaddrinfo = theirs
    try:
        redirection.__exit__(None, None, None)
        assert socket.getaddrinfo is theirs
        with pytest.raises(OSError, match=r"."):
            socket.getaddrinfo("lecture.invalid", 80)
        with lab.as_host("lecture.invalid"):
            create_connection("lecture.invalid")
        assert socket.getaddrinfo is theirs
    finally:
        socket.getaddrinfo = original
