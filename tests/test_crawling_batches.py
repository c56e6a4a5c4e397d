"""A round of a crawl, by itself: record batches in, record batches out. With the engines: test_engines.py."""

from __future__ import annotations

import itertools
import os
import pickle
import time
from collections import defaultdict
from functools import partial

import aio_strategies as aio
import pyarrow as pa
import pytest
from aio_strategies.crawling.host_queues import HostQueues

WAYS = [("asyncio", "rust"), ("thread", "rust"), ("asyncio", "python"), ("callback", "python")]


def batch(urls, **columns):
    return pa.record_batch({"url": pa.array(urls, pa.string()), **columns})


def rows(batches):
    return [row for one in batches for row in one.to_pylist()]


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[1]}-{way[0]}")
def crawl(request):
    strategy, language = request.param
    return partial(aio.crawl_batches, strategy=strategy, language=language)


def test_what_is_in_the_rows(crawl):
    site = aio.Site(pages=60, hosts=2, seed=5, redirects=True, broken=True)
    with aio.LabServer(latency=0, site=site) as lab:
        urls = list(site.urls(lab.site_url))
        given = [batch(part, depth=range(len(part))) for part in (urls[:50], urls[50:])]
        found = rows(crawl(given, resolve=lab.hosts, max_tries=1))
    assert sorted(row["url"] for row in found) == sorted(urls)
    for row in found:
        page = site.page(row["url"])
        assert urls.index(row["url"]) % 50 == row["depth"]
        assert row["tries"] == 1
        if page.cut:
            assert row["error"].startswith("IncompleteBody: ")
            assert (row["status"], row["content"], row["links"]) == (None, b"", [])
            continue
        assert (row["status"], row["error"], row["next_url"]) == (page.status, None, page.location)
        assert row["links"] == list(dict.fromkeys(site.links_of(row["url"])))
        if page.status == 200:
            assert (row["content_type"], row["encoding"]) == ("text/html", "utf-8")
            assert len(row["content"]) > 1000


def test_rounds_of_it_find_the_graph(crawl):
    site = aio.Site(pages=150, hosts=3, seed=11, redirects=True, broken=True, wide=20)
    with aio.LabServer(latency=0, site=site) as lab:
        seen, frontier = {}, [lab.site_url]
        while frontier:
            found = rows(crawl([batch(frontier)], resolve=lab.hosts, max_tasks_per_host=10, max_tries=1, content=False))
            seen |= {row["url"]: row["status"] for row in found}
            led = {link for row in found for link in (*row["links"], row["next_url"]) if link}
            frontier = sorted(link for link in led - seen.keys() if link.split("/")[2].split(":")[0] in site.names)
        truth = {url: site.page(url) for url in site.urls(lab.site_url)}
    reachable = {url: None if page.cut else page.status for url, page in truth.items() if page.depth is not None}
    assert {url: status for url, status in seen.items() if site.page(url)} == reachable


def test_batches_are_bounded_by_rows_and_bytes(crawl):
    with aio.LabServer(latency=0, body_size=10_000) as lab:
        by_rows = list(crawl([batch(lab.urls(40), note=["é" * 20] * 40)], rows=7))
        by_bytes = list(crawl([batch(lab.urls(40), note=["é" * 20] * 40)], bytes=35_000))
        alone = list(crawl([batch(lab.urls(5))], bytes=9_000))
        without = list(crawl([batch(lab.urls(40))], bytes=35_000, content=False))
    assert [one.num_rows for one in by_rows] == [7, 7, 7, 7, 7, 5]
    assert all(one.nbytes <= 35_000 for one in by_bytes)
    assert [one.num_rows for one in by_bytes] == [3] * 13 + [1]
    assert [one.num_rows for one in alone] == [1] * 5
    assert [one.num_rows for one in without] == [40]
    assert "content" not in without[0].schema.names


def test_urls_are_taken_as_they_are_needed(crawl, quick_lab):
    taken = itertools.count()
    urls = (f"{quick_lab.url}{number}" for number in taken)
    endless = (batch(itertools.islice(urls, 10)) for _ in itertools.count())
    pages = crawl(endless, max_tasks=4, max_tasks_per_host=4, rows=5, look_ahead=20)
    assert next(taken) == 0  # nothing before the first is asked for
    for _ in range(3):
        assert next(pages).num_rows == 5
    # 15 that were handed out, 20 that wait, those in flight and the rest of a batch
    assert next(taken) < 15 + 20 + 8 + 5 + 10 + 4
    pages.close()
    assert quick_lab.stats().served <= 15 + 8 + 5


