"""Bad arguments raise at the call, before any I/O, and say what is allowed."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import aio_strategies as aio
import pytest

LOCAL = "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    ("urls", "settings", "kind", "words"),
    [
        ([], {}, ValueError, "urls is empty"),
        ("http://a/", {}, TypeError, "not a single str"),
        (None, {}, TypeError, "not NoneType"),
        ([1], {}, TypeError, "strings, not int"),
        ([LOCAL], {"concurrency": 0}, ValueError, "at least 1, not 0"),
        ([LOCAL], {"concurrency": -3}, ValueError, "at least 1, not -3"),
        ([LOCAL], {"concurrency": 1.5}, TypeError, "1.5"),
        ([LOCAL], {"concurrency": True}, TypeError, "True"),
        ([LOCAL], {"timeout": 0}, ValueError, "above 0"),
        ([LOCAL], {"timeout": float("nan")}, ValueError, "finite"),
        ([LOCAL], {"timeout": float("inf")}, ValueError, "inf"),
        ([LOCAL], {"timeout": "1"}, TypeError, "number of seconds"),
        ([LOCAL], {"timeout": 10**400}, ValueError, "finite"),
        ([LOCAL], {"rate": 0}, ValueError, "above 0 (1e-6 to 1e9), not 0"),
        ([LOCAL], {"rate": -1.5}, ValueError, "not -1.5"),
        ([LOCAL], {"rate": float("nan")}, ValueError, "finite"),
        ([LOCAL], {"rate": float("inf")}, ValueError, "inf"),
        ([LOCAL], {"rate": 10**400}, ValueError, "finite"),
        ([LOCAL], {"rate": "1"}, TypeError, "requests per second or None, not '1'"),
        ([LOCAL], {"rate": True}, TypeError, "True"),
        ([LOCAL, "ftp://a/"], {}, aio.UnsupportedProtocol, '"ftp"; allowed: "http"'),
        (["a.org/path"], {}, aio.InvalidURL, "no scheme"),
        (["http://"], {}, aio.InvalidURL, "empty host"),
        (["http://a:99999/"], {}, aio.InvalidURL, "port"),
        (["http://a:0/"], {}, aio.InvalidURL, "port 0"),
        (["http://[::1/"], {}, aio.InvalidURL, "IPv6"),
        (["http://xn--a/"], {}, aio.InvalidURL, "domain"),
        (["http://user:secret@a/"], {}, aio.InvalidURL, "password"),
        (["http://a/\ud800"], {}, aio.InvalidURL, "half of a character"),
    ],
)
def test_bad_arguments(urls, settings, kind, words):
    """By each of the two faces that all have, of which the next test tells."""
    for strategy in ("thread", "asyncio"):
        with pytest.raises(kind) as caught:
            aio.run(strategy, urls, **settings)
        assert type(caught.value) is kind
        assert isinstance(caught.value, ValueError | TypeError)
        assert words in str(caught.value)


def test_all_have_the_same_face():
    """Their own code begins behind it; one face is a function, the other, asyncio's, a coroutine function."""
    functions, coroutines = {aio.rust.thread_way.__code__}, {aio.rust.asyncio_way.__code__}
    for strategy in aio.strategies():
        for language in strategy.languages:
            way = getattr(getattr(aio, language), f"{strategy.key}_way")
            assert way.__code__ in (coroutines if strategy.key == "asyncio" else functions)
    assert inspect.iscoroutinefunction(aio.rust.asyncio_way)
    assert not inspect.iscoroutinefunction(aio.rust.thread_way)


def test_bad_arguments_of_each(way):
    """One of each argument, so that none is lost on the way to the face; at the call, and beside a loop's tasks."""
    for urls, settings in (
        ([], {}),
        ([LOCAL], {"concurrency": 0}),
        ([LOCAL], {"timeout": 0}),
        ([LOCAL], {"rate": 0}),
    ):
        with pytest.raises(ValueError, match=r"urls is empty|(concurrency|timeout|rate) must be .*, not 0"):
            way(urls, **settings)
        with pytest.raises(ValueError, match=r"urls is empty|(concurrency|timeout|rate) must be .*, not 0"):
            asyncio.run(aio.arun(way.key, urls, language=way.language, **settings))


