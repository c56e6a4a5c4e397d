"""Each warning is provoked, for real where a test can do that, and none of them comes unprovoked."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import aio_strategies as aio
import pytest
from aio_strategies.comparison.conditions import Conditions
from aio_strategies.measuring.machine import Monitor
from test_comparison import around, jumbled, made

ROOT = Path(__file__).parent.parent
LIGHT = {"requests": 4, "concurrency": 2, "latency": 0.02, "progress": False}


def kinds(comparison):
    return {warning.kind for warning in comparison.warnings}


def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.fixture
def load():
    """Keep every core more than busy."""
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=spin, args=(60,)) for _ in range(2 * (os.cpu_count() or 1))]
    for process in busy:
        process.start()
    time.sleep(1.0)
    yield
    for process in busy:
        process.kill()
        process.join()


@pytest.mark.slow
@pytest.mark.alone
def test_load_on_the_other_cores_is_noticed(load):
    comparison = aio.compare(["callback"], rounds=4, **LIGHT)
    assert {"foreign_cpu", "pressure"} <= kinds(comparison)
    assert "warning: other programs used" in str(comparison)
    assert "warning: for " in str(comparison)
    assert "其他程序占用了一个核的" in comparison.to_markdown("zh")


@pytest.mark.slow
@pytest.mark.alone
def test_a_quiet_run_has_none():
    found = []
    for _ in range(3):  # the machine that this runs on may be anything but quiet: one of three is enough
        comparison = aio.compare(["callback", "thread"], rounds=10, **LIGHT)
        found.append(kinds(comparison))
        # what the machine or chance may bring about is one thing, what is ours to avoid another
        assert not kinds(comparison) - {"foreign_cpu", "pressure", "steal", "drift", "aa"}
        if not kinds(comparison) - {"steal"}:
            assert "warning" not in str(comparison) or "steal" in kinds(comparison)
            return
    pytest.skip(f"this machine was busy with other things: {found}")


@pytest.mark.slow
@pytest.mark.alone
def test_a_lab_that_cannot_keep_up_is_noticed():
    # Requests in one go cost the client next to nothing, and the server all the same.
    def hammer(urls):
        import socket
        import threading
        from urllib.parse import urlsplit

        def fetch(urls):
            root = len(urls[0]) - len(urlsplit(urls[0]).path)
            requests = "".join([f"GET {url[root:]} HTTP/1.1\r\nHost: lab\r\n\r\n" for url in urls])
            requests = (requests[:-2] + "Connection: close\r\n\r\n").encode()
            buffer = bytearray(1 << 20)
            with socket.create_connection((urlsplit(urls[0]).hostname, urlsplit(urls[0]).port)) as connection:
                sender = threading.Thread(target=connection.sendall, args=(requests,))
                sender.start()
                while connection.recv_into(buffer):
                    pass
                sender.join()

        parts = [part for part in (urls[first::4] for first in range(4)) if part]
        threads = [threading.Thread(target=fetch, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for _ in range(3):
        comparison = aio.compare(
            [], programs={"hammer": hammer}, requests=20_000, latency=0.0, rounds=2, progress=False
        )
        if "server" in kinds(comparison):
            break
    if "server" in kinds(comparison):
        assert "warning: hammer: you timed the server, which used" in str(comparison)
    else:
        # What it used of a core is little where others use the cores; then they are what is told of.
        assert kinds(comparison) & {"foreign_cpu", "steal"}, comparison.arm("hammer").server_load


def test_a_server_is_too_busy_from_seventy_per_cent_of_a_core_on():
    comparison = made({arm: jumbled(around(0.02)) for arm in ("python/thread", "rust/thread")})
    for load, told in ((0.7, []), (0.71, ["rust/thread"])):
        runs = [replace(run, server_load=load) if run.arm == "rust/thread" else run for run in comparison.timed_runs]
        loaded = replace(comparison, timed_runs=tuple(runs))
        assert [warning.arm for warning in loaded.warnings if warning.kind == "server"] == told
    assert "warning: rust/thread: you timed the server, which used 71 % of a core" in str(loaded)
    assert "rust/thread：测到的是服务器，它占用了一个核的 71 %" in loaded.to_markdown("zh")


def test_a_twin_that_differs_by_less_than_a_ratio_shows_is_harmless():
    walls = {"python/thread": 0.03, "rust/thread": 0.02, "python/thread (twin)": 0.0301}
    comparison = made({arm: [wall * (1 + 0.0001 * number) for number in range(10)] for arm, wall in walls.items()})
    assert comparison.aa_check.high < 1
    assert kinds(comparison) == set()
    walls["python/thread (twin)"] = 0.0302
    comparison = made({arm: [wall * (1 + 0.0001 * number) for number in range(10)] for arm, wall in walls.items()})
    assert kinds(comparison) == {"aa"}


def test_a_twin_that_differs_is_noticed():
    walls = {"python/thread": 0.03, "rust/thread": 0.02, "python/thread (twin)": 0.036}
    comparison = made({arm: jumbled(around(wall)) for arm, wall in walls.items()})
    assert kinds(comparison) == {"aa"}
    assert "warning: do not trust this comparison: python/thread vs its own twin is 0.833" in str(comparison)
    assert "请勿采信" in comparison.to_markdown("zh")


def test_drift_of_all_arms_is_noticed_once():
    slowing = [0.02 * (1 + 0.02 * i) for i in range(20)]
    comparison = made({"python/thread": slowing, "rust/thread": [wall / 2 for wall in slowing]}, latency=0.002)
    assert kinds(comparison) == {"drift"}
    assert [str(warning) for warning in comparison.warnings] == [
        "drift: the second half of the rounds was 18 % slower than the first"
    ]


def test_drift_of_one_arm_names_it():
    steady = jumbled(around(0.02, spread=0.05))
    comparison = made(
        {"python/thread": steady, "rust/thread": steady, "mine": [0.02 * (1 + 0.02 * i) for i in range(20)]}
    )
    assert [(warning.kind, warning.arm) for warning in comparison.warnings] == [("drift", "mine")]


@pytest.mark.slow
@pytest.mark.alone
def test_a_program_that_slows_down_is_noticed(tmp_path):
    counter = tmp_path / "runs"
    counter.write_text("")

    def tiring(urls):
        import time

        with open(counter, "a+", encoding="ascii") as runs:
            runs.write(".")
            done = runs.tell()
        time.sleep(0.0005 * done)
        return aio.python.callback_way(urls)

    comparison = aio.compare(["callback"], ["python"], programs={"tiring": tiring}, rounds=14, **LIGHT)
    assert "drift" in kinds(comparison)
    assert any(warning.arm in ("tiring", None) for warning in comparison.warnings if warning.kind == "drift")


def test_noise_is_no_drift():
    walls = {"python/thread": jumbled(around(0.02, spread=0.5)), "rust/thread": jumbled(around(0.01))}
    comparison = made(walls, latency=0.002)
    assert comparison.warnings == ()


@pytest.mark.slow
def test_few_descriptors_are_noticed():
    code = """
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
import aio_strategies as aio
c = aio.compare(["callback"], requests=90, concurrency=90, latency=0.005, rounds=1, progress=False)
print(c)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "warning: file descriptors are scarce: about 106 of 128 are needed at once (raise ulimit -n)" in shown