@pytest.mark.slow
def test_the_deadline(crawl):
    with aio.LabServer(latency=0) as lab:
        lab.reply("/hang", [b"HTTP/1.1 200 OK\r\n", "hang"])
        urls = [f"{lab.url}hang", *lab.urls(3), *(f"{lab.url}hang?{number}" for number in range(20))]
        for number in range(20):
            lab.reply(f"/hang?{number}", ["hang"])
        began = time.monotonic()
        given = [batch(urls), batch([f"{lab.url}late", "no URL"])]
        found = rows(crawl(given, max_tasks=4, max_tasks_per_host=2, deadline=1.0, rows=10))
    assert 1.0 <= time.monotonic() - began < 10
    assert sorted(row["url"] for row in found) == sorted([*urls, f"{lab.url}late", "no URL"])
    errors = {row["url"]: row["error"] for row in found if row["error"]}
    assert len(errors) >= 21
    assert errors.pop("no URL").startswith(("InvalidURL: ", "TotalTimeout: the deadline"))
    assert set(errors.values()) == {"TotalTimeout: the deadline of 1 s passed"}


def test_failures_are_rows(crawl, quick_lab, refusing):
    bad = {
        "http://[::1": "InvalidURL: ",
        "ftp://127.0.0.1/": "UnsupportedProtocol: ",
        "http://no-such-host.invalid/": "NameResolutionError: ",
        refusing: "ConnectError: ",
        None: "InvalidURL: there is no URL",
    }
    found = {row["url"]: row for row in rows(crawl([batch([*bad, quick_lab.url])], max_tries=2))}
    assert found.keys() == {*bad, quick_lab.url}
    for url, error in bad.items():
        assert found[url]["error"].startswith(error)
        assert found[url]["status"] is None
    assert (found[refusing]["tries"], found[None]["tries"]) == (2, 0)
    assert (found[quick_lab.url]["status"], found[quick_lab.url]["error"]) == (200, None)


def begun_by_host(lab):
    """When the exchanges of each host began and ended, as the lab saw it."""
    hosts = defaultdict(list)
    for record in lab.log():
        hosts[record.path.split("/")[2]].append((record.request, record.last_byte or record.closed))
    return hosts


def peak(spans):
    """How many of these were in flight at once, at most."""
    return max(sum(begun <= at < ended for begun, ended in spans) for at, _ in spans)


def test_few_at_once_to_a_host(crawl):
    site = aio.Site(pages=60, hosts=3, seed=1)
    with aio.LabServer(latency=0.01, site=site) as lab:
        settings = {"resolve": lab.hosts, "max_tasks": 20, "max_tasks_per_host": 2}
        found = rows(crawl([batch(list(site.urls(lab.site_url)))], **settings))
        hosts = begun_by_host(lab)
        assert lab.stats().peak_in_flight > 2
    assert {row["status"] for row in found} == {200}
    assert len(hosts) == 3
    assert all(peak(spans) <= 2 for spans in hosts.values())


def test_connections_are_used_again(crawl):
    """A waiter's connection leads to one host: it is given that host's URLs."""
    site = aio.Site(pages=200, hosts=4, seed=1)
    with aio.LabServer(latency=0.002, site=site) as lab:
        settings = {"resolve": lab.hosts, "max_tasks": 20, "max_tasks_per_host": 2}
        found = rows(crawl([batch(list(site.urls(lab.site_url)))], **settings))
        stats = lab.stats()
    assert len(found) == stats.served == 200
    assert stats.connections < 100  # else, most would open one


@pytest.mark.slow
def test_a_pause_between_exchanges_with_a_host(crawl):
    site = aio.Site(pages=12, hosts=3, seed=1)
    with aio.LabServer(latency=0, site=site) as lab:
        urls = list(site.urls(lab.site_url))
        # two waiters only: a host that waits for its turn must not hold one
        found = rows(crawl([batch(urls)], resolve=lab.hosts, max_tasks=2, delay=0.1))
        hosts = begun_by_host(lab)
    assert len(found) == len(urls)
    begun = {host: sorted(at for at, _ in spans) for host, spans in hosts.items()}
    assert len(begun) == 3
    for times in begun.values():
        # seen by the server, one may be late and the next on time
        assert all(later - before > 0.05 for before, later in itertools.pairwise(times))
        assert times[-1] - times[0] > 0.1 * (len(times) - 1) - 0.05
    firsts, lasts = [times[0] for times in begun.values()], [times[-1] for times in begun.values()]
    assert max(firsts) < min(lasts)  # the hosts' pauses went on side by side


