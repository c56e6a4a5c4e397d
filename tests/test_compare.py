"""Comparing: the schedule, the gate, the budget, and the result's numbers, tables and exports."""

import asyncio
import importlib
import json
import pickle
import platform
import re
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from itertools import islice, pairwise

import aio_strategies as aio
import pytest
from aio_strategies.compare.comparison import Comparison, TimedRun
from aio_strategies.compare.environment import describe
from aio_strategies.compare.plan import Arm, Settings, make_plan, schedule
from aio_strategies.exceptions import ComparisonError, ConnectError, Error
from aio_strategies.results import CPUTime, Response, Run
from aio_strategies.strategies import STRATEGIES

measuring = importlib.import_module("aio_strategies.compare.measure")

FAST = {"requests": 4, "concurrency": 2, "latency": 0.002, "rounds": 3, "progress": False}
ARMS = [Arm(strategy, language) for strategy in STRATEGIES for language in ("python", "rust")]


@pytest.fixture(scope="module")
def measured():
    """A comparison of four real arms."""
    return aio.compare(["blocking", "thread"], seed=7, **FAST)


def made(walls, *, latency=0.02, requests=10, concurrency=10, errors=0, peak=10, left_out=()):
    """Make a comparison from wall times, ``{(strategy, language): [seconds, ...]}``, as if it had been measured."""
    settings = Settings(
        strategies=tuple(dict.fromkeys(strategy for strategy, _ in walls)),
        languages=tuple(dict.fromkeys(language for _, language in walls)),
        urls=None if latency is not None else ("http://example.org/",) * requests,
        requests=requests,
        concurrency=concurrency,
        latency=latency,
        timeout=30.0,
        rounds=None,
        budget=30.0,
    )
    runs = [
        TimedRun(number, 0, strategy, language, wall, 0.003, 0.001, errors, peak if latency is not None else None)
        for (strategy, language), times in walls.items()
        for number, wall in enumerate(times, 1)
    ]
    return Comparison(settings, 1, describe(), tuple(runs), dict(left_out))


def plan_of(strategies=None, languages=("python", "rust"), **changes):
    arguments = {
        "urls": None,
        "requests": 10,
        "concurrency": 10,
        "latency": 0.02,
        "timeout": 30.0,
        "rounds": None,
        "budget": 30.0,
        "seed": None,
    }
    return make_plan(strategies, languages, **(arguments | changes))


class StandIn:
    """Takes the place of ``run``: answers at once, and notes which arms it ran."""

    def __init__(self, seconds=0.0, respond=None):
        self.ran = []
        self.seconds = seconds
        self.respond = respond or (lambda arm, url: Response(url, status_code=200, content=b"same"))

    def __call__(self, strategy, urls, *, language, concurrency, timeout):
        arm = f"{language}/{strategy}"
        self.ran.append(arm)
        time.sleep(self.seconds)
        responses = [self.respond(arm, url) for url in urls]
        return Run(responses, strategy=strategy, language=language, wall=0.001, cpu=CPUTime(0.001, 0.0))


@pytest.fixture
def stand_in(monkeypatch):
    def put(**arguments):
        runner = StandIn(**arguments)
        monkeypatch.setattr(measuring, "run", runner)
        return runner

    return put


URLS = ["http://example.org/a", "http://example.org/b"]


class TestSchedule:
    def test_every_round_has_every_arm_once(self):
        for order in islice(schedule(ARMS, 1), 20):
            assert len(order) == len(ARMS)
            assert set(order) == set(ARMS)

    def test_languages_of_a_strategy_are_neighbours(self):
        for order in islice(schedule(ARMS, 1), 20):
            for first, second in zip(order[::2], order[1::2], strict=True):
                assert first.strategy == second.strategy

    def test_the_first_language_is_a_coin_flip_of_each_pair_and_round(self):
        firsts = [arm.language for order in islice(schedule(ARMS, 1), 200) for arm in order[::2]]
        assert 0.45 < firsts.count("rust") / len(firsts) < 0.55
        # An alternation would change every time, a fixed order never.
        changes = sum(a != b for a, b in pairwise(firsts))
        assert 0.45 < changes / len(firsts) < 0.55

    def test_strategies_are_shuffled_anew_in_each_round(self):
        rounds = list(islice(schedule(ARMS, 1), 50))
        assert len({tuple(arm.strategy for arm in order) for order in rounds}) > 40
        leaders = {order[0].strategy for order in islice(schedule(ARMS, 1), 200)}
        assert leaders == set(STRATEGIES)

    def test_a_seed_repeats_it_and_another_does_not(self):
        def first_rounds(seed):
            return list(islice(schedule(ARMS, seed), 5))

        assert first_rounds(3) == first_rounds(3)
        assert first_rounds(3) != first_rounds(4)

    def test_it_is_what_runs(self, stand_in):
        runner = stand_in()
        comparison = aio.compare(["blocking", "thread"], urls=URLS, rounds=3, seed=5, progress=False)
        arms = [Arm(s, lang) for s in ("blocking", "thread") for lang in ("python", "rust")]
        expected = [str(arm) for order in islice(schedule(arms, 5), 3) for arm in order]
        assert runner.ran == [str(arm) for arm in arms] + expected
        assert [f"{run.language}/{run.strategy}" for run in comparison.runs] == expected
        assert [run.index for run in comparison.runs] == list(range(12))
        assert [run.round for run in comparison.runs] == [1] * 4 + [2] * 4 + [3] * 4


