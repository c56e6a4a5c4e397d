"""The lecture's crawler, with every strategy, on a small site whose pages are known."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections import Counter
from contextlib import ExitStack

import aio_strategies as aio
import pytest
from aio_strategies.crawling.links import links_of
from aio_strategies.lab.redirect import redirect
from conftest import thread_count
from known_pages import HTML, Site, leading_to, page

WAYS = [(language, strategy.key) for strategy in aio.strategies() for language in strategy.languages]


def crawler_of(language: str, roots, **settings):
    """The crawlers do the same, but for robots.txt, which only one knows."""
    if language == "rust":
        return aio.rust.Crawler(roots, **{"robots": False, **settings})
    return aio.python.Crawler(roots, **settings)


@pytest.fixture(params=["python", "rust"])
def crawler(request):
    return functools.partial(crawler_of, request.param)


@pytest.fixture
def site():
    pages = {
        "/": page("/a", "b/", "#top", "a?x=1&amp;y=2", "mailto:me@a.org", "javascript:void(0)", "http://[::1"),
        "/a": page("/", "/a#again", "/missing", "/picture"),
        "/a?x=1&y=2": page(),
        "/b/": page("c", "../d", head='<base href="/base/">'),
        "/base/c": page("/away", "/moved"),
        "/d": page("/gone-for-a-while", "http://elsewhere.test/"),
        "/moved": leading_to("/new#part", 308),
        "/new": page("/text"),
        "/away": leading_to("http://elsewhere.test/"),
        "/text": (200, {"Content-Type": "text/plain"}, b'<a href="/never">no link</a>'),
        "/picture": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
        "/gone-for-a-while": lambda times: (503, {}, b"") if times < 3 else page("/late"),
        "/late": page(),
    }
    with Site(pages) as server:
        yield server


FOUND = {
    "/": 200,
    "/a": 200,
    "/a?x=1&y=2": 200,
    "/b/": 200,
    "/base/c": 200,
    "/d": 200,
    "/moved": 308,
    "/new": 200,
    "/away": 302,
    "/text": 200,
    "/picture": 200,
    "/missing": 404,
    "/gone-for-a-while": 200,
    "/late": 200,
}


@pytest.mark.parametrize(("language", "key"), WAYS)
@pytest.mark.slow
def test_the_whole_site_with_every_strategy(language, key, site):
    pages = list(crawler_of(language, site.url, strategy=key, max_tasks=3))
    assert {one.url.removeprefix(site.url): one.status for one in pages} == FOUND
    assert site.requests == Counter(dict.fromkeys((path.partition("#")[0] for path in FOUND), 1)) + Counter(
        {"/gone-for-a-while": 2}
    )
    by_path = {one.url.removeprefix(site.url): one for one in pages}
    assert by_path["/moved"].next_url == f"{site.url}/new"
    assert by_path["/away"].next_url == "http://elsewhere.test/"
    assert by_path["/gone-for-a-while"].tries == 3
    assert by_path["/late"].referrer == f"{site.url}/gone-for-a-while"
    assert (by_path["/"].depth, by_path["/base/c"].depth, by_path["/new"].depth) == (0, 2, 3)
    assert by_path["/b/"].links == (f"{site.url}/base/c", f"{site.url}/d")
    assert by_path["/text"].text == '<a href="/never">no link</a>'


@pytest.mark.parametrize(("language", "key"), WAYS)
def test_the_labs_site_exactly(language, key):
    """Every page of a generated site, on three hosts, with redirects, loops and broken pages; and nothing else."""
    truth = aio.Site(pages=150, hosts=3, seed=11, redirects=True, broken=True, wide=20)
    with aio.LabServer(latency=0, site=truth) as lab, contextlib.ExitStack() as stack:
        for name, (_, port) in lab.hosts.items():
            stack.enter_context(lab.as_host(name, port))
        roots = [lab.site_url, *(f"http://{name}:{lab.port}/" for name in truth.names[1:])]
        pages = list(crawler_of(language, roots, strategy=key, max_tries=1))
        found = {one.url: one.status for one in pages if truth.page(one.url) is not None}
        expected = {url: truth.page(url) for url in truth.urls(lab.site_url)}
    assert found.keys() == {url for url, page in expected.items() if page.depth is not None}
    for url, status in found.items():
        assert status == (None if expected[url].cut else expected[url].status), url


def test_beside_an_event_loop(site, crawler):
    async def main():
        return [one.url async for one in crawler(site.url)]

    assert len(asyncio.run(main())) == len(FOUND)


def test_statistics_and_report(site, crawler):
    crawl = crawler(site.url.removeprefix("http://"), max_tasks=2)
    statistics = crawl.crawl()
    assert statistics is crawl.statistics
    rows = {row.url.removeprefix(site.url): row for row in statistics}
    assert rows.keys() == FOUND.keys()
    assert (rows["/"].num_urls, rows["/"].num_new_urls, rows["/a"].num_urls) == (4, 3, 4)
    assert sum(row.num_new_urls for row in statistics) == len(FOUND) - 1  # all but the root
    report = crawl.report()
    assert f"{site.url}/moved redirect to {site.url}/new" in report
    assert "text/html: 9" in report
    assert "redirect: 2" in report
    assert "status 404: 1" in report
    assert "14 URLs in " in report.splitlines()[-1]
    # a second crawl begins anew
    assert len(crawl.crawl()) == len(FOUND)


def test_limits(site, crawler):
    def found(**settings):
        return {one.url.removeprefix(site.url) for one in crawler(site.url, **settings)}

    assert found(max_depth=1) == {"/", "/a", "/a?x=1&y=2", "/b/"}
    assert found(exclude="/a|/b") == {"/"}
    assert found(max_redirect=0) == FOUND.keys() - {"/new", "/text"}
    for limit in (1, 2, 5):
        site.requests.clear()
        assert len(found(max_pages=limit)) == limit
        assert len(site.requests) <= limit


def test_a_page_that_is_tried_again_is_one_of_the_limit(crawler):
    def once_failing(reply):
        return lambda count: reply if count == 1 else page()

    settings = {"/robots.txt": (404, {}, b""), "/": page("/a", "/b", "/c"), "/b": page(), "/c": page()}
    for failure in ((503, {}, b""), (0, {}, b"")):
        with Site(settings | {"/a": once_failing(failure)}) as site:
            crawl = crawler(site.url, max_pages=2, max_tasks=1, keep_alive=False)
            found = [(one.url.removeprefix(site.url), one.tries) for one in crawl]
        assert found == [("/", 1), ("/a", 2)]


def test_a_body_that_ends_early_is_fetched_again(crawler):
    with aio.LabServer(latency=0) as lab:
        lab.reply("/cut", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "close"])
        lab.reply("/no-http", [b"nonsense\r\n\r\n", "close"])
        found = {
            one.url.removeprefix(lab.url): one for one in crawler([f"{lab.url}cut", f"{lab.url}no-http"], max_tries=2)
        }
    assert isinstance(found["cut"].error, aio.IncompleteBody)
    assert isinstance(found["no-http"].error, aio.RemoteProtocolError)
    assert (found["cut"].tries, found["no-http"].tries) == (2, 1)


def test_an_unknown_argument_is_told_those_that_there_are(crawler):
    with pytest.raises(TypeError, match=r"no argument 'concurrency'; allowed: .*max_tasks, .*headers"):
        crawler("a.org", concurrency=3)


def test_counts_have_a_limit(crawler):
    with pytest.raises(ValueError, match="max_pages"):
        crawler("a.org", max_pages=2**64)


def test_errors_are_pages(refusing, crawler):
    unknown = "http://no-such-host.invalid/"
    pages = {one.url: one for one in crawler([refusing, unknown], max_tries=2)}
    assert type(pages[refusing].error) is aio.ConnectError
    assert pages[refusing].tries == 2
    assert type(pages[unknown].error) is aio.NameResolutionError


def test_a_redirect_loop_and_a_cut_connection_end(crawler):
    pages = {"/": leading_to("/there"), "/there": leading_to("/"), "/cut": (0, {}, b"")}
    with Site(pages) as site:
        found = {one.url: one for one in crawler([site.url, f"{site.url}/cut"])}
    assert found.keys() == {f"{site.url}/", f"{site.url}/there", f"{site.url}/cut"}
    assert type(found[f"{site.url}/cut"].error) is aio.RemoteProtocolError


def test_lenient_hosts(site, crawler):
    with aio.LabServer(latency=0) as other:
        port = other.port
        site.pages["/"] = page(f"http://www.a.test:{port}/", f"http://a.test:{port}/", f"http://b.test:{port}/")
        with (
            other.as_host("www.a.test", port),
            other.as_host("a.test", port),
            other.as_host("b.test", port),
        ):
            roots = [site.url, f"http://docs.a.test:{port}/"]
            strict = {one.url for one in crawler(roots, max_tries=1, timeout=5)}
            lenient = {one.url for one in crawler(roots, max_tries=1, timeout=5, strict=False)}
    assert not any("www.a.test" in url or "//a.test" in url or "b.test" in url for url in strict)
    assert {f"http://www.a.test:{port}/", f"http://a.test:{port}/"} <= lenient
    assert not any("b.test" in url for url in lenient)


def test_only_the_roots_origins_are_told_what_is_theirs(crawler):
    """A bug once: other hosts, and other ports, were sent the caller's Authorization."""
    own = {"Authorization": "secret", "Cookie": "a=b", "Proxy-Authorization": "secret", "Host": "virtual.test"}
    with Site({}) as site, Site({"/": page()}) as second, Site({"/linked": page()}) as other, ExitStack() as stack:
        ports = [int(one.url.rpartition(":")[2]) for one in (site, second, other)]
        at = [*(("a.own.test", port) for port in ports), ("b.own.test", ports[0])]
        for name, port in at:
            stack.enter_context(redirect(name, port, ("127.0.0.1", port)))
        root, second_root, other_port, other_host = (f"{name}:{port}" for name, port in at)
        site.pages = {
            "/": page("/own", "/away", f"http://{other_port}/linked"),
            "/own": page(),
            "/away": leading_to(f"http://{other_host}/led"),
            "/led": page(f"http://{root}/back"),
            "/back": page(),
        }
        roots = [f"http://{root}/", f"http://{second_root}/"]
        found = list(crawler(roots, strict=False, headers={**own, "X-Two": "2"}))
    assert {one.status for one in found} == {200, 302}
    for told in (*(site.told[path] for path in ("/", "/own", "/away", "/back")), second.told["/"]):
        assert {**own, "X-Two": "2"}.items() <= told.items()
    for origin, told in ((other_port, other.told["/linked"]), (other_host, site.told["/led"])):
        assert (told["Host"], told["X-Two"]) == (origin, "2")
        assert not told.keys() & own.keys() - {"Host"}


