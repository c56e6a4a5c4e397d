"""What comes next, and when, is the work's affair: waiters that find nothing sleep until they are woken."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module

import aio_strategies as aio
import pytest
from aio_strategies.catalogue import TWINS
from aio_strategies.lecture.work import Assignment, Slot, Wait, WorkList
from aio_strategies.results import Response
from aio_strategies.targets import Target
from aio_strategies.terms import Terms
from conftest import output_in_a_network_of_its_own


def work_off(key: str, work) -> None:
    """Let the Python version of the strategy work it off."""
    ended = getattr(import_module(f"aio_strategies.lecture.{key}_way"), f"{key}_way")(work)
    if ended is not None:
        asyncio.run(ended)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def targets(lab: aio.LabServer, start: int, count: int) -> list[Target]:
    return [
        Target(f"{lab.url}{number}", f"127.0.0.1:{lab.port}", f"/{number}", [("127.0.0.1", lab.port)])
        for number in range(start, start + count)
    ]


class Feed:
    """Work that is found one piece at a time, as a stream's or a crawler's is."""

    waiters = 3

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: list[Target] = []
        self.begun = 0
        self.responses: list[Response | None] = []
        self.closed = False
        self.asleep: set = set()
        self.asked = 0

    def add(self, found: list[Target]) -> None:
        with self.lock:
            self.found += found
            self.responses += [None] * len(found)
            self._wake_all()

    def close(self) -> None:
        with self.lock:
            self.closed = True
            self._wake_all()

    def _wake_all(self) -> None:
        while self.asleep:
            self.asleep.pop().wake()

    def next(self, slot) -> Assignment | Wait | None:
        with self.lock:
            self.asked += 1
            if self.begun < len(self.found):
                self.begun += 1
                return Assignment(self.begun - 1, self.found[self.begun - 1], Terms(20.0))
            if self.closed:
                return None
            self.asleep.add(slot)
            return Wait(None)

    def put(self, slot, ticket: int, response: Response) -> None:
        with self.lock:
            self.responses[ticket] = response

    def fewer_waiters(self, why: Exception) -> None:
        raise why

    def cancel(self) -> None:
        self.close()


@pytest.mark.parametrize("key", TWINS)
@pytest.mark.slow
def test_waiters_that_find_nothing_sleep_until_they_are_woken(key):
    """The Rust versions: tests/strategies.rs has the same."""
    feed = Feed()
    with aio.LabServer(latency=0.1) as lab:
        running = in_thread(lambda: work_off(key, feed))
        for batch in range(3):
            time.sleep(0.2)
            feed.add(targets(lab, 3 * batch, 3))
        deadline = time.monotonic() + 20
        while lab.stats().served < 9 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        feed.close()
        running.join(timeout=20)
        assert not running.is_alive()
        peak = lab.stats().peak_in_flight
    assert [response.content.split(b"\n")[0].decode() for response in feed.responses] == [f"/{n}" for n in range(9)]
    assert peak == (1 if key in ("blocking", "nonblocking") else 3)
    # Asleep: asking again and again is `nonblocking`'s alone.
    assert key == "nonblocking" or feed.asked < 100


@pytest.mark.parametrize("key", TWINS)
def test_a_cancelled_list_wakes_those_who_wait_for_a_due_time(key):
    with aio.LabServer(latency=0) as lab:
        first, *later = targets(lab, 0, 4)
        work = WorkList([first, *(target._replace(due=time.monotonic() + 3600) for target in later)], 3, Terms(20.0))
        running = in_thread(lambda: work_off(key, work))
        while lab.stats().served < 1:
            time.sleep(0.01)
        time.sleep(0.1)
        work.cancel()
        running.join(timeout=20)
        assert not running.is_alive()
    assert [response is None for response in work.responses()] == [False, True, True, True]


SHORT_OF_PORTS = """
import errno, os, socket, sys, time
import aio_strategies as aio