class TestArguments:
    def test_default_is_every_available_arm_in_the_order_of_the_lecture(self):
        plan = plan_of()
        available = [arm for arm in ARMS if arm.language not in STRATEGIES[arm.strategy].unavailable]
        assert list(plan.arms) == available
        assert set(plan.left_out) == {str(arm) for arm in ARMS} - {str(arm) for arm in available}

    def test_a_seed_is_drawn_and_kept(self):
        assert plan_of().seed != plan_of().seed
        assert plan_of(seed=12).seed == 12

    def test_names_may_be_one_string_and_are_taken_once(self):
        assert plan_of("thread", "rust").arms == (Arm("thread", "rust"),)
        assert plan_of(["thread", "thread"], ["rust"]).arms == (Arm("thread", "rust"),)

    def test_urls_set_the_number_of_requests_and_leave_no_latency(self):
        settings = plan_of(urls=URLS).settings
        assert (settings.urls, settings.requests, settings.latency) == (tuple(URLS), 2, None)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"strategies": ["threads"]}, "'threads' is none of the strategies: blocking, "),
            ({"strategies": []}, "strategies is empty"),
            ({"languages": ["go"]}, "'go' is none of the languages: python, rust"),
            ({"urls": "http://example.org/"}, "one string"),
            ({"urls": []}, "urls is empty"),
            ({"requests": 0}, "requests must be at least 1, not 0"),
            ({"concurrency": -1}, "concurrency must be at least 1, not -1"),
            ({"rounds": 0}, "rounds must be at least 1, not 0"),
            ({"latency": -0.1}, "latency must be a number of seconds, not -0.1"),
            ({"timeout": float("nan")}, "timeout must be a number of seconds, not nan"),
            ({"budget": -1}, "budget must be a number of seconds, not -1"),
        ],
    )
    def test_wrong_ones_are_refused_before_anything_runs(self, changes, message, stand_in):
        runner = stand_in()
        with pytest.raises(ValueError, match=re.escape(message)):
            aio.compare(**changes)
        assert runner.ran == []

    def test_an_arm_that_is_not_available_is_left_out_with_the_reason(self, monkeypatch, stand_in):
        runner = stand_in()
        lacking = STRATEGIES["thread"]._replace(unavailable={"rust": "there are no threads on the moon"})
        planning = importlib.import_module("aio_strategies.compare.plan")
        monkeypatch.setattr(planning, "STRATEGIES", dict(STRATEGIES) | {"thread": lacking})
        comparison = aio.compare(["thread"], urls=URLS, rounds=1, progress=False)
        assert set(runner.ran) == {"python/thread"}
        assert comparison.left_out == {"rust/thread": "there are no threads on the moon"}
        assert "not available here: rust/thread, there are no threads on the moon" in str(comparison)
        with pytest.raises(ComparisonError, match=r"^rust/thread cannot be compared: not available here,"):
            aio.compare(["thread"], ["rust"], urls=URLS, progress=False)


