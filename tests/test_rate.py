"""The open model: with ``rate``, no exchange begins before its intended start; and when each began."""

from __future__ import annotations

import asyncio
import time
from itertools import accumulate, pairwise

import aio_strategies as aio
import pytest

#: Seconds by which sums of times may be off: they are floating-point numbers.
ROUNDING = 1e-9


def test_no_request_comes_before_its_time(way, lab):
    run = way(lab.urls(10), concurrency=4, rate=50).raise_for_errors()
    paths = ["/"] + [f"/{number}" for number in range(1, 10)]
    assert [r.text.splitlines()[0] for r in run] == paths
    record = {exchange.path: exchange for exchange in lab.log()}
    for number, (path, response) in enumerate(zip(paths, run, strict=True)):
        intended = number / 50
        assert response.start >= intended - ROUNDING
        assert run.began + response.start <= record[path].accepted <= record[path].request
        assert response.end <= run.wall + ROUNDING


def test_one_that_is_due_waits_until_one_is_finished(way, lab):
    """The lab takes 20 ms for each, and they arrive every millisecond."""
    run = way(lab.urls(5), concurrency=1, rate=1000).raise_for_errors()
    for before, after in pairwise(run):
        assert after.start >= before.end - ROUNDING
    assert lab.stats().peak_in_flight == 1


@pytest.mark.slow
def test_as_many_are_under_way_as_may_be(way):
    with aio.LabServer(latency=0.02 if way.alone else 0.3) as lab:
        way(lab.urls(6), concurrency=3, rate=1000).raise_for_errors()
        assert lab.stats().peak_in_flight == (1 if way.alone else 3)


@pytest.mark.slow
def test_those_under_way_go_on_while_the_next_waits(way, lab):
    """And the time of an exchange runs from its start: the last one's is over before it is due."""
    run = way(lab.urls(3), concurrency=2, timeout=0.6, rate=2.5).raise_for_errors()
    assert run[2].start >= 0.8 - ROUNDING
    for before, after in pairwise(run):
        assert before.end < after.start


def test_one_begins_when_another_has_ended(way):
    """However soon after: no rounding makes it look as if there were more in flight than may be."""
    with aio.LabServer(latency=0) as lab:
        run = way(lab.urls(300), concurrency=3).raise_for_errors()
    changes = sorted([(response.end, -1) for response in run] + [(response.start, 1) for response in run])
    assert max(accumulate(change for _, change in changes)) <= (1 if way.alone else 3)


def test_failed_exchanges_have_their_start(way, lab, refusing):
    run = way([lab.url, refusing, refusing, lab.url], concurrency=2, rate=25)
    assert [r.status_code for r in run] == [200, None, None, 200]
    assert {type(error) for error in run.errors} == {aio.ConnectError}
    for number, response in enumerate(run):
        assert response.start >= number / 25 - ROUNDING
        assert response.end <= run.wall + ROUNDING


@pytest.mark.slow
def test_many_that_fail_at_once(way, refusing):
    run = way([refusing] * 2000, rate=1e9)
    assert {type(error) for error in run.errors} == {aio.ConnectError}
    assert len(run.errors) == 2000


def test_a_url_without_address_keeps_its_place(way, lab):
    run = way(["http://no-such-host.invalid/", *lab.urls(2)], timeout=5, rate=20)
    assert run[0].start == 0
    assert run[1].start >= 1 / 20 - ROUNDING
    assert run[2].start >= 2 / 20 - ROUNDING


@pytest.mark.slow
def test_without_rate_nobody_waits_but_for_a_place(way):
    with aio.LabServer(latency=0.02 if way.alone else 0.3) as lab:
        before = time.monotonic()
        run = way(lab.urls(4), concurrency=4).raise_for_errors()
    assert before <= run.began <= time.monotonic() - run.wall
    assert run[0].start >= 0
    for earlier, later in pairwise(run):
        if way.alone:
            assert later.start >= earlier.end - ROUNDING
        else:
            assert later.start < earlier.end
    assert all(response.end <= run.wall + ROUNDING for response in run)


@pytest.mark.parametrize("language", ["python", "rust"])
def test_cancelling_asyncio_while_it_waits(language, lab):
    async def main() -> float:
        way = getattr(aio, language).asyncio_way
        task = asyncio.create_task(way(lab.urls(3), concurrency=2, rate=1e-6))
        while lab.stats().served < 1:
            await asyncio.sleep(0.01)
        cancelled = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - cancelled

    assert asyncio.run(main()) < 5


def test_arun(way, lab):
    run = asyncio.run(aio.arun(way.key, lab.urls(2), language=way.language, rate=10)).raise_for_errors()
    assert run[1].start >= 0.1 - ROUNDING
