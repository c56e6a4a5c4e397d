"""The lab's site: what it serves is what its truth says, and each option does what it says."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import pickle
import ssl
import time
import urllib.parse
import urllib.robotparser
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree

import aio_strategies as aio
import psutil
import pytest
from aio_strategies import LabServer, Response, Site, SitePage
from aio_strategies._native import join_url

#: All that a site can have, except what makes a reply depend on how many came before it.
EVERYTHING = {
    "calendar": True,
    "wide": 30,
    "redirects": True,
    "slow": 0.01,
    "broken": True,
    "robots": True,
    "crawl_delay": 0.5,
    "sitemap": True,
}
#: Some of the ways to write a link, and some of what is none.
KINDS = {"<base ", "<area ", "&amp;", "&#47;", "HTTP://", "#part", "NoFollow", "<!--", "<script", "mailto:"}


class Links(HTMLParser):
    """The links of a page, as a browser sees them: with the first ``<base>`` that has an ``href``."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.base: str | None = None
        #: Those that are marked so, and the others.
        self.found: list[tuple[str, bool]] = []
        self.feed(text)
        self.close()
        base = join_url(url, self.base or "")
        joined = [(href, is_nofollow) for href, is_nofollow in self.found if not href.startswith(("mailto:", "java"))]
        self.urls = [(urllib.parse.urldefrag(join_url(base, href)).url, nofollow) for href, nofollow in joined]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        href = attributes.get("href")
        if tag == "base" and href is not None and self.base is None:
            self.base = href
        if tag in ("a", "area") and href is not None:
            self.found.append((href, "nofollow" in (attributes.get("rel") or "").lower().split()))


@contextlib.contextmanager
def crawlable(site: Site, **settings: object) -> Iterator[LabServer]:
    """A lab with a site, whose hosts can be reached from this process."""
    with LabServer(**{"latency": 0.0, "site": site, **settings}) as lab, contextlib.ExitStack() as stack:  # type: ignore[arg-type]
        for name in lab.hosts:
            stack.enter_context(lab.as_host(name, lab.port))
        yield lab


def fetch(urls: list[str], **options: object) -> list[Response]:
    """Fetch the URLs with a strategy of Python's, as the hosts exist in this process only."""
    return list(aio.run("callback", urls, language="python", keep_alive=True, **options))  # type: ignore[arg-type]


def get(lab: LabServer, path: str = "/", host: str = "a.site.test") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": f"{host}:{lab.port}"})
        response = connection.getresponse()
        return response, response.read()


Fetch = Callable[[list[str]], list[Response]]


def walk(lab: LabServer, follow: Callable[[str], bool], fetch: Fetch = fetch) -> dict[str, Response]:
    """Crawl a site breadth-first; return what came of each URL."""
    assert lab.site_url is not None
    found: dict[str, Response] = {}
    level = [lab.site_url]
    while level:
        responses = dict(zip(level, fetch(level), strict=True))
        found |= responses
        links = [
            link
            for url, response in responses.items()
            for link in (
                [join_url(url, response.headers["Location"])]
                if response.error is None and "Location" in response.headers
                else [link for link, _ in Links(url, response.text).urls]
            )
        ]
        level = [link for link in dict.fromkeys(links) if link not in found and follow(link)]
    return found


# --- what is served is what is true


@pytest.mark.parametrize("seed", range(4))
def test_every_page_has_the_links_that_the_truth_says(seed: int) -> None:
    site = Site(pages=300, links=7, hosts=3, seed=seed, **EVERYTHING)  # type: ignore[arg-type]
    with crawlable(site) as lab:
        urls = [*site.urls(lab.site_url or ""), *(f"{lab.site_url}calendar/2026-{month}-28" for month in ("02", "12"))]
        assert len(urls) == len(set(urls)) > 400
        kinds: Counter[str] = Counter()
        for url, response in zip(urls, fetch(urls), strict=True):
            page = site.page(url)
            assert page is not None
            if page.cut:
                assert isinstance(response.error, aio.RequestError)
                assert site.links_of(url) == []
                continue
            assert (response.error, response.status_code) == (None, page.status), url
            location = response.headers.get("Location")
            assert page.location == (None if location is None else join_url(url, location))
            links = Links(url, response.text).urls
            assert [link for link, _ in links] == site.links_of(url), url
            assert [link for link, is_nofollow in links if not is_nofollow] == site.links_of(url, nofollow=False)
            kinds.update(kind for kind in KINDS if kind in response.text)
            if page.status == 200 and "/p/" in url:
                assert 2000 < len(response.content) < 4000
        assert set(kinds) == KINDS
        assert all(site.page(link) for url in urls for link in site.links_of(url) if "/decoy/" not in link)


