"""Timelines, and their exports: Chrome traces whose slices nest, and HTTP Archives by the specification's fields."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from aio_strategies.display.har import to_har
from aio_strategies.display.timeline import Exchange, Phase, Timeline, lanes, phases
from aio_strategies.display.trace import to_trace

BEGAN = datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=8)))
WHOLE = Exchange(
    "http://127.0.0.1:8000/a?b=1&c=", 0.0, 0.01, 0.06, 0.011, 0.012, 0.052, 0.053, 0.054, status=200, size=13
)
FAILED = Exchange("http://127.0.0.1:1/", 0.0, 0.06, 0.0625, error="[Errno 111] Connection refused")


def random_exchange(rng: random.Random, number: int) -> Exchange:
    """Any times that a batch may have, and some that it should not: a server's before the start or behind the end."""
    intended = rng.choice([0.0, rng.uniform(0, 0.5)])
    start = intended + rng.choice([0.0, rng.expovariate(10)])
    end = start + rng.choice([0.0, 4e-7, rng.expovariate(20)])
    times = sorted(rng.uniform(start - 0.01, end + 0.01) for _ in range(5))
    if rng.random() < 0.1:
        rng.shuffle(times)
    known = rng.choice([0, 1, 2, 3, 5, 5, 5])
    marks = [time if place < known and rng.random() < 0.95 else None for place, time in enumerate(times)]
    failed = rng.random() < 0.2
    return Exchange(
        f"http://127.0.0.1:8000/{number}/é?q={number}",
        intended,
        start,
        end,
        *marks,
        status=rng.choice([None, 200]) if failed else rng.choice([200, 404]),
        size=rng.choice([None, 0, 1500]),
        error="ReadTimeout: it took too long" if failed else None,
        secured=rng.choice([None, rng.uniform(start - 0.01, end)]),
    )


def random_timelines(seed: int) -> list[Timeline]:
    rng = random.Random(seed)
    return [
        Timeline(
            f"python/{name} <&>",
            tuple(random_exchange(rng, number) for number in range(rng.choice([0, 1, 2, 200]))),
            BEGAN + timedelta(seconds=rng.uniform(0, 10)),
        )
        for name in range(rng.randrange(1, 5))
    ]


def seeds(test: Callable[..., None]) -> Callable[[object], None]:
    """Try a test with thirty seeds, one after another; of the one that fails, the error's notes say which it was."""

    # not by functools.wraps: pytest would look for a fixture called seed
    def with_each(self: object) -> None:
        for seed in range(30):
            try:
                test(self, seed)
            except BaseException as error:
                error.add_note(f"with seed {seed}")
                raise

    with_each.__name__, with_each.__qualname__, with_each.__doc__ = test.__name__, test.__qualname__, test.__doc__
    return with_each