@pytest.mark.slow
def test_a_host_that_throttles_is_waited_for(crawl):
    site = aio.Site(pages=20, hosts=2, seed=2, throttled=2, retry_after=1)
    with aio.LabServer(latency=0, site=site) as lab:
        found = rows(crawl([batch(list(site.urls(lab.site_url)))], resolve=lab.hosts, max_tasks_per_host=2))
        throttled = [record for record in lab.log() if record.status == 429]
        hosts = begun_by_host(lab)
    assert {row["status"] for row in found} == {200}
    assert len(throttled) == 4
    for spans in hosts.values():
        # both were in flight; then came the pause
        begun = sorted(at for at, _ in spans)
        assert begun[2] - begun[0] > 0.9


def test_a_host_that_asks_for_too_long_a_pause_is_given_up(crawl, quick_lab):
    site = aio.Site(pages=30, hosts=2, seed=2, throttled=2, retry_after=3600)
    with aio.LabServer(latency=0, site=site) as lab:
        urls = list(site.urls(lab.site_url))
        given = [batch([*urls[:20], quick_lab.url]), batch(urls[20:])]
        settings = {"resolve": lab.hosts, "look_ahead": 5, "max_tasks_per_host": 2}
        found = {row["url"]: row for row in rows(crawl(given, **settings))}
        assert len(lab.log()) == 4
    assert found.keys() == {*urls, quick_lab.url}
    assert found.pop(quick_lab.url)["status"] == 200
    assert sorted(row["status"] or 0 for row in found.values()) == [0] * (len(urls) - 4) + [429] * 4
    for row in found.values():
        if row["status"] is None:
            assert row["error"] == "HostPaused: the host asks for a pause of 3600 s; max_delay is 300 s"


def test_what_fails_is_tried_again(crawl):
    site = aio.Site(pages=40, seed=2, unavailable=3)
    with aio.LabServer(latency=0, site=site) as lab:
        found = rows(crawl([batch(list(site.urls(lab.site_url)))], resolve=lab.hosts))
    assert {row["status"] for row in found} == {200}
    assert sum(row["tries"] for row in found) == len(found) + 3


def test_no_rows():
    [empty] = aio.crawl_batches([batch([], depth=pa.array([], pa.int64()))])
    assert empty.num_rows == 0
    columns = ["next_url", "status", "error", "content_type", "encoding", "content", "links", "tries"]
    assert empty.schema.names == ["url", "depth", *columns]
    assert list(aio.crawl_batches([])) == []


def test_other_kinds_of_strings_and_columns(quick_lab):
    urls = quick_lab.urls(6)
    large = pa.record_batch(
        {"url": pa.array(urls, pa.large_string()), "nested": [{"a": [number]} for number in range(6)]},
        schema=pa.schema(
            {"url": pa.large_string(), "nested": pa.struct({"a": pa.list_(pa.int8())})}, metadata={"of": "the input"}
        ),
    )
    [found] = aio.crawl_batches(pa.RecordBatchReader.from_batches(large.schema, [large.slice(0, 2), large.slice(2)]))
    assert found.schema.field("url").type == pa.large_string()
    assert sorted((row["url"], row["nested"]["a"]) for row in found.to_pylist()) == [
        (url, [number]) for number, url in enumerate(urls)
    ]


def test_what_the_iterable_raises_is_raised(crawl, quick_lab):
    def broken():
        yield batch(quick_lab.urls(5))
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        list(crawl(broken()))
    with pytest.raises(TypeError, match="batches must hold RecordBatches, not dict"):
        list(crawl([{"url": quick_lab.url}]))
    with pytest.raises(ValueError, match="column url; they have uri"):
        list(crawl([pa.record_batch({"uri": [quick_lab.url]})]))
    with pytest.raises(ValueError, match="must be of strings, not int64"):
        list(crawl([pa.record_batch({"url": [1]})]))
    with pytest.raises(ValueError, match="columns named as those that are added: links, status"):
        list(crawl([batch([quick_lab.url], status=[1], links=[2])]))
    with pytest.raises(ValueError, match="must have one schema"):
        list(crawl([batch([quick_lab.url]), batch([quick_lab.url], depth=[2])]))