@pytest.mark.parametrize(("seed", "depth"), [(0, None), (1, 12)])
def test_a_breadth_first_walk_finds_the_graph(seed: int, depth: int | None) -> None:
    site = Site(pages=300, links=7, hosts=3, seed=seed, depth=depth, **EVERYTHING)  # type: ignore[arg-type]
    with crawlable(site) as lab:
        names = set(lab.hosts)
        found = walk(lab, lambda url: urllib.parse.urlsplit(url).hostname in names and "/calendar/" not in url)
        truth = {url: site.page(url) for url in site.urls(lab.site_url or "")}
        linked = {url: page for url, page in truth.items() if page and page.depth is not None}
        assert set(found) == set(linked)
        assert depth in (None, max(page.depth or 0 for url, page in linked.items() if "/p/" in url))
        statuses = {record.path: record.status for record in lab.log()}
        assert statuses == {url: page.status for url, page in linked.items()}, "nobody asked for a decoy"
        assert len(lab.log()) == len(linked), "nor twice"
        assert len(truth) == len(linked) + 1, "a page that only a sitemap tells of"


@pytest.mark.parametrize("key", [strategy.key for strategy in aio.strategies() if "rust" in strategy.languages])
def test_a_native_walk_finds_the_graph(key: str) -> None:
    site = Site(pages=120, links=20, redirects=True, robots=True, seed=9)
    with LabServer(latency=0, site=site) as lab:
        here, there = f"http://127.0.0.1:{lab.port}/", lab.site_url or ""
        host = {"Host": there.split("/")[2]}

        def fetch(urls: list[str]) -> list[Response]:
            return list(aio.run(key, [url.replace(there, here) for url in urls], language="rust", headers=host))

        found = walk(lab, lambda url: url.startswith(there), fetch)
        assert set(found) == set(site.urls(there))
        assert sorted(record.path for record in lab.log()) == sorted(found)


def test_another_seed_is_another_site_and_the_same_seed_the_same() -> None:
    sites = [Site(pages=50, seed=seed) for seed in (1, 1, 2)]
    first, second, third = [[site.links_of(url) for url in site.urls()] for site in sites]
    assert first == second != third
    with LabServer(latency=0, site=sites[0]) as one, LabServer(latency=0, site=sites[1]) as two:
        assert get(one)[1].replace(str(one.port).encode(), b"") == get(two)[1].replace(str(two.port).encode(), b"")


def test_a_large_site_starts_at_once_and_takes_no_memory() -> None:
    def memory(pages: int) -> int:
        site = Site(pages=pages, hosts=3, sitemap=True)
        with crawlable(site) as lab:
            fetch(list(itertools.islice(site.urls(lab.site_url or ""), 1_000, 2_000)))
            assert lab.stats().served == 1_000
            return psutil.Process(lab.pid).memory_info().rss

    begin = time.monotonic()
    site = Site(pages=10**12, sitemap=True)
    with LabServer(latency=0, site=site) as lab:
        assert get(lab)[0].status == get(lab, "/sitemap.xml")[0].status == 200
        urls = itertools.islice(site.urls(), 2)
        assert [urllib.parse.urlsplit(url).path for url in urls] == ["/", "/p/1"]
    assert time.monotonic() - begin < 5
    assert memory(1_000_000) < memory(3_000) + (4 << 20)


# --- hosts


