"""A crawl that was killed goes on: nothing is lost, and little is fetched twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import aio_strategies as aio
import pytest
from known_pages import Site, page

MAX_TASKS = 10

#: Crawls with a state; writes each page's URL to a file when the loop has it.
PROGRAM = """
import sys
import aio_strategies as aio
from aio_strategies.lab import redirect
port, state, strategy, seen = sys.argv[1:]
redirect.redirect_for_good([("a.site.test", int(port))], ("127.0.0.1", int(port)))
root = f"http://a.site.test:{port}/"
crawler = aio.Crawler(root, robots=False, state=state, strategy=strategy, max_tasks=10)
with open(seen, "a", buffering=1) as file:
    for page in crawler:
        print(page.url, file=file)
print(len(crawler.statistics))
"""


def test_a_second_crawl_goes_on_where_the_first_ended(tmp_path):
    site = aio.Site(pages=200, seed=3)
    with aio.LabServer(latency=0, site=site) as lab, lab.as_host("a.site.test", lab.port):
        first = aio.Crawler(lab.site_url, robots=False, state=tmp_path / "state", max_pages=50)
        assert len(first.crawl()) == 50
        again = aio.Crawler(lab.site_url, robots=False, state=tmp_path / "state", max_pages=120)
        fresh = [page.url for page in again]
        assert len(fresh) == 70
        assert len(again.statistics) == 120
        last = aio.Crawler(lab.site_url, robots=False, state=tmp_path / "state", strategy="thread")
        assert {row.url for row in last.crawl()} == set(site.urls(lab.site_url))
        assert [page.url for page in aio.Crawler(lab.site_url, robots=False, state=tmp_path / "state")] == []
        counts = Counter(record.path for record in lab.log())
    assert set(counts.values()) == {1}
    assert sum(counts.values()) == 200


def test_links_found_after_the_last_page_are_kept(tmp_path):
    with Site({"/": page("/a"), "/a": page("/b"), "/b": page()}) as site:
        for limit in (1, 2, 3):
            crawl = aio.Crawler(site.url, robots=False, state=tmp_path, max_pages=limit)
            assert len(crawl.crawl()) == limit
        assert site.requests == {"/": 1, "/a": 1, "/b": 1}


def test_what_the_loop_has_not_finished_comes_again(tmp_path):
    site = aio.Site(pages=30, seed=3)
    with aio.LabServer(latency=0, site=site) as lab, lab.as_host("a.site.test", lab.port):
        settings = {"robots": False, "state": tmp_path, "max_tasks": 3}
        done = []
        for page in aio.Crawler(lab.site_url, **settings):
            if len(done) == 10:
                unfinished = page.url
                break
            done.append(page.url)
        rest = [page.url for page in aio.Crawler(lab.site_url, **settings)]
    assert unfinished in rest
    assert Counter([*done, *rest]) == Counter(site.urls(lab.site_url))


def test_what_waits_counts_and_is_wanted_as_anything_else(tmp_path):
    paths = [f"/d/{number}" for number in range(12)]
    with Site({"/": page("/e", *paths), "/e": page()} | {path: page() for path in paths}) as site:

        def crawl(**settings):
            crawler = aio.Crawler(site.url, robots=False, state=tmp_path, max_tasks=1, **settings)
            return [one.url.removeprefix(site.url) for one in crawler]

        assert len(crawl(max_pages=3)) == 3
        assert crawl(max_pages=3) == []
        assert crawl(max_pages=2) == []
        assert crawl(max_depth=0) == []
        assert crawl(include="/e") == []
        assert crawl(exclude="/d/([2-9]|1.)") == ["/d/1"]
        assert set(crawl()) == set(paths) - {"/d/0", "/d/1"}
    assert set(site.requests.values()) == {1}


def test_a_calendar_without_end_ends_in_a_second_crawl_too(tmp_path):
    days = {f"/d/{number}": page(f"/d/{number + 1}") for number in range(20)}
    with Site({"/": page("/d/0")} | days) as site:
        for settings in ({"max_pages": 2}, {}):
            aio.Crawler(site.url, robots=False, state=tmp_path, max_pages_per_folder=3, **settings).crawl()
    assert set(site.requests) == {"/", "/d/0", "/d/1", "/d/2"}


def test_a_state_of_other_roots(tmp_path):
    with Site({"/": page("/a"), "/a": page()}) as site, Site({"/": page()}) as other:
        aio.Crawler(site.url, robots=False, state=tmp_path, max_pages=1).crawl()
        aio.Crawler(other.url.replace("127.0.0.1", "localhost"), robots=False, state=tmp_path).crawl()
        assert site.requests == {"/": 1}
        assert other.requests == {"/": 1}


def test_one_crawl_at_a_time(tmp_path):
    with aio.LabServer(latency=0, site=aio.Site(pages=30)) as lab, lab.as_host("a.site.test", lab.port):
        crawl = iter(aio.Crawler(lab.site_url, state=tmp_path))
        next(crawl)
        with pytest.raises(aio.UnavailableError, match="another crawl has it open"):
            aio.Crawler(lab.site_url, state=tmp_path).crawl()
        crawl.close()
        assert len(aio.Crawler(lab.site_url, state=tmp_path).crawl()) == 30


def test_bad_states(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is no folder"):
        aio.Crawler("a.org", state=tmp_path / "file")
    with pytest.raises(TypeError, match="path of a folder"):
        aio.Crawler("a.org", state=7)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "crawl.redb").write_bytes(b"not a database" * 1000)
    with pytest.raises(aio.UnavailableError, match="opening the state in"):
        aio.Crawler("a.org", state=broken).crawl()


def test_a_damaged_state(tmp_path):
    with Site({"/": page()}) as site:
        aio.Crawler(site.url, robots=False, state=tmp_path).crawl()
        with open(tmp_path / "crawl.redb", "r+b") as file:
            file.truncate(5000)
        with pytest.raises(aio.UnavailableError, match=r"it is damaged$"):
            aio.Crawler(site.url, robots=False, state=tmp_path).crawl()


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit on files here")
def test_no_room_for_the_state(tmp_path):
    with Site({"/": page(*(f"/{number}{'x' * 2000}" for number in range(3000)))}) as site:
        code = f"""