def test_a_worker_can_be_sent_it(quick_lab):
    sent = pickle.loads(pickle.dumps(partial(aio.crawl_batches, max_tasks=3)))
    assert len(rows(sent([batch(quick_lab.urls(4))]))) == 4


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_a_forked_child(crawl, quick_lab):
    pages = crawl([batch(quick_lab.urls(30))], rows=5)
    next(pages)
    child = os.fork()
    if not child:
        try:
            next(pages)
        except aio.ForkedProcessError:
            own = rows(crawl([batch(quick_lab.urls(3))]))
            os._exit(0 if len(own) == 3 else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(rows(pages)) == 25


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"batches": batch(["http://a.org"])}, TypeError, "not a single one: write \\[batch\\]"),
        ({"batches": pa.table({"url": ["http://a.org"]})}, TypeError, "write table.to_batches"),
        ({"batches": 7}, TypeError, "iterable of RecordBatches, not int"),
        ({"strategy": "threads"}, ValueError, "threads"),
        ({"language": "go"}, ValueError, "go"),
        ({"max_tasks": 0}, ValueError, "max_tasks"),
        ({"max_tasks_per_host": 0}, ValueError, "max_tasks_per_host"),
        ({"delay": -1}, ValueError, "delay"),
        ({"max_delay": float("inf")}, ValueError, "max_delay"),
        ({"max_tries": 0}, ValueError, "max_tries"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"deadline": 0}, ValueError, "deadline"),
        ({"content": 1}, TypeError, "content"),
        ({"rows": 0}, ValueError, "rows"),
        ({"bytes": 1 << 31}, ValueError, "bytes must be 1 to 1073741824"),
        ({"look_ahead": 0}, ValueError, "look_ahead"),
        ({"resolve": [("a.org", ("127.0.0.1", 80))]}, TypeError, "resolve must map"),
        ({"resolve": {"a.org": "127.0.0.1:80"}}, TypeError, "resolve must map"),
        ({"resolve": {"a.org": ("localhost", 80)}}, ValueError, "no IP address"),
        ({"resolve": {"a.org": ("127.0.0.1", 0)}}, ValueError, "port"),
        ({"resolve": {"a org": ("127.0.0.1", 80)}}, aio.InvalidURL, "a org"),
        ({"follow_redirects": True}, ValueError, "next_url"),
        ({"max_body_bytes": 1 << 31}, ValueError, "max_body_bytes"),
        ({"retries": 1}, TypeError, "retries"),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        aio.crawl_batches(**{"batches": [batch(["http://a.org"])], **arguments})


def test_hosts_take_turns():
    queues: HostQueues[int] = HostQueues(per_host=2, delay=0.0)
    for job in range(4):
        queues.add("a", job)
    queues.add("b", 10)
    assert [queues.take(1.0) for _ in range(4)] == [0, 10, 1, None]
    assert queues.next_turn() is None  # until one of a's ends
    queues.ended("a", 2.0)
    assert queues.next_turn() == 1.0
    queues.pause("a", 5.0)
    assert (queues.take(4.9), queues.next_turn()) == (None, 5.0)
    queues.add("b", 11, due=3.0)
    assert (queues.next_turn(), queues.take(2.9), queues.take(3.0)) == (3.0, None, 11)
    queues.add("b", 12, due=9.0)
    assert len(queues) == 3
    assert queues.drain("b") == [12]
    assert (queues.take(5.0), len(queues), queues.next_turn()) == (2, 1, None)
    queues.add("c", 20)
    assert (sorted(queues.drain()), queues.take(9.0)) == ([3, 20], None)


def test_a_delay_begins_at_the_end():
    queues: HostQueues[int] = HostQueues(per_host=2, delay=1.0)
    for job in range(3):
        queues.add("a", job)
    assert [queues.take(0.0), queues.take(5.0)] == [0, None]
    queues.ended("a", 6.0)
    assert (queues.take(6.9), queues.next_turn(), queues.take(7.0), queues.take(7.0)) == (None, 7.0, 1, None)


def test_idle_hosts_are_forgotten():
    queues: HostQueues[int] = HostQueues(per_host=1, delay=0.0)
    for number in range(20_000):
        queues.add(number, number)
        assert queues.take(float(number)) == number
        queues.ended(number, float(number))
    assert len(queues._hosts) < 3_000
