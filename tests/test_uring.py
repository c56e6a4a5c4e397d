"""``uring`` is there in Rust only, and only where the kernel allows it: everything else says so and goes on."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys

import aio_strategies as aio
import pytest
from aio_strategies.catalogue import STRATEGIES

URING = STRATEGIES["uring"]

#: Forbids a system call by a seccomp filter, as containers do, and then says what became of each call.
FORBIDDEN = """
import ctypes, json, struct, sys
import aio_strategies as aio

def forbid(call, errno):
    load, equal, answer = 0x20, 0x15, 0x06
    steps = [(load, 0, 0, 0), (equal, 0, 1, call), (answer, 0, 0, 0x00050000 | errno), (answer, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    assert libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, ctypes.c_ulong(2), program, zero, zero) == 0, ctypes.get_errno()  # PR_SET_SECCOMP

def outcome(call):
    try:
        return str(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"

with aio.LabServer(latency=0.001) as lab:
    urls = lab.urls(2)
    if sys.argv[3] == "late":  # the catalogue has found out already that it is there
        aio.run("uring", urls).raise_for_errors()
    forbid(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({
        "unavailable": dict(aio.strategies()[-1].unavailable),
        "way": outcome(lambda: aio.rust.uring_way(urls)),
        "run": outcome(lambda: aio.run("uring", urls)),
        "others": outcome(lambda: len(aio.run("callback", urls).raise_for_errors())),
        "compare": outcome(lambda: aio.compare(["uring"], lab=lab, rounds=1, progress=False)),
        "catalogue": repr(aio.strategies()),
    }))
"""

WORDS = {
    errno.EPERM: "the sysctl kernel.io_uring_disabled or a container's filter forbids io_uring: [Errno 1]",
    errno.ENOSYS: "this kernel has no io_uring, or a container's filter hides it: [Errno 38]",
}


CALLS = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}


def forbidden(call: str, number: int, when: str) -> dict[str, str]:
    command = [sys.executable, "-c", FORBIDDEN, str(CALLS[call]), str(number), when]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="a filter for Linux on x86-64")
@pytest.mark.parametrize(
    ("call", "number"),
    [("io_uring_setup", number) for number in WORDS]
    + [("io_uring_enter", errno.EPERM), ("io_uring_register", errno.EPERM)],
)
def test_where_a_filter_forbids_it(call, number):
    seen = forbidden(call, number, "early")
    why = seen["unavailable"]["rust"]
    assert why.startswith(WORDS[number])
    assert seen["way"] == f"UnavailableError: {why}"
    assert seen["run"] == f"UnavailableError: 'uring' is not available in rust here: {why}"
    assert seen["others"] == "2"
    assert seen["compare"] == f"ComparisonError: rust/uring cannot be compared: not available here: {why}"
    assert f"not available here: rust/uring ({why})" in seen["catalogue"]


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="a filter for Linux on x86-64")
@pytest.mark.skipif("rust" not in URING.languages, reason="not available here")
def test_where_it_is_forbidden_later_on():
    seen = forbidden("io_uring_setup", errno.EPERM, "late")
    assert seen["unavailable"] == {}
    assert seen["way"].startswith(f"UnavailableError: {WORDS[errno.EPERM]}")
    assert seen["run"] == seen["way"]
    assert seen["others"] == "2"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif("rust" not in URING.languages, reason="not available here")
def test_a_fork_while_the_kernel_holds_its_memory():
    with aio.LabServer(latency=0.001, body_size=5000) as lab:
        pages = {response.url: response.content for response in aio.run("blocking", lab.urls(20))}
        with aio.stream("uring", lab.urls(20) * 20, concurrency=20) as responses:
            seen = 0
            for response in responses:
                assert response.content == pages[response.url]
                seen += 1
                if seen % 100 == 0:
                    child = os.fork()
                    if not child:  # it has another ring
                        own = aio.run("uring", lab.urls(20))
                        os._exit(int([one.content for one in own] != [pages[one.url] for one in own]))
                    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert seen == 400


def test_there_is_no_python_version():
    assert not hasattr(aio.python, "uring_way")
    assert set(URING.waits_by) == {"rust"}
    with pytest.raises(ValueError, match="no version of 'uring' in the language 'python'; allowed: rust"):
        aio.run("uring", ["http://127.0.0.1/"], language="python")
    with pytest.raises(aio.ComparisonError, match="python/uring cannot be compared: not available here: there is no"):
        aio.compare(["uring"], "python", progress=False)


def test_what_cannot_run_is_a_value_error_too():
    assert issubclass(aio.UnavailableError, ValueError)
    assert issubclass(aio.UnavailableError, aio.Error)


FAST = {"requests": 4, "concurrency": 2, "latency": 0.002, "rounds": 3, "progress": False}


@pytest.mark.skipif("rust" not in URING.languages, reason="not available here")
class TestComparing:
    @pytest.mark.slow
    def test_alone_and_beside_twins(self):
        comparison = aio.compare(["callback", "uring"], **FAST)
        assert [str(arm.arm) for arm in comparison.arms] == ["python/callback", "rust/callback", "rust/uring"]
        assert comparison.left_out == {}
        assert comparison.contrast("rust/uring", "rust/callback").ratio > 0
        rows = {line.split("|")[1].strip(): line for line in comparison.to_markdown().splitlines() if "| rust" in line}
        assert "uring" in rows
        zh = next(line for line in comparison.to_markdown("zh").splitlines() if line.startswith("| io_uring"))
        assert [cell.strip() for cell in zh.strip("|").split("|")][1] == "–"
        assert comparison.explain()
        assert "uring" in comparison._repr_html_()
        alone = aio.compare("uring", **FAST)
        assert [str(arm.arm) for arm in alone.arms] == ["rust/uring"]
        assert "uring" in str(alone)
        for picture in (comparison.plot(), comparison.waterfall(), alone.in_flight()):
            assert "<svg" in picture.svg

    def test_it_is_not_timed_unless_it_is_named(self):
        from aio_strategies.measuring.plan import make_plan

        assert "rust/uring" not in map(str, make_plan().arms)
        assert "rust/uring" in map(str, make_plan(["uring", "thread"]).arms)


LITTLE_MEMORY = """
import os, resource, sys
import aio_strategies as aio

with aio.LabServer(latency=0.01) as lab:
    aio.run("uring", lab.urls(2)).raise_for_errors()  # all is imported
    nobody = 54321  # root may lock as much memory as it likes
    os.setresuid(nobody, nobody, 0)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
    for count in 300, 1, 300:
        aio.run("uring", lab.urls(count), concurrency=count).raise_for_errors()
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096))
    try:
        aio.run("uring", lab.urls(2)).raise_for_errors()
    except aio.UnavailableError as error:
        assert "ulimit -l" in str(error)
"""


@pytest.mark.skipif("rust" not in URING.languages, reason="not available here")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become someone else")
def test_short_queues_do_where_little_memory_may_be_locked():
    done = subprocess.run([sys.executable, "-c", LITTLE_MEMORY], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif("rust" not in URING.languages, reason="not available here")
def test_more_long_bodies_at_a_time_than_there_are_buffers():
    """The kernel fails a read for which it has no buffer; it is tried again."""
    with aio.LabServer(latency=0, body_size=1_000_000) as lab:
        run = aio.run("uring", lab.urls(100), concurrency=100).raise_for_errors()
        expected = aio.run("blocking", lab.urls(100), language="python").raise_for_errors()
    assert [response.content for response in run] == [response.content for response in expected]
