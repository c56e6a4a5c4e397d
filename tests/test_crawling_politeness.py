"""What a site's owner asks of the crawler in Rust: robots.txt, pauses, limits. The server's log decides."""

from __future__ import annotations

import contextlib
import email.utils
import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import aio_strategies as aio
import pytest
from aio_strategies.lab.redirect import redirect_for_good
from known_pages import Site, leading_to, page

TEXT = {"Content-Type": "text/plain"}


@contextlib.contextmanager
def served(site: aio.Site, **settings) -> Iterator[tuple[aio.LabServer, list[str]]]:
    with aio.LabServer(latency=0, site=site, **settings) as lab, contextlib.ExitStack() as stack:
        for name, (_, port) in lab.hosts.items():
            stack.enter_context(lab.as_host(name, port))
        yield lab, [f"http://{name}:{lab.port}/" for name in site.names]


def by_host(lab: aio.LabServer) -> dict[str, list[aio.LogRecord]]:
    hosts = defaultdict(list)
    for record in sorted(lab.log(), key=lambda record: record.begun):
        hosts[record.path.split("/")[2]].append(record)
    return hosts


def test_what_robots_txt_closes_is_not_asked_for():
    site = aio.Site(pages=60, hosts=2, robots=True, seed=4)
    with served(site) as (lab, roots):
        pages = {one.url: one for one in aio.Crawler(roots, max_tasks=4)}
        asked = Counter(record.path for record in lab.log())
        free = {one.url for one in aio.Crawler(roots, robots=False)}
    closed = {url for url in pages if "/private/" in url and "/private/open/" not in url}
    assert closed
    assert not closed & asked.keys()
    assert {type(pages[url].error) for url in closed} == {aio.RobotsDisallowed}
    assert {url for url, one in pages.items() if one.error is None} == free - {
        url for url in free if "/private/" in url and "/private/open/" not in url
    }
    assert {path for path in asked if path.endswith("/robots.txt")} == {f"{root}robots.txt" for root in roots}
    assert all(count == 1 for count in asked.values())


@pytest.mark.parametrize(
    ("reply", "open_"),
    [
        ((200, TEXT, b"User-agent: *\nDisallow: /a"), {"/", "/b"}),
        ((200, TEXT, b"User-agent: *\nDisallow: /\n\nUser-agent: Own-Bot\nDisallow: /b"), {"/", "/a"}),
        ((404, TEXT, b"User-agent: *\nDisallow: /"), {"/", "/a", "/b"}),
        ((403, TEXT, b""), {"/", "/a", "/b"}),
        ((500, TEXT, b""), set()),
        *[((status, TEXT, b""), {"/", "/a", "/b"}) for status in (301, 400, 401, 410, 499)],
        ((429, {"Retry-After": "0"}, b""), {"/", "/a", "/b"}),
        *[((status, TEXT, b""), set()) for status in (503, 599)],
        ((0, {}, b""), set()),
        (leading_to("/rules"), {"/", "/b"}),
        (leading_to("/robots.txt"), {"/", "/a", "/b"}),
        ((203, TEXT, b"User-agent: *\nDisallow: /a"), {"/", "/b"}),
        ((200, TEXT, b"User-agent: *\nDisallow: /a\n" + b"# much\n" * 800_000), {"/", "/b"}),
        ((200, TEXT, b"\xff\xfe\x00 nonsense"), {"/", "/a", "/b"}),
    ],
)
def test_each_robots_txt(reply, open_):
    pages = {"/robots.txt": reply, "/": page("/a", "/b"), "/a": page(), "/b": page()}
    pages["/rules"] = (200, TEXT, b"User-agent: *\nDisallow: /a")
    with Site(pages) as site:
        found = list(
            aio.Crawler(
                [site.url, f"{site.url}/a", f"{site.url}/b"], max_tries=2, headers={"User-Agent": "Own-Bot/1.0"}
            )
        )
        assert {one.url.removeprefix(site.url) for one in found if one.error is None} == open_
        assert len(found) == 3
        assert site.requests.keys() - {"/robots.txt", "/rules"} == open_