class TestTimeline:
    def test_it_needs_a_time_zone(self):
        with pytest.raises(ValueError, match=r"python/thread began at .*, which has no time zone"):
            Timeline("python/thread", (), datetime(2026, 3, 1))

    def test_phases(self):
        assert phases(WHOLE) == [
            Phase("connect", 0.01, 0.011),
            Phase("send", 0.011, 0.012),
            Phase("wait", 0.012, 0.052),
            Phase("receive", 0.052, 0.06),
        ]
        assert phases(FAILED) == []

    @pytest.mark.parametrize(
        ("times", "names"),
        [
            ({"accepted": 1.1}, ["connect", "send"]),
            ({"accepted": 1.1, "asked": 1.2}, ["connect", "send", "wait"]),
            ({"accepted": 1.1, "secured": 1.15, "asked": 1.2}, ["connect", "handshake", "send", "wait"]),
            ({"accepted": 1, "secured": 1.15, "asked": 1.2}, ["handshake", "send", "wait"]),
            ({"asked": 1.2}, ["send", "wait"]),
            # a connection that was there before
            ({"accepted": 0.5, "asked": 1.2, "first_byte": 1.3}, ["send", "wait", "receive"]),
            # the client had given up
            ({"accepted": 1.1, "asked": 1.2, "first_byte": 5.0}, ["connect", "send", "wait"]),
        ],
    )
    def test_phases_of_what_is_not_known_in_full(self, times, names):
        assert [phase.name for phase in phases(Exchange("http://h/", 0, 1, 2, **times))] == names

    @seeds
    def test_phases_have_no_gaps(self, seed):
        for timeline in random_timelines(seed):
            for exchange in timeline.exchanges:
                if parts := phases(exchange):
                    assert parts[0].start == exchange.start
                    assert parts[-1].end == exchange.end
                    assert all(part.start < part.end for part in parts)
                    assert all(left.end == right.start for left, right in pairwise(parts))

    def test_lanes_are_the_lowest_that_are_free(self):
        spans = [(0, 3), (0, 1), (1, 2), (1.5, 4), (3, 4), (2, 3)]
        assert lanes([Exchange("", 0, start, end) for start, end in spans]) == [0, 1, 1, 2, 0, 1]
        assert lanes([]) == []

    @seeds
    def test_lanes_do_not_overlap_and_are_no_more_than_needed(self, seed):
        for timeline in random_timelines(seed):
            numbers = lanes(timeline.exchanges)
            by_lane = defaultdict(list)
            for number, exchange in zip(numbers, timeline.exchanges, strict=True):
                by_lane[number].append((exchange.start, exchange.end))
            assert set(by_lane) == set(range(len(by_lane)))
            for spans in by_lane.values():
                assert all(left[1] <= right[0] for left, right in pairwise(sorted(spans)))
            changes = sorted(
                change for exchange in timeline.exchanges for change in ((exchange.start, 1), (exchange.end, -1))
            )
            now = most = 0
            for _, change in changes:
                now += change
                most = max(most, now)
            # an exchange that took no time may have a lane for itself
            assert len(by_lane) <= most + any(exchange.start == exchange.end for exchange in timeline.exchanges)


class TestTrace:
    def test_an_exchange(self):
        trace = to_trace([Timeline("python/thread", [WHOLE, FAILED], BEGAN)])
        assert trace["displayTimeUnit"] == "ms"
        slices = [event for event in trace["traceEvents"] if event["ph"] == "X"]
        assert [(event["name"], event["ts"], event["dur"]) for event in slices] == [
            ("/a?b=1&c=", 10_000, 50_000),
            ("connect", 10_000, 1_000),
            ("send", 11_000, 1_000),
            ("wait", 12_000, 40_000),
            ("receive", 52_000, 8_000),
            ("/", 60_000, 2_500),
        ]
        assert slices[0]["args"] == {
            "url": WHOLE.url,
            "intended_ms": 0.0,
            "queued_ms": 10.0,
            "service_time_ms": 50.0,
            "response_time_ms": 60.0,
            "server_last_byte_ms": 53.0,
            "server_closed_ms": 54.0,
            "status": 200,
            "body_bytes": 13,
        }
        assert slices[-1]["args"]["error"] == "[Errno 111] Connection refused"
        counters = {
            name: [(event["ts"], event["args"]["exchanges"]) for event in trace["traceEvents"] if event["name"] == name]
            for name in ("in_flight", "queued")
        }
        assert counters == {"in_flight": [(10_000, 1), (62_500, 0)], "queued": [(0, 2), (10_000, 1), (60_000, 0)]}

    @seeds
    def test_slices_of_a_thread_nest_and_do_not_overlap(self, seed):
        timelines = random_timelines(seed)
        trace = to_trace(timelines)
        assert json.loads(json.dumps(trace, allow_nan=False)) == trace
        threads = defaultdict(list)
        for event in trace["traceEvents"]:
            assert event["pid"] in range(1, len(timelines) + 1)
            if event["ph"] == "X":
                assert isinstance(event["ts"], int)
                assert isinstance(event["dur"], int)
                assert event["ts"] >= 0
                assert event["dur"] >= 0
                threads[event["pid"], event["tid"]].append(event)
        for events in threads.values():
            exchanges = [event for event in events if event["cat"] == "exchange"]
            for left, right in pairwise(exchanges):
                assert left["ts"] + left["dur"] <= right["ts"]
            # each exchange is followed by its phases
            parent, children_end = None, None
            for event in events:
                if event["cat"] == "exchange":
                    parent, children_end = event, event["ts"]
                else:
                    assert event["name"] in ("connect", "handshake", "send", "wait", "receive")
                    assert children_end <= event["ts"]
                    children_end = event["ts"] + event["dur"]
                    assert children_end <= parent["ts"] + parent["dur"]
        assert sum(len(timeline.exchanges) for timeline in timelines) == sum(
            event["cat"] == "exchange" for events in threads.values() for event in events
        )

    @seeds
    def test_processes_and_threads_have_names_and_numbers_of_their_own(self, seed):
        timelines = random_timelines(seed)
        events = to_trace(timelines)["traceEvents"]
        metadata = {
            (event["name"], event["pid"], event["tid"]): event["args"] for event in events if event["ph"] == "M"
        }
        for number, timeline in enumerate(timelines, 1):
            assert metadata["process_name", number, 0] == {"name": timeline.name}
            assert metadata["process_sort_index", number, 0] == {"sort_index": number}
        threads = {(event["pid"], event["tid"]) for event in events if event["ph"] == "X"}
        assert all(("thread_name", *thread) in metadata for thread in threads)
        tids = [tid for _, tid in threads]
        assert len(set(tids)) == len(tids)
        assert not set(tids) & set(range(len(timelines) + 1))

    @seeds
    def test_counters_count_and_return_to_0(self, seed):
        timelines = random_timelines(seed)
        events = to_trace(timelines)["traceEvents"]
        for number, timeline in enumerate(timelines, 1):
            for name in ("in_flight", "queued"):
                counted = [event for event in events if event["name"] == name and event["pid"] == number]
                values = [event["args"]["exchanges"] for event in counted]
                assert all(left["ts"] < right["ts"] for left, right in pairwise(counted))
                assert all(0 <= value <= len(timeline.exchanges) for value in values)
                assert not values or values[-1] == 0
            most = max((event["args"]["exchanges"] for event in events if event["name"] == "in_flight"), default=0)
            assert most <= max(len(set(lanes(timeline.exchanges))) for timeline in timelines)

    def test_no_exchange(self):
        assert to_trace([]) == {"traceEvents": [], "displayTimeUnit": "ms"}
        assert {event["ph"] for event in to_trace([Timeline("a", (), BEGAN)])["traceEvents"]} == {"M"}