@pytest.mark.parametrize("key", ["thread", "asyncio", "callback"])
def test_stopping(key, crawler):
    endless = Site({})
    endless.pages = {"/": page("/0")} | {f"/{n}": page(f"/{n + 1}", f"/{n + 2}") for n in range(5000)}
    with endless:
        threads = thread_count()
        crawl = crawler(endless.url, strategy=key)
        for count, _ in enumerate(crawl, 1):
            if count == 20:
                began = time.monotonic()
                crawl.stop()
        assert time.monotonic() - began < 5
        assert 20 <= count < 200
        for _ in crawl:
            break
    deadline = time.monotonic() + 5
    while thread_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert thread_count() <= threads


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"roots": []}, ValueError, "urls is empty"),
        ({"roots": "http://[::1"}, aio.InvalidURL, "no URL that can be fetched"),
        ({"roots": "ftp://a.org"}, aio.UnsupportedProtocol, "ftp"),
        ({"exclude": "("}, ValueError, "exclude='\\(' is no regular expression"),
        ({"exclude": 7}, TypeError, "exclude must be a regular expression"),
        ({"strict": 1}, TypeError, "strict"),
        ({"max_redirect": -1}, ValueError, "max_redirect"),
        ({"max_tries": 0}, ValueError, "max_tries"),
        ({"max_tasks": 0}, ValueError, "max_tasks"),
        ({"strategy": "threads"}, ValueError, "threads"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"retries": 1}, TypeError, "retries"),
    ],
)
def test_bad_arguments(arguments, error, words, crawler):
    with pytest.raises(error, match=words):
        crawler(**{"roots": "a.org", **arguments})