def test_few_ports_are_noticed():
    comparison = made({"rust/thread": jumbled(around(0.02))}, latency=None)
    scarce = {**comparison.environment, "ports": 28_000, "sockets_in_time_wait": 25_000}
    assert kinds(replace(comparison, environment=scarce)) == {"ports"}


def test_steal_is_noticed():
    comparison = made({"rust/thread": jumbled(around(0.02))})
    cores = comparison.environment["cores"]
    assert kinds(replace(comparison, conditions=Conditions(wall=10.0, steal=0.05 * cores))) == set()
    stolen = replace(comparison, conditions=Conditions(wall=10.0, steal=0.2 * cores))
    assert kinds(stolen) == {"steal"}
    assert "warning: the hypervisor gave 2.0 % of the CPU time to other machines" in str(stolen)


def test_the_monitor_reads_the_machine_s_own_counters():
    before = time.thread_time()
    monitor = Monitor()
    began = time.thread_time()
    spin(0.3)
    least = time.thread_time() - began
    seen = monitor.stop(own=0.0)
    assert seen.wall >= 0.3
    assert least <= seen.own <= time.thread_time() - before, "this thread is the coordinator"
    if seen.busy is not None:
        assert seen.busy > least - 0.1
        assert seen.foreign >= 0


def test_too_few_rounds_are_noticed():
    comparison = made({"rust/thread": jumbled(around(0.02))[:5]}, latency=0.002, ended="budget")
    assert kinds(comparison) == {"few_rounds"}


def test_whoever_has_too_many_in_flight_is_told_how_to_allow_them():
    """Not even two of them are judged, as they may have too many by different amounts."""
    comparison = made({"one": jumbled(around(0.05)), "two": jumbled(around(0.1))}, concurrency=5)
    assert comparison.incomparable == {"one", "two"}
    assert comparison.contrast("two", "one").verdict == "incomparable"
    told = "10 requests in flight at once (5 allowed; to allow as many to all: concurrency=10, or -c 10)"
    assert f"one did not keep to the rules and gets no verdict: {told}" in [
        str(warning) for warning in comparison.warnings
    ]
    allowed = replace(comparison, settings=replace(comparison.settings, concurrency=10))
    assert allowed.contrast("two", "one").verdict == "slower"


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_debug_build_is_noticed(tmp_path):
    """A real one: the crate, compiled without optimisation, in a copy of the package."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    subprocess.run(
        ["cargo", "build", "--quiet", "--features", "python"], cwd=ROOT, check=True, capture_output=True, timeout=550
    )
    package = Path(aio.__file__).parent
    shutil.copytree(package, tmp_path / "aio_strategies", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    for library in ("libaio_strategies.so", "libaio_strategies.dylib"):
        if (target / "debug" / library).exists():
            shutil.copy(target / "debug" / library, tmp_path / "aio_strategies" / "_native.abi3.so")
    code = (
        "import aio_strategies as aio, json;"
        "c = aio.compare(['callback'], ['rust'], rounds=1, requests=2, progress=False);"
        "print(json.dumps([w.kind for w in c.warnings]), aio.__file__)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment,
        cwd=tmp_path,
    ).stdout
    assert str(tmp_path) in shown, "not the installed package"
    assert "debug_build" in json.loads(shown.partition("]")[0] + "]")
