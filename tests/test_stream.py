"""Responses as they come, of all strategies: lazily, with back-pressure both ways, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import aio_strategies as aio
import psutil
import pytest
from aio_strategies import python_fetching, rust_fetching
from aio_strategies.lecture.connections import Idle
from aio_strategies.lecture.work import Assignment, Slot, Wait, WorkStream
from aio_strategies.targets import Target, addresses_of, locate, targets_at
from aio_strategies.terms import Terms
from conftest import WAYS, saying, thread_count


def silence(connection):
    """Say nothing until the client gives up."""
    connection.recv(1)


@pytest.fixture
def stream(way):
    """Each implementation in turn, as a function of URLs that returns a stream."""

    def call(urls, **settings):
        return aio.stream(way.key, urls, language=way.language, **settings)

    call.alone = way.alone
    return call


class Left:
    """What a stream has left behind in this process."""

    def __init__(self):
        self.process = psutil.Process()
        self.before = self.now()

    def now(self):
        return self.process.num_fds(), thread_count(), len(self.process.children())

    def nothing(self):
        # A thread that has ended takes the system a moment to clear away; Python's pool of processes keeps a helper.
        until = time.monotonic() + 2
        while True:
            descriptors, threads, children = (now - before for now, before in zip(self.now(), self.before, strict=True))
            if (descriptors <= 1 and threads <= 0 and children <= 1) or time.monotonic() > until:
                return (max(0, descriptors - 1), threads, max(0, children - 1)) <= (0, 0, 0)
            time.sleep(0.01)


def test_all_of_them_once(stream, quick_lab):
    left = Left()
    urls = quick_lab.urls(40)
    responses = list(stream(iter(urls), concurrency=4))
    assert sorted(response.index for response in responses) == list(range(40))
    assert all(response.url == urls[response.index] and len(response.content) == 1024 for response in responses)
    assert all(response.raise_for_status() for response in responses)
    assert left.nothing()


def test_beside_an_event_loop(stream, quick_lab):
    left = Left()

    async def main():
        turns = 0

        async def tick():
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        ticking = asyncio.create_task(tick())
        indexes = [response.index async for response in stream(iter(quick_lab.urls(20)), concurrency=2)]
        ticking.cancel()
        return indexes, turns

    indexes, turns = asyncio.run(main())
    assert sorted(indexes) == list(range(20))
    assert turns > 5
    assert left.nothing()


def test_no_more_is_taken_than_there_is_room_for(stream, quick_lab):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield quick_lab.url

    left = Left()
    for handed_out, _ in enumerate(stream(endless(), concurrency=3, keep_alive=True), 1):
        assert taken <= handed_out + 2 * 3
        if handed_out == 30:
            peak = quick_lab.stats().peak_in_flight
            break
    assert peak == (1 if stream.alone else 3)
    assert left.nothing()


def test_in_the_order_of_completion(stream, quick_lab):
    with aio.LabServer(latency=0.3) as slow:
        urls = [slow.url, *quick_lab.urls(5)]
        indexes = [response.index for response in stream(iter(urls), concurrency=2)]
    assert indexes == ([0, 1, 2, 3, 4, 5] if stream.alone else [1, 2, 3, 4, 5, 0])


def test_a_consumer_that_pauses_is_waited_for(stream, quick_lab):
    with stream(iter(quick_lab.urls(100)), concurrency=2) as responses:
        next(responses)
        time.sleep(0.2)
        assert quick_lab.stats().served <= 1 + 2 * 2
        assert len(list(responses)) == 99


def test_failures_are_responses(stream, quick_lab, refusing):
    urls = [quick_lab.url, "http://[::1", refusing, "ftp://a.org/", quick_lab.url, "http://127.0.0.1\ud800/"]
    responses = {response.index: response for response in stream(iter(urls))}
    errors = {index: type(response.error) for index, response in responses.items() if response.error}
    invalid = aio.InvalidURL
    assert errors == {1: invalid, 2: aio.ConnectError, 3: aio.UnsupportedProtocol, 5: invalid}
    assert [responses[index].error.url for index in sorted(errors)] == [urls[index] for index in sorted(errors)]
    assert responses[2].error.strategy == responses[1].error.strategy
    assert responses[0].status_code == responses[4].status_code == 200


def test_what_the_iterable_raises_comes_last(stream, quick_lab):
    def urls():
        yield from quick_lab.urls(5)
        raise LookupError("no more")

    indexes, left = [], Left()
    with pytest.raises(LookupError, match="no more"):
        indexes.extend(response.index for response in stream(urls(), concurrency=2))
    assert sorted(indexes) == list(range(5))
    assert left.nothing()


def test_something_else_than_a_url(stream, quick_lab):
    indexes = []
    with pytest.raises(TypeError, match="urls must hold strings, not int"):
        indexes.extend(response.index for response in stream([quick_lab.url, 7]))
    assert indexes == [0]


@pytest.mark.parametrize(("key", "language"), WAYS)
@pytest.mark.slow
def test_what_arrived_before_anybody_waited_is_not_missed(key, language, quick_lab):
    [location] = locate([quick_lab.url])
    targets, _ = targets_at(addresses_of({location[:2]}, 5.0), {0: quick_lab.url}, {0: location})
    engine = {"python": python_fetching, "rust": rust_fetching}[language]
    fetching = engine.open_stream(key, 1, Terms(5.0), Terms(5.0))
    try:
        fetching.push([(0, targets[0], False)])
        deadline = time.monotonic() + 10
        while not quick_lab.stats().served and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        asyncio.run(asyncio.wait_for(fetching.arrived(), 10))
        assert [ticket for ticket, _ in fetching.take()] == [0]
    finally:
        fetching.cancel()


def test_who_waits_for_its_own_url_is_not_woken_for_another():
    woken = []
    work = WorkStream(11, lambda: None)
    slots = [Slot(partial(woken.append, number)) for number in range(11)]
    later = Target("http://a.org/", "a.org", "/", [("127.0.0.1", 9)], due=time.monotonic() + 60)
    work.push([Assignment(number, later, Terms(1.0)) for number in range(10)])
    assert all(isinstance(work.next(slot), Wait) for slot in slots)
    work.push([Assignment(10, later._replace(due=0.0), Terms(1.0))])
    assert woken == [10]
    assert work.next(slots[10]).ticket == 10


def test_another_host_is_not_passed_over_for_ever():
    work = WorkStream(1, lambda: None)
    here, there = (Target(f"http://{host}/", host, "/", [("127.0.0.1", 9)]) for host in ("a.org", "b.org"))
    work.push([Assignment(0, there, Terms(1.0)), *(Assignment(ticket, here, Terms(1.0)) for ticket in range(1, 201))])
    slot = Slot()
    order = []
    for _ in range(201):
        slot.idle = Idle(here, None, 0.0)
        order.append(work.next(slot).ticket)
    assert order == [*range(1, 65), 0, *range(65, 201)]


def test_no_urls(stream):
    assert list(stream([])) == []


def test_redirects(stream, quick_lab, scripted):
    scripted.scripts["away"] = saying(
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + quick_lab.url.encode() + b"\r\n\r\n"
    )
    urls = [scripted.url("away"), quick_lab.url]
    responses = sorted(stream(urls, follow_redirects=True, headers={"Cookie": "a=b"}), key=lambda r: r.index)
    assert [response.url for response in responses] == [quick_lab.url] * 2
    assert [[before.url for before in response.history] for response in responses] == [urls[:1], []]


def test_a_redirect_to_an_unknown_host_keeps_its_history(stream, scripted):
    scripted.scripts["away"] = saying(
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://no-such-host.invalid/\r\n\r\n"
    )
    [lost] = stream([scripted.url("away")], follow_redirects=True)
    assert isinstance(lost.error, aio.NameResolutionError)
    assert [before.url for before in lost.history] == [scripted.url("away")]


def test_the_rate(stream, quick_lab):
    began = time.monotonic()
    responses = list(stream(quick_lab.urls(6), rate=50, concurrency=6))
    assert time.monotonic() - began >= 5 / 50
    assert all(response.start >= response.index / 50 for response in responses)


def test_over_https(stream):
    with aio.LabServer(latency=0, https=True) as lab:
        responses = list(stream(iter(lab.urls(6)), concurrency=2, keep_alive=True, verify=lab.ca_file))
        assert [response.error for response in responses] == [None] * 6


@pytest.mark.slow
def test_an_asynchronous_iterable(stream, quick_lab):
    """What has arrived is handed out, however long the next URL is in coming."""

    async def main():
        came, all_came = [], asyncio.Event()

        async def urls():
            for url in quick_lab.urls(4):
                yield url
            await asyncio.wait_for(all_came.wait(), 30)
            yield quick_lab.url

        async for response in stream(urls(), concurrency=2):
            came.append(response.index)
            if len(came) == 4:
                all_came.set()
        return came

    came = asyncio.run(main())
    assert (sorted(came), came[-1]) == (list(range(5)), 4)


def test_no_more_is_taken_of_an_asynchronous_iterable_than_there_is_room_for(stream, quick_lab):
    taken = 0

    async def endless():
        nonlocal taken
        while True:
            taken += 1
            yield quick_lab.url

    async def main():
        handed_out = 0
        async with stream(endless(), concurrency=3, keep_alive=True) as responses:
            async for _ in responses:
                handed_out += 1
                assert taken <= handed_out + 2 * 3
                if handed_out == 10:
                    await asyncio.sleep(0.2)  # it waits for the consumer
                    assert quick_lab.stats().served <= 10 + 2 * 3
                if handed_out == 30:
                    break

    left = Left()
    asyncio.run(main())
    assert left.nothing()


def test_an_asynchronous_iterable_needs_an_event_loop(quick_lab):
    async def urls():
        yield quick_lab.url

    with pytest.raises(TypeError, match="async for"):
        next(aio.stream("thread", urls()))


def test_cancelling_the_task_that_waits(stream, scripted):
    scripted.scripts["silent"] = silence
    left = Left()

    async def main():
        async for _ in stream([scripted.url("silent")] * 3):
            raise AssertionError

    async def cancelled():
        task = asyncio.create_task(main())
        await asyncio.sleep(0.3)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(cancelled()) < 4
    assert left.nothing()


@pytest.mark.parametrize("ended", ["break", "close", "with", "raise"])
def test_leaving_it_early(ended, quick_lab):
    left = Left()
    for key, language in WAYS:
        responses = aio.stream(key, iter(quick_lab.urls(1000)), language=language, concurrency=5)
        try:
            if ended == "with":
                with responses:
                    next(responses)
            else:
                for _ in responses:
                    if ended == "raise":
                        raise LookupError
                    break
        except LookupError:
            pass
        if ended == "close":
            responses.close()
        elif ended != "with":
            del responses
        assert left.nothing(), (key, language)
        assert quick_lab.stats().served < 500 * (WAYS.index((key, language)) + 1)


def test_closed_for_good(quick_lab):
    responses = aio.stream("callback", quick_lab.urls(5))
    next(responses)
    responses.close()
    assert list(responses) == []


@pytest.mark.alone
def test_closed_by_its_iterable(stream, quick_lab):
    def urls():
        for number in range(10):
            if number == 3:
                opened.close()
            yield f"{quick_lab.url}{number}"

    opened = stream(urls())
    assert list(opened) == []


def test_closed_by_the_handler_of_a_signal(stream, scripted):
    scripted.scripts["silent"] = silence
    opened = stream(scripted.url("silent") for _ in range(20))
    before = signal.signal(signal.SIGALRM, lambda *_: opened.close())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        assert list(opened) == []
    finally:
        signal.signal(signal.SIGALRM, before)


def test_what_the_iterable_would_have_raised_is_not_raised_after_the_end(quick_lab):
    def urls():
        yield quick_lab.url
        raise KeyError("late")

    for language in ("python", "rust"):
        opened = aio.stream("callback", urls(), language=language)
        next(opened)
        opened.close()
        assert list(opened) == []


def test_only_one_task_may_wait(stream, scripted):
    scripted.scripts["silent"] = silence

    async def two():
        opened = stream([scripted.url("silent")], timeout=0.5)
        first = asyncio.create_task(anext(opened))
        await asyncio.sleep(0.1)
        with pytest.raises(RuntimeError, match="another task"):
            await anext(opened)
        return await first

    assert isinstance(asyncio.run(two()).error, aio.TimeoutException)


@pytest.mark.parametrize("key", ["thread", "process", "callback", "asyncio"])
@pytest.mark.parametrize("language", ["python", "rust"])
def test_found_by_the_garbage_collector_in_any_thread(key, language, quick_lab):
    """In one of its own threads, it must not wait for its own end."""
    code = f"""
