"""All implementations do the same: same results, same errors, with as many exchanges in flight as allowed."""

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
from aio_strategies import exceptions


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


def test_localhost_is_resolved(way, lab):
    [response] = way([f"http://localhost:{lab.port}/1"]).raise_for_errors()
    assert response.text.startswith("/1\n")


def test_the_lab_stands_in_for_a_host(way, lab):
    with lab.as_host("baidu.com", 80), lab.as_host("93.184.216.34", 80):
        run = way(["http://baidu.com/1", "http://www.baidu.com.invalid/", "http://93.184.216.34/2"])
    assert [r.status_code for r in run] == [200, None, 200]
    assert [run[0].text.splitlines()[0], run[2].text.splitlines()[0]] == ["/1", "/2"]


@pytest.mark.parametrize(("limit", "words"), [(1 / 3, "0.333333333"), (0.00001, "0.00001"), (0.2, "0.2")])
def test_a_timeout_is_named_to_the_nanosecond(way, scripted, limit, words):
    """A bug once: Python named six digits of it, and the shortest as 1e-05."""
    scripted.scripts["silence"] = lambda connection: connection.recv(1)
    [response] = way([scripted.url("silence")], timeout=limit)
    assert isinstance(response.error, aio.TimeoutException)
    assert response.error.message.endswith(f" within {words} s")


def test_errors_survive_pickling(refusing):
    [error] = aio.rust.thread_way([refusing]).errors
    assert isinstance(error.__cause__, ConnectionRefusedError)
    assert_survives_pickling(error)


@pytest.mark.parametrize("name", exceptions.__all__)
def test_each_class_of_errors_survives_pickling(name):
    kind = getattr(aio, name)
    if issubclass(kind, aio.RequestError):
        known = {"phase": "read", "strategy": "thread", "errno": 104, "bytes_received": 7, "elapsed": 0.5}
        error = kind("words", url="http://a.org/", **known)
        error.__cause__ = OSError(104, "Connection reset by peer")
        assert {attribute: getattr(error, attribute) for attribute in known} == known
    elif kind is aio.HTTPStatusError:
        error = kind("words", response=aio.Response("http://a.org/", status_code=404))
    elif kind is aio.ComparisonError:
        error = kind("rust/thread", "http://a.org/", "another body")
    else:
        error = kind("words")
    assert_survives_pickling(error)


def assert_survives_pickling(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.args) == (str(error), error.args)
    assert repr(copy.__cause__) == repr(error.__cause__)
    assert attributes(copy) == attributes(error)


def attributes(error: Exception) -> dict[str, object]:
    """All that an error holds; a response, which has no equality, by its words."""
    held = {**vars(error), "errno": getattr(error, "errno", None)}  # a slot of OSError, where that is a base
    return {name: repr(value) if isinstance(value, aio.Response) else value for name, value in held.items()}


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
