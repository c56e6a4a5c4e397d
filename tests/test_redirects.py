"""Redirects and the other things that a caller may ask of every exchange."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from functools import partial

import aio_strategies as aio
import pytest
from aio_strategies import resolver
from aio_strategies.request_options import RequestOptions
from conftest import saying

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def moved(where: str | bytes, status: int = 302) -> bytes:
    where = where.encode() if isinstance(where, str) else where
    return b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, where)


def test_a_chain_is_followed_and_kept(way, scripted):
    scripted.scripts |= {
        "a": saying(moved("/b", 301)),
        "b": saying(moved(scripted.url("c"), 307)),
        "c": saying(OK),
        "plain": saying(OK),
    }
    run = way([scripted.url("a"), scripted.url("plain")], follow_redirects=True).raise_for_errors()
    assert [response.url for response in run] == [scripted.url("c"), scripted.url("plain")]
    assert [(each.url, each.status_code) for each in run[0].history] == [
        (scripted.url("a"), 301),
        (scripted.url("b"), 307),
    ]
    assert (run[0].content, run[1].history) == (b"ok", ())
    starts = [each.start for each in (*run[0].history, run[0])]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < starts[-1] < run.wall


def test_none_is_followed_unless_asked_for(way, scripted):
    scripted.scripts["a"] = saying(moved("/b"))
    [response] = way([scripted.url("a")])
    assert (response.status_code, response.history) == (302, ())


BAD_PLACES = {
    "a loop": ("/a", aio.TooManyRedirects, "more than 3 redirects, the last to "),
    "another scheme": ("ftp://example.org/", aio.UnsupportedProtocol, 'the scheme "ftp"; allowed: "http", "https"'),
    "a bad port": ("http://127.0.0.1:99999/", aio.RemoteProtocolError, "which is no URL that can be fetched"),
}


@pytest.mark.parametrize("case", BAD_PLACES)
def test_where_nobody_can_go(way, scripted, case):
    place, error, words = BAD_PLACES[case]
    scripted.scripts |= {"a": saying(moved(place)), "good": saying(OK)}
    bad, good = way([scripted.url("a"), scripted.url("good")], follow_redirects=True, max_redirects=3)
    assert type(bad.error) is error
    assert words in str(bad.error)
    assert (bad.error.phase, bad.error.url, bad.error.strategy) == ("redirect", scripted.url("a"), way.key)
    assert bad.history[-1].status_code == 302
    assert good.content == b"ok"


def test_none_may_be_allowed(way, scripted):
    scripted.scripts |= {"a": saying(moved("/good")), "good": saying(OK)}
    bad, good = way([scripted.url("a"), scripted.url("good")], follow_redirects=True, max_redirects=0)
    assert type(bad.error) is aio.TooManyRedirects
    assert [reply.status_code for reply in bad.history] == [302]
    assert good.content == b"ok"


def test_a_redirect_that_leads_nowhere_is_the_result(way, scripted):
    scripted.scripts |= {
        "without": saying(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
        "empty": saying(moved("")),
        "two": saying(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nLocation: /c\r\nContent-Length: 0\r\n\r\n"),
        "choice": saying(moved("/b", 300)),
    }
    run = way([scripted.url(name) for name in ("without", "empty", "two", "choice")], follow_redirects=True)
    assert [(response.status_code, response.error, response.history) for response in run] == [
        (302, None, ()),
        (302, None, ()),
        (302, None, ()),
        (300, None, ()),
    ]


def test_a_place_is_joined_as_browsers_do(way, scripted):
    scripted.scripts |= {
        "a": saying(moved("sp ace/../b?q=ü#part")),
        "b?q=%C3%BC": saying(OK),
    }
    [response] = way([scripted.url("a")], follow_redirects=True).raise_for_errors()
    assert response.url == scripted.url("b?q=%C3%BC#part")


@pytest.fixture
def told(scripted):
    """What the scripted server was told: the heads of the requests."""
    heads: list[bytes] = []

    def script(name: str, reply: bytes) -> None:
        def answer(connection: socket.socket) -> None:
            connection.sendall(reply)

        scripted.scripts[name] = answer

    handler = scripted._server.RequestHandlerClass
    original = handler.handle

    def handle(self) -> None:
        heads.append(self.request.recv(65536, socket.MSG_PEEK))
        original(self)

    handler.handle = handle
    script.heads = heads
    return script


def fields(head: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)


def test_the_callers_header_fields(way, scripted, told):
    told("a", OK)
    way([scripted.url("a")], headers={"User-Agent": "mine", "X-Two": "2"}).raise_for_errors()
    sent = fields(told.heads[0])
    assert (sent["User-Agent"], sent["X-Two"], sent["Connection"]) == ("mine", "2", "close")


@pytest.mark.parametrize("streamed", [False, True])
def test_another_host_is_not_told_what_is_for_the_first(way, scripted, told, streamed):
    elsewhere = f"localhost:{scripted._server.server_address[1]}"
    told("a", moved("/same"))
    told("same", moved(f"http://{elsewhere}/b"))
    told("b", OK)
    own = {"Authorization": "secret", "Cookie": "a=b", "Proxy-Authorization": "secret", "Host": "virtual.test"}
    fetch = partial(aio.stream, way.key, language=way.language) if streamed else way
    [response] = fetch([scripted.url("a")], follow_redirects=True, headers={**own, "X-Two": "2"})
    assert response.content == b"ok"
    *first, last = map(fields, told.heads)
    assert [head.items() >= {**own, "X-Two": "2"}.items() for head in first] == [True, True]
    assert (last["Host"], last["X-Two"]) == (elsewhere, "2")
    assert not last.keys() & own.keys() - {"Host"}


@pytest.mark.parametrize("language", ["python", "rust"])
def test_the_event_loop_goes_on_while_the_name_in_a_redirect_is_resolved(scripted, monkeypatch, language):
    """A bug once: only the names in the caller's URLs were resolved beside the loop."""
    scripted.scripts |= {"a": saying(moved("http://slow.invalid/b")), "b": saying(OK)}
    port = scripted._server.server_address[1]
    resolving, looked = threading.Event(), threading.Event()

    def slow(name: str, _: int) -> list[tuple[str, int]]:
        resolving.set()
        assert looked.wait(20)
        return [("127.0.0.1", port)]

    monkeypatch.setattr(resolver, "_ask", slow)

    async def main() -> aio.Run:
        fetching = asyncio.create_task(
            aio.arun("thread", [scripted.url("a")], language=language, follow_redirects=True, timeout=20)
        )
        while not resolving.is_set():
            await asyncio.sleep(0.01)
        looked.set()  # by the event loop, while the name is being resolved
        return await fetching

    assert asyncio.run(main()).raise_for_errors()[0].content == b"ok"