import gc, threading, time
import aio_strategies as aio
gc.disable()
class Job:
    def __init__(self):
        self.itself = self
        self.stream = aio.stream({key!r}, iter([{quick_lab.url!r}] * 10_000), language={language!r})
job = Job()
next(job.stream)
del job
if {language!r} == "rust":
    collector = threading.Thread(target=gc.collect)
    collector.start()
    collector.join()
else:
    gc.enable()
    gc.set_threshold(1, 1, 1)
    time.sleep(0.5)
    gc.set_threshold(700, 10, 10)
until = time.monotonic() + 10
while threading.active_count() > 1 and time.monotonic() < until:
    time.sleep(0.01)
print("ended", [thread.name for thread in threading.enumerate() if thread.name == "aio-stream"])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert told.stdout == "ended []\n", told
    assert told.stderr == ""


def test_ctrl_c(stream, scripted):
    scripted.scripts["silent"] = silence
    left = Left()
    timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
    responses = stream([scripted.url("silent")] * 3)
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(responses)
    assert time.monotonic() - began < 4
    timer.join()
    assert left.nothing()


OPEN_AT_EXIT = """
import aio_strategies as aio
with aio.LabServer(latency=0.01) as lab:
    responses = aio.stream({key!r}, iter([lab.url] * 1000), language={language!r}, concurrency=5)
    for _ in range(10):
        next(responses)
print("end")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("key", "language"), WAYS)
def test_open_when_the_interpreter_ends(key, language):
    program = OPEN_AT_EXIT.format(key=key, language=language)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "end\n", "")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("language", ["python", "rust"])
def test_in_a_forked_child(language, quick_lab):
    with aio.stream("thread", iter(quick_lab.urls(50)), language=language, concurrency=2) as responses:
        next(responses)
        child = os.fork()
        if not child:
            try:
                next(responses)
            except aio.ForkedProcessError:
                own = list(aio.stream("thread", quick_lab.urls(3), language=language))
                os._exit(0 if len(own) == 3 else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(list(responses)) == 49


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"strategy": "threads"}, ValueError, "threads"),
        ({"language": "go"}, ValueError, "go"),
        ({"urls": "http://a.org/"}, TypeError, "not a single str"),
        ({"urls": 7}, TypeError, "iterable of strings, not int"),
        ({"concurrency": 0}, ValueError, "concurrency"),
        ({"timeout": -1}, ValueError, "timeout"),
        ({"keep_alive": 1}, TypeError, "keep_alive"),
        ({"retries": 3}, TypeError, "retries"),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        aio.stream(**{"strategy": "thread", "urls": ["http://127.0.0.1:9/"], **arguments})
