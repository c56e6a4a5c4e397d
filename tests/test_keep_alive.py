"""Persistent connections: one for each exchange in flight, used again as long as that is sound, in all strategies."""

from __future__ import annotations

import errno
import os
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count, takewhile

import aio_strategies as aio
import psutil
import pytest
from aio_strategies.lecture import blocking_way
from aio_strategies.lecture.connections import Idle
from aio_strategies.lecture.work import Assignment, ThreadSlot
from aio_strategies.targets import Target
from aio_strategies.terms import Terms

OK = b"HTTP/1.1 200 OK\r\n"
BODY = OK + b"Content-Length: 2\r\n\r\nok"


class KeepingServer:
    """Leaves connections open, and answers as it is told.

    Args:
        answer: from the number of the connection and of its request, what to send; in a tuple, to end the connection
            after it; None to end it at once, or an exception to reset it.
    """

    def __init__(self, answer: Callable[[int, int], bytes | tuple[bytes] | type[OSError] | None]) -> None:
        self.requests: list[tuple[int, bytes]] = []
        """The connection and the head of each request."""
        self.says_later = b""
        """What it sends a while after each reply, unasked."""
        connections = count()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                connection, number, heads = next(connections), count(), self.request.makefile("rb")
                while head := b"".join(takewhile(lambda line: line.strip(), heads)):
                    outer.requests.append((connection, head))
                    reply = answer(connection, next(number))
                    if reply is OSError:
                        heads.close()
                        # Closing resets the connection.
                        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        self.request.close()
                        break
                    if reply is None:
                        break
                    self.request.sendall(b"".join(reply) if isinstance(reply, tuple) else reply)
                    if outer.says_later:
                        time.sleep(0.01)
                        self.request.sendall(outer.says_later)
                    if isinstance(reply, tuple):
                        break

        class Server(socketserver.ThreadingTCPServer):
            request_queue_size = 100
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    @property
    def connections(self) -> list[int]:
        """The connection of each request, in order."""
        return [connection for connection, _ in self.requests]

    def __enter__(self) -> KeepingServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_one_connection_for_each_exchange_in_flight(way, quick_lab):
    descriptors = psutil.Process().num_fds()
    urls = quick_lab.urls(30)
    run = way(urls, concurrency=3, keep_alive=True).raise_for_errors()
    assert [r.text.splitlines()[0] for r in run] == ["/"] + [f"/{i}" for i in range(1, 30)]
    assert len({record.connection for record in quick_lab.log()}) == (1 if way.alone else 3)
    assert psutil.Process().num_fds() <= descriptors + (way.key == "process")


def test_over_https(way):
    with aio.LabServer(latency=0.01, https=True) as lab:
        way(lab.urls(12), concurrency=2, keep_alive=True, verify=lab.ca_file).raise_for_errors()
        assert len({record.connection for record in lab.log()}) == (1 if way.alone else 2)


def test_off_unless_asked_for(way, quick_lab):
    way(quick_lab.urls(6), concurrency=2).raise_for_errors()
    assert len({record.connection for record in quick_lab.log()}) == 6


def test_what_is_asked_for(way):
    with KeepingServer(lambda *_: BODY) as server:
        way([server.url], keep_alive=True).raise_for_errors()
        way([server.url]).raise_for_errors()
    kept, closed = (head for _, head in server.requests)
    assert b"\r\nConnection: keep-alive\r\n" in kept
    assert b"\r\nConnection: close\r\n" in closed


LEFT_OPEN = [
    BODY,
    OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + BODY,
    b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
    BODY,
]

ENDED = [
    OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
    OK + b"Connection: upgrade, Close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    BODY + b"and more",
    OK + b"Content-Length: 0\r\n\r\nand more",
    OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nand more",
    OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\n\r\nand more",
    BODY,
]