def test_the_rules_may_be_elsewhere():
    rules = (200, TEXT, b"User-agent: *\nDisallow: /a\nCrawl-delay: 0.01")
    with Site({"/robots.txt": rules, "/": page()}) as other, Site({"/robots.txt": rules}) as also:
        pages = {"/robots.txt": leading_to(f"{other.url}/robots.txt"), "/": page("/a", "/b"), "/b": page()}
        with Site(pages) as site:
            found = {one.url.removeprefix(site.url): one.error for one in aio.Crawler(site.url)}
            assert found.keys() == {"/", "/a", "/b"}
            assert isinstance(found["/a"], aio.RobotsDisallowed)
            assert site.requests == {"/robots.txt": 1, "/": 1, "/b": 1}
            assert other.requests == {"/robots.txt": 1}
            # Elsewhere has rules of its own, too.
            other.pages["/robots.txt"] = leading_to(f"{also.url}/robots.txt")
            found = {one.url for one in aio.Crawler([site.url, other.url]) if one.error is None}
            assert found == {f"{site.url}/", f"{site.url}/b", f"{other.url}/"}
            # There is nobody.
            site.pages["/robots.txt"] = leading_to("http://127.0.0.1:1/robots.txt")
            [lost] = aio.Crawler(site.url, max_tries=1)
            assert isinstance(lost.error, aio.ConnectError)


def test_what_is_wrong_with_the_rules_is_said():
    with Site({"/robots.txt": (200, {"Content-Encoding": "gzip"}, b"no gzip"), "/": page()}) as site:
        [lost] = aio.Crawler(site.url)
        assert isinstance(lost.error, aio.RobotsDisallowed)
        assert "robots.txt" in str(lost.error)
        assert "corrupt" in str(lost.error)
        site.pages["/robots.txt"] = (200, TEXT, b"#" * 100_000)
        [found] = aio.Crawler(site.url, max_body_bytes=1000)
        assert found.error is None


def test_of_pauses_asked_for_together_the_longest_counts():
    together = threading.Barrier(2)

    def asking(pause, after):
        def answer(count):
            if count > 1:
                return page()
            together.wait(10)
            time.sleep(after)
            return 429, {"Retry-After": str(pause)}, b""

        return answer

    with Site({"/a": asking(1, 0), "/b": asking(3, 0.3)}) as site:
        found = list(aio.Crawler([f"{site.url}/a", f"{site.url}/b"], robots=False))
        assert [one.status for one in found] == [200, 200]
        first, _, third, _ = sorted(at for _, at in site.times)
        assert third - first > 2.9


@pytest.mark.slow
def test_crawl_delay_and_delay_are_kept_by_each_host():
    site = aio.Site(pages=24, hosts=3, robots=True, crawl_delay=0.1, seed=4)
    for settings, least in (({}, 0.1), ({"delay": 0.15}, 0.15), ({"robots": False, "delay": 0.05}, 0.05)):
        with served(site) as (lab, roots):
            aio.Crawler(roots, max_tasks=8, strategy="callback", **settings).crawl()
            hosts = by_host(lab)
        assert len(hosts) == 3
        for records in hosts.values():
            assert len(records) > 5
            for before, after in itertools.pairwise(records):
                assert after.request - before.first_byte >= least


def test_concurrency_of_each_host():
    site = aio.Site(pages=120, hosts=2, seed=4, slow=0.01)
    with served(site) as (lab, roots):
        aio.Crawler(roots, max_tasks=16, max_tasks_per_host=3, keep_alive=False).crawl()
        hosts = by_host(lab)
    for records in hosts.values():
        changes = sorted([(one.request, 1) for one in records] + [(one.last_byte, -1) for one in records])
        in_flight = [sum(change for _, change in changes[: end + 1]) for end in range(len(changes))]
        assert max(in_flight) <= 3


