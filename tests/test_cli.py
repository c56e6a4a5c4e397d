"""The command line, as a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request

import aio_strategies as aio
import pytest


def cli(*arguments: str, **settings) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aio_strategies", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, encoding="utf-8", **settings)


def test_compare_prints_the_table():
    done = cli("compare", "--requests", "10", "--latency", "5ms", "--rounds", "3")
    assert done.returncode == 0, done.stderr
    for strategy in aio.strategies():
        assert f"{strategy.key} ({strategy.section})" in done.stdout
    assert re.search(r"10 requests, 10 at a time, latency 5.0 ms, 3 rounds, seed \d+", done.stdout)
    assert done.stderr == ""


def test_compare_prints_json():
    done = cli("compare", "--strategies", "thread,asyncio", "-n", "4", "--latency", "1ms", "--rounds", "3", "--json")
    data = json.loads(done.stdout)
    assert [(arm["strategy"], arm["language"]) for arm in data["arms"]] == [
        ("thread", "python"),
        ("thread", "rust"),
        ("asyncio", "python"),
        ("asyncio", "rust"),
    ]
    assert all(len(arm["runs"]) == 3 for arm in data["arms"])
    assert isinstance(data["seed"], int)
    assert data["settings"]["latency"] == 0.001


def test_compare_in_chinese_markdown():
    done = cli("compare", "--strategies", "thread", "--rounds", "3", "--latency", "0", "--lang", "zh", "--markdown")
    assert done.stdout.startswith("| 程序")
    assert "多线程" in done.stdout


def test_run_against_a_lab():
    done = cli("run", "callback", "-n", "3", "--latency", "1ms", "--language", "python")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("200 ") and "1024 bytes" in line for line in lines[:3])
    assert lines[3].startswith("python/callback: 3 URLs in ")


def test_run_with_urls_tells_which_failed(lab, refusing):
    done = cli("run", "thread", lab.url, refusing)
    assert done.returncode == 1
    assert "ConnectError" in done.stdout
    assert "1 failed" in done.stdout
    done = cli("run", "thread", lab.url, refusing, "--json")
    assert done.returncode == 1
    responses = json.loads(done.stdout)["responses"]
    assert [response["status_code"] for response in responses] == [200, None]
    assert responses[1]["error"]["type"] == "ConnectError"


def test_serve_until_ctrl_c():
    command = [sys.executable, "-m", "aio_strategies", "serve", "--latency", "1ms", "--body-size", "1KiB", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        url = json.loads(server.stdout.readline())["url"]
        with urllib.request.urlopen(f"{url}x", timeout=10) as response:
            assert response.read().startswith(b"/x\n")
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=10)
    assert server.returncode == 0
    assert json.loads(out)["served"] == 1
    assert err == ""


def test_strategies():
    done = cli("strategies", "--json")
    assert [row["key"] for row in json.loads(done.stdout)] == [strategy.key for strategy in aio.strategies()]
    assert "同步阻塞" in cli("strategies").stdout


def test_version_and_the_console_script():
    assert cli("--version").stdout == f"aio-strategies {aio.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "--latency", "20x"], "'20x' is no duration: write it as 20ms"),
        (["compare", "--requests", "0"], "'0' is no whole number from 1 on"),
        (["compare", "--strategies", "threads"], "'threads' is no strategy: choose from blocking"),
        (["compare", "--languages", "go"], "'go' is no language: choose from python, rust"),
        (["run", "threads"], "'threads' is no strategy"),
        (["serve", "--port", "99999"], "'99999' is no port"),
        (["serve", "--body-size", "1.5"], "'1.5' is no number of bytes"),
        (["nonsense"], "invalid choice: 'nonsense'"),
    ],
)
def test_wrong_arguments(arguments, words):
    done = cli(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_our_errors_are_told_without_a_traceback():
    done = cli("run", "thread", "ftp://a/")
    assert done.returncode == 1
    assert done.stderr == 'aio-strategies: error: "ftp://a/" has the scheme "ftp"; allowed: "http"\n'


def test_ctrl_c_during_a_comparison():
    command = [sys.executable, "-m", "aio_strategies", "compare", "--strategies", "blocking", "--latency", "300ms"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert (out, err) == ("", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", 0.02), ("0.02", 0.02), ("0.02s", 0.02), ("1.5s", 1.5), ("500us", 0.0005), ("1m", 60), (".5 s", 0.5)],
)
def test_durations(text, seconds):
    from aio_strategies import units

    assert units.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "count"), [("1500", 1500), ("64KiB", 65536), ("1.5kB", 1500), ("10MB", 10_000_000)])
def test_byte_counts(text, count):
    from aio_strategies import units

    assert units.byte_count(text) == count