def test_replies_that_leave_it_open(way):
    with KeepingServer(lambda _, request: LEFT_OPEN[request]) as server:
        way([server.url] * len(LEFT_OPEN), concurrency=1, keep_alive=True).raise_for_errors()
    assert server.connections == [0] * len(LEFT_OPEN)


def test_replies_that_end_it(way):
    with KeepingServer(lambda connection, _: ENDED[connection]) as server:
        run = way([server.url] * len(ENDED), concurrency=1, keep_alive=True).raise_for_errors()
    assert {response.content for response in run} == {b"ok", b""}
    assert server.connections == list(range(len(ENDED)))


def test_a_body_until_the_end_of_the_connection(way):
    with KeepingServer(lambda *_: (OK + b"\r\nall of it",)) as server:
        run = way([server.url] * 2, concurrency=1, keep_alive=True).raise_for_errors()
    assert [response.content for response in run] == [b"all of it"] * 2
    assert server.connections == [0, 1]


@pytest.mark.parametrize("ending", [None, OSError], ids=["closed", "reset"])
def test_an_idle_connection_that_the_server_has_closed(way, ending):
    # Every connection answers once; the next request on it is read, and not answered.
    with KeepingServer(lambda _, request: ending if request else BODY) as server:
        run = way([server.url] * 4, concurrency=1, keep_alive=True).raise_for_errors()
    assert [response.content for response in run] == [b"ok"] * 4
    assert server.connections == [0, 0, 1, 1, 2, 2, 3]


def test_closed_while_nothing_was_due(way):
    with KeepingServer(lambda *_: (BODY,)) as server:
        way([server.url] * 3, concurrency=1, keep_alive=True, rate=20).raise_for_errors()
    assert server.connections == [0, 1, 2]


def test_a_timeout_that_the_server_ended_the_wait_with(way):
    """Some servers say 408 before they close an idle connection. It answers nothing that was asked."""
    late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with KeepingServer(lambda connection, request: BODY if not request and connection < 2 else late) as server:
        run = way([server.url] * 3, concurrency=1, keep_alive=True).raise_for_errors()
    assert [response.status_code for response in run] == [200, 200, 408]
    assert server.connections == [0, 0, 1, 1, 2]


def test_the_second_try_is_the_last(way):
    with KeepingServer(lambda connection, request: None if connection or request else BODY) as server:
        first, second, third = way([server.url] * 3, concurrency=1, keep_alive=True)
    assert first.content == b"ok"
    assert [type(response.error) for response in (second, third)] == [aio.RemoteProtocolError] * 2
    assert server.connections == [0, 0, 1, 2]


@pytest.mark.slow
def test_part_of_a_reply_is_not_asked_for_again(way):
    with KeepingServer(lambda _, request: OK if request else BODY) as server:
        run = way([server.url] * 2, concurrency=1, keep_alive=True, timeout=0.5)
    assert run[0].content == b"ok"
    assert type(run[1].error) is aio.TotalTimeout
    assert server.connections == [0, 0]


@pytest.mark.slow
def test_a_silent_server_is_not_asked_again(way):
    with KeepingServer(lambda _, request: b"" if request else BODY) as server:
        began = time.monotonic()
        run = way([server.url] * 2, concurrency=1, keep_alive=True, timeout=0.5)
    assert type(run[1].error) is aio.TotalTimeout
    assert 0.5 <= time.monotonic() - began < 9
    assert server.connections == [0, 0]


def test_another_host_gets_a_connection_of_its_own(way):
    with aio.LabServer(latency=0) as one, aio.LabServer(latency=0) as other:
        urls = [lab.urls(4)[page] for page in range(4) for lab in (one, other)]
        run = way([*urls[:1], *urls], concurrency=1, keep_alive=True).raise_for_errors()
        assert [r.text.splitlines()[0] for r in run] == ["/", "/", "/", "/1", "/1", "/2", "/2", "/3", "/3"]
        assert [len({record.connection for record in lab.log()}) for lab in (one, other)] == [1, 1]