import resource, signal
import aio_strategies as aio
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
try:
    aio.Crawler({site.url!r}, robots=False, state={str(tmp_path / "state")!r}).crawl()
except aio.UnavailableError as error:
    print(error)
"""
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "writing the state: " in told.stdout, told


def test_files_and_batches_hold_pages_back(tmp_path):
    crawler = aio.Crawler("http://127.0.0.1:1/", state=tmp_path / "state")
    for method in (crawler.batches, lambda: crawler.to_jsonl(tmp_path / "pages.jsonl")):
        with pytest.raises(ValueError, match="hold pages back"):
            method()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("strategy", ["asyncio", "thread"])
@pytest.mark.slow
def test_killed_at_random_moments(tmp_path, strategy):
    pages, kills = 1_500, 8
    site = aio.Site(pages=pages, links=5, size=500, seed=9)
    draw = random.Random(5)
    with aio.LabServer(latency=0.002, site=site) as lab:
        arguments = [str(lab.port), str(tmp_path / "state"), strategy, str(tmp_path / "seen")]
        killed = 0
        while True:
            process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE)
            if killed < kills:
                before = lab.stats().served
                deadline = time.monotonic() + 20
                wanted = before + draw.randrange(1, pages // kills)
                while lab.stats().served < wanted and process.poll() is None and time.monotonic() < deadline:
                    time.sleep(draw.random() * 0.01)
                process.kill()
                process.communicate()
                killed += 1
                continue
            output = process.communicate(timeout=60)[0]
            assert process.returncode == 0
            break
        fetched = Counter(record.path for record in lab.log())
    assert int(output) == pages
    assert len(fetched) == pages
    assert sum(fetched.values()) - pages <= kills * MAX_TASKS
    seen = Counter((tmp_path / "seen").read_text().split())
    assert len(seen) == pages
    # what was on its way to the disk when the crawl was killed comes again
    assert sum(seen.values()) - pages <= kills * MAX_TASKS