def test_hosts_share_the_pages() -> None:
    site = Site(pages=3_000, hosts=30)
    assert site.names[:2] == ("a.site.test", "b.site.test")
    assert site.names[25:28] == ("z.site.test", "aa.site.test", "ab.site.test")
    per_host = Counter(urllib.parse.urlsplit(url).hostname for url in site.urls())
    assert set(per_host) == set(site.names)
    assert max(per_host.values()) < 200
    hot = Site(pages=3_000, hosts=3, hot=0.9)
    per_host = Counter(urllib.parse.urlsplit(url).hostname for url in hot.urls())
    assert 2_600 < per_host["a.site.test"] < 2_800
    assert 100 < per_host["b.site.test"] < 200


def test_the_host_field_decides() -> None:
    site = Site(pages=100, hosts=2)
    url = next(url for url in site.urls() if "//b.site.test/p/" in url)
    path = url.removeprefix("http://b.site.test")
    with LabServer(latency=0, site=site) as lab:
        assert lab.hosts == {"a.site.test": ("127.0.0.1", lab.port), "b.site.test": ("127.0.0.1", lab.port)}
        assert get(lab, path, "B.Site.Test")[0].status == 200
        assert get(lab, path, "a.site.test")[0].status == 404
        response, body = get(lab, path, "127.0.0.1")
        assert (response.status, body.partition(b"\n")[0].decode()) == (200, path), "the lab's usual page"
        paths = [record.path for record in lab.log()]
        assert paths == [f"http://b.site.test:{lab.port}{path}", f"http://a.site.test:{lab.port}{path}", path]


def test_links_lead_to_where_the_client_is() -> None:
    site = Site(pages=50, hosts=2)
    for root in ("http://a.site.test/", "https://a.site.test:8443/"):
        links = [link for url in site.urls(root) for link in site.links_of(url) if "/decoy/" not in link]
        assert links
        assert all(link.startswith((root, root.replace("//a.", "//b."))) for link in links)


def test_https() -> None:
    site = Site(pages=60, hosts=2)
    with crawlable(site, https=True) as lab:
        assert (lab.site_url or "").startswith("https://a.site.test:")
        urls = list(site.urls(lab.site_url or ""))
        for url, response in zip(urls, fetch(urls, verify=lab.ca_file), strict=True):
            assert [link for link, _ in Links(url, response.text).urls] == site.links_of(url)
        context = ssl.create_default_context(cafile=lab.ca_file)
        for name, (address, port) in lab.hosts.items():
            with contextlib.closing(http.client.HTTPSConnection(name, port, context=context)) as connection:
                connection.request("HEAD", "/")
                assert connection.getresponse().status == (200 if name == "a.site.test" else 404)
            assert address == "127.0.0.1"


def test_head_has_the_length_and_no_body() -> None:
    with LabServer(latency=0, site=Site(pages=5)) as lab:
        body = get(lab)[1]
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", lab.port)) as connection:
            for _ in range(2):  # on one connection
                connection.request("HEAD", "/", headers={"Host": f"a.site.test:{lab.port}"})
                response = connection.getresponse()
                assert (response.read(), response.headers["Content-Length"]) == (b"", str(len(body)))


# --- options


def test_all_options_are_off_by_default() -> None:
    site = Site(pages=200)
    assert all(urllib.parse.urlsplit(url).path in ("/", f"/p/{n}") for n, url in enumerate(site.urls()))
    assert {page.status for page in map(site.page, site.urls()) if page} == {200}
    with LabServer(latency=0, site=site) as lab:
        for path in ("robots.txt", "sitemap.xml", "sitemap-0.xml", "calendar/2026-01-01", "wide/", "loop/0", "away"):
            assert get(lab, f"/{path}")[0].status == 404
            assert site.page(f"http://a.site.test/{path}") is None
            assert site.allowed(f"http://a.site.test/{path}")


def test_the_calendar_has_no_end() -> None:
    site = Site(pages=5, calendar=True)
    root = "http://a.site.test/"
    assert f"{root}calendar/2026-01-01" in site.links_of(root)
    day = f"{root}calendar/2028-02-28"
    assert set(site.links_of(day)) == {root, *(f"{root}calendar/2028-02-{day}" for day in (27, 28, 29))}
    far = f"{root}calendar/12345-12-31"
    assert f"{root}calendar/12346-01-01" in site.links_of(far)
    assert not any("calendar" in url for url in site.urls())