def test_the_hosts_of_longest_ago_are_given_up(way):
    """A waiter keeps the connections to eight hosts besides the one that it fetches from."""
    with ExitStack() as stack:
        servers = [stack.enter_context(KeepingServer(lambda *_: BODY)) for _ in range(11)]
        urls = [server.url for server in servers]
        run = way([*urls, *urls[2:], urls[0]], concurrency=1, keep_alive=True).raise_for_errors()
        assert {response.content for response in run} == {b"ok"}
        assert [server.connections for server in servers] == [[0, 1], [0], *[[0, 0]] * 9]


def test_few_descriptors_are_not_for_those_to_other_hosts(way):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        servers = [stack.enter_context(KeepingServer(lambda *_: BODY)) for _ in range(3)]
        highest = max(60, *map(int, os.listdir("/dev/fd")))
        while stack.enter_context(open(os.devnull)).fileno() <= highest:
            pass  # until those below are all in use
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 40, limits[1]))
        run = way([server.url for server in servers] * 2, concurrency=1, keep_alive=True).raise_for_errors()
        assert len(run) == 6
        if way.key != "process":  # whose workers may have descriptors of their own
            assert [server.connections for server in servers] == [[0, 1]] * 3


def test_a_shortage_ends_those_to_other_hosts(monkeypatch):
    """In Python; tests/strategies.rs has the same for Rust."""

    def none_left(_family):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    here, *there = (Target(f"http://{name}/", name, "/", [("127.0.0.1", 9)]) for name in "abc")
    slot = ThreadSlot()
    pairs = [socket.socketpair() for _ in there]
    slot.kept = [(Idle(target, None, time.monotonic()), kept) for target, (kept, _) in zip(there, pairs, strict=True)]
    monkeypatch.setattr(blocking_way, "open_socket", none_left)
    response = blocking_way.fetch(Assignment(0, here, Terms(5.0)), slot)
    assert response.error.errno == errno.EMFILE
    assert (slot.sock, slot.kept) == (None, [])
    for _, peer in pairs:
        with peer:
            assert peer.recv(1) == b""


def test_what_comes_late_and_unasked_is_no_reply(way):
    """The second request is due after the server has said more than it was asked."""
    with KeepingServer(lambda *_: BODY) as server:
        server.says_later = BODY.replace(b"ok", b"no")
        run = way([server.url] * 3, concurrency=1, keep_alive=True, rate=5).raise_for_errors()
    assert [response.content for response in run] == [b"ok"] * 3
    assert server.connections == [0, 1, 2]


def test_a_name_is_not_its_address(way, quick_lab):
    """Two names of one address may be two servers behind it."""
    address = quick_lab.url.replace("127.0.0.1", "localhost")
    way([quick_lab.url, address, address], concurrency=1, keep_alive=True).raise_for_errors()
    assert len({record.connection for record in quick_lab.log()}) == 2


@pytest.mark.slow
def test_in_a_comparison(tmp_path):
    def told(urls, concurrency, keep_alive):
        return aio.rust.thread_way(urls, concurrency=concurrency, keep_alive=keep_alive)

    result = aio.compare(
        "callback", programs={"told": told}, requests=20, concurrency=4, latency=0, keep_alive=True, rounds=2, seed=1
    )
    # at most one for each of the four in flight
    assert all(0.05 <= arm.connections_per_request <= 0.2 for arm in result.arms)
    assert "keep-alive" in str(result)
    assert "connections/req" in result.to_text(costs=True)
    assert "复用连接" in result.to_markdown(lang="zh")
    result.save(tmp_path / "result.aio.json")
    assert aio.load(tmp_path / "result.aio.json").settings.keep_alive is True


@pytest.mark.parametrize("value", [1, "yes", None])
def test_a_flag(way, value):
    with pytest.raises(TypeError, match="keep_alive must be True or False"):
        way(["http://127.0.0.1:9/"], keep_alive=value)