def test_unknown_strategy_and_language():
    with pytest.raises(ValueError, match="no strategy 'threads'; allowed: blocking, process, thread"):
        aio.run("threads", [LOCAL])
    with pytest.raises(ValueError, match="no language 'go'; allowed: python, rust"):
        aio.run("thread", [LOCAL], language="go")


def test_any_iterable_of_urls(way, lab):
    assert len(way(url for url in lab.urls(3)).raise_for_errors()) == 3


def test_urls_mean_the_same_in_both_languages(way, lab):
    port = lab.port
    urls = [f"http://127.1:{port}/a b?c=d e#f", f"http://0x7f000001:{port}/%7e/../中", f"HTTP://127.0.0.1:{port}"]
    run = way(urls).raise_for_errors()
    assert [r.text.splitlines()[0] for r in run] == ["/a%20b?c=d%20e", "/%E4%B8%AD", "/"]
    assert [r.url for r in run] == urls


@pytest.mark.parametrize("strategy", ["thread", "asyncio"])
@pytest.mark.parametrize("language", ["python", "rust"])
@pytest.mark.slow
def test_a_name_server_that_does_not_answer_is_not_waited_for(strategy, language, lab, monkeypatch):
    """The deadline holds for resolving, too, and the URLs whose host is known are fetched; all of it by the face."""
    import socket
    import threading

    real, never = socket.getaddrinfo, threading.Event()

    def slow(host, *arguments, **settings):
        if host == "slow.example":
            never.wait(20)
        return real(host, *arguments, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    run = aio.run(strategy, ["http://slow.example/", lab.url], language=language, timeout=0.5)
    never.set()
    assert type(run[0].error) is aio.NameResolutionError
    assert "no name server answered within 0.5 s" in str(run[0].error)
    assert run[1].status_code == 200


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"latency": 10**400}, ValueError, "latency must be 0 to 86400 seconds"),
        ({"latency": "20ms"}, TypeError, "latency must be a number of seconds, not '20ms'"),
        ({"jitter": True}, TypeError, "jitter must be a number of seconds, not True"),
        ({"body_size": 1.5}, TypeError, "body_size must be an integer, 0 to 1099511627776, not 1.5"),
        ({"bandwidth": 0}, ValueError, "bandwidth must be 1 to 1e+15 bytes per second, or None, not 0"),
        ({"seed": -1}, ValueError, "seed must be 0 to 18446744073709551615, not -1"),
        ({"port": 65536}, ValueError, "port must be 0 to 65535, not 65536"),
        ({"log_limit": 0}, ValueError, "log_limit must be 1 to 4294967295, not 0"),
    ],
)
def test_a_lab_s_arguments_are_checked_by_the_same_words(settings, kind, words):
    with pytest.raises(kind) as caught:
        aio.LabServer(**settings)
    assert str(caught.value).startswith(words)
    if settings.keys() <= {"latency", "seed"}:
        with pytest.raises(kind) as again:
            aio.compare(**settings)
        assert str(again.value) == str(caught.value)


def test_a_lab_tells_what_it_was_started_with():
    with aio.LabServer(latency=0.5, jitter=0.25, body_size=7, bandwidth=1000, seed=3, log_limit=9) as lab:
        assert (lab.latency, lab.jitter, lab.body_size, lab.bandwidth, lab.seed) == (0.5, 0.25, 7, 1000.0, 3)
        assert lab.log_limit == 9


def test_the_reader_s_language_is_checked_by_the_same_words():
    comparison = aio.load(Path(__file__).parent / "data" / "comparison_schema_2.json")
    for show in (comparison.to_text, comparison.to_markdown, lambda lang: comparison.explain(lang=lang)):
        with pytest.raises(ValueError, match="lang must be 'en' or 'zh', not 'python'"):
            show("python")