key = sys.argv[1]
connect = socket.socket.connect
began = time.monotonic()

class Short(socket.socket):
    def connect(self, address):
        if time.monotonic() < began + 1.5:  # nobody has a port for so long
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        return super().connect(address)

    def connect_ex(self, address):
        return errno.EADDRNOTAVAIL if time.monotonic() < began + 1.5 else super().connect_ex(address)

with aio.LabServer(latency=0.01) as lab:
    aio.run(key, lab.urls(1), language="python")  # all is imported
    socket.socket = Short
    began = time.monotonic()
    import warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = aio.run(key, lab.urls(20), language="python", concurrency=5, timeout=20)
    run.raise_for_errors()
    assert [type(warning.message) for warning in caught] == [RuntimeWarning], caught
"""


@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key in TWINS if key != "asyncio"])  # asyncio connects in its own code
def test_what_could_not_begin_for_want_of_ports_begins_later(key):
    subprocess.run([sys.executable, "-c", SHORT_OF_PORTS, key], check=True, timeout=60)


FEW_DESCRIPTORS = """
import resource, sys, warnings
import aio_strategies as aio

key, language, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
alone = key in ("blocking", "nonblocking")
# Long enough for all to be under way at once, if there were descriptors for them.
with aio.LabServer(latency=0.001 if alone else 0.15, body_size=64) as lab:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = aio.run(key, lab.urls(count), language=language, concurrency=1000)
    run.raise_for_errors()
    assert len(run) == count
    expected = 0 if alone else 1
    assert [type(warning.message) for warning in caught] == [RuntimeWarning] * expected, caught
    assert all("may open no more (ulimit -n)" in str(warning.message) for warning in caught), caught
    assert lab.stats().peak_connections == 1 if alone else 50 <= lab.stats().peak_connections <= 256
print(f"{language}/{key}: {count} URLs, {run.wall:.1f} s, {len(caught)} warning(s)")
"""


@pytest.mark.slow
def test_few_descriptors(way):
    """Fewer exchanges are under way then, one warning says so, and no URL is lost."""
    pytest.importorskip("resource")
    count = "200" if way.alone else "1000"
    subprocess.run([sys.executable, "-c", FEW_DESCRIPTORS, way.key, way.language, count], check=True, timeout=100)


TABLE = """
import pathlib, sys
import aio_strategies as aio

def size_of_the_table():
    return int(pathlib.Path("/proc/self/status").read_text().partition("FDSize:")[2].split()[0])

with aio.LabServer(latency=0) as lab:
    urls = lab.urls(1000)
    aio.run("blocking", urls[:20], language=sys.argv[1])
    assert size_of_the_table() < 512
    aio.run("blocking", urls, concurrency=300, language=sys.argv[1])  # it opens one at a time
    assert size_of_the_table() == 512
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the table is Linux's")
@pytest.mark.parametrize("language", ["python", "rust"])
def test_no_exchange_waits_for_room_for_descriptors(language):
    """While the table of descriptors grows, no thread gets a new one: it has grown before the clock starts."""
    subprocess.run([sys.executable, "-c", TABLE, language], check=True, timeout=60)