class TestGate:
    @pytest.mark.parametrize(
        ("odd", "difference"),
        [
            ({"status_code": 404, "content": b"same"}, "status 404, but 200 for python/blocking"),
            ({"status_code": 200, "content": b"longer"}, "6 bytes of content, but 4 for python/blocking"),
            (
                {"status_code": 200, "content": b"soap"},
                "content of 4 bytes that is not the same as for python/blocking",
            ),
        ],
    )
    def test_an_arm_that_gets_something_else_is_caught(self, stand_in, odd, difference):
        def respond(arm, url):
            if arm == "rust/thread" and url == URLS[1]:
                return Response(url, **odd)
            return Response(url, status_code=200, content=b"same")

        runner = stand_in(respond=respond)
        with pytest.raises(ComparisonError) as caught:
            aio.compare(["blocking", "thread"], urls=URLS, progress=False)
        error = caught.value
        assert (error.arm, error.url, error.difference) == ("rust/thread", URLS[1], difference)
        assert str(error) == f"rust/thread cannot be compared: {difference} ({URLS[1]})"
        assert len(runner.ran) == 4  # none was timed

    def test_an_arm_that_fails_is_caught(self, stand_in):
        failure = ConnectError("refused", url=URLS[0])

        def respond(arm, url):
            error = failure if arm == "rust/blocking" and url == URLS[0] else None
            return Response(url, status_code=None if error else 200, content=b"", error=error)

        stand_in(respond=respond)
        with pytest.raises(
            ComparisonError, match=r"^rust/blocking cannot be compared: ConnectError: refused"
        ) as caught:
            aio.compare(["blocking"], urls=URLS, progress=False)
        assert caught.value.__cause__ is failure

    def test_the_error_is_one_of_the_package_and_can_be_pickled(self):
        error = pickle.loads(pickle.dumps(ComparisonError("rust/thread", "http://h/", "wrong")))
        assert isinstance(error, Error)
        assert (error.arm, error.url, error.difference) == ("rust/thread", "http://h/", "wrong")

    def test_an_error_after_the_gate_is_counted(self, stand_in):
        def respond(arm, url):
            if arm == "rust/thread" and len(runner.ran) > 2 and url == URLS[0]:
                return Response(url, error=ConnectError("refused", url=url))
            return Response(url, status_code=200)

        runner = stand_in(respond=respond)
        comparison = aio.compare(["thread"], urls=URLS, rounds=3, progress=False)
        assert {arm.language: arm.errors for arm in comparison.arms} == {"python": 0, "rust": 3}
        assert "errors" in str(comparison).splitlines()[0]
        assert "出错：rust/thread 3 次" in comparison.to_markdown("zh")


class TestBudget:
    def test_a_spent_one_still_gives_three_rounds(self, stand_in):
        stand_in()
        assert aio.compare(["thread"], urls=URLS, budget=0, progress=False).rounds == 3

    def test_an_ample_one_gives_twenty(self, stand_in):
        stand_in()
        assert aio.compare(["thread"], urls=URLS, budget=float("inf"), progress=False).rounds == 20

    def test_as_many_rounds_as_fit(self, stand_in):
        stand_in(seconds=0.02)  # a round of two arms takes 0.04 s, and so does the gate
        started = time.monotonic()
        rounds = aio.compare(["thread"], urls=URLS, budget=0.4, progress=False).rounds
        assert 4 <= rounds <= 9
        assert time.monotonic() - started < 0.6

    def test_explicit_rounds_are_kept_whatever_the_budget(self, stand_in):
        stand_in()
        assert aio.compare(["thread"], urls=URLS, rounds=25, budget=0, progress=False).rounds == 25
        assert aio.compare(["thread"], urls=URLS, rounds=1, budget=100, progress=False).rounds == 1


class TestProgress:
    def test_it_is_told_before_every_run_and_at_the_end(self, stand_in):
        runner = stand_in()
        told = []
        aio.compare(["thread"], urls=URLS, rounds=2, progress=lambda *state: told.append((*state, len(runner.ran))))
        assert [(done, total, ran) for done, total, _, ran in told] == [(n, 6, n) for n in range(7)]
        labels = [label for _, _, label, _ in told]
        assert labels[:2] == ["python/thread, warm-up", "rust/thread, warm-up"]
        assert {labels[2], labels[3]} == {"python/thread, round 1", "rust/thread, round 1"}
        assert labels[-1] == "done"

    def test_an_interrupt_passes_through(self, stand_in):
        def respond(arm, url):
            raise KeyboardInterrupt

        stand_in(respond=respond)
        with pytest.raises(KeyboardInterrupt):
            aio.compare(["thread"], urls=URLS, progress=False)