@pytest.mark.slow
def test_a_burst_of_429_pauses_once_and_holds_up_nobody_else():
    """Both hosts have pages enough; one refuses the first requests, all in flight together."""
    pause = 2
    pages = {"/": page(*(f"/{number}" for number in range(60)))} | {f"/{number}": page() for number in range(60)}
    asked, together = itertools.count(1), threading.Barrier(5)

    def refusing(reply):
        def answer(_):
            if next(asked) > 5:
                return reply
            together.wait(10)
            return 429, {"Retry-After": str(pause)}, b""

        return answer

    with Site({path: refusing(reply) for path, reply in pages.items()}) as busy, Site(pages) as free:
        roots = [busy.url, free.url, *(f"{busy.url}/{number}" for number in range(5))]
        began = time.monotonic()
        found = list(aio.Crawler(roots, robots=False, max_tasks=10, max_tries=3))
        assert {one.status for one in found} == {200}
        assert len(found) == 2 * 61
        times = [at for _, at in busy.times]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert sum(gap >= 0.5 * pause for gap in gaps) == 1
        assert max(gaps) >= 0.9 * pause
        # the other host was done before the pause was over
        assert max(at for _, at in free.times) < times[gaps.index(max(gaps)) + 1]
        assert time.monotonic() - began < 10 * pause


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("0", 0, 1),
        ("-5", 0.9, 5),
        ("soon", 0.9, 5),
        ("Sun, 29 Nov 2015 12:00:00 GMT", 0, 1),
        ("1", 0.9, 5),
        ("a date", 1.0, 6),
    ],
)
@pytest.mark.slow
def test_retry_after(value, least, most):
    def answer(times):
        after = email.utils.formatdate(time.time() + 3, usegmt=True) if value == "a date" else value
        return (429, {"Retry-After": after}, b"") if times == 1 else page()

    with Site({"/": answer}) as site:
        [found] = aio.Crawler(site.url, robots=False)
        assert (found.status, found.tries) == (200, 2)
        first, second = (at for _, at in site.times)
    assert least <= second - first <= most


def test_a_pause_too_long_ends_the_host():
    pages = {"/": page("/a", "/b", "/c"), "/a": (429, {"Retry-After": "1000000000"}, b""), "/b": page(), "/c": page()}
    with Site(pages) as site, Site({"/": page()}) as other:
        found = {
            one.url.removeprefix(site.url): one for one in aio.Crawler([site.url, other.url], max_tasks=1, robots=False)
        }
        assert site.requests == {"/": 1, "/a": 1}
    assert found["/a"].status == 429
    assert type(found["/b"].error) is type(found["/c"].error) is aio.HostPaused
    assert "1000000000" in found["/b"].error.message
    assert found[f"{other.url}/"].status == 200
    with Site({"/robots.txt": (200, TEXT, b"User-agent: *\nCrawl-delay: 1e9"), "/": page()}) as site:
        [found] = aio.Crawler(site.url)
        assert site.requests.keys() == {"/robots.txt"}
    assert type(found.error) is aio.HostPaused


def test_sitemaps():
    site = aio.Site(pages=80, hosts=2, robots=True, sitemap=True, seed=4)
    with served(site) as (lab, roots):
        without = {one.url for one in aio.Crawler(roots)}
        found = {one.url: one for one in aio.Crawler(roots, sitemaps=True)}
        truth = set(site.urls(lab.site_url))
        assert {url for url in found if "/orphan/" in url}
        assert found.keys() - without == {url for url in found if "/orphan/" in url}
        assert found.keys() - set(roots) <= truth
        assert all(one.error is None or type(one.error) is aio.RobotsDisallowed for one in found.values())
        # without robots.txt, /sitemap.xml is where they are looked for
        assert {one.url for one in aio.Crawler(roots, sitemaps=True, robots=False)} >= found.keys()


@pytest.mark.parametrize("settings", [{"max_redirect": 2}, {"max_pages": 1}])
def test_sitemaps_that_lead_on_and_on(settings):
    pages = {f"/sitemap.xml?{number}": leading_to(f"/sitemap.xml?{number + 1}") for number in range(50)}
    with Site(pages | {"/": page(), "/sitemap.xml": leading_to("/sitemap.xml?0")}) as site:
        assert len(aio.Crawler(site.url, sitemaps=True, **settings).crawl()) == 1
        assert 1 <= site.requests["/sitemap.xml"] + sum(site.requests[path] for path in pages) <= 3