# The fields of HTTP Archive 1.2: what type each has, and whether it may be missing.
# http://www.softwareishard.com/blog/har-12-spec
NUMBER, COUNT, DATE = "number", "count or -1", "date"
NAME_AND_VALUE = {"name": str, "value": str, "comment?": str}
COOKIE = {**NAME_AND_VALUE, "path?": str, "domain?": str, "expires?": DATE, "httpOnly?": bool, "secure?": bool}
TIMED = {"blocked?": NUMBER, "dns?": NUMBER, "connect?": NUMBER, "ssl?": NUMBER}
PRODUCT = {"name": str, "version": str, "comment?": str}
MESSAGE = {
    "httpVersion": str,
    "cookies": [COOKIE],
    "headers": [NAME_AND_VALUE],
    "headersSize": COUNT,
    "bodySize": COUNT,
    "comment?": str,
}
ENTRY = {
    "pageref?": str,
    "startedDateTime": DATE,
    "time": NUMBER,
    "request": {**MESSAGE, "method": str, "url": str, "queryString": [NAME_AND_VALUE]},
    "response": {
        **MESSAGE,
        "status": COUNT,
        "statusText": str,
        "content": {"size": COUNT, "mimeType": str, "compression?": COUNT, "text?": str, "encoding?": str},
        "redirectURL": str,
    },
    "cache": {},
    "timings": {**TIMED, "send": NUMBER, "wait": NUMBER, "receive": NUMBER, "comment?": str},
    "serverIPAddress?": str,
    "connection?": str,
    "comment?": str,
}
PAGE = {
    "startedDateTime": DATE,
    "id": str,
    "title": str,
    "pageTimings": {"onContentLoad?": NUMBER, "onLoad?": NUMBER, "comment?": str},
    "comment?": str,
}
ARCHIVE = {
    "log": {
        "version": str,
        "creator": PRODUCT,
        "browser?": PRODUCT,
        "pages?": [PAGE],
        "entries": [ENTRY],
        "comment?": str,
    }
}
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def check(value, form, where="archive"):
    """Hold a value against its form; a field of our own begins with an underscore."""
    if isinstance(form, dict):
        assert isinstance(value, dict), where
        required = {name for name in form if not name.endswith("?")}
        assert required <= value.keys(), where
        for name, inner in value.items():
            if not name.startswith("_"):
                assert name in form or f"{name}?" in form, f"{where}.{name}"
                check(inner, form.get(name, form.get(f"{name}?")), f"{where}.{name}")
    elif isinstance(form, list):
        assert isinstance(value, list), where
        for number, inner in enumerate(value):
            check(inner, form[0], f"{where}[{number}]")
    elif form == DATE:
        assert ISO_8601.fullmatch(value), f"{where}: {value}"
        datetime.fromisoformat(value)
    elif form in (NUMBER, COUNT):
        assert type(value) in ((int, float) if form == NUMBER else (int,)), f"{where}: {value!r}"
        assert value >= 0 or value == -1, f"{where}: {value}"
    else:
        assert type(value) is form, f"{where}: {value!r}"


