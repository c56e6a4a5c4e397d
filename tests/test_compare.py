"""Comparing: the schedule, the gate, the budget, and what is made of the times."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import islice

import aio_strategies as aio
import pytest
from aio_strategies.compare.plan import Arm, schedule
from aio_strategies.compare.tables import table

ARMS = [Arm(strategy.key, language) for strategy in aio.strategies() for language in strategy.languages]


@pytest.fixture(scope="module")
def comparison() -> aio.Comparison:
    """Every arm, three rounds."""
    return aio.compare(requests=6, concurrency=3, latency=0.005, rounds=3, seed=7, progress=False)


def test_every_arm_is_timed_in_every_round(comparison):
    assert [(arm.strategy, arm.language) for arm in comparison.arms] == [(arm.strategy, arm.language) for arm in ARMS]
    assert comparison.rounds == 3
    for arm in comparison.arms:
        assert len(arm.walls) == 3
        assert [run.round for run in arm.runs] == [1, 2, 3]
        alone = arm.strategy in ("blocking", "nonblocking")
        assert arm.peak_in_flight == (1 if alone else 3)
        assert arm.median_wall >= (6 if alone else 2) * 0.005
        assert arm.errors == 0
        assert arm.cpu_ms_per_request == pytest.approx(1000 * arm.median_cpu / 6)
    assert [run.index for run in comparison.runs] == list(range(48))


def test_the_reference_lines(comparison):
    assert comparison.ideal == pytest.approx(2 * 0.005)
    assert comparison.serial == pytest.approx(6 * 0.005)


def test_the_ratio_is_python_over_rust(comparison):
    walls = {(arm.strategy, arm.language): arm.median_wall for arm in comparison.arms}
    assert comparison.ratio("process") == walls["process", "python"] / walls["process", "rust"]
    with pytest.raises(ValueError, match="'nothing' was not timed in both languages"):
        comparison.ratio("nothing")


def test_rounds_run_every_arm_once_with_languages_adjacent():
    rounds = list(islice(schedule(ARMS, seed=3), 200))
    first = set()
    for order in rounds:
        assert sorted(map(str, order)) == sorted(map(str, ARMS))
        for left, right in zip(order[::2], order[1::2], strict=True):
            assert left.strategy == right.strategy
            assert left.language != right.language
        first.add(str(order[0]))
    assert first == {str(arm) for arm in ARMS}  # any arm may come first
    python_first = sum(order[0].language == "python" for order in rounds)
    assert 60 <= python_first <= 140  # a fair coin


def test_a_seed_repeats_the_schedule():
    def orders(seed: int) -> list[list[Arm]]:
        return list(islice(schedule(ARMS, seed), 5))

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


def test_the_schedule_is_that_of_the_recorded_seed():
    first = aio.compare(["thread", "callback"], requests=2, latency=0, rounds=3, progress=False)
    again = aio.compare(["thread", "callback"], requests=2, latency=0, rounds=3, seed=first.seed, progress=False)
    assert [(run.strategy, run.language) for run in first.runs] == [(run.strategy, run.language) for run in again.runs]


def test_arms_with_different_results_are_not_compared(monkeypatch):
    from aio_strategies import calling

    real = aio.rust.thread_way

    def wrong(urls, **settings):
        run = real(urls, **settings)
        run[1].content = b"x" * len(run[1].content)
        return run

    monkeypatch.setattr(calling.rust, "thread_way", wrong)
    with pytest.raises(aio.ComparisonError, match="rust/thread cannot be compared: content of") as caught:
        aio.compare(["thread"], requests=3, latency=0, rounds=3, progress=False)
    assert caught.value.arm == "rust/thread"
    assert caught.value.url.endswith("/1")


def test_a_failing_url_stops_a_comparison_before_the_timing(refusing):
    with pytest.raises(aio.ComparisonError, match="ConnectError: connecting failed") as caught:
        aio.compare(["blocking"], urls=[refusing], progress=False)
    assert isinstance(caught.value.__cause__, aio.ConnectError)


def test_own_urls(lab):
    comparison = aio.compare(["thread"], urls=lab.urls(3), rounds=3, progress=False)
    assert comparison.ideal is None
    assert {arm.peak_in_flight for arm in comparison.arms} == {None}
    assert "–" in str(comparison)


def test_the_budget_is_kept():
    start = time.monotonic()
    comparison = aio.compare(["blocking"], requests=10, latency=0.01, budget=2.5, progress=False)
    assert time.monotonic() - start < 5
    assert 3 <= comparison.rounds < 20


def test_progress_is_told_between_runs():
    seen = []
    aio.compare(["thread"], requests=2, latency=0, rounds=3, progress=lambda *state: seen.append(state))
    done = [state[0] for state in seen]
    assert done == sorted(done)
    assert seen[-1] == (8, 8, "done")
    assert {state[1] for state in seen} == {8}
    assert seen[0][2].endswith(", warm-up")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strategies": ["threads"]}, "'threads' is none of the strategies: blocking, process"),
        ({"languages": ["go"]}, "'go' is none of the languages: python, rust"),
        ({"strategies": []}, "strategies is empty"),
        ({"requests": 0}, "requests must be at least 1, not 0"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"latency": float("nan")}, "latency must be a number of seconds"),
        ({"budget": -1}, "budget must be a number of seconds"),
        ({"urls": []}, "urls is empty"),
    ],
)
def test_bad_arguments(settings, words):
    with pytest.raises(ValueError, match=words):
        aio.compare(**settings)


def test_json_has_the_raw_times_the_seed_and_the_environment(comparison):
    data = json.loads(comparison.to_json())
    assert data == comparison.to_dict()
    assert data["schema"] == 1
    assert data["seed"] == 7
    assert data["settings"]["requests"] == 6
    assert {"cpu", "cores", "kernel", "python", "package", "build_profile", "rustc"} <= data["environment"].keys()
    assert len(data["arms"]) == 16
    for arm, row in zip(comparison.arms, data["arms"], strict=True):
        assert [run["wall"] for run in row["runs"]] == arm.walls
    assert set(data["ratios"]) == {strategy.key for strategy in aio.strategies()}


def test_the_english_tables(comparison):
    text = str(comparison)
    assert text == repr(comparison)
    assert "blocking (2.2.1)" in text
    assert "ideal 10.0 ms · serial 30.0 ms" in text
    markdown = comparison.to_markdown()
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 16
    assert len({line.count("|") for line in rows}) == 1


def test_the_chinese_table(comparison):
    markdown = comparison.to_markdown(lang="zh")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if "|" in line]
    assert rows[0] == ["程序", "Python 耗时（单位：秒）", "Rust 耗时（单位：秒）", "讲义 2021（单位：秒）"]
    body = rows[2:]
    assert [row[0] for row in body] == [strategy.title_zh for strategy in aio.strategies()]
    assert [row[3] for row in body] == [
        "1.3751", "0.8139", "0.2436", "1.1245", "0.2548", "0.1850", "0.1895", "–",
    ]  # fmt: skip
    for row in body:
        assert float(row[1]) > 0
        assert float(row[2]) > 0
    with pytest.raises(ValueError, match="'en' or 'zh'"):
        table(comparison, "fr")


def test_the_notebook_table_survives_an_untrusted_notebook(comparison):
    shown = comparison._repr_html_()
    assert shown.count("<tr>") == 17
    for forbidden in ("<style", "<script", "class=", "<svg", "javascript"):
        assert forbidden not in shown


def test_acompare_lets_the_loop_go_on():
    async def main():
        turns = 0

        async def count():
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        counting = asyncio.create_task(count())
        comparison = await aio.acompare(["asyncio", "thread"], requests=3, latency=0.01, rounds=3, progress=False)
        counting.cancel()
        return comparison, turns

    comparison, turns = asyncio.run(main())
    assert comparison.rounds == 3
    assert turns > 10


def test_a_cancelled_acompare_ends_between_two_runs():
    async def main():
        task = asyncio.create_task(aio.acompare(["thread"], latency=0.05, rounds=1000, progress=False))
        await asyncio.sleep(0.3)
        task.cancel()
        start = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - start

    assert asyncio.run(main()) < 5


def test_compare_inside_a_running_loop():
    async def main():
        return aio.compare(["asyncio", "blocking"], requests=2, latency=0, rounds=3, progress=False)

    assert len(asyncio.run(main()).arms) == 4
