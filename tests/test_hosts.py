"""Hosts that the lab stands in for: as they are typed, and as programs name them."""

import subprocess
import sys

import aio_strategies as aio
import pytest
from aio_strategies.lab.hosts import Host, hosts_in, read_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("example.com", Host("example.com", 80)),
        ("Example.COM.:8080", Host("example.com", 8080)),
        ("localhost:80", Host("localhost", 80)),
        ("192.0.2.1:80", Host("192.0.2.1", 80)),
        ("[2001:DB8::1]:81", Host("2001:db8::1", 81)),
        ("bücher.example", Host("xn--bcher-kva.example", 80)),
    ],
)
def test_a_host_as_it_is_typed(text, host):
    assert read_host(text) == host
    assert read_host(str(host)) == host


@pytest.mark.parametrize("text", ["", "a:b", "a b", "http://example.com/", "example.com:0", "example.com:65536", ":80"])
def test_what_is_no_host(text):
    with pytest.raises(ValueError, match="host"):
        read_host(text)


@pytest.mark.parametrize(
    ("source", "hosts"),
    [
        ('sock.connect(("example.com", 80))', ["example.com:80"]),
        ('HOST = "Example.com"\nsock.connect((HOST, 80))', ["example.com:80"]),
        ('connect(("192.0.2.1", 80)); open_connection(host="192.0.2.2", port=80)', ["192.0.2.1:80", "192.0.2.2:80"]),
        ('connect(("192.0.2.1", 81))', []),
        ('urls = "http://a.example/1 http://b.example:8080"', ["a.example:80", "b.example:8080"]),
        ('f"http://c.example/{i}"', ["c.example:80"]),
        ('x = await f("d.example")', ["d.example:80"]),
        ('"localhost"; "http://127.0.0.1:8000/"; ("::1", 80)', []),
        ('"https://e.example/"; "GET / HTTP/1.0\\r\\n"; b"Host: f.example"; "some words. And more"', []),
    ],
)
def test_hosts_that_a_program_names(source, hosts):
    assert sorted(map(str, hosts_in(source))) == hosts


def test_no_program():
    with pytest.raises(SyntaxError):
        hosts_in("def")


FENCED = """
import socket, sys
from aio_strategies.lab.redirect import fence, refusals
from aio_strategies.lab.hosts import Host, stand_in_for

lab = int(sys.argv[1])
stand_in_for([Host("a.invalid")], lab)
fence("ask for {host}")
for host, port in ("a.invalid", 80), ("127.0.0.1", lab), ("localhost", lab):
    socket.create_connection((host, port)).close()
for attempt in (
    lambda: socket.create_connection(("a.invalid", 81)),
    lambda: socket.socket().connect(("192.0.2.1", 80)),
    lambda: socket.getaddrinfo("b.invalid", 80),
    lambda: socket.gethostbyname("b.invalid"),
):
    try:
        attempt()
    except OSError as error:
        print(error)
assert len(refusals()) == 3
"""


def test_the_fence_lets_nothing_out():
    with aio.LabServer(latency=0) as lab:
        done = subprocess.run(
            [sys.executable, "-c", FENCED, str(lab.port)], capture_output=True, text=True, timeout=30, check=True
        )
    lines = done.stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == [
        "a.invalid:81",
        "192.0.2.1:80",
        "b.invalid:80",
        "b.invalid:80",
    ]
    assert all("the lab does not stand in for" in line for line in lines)