class TestHar:
    def test_entries(self):
        archive = to_har([Timeline("python/thread", [WHOLE, FAILED], BEGAN)], creator_version="1.0")
        check(archive, ARCHIVE)
        log = archive["log"]
        assert log["creator"] == {"name": "aio_strategies", "version": "1.0"}
        assert log["pages"] == [
            {
                "startedDateTime": "2026-03-01T12:30:00.000000+08:00",
                "id": "page_1",
                "title": "python/thread",
                "pageTimings": {"onContentLoad": -1, "onLoad": 62.5},
            }
        ]
        whole, failed = log["entries"]
        timings = {"blocked": 10.0, "dns": -1, "connect": 1.0, "ssl": -1, "send": 1.0, "wait": 40.0, "receive": 8.0}
        assert whole["timings"] == timings
        assert whole["time"] == 60.0
        assert whole["request"]["queryString"] == [{"name": "b", "value": "1"}, {"name": "c", "value": ""}]
        assert whole["response"]["status"] == 200
        assert whole["response"]["bodySize"] == whole["response"]["content"]["size"] == 13
        assert "_error" not in whole["response"]
        assert failed["response"]["status"] == 0
        assert failed["response"]["_error"] == "[Errno 111] Connection refused"
        timings = {"blocked": 60.0, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": 2.5, "receive": 0}
        assert failed["timings"] == timings
        assert failed["time"] == 62.5

    @seeds
    def test_by_the_specification(self, seed):
        timelines = random_timelines(seed)
        archive = to_har(timelines, creator_version="1.0")
        check(archive, ARCHIVE)
        assert json.loads(json.dumps(archive, allow_nan=False)) == archive
        log = archive["log"]
        assert log["version"] == "1.2"
        pages = [page["id"] for page in log["pages"]]
        assert len(set(pages)) == len(timelines)
        starts = [datetime.fromisoformat(entry["startedDateTime"]) for entry in log["entries"]]
        assert starts == sorted(starts)
        for page, timeline in zip(pages, timelines, strict=True):
            entries = [entry for entry in log["entries"] if entry["pageref"] == page]
            assert sorted(entry["request"]["url"] for entry in entries) == sorted(
                exchange.url for exchange in timeline.exchanges
            )
            by_url = {exchange.url: exchange for exchange in timeline.exchanges}
            for entry in entries:
                exchange = by_url[entry["request"]["url"]]
                timings = entry["timings"]
                assert timings["dns"] == -1
                assert timings["ssl"] <= timings["connect"]  # the handshake is part of it
                assert min(timings[name] for name in ("blocked", "send", "wait", "receive")) >= 0
                applicable = [time for name, time in timings.items() if time != -1 and name != "ssl"]
                assert entry["time"] == pytest.approx(sum(applicable), abs=1e-6)
                # nothing between the intended start and the end is missing, but for rounding to µs
                assert entry["time"] == pytest.approx(1000 * (exchange.end - exchange.intended), abs=0.003)
                assert (entry["response"]["status"] == 0) == (exchange.error is not None)
                assert entry["response"].get("_error") == exchange.error

    def test_no_timeline(self):
        archive = to_har([], creator_version="1.0")
        check(archive, ARCHIVE)
        assert archive["log"]["entries"] == []