def test_head(way, scripted, told):
    told("a", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    [response] = way([scripted.url("a")], method="HEAD").raise_for_errors()
    assert told.heads[0].startswith(b"HEAD /a HTTP/1.1\r\n")
    assert (response.headers["content-length"], response.content) == ("5000", b"")


def test_the_limits_are_the_callers(way, scripted):
    scripted.scripts |= {
        "head": saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200 + b"\r\nContent-Length: 0\r\n\r\n"),
        "fields": saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9 + b"Content-Length: 0\r\n\r\n"),
        "body": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" + b"x" * 60),
        "good": saying(OK),
    }
    urls = [scripted.url(name) for name in ("head", "fields", "body", "good")]
    run = way(urls, max_header_bytes=200, max_headers=9, max_body_bytes=59)
    assert [type(response.error) for response in run] == [
        aio.HeadersTooLarge,
        aio.HeadersTooLarge,
        aio.ResponseTooLarge,
        type(None),
    ]
    way(urls, max_header_bytes=300, max_headers=10, max_body_bytes=60).raise_for_errors()


def addresses(monkeypatch, *found: tuple[str, int]) -> None:
    """Have every name resolve to these addresses."""
    monkeypatch.setattr(resolver, "_ask", lambda name, port: list(found))


def test_the_first_address_refuses(way, scripted, refusing, monkeypatch):
    scripted.scripts["a"] = saying(OK)
    port = scripted._server.server_address[1]
    dead = int(refusing.rsplit(":", 1)[1].strip("/"))
    addresses(monkeypatch, ("127.0.0.1", dead), ("::1", dead), ("127.0.0.1", port))
    [response] = way(["http://many.invalid/a"]).raise_for_errors()
    assert response.content == b"ok"


