"""Comparing crawls of the lab's site: the work, the gate, what is kept and shown, and what is refused."""

import asyncio
import importlib
import json
from collections import Counter
from dataclasses import replace

import aio_strategies as aio
import pytest
from aio_strategies.cli import main
from aio_strategies.comparison.settings import Arm
from aio_strategies.comparison.typical_runs import exchange_at, timelines
from aio_strategies.exceptions import ComparisonError, IncompleteBody
from aio_strategies.lab.hosts import Bounds
from aio_strategies.lab.server import private_entrance
from aio_strategies.lab.site import pages_to_crawl
from aio_strategies.measuring.crawled_site import CrawledSite
from aio_strategies.measuring.gate import CrawlGate
from aio_strategies.measuring.plan import make_plan
from aio_strategies.measuring.sizes import Sizes
from stand_ins import outcome

measuring = importlib.import_module("aio_strategies.measuring.session")

SITE = aio.Site(pages=30, hosts=3, redirects=True, broken=True, robots=True, sitemap=True, seed=2)
PLAIN = aio.Site(pages=20, hosts=2)
FAST = {"latency": 0.002, "progress": False}


def truth(site, root=None):
    return {page.url: page for page in pages_to_crawl(site, root or f"http://{site.names[0]}/")}


@pytest.fixture(scope="module")
def crawled():
    """A comparison of crawls, and the log of its last run."""
    with aio.LabServer(latency=0.002, site=SITE) as lab:
        found = aio.compare(["thread", "callback"], site=SITE, lab=lab, rounds=2, seed=3, progress=False)
        return found, private_entrance(lab).log(), private_entrance(lab).root_of(SITE)


# --- the work


@pytest.mark.slow
def test_every_run_is_a_whole_crawl(crawled):
    comparison, log, root = crawled
    pages = truth(SITE, root)
    assert Counter(page.status for page in pages.values()).keys() >= {200, 302, 404, 500}
    assert any(page.cut for page in pages.values())
    assert comparison.settings.requests == len(pages)
    assert len(comparison.timed_runs) == 2 * 5  # with the twin
    for run in comparison.timed_runs:
        assert run.requests == len(pages)
        assert run.errors == 0  # what the site breaks on purpose is none
        assert 1 < run.peak_in_flight <= 10
    assert not comparison.failures
    assert not comparison.unchecked
    assert set(Counter(record.path for record in log).values()) == {comparison.timed_runs[-1].batches}
    assert {record.path: record.status for record in log} == {url: page.status for url, page in pages.items()}


def test_exchanges_are_kept_with_their_urls_in_the_order_in_which_they_began(crawled):
    comparison, *_ = crawled
    pages = truth(SITE, comparison.url)
    for batch in comparison.kept_exchanges.batches:
        numbers, statuses = batch.column("request"), batch.column("status")
        assert sorted(numbers) == list(range(len(pages)))
        urls = [comparison.crawled_urls[number] for number in numbers]
        assert dict(zip(urls, statuses, strict=True)) == {url: page.status for url, page in pages.items()}
        asked = batch.column("asked")
        assert asked == sorted(asked)
    for timeline in timelines(comparison):
        known = {exchange.url for exchange in timeline.exchanges}
        assert known == {url for url, page in pages.items() if not page.cut}
    exchange = exchange_at(comparison, 1)
    assert exchange.intended == exchange.start  # nobody knew of it before
    frame = comparison.exchanges
    assert frame["intended"] == frame["start"]
    assert frame["response"] == frame["service"]


def test_a_program_gets_a_page_of_every_host(tmp_path):
    def mine(urls, concurrency, keep_alive):
        (tmp_path / "urls").write_text(json.dumps(urls))
        crawler = aio.rust.Crawler(urls, robots=False, max_tries=1, max_tasks=concurrency, keep_alive=keep_alive)
        return len(crawler.crawl())

    comparison = aio.compare(
        ["callback"], "rust", programs={"mine": mine}, site=PLAIN, https=True, keep_alive=True, rounds=1, **FAST
    )
    assert [arm.name for arm in comparison.arms] == ["rust/callback", "mine"]
    assert comparison.unchecked == ("mine",)
    assert "not checked: the contents that mine got (the lab's log" in comparison.to_text()
    assert all(run.connections < run.requests * run.batches for run in comparison.timed_runs)
    urls = json.loads((tmp_path / "urls").read_text())
    assert [url.split(":")[:2] for url in urls] == [["https", f"//{name}"] for name in PLAIN.names]
    assert urls[0].endswith("/")
    assert all(PLAIN.page(url).status == 200 for url in urls)