def test_a_sitemap_on_a_host_that_was_not_met():
    with Site({"/": page()}) as first, Site({"/listed": page()}) as second:
        ports = [int(site.url.rpartition(":")[2]) for site in (first, second)]
        first.pages["/robots.txt"] = (200, TEXT, f"Sitemap: http://b.own.test:{ports[1]}/sitemap.txt".encode())
        second.pages["/sitemap.txt"] = (200, TEXT, f"http://b.own.test:{ports[1]}/listed\n".encode())
        second.pages["/robots.txt"] = (200, TEXT, b"")
        redirect_for_good([("a.own.test", ports[0])], ("127.0.0.1", ports[0]))
        redirect_for_good([("b.own.test", ports[1])], ("127.0.0.1", ports[1]))
        found = list(aio.Crawler(f"http://a.own.test:{ports[0]}/", strict=False, sitemaps=True, timeout=10))
        assert {one.status for one in found} == {200}
        assert second.requests["/sitemap.txt"] == second.requests["/listed"] == 1


def test_robots_txt_and_sitemaps_of_other_origins_are_not_told_secrets():
    with Site({"/": page()}) as site, Site({"/listed": page()}) as other:
        site.pages["/robots.txt"] = (200, TEXT, f"Sitemap: {other.url}/sitemap.txt".encode())
        other.pages["/sitemap.txt"] = (200, TEXT, f"{other.url}/listed\n".encode())
        found = list(aio.Crawler(site.url, sitemaps=True, headers={"Authorization": "secret"}, timeout=10))
    assert {one.status for one in found} == {200}
    assert {told.get("Authorization") for told in site.told.values()} == {"secret"}
    assert other.told.keys() == {"/robots.txt", "/sitemap.txt", "/sitemap.xml", "/listed"}
    assert {told.get("Authorization") for told in other.told.values()} == {None}


def test_the_scope_is_never_left():
    with Site({"/": page("/in")}) as other:
        pages = {
            "/": page("/away", "/base", f"{other.url}/linked", "http://user:secret@127.0.0.1/", "/robots-away"),
            "/away": leading_to(f"{other.url}/redirected"),
            "/base": page("based", head=f'<base href="{other.url.replace("127.0.0.1", "localhost")}/">'),
            "/robots.txt": leading_to(f"{other.url.replace('127.0.0.1', 'localhost')}/robots.txt"),
            "/sitemap.xml": (200, {"Content-Type": "text/plain"}, b"http://localhost:1/listed\n"),
        }
        with Site(pages) as site:
            # hosts are names: the same one at another port is in scope, another name is not
            pages["/away"] = leading_to(f"{other.url.replace('127.0.0.1', 'localhost')}/redirected")
            pages["/"] = page("/away", "/base", f"{other.url.replace('127.0.0.1', 'localhost')}/linked")
            found = {one.url.removeprefix(site.url) for one in aio.Crawler(site.url, sitemaps=True)}
        assert found == {"/", "/away", "/base"}
        assert not other.requests


@pytest.mark.parametrize("language", ["python", "rust"])
def test_no_host_keeps_connections_open_that_are_not_used(language):
    site = aio.Site(pages=120, hosts=6, seed=2)
    with served(site) as (lab, roots):
        pages = list(getattr(aio, language).Crawler(roots, max_tasks=4))
        # one for each task; the server may see the next before it sees that the last has ended
        assert lab.stats().peak_connections <= 2 * 4
    assert len(pages) >= 120


def test_max_pages_is_exact():
    site = aio.Site(pages=300, hosts=3, seed=2, redirects=True, broken=True)
    with served(site) as (lab, roots):
        for limit in (1, 3, 50, 117):
            lab.reset()
            found = list(aio.Crawler(roots, max_pages=limit, max_tasks=32, max_tries=1, robots=False))
            assert len(found) == limit
            assert len(lab.log()) <= limit


def test_a_limit_on_each_folder():
    site = aio.Site(pages=40, seed=2, calendar=True)
    with served(site) as (_, roots):
        crawler = aio.Crawler(roots, robots=False, max_pages_per_folder=100)
        found = Counter(one.url.rpartition("/")[0] for one in crawler)
    assert max(found.values()) == 100
    assert "/calendar/ (100)" in crawler.report()
