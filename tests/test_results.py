"""Run and Response."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import aio_strategies as aio
import pytest
from aio_strategies.results import CPUTime


def response(**parts) -> aio.Response:
    return aio.Response("http://a/", **{"status_code": 200, "http_version": "HTTP/1.1", **parts})


def test_a_response_s_headers_are_made_once():
    one = response(headers=iter([(b"A", b"1")]))
    assert one.headers is one.headers
    assert one.headers["a"] == "1"


def test_headers_ignore_case_and_join_repeated_fields():
    headers = aio.Headers([(b"Content-Type", b"text/plain"), (b"A", b"1"), (b"a", b"2")])
    assert headers["content-type"] == headers["CONTENT-TYPE"] == "text/plain"
    assert headers["a"] == "1, 2"
    assert headers.get_list("A") == ["1", "2"]
    assert dict(headers) == {"content-type": "text/plain", "a": "1, 2"}
    assert len(headers) == 2
    assert "b" not in headers
    with pytest.raises(KeyError):
        headers["b"]


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        (b"text/plain; charset=latin1", b"caf\xe9", "café"),
        (b"text/plain; charset=gb18030", "异步".encode("gb18030"), "异步"),
        (b'text/plain; charset="no-such"', "中".encode(), "中"),
        (b"text/plain", b"\xff", "\ufffd"),
    ],
)
def test_text_follows_the_charset(content_type, content, text):
    assert response(headers=[(b"Content-Type", content_type)], content=content).text == text


def test_raise_for_status():
    assert response(status_code=399).raise_for_status().status_code == 399
    with pytest.raises(aio.HTTPStatusError, match="404 Not Found for http://a/") as caught:
        response(status_code=404, reason_phrase="Not Found").raise_for_status()
    assert caught.value.response.status_code == 404
    assert pickle.loads(pickle.dumps(caught.value)).response.status_code == 404


@pytest.mark.parametrize(
    ("status", "success"), [(199, False), (200, True), (204, True), (299, True), (300, False), (404, False)]
)
def test_is_success_as_in_httpx(status, success):
    assert response(status_code=status).is_success is success


def test_json_as_in_httpx():
    assert response(content='{"异步": [1.5, null]}'.encode()).json() == {"异步": [1.5, None]}
    assert response(content='"é"'.encode("utf-16")).json() == "é"
    assert response(content=b"1.5").json(parse_float=str) == "1.5"
    with pytest.raises(ValueError, match="Expecting value"):
        response(content=b"<html>").json()


def test_one_that_failed_is_no_success_and_has_no_json():
    failed = aio.Response("http://a/", error=aio.ConnectError("refused"))
    assert failed.is_success is False
    with pytest.raises(aio.ConnectError, match="refused"):
        failed.json()


def test_a_run_is_a_sequence():
    responses = [response(content=bytes([number])) for number in range(3)]
    run = aio.Run(responses, strategy="thread", language="rust", wall=0.5, cpu=CPUTime(0.25, 0.125))
    assert len(run) == 3
    assert run[1] is responses[1]
    assert run[-1] is responses[2]
    assert run[:2] == tuple(responses[:2])
    assert responses[2] in run
    assert run.cpu == 0.375
    assert run.errors == []
    assert run.raise_for_errors() is run
    assert repr(run) == "<Run rust/thread: 3 responses, 0.5000 s, CPU 375.0 ms>"
    assert "rust / thread" in run._repr_html_()
    copy = pickle.loads(pickle.dumps(run.cpu))
    assert (copy, copy.user, copy.system) == (0.375, 0.25, 0.125)


def test_a_run_survives_pickling():
    run = aio.Run([response(start=1.5)], strategy="thread", language="rust", began=7.5, wall=0.5, cpu=CPUTime(0.25, 0))
    copy = pickle.loads(pickle.dumps(run))
    assert (copy.began, copy.wall, copy.cpu, copy[0].start, copy[0].url) == (7.5, 0.5, 0.25, 1.5, "http://a/")


def test_rusts_responses_are_made_when_they_are_looked_at(quick_lab, refusing):
    urls = [*quick_lab.urls(3), refusing]
    run = aio.rust.callback_way(urls)
    assert [type(error) for error in run.errors] == [aio.ConnectError]
    assert run.errors[0].strategy == "callback"
    assert run[-1] is run[3]
    assert run[3].error is run.errors[0]
    assert run[0] is run[0]
    assert [one.index for one in run[1:]] == [1, 2, 3]
    assert [one.url for one in run] == urls
    assert all(0 <= one.start <= one.end <= run.wall for one in run)
    with pytest.raises(IndexError):
        run[4]


def test_a_response_is_made_once_however_many_threads_look_at_it(quick_lab):
    run = aio.rust.callback_way(quick_lab.urls(200))
    with ThreadPoolExecutor(8) as pool:
        looks = list(pool.map(lambda _: list(run), range(8)))
    assert all(one is other for look in looks for one, other in zip(look, run, strict=True))


@pytest.mark.parametrize("language", ["python", "rust"])
def test_a_run_of_a_strategy_survives_pickling(language, quick_lab, refusing):
    run = aio.run("thread", [*quick_lab.urls(2), refusing], language=language)
    copy = pickle.loads(pickle.dumps(run))
    assert [(one.url, one.content, one.start, one.index) for one in copy] == [
        (one.url, one.content, one.start, one.index) for one in run
    ]
    assert str(copy.errors) == str(run.errors)


def test_elapsed_is_a_timedelta_as_in_httpx():
    assert response(elapsed=0.25).elapsed == timedelta(milliseconds=250)
