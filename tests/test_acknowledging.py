"""When TCP acknowledges what a client receives: the handshake with the request, and what is no whole reply at once."""

from __future__ import annotations

import socket
import struct
import sys
import time

import pytest
from aio_strategies.lecture.sockets import acknowledge_at_once, open_socket

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a program choose")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
#: Where in Linux's struct tcp_info the number of segments received is.
SEGMENTS_IN = 140


def segments_received(connection: socket.socket) -> int:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("=I", info, SEGMENTS_IN)[0]


@on_linux
def test_the_handshake_is_acknowledged_with_the_request(way, scripted):
    seen = []

    def script(connection):
        seen.append(segments_received(connection))
        connection.sendall(HEAD + b"body")

    scripted.scripts["page"] = script
    way([scripted.url("page")] * 3, concurrency=2).raise_for_errors()
    assert seen == [2, 2, 2]  # what asked for the connection, and the request


@on_linux
def test_a_plain_socket_acknowledges_the_handshake_first():
    """So what the test above counts is what was saved."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for made, expected in (socket.socket, 3), (open_socket, 2):
            with made(socket.AF_INET) as client:
                client.connect(server.getsockname())
                client.sendall(b"GET")
                with server.accept()[0] as connection:
                    assert connection.recv(3) == b"GET"
                    assert segments_received(connection) == expected


@on_linux
@pytest.mark.parametrize("keep_alive", [False, True])
def test_a_server_that_holds_back_the_rest_need_not_wait(way, scripted, keep_alive):
    """Nagle's algorithm sends no second short segment before the first is acknowledged, which may take 40 ms."""

    def script(connection):
        while True:
            for piece in HEAD, b"bo", b"dy":
                connection.send(piece)
            if not connection.recv(4096):  # another request, or the end
                return

    scripted.scripts["page"] = script
    began = time.monotonic()
    run = way([scripted.url("page")] * 50, concurrency=1, keep_alive=keep_alive).raise_for_errors()
    assert {response.content for response in run} == {b"body"}
    assert time.monotonic() - began < 50 * 0.04  # most of it for the processes of `process`, where there are any


def test_what_is_closed_already_is_let_alone():
    sock = open_socket(socket.AF_INET)
    sock.close()
    acknowledge_at_once(sock)
