"""What the lab does wrong on purpose, what its clients do wrong, and what comes of both."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import pickle
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aio_strategies as aio
import pytest
from aio_strategies import Fault
from test_lab import PATIENCE, eventually, get


@pytest.fixture
def lab() -> Iterator[aio.LabServer]:
    with aio.LabServer(latency=0.0) as server:
        yield server


def connect(lab: aio.LabServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", lab.port), timeout=PATIENCE)


def send(lab: aio.LabServer, path: str = "/", version: str = "1.0") -> socket.socket:
    sock = connect(lab)
    sock.sendall(f"GET {path} HTTP/{version}\r\n\r\n".encode())
    return sock


def read_all(sock: socket.socket) -> bytes:
    with sock:
        return b"".join(iter(lambda: sock.recv(1 << 16), b""))


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def timed(call: Callable[[], Any]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


# --- faults of single exchanges


def test_latency_of_some_paths_only() -> None:
    with aio.LabServer(latency=0.01, faults=[Fault("latency", seconds=0.2, path="/slow*")]) as lab:
        assert timed(lambda: get(lab, "/slow/1")) >= 0.21
        get(lab, "/quick")
        slow, quick = lab.log()
        assert slow.first_byte - slow.request >= 0.21 - 1e-6
        assert quick.first_byte - quick.request < 0.2


def test_bandwidth() -> None:
    with aio.LabServer(latency=0, body_size=10_000, faults=[Fault("bandwidth", rate=100_000)]) as lab:
        assert len(get(lab)) == 10_000
        (record,) = lab.log()
        assert record.last_byte - record.first_byte >= 0.1 - 1e-6


def test_slow_close() -> None:
    with aio.LabServer(latency=0, faults=[Fault("slow_close", seconds=0.2)]) as lab:
        start = time.monotonic()
        with send(lab) as sock:
            received = b""
            while len(received.partition(b"\r\n\r\n")[2]) < 1024:
                received += sock.recv(1 << 16)
            assert time.monotonic() - start < 0.2, "the reply itself is not late"
            assert sock.recv(1) == b""
        assert time.monotonic() - start >= 0.2
        eventually(lambda: lab.log()[0].closed is not None)
        (record,) = lab.log()
        assert record.closed - record.last_byte >= 0.2 - 1e-6
        assert lab.stats().served == 1


def test_timeout_closes_after_a_time_or_never() -> None:
    faults = [Fault("timeout", path="/never"), Fault("timeout", seconds=0.1, path="/late")]
    with aio.LabServer(latency=0, faults=faults) as lab:
        start = time.monotonic()
        assert read_all(send(lab, "/late")) == b""
        assert time.monotonic() - start >= 0.1
        silent = send(lab, "/never")
        silent.settimeout(0.3)
        with pytest.raises(TimeoutError):
            silent.recv(1)
        silent.close()
        eventually(lambda: lab.stats().open_connections == 0)
        assert [(record.path, record.status, record.first_byte) for record in lab.log()] == [
            ("/late", None, None),
            ("/never", None, None),
        ]
        assert lab.stats().served == 0


def test_reset_peer() -> None:
    with aio.LabServer(latency=0, faults=[Fault("reset_peer", seconds=0.1)]) as lab:
        start = time.monotonic()
        with send(lab) as sock, pytest.raises(ConnectionResetError):
            sock.recv(1)
        assert time.monotonic() - start >= 0.1
        assert lab.stats().open_connections == 0
    at_once = aio.LabServer(latency=0, faults=[Fault("reset_peer")])
    with at_once as lab, send(lab) as sock, pytest.raises(ConnectionResetError):
        sock.recv(1)


def test_slicer() -> None:
    with aio.LabServer(latency=0, body_size=100, faults=[Fault("slicer", size=50, seconds=0.02)]) as lab:
        with send(lab) as sock:
            pieces = list(iter(lambda: sock.recv(1 << 16), b""))
        whole = b"".join(pieces)
        assert len(whole.partition(b"\r\n\r\n")[2]) == 100
        assert len(pieces[0]) == 50
        (record,) = lab.log()
        assert record.last_byte - record.first_byte >= (len(whole) - 1) // 50 * 0.02 - 1e-6
        assert len(pieces) > 2


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_limit_data(version: str) -> None:
    with aio.LabServer(
        latency=0, faults=[Fault("limit_data", size=300), Fault("limit_data", size=0, path="/0")]
    ) as lab:
        assert len(read_all(send(lab, version=version))) == 300
        assert read_all(send(lab, "/0", version=version)) == b""
        cut, nothing = lab.log()
        assert (cut.status, cut.last_byte) == (200, None)
        assert cut.size < 300
        assert (nothing.status, nothing.size, nothing.first_byte) == (None, 0, None)
        assert (lab.stats().served, lab.stats().errors) == (0, 0)


def test_the_same_exchanges_are_struck_each_time() -> None:
    def struck(seed: int) -> list[str]:
        with aio.LabServer(latency=0, seed=seed, faults=[Fault("limit_data", size=0, probability=0.3)]) as lab:
            seen = []
            for _ in range(2):
                with ThreadPoolExecutor(5) as pool:
                    list(pool.map(lambda number: read_all(send(lab, f"/{number}")), range(60)))
                seen.append(sorted(record.path for record in lab.log() if record.status is None))
                lab.reset()
            assert seen[0] == seen[1]
            assert 5 <= len(seen[0]) <= 35
            # the same path again is another exchange
            assert {bool(read_all(send(lab, "/again"))) for _ in range(40)} == {True, False}
            return seen[0]

    assert struck(1) == struck(1) != struck(2)


# --- faults of the whole server


def fetch_for(lab: aio.LabServer, seconds: float) -> list[tuple[float, float]]:
    """Fetch one page after another; return when each request came, after the first, and how long its reply took."""
    end = time.monotonic() + seconds
    for number in itertools.count():
        get(lab, f"/{number}")
        if time.monotonic() > end:
            break
    log = lab.log()
    return [(record.request - log[0].request, record.first_byte - record.request) for record in log]


@pytest.mark.slow
def test_a_hiccup_comes_once_and_again_after_a_reset() -> None:
    with aio.LabServer(latency=0.005, faults=[Fault("hiccup", at=0.2, seconds=0.3)]) as lab:
        time.sleep(0.3)  # its time counts from the first request
        for _ in range(2):
            replies = [at + took for at, took in fetch_for(lab, 0.7)]
            assert min(replies) < 0.2
            assert not [reply for reply in replies if 0.25 <= reply < 0.5 - 1e-6]
            assert max(replies) >= 0.5
            lab.reset()


def test_while_it_stands_still_it_accepts_and_reads() -> None:
    with aio.LabServer(latency=0, faults=[Fault("hiccup", at=0, seconds=0.3)]) as lab:
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(lambda number: get(lab, f"/{number}"), range(10)))
        log = lab.log()
        begin = min(record.request for record in log)
        assert all(record.first_byte >= begin + 0.3 - 1e-6 for record in log)
        assert lab.stats().peak_in_flight == 10
        assert min(record.first_byte for record in log) - max(record.request for record in log) > 0.1


def test_pauses_come_again_and_again() -> None:
    with aio.LabServer(latency=0.002, faults=[Fault("pauses", every=0.2, seconds=0.1)]) as lab:
        replies = [at + took for at, took in fetch_for(lab, 0.85)]
        assert min(replies) < 0.1, "the first pause is not at the beginning"
        assert not [reply for reply in replies if reply >= 0.2 and 0.05 <= reply % 0.2 < 0.1 - 1e-6]
        assert max(replies) >= 0.5


def test_a_ramp_rises() -> None:
    with aio.LabServer(latency=0, faults=[Fault("ramp", at=0.1, until=0.5, seconds=0.1)]) as lab:
        times = fetch_for(lab, 0.8)
        for at, took in times:
            assert took >= 0.1 * min(max(at - 0.1, 0) / 0.4, 1) - 1e-6
        assert min(took for at, took in times if at < 0.1) < 0.05


def test_saturation_makes_a_queue() -> None:
    with aio.LabServer(latency=0.05, faults=[Fault("saturation", limit=2)]) as lab:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: get(lab, f"/{number}"), range(8)))
        log = sorted(lab.log(), key=lambda record: record.request)
        begin = log[0].request
        for place, record in enumerate(sorted(log, key=lambda record: record.first_byte)):
            assert record.first_byte - begin >= 0.05 * (place // 2 + 1) - 1e-6
        assert timed(lambda: get(lab)) < 0.2, "the queue is empty again"


# --- raw replies


def test_raw_replies(lab: aio.LabServer) -> None:
    lab.reply("/raw?x", b"SSH-2.0 who are you\r\n")
    lab.reply("/drip", [b"HTTP/1.1 503 Busy\r\n", 0.1, b"\r\nbody", "close", b"never"])
    lab.reply("/nothing", [])
    lab.reply("/große datei", b"x" * 3_000_000)
    assert read_all(send(lab, "/raw?x")) == b"SSH-2.0 who are you\r\n"
    start = time.monotonic()
    assert read_all(send(lab, "/drip")) == b"HTTP/1.1 503 Busy\r\n\r\nbody"
    assert time.monotonic() - start >= 0.1
    assert read_all(send(lab, "/nothing")) == b""
    assert [(record.status, record.size, record.last_byte is None) for record in lab.log()] == [
        (None, 21, False),
        (503, 25, False),
        (None, 0, True),
    ]
    assert (lab.stats().served, lab.stats().errors) == (0, 2)
    lab.reset()
    assert read_all(send(lab, "/raw?x")).startswith(b"SSH")
    lab.reply("/raw?x", None)
    assert read_all(send(lab, "/raw?x")).startswith(b"HTTP/1.1 200 OK")
    lab.reply("/raw", [b"abc", "reset"])
    with pytest.raises(ConnectionResetError):
        read_all(send(lab, "/raw"))
    large = b"y" * 3_000_000
    lab.reply("/large", large)
    assert read_all(send(lab, "/large")) == large


def test_a_raw_reply_may_hang_until_the_client_leaves(lab: aio.LabServer) -> None:
    lab.reply("/", [b"HTTP/1.1 200 OK\r\n", "hang"])
    with send(lab) as sock:
        assert sock.recv(100) == b"HTTP/1.1 200 OK\r\n"
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert lab.stats().in_flight == 1
    eventually(lambda: lab.stats().open_connections == 0)


def test_raw_replies_come_when_normal_ones_would() -> None:
    with aio.LabServer(latency=0.1, faults=[Fault("latency", seconds=0.1)]) as lab:
        lab.reply("/", b"raw")
        assert timed(lambda: read_all(send(lab))) >= 0.2


# --- arguments


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"kind": "lag"}, ValueError, "kind must be 'latency'"),
        ({"kind": "latency"}, TypeError, "latency needs seconds="),
        ({"kind": "latency", "seconds": -1}, ValueError, "seconds must be 0 to"),
        ({"kind": "latency", "seconds": math.nan}, ValueError, "seconds must be"),
        ({"kind": "latency", "seconds": "1"}, TypeError, "seconds must be"),
        ({"kind": "latency", "seconds": 1, "rate": 5}, TypeError, "latency takes seconds, not rate"),
        ({"kind": "slicer", "seconds": 1}, TypeError, "slicer needs size="),
        ({"kind": "slicer", "seconds": 1, "size": 0}, ValueError, "size must be 1 to"),
        ({"kind": "limit_data", "size": 1.5}, TypeError, "size must be an integer"),
        ({"kind": "bandwidth", "rate": 0}, ValueError, "rate must be 1 to"),
        ({"kind": "timeout", "probability": 2}, ValueError, "probability must be 0 to 1"),
        ({"kind": "timeout", "path": "x"}, ValueError, "path must begin with '/'"),
        ({"kind": "timeout", "path": 1}, TypeError, "path must be a str"),
        ({"kind": "hiccup", "at": 1, "seconds": 1, "path": "/"}, ValueError, "the whole server"),
        ({"kind": "saturation", "limit": 1, "probability": 0.5}, ValueError, "the whole server"),
        ({"kind": "saturation", "limit": True}, TypeError, "limit must be an integer"),
        ({"kind": "ramp", "at": 2, "until": 1, "seconds": 1}, ValueError, "until must be at least at"),
        ({"kind": "pauses", "every": 1, "seconds": 1}, ValueError, "seconds must be less than every"),
    ],
)
def test_a_wrong_fault_is_refused(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        Fault(**arguments)


def test_a_fault_is_a_value() -> None:
    fault = Fault("latency", seconds=1, path="/a*", probability=0.5)
    assert fault == pickle.loads(pickle.dumps(fault)) == eval(repr(fault))
    assert len({fault, Fault("timeout")}) == 2
    assert repr(Fault("timeout")) == "Fault('timeout')"
    with aio.LabServer(faults=[fault]) as lab:
        assert lab.faults == (fault,)
        assert repr(fault) in repr(lab)
    for wrong in ("latency", [1], 5):
        with pytest.raises(TypeError, match=r"^faults must"):
            aio.LabServer(faults=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "reply", "kind"),
    [
        ("x", b"", ValueError),
        (b"/x", b"", TypeError),
        ("/x", "text", TypeError),
        ("/x", 5, TypeError),
        ("/x", [True], TypeError),
        ("/x", [-1], ValueError),
        ("/x", ["stop"], ValueError),
    ],
)
def test_a_wrong_raw_reply_is_refused(lab: aio.LabServer, path: Any, reply: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="must be"):
        lab.reply(path, reply)
    assert lab.stats().served == 0


# --- clients that do wrong


def test_a_slow_head_is_refused_and_idle_connections_are_not() -> None:
    with aio.LabServer(latency=0, head_timeout=0.3) as lab, contextlib.ExitStack() as stack:
        idle = stack.enter_context(connect(lab))
        drips = [stack.enter_context(connect(lab)) for _ in range(20)]
        start = time.monotonic()
        while time.monotonic() - start < 0.6:
            for drip in drips:
                with contextlib.suppress(ConnectionError):
                    drip.send(b"G")
            time.sleep(0.02)
        for drip in drips:
            assert drip.recv(1 << 16).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert lab.stats().errors == 20
        idle.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_all(idle).startswith(b"HTTP/1.1 200")
        # also on a connection that has been used
        with send(lab, version="1.1") as used:
            while b"\r\n\r\n" not in used.recv(1 << 16):
                pass
            time.sleep(0.4)
            used.sendall(b"GET /late")
            assert read_all(used).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_has_gone_is_dropped_and_one_that_still_reads_is_served() -> None:
    with aio.LabServer(latency=0.5) as lab:
        gone, aborted, waiting = send(lab, "/gone"), send(lab, "/aborted"), send(lab, "/waiting")
        eventually(lambda: lab.stats().in_flight == 3)
        start = time.monotonic()
        gone.close()
        reset(aborted)
        waiting.shutdown(socket.SHUT_WR)
        eventually(lambda: len(lab.log()) == 2)
        assert time.monotonic() - start < 0.4, "it waited until the replies were due"
        assert [(record.status, record.first_byte) for record in lab.log()] == [(None, None)] * 2
        head, _, body = read_all(waiting).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(body) == 1024
        record = lab.log()[-1]
        assert (record.path, record.size) == ("/waiting", 1024)
        assert record.first_byte - record.request >= 0.5 - 1e-6


def test_resets_in_mid_response_leave_nothing_behind() -> None:
    with aio.LabServer(latency=0, body_size=5_000_000) as lab:
        for _ in range(20):
            sock = send(lab)
            sock.recv(1000)
            reset(sock)
        eventually(lambda: lab.stats().open_connections == 0)
        assert lab.stats().in_flight == 0
        assert {record.last_byte for record in lab.log()} == {None}
        assert len(get(lab)) == 5_000_000


def test_garbage_is_refused(lab: aio.LabServer) -> None:
    for garbage in (
        b"\x00" * 1000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        os.urandom(70_000),
        b"PRI * HTTP/2.0\r\n\r\n",
    ):
        with connect(lab) as sock:
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock)[:10] in (b"HTTP/1.1 4", b"")
    get(lab)
    eventually(lambda: lab.stats().open_connections == 0)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_two_lengths_are_refused(lab: aio.LabServer, method: str) -> None:
    with connect(lab) as sock:
        sock.sendall(f"{method} / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        assert read_all(sock).startswith(b"HTTP/1.1 400 ")


@pytest.mark.skipif(sys.platform != "linux", reason="needs many descriptors, and several loopback addresses")
def test_ten_thousand_idle_connections(lab: aio.LabServer) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11_000:
        pytest.skip(f"this system allows only {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 11_000), hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for number in range(10_000):
            address = (f"127.0.0.{number % 4 + 1}", lab.port)
            stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
        eventually(lambda: lab.stats().open_connections == 10_000)
        before = lab.stats()
        for number in range(100):
            get(lab, f"/{number}")
        after = lab.stats()
        assert after.served == 100
        assert after.cpu_user + after.cpu_system - before.cpu_user - before.cpu_system < 1
    eventually(lambda: lab.stats().open_connections == 0)
