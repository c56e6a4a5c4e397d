"""The sixteen implementations are twins: same results, same errors, with as many exchanges in flight as allowed."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import pickle
import threading
import time

import aio_strategies as aio
import psutil
import pytest
from conftest import reset, saying, silence

OK = b"HTTP/1.1 200 OK\r\n"
BODY = OK + b"Content-Length: 2\r\n\r\nok"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def described(run: aio.Run) -> list[tuple]:
    return [(r.url, r.status_code, r.reason_phrase, r.http_version, r.headers.raw, r.content) for r in run]


def test_equal_results(way, quick_lab):
    urls = quick_lab.urls(25)
    run = way(urls, concurrency=5).raise_for_errors()
    assert [r.url for r in run] == urls
    assert [r.text.splitlines()[0] for r in run] == ["/"] + [f"/{i}" for i in range(1, 25)]
    assert all(len(r.content) == 1024 for r in run)
    assert described(run) == described(aio.python.blocking_way(urls))
    assert (run.strategy, run.language) == (way.key, way.language)


@pytest.mark.parametrize("count", [10, pytest.param(20, marks=pytest.mark.slow)])
def test_exchanges_in_flight(way, count):
    with patient_lab(way) as lab:
        way(lab.urls(count), concurrency=10).raise_for_errors()
        assert lab.stats().served == count
        assert lab.stats().peak_in_flight == (1 if way.alone else 10)


def test_fewer_urls_than_concurrency(way):
    with patient_lab(way) as lab:
        assert len(way(lab.urls(3), concurrency=100).raise_for_errors()) == 3
        assert lab.stats().peak_in_flight == (1 if way.alone else 3)


def patient_lab(way) -> aio.LabServer:
    """A lab that waits until all have come, also on a busy machine; those who come alone need not be waited for."""
    return aio.LabServer(latency=0.01 if way.alone else 0.3)


def test_a_single_exchange_at_a_time(way, lab):
    lab.reset()
    way(lab.urls(4), concurrency=1).raise_for_errors()
    assert lab.stats().peak_in_flight == 1


def test_waiting_is_as_long_as_the_strategy_says(way, lab):
    run = way(lab.urls(10), concurrency=10)
    lower = 10 * 0.02 if way.alone else 0.02
    assert lower <= run.wall < lower + 5
    assert all(0.02 <= r.elapsed.total_seconds() < 5 for r in run)
    assert 0 <= run.cpu < 5
    assert run.cpu == pytest.approx(run.cpu.user + run.cpu.system)


def test_the_longest_timeout_is_none(way, lab):
    way(lab.urls(3), timeout=1e9).raise_for_errors()


def test_large_body(way):
    with aio.LabServer(latency=0, body_size=3_000_000) as lab:
        for response in way(lab.urls(2)).raise_for_errors():
            assert len(response.content) == 3_000_000


def resetting_after(data: bytes):
    def script(connection):
        connection.sendall(data)
        time.sleep(0.1)  # until the client has read it: a reset would take it away
        reset(connection)

    return script


FAULTS = {
    "good": (saying(BODY), "200 ok"),
    "fin": (saying(), "RemoteProtocolError"),
    "reset": (reset, "ReadError"),
    "silence": (silence, "TotalTimeout"),
    "header drip": (saying(*([b"H"] + [b"T"] * 200), pause=0.05), "RemoteProtocolError"),
    "slow header drip": (saying(OK, *([b"A"] * 200), pause=0.05), "TotalTimeout"),
    "body drip": (saying(OK + b"Content-Length: 200\r\n\r\n", *([b"x"] * 200), pause=0.05), "TotalTimeout"),
    "fin in head": (saying(OK + b"Content-Le"), "RemoteProtocolError"),
    "fin in body": (saying(OK + b"Content-Length: 10\r\n\r\nabc"), "IncompleteBody"),
    "reset in body": (
        lambda c: (c.sendall(OK + b"Content-Length: 10\r\n\r\nabc"), time.sleep(0.1), reset(c)),
        "ReadError",
    ),
    "reset in eof body": (lambda c: (c.sendall(OK + b"\r\nabc"), time.sleep(0.1), reset(c)), "ReadError"),
    "eof body": (saying(OK + b"\r\n", b"ok"), "200 ok"),
    "huge length": (saying(OK + b"Content-Length: 99999999999\r\n\r\n"), "ResponseTooLarge"),
    "huge chunk": (saying(CHUNKED + b"fffffffffff\r\n"), "ResponseTooLarge"),
    "100 KB header": (saying(OK + b"A: " + b"x" * 100_000 + b"\r\n\r\n"), "HeadersTooLarge"),
    "18 KB header": (saying(OK + b"A: " + b"x" * 18_000 + b"\r\nContent-Length: 2\r\n\r\nok"), "200 ok"),
    "10,000 headers": (saying(OK + b"A: b\r\n" * 10_000 + b"\r\n"), "HeadersTooLarge"),
    "100 KB status line": (saying(b"HTTP/1.1 200 " + b"x" * 100_000), "HeadersTooLarge"),
    "ssh": (lambda c: (c.sendall(b"SSH-2.0-OpenSSH_9\r\n"), silence(c)), "RemoteProtocolError"),
    "0.9": (saying(b"<html>"), "RemoteProtocolError"),
    "h2": (saying(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "RemoteProtocolError"),
    "HTTP/1.2": (saying(b"HTTP/1.2 200 OK\r\n\r\n"), "RemoteProtocolError"),
    "HTTP/x": (saying(b"HTTP/x 200 OK\r\n\r\n"), "RemoteProtocolError"),
    "status 20": (saying(b"HTTP/1.1 20 OK\r\n\r\n"), "RemoteProtocolError"),
    "status 2000": (saying(b"HTTP/1.1 2000 OK\r\n\r\n"), "RemoteProtocolError"),
    "status -20": (saying(b"HTTP/1.1 -20 OK\r\n\r\n"), "RemoteProtocolError"),
    "no reason": (saying(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), "200 ok"),
    "1.0": (saying(b"HTTP/1.0 200 OK\r\n\r\nok"), "200 ok"),
    "bare LF": (saying(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), "200 ok"),
    "length -1": (saying(OK + b"Content-Length: -1\r\n\r\n"), "RemoteProtocolError"),
    "length 5abc": (saying(OK + b"Content-Length: 5abc\r\n\r\n"), "RemoteProtocolError"),
    "length +5": (saying(OK + b"Content-Length: +5\r\n\r\n12345"), "RemoteProtocolError"),
    "length 1_0": (saying(OK + b"Content-Length: 1_0\r\n\r\n"), "RemoteProtocolError"),
    "length empty": (saying(OK + b"Content-Length:\r\n\r\n"), "RemoteProtocolError"),
    "length over u64": (saying(OK + b"Content-Length: 18446744073709551616\r\n\r\n"), "RemoteProtocolError"),
    "length of many digits": (saying(OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"), "RemoteProtocolError"),
    "length of many zeros": (saying(OK + b"Content-Length: " + b"0" * 5000 + b"2\r\n\r\nok"), "200 ok"),
    "length twice, same": (saying(OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"), "200 ok"),
    "length twice, other": (saying(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!"), "RemoteProtocolError"),
    "length and chunked": (
        saying(OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        "200 ok",
    ),
    "unknown coding": (saying(OK + b"Transfer-Encoding: gzip\r\n\r\n"), "RemoteProtocolError"),
    "chunked not last": (saying(OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n"), "RemoteProtocolError"),
    "chunked": (saying(CHUNKED + b"1;x=y\r\no\r\n", b"1\r\nk\r\n", b"0\r\nTrailer: x\r\n\r\n"), "200 ok"),
    "chunk size zz": (saying(CHUNKED + b"zz\r\n"), "RemoteProtocolError"),
    "chunk size -5": (saying(CHUNKED + b"-5\r\n"), "RemoteProtocolError"),
    "chunk size 0x5": (saying(CHUNKED + b"0x5\r\n"), "RemoteProtocolError"),
    "chunk size overflow": (saying(CHUNKED + b"1" * 17 + b"\r\n"), "RemoteProtocolError"),
    "chunk without end": (saying(CHUNKED + b"2\r\nokx\r\n"), "RemoteProtocolError"),
    "chunked, cut short": (saying(CHUNKED + b"5\r\nok"), "IncompleteBody"),
    "chunk extension flood": (saying(CHUNKED + b"2;" + b"x" * 100_000), "RemoteProtocolError"),
    "trailer flood": (saying(CHUNKED + b"0\r\n" + b"A: b\r\n" * 20_000), "RemoteProtocolError"),
    "NUL": (saying(OK + b"A: b\0c\r\n\r\n"), "RemoteProtocolError"),
    "bare CR": (saying(OK + b"A: b\rc\r\n\r\n"), "RemoteProtocolError"),
    "no colon": (saying(OK + b"abc\r\n\r\n"), "RemoteProtocolError"),
    "space before colon": (saying(OK + b"A : b\r\n\r\n"), "RemoteProtocolError"),
    "empty name": (saying(OK + b": b\r\n\r\n"), "RemoteProtocolError"),
    "folded header": (saying(OK + b"A: b\r\n  c\r\nContent-Length: 2\r\n\r\nok"), "200 ok"),
    "header bytes": (saying(OK + b"A: caf\xe9 \xe4\xb8\xad\r\nContent-Length: 2\r\n\r\nok"), "200 ok"),
    "1xx": (saying(b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + BODY), "200 ok"),
    "2,000 x 1xx": (saying(b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000 + BODY), "RemoteProtocolError"),
    "100 then end": (saying(b"HTTP/1.1 100 Continue\r\n\r\n"), "RemoteProtocolError"),
    "101": (saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "RemoteProtocolError"),
    "204 with a body": (saying(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"), "204 "),
    "304 with a body": (saying(b"HTTP/1.1 304 Not Modified\r\n\r\nhello"), "304 "),
    "bytes behind the body": (saying(BODY + b"more"), "200 ok"),
    "404": (saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"), "404 no"),
}


def outcome(response: aio.Response) -> str:
    if response.error is not None:
        return type(response.error).__name__
    return f"{response.status_code} {response.text}"


@pytest.mark.parametrize("key", [strategy.key for strategy in aio.strategies()])
@pytest.mark.slow
def test_fault_matrix(key, scripted):
    """Each fault ends in the same outcome, in the same words, in both languages; the good ones are delivered."""
    # What only the deadline ends has a near one, beside a good one; all others have more time than they need.
    endless = [case for case, (_, expected) in FAULTS.items() if expected == "TotalTimeout"]
    both = []
    for cases, timeout in (([*endless, "good"], 0.5), ([case for case in FAULTS if case not in endless], 10.0)):
        names = [f"case{number}" for number in range(len(cases))]
        scripted.scripts |= {name: FAULTS[case][0] for name, case in zip(names, cases, strict=True)}
        urls = [scripted.url(name) for name in names]
        of_each = [
            aio.run(key, urls, language=language, concurrency=70, timeout=timeout) for language in ("python", "rust")
        ]
        for run in of_each:
            outcomes = dict(zip(cases, map(outcome, run), strict=True))
            assert outcomes == {case: FAULTS[case][1] for case in cases}
        both += zip(*of_each, strict=True)
    for python, rust in both:
        assert python.headers.raw == rust.headers.raw
        assert (python.reason_phrase, python.http_version) == (rust.reason_phrase, rust.http_version)
        if python.error is not None:
            assert_twins(python.error, rust.error)


def assert_twins(python: aio.RequestError, rust: aio.RequestError) -> None:
    for attribute in ("url", "phase", "strategy", "errno"):
        assert getattr(python, attribute) == getattr(rust, attribute), attribute
    if isinstance(python, aio.IncompleteBody):  # elsewhere it depends on when the one or the other gave up
        assert python.bytes_received == rust.bytes_received
    if "is not HTTP" not in str(python):  # that quotes as much as had come
        assert str(python) == str(rust)
    assert type(python.__cause__) is type(rust.__cause__)


def test_many_small_chunks_take_linear_time(way, scripted):
    scripted.scripts["chunks"] = saying(CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
    [response] = way([scripted.url("chunks")], timeout=20).raise_for_errors()
    assert response.content == b"x" * 100_000


def test_refused_among_good_ones(way, lab, refusing):
    urls = [*lab.urls(3), refusing, *lab.urls(3)]
    run = way(urls)
    assert [r.status_code for r in run] == [200, 200, 200, None, 200, 200, 200]
    [error] = run.errors
    assert type(error) is aio.ConnectError
    assert error is run[3].error
    assert isinstance(error, ConnectionError)
    assert (error.url, error.phase, error.strategy) == (refusing, "connect", way.key)
    assert isinstance(error.__cause__, ConnectionRefusedError)
    assert error.errno == error.__cause__.errno
    assert refusing in str(error)
    with pytest.raises(ExceptionGroup, match="1 of 7 requests failed") as caught:
        run.raise_for_errors()
    assert caught.value.exceptions == (error,)
    with pytest.raises(aio.ConnectError):
        run[3].raise_for_status()


@pytest.mark.slow
def test_connect_timeout(way, full_backlog):
    host, port = full_backlog
    [response] = way([f"http://{host}:{port}/"], timeout=0.3)
    assert type(response.error) is aio.ConnectTimeout
    assert isinstance(response.error, TimeoutError)
    assert str(response.error).startswith("no connection within 0.3 s")
    assert 0.3 <= response.elapsed.total_seconds() < 5


def test_unknown_name(way, lab):
    run = way(["http://no-such-host.invalid/", *lab.urls(2)], timeout=5)
    assert [r.status_code for r in run] == [None, 200, 200]
    assert type(run[0].error) is aio.NameResolutionError
    assert run[0].error.strategy == way.key


def test_localhost_is_resolved(way, lab):
    [response] = way([f"http://localhost:{lab.port}/1"]).raise_for_errors()
    assert response.text.startswith("/1\n")


def test_the_lab_stands_in_for_a_host(way, lab):
    with lab.as_host("baidu.com", 80), lab.as_host("93.184.216.34", 80):
        run = way(["http://baidu.com/1", "http://www.baidu.com.invalid/", "http://93.184.216.34/2"])
    assert [r.status_code for r in run] == [200, None, 200]
    assert [run[0].text.splitlines()[0], run[2].text.splitlines()[0]] == ["/1", "/2"]


def test_errors_survive_pickling(refusing):
    [error] = aio.rust.thread_way([refusing]).errors
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    for name in ("url", "phase", "strategy", "errno", "bytes_received", "elapsed"):
        assert getattr(copy, name) == getattr(error, name)
    assert repr(copy.__cause__) == repr(error.__cause__)


def test_from_a_thread(way, lab):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(way(lab.urls(5))))
    thread.start()
    thread.join(20)
    assert [r.status_code for r in runs[0]] == [200] * 5


def test_inside_a_running_loop(way, lab):
    async def main():
        return way(lab.urls(5))

    assert [r.status_code for r in asyncio.run(main())] == [200] * 5


def test_arun_lets_the_loop_go_on(way, lab):
    async def main():
        turns = 0

        async def count():
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        counting = asyncio.create_task(count())
        run = await aio.arun(way.key, lab.urls(5), language=way.language)
        counting.cancel()
        return run, turns

    run, turns = asyncio.run(main())
    run.raise_for_errors()
    assert turns >= 3


@pytest.mark.parametrize("language", ["python", "rust"])
def test_asyncio_way_is_a_coroutine_function(language, lab):
    function = getattr(aio, language).asyncio_way
    assert inspect.iscoroutinefunction(function)
    assert len(asyncio.run(function(lab.urls(5)))) == 5

    async def main():
        return await asyncio.gather(*(asyncio.create_task(function(lab.urls(5))) for _ in range(4)))

    for run in asyncio.run(main()):
        run.raise_for_errors()


@pytest.mark.parametrize("language", ["python", "rust"])
def test_cancelling_asyncio_closes_its_connections(language, scripted):
    gone = threading.Event()

    def script(connection):
        connection.settimeout(20)
        assert connection.recv(1) == b""
        gone.set()

    scripted.scripts["wait"] = script

    async def main():
        task = asyncio.create_task(getattr(aio, language).asyncio_way([scripted.url("wait")]))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(main())
    assert gone.wait(5)


@pytest.mark.slow
def test_nothing_is_left_behind(way, lab, quick_lab):
    """No descriptor, thread or child process, whatever was called before."""
    here = psutil.Process()
    urls = (quick_lab if way.alone else lab).urls(30)

    def state():
        gc.collect()
        return here.num_fds(), threading.active_count(), here.num_threads(), len(here.children(recursive=True))

    def call():
        way(urls, concurrency=10).raise_for_errors()

    call()
    before = state()
    for _ in range(3):
        call()
    deadline = time.monotonic() + 5
    while state() != before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert state() == before


def test_in_a_forked_child(way, lab):
    """Everything works in a child that was forked after it was used in the parent."""
    way(lab.urls(3)).raise_for_errors()
    child = os.fork()
    if child == 0:
        try:
            way(lab.urls(3)).raise_for_errors()
            os._exit(0)
        finally:
            os._exit(1)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the forked child hangs")
