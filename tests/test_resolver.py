"""Looking up names: all of them, without waiting for ever, and never longer than the caller wants to."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import aio_strategies as aio
import pytest
from aio_strategies import resolver
from aio_strategies.resolver import Address
from aio_strategies.targets import AddressBook, locate
from conftest import output_in_a_network_of_its_own

#: Much less than the time that a look-up is given here, and more than a busy machine takes.
AT_ONCE = 20.0


class NameServer:
    """Answers at once with one address; asked for a ``dead`` name, it does not answer before the end of the test."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.delay = 0.0
        self.asked: list[str] = []
        self.asked_in_vain = threading.Event()
        self._over = threading.Event()

    def ask(self, name: str, port: int) -> list[Address] | OSError:
        self.asked.append(name)
        if name.startswith("dead"):
            self.asked_in_vain.set()
            self._over.wait(120)
            return socket.gaierror(socket.EAI_AGAIN, "too late")
        time.sleep(self.delay)
        return [self.address]

    def end(self) -> None:
        self._over.set()


@pytest.fixture
def lab() -> Iterator[aio.LabServer]:
    with aio.LabServer(latency=0) as running:
        yield running


@pytest.fixture
def names(lab: aio.LabServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    server = NameServer(("127.0.0.1", lab.port))
    monkeypatch.setattr(resolver, "_ask", server.ask)
    yield server
    server.end()


def test_many_names_have_all_the_time_they_take(names):
    """A bug once: all together had as long as one, and those that were not asked for yet had "no name server"."""
    names.delay = 0.1
    found = resolver.look_up([(f"name-{number}.invalid", 80) for number in range(200)], 1.0)
    assert all(answer == [names.address] for answer in found.values())
    assert len(found) == 200


def test_one_that_is_not_answered_costs_the_others_nothing(names):
    found = resolver.look_up([("dead.invalid", 80), *((f"name-{number}.invalid", 80) for number in range(40))], 0.5)
    error = found.pop(("dead.invalid", 80))
    assert isinstance(error, socket.gaierror)
    assert "no name server answered within 0.5 s" in str(error)
    assert all(answer == [names.address] for answer in found.values())


def test_what_nobody_waits_for_is_not_asked(names):
    resolver.look_up([(f"dead-{number}.invalid", 80) for number in range(50)], 0.2)
    names.end()
    deadline = time.monotonic() + AT_ONCE
    while any(thread.name == "aio-resolver" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(names.asked) == resolver.THREADS


@pytest.mark.parametrize("allowed", [0, 3])
def test_without_threads_names_are_looked_up_one_after_another(names, monkeypatch, allowed):
    """A bug once: "can't start new thread", and all URLs were lost."""
    start, started = threading.Thread.start, []

    def start_few(thread: threading.Thread) -> None:
        if thread.name.startswith("aio-"):
            if len(started) >= allowed:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_few)
    urls = [f"http://name-{number}.invalid:8000/" for number in range(20)]
    aio.run("blocking", urls, language="python").raise_for_errors()
    asyncio.run(aio.arun("asyncio", urls[:1], language="python")).raise_for_errors()


def of_arun(key: str) -> Callable[[str, str], object]:
    async def cancelled(language: str, url: str) -> None:
        await aio.arun(key, [url], language=language, timeout=100)

    return cancelled


async def of_a_stream(language: str, url: str) -> None:
    async for _ in aio.stream("thread", [url], language=language, timeout=100):
        pass


async def of_a_crawl(language: str, url: str) -> None:
    async for _ in getattr(aio, language).Crawler(url, timeout=100):
        pass


@pytest.mark.parametrize("language", ["python", "rust"])
@pytest.mark.parametrize(
    "begin",
    [of_arun("asyncio"), of_arun("thread"), of_a_stream, of_a_crawl],
    ids=["arun asyncio", "arun thread", "stream", "crawl"],
)
def test_cancelling_does_not_wait_for_a_name_server(names, begin, language):
    """A bug once: the thread of the look-up belonged to the event loop, which waited for it at its end."""

    async def main() -> None:
        task = asyncio.create_task(begin(language, "http://dead.invalid/"))
        while not names.asked_in_vain.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize("language", ["python", "rust"])
@pytest.mark.parametrize("begin", [of_a_stream, of_a_crawl], ids=["stream", "crawl"])
def test_the_event_loop_goes_on_meanwhile(names, begin, language):
    """A bug once: Python's crawler looked names up in the event loop's own thread."""

    async def main() -> None:
        task = asyncio.create_task(begin(language, "http://dead.invalid/"))
        while not names.asked_in_vain.is_set():
            await asyncio.sleep(0.01)
        names.end()  # by the event loop, while the name is being looked up
        await task

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize("language", ["python", "rust"])
def test_a_stream_does_not_ask_again_and_again(names, language):
    """A bug once: a host without address was looked up for each of its URLs, for as long as that may take."""
    names.end()
    urls = [f"http://dead.invalid/{number}" for number in range(30)]
    responses = list(aio.stream("thread", urls, language=language, concurrency=2))
    assert [type(response.error) for response in responses] == [aio.NameResolutionError] * 30
    assert names.asked == ["dead.invalid"]


def test_an_address_book_that_is_full_still_has_what_was_just_added(monkeypatch):
    """A bug once: it was emptied between the adding of a caller's own addresses and their use."""
    monkeypatch.setattr(AddressBook, "MOST", 2)
    monkeypatch.setattr(resolver, "_ask", lambda name, port: socket.gaierror(socket.EAI_NONAME, "unknown"))
    book = AddressBook()
    for number in range(9):
        url = f"http://own-{number}.invalid/"
        [location] = locate([url])
        book.add({location[:2]: [("127.0.0.1", 80)]})
        book.look_up([location], 5.0)
        targets, errors = book.targets({0: url}, {0: location})
        assert (targets[0].addresses, errors) == ([("127.0.0.1", 80)], {})


WITHOUT_IPV6 = """
import contextlib, errno, sys
import aio_strategies as aio
from aio_strategies import resolver

with contextlib.suppress(FileNotFoundError), open("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "w") as file:
    file.write("1")
resolver._ask = lambda name, port: [("127.0.0.1", port), ("::1", port)]  # as many files of hosts have it
[response] = aio.run("thread", ["http://localhost:9/"], language=sys.argv[1], timeout=100)
assert response.error.errno == errno.ECONNREFUSED, response.error
"""


@pytest.mark.parametrize("language", ["python", "rust"])
def test_addresses_that_this_machine_cannot_reach_are_left_out(language):
    """A bug once: where IPv6 is off, connecting to ``::1`` fails as if all ports were taken, which was waited for."""
    output_in_a_network_of_its_own(WITHOUT_IPV6, language)