def test_the_first_address_does_not_answer(way, scripted, full_backlog, monkeypatch):
    scripted.scripts["a"] = saying(OK)
    addresses(monkeypatch, full_backlog, ("127.0.0.1", scripted._server.server_address[1]))
    [response] = way(["http://many.invalid/a"], timeout=20).raise_for_errors()
    assert response.content == b"ok"
    assert 0.25 <= response.elapsed.total_seconds() < 5


@pytest.mark.slow
def test_no_address_answers(way, full_backlog, monkeypatch):
    addresses(monkeypatch, full_backlog, full_backlog)
    [response] = way(["http://many.invalid/a"], timeout=20, connect_timeout=0.7)
    assert isinstance(response.error, aio.ConnectTimeout)
    assert "no connection within 0.7 s" in str(response.error)
    assert 0.7 <= response.error.elapsed < 10


def test_the_families_take_turns():
    found = [
        (family, None, None, None, (address, 80))
        for family, address in [
            (socket.AF_INET6, "::1"),
            (socket.AF_INET6, "::2"),
            (socket.AF_INET, "127.0.0.1"),
            (socket.AF_INET6, "::3"),
        ]
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert [address for address, _ in resolver._ask("many.invalid", 80)] == ["127.0.0.1", "::1", "::2", "::3"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "POST"}, ValueError, "method must be 'GET' or 'HEAD', not 'POST'"),
        ({"connect_timeout": 0}, ValueError, "connect_timeout must be a finite number of seconds above 0"),
        ({"connect_timeout": "1"}, TypeError, "connect_timeout must be a number of seconds, not '1'"),
        ({"follow_redirects": 1}, TypeError, "follow_redirects must be True or False, not 1"),
        ({"max_redirects": -1}, ValueError, "max_redirects must be at least 0, not -1"),
        ({"max_headers": 0}, ValueError, "max_headers must be at least 1, not 0"),
        ({"max_body_bytes": 1.5}, TypeError, "max_body_bytes must be an integer of at least 1, not 1.5"),
        ({"retries": 3}, TypeError, "there is no argument 'retries'; allowed: concurrency, timeout, rate, connect_t"),
    ],
)
def test_bad_arguments_are_refused_at_the_call(options, error, words):
    with pytest.raises(error) as raised:
        aio.run("thread", ["http://127.0.0.1:1/"], **options)
    assert words in str(raised.value)


def test_both_signatures_have_the_same_options():
    one, other = (inspect.signature(function).parameters for function in (aio.run, aio.rust.thread_way))
    options = list(RequestOptions.__annotations__)
    assert [one[name] for name in options] == [other[name] for name in options]
    assert list(one)[-len(options) :] == list(other)[-len(options) :] == options
    assert {name: one[name].annotation for name in options} == {
        name: annotation.__forward_arg__ for name, annotation in RequestOptions.__annotations__.items()
    }


@pytest.mark.parametrize("function", [aio.run, aio.arun, aio.rust.thread_way, aio.python.asyncio_way])
def test_help_names_and_explains_them(function):
    assert inspect.signature(function).return_annotation == "Run"
    parameters = inspect.signature(function).parameters
    assert "options" not in parameters
    assert parameters["follow_redirects"].default is False
    if function is not aio.arun:
        for name in ("connect_timeout", "max_body_bytes", "verify"):
            assert f"        {name}: " in function.__doc__