def test_hosts_that_have_redirects_only():
    site = aio.Site(pages=6, hosts=12, links=4, redirects=True, seed=1)
    pages = truth(site).values()
    assert {page.host for page in pages} > {page.host for page in pages if page.status == 200}
    comparison = aio.compare(["callback"], site=site, rounds=1, **FAST)
    assert comparison.settings.requests == len(pages)
    assert not comparison.failures


def test_a_crawl_is_never_cut():
    plan = make_plan(["thread"], site=aio.Site(pages=300), budget=10.0)
    sizes = Sizes(plan.settings, plan.arms)
    for arm in plan.arms:
        sizes.learn(arm, [(300, 5.0)], 0.001, one_by_one=False)
    assert sizes.fit(9.0, 10) == 1
    for arm in plan.arms:
        assert {sizes.requests(arm, 1), sizes.requests(arm, 2), sizes.traced(arm, 0.1)} == {300}


def test_both_languages_of_a_strategy_are_a_contrast():
    plans = [make_plan(["thread", "callback"], site=site) for site in (None, PLAIN)]
    assert {plan.contrasts for plan in plans} == {4}


def test_scaling():
    swept = aio.scaling("concurrency", [1, 4], ["callback"], "rust", site=PLAIN, rounds=1, **FAST)
    one, four = (comparison.arms[0].peak_in_flight for comparison in swept)
    assert one == 1 < four <= 4
    assert {comparison.settings.requests for comparison in swept} == {20}


def test_acompare():
    comparison = asyncio.run(aio.acompare(["callback"], "rust", site=PLAIN, rounds=1, **FAST))
    assert comparison.settings.site == PLAIN


def test_command_line(capsys):
    assert main(["compare", "callback", "--languages", "rust", "--site", "pages=20,hosts=2", "-r", "1"]) == 0
    assert "a crawl of 20 pages on 2 hosts, at most 10 at a time" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("site", "words"),
    [
        ("pages", "pages must be an integer"),
        ("pages=many", "'many' is not a number"),
        ("page=3", "no setting of a site 'page'"),
        ("calendar", "no crawl of it comes to an end"),
    ],
)
def test_command_line_refuses(site, words, capsys):
    try:
        status = main(["compare", "callback", "--site", site])
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert words in capsys.readouterr().err