class TestMeasured:
    def test_each_arm_has_a_time_for_each_round(self, measured):
        assert [(arm.strategy, arm.language) for arm in measured.arms] == [
            ("blocking", "python"),
            ("blocking", "rust"),
            ("thread", "python"),
            ("thread", "rust"),
        ]
        for arm in measured.arms:
            assert len(arm.walls) == len(arm.cpu_user) == len(arm.cpu_system) == 3
            assert all(wall > 0 for wall in arm.walls)
            assert arm.errors == 0

    def test_the_lab_saw_how_many_were_in_flight(self, measured):
        peaks = {(arm.strategy, arm.language): arm.peak_in_flight for arm in measured.arms}
        assert peaks["blocking", "python"] == peaks["blocking", "rust"] == 1
        # Two workers at most; that both were seen at once is likely, but not certain on a busy machine.
        assert {peaks["thread", "python"], peaks["thread", "rust"]} <= {1, 2}

    def test_no_run_beats_the_reference_lines(self, measured):
        assert (measured.ideal, measured.serial) == pytest.approx((0.004, 0.008))
        for arm in measured.arms:
            assert min(arm.walls) >= (measured.serial if arm.strategy == "blocking" else measured.ideal)

    def test_urls_of_one_s_own(self):
        with aio.LabServer(latency=0.001) as lab:
            comparison = aio.compare(["blocking"], urls=lab.urls(3), latency=5.0, rounds=1, progress=False)
            assert lab.stats().served == 3 * 2 * 2  # by two arms, in the gate and in the round
        assert (comparison.ideal, comparison.serial, comparison.settings.latency) == (None, None, None)
        assert [arm.peak_in_flight for arm in comparison.arms] == [None, None]
        assert str(comparison).splitlines()[2].split()[-2:] == ["–", f"{comparison.ratio('blocking'):.1f}×"]
        assert "ideal" not in str(comparison)


class TestSummary:
    comparison = made({("thread", "python"): [0.03, 0.05, 0.02], ("thread", "rust"): [0.01, 0.02, 0.01]})

    def test_medians_of_all_rounds(self):
        python, rust = self.comparison.arms
        assert (python.median_wall, rust.median_wall) == (0.03, 0.01)
        assert python.walls == [0.03, 0.05, 0.02]
        assert python.median_cpu == pytest.approx(0.004)
        assert python.cpu_ms_per_request == pytest.approx(0.4)

    def test_ratio_is_python_over_rust(self):
        assert self.comparison.ratio("thread") == pytest.approx(3.0)
        with pytest.raises(ValueError, match="'blocking' was not timed in both languages"):
            self.comparison.ratio("blocking")

    def test_ideal_counts_whole_batches(self):
        comparison = made({("thread", "rust"): [0.1]}, requests=11, concurrency=5, latency=0.02)
        assert comparison.ideal == pytest.approx(0.06)
        assert comparison.serial == pytest.approx(0.22)


class TestTables:
    comparison = made(
        {
            ("asyncio", "python"): [0.0312],
            ("asyncio", "rust"): [0.0208],
            ("blocking", "python"): [0.2461],
            ("blocking", "rust"): [0.2051],
        }
    )

    def test_english_text(self):
        lines = str(self.comparison).splitlines()
        assert repr(self.comparison) == str(self.comparison)
        assert re.split(r"  +", lines[0]) == [
            "strategy (section)",
            "language",
            "wall, median ms",
            "CPU, median ms",
            "peak in flight",
            "python / rust",
        ]
        assert lines[2].split() == ["asyncio", "(2.3.4)", "python", "31.2", "4.0", "10", "1.5×"]
        assert lines[3].split() == ["rust", "20.8", "4.0", "10"]
        assert lines[-2] == "10 requests, 10 at a time, latency 20.0 ms, 1 round, seed 1"
        assert lines[-1] == "ideal 20.0 ms · serial 200.0 ms"

    def test_chinese_markdown_has_the_lecture_s_rows_columns_and_figures(self):
        lines = self.comparison.to_markdown("zh").splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:4]]
        assert cells[0] == ["程序", "Python 耗时（单位：秒）", "Rust 耗时（单位：秒）", "讲义 2021（单位：秒）"]
        # in the lecture's order, whatever the order that was asked for
        assert cells[2] == ["同步阻塞", "0.2461", "0.2051", "1.3751"]
        assert cells[3] == ["asyncio", "0.0312", "0.0208", "–"]
        assert lines[-1] == "理想 0.0200 秒 · 串行 0.2000 秒"

    def test_chinese_names_are_the_lecture_s(self):
        comparison = made({(strategy, "rust"): [0.1] for strategy in STRATEGIES})
        lines = comparison.to_markdown("zh").splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:10]]
        assert [row[0] for row in rows] == [
            "同步阻塞",
            "多进程",
            "多线程",
            "非阻塞",
            "回调 + 事件循环",
            "生成器协程",
            "yield from",
            "asyncio",
        ]
        lecture = ["1.3751", "0.8139", "0.2436", "1.1245", "0.2548", "0.1850", "0.1895", "–"]
        assert [row[-1] for row in rows] == lecture
        assert "Python" not in lines[0]

    def test_unknown_language_of_the_table(self):
        with pytest.raises(ValueError, match="lang must be 'en' or 'zh', not 'de'"):
            self.comparison.to_markdown("de")

    def test_html_survives_an_untrusted_notebook(self):
        seen = []

        class Reader(HTMLParser):
            def handle_starttag(self, tag, attributes):
                seen.append((tag, {name for name, _ in attributes}))

        comparison = replace(self.comparison, left_out={"rust/uring": "<script>alert(1)</script>"})
        Reader().feed(comparison._repr_html_())
        assert {tag for tag, _ in seen} == {"table", "thead", "tbody", "tr", "th", "td", "div"}
        assert set().union(*(attributes for _, attributes in seen)) == {"style"}
        assert "&lt;script&gt;" in comparison._repr_html_()

    def test_html_has_a_bar_in_proportion_to_the_wall_time(self):
        lengths = re.findall(r"width: ([0-9.]+)%", self.comparison._repr_html_())
        assert [float(length) for length in lengths] == pytest.approx([12.7, 8.5, 100.0, 83.3], abs=0.06)


