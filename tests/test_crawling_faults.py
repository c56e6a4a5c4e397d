"""Whatever a site does, a crawl goes on: each fault is one record. And a crawl can be ended at any moment."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import subprocess
import sys
import threading
import time

import aio_strategies as aio
import psutil
import pytest
from conftest import thread_count
from known_pages import HTML, Site, leading_to, page

KEYS = [strategy.key for strategy in aio.strategies() if "rust" in strategy.languages]
BOMB = gzip.compress(b"<a href=/never>" + b"\0" * (200 << 20), 9)
MANY = b"".join(b"<a href='/many?%d'>x</a>\n" % number for number in range(400_000))

PAGES = {
    "/bomb": (200, {**HTML, "Content-Encoding": "gzip"}, BOMB),
    "/loop": leading_to("/loop2"),
    "/loop2": leading_to("/loop"),
    "/nowhere": leading_to(""),
    "/elsewhere": leading_to("http://user@127.0.0.1/"),
    "/other-scheme": leading_to("ftp://127.0.0.1/"),
    "/cut": (0, {}, b""),
    "/not-found": (404, HTML, b"<a href=/never>"),
    "/failing": (500, HTML, b"<a href=/never>"),
    "/utf-16": (200, HTML, b"\xff\xfe" + "<a href='/after-utf-16'>".encode("utf-16-le")),
    "/unknown-charset": (200, {"Content-Type": "text/html; charset=none"}, b"\xe4\xff <a href='/after-unknown'>"),
    "/latin": (200, {"Content-Type": "text/html"}, b"<meta charset=windows-1251><a href='/\xe4'>"),
    "/not-gzip": (200, {**HTML, "Content-Encoding": "gzip"}, b"<a href=/never>"),
    "/deep": (200, HTML, b"<div>" * 100_000 + b"<a href=/after-deep>"),
    "/tag": (200, HTML, b"<a href=/before-tag><a title='" + b"x" * (8 << 20) + b"' href=/after-tag>"),
    "/unclosed": (200, HTML, b"<a href=/before-unclosed><!-- <a href=/never>"),
}
AFTER = {"/after-utf-16", "/after-unknown", "/%D0%B4", "/after-deep", "/before-tag", "/after-tag", "/before-unclosed"}


def test_every_fault_is_a_record():
    pages = {"/": page(*PAGES), **PAGES, **{path: page() for path in AFTER}}
    with Site(pages) as site:
        crawler = aio.Crawler(site.url, robots=False, max_body_bytes=10 << 20, max_tries=2, timeout=20)
        found = {one.url.removeprefix(site.url): one for one in crawler}
        again = aio.Crawler(site.url, robots=False, max_body_bytes=10 << 20, max_tries=2, timeout=20).crawl()
    assert found.keys() == {"/", *PAGES, *AFTER}
    assert {row.url.removeprefix(site.url) for row in again} == found.keys()
    errors = {path: type(one.error) for path, one in found.items() if one.error is not None}
    assert errors == {
        "/bomb": aio.ResponseTooLarge,
        "/elsewhere": aio.RemoteProtocolError,
        "/other-scheme": aio.UnsupportedProtocol,
        "/cut": aio.RemoteProtocolError,
        "/not-gzip": aio.DecodingError,
    }
    assert (found["/failing"].status, found["/failing"].tries) == (500, 2)
    assert found["/nowhere"].next_url is None


def test_a_page_of_many_links():
    pages = {"/": (200, HTML, MANY)}
    with Site(pages) as site:
        crawler = aio.Crawler(site.url, robots=False, max_pages=20)
        found = list(crawler)
    assert len(found) == 20
    assert (len(found[0].links), found[0].new_links) == (400_000, 400_000)


def test_a_page_without_end():
    with aio.LabServer(latency=0, body_size=1000, faults=[aio.Fault("slicer", path="/3", size=5, seconds=0.4)]) as lab:
        urls = lab.urls(6)
        found = {one.url: one for one in aio.Crawler(urls, robots=False, timeout=0.5, max_tries=1)}
    assert len(found) == 6
    assert type(found[urls[3]].error) is aio.TotalTimeout


def settled(process: psutil.Process, before: tuple[int, int]) -> bool:
    """Whether there are as many threads and descriptors as before, or soon will be."""
    deadline = time.monotonic() + 10
    while (thread_count(), process.num_fds()) != before and time.monotonic() < deadline:
        time.sleep(0.02)
    return (thread_count(), process.num_fds()) == before


@pytest.mark.parametrize("key", KEYS)
def test_leaving_the_loop_leaves_nothing_behind(key):
    site = aio.Site(pages=100_000, links=20)
    process = psutil.Process()
    with aio.LabServer(latency=0.005, site=site) as lab, lab.as_host("a.site.test", lab.port):
        before = thread_count(), process.num_fds()
        children = set(process.children(recursive=True))
        for _ in range(2):
            for count, _page in enumerate(aio.Crawler(lab.site_url, strategy=key, robots=False)):
                if count == 30:
                    began = time.monotonic()
                    break
            assert time.monotonic() - began < 5
        assert settled(process, before)
        assert set(process.children(recursive=True)) <= children


def test_cancelled_beside_an_event_loop():
    site = aio.Site(pages=100_000, links=20)

    async def crawl(url):
        async for _ in aio.Crawler(url, robots=False):
            pass

    async def main(url):
        task = asyncio.ensure_future(crawl(url))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    process = psutil.Process()
    with aio.LabServer(latency=0.005, site=site) as lab, lab.as_host("a.site.test", lab.port):
        before = thread_count(), process.num_fds()
        began = time.monotonic()
        asyncio.run(main(lab.site_url))
        assert time.monotonic() - began < 5
        assert settled(process, before)


def test_stopped_by_another_thread_what_came_is_kept():
    site = aio.Site(pages=100_000, links=20)
    with aio.LabServer(latency=0.005, site=site) as lab, lab.as_host("a.site.test", lab.port):
        crawler = aio.Crawler(lab.site_url, robots=False)
        threading.Timer(0.5, crawler.stop).start()
        statistics = crawler.crawl()
        served = lab.stats().served
    assert 10 < len(statistics) <= served


CTRL_C = """
import sys, time
import aio_strategies as aio
from aio_strategies.lab import redirect
port = int(sys.argv[1])
redirect.redirect_for_good([("a.site.test", port)], ("127.0.0.1", port))
crawler = aio.Crawler(f"http://a.site.test:{port}/", robots=False)
print("ready", flush=True)
try:
    if sys.argv[2] == "crawl":
        crawler.crawl()
    else:
        for page in crawler:
            pass
except KeyboardInterrupt:
    print(len(crawler.statistics), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("how", ["crawl", "for"])
def test_ctrl_c_keeps_what_came(how):
    site = aio.Site(pages=100_000, links=20)
    with aio.LabServer(latency=0.005, site=site) as lab:
        arguments = [sys.executable, "-c", CTRL_C, str(lab.port), how]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            deadline = time.monotonic() + 20
            while lab.stats().served < 100 and time.monotonic() < deadline:
                time.sleep(0.01)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=20)
            assert time.monotonic() - began < 5
        assert 50 < int(output) <= lab.stats().served