def test_the_shortage_is_told_by_its_number():
    with aio.LabServer(latency=0) as lab:
        work = WorkList(targets(lab, 0, 2), 2, Terms(20.0))
        work.fewer_waiters(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        assert work.shortage == errno.EMFILE
        work.fewer_waiters(RuntimeError("can't start new thread"))
        assert work.shortage == errno.EAGAIN


FEW_THREADS = """
import os, resource, sys, warnings
import aio_strategies as aio

key, language, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
with aio.LabServer(latency=0.2, body_size=64) as lab:
    aio.run(key, lab.urls(2), language=language)  # all is imported
    lab.reset()
    nobody = 54321 + os.getpid() % 10_000  # not root, which has no limit, nor who else is tried at the same time
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    os.setresuid(nobody, nobody, 0)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run = aio.run(key, lab.urls(5 * most), language=language, concurrency=30)
    finally:
        os.setresuid(0, 0, 0)
    run.raise_for_errors()
    assert [type(warning.message) for warning in caught] == [RuntimeWarning], caught
    assert "no more threads or processes may be started" in str(caught[0].message), caught
    assert 1 <= lab.stats().peak_in_flight <= most, lab.stats()
    assert os.waitpid(-1, os.WNOHANG) == (0, 0), "a zombie was left"  # of the lab's process alone
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become someone else")
@pytest.mark.parametrize("most", [1, 2, 12])  # with 1, there can be nothing but the caller
@pytest.mark.parametrize(
    ("key", "language"), [("process", "python"), ("process", "rust"), ("thread", "python"), ("thread", "rust")]
)
def test_few_threads(key, language, most):
    """Fewer than asked for are accepted, and no URL is lost."""
    command = [sys.executable, "-c", FEW_THREADS, key, language, str(most)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


SELF_CONNECT = """
import sys
import aio_strategies as aio

with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("40000 40003")
key, language = sys.argv[1:]
run = aio.run(key, ["http://127.0.0.1:40000/"] * 40, language=language, concurrency=4, timeout=5)
kinds = {type(error).__name__ for error in run.errors}
assert len(run.errors) == 40 and kinds == {"ConnectError"}, kinds
"""


FEW_PORTS = """
import errno, socket, sys, warnings
import aio_strategies as aio

key, language = sys.argv[1:]
alone = key in ("blocking", "nonblocking")
with aio.LabServer(latency=0.1) as lab:
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
        file.write("40000 40003")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        aio.run(key, lab.urls(12), language=language, concurrency=12).raise_for_errors()
    expected = "none of the ports 40000 to 40003 is free"
    assert [expected in str(warning.message) for warning in caught] == [True] * (not alone), caught

    others = [socket.create_connection(("127.0.0.1", lab.port)) for _ in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        [error] = aio.run(key, lab.urls(1), language=language, timeout=0.5).errors
    assert error.errno == errno.EADDRNOTAVAIL, error
    assert "[Errno 99] Cannot assign requested address: " + expected in str(error), error
"""


@pytest.mark.slow
def test_few_ports(way):
    """No URL is lost while others of the call have ports; who has none is told what to do."""
    output_in_a_network_of_its_own(FEW_PORTS, way.key, way.language)


@pytest.mark.slow
def test_a_connection_with_itself_is_refused(way):
    """Of four ports for clients, one is the very port that they connect to: some get it, and reach themselves."""
    output_in_a_network_of_its_own(SELF_CONNECT, way.key, way.language)


def test_half_as_many_as_there_was_room_for_go_on_after_a_shortage(lab):
    """Each finds no descriptor, as those that have just ended are not free yet: not all of them may give up."""
    work = WorkList(targets(lab, 0, 100), 10, Terms(30.0))
    slots = [Slot() for _ in range(10)]
    begun = {slot: work.next(slot) for slot in slots}
    left = 0
    for slot in slots:
        work.put(slot, begun[slot].ticket, aio.Response("http://a/", status_code=200))
        step = work.next(slot)
        error = aio.ConnectError("none left", phase="connect", errno=errno.EMFILE)
        work.put(slot, step.ticket, aio.Response("http://a/", error=error))
        left += isinstance(work.next(slot), Wait)
    assert left >= 4


def test_a_timeout_is_set_only_where_it_has_changed_by_a_millisecond():
    class Recording(socket.socket):
        def settimeout(self, seconds: float | None) -> None:
            settings.append(seconds)
            super().settimeout(seconds)

    settings: list[float | None] = []
    slot = Slot()
    slot.sock = Recording()
    for seconds in 5.0, 5.0, 4.9995, 4.9, 4.8999, 6.0, 0.0001:
        slot.set_timeout(seconds)
    slot.close()
    assert settings == [5.0, 4.9, 6.0, 0.0001]