def test_wide() -> None:
    site = Site(pages=5, wide=400)
    root = "http://a.site.test/"
    assert f"{root}wide/" in site.links_of(root)
    pages = [site.page(url) for url in site.links_of(f"{root}wide/")]
    assert sum(page is not None and page.depth == 2 for page in pages) >= 400


def test_redirects() -> None:
    site = Site(pages=300, redirects=True, hosts=2)
    with crawlable(site) as lab:
        root = lab.site_url or ""
        pages = [page for page in map(site.page, site.urls(root)) if page and page.location]
        assert {page.status for page in pages} == {301, 302, 303, 307, 308}
        moved = [page for page in pages if "/old/" in page.url]
        linked = {link for url in site.urls(root) for link in site.links_of(url)}
        assert not linked & {page.location for page in moved}, "reached through the redirect only"
        for page, response in zip(moved, fetch([page.url for page in moved], follow_redirects=True), strict=True):
            assert (response.status_code, response.url) == (200, page.location)
        (loop,) = fetch([f"{root}loop/0"], follow_redirects=True)
        assert isinstance(loop.error, aio.TooManyRedirects)
        away = site.page(f"{root}away")
        assert away is not None
        assert site.page(away.location or "") is None


def test_slow_pages() -> None:
    site = Site(pages=100, slow=0.2)
    with crawlable(site) as lab:
        pages = [page for page in map(site.page, site.urls(lab.site_url or "")) if page]
        assert 0 < sum(page.delay > 0 for page in pages) < 20
        fetch([page.url for page in pages], concurrency=20)
        delays = {page.url: page.delay for page in pages}
        for record in lab.log():
            assert record.request is not None
            assert record.first_byte is not None
            assert record.first_byte - record.request >= delays[record.path]


def test_broken_pages() -> None:
    site = Site(pages=100, broken=True)
    with crawlable(site) as lab:
        pages = [page for page in map(site.page, site.urls(lab.site_url or "")) if page]
        assert {(page.status, page.cut) for page in pages} == {(200, False), (404, False), (500, False), (200, True)}
        cut = [page.url for page in pages if page.cut]
        for response in fetch(cut):
            assert isinstance(response.error, aio.RequestError)
        for record in lab.log():
            assert record.path in cut
            assert record.last_byte is None
            assert 500 < record.size < 1500


def statuses(lab: LabServer, count: int, host: str) -> list[int]:
    return [get(lab, "/nothing", host)[0].status for _ in range(count)]


def test_the_first_requests_are_throttled() -> None:
    with LabServer(latency=0, site=Site(hosts=2, throttled=3, retry_after=7, robots=True)) as lab:
        assert get(lab, "/robots.txt")[0].status == 200
        response, _ = get(lab)
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert statuses(lab, 4, "a.site.test") == [429, 429, 404, 404]
        assert statuses(lab, 4, "b.site.test") == [429, 429, 429, 404], "each host counts by itself"
        lab.reset()
        assert statuses(lab, 4, "a.site.test") == [429, 429, 429, 404]


def test_a_burst_of_503() -> None:
    with LabServer(latency=0, site=Site(hosts=2, throttled=2, unavailable=5)) as lab:
        assert statuses(lab, 30, "a.site.test") == [429] * 2 + [404] * 18 + [503] * 5 + [404] * 5
        assert statuses(lab, 21, "b.site.test")[-1] == 503
    with LabServer(latency=0, site=Site(throttled=30, unavailable=1)) as lab:
        assert get(lab, "/robots.txt")[0].status == 404
        assert statuses(lab, 32, "a.site.test") == [429] * 30 + [503, 404]