def test_command_line_refuses_files(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("")
    assert main(["compare", str(tmp_path / "mine.py"), "--site", "pages=20"]) == 2
    assert "--site does not apply to Python files" in capsys.readouterr().err


# --- the gate


def test_an_arm_that_finds_fewer_pages_is_refused(monkeypatch):
    whole = measuring.assignment

    def crippled(plan, arm, *rest):
        told = whole(plan, arm, *rest)
        return told._replace(options=told.options | {"max_pages": 15}) if arm.language == "rust" else told

    monkeypatch.setattr(measuring, "assignment", crippled)
    with pytest.raises(ComparisonError, match="its crawl did not come to it") as caught:
        aio.compare(["callback"], site=PLAIN, rounds=1, **FAST)
    assert caught.value.arm == "rust/callback"


def test_a_program_that_fetches_other_pages_is_refused():
    def mine(urls):
        list(aio.python.Crawler(urls))
        aio.run("thread", [urls[0] + "missing"])

    with pytest.raises(ComparisonError, match="where no link of the site leads") as caught:
        aio.compare([], programs={"mine": mine}, site=PLAIN, rounds=1, **FAST)
    assert caught.value.url.endswith("/missing")


def test_a_run_that_is_no_whole_crawl_fails(tmp_path):
    def tires(urls):
        with (tmp_path / "calls").open("a") as calls:
            calls.write(".")
            tired = calls.tell() > 3  # the first run, the gate, the costs
        return aio.rust.Crawler(urls, robots=False, max_pages=10 if tired else None).crawl()

    comparison = aio.compare(["callback"], "rust", programs={"tires": tires}, site=PLAIN, rounds=2, **FAST)
    assert [arm.name for arm in comparison.arms] == ["rust/callback"]
    assert all("requests, not" in message for message in comparison.failures["tires"])


@pytest.fixture(scope="module")
def entrance():
    with aio.LabServer(site=SITE) as lab:
        yield private_entrance(lab)


class TestGate:
    FIRST, SECOND = Arm.of("thread", "python"), Arm.of("thread", "rust")

    @pytest.fixture
    def site(self, entrance):
        return CrawledSite(SITE, entrance)

    @staticmethod
    def found(site):
        cut = IncompleteBody("the connection ended inside the body")
        return {url: cut if page.cut else outcome(status=page.status) for url, page in site.pages.items()}

    def test_equal_crawls_pass(self, site):
        gate = CrawlGate(site)
        gate.check(self.FIRST, self.found(site))
        gate.check(self.SECOND, dict(reversed(self.found(site).items())))

    @pytest.mark.parametrize(
        ("is_such", "other", "words"),
        [
            (lambda page: page.status == 200 and not page.cut, outcome(b"else"), "differ from those for python/thread"),
            (lambda page: page.status == 404, outcome(status=200), "status 200, but the lab server sends 404"),
            (lambda page: page.status == 404, IncompleteBody("it ended"), "IncompleteBody: it ended"),
            (lambda page: page.cut, outcome(), "the lab server sends a page that ends too early"),
            (lambda page: page.status == 302, None, "its crawl did not come to it"),
        ],
    )
    def test_unequal_crawls(self, site, is_such, other, words):
        gate, found = CrawlGate(site), self.found(site)
        gate.check(self.FIRST, found)
        url = next(url for url, page in site.pages.items() if is_such(page))
        found = {known: came for known, came in found.items() if known != url} | ({url: other} if other else {})
        with pytest.raises(ComparisonError, match=words) as caught:
            gate.check(self.SECOND, found)
        assert (caught.value.arm, caught.value.url) == ("rust/thread", url)

    def test_a_page_that_the_site_has_not(self, site):
        url = f"{site.roots[0]}other"
        with pytest.raises(ComparisonError, match="where no link of the site leads"):
            CrawlGate(site).check(self.FIRST, self.found(site) | {url: outcome()})


# --- what is shown and saved


def test_the_table_says_what_was_done(crawled, tmp_path):
    comparison, *_ = crawled
    requests = comparison.settings.requests
    assert f"a crawl of {requests} URLs (30 pages) on 3 hosts, at most 10 at a time, latency 2 ms" in str(comparison)
    chinese = comparison.to_markdown("zh")
    assert f"爬取 3 个主机上的 {requests} 个 URL（30 个网页），并发至多 10，延迟 2 ms" in chinese
    assert "讲义 2021 年的数据是" in chinese
    comparison.save(tmp_path / "crawl.html")
    page = (tmp_path / "crawl.html").read_text(encoding="utf-8")
    assert f"4 ways to crawl {requests} pages, compared" in page
    assert "Site(pages=30, hosts=3, seed=2, redirects=True, broken=True, robots=True, sitemap=True)" in page
    costs = comparison.to_text(costs=True)
    assert "service p50" in costs
    assert "response" not in costs


def test_saved_and_loaded(crawled, tmp_path):
    comparison, *_ = crawled
    comparison.save(tmp_path / "crawl.json.gz")
    again = aio.load(tmp_path / "crawl.json.gz")
    assert again.settings == comparison.settings
    assert again.settings.site == SITE
    assert again.crawled_urls == comparison.crawled_urls
    assert again.to_dict(exchanges=True) == comparison.to_dict(exchanges=True)


def test_diff_refuses_another_site(crawled):
    comparison, *_ = crawled
    assert comparison.diff(comparison)
    other = replace(comparison, settings=replace(comparison.settings, site=replace(SITE, seed=4)))
    with pytest.raises(ValueError, match="not about the same work: site was"):
        comparison.diff(other)


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"urls": ["http://example.org/"]}, "give site= or urls=, not both"),
        ({"rate": 10.0}, "give site= or rate=, not both"),
        ({"site": aio.Site(calendar=True)}, "calendar=True cannot be compared: no crawl of it comes to an end"),
        ({"site": aio.Site(throttled=2)}, "throttled=2 cannot be compared"),
        ({"site": aio.Site(unavailable=2)}, "unavailable=2 cannot be compared"),
        ({"site": aio.Site(pages=10**9)}, "is too large"),
        ({"bounds": Bounds((), "--as-host", "--timeout"), "programs": {"mine": "pass"}}, "name their own pages"),
        ({"site": aio.Site(pages=300), "budget": 1.0, "latency": 0.02}, "at least 3.6 s to crawl the site twice each"),
    ],
)
def test_arguments_that_do_not_go_together(arguments, words):
    with pytest.raises(ValueError, match=words):
        make_plan(["thread"], **({"site": PLAIN} | arguments))


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="site must be a Site or None, not 'pages'"):
        aio.compare(site="pages")


@pytest.mark.parametrize("other", [None, aio.Site(pages=21, hosts=2)])
def test_a_lab_with_another_site_is_refused(other):
    with aio.LabServer(site=other) as lab, pytest.raises(ValueError, match="conflicts with lab=, whose site is"):
        aio.compare(["thread"], site=PLAIN, lab=lab)


def test_a_lab_with_too_short_a_log_is_refused():
    with aio.LabServer(site=PLAIN, log_limit=19) as lab, pytest.raises(ValueError, match="log_limit=19"):
        aio.compare(["thread"], site=PLAIN, lab=lab)


def test_requests_cannot_be_swept():
    with pytest.raises(ValueError, match="requests cannot be swept with site="):
        aio.scaling("requests", [10, 20], ["thread"], site=PLAIN)