@pytest.mark.parametrize(
    ("html", "links"),
    [
        ('<a href="b">', ["http://a.org/x/b"]),
        ("<A HREF=b?c&d=e#f>", ["http://a.org/x/b?c&d=e"]),
        ('<a href=" ../b ">', ["http://a.org/b"]),
        ('<a href="/%7Eb/é">', ["http://a.org/%7Eb/%C3%A9"]),
        ('<area href="//b.org">', ["http://b.org/"]),
        ('<base href="//c.org/d/"><base href="/no/"><a href=e>', ["http://c.org/d/e"]),
        ('<a href="b"><a href="b#c"><a href="HTTP://A.ORG/x/b">', ["http://a.org/x/b"]),
        ('<!-- <a href="b"> --><script>"<a href=c>"</script><a name=d><a href>', ["http://a.org/x/y"]),
        ('<a href="mailto:a@b"><a href="data:,c"><a href="http://a b/">', []),
        ('<a href="?a=1&copy=2&amp;b=3">', ["http://a.org/x/y?a=1&copy=2&b=3"]),
        ('<a href="http://user:secret@b.org/"><a href="http://b.org:0/">', []),
        ('<base href="http://["><a href="b">', ["http://a.org/x/b"]),
        ('<base href="data:text/plain,x"><a href="b">', ["http://a.org/x/b"]),
        ('<base href="javascript:x"><a href="b">', ["http://a.org/x/b"]),
        ('<base href=""><base href="/no/"><a href="b">', ["http://a.org/x/b"]),
        ('<noscript><a href="b"><img></noscript><a href="c">', ["http://a.org/x/b", "http://a.org/x/c"]),
        ('<textarea><a href="b"></textarea><title><a href="c"></title><a href="d">', ["http://a.org/x/d"]),
        ('<link href="b"><img src="c">', []),
        ('<a href="b', []),
    ],
)
def test_links(html, links):
    assert links_of(html, "http://a.org/x/y") == links
    with Site({"/x/y": (200, HTML, html.encode())}) as site:
        [only] = aio.rust.Crawler(f"{site.url}/x/y", robots=False, max_pages=1)
    assert list(dict.fromkeys(link.replace(site.url, "http://a.org") for link in only.links)) == links