class TestExport:
    def test_json_has_everything(self, measured):
        document = json.loads(measured.to_json())
        assert document == measured.to_dict()
        assert document["schema"] == 1
        assert document["seed"] == 7
        assert document["rounds"] == 3
        assert document["settings"] == {
            "strategies": ["blocking", "thread"],
            "languages": ["python", "rust"],
            "urls": None,
            "requests": 4,
            "concurrency": 2,
            "latency": 0.002,
            "timeout": 30.0,
            "rounds": 3,
            "budget": 30.0,
        }
        assert document["ratios"].keys() == {"blocking", "thread"}
        for row, arm in zip(document["arms"], measured.arms, strict=True):
            assert (row["strategy"], row["language"]) == (arm.strategy, arm.language)
            assert [run["wall"] for run in row["runs"]] == arm.walls
            assert [run["cpu_user"] for run in row["runs"]] == arm.cpu_user
        indices = sorted(run["index"] for row in document["arms"] for run in row["runs"])
        assert indices == list(range(12))

    def test_environment_tells_the_machine_and_the_builds_but_no_host(self):
        environment = describe()
        assert environment["cores"] >= environment["usable_cores"] >= 1
        assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
        assert environment["build_profile"] in ("debug", "release")
        assert environment["cpu"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", environment["date"])
        assert platform.node() not in environment.values()
        assert sys.prefix not in json.dumps(environment)

    def test_a_comparison_can_be_pickled(self, measured):
        assert pickle.loads(pickle.dumps(measured)).to_json() == measured.to_json()


class TestAwaitable:
    def test_it_leaves_the_event_loop_to_other_tasks(self, stand_in):
        stand_in(seconds=0.02)

        async def main():
            ticks = 0

            async def tick():
                nonlocal ticks
                while True:
                    await asyncio.sleep(0.005)
                    ticks += 1

            ticking = asyncio.create_task(tick())
            comparison = await aio.acompare(["thread"], urls=URLS, rounds=3, seed=2, progress=False)
            ticking.cancel()
            return comparison, ticks

        comparison, ticks = asyncio.run(main())
        assert comparison.rounds == 3
        assert comparison.seed == 2
        assert ticks > 5

    def test_cancelling_ends_it_between_runs(self, stand_in):
        runner = stand_in(seconds=0.05)

        async def main():
            comparing = asyncio.create_task(aio.acompare(["thread"], urls=URLS, rounds=1000, progress=False))
            await asyncio.sleep(0.12)
            comparing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await comparing
            ran = len(runner.ran)
            await asyncio.sleep(0.12)
            return ran

        assert asyncio.run(main()) == len(runner.ran) < 10

    def test_its_errors_are_those_of_compare(self, stand_in):
        stand_in(respond=lambda arm, url: Response(url, status_code=200, content=arm.encode()))
        with pytest.raises(ComparisonError):
            asyncio.run(aio.acompare(["thread"], urls=URLS, progress=False))
        with pytest.raises(ValueError, match="rounds must be"):
            asyncio.run(aio.acompare(rounds=0))

    def test_compare_works_inside_a_running_loop(self):
        async def main():
            return aio.compare(["asyncio"], **FAST)

        assert len(asyncio.run(main()).arms) == 2


@pytest.mark.parametrize(
    "first",
    ["import aio_strategies.compare.plan", "from aio_strategies.compare import measure", "import aio_strategies.cli"],
)
def test_compare_is_the_function_whatever_was_imported_first(first):
    code = f"{first}; import aio_strategies as aio; assert callable(aio.compare), aio.compare"
    subprocess.run([sys.executable, "-c", code], check=True)