def test_robots_txt_says_what_is_allowed() -> None:
    site = Site(pages=300, robots=True, crawl_delay=2, sitemap=True, hosts=2)
    with LabServer(latency=0, site=site) as lab:
        response, body = get(lab, "/robots.txt", "b.site.test")
        assert response.headers["Content-Type"].startswith("text/plain")
        text = body.decode()
    closed = [url for url in site.urls() if not site.allowed(url)]
    opened = [url for url in site.urls() if "/private/open/" in url]
    assert len(closed) > 3
    assert all("/private/" in url for url in closed)
    assert len(opened) > 3
    assert not set(opened) & set(closed)
    assert f"Sitemap: http://b.site.test:{lab.port}/sitemap.xml" in text
    rules = urllib.robotparser.RobotFileParser()
    # It knows neither several groups of one agent nor the longest match: one group, with the longest rule first.
    lines = [line for line in text.splitlines() if line.lower() != "user-agent: *"]
    lines.sort(key=lambda line: not line.startswith("Allow"))
    others = ("", "User-agent: nobody", "Disallow: /")
    rules.parse(["User-agent: *", *(line for line in lines if line not in others)])
    assert rules.crawl_delay("*") == 2
    assert [url for url in site.urls() if not rules.can_fetch("*", url)] == closed


def test_sitemaps_tell_of_all_pages() -> None:
    site = Site(pages=2_500, hosts=2, sitemap=True)
    with LabServer(latency=0, site=site) as lab:
        told: list[str] = []
        for name in lab.hosts:
            index = locations(get(lab, "/sitemap.xml", name)[1])
            assert len(index) == 3
            for part in index:
                assert urllib.parse.urlsplit(part).hostname == name
                urls = locations(get(lab, urllib.parse.urlsplit(part).path, name)[1])
                assert {urllib.parse.urlsplit(url).hostname for url in urls} <= {name}
                told += urls
        truth = list(site.urls(lab.site_url or ""))
        assert sorted(told) == sorted(truth)
        orphans = [page for page in map(site.page, truth) if page and page.depth is None]
        assert len(orphans) == 3
        assert not {link for url in truth for link in site.links_of(url)} & {page.url for page in orphans}


def locations(xml: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(xml).iter() if element.tag.endswith("}loc")]


# --- the value


def test_a_site_is_a_value() -> None:
    site = Site(pages=30, links=3, hosts=2)
    assert repr(site) == "Site(pages=30, links=3, hosts=2)"
    assert site == Site(30, 3, hosts=2) != Site(31, 3, hosts=2)
    assert pickle.loads(pickle.dumps(site)) == site
    page = site.page("HTTP://A.site.test#x")
    assert page == SitePage("http://a.site.test/", "a.site.test", 200, 0, None, False, 0.0)
    for nothing in (
        "http://a.site.test/p/0",
        "http://c.site.test/",
        "ftp://a.site.test/",
        "no URL",
        "http://127.0.0.1/",
    ):
        assert site.page(nothing) is None
        assert site.links_of(nothing) == []
        assert site.allowed(nothing)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"pages": 0}, ValueError, "pages must be 1 to"),
        ({"pages": 1.5}, TypeError, "pages must be an integer"),
        ({"links": True}, TypeError, "links must be an integer"),
        ({"hosts": 10_001}, ValueError, "hosts must be"),
        ({"hot": 2}, ValueError, "hot must be 0 to 1, not 2"),
        ({"hot": "x"}, TypeError, "hot must be a number from 0 to 1, not 'x'"),
        ({"slow": -1}, ValueError, "slow must be"),
        ({"calendar": 1}, TypeError, "calendar must be"),
        ({"depth": 2}, ValueError, "depth must be 3 to 999 for 1000 pages with 10 links each, not 2"),
        ({"depth": 1_000}, ValueError, "depth must be 3 to 999"),
        ({"crawl_delay": 1}, ValueError, "robots=True"),
        ({"seed": -1}, ValueError, "seed must be"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Site(**settings)  # type: ignore[arg-type]


def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="site must be a Site"):
        LabServer(site="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="root must be a URL of the site"):
        Site().urls("http://localhost/")
    with pytest.raises(TypeError, match="url must be"):
        Site().page(None)  # type: ignore[arg-type]
    with LabServer(latency=0) as lab:
        assert (lab.site, lab.site_url, lab.hosts) == (None, None, {})
