"""Comparing: the schedule, the arguments, the gate, the rounds, the budget, and how it ends."""

import asyncio
import importlib
import itertools
import math
import os
import pickle
import platform
import random
import re
import signal
import subprocess
import sys
import threading
import time
from itertools import islice, pairwise

import aio_strategies as aio
import psutil
import pytest
from aio_strategies.catalogue import STRATEGIES, TWINS
from aio_strategies.comparison.arm_times import fitted
from aio_strategies.comparison.settings import Arm
from aio_strategies.comparison.typical_runs import exchange_at
from aio_strategies.exceptions import ComparisonError, ConnectError, Error
from aio_strategies.lab.hosts import Bounds
from aio_strategies.lab.log import LogRecord
from aio_strategies.measuring.crew import ArmFailed
from aio_strategies.measuring.gate import Gate
from aio_strategies.measuring.plan import make_plan, schedule
from aio_strategies.measuring.sizes import Sizes
from stand_ins import StandInCrew, outcome

measuring = importlib.import_module("aio_strategies.measuring.session")

FAST = {"requests": 4, "concurrency": 2, "latency": 0.002, "rounds": 3, "progress": False}
ARMS = [Arm.of(strategy, language) for strategy in TWINS for language in ("python", "rust")]
URLS = ["http://example.org/a", "http://example.org/b"]


def plan_of(strategies=None, languages=("python", "rust"), **changes):
    arguments = {
        "programs": None,
        "baseline": None,
        "urls": None,
        "requests": 10,
        "concurrency": 10,
        "latency": 0.02,
        "rate": None,
        "timeout": 30.0,
        "rounds": None,
        "budget": 30.0,
        "seed": None,
    }
    return make_plan(strategies, languages, **(arguments | changes))


@pytest.fixture
def stand_in(monkeypatch):
    def put(**arguments):
        crew = StandInCrew(**arguments)
        monkeypatch.setattr(measuring, "Crew", crew)
        monkeypatch.setattr(measuring, "time", crew.time)
        monkeypatch.setattr(measuring, "why_no_system_calls", lambda: "this is a stand-in")
        monkeypatch.setattr(measuring, "why_no_memory", lambda: "this is a stand-in")
        return crew

    return put


class TestSchedule:
    def test_every_round_has_every_arm_once(self):
        for order in islice(schedule(ARMS, 1), 20):
            assert len(order) == len(ARMS)
            assert set(order) == set(ARMS)

    def test_languages_of_a_strategy_are_neighbours_and_the_twin_is_beside_them(self):
        sides = set()
        for order in islice(schedule([*ARMS, ARMS[0].twin()], 1), 40):
            together = [list(group) for _, group in itertools.groupby(order, key=lambda arm: arm.group)]
            assert sorted(map(len, together)) == [2] * 7 + [3]
            (triple,) = [group for group in together if len(group) == 3]
            place = [arm.twin_of is not None for arm in triple].index(True)
            assert place != 1
            sides.add(place)
        assert sides == {0, 2}

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
        assert leaders == set(TWINS)

    def test_a_seed_repeats_it_and_another_does_not(self):
        def first_rounds(seed):
            return list(islice(schedule(ARMS, seed), 5))

        assert first_rounds(3) == first_rounds(3)
        assert first_rounds(3) != first_rounds(4)

    def test_a_program_that_goes_by_a_strategy_s_name_is_its_neighbour(self):
        arms = plan_of(["blocking", "thread"], programs={"my threads": print, "mine": print}).arms
        for order in islice(schedule(arms, 1), 20):
            names = [arm.name for arm in order]
            places = [names.index(name) for name in ("python/thread", "rust/thread", "my threads")]
            assert max(places) - min(places) == 2

    def test_it_is_what_runs_with_the_twin_of_the_baseline(self, stand_in):
        crew = stand_in()
        comparison = aio.compare(
            ["blocking", "thread"], urls=URLS, rounds=3, seed=5, baseline="rust/thread", progress=False
        )
        arms = [Arm.of(s, lang) for s in ("blocking", "thread") for lang in ("python", "rust")]
        expected = [arm.name for order in islice(schedule([*arms, arms[3].twin()], 5), 3) for arm in order]
        assert [name for name, _ in crew.timed] == expected
        assert [run.arm for run in comparison.timed_runs] == expected
        assert [run.index for run in comparison.timed_runs] == list(range(15))
        assert [run.round for run in comparison.timed_runs] == [1] * 5 + [2] * 5 + [3] * 5
        assert [arm.name for arm in comparison.arms] == [arm.name for arm in arms]
        assert comparison.twin.name == "rust/thread (twin)"
        assert len(comparison.twin.runs) == 3


class TestArguments:
    def test_default_is_every_available_arm_in_the_order_of_the_lecture(self):
        plan = plan_of()
        available = [arm for arm in ARMS if arm.language not in STRATEGIES[arm.strategy].unavailable]
        assert list(plan.arms) == available
        assert set(plan.left_out) == {str(arm) for arm in ARMS} - {str(arm) for arm in available}
        assert plan.baseline == available[0]

    @pytest.mark.parametrize(
        ("name", "key"),
        [
            *((key, key) for key in TWINS),
            *((STRATEGIES[key].title, key) for key in TWINS),
            *((STRATEGIES[key].title_zh, key) for key in TWINS),
            ("my threads", "thread"),
            ("Thread Pool", "thread"),
            ("process_pool", "process"),
            ("non_blocking", "nonblocking"),
            ("yield from", "yield_from"),
            ("2.2.5", "callback"),
            ("mine", None),
            ("coroutines", None),  # from generators, or native?
            ("my", None),
            ("…", None),
        ],
    )
    def test_a_program_may_go_by_any_usual_name_of_a_strategy(self, name, key):
        assert plan_of(programs={name: print}).settings.beside == ({name: key} if key else {})
        assert plan_of("asyncio", programs={"threads": print}).settings.beside == {}

    @pytest.mark.parametrize("baseline", [None, "rust/thread", "my threads", "mine"])
    def test_it_counts_the_contrasts_that_are_judged(self, stand_in, baseline):
        stand_in()
        arms = {"strategies": ["blocking", "thread"], "programs": {"my threads": print, "mine": print}}
        comparison = aio.compare(**arms, baseline=baseline, urls=URLS, rounds=1, progress=False)
        assert plan_of(**arms, baseline=baseline).contrasts == len(comparison.contrasts)

    def test_a_seed_is_drawn_and_kept(self):
        assert plan_of().seed != plan_of().seed
        assert plan_of(seed=12).seed == 12

    def test_names_may_be_one_string_and_are_taken_once(self):
        assert plan_of("thread", "rust").arms == (Arm.of("thread", "rust"),)
        assert plan_of(["thread", "thread"], ["rust"]).arms == (Arm.of("thread", "rust"),)

    def test_urls_set_the_number_of_requests_and_leave_no_latency(self):
        settings = plan_of(urls=URLS).settings
        assert (settings.urls, settings.requests, settings.latency) == (tuple(URLS), 2, None)

    def test_arms_of_one_s_own_come_last_and_may_be_alone(self):
        assert [arm.name for arm in plan_of("thread", "rust", programs={"mine": print}).arms] == ["rust/thread", "mine"]
        assert [arm.name for arm in plan_of([], programs={"mine": "pass"}).arms] == ["mine"]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"strategies": ["threads"]}, "no strategy 'threads'; allowed: blocking, "),
            ({"strategies": []}, "strategies is empty"),
            ({"languages": ["go"]}, "no language 'go'; allowed: python, rust"),
            ({"urls": []}, "urls is empty"),
            ({"urls": ["ftp://x"]}, '"ftp://x" has the scheme "ftp"; allowed: "http"'),
            ({"urls": ["nonsense"]}, "it has no scheme"),
            ({"timeout": math.inf}, "timeout must be a finite number of seconds above 0 (at most 1e9), not inf"),
            ({"latency": 1e6}, "latency must be 0 to 86400 seconds, not 1000000.0"),
            ({"latency": math.nan}, "latency must be 0 to 86400 seconds, not nan"),
            ({"budget": math.nan}, "(inf for no limit), not nan"),
            ({"seed": -1}, "seed must be 0 to 18446744073709551615, not -1"),
            ({"requests": 0}, "requests must be at least 1, not 0"),
            ({"concurrency": -1}, "concurrency must be at least 1, not -1"),
            ({"rounds": 0}, "rounds must be at least 1, not 0"),
            ({"latency": -0.1}, "latency must be 0 to 86400 seconds, not -0.1"),
            ({"timeout": float("nan")}, "timeout must be a finite number of seconds above 0 (at most 1e9), not nan"),
            ({"budget": -1}, "budget must be a number of seconds of at least 0 (inf for no limit), not -1"),
            ({"rate": 0}, "rate must be a finite number of requests per second above 0"),
            ({"baseline": "thread"}, "baseline 'thread' is not one of the arms: python/blocking, "),
            ({"programs": {"": print}}, "the name of a program must be a non-blank string, not ''"),
            ({"programs": {"mine (twin)": print}}, "names that end with (twin) are reserved"),
            ({"programs": {"rust/mine": print}}, "names that begin with python/ or rust/ are reserved"),
            ({"programs": {"mine": "def"}}, "programs['mine'] is not valid Python: invalid syntax"),
        ],
    )
    def test_wrong_ones_are_refused_before_anything_runs(self, changes, message, stand_in):
        crew = stand_in()
        with pytest.raises(ValueError, match=re.escape(message)):
            aio.compare(**changes)
        assert crew.log == []

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"latency": "20ms"}, "latency must be a number of seconds, not '20ms'"),
            ({"concurrency": True}, "concurrency must be an integer of at least 1, not True"),
            ({"requests": 1.5}, "requests must be an integer of at least 1, not 1.5"),
            ({"rounds": "3"}, "rounds must be an integer of at least 1, not '3'"),
            ({"timeout": None}, "timeout must be a number of seconds, not None"),
            ({"rate": "1"}, "rate must be a number of requests per second or None, not '1'"),
            ({"budget": "30s"}, "budget must be a number of seconds, not '30s'"),
            ({"seed": 1.0}, "seed must be an integer, 0 to 18446744073709551615, not 1.0"),
            ({"urls": "http://example.org/"}, "urls must be an iterable of strings, not a single str"),
            ({"urls": 7}, "urls must be an iterable of strings, not int"),
            ({"urls": [b"http://example.org/"]}, "urls must hold strings, not bytes"),
            ({"strategies": 7}, "strategies must be a name or a sequence of names, not 7"),
            ({"languages": [7]}, "language must be a str, not int"),
            ({"programs": [print]}, "programs must be a mapping of names to programs"),
            ({"progress": 3}, "progress must be True, False, None or a callable, not 3"),
            ({"lab": "http://127.0.0.1:8000/"}, "lab must be a LabServer, not 'http://127.0.0.1:8000/'"),
        ],
    )
    def test_those_of_a_wrong_type_are_refused_before_anything_runs(self, changes, message, stand_in):
        crew = stand_in()
        with pytest.raises(TypeError, match=re.escape(message)):
            aio.compare(**changes)
        with pytest.raises(TypeError, match=re.escape(message)):
            asyncio.run(aio.acompare(**changes))
        with pytest.raises(TypeError, match=re.escape(message)):
            aio.scaling("requests" if "concurrency" in changes else "concurrency", [1], **changes)
        assert crew.log == []

    def test_numbers_of_other_libraries_are_numbers(self):
        numpy = pytest.importorskip("numpy")
        settings = plan_of(requests=numpy.int64(3), latency=numpy.float32(0.5), concurrency=numpy.uint8(2)).settings
        assert (settings.requests, settings.latency, settings.concurrency) == (3, 0.5, 2)
        assert {type(settings.requests), type(settings.latency)} == {int, float}

    def test_a_budget_may_have_no_end(self):
        assert plan_of(budget=math.inf).settings.budget == math.inf

    @pytest.mark.parametrize(
        ("arm", "message"),
        [
            (7, "must be a callable that takes urls, or source text, not 7"),
            (threading.Lock().acquire, "cannot be sent"),
        ],
    )
    def test_an_arm_that_is_no_program(self, arm, message):
        with pytest.raises(TypeError, match=message):
            aio.compare([], programs={"mine": arm})

    def test_an_arm_that_is_not_available_is_left_out_with_the_reason(self, monkeypatch, stand_in):
        crew = stand_in()
        lacking = STRATEGIES["thread"]._replace(unavailable={"rust": "there are no threads on the moon"})
        planning = importlib.import_module("aio_strategies.measuring.plan")
        monkeypatch.setattr(planning, "STRATEGIES", dict(STRATEGIES) | {"thread": lacking})
        comparison = aio.compare(["thread"], urls=URLS, rounds=1, progress=False)
        assert {name for name, _ in crew.timed} == {"python/thread", "python/thread (twin)"}
        assert comparison.left_out == {"rust/thread": "there are no threads on the moon"}
        assert "not available here: rust/thread (there are no threads on the moon)" in str(comparison)
        with pytest.raises(ComparisonError, match=r"^rust/thread cannot be compared: not available here: "):
            aio.compare(["thread"], ["rust"], urls=URLS, progress=False)


class TestOnALabOfOnesOwn:
    def test_it_is_the_referee_and_its_settings_are_told(self):
        with aio.LabServer(latency=0.004, jitter=0.001, body_size=65536, bandwidth=50e6, seed=3) as lab:
            comparison = aio.compare(["callback"], lab=lab, requests=4, concurrency=2, rounds=2, progress=False)
            assert lab.stats().connections == 0  # it runs on; its own counters know nothing of the arms
        settings = comparison.settings
        assert (settings.latency, settings.jitter, settings.body_size, settings.bandwidth) == (
            0.004,
            0.001,
            65536,
            50e6,
        )
        assert (settings.urls, settings.requests) == (None, 4)
        assert (comparison.ideal, comparison.serial) == pytest.approx((0.008, 0.016))
        assert [arm.peak_in_flight for arm in comparison.arms] == [2, 2]
        assert set(comparison.exchanges["size"]) == {65536}
        assert comparison.exchanges["first_byte"][0] is not None
        told = "latency 4 ms, jitter up to 1 ms, body 64 KiB, bandwidth 50 MB/s per connection, 2 rounds"
        assert told in str(comparison)
        assert "延迟 4 ms，抖动至多 1 ms，响应体 64 KiB，每个连接带宽 50 MB/s，2 轮取中位数" in comparison.to_text("zh")

    @pytest.mark.parametrize("https", [False, True])
    @pytest.mark.slow
    def test_the_requests_of_others_are_not_taken_for_those_of_an_arm(self, https):
        with aio.LabServer(latency=0.004, https=https) as lab:
            over = threading.Event()
            asked = []

            def ask():
                while not over.is_set():
                    [reply] = aio.rust.blocking_way([lab.url], verify=lab.ca_file or True)
                    asked.append(reply.status_code)

            stranger = threading.Thread(target=ask)
            stranger.start()
            comparison = aio.compare(["callback", "blocking"], lab=lab, requests=4, rounds=3, progress=False)
            over.set()
            stranger.join()
            served = lab.stats().served
            assert {record.path for record in lab.log()} == {"/"}
        assert set(asked) == {200}
        assert served == len(asked)  # its own counters and log are left alone, and know nothing of the arms
        assert not comparison.failures
        for arm in comparison.arms:
            assert arm.errors == 0
            assert {run.peak_in_flight for run in arm.runs} == {1 if arm.strategy == "blocking" else 4}
            assert {run.connections for run in arm.runs} == {4 * run.batches for run in arm.runs}
        [warning] = [warning for warning in comparison.warnings if warning.kind == "strangers"]
        assert 0 < comparison.conditions.strangers <= len(asked)
        told = f"the lab also answered {comparison.conditions.strangers} requests of others"
        assert told in warning.text
        assert f"应答了其他程序的 {comparison.conditions.strangers} 个请求" in comparison.to_text("zh")

    def test_what_is_usual_is_not_told(self):
        with aio.LabServer(latency=0.002) as lab:
            comparison = aio.compare("callback", "rust", lab=lab, latency=0.002, requests=2, rounds=1, progress=False)
        assert "latency 2 ms, 1 round" in str(comparison)

    def test_in_acompare_and_scaling(self):
        with aio.LabServer(latency=0.002, body_size=10) as lab:
            arguments = {"strategies": "callback", "languages": "rust", "lab": lab, "rounds": 1, "progress": False}
            comparison = asyncio.run(aio.acompare(**arguments, requests=2))
            assert comparison.arms[0].peak_in_flight == 2
            swept = aio.scaling("requests", [1, 3], **arguments)
            assert [one.settings.body_size for one in swept] == [10, 10]
            assert set(swept[1].exchanges["size"]) == {10}
            with pytest.raises(ValueError, match="latency cannot be swept with lab="):
                aio.scaling("latency", [0.1], **arguments)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"urls": URLS}, "give lab= or urls=, not both"),
            ({"latency": 0.02}, "latency=0.02 conflicts with lab=, whose latency is 0.004"),
            ({"requests": 10}, "lab keeps only log_limit=4 records, but requests=10 need one each"),
        ],
    )
    def test_contradictions_are_refused_at_the_call(self, changes, message, stand_in):
        crew = stand_in()
        with aio.LabServer(latency=0.004, log_limit=4) as lab, pytest.raises(ValueError, match=re.escape(message)):
            aio.compare(lab=lab, **changes)
        assert crew.log == []

    def test_one_that_runs_no_more_is_refused_at_the_call(self, stand_in):
        crew = stand_in()
        with aio.LabServer() as lab:
            pass
        with pytest.raises(ValueError, match="lab is closed: give a running LabServer"):
            aio.compare(lab=lab)
        with aio.LabServer() as dead:
            os.kill(dead.pid, signal.SIGKILL)
            with pytest.raises(RuntimeError, match="has ended: killed by SIGKILL"):
                aio.compare(lab=dead)
        assert crew.log == []


class TestGate:
    @pytest.mark.parametrize(
        ("odd", "difference"),
        [
            (outcome(b"same", 404), "status 404, but 200 for python/blocking"),
            (outcome(b"longer"), "6 bytes of content, but 4 for python/blocking"),
            (outcome(b"soap"), "4 bytes of content that differ from those for python/blocking"),
        ],
    )
    def test_an_arm_that_gets_something_else_is_caught(self, stand_in, odd, difference):
        crew = stand_in(
            outcomes=lambda arm, url: odd if (arm.name, url) == ("rust/thread", URLS[1]) else outcome(b"same")
        )
        with pytest.raises(ComparisonError) as caught:
            aio.compare(["blocking", "thread"], urls=URLS, progress=False)
        error = caught.value
        assert (error.arm, error.url, error.difference) == ("rust/thread", URLS[1], difference)
        assert str(error) == f"rust/thread cannot be compared: {difference} ({URLS[1]})"
        assert [what for what, _ in crew.log].count("start") == 1  # none was timed
        assert crew.log[-1][0] == "end"

    def test_an_arm_that_fails_is_caught(self, stand_in):
        failure = ConnectError("refused", url=URLS[0])
        stand_in(
            outcomes=lambda arm, url: failure if (arm.name, url) == ("rust/blocking", URLS[0]) else outcome(b"same")
        )
        with pytest.raises(
            ComparisonError, match=r"^rust/blocking cannot be compared: ConnectError: refused"
        ) as caught:
            aio.compare(["blocking"], urls=URLS, progress=False)
        assert caught.value.__cause__ is failure

    def test_a_real_refusal_names_the_arm_and_the_url(self, refusing):
        with pytest.raises(ComparisonError) as caught:
            aio.compare(["thread"], urls=[refusing], progress=False)
        assert caught.value.arm == "python/thread"
        assert caught.value.url == refusing
        assert "ConnectError: connecting failed: [Errno 111]" in caught.value.difference
        assert isinstance(caught.value.__cause__, ConnectError)

    def test_a_status_that_is_not_known_matches_any(self):
        gate = Gate(URLS)
        gate.check(Arm("first"), [outcome(b"same", None)], 1)
        gate.check(Arm("second"), [outcome(b"same", 200), outcome(b"more")], 2)
        with pytest.raises(ComparisonError, match="differ from those for second"):
            gate.check(Arm("third"), [outcome(b"same", None), outcome(b"soap")], 2)

    def test_the_lab_s_log_speaks_for_an_arm_that_does_not(self):
        def record(path, status=200, size=4):
            return LogRecord(1, 1, path, status, size, 0.0, None, 0.0, 0.0, 0.0, 0.0, 0.0)

        gate = Gate(["http://lab/", "http://lab/1"])
        gate.check(Arm("first"), [outcome(), outcome()], 2)
        mine = Arm("mine")
        gate.check_log(mine, [record("/1"), record("/")], 2)
        for log, words in [
            ([record("/")], "the lab server saw 0 requests for it, not 1"),
            ([record("/"), record("/1"), record("/1")], "saw 2 requests"),
            ([record("/"), record("/1", status=404)], "sent it status 404"),
            ([record("/"), record("/1", size=2)], "and 2 bytes of content"),
        ]:
            with pytest.raises(ComparisonError, match=words) as caught:
                gate.check_log(mine, log, 2)
            assert caught.value.url == "http://lab/1"

    @pytest.mark.parametrize(("requests", "sizes"), [(10, [10]), (15, [15]), (25, [10, 25]), (200, [10, 200])])
    @pytest.mark.parametrize("limits", [{"rounds": 1}, {"budget": 30}])
    def test_it_checks_all_urls_and_learns_from_a_wave_before(self, stand_in, requests, sizes, limits):
        crew = stand_in(seconds=lambda arm, requests: 0.001 * requests)
        urls = [f"http://example.org/{number}" for number in range(requests)]
        aio.compare(["thread"], ["rust"], urls=urls, concurrency=10, progress=False, **limits)
        checked = [order.requests for name, order in crew.log if name == "rust/thread" and order.want == "outcomes"]
        assert checked == sizes

    def test_the_error_is_one_of_the_package_and_can_be_pickled(self):
        error = pickle.loads(pickle.dumps(ComparisonError("rust/thread", "http://h/", "wrong")))
        assert isinstance(error, Error)
        assert (error.arm, error.url, error.difference) == ("rust/thread", "http://h/", "wrong")


class TestRounds:
    def test_as_many_as_were_asked_for_whatever_the_budget(self, stand_in):
        stand_in()
        comparison = aio.compare(["thread"], urls=URLS, rounds=25, budget=0, progress=False)
        assert (comparison.rounds, comparison.ended) == (25, "rounds")
        assert aio.compare(["thread"], urls=URLS, rounds=1, budget=100, progress=False).rounds == 1

    def test_precise_ones_are_enough_at_the_first_look(self, stand_in):
        stand_in(seconds=lambda arm, requests: 0.03 if arm.language == "python" else 0.02)
        comparison = aio.compare(["thread"], urls=URLS, budget=1000, progress=False)
        assert (comparison.rounds, comparison.ended) == (10, "precise")
        assert str(comparison.contrast("rust/thread", "python/thread")) == "1.50× faster [1.50, 1.50], 10 rounds"

    def test_noise_is_averaged_out_at_a_later_look(self, stand_in):
        noise = random.Random(3)
        stand_in(seconds=lambda arm, requests: 0.02 * math.exp(noise.gauss(0, 0.08)))
        comparison = aio.compare(["thread"], urls=URLS, budget=math.inf, seed=1, progress=False)
        assert comparison.ended == "precise"
        assert comparison.rounds in measuring.LOOKS[1:]
        assert comparison.contrast("rust/thread", "python/thread").half_width <= 0.05

    def test_no_look_is_enough_that_could_not_give_a_verdict(self, stand_in):
        # 8 strategies and 5 arms make 27 contrasts, of which none can be judged by 10 rounds
        stand_in()
        comparison = aio.compare(urls=URLS, programs=dict.fromkeys("abcde", print), budget=1e6, progress=False)
        assert len(comparison.contrasts) == 27
        assert (comparison.rounds, comparison.ended) == (15, "precise")

    def test_too_few_rounds_for_a_verdict_are_told(self, stand_in):
        stand_in()
        comparison = aio.compare(["thread"], urls=URLS, rounds=5, progress=False)
        told = "warning: 5 rounds are too few for a verdict of faster or slower: 1 contrast needs at least 6"
        assert told in str(comparison)

    def test_too_few_rounds_for_a_verdict_are_told_before_the_first(self, stand_in, capsys):
        crew = stand_in(seconds=lambda arm, requests: 1.0)
        told = []

        def note(done, total, label):
            told.append((label, len([what for what, _ in crew.log if what == "start"])))

        for progress in (note, True):
            comparison = aio.compare(["thread"], urls=URLS, budget=25.0, progress=progress)
        assert comparison.rounds < 6
        ((notice, starts),) = [one for one in told if one[0].startswith("room for ")]
        assert notice.endswith(", but verdicts need at least 6")
        assert starts == 1, "of the gate, not of the rounds"
        assert notice in capsys.readouterr().err, "though another line was written just before"
        assert "few_rounds" in [warning.kind for warning in comparison.warnings]

    def test_there_are_never_more_than_sixty(self, stand_in):
        noise = itertools.cycle([0.02, 0.09, 0.03, 0.05, 0.2])
        stand_in(seconds=lambda arm, requests: next(noise))
        comparison = aio.compare(["thread"], urls=URLS, budget=math.inf, progress=False)
        assert (comparison.rounds, comparison.ended) == (60, "rounds")

    def test_workers_are_renewed_at_least_four_times_and_warmed_up(self, stand_in):
        crew = stand_in()
        comparison = aio.compare(["thread"], urls=URLS, budget=1000, progress=False)
        starts = [place for place, (what, _) in enumerate(crew.log) if what == "start"]
        assert len(starts) == 1 + 4
        for place in starts[1:]:
            what, orders = crew.log[place + 1]
            assert what == "all"
            assert {arm.name for arm in orders} == {"python/thread", "rust/thread", "python/thread (twin)"}
            assert {(order.requests, order.batches) for order in orders.values()} == {(2, 1)}
        generations = [run.generation for run in comparison.timed_runs if run.arm == "rust/thread"]
        assert generations == [1, 1, 1, 2, 2, 3, 3, 4, 4, 4]

    def test_short_batches_are_repeated_and_neighbours_as_often(self, stand_in):
        crew = stand_in(seconds=lambda arm, requests: 0.004 if arm.language == "rust" else 0.02)
        comparison = aio.compare(["thread", "asyncio"], urls=URLS, rounds=2, progress=False)
        assert {order.batches for _, order in crew.timed} == {math.ceil(0.05 / 0.004)}
        assert comparison.arm("rust/thread").median_wall == pytest.approx(0.004)
        assert {run.batches for run in comparison.timed_runs} == {13}

    def test_a_worker_that_cannot_be_replaced_costs_only_its_own_runs(self, stand_in):
        def seconds(arm, requests):
            late = len([what for what, _ in crew.log if what == "start"]) > 2
            return RuntimeError("gone") if arm.name == "rust/thread" and late else 0.02

        def replace(arm):
            raise ArmFailed(arm, "cannot start", "")

        crew = stand_in(seconds=seconds)
        crew.replace = replace
        comparison = aio.compare(["thread", "asyncio"], urls=URLS, budget=1000, progress=False)
        assert len(comparison.arm("rust/thread").runs) == 3
        assert len(comparison.arm("rust/asyncio").runs) >= 10

    def test_an_arm_that_fails_after_the_gate_is_told_of_and_the_others_go_on(self, stand_in):
        def seconds(arm, requests):
            late = len([what for what, _ in crew.log if what == "start"]) > 2
            return RuntimeError("no more") if arm.name == "rust/thread" and late else 0.02

        crew = stand_in(seconds=seconds)
        comparison = aio.compare(["thread", "asyncio"], urls=URLS, budget=1000, progress=False)
        assert comparison.rounds >= 10
        assert len(comparison.arm("rust/thread").runs) == 3
        assert len(comparison.arm("rust/asyncio").runs) >= 10
        assert set(comparison.failures) == {"rust/thread"}
        assert "no more" in str(comparison)
        assert ("replace", "rust/thread") in crew.log


class TestBudget:
    """The stand-in's clock shows what the real one would, so that these are exact."""

    def spent(self, crew):
        return crew.clock - 1000.0

    def test_it_is_kept_and_used(self, stand_in):
        noise = itertools.cycle([0.02, 0.09, 0.03, 0.05, 0.2])
        crew = stand_in(seconds=lambda arm, requests: next(noise))
        comparison = aio.compare(["thread"], urls=URLS, budget=30, progress=False)
        assert comparison.ended == "budget"
        assert comparison.rounds > 20
        assert 27 <= self.spent(crew) <= 30

    def test_an_arm_that_would_take_too_long_fetches_less_and_is_projected(self, stand_in):
        def seconds(arm, requests):
            at_once = 1 if arm.strategy == "blocking" else 100
            return 0.005 * math.ceil(requests / at_once)

        crew = stand_in(seconds=seconds)
        urls = [f"http://example.org/{i}" for i in range(100_000)]
        comparison = aio.compare(["blocking", "thread"], urls=urls, concurrency=100, budget=30, progress=False)
        assert self.spent(crew) <= 31.5
        assert comparison.rounds >= 5
        blocking, thread = comparison.arm("python/blocking"), comparison.arm("rust/thread")
        assert blocking.projected
        assert blocking.median_wall == pytest.approx(500)
        assert {run.requests for run in blocking.runs} == {run.requests for run in comparison.arm("rust/blocking").runs}
        assert thread.median_wall == pytest.approx(5, rel=0.01)
        assert all(run.requests % 100 == 0 for run in thread.runs), "whole waves"
        assert "≈500,000.0" in str(comparison)
        assert re.search(r"≈ projected from \d+ requests, .*: python/blocking, rust/blocking\n", str(comparison))

    def test_an_arm_that_is_slower_than_it_promised_is_stopped(self, stand_in):
        def seconds(arm, requests):
            starts = [what for what, _ in crew.log].count("start")
            return 1000.0 if starts > 2 and arm.name == "rust/thread" else 0.02

        crew = stand_in(seconds=seconds)
        comparison = aio.compare(["thread"], urls=URLS, budget=30, progress=False)
        assert comparison.ended == "budget"
        assert self.spent(crew) == pytest.approx(31.5)
        assert comparison.rounds in (3, 4)
        assert "as many as the budget allowed" in str(comparison)

    def test_too_small_a_budget_says_so(self, stand_in):
        stand_in()
        with pytest.raises(ComparisonError, match=r"the budget of 0.5 s was too small for a single run"):
            aio.compare(["thread"], urls=URLS, budget=0.5, progress=False)

    @pytest.mark.slow
    @pytest.mark.alone
    def test_it_is_kept_by_the_real_clock(self):
        began = time.monotonic()
        comparison = aio.compare(
            ["blocking", "thread"], requests=2000, latency=0.01, concurrency=50, budget=4, progress=False
        )
        assert time.monotonic() - began < 4 * 1.05 + 1
        assert comparison.arm("python/blocking").projected
        assert comparison.arm("python/blocking").median_wall > 19
        assert comparison.twin.runs


class TestSizes:
    """How rounds of 100 requests, 10 at a time, are fitted into the time that there is."""

    def sizes(self, **walls):
        """Return sizes that have learnt the seconds of 10 and of 100 requests, and what each arm then fetches."""
        sizes = Sizes(plan_of(list(walls), requests=100).settings, plan_of(list(walls)).arms)
        for arm in plan_of(list(walls)).arms:
            few, all_ = walls[arm.strategy]
            sizes.learn(arm, [(10, few), (100, all_)], 0.0001, one_by_one=False)
        return sizes, lambda round_=1: {key: sizes.requests(Arm.of(key, "rust"), round_) for key in walls}

    def test_what_fits_is_whole(self):
        sizes, requests = self.sizes(blocking=(0.1, 1.0), thread=(0.1, 0.2))
        assert sizes.fit(30.0, 10) == 10
        assert requests() == requests(2) == {"blocking": 100, "thread": 100}

    def test_a_few_long_ones_are_cut_so_that_the_others_have_their_rounds(self):
        sizes, requests = self.sizes(blocking=(1.0, 10.0), thread=(0.1, 0.1), callback=(0.1, 0.1))
        assert sizes.fit(60.0, 10) == 10
        assert requests()["thread"] == requests()["callback"] == 100
        assert requests()["blocking"] in (20, 30)
        # the other size, which tells the time that a batch takes in any case
        assert requests(2)["blocking"] == 10
        assert requests(2)["thread"] == 100

    def test_of_many_long_ones_rounds_are_given_up_first(self):
        sizes, requests = self.sizes(blocking=(0.1, 1.0), thread=(0.1, 1.0), callback=(0.1, 1.0))
        assert sizes.fit(30.0, 10) == 4
        assert requests() == {"blocking": 100, "thread": 100, "callback": 100}

    def test_requests_are_cut_if_not_even_three_rounds_fit(self):
        sizes, requests = self.sizes(blocking=(0.1, 1.0), thread=(0.1, 1.0), callback=(0.1, 1.0))
        assert sizes.fit(10.0, 10) >= 5
        assert max(requests().values()) < 50

    def test_what_takes_its_time_in_any_case_is_not_cut(self):
        sizes, requests = self.sizes(process=(1.0, 1.05), thread=(0.1, 1.0), callback=(0.01, 0.05))
        sizes.fit(25.0, 10)
        assert requests()["process"] == 100

    def test_arms_that_take_about_as_long_have_as_many_batches(self):
        # by themselves: 3 batches, 2, 2 and 1; the first is the slowest, and what is compared closely must share that
        sizes, _ = self.sizes(thread=(0.02, 0.024), callback=(0.02, 0.026), generator=(0.02, 0.03), process=(0.1, 0.2))
        keys = ("thread", "callback", "generator", "process")
        assert [sizes.batches(Arm.of(key, "rust")) for key in keys] == [3, 3, 3, 1]


def test_two_sizes_tell_a_constant_from_the_time_of_each_request():
    assert fitted([(10, 1.1), (30, 1.3), (10, 1.0), (10, 1.1), (30, 1.3)]) == pytest.approx((1.0, 0.01))
    assert fitted([(10, 1.0)]) == (0.0, 0.1)
    assert fitted([(10, 2.0), (20, 1.0)]) == (1.0, 0.0), "more requests took less time"
    assert fitted([(10, 0.1), (20, 1.0)]) == (0.0, 0.05), "a constant is never below 0"


def test_a_cell_and_the_strategy_that_it_goes_by_make_all_requests():
    plan = plan_of(
        ["blocking", "thread"],
        programs={"my threads": "pass"},
        requests=100,
        bounds=Bounds((), "--host", "--timeout"),
    )
    sizes = Sizes(plan.settings, plan.arms)
    for arm in plan.arms:
        sizes.learn(arm, [(100, 1.0)], 0.0001, one_by_one=False)
    sizes.fit(5.0, 10)
    assert [sizes.requests(arm) for arm in plan.arms] == [20, 20, 100, 100, 100]
    assert len({sizes.batches(arm) for arm in plan.arms[2:]}) == 1


class TestProgress:
    def test_it_is_told_before_every_run_and_at_the_end(self, stand_in):
        crew = stand_in()
        told = []
        aio.compare(["thread"], urls=URLS, rounds=2, progress=lambda *state: told.append(state))
        labels = [label for _, _, label in told]
        assert labels[0] == "starting the workers"
        assert labels[1] == "python/thread, warm-up"
        assert labels.count("rust/thread, round 1") == labels.count("rust/thread, round 2") == 1
        assert labels[-1] == "done"
        assert told[-1][0] == told[-1][1]
        assert all(done <= total for done, total, _ in told)
        assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
        assert len(crew.timed) == 6

    def test_what_it_raises_passes_through_and_ends_the_workers(self, stand_in):
        crew = stand_in()

        def stop(done, total, label):
            if "round 2" in label:
                raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            aio.compare(["thread"], urls=URLS, rounds=3, progress=stop)
        assert crew.log[-1] == ("end", None)


@pytest.fixture(scope="module")
def measured():
    """A comparison of four real arms."""
    return aio.compare(["blocking", "thread"], seed=7, **FAST)


@pytest.mark.alone
class TestMeasured:
    def test_each_arm_has_a_time_for_each_round(self, measured):
        names = ["python/blocking", "rust/blocking", "python/thread", "rust/thread"]
        assert [arm.name for arm in measured.arms] == names
        for arm in measured.arms:
            assert len(arm.walls) == len(arm.cpu_user) == len(arm.cpu_system) == 3
            assert all(wall > 0 for wall in arm.walls)
            assert arm.errors == 0
            assert not arm.projected

    def test_the_lab_saw_how_many_were_in_flight(self, measured):
        peaks = {arm.name: arm.peak_in_flight for arm in measured.arms}
        assert peaks["python/blocking"] == peaks["rust/blocking"] == 1
        # Two workers at most; that both were seen at once is likely, but not certain on a busy machine.
        assert {peaks["python/thread"], peaks["rust/thread"]} <= {1, 2}

    def test_no_run_beats_the_reference_lines(self, measured):
        assert (measured.ideal, measured.serial) == pytest.approx((0.004, 0.008))
        for arm in measured.arms:
            assert min(arm.walls) >= (measured.serial if arm.strategy == "blocking" else measured.ideal)
            assert 0 < measured.efficiency(arm.name) <= 1

    def test_a_run_lasts_fifty_milliseconds_by_repetition(self, measured):
        for run in measured.timed_runs:
            assert run.batches > 1
        totals = [run.batches * run.wall for run in measured.timed_runs]
        assert sorted(totals)[len(totals) // 2] > 0.035

    def test_every_exchange_was_seen_from_both_sides(self, measured):
        kept = measured.kept_exchanges
        expected = sum(4 * run.batches for run in measured.timed_runs if "twin" not in run.arm)
        assert len(kept) == expected
        exchanges = [exchange_at(measured, place) for place in range(len(kept))]
        for exchange in exchanges:
            assert 0 <= exchange.start == exchange.accepted <= exchange.asked < exchange.first_byte
            assert exchange.first_byte <= exchange.last_byte == exchange.end
            assert exchange.service >= 0.002
            assert (exchange.status, exchange.size, exchange.error) == (200, 1024, None)
        clients = list(zip(kept.column("start"), kept.column("service"), strict=True))
        assert all(start <= exchange.start for (start, _), exchange in zip(clients, exchanges, strict=True))
        # The server stamps the last byte once the kernel has it, and may have to wait for a processor in between: the
        # client can be done before the stamp, but not as a rule.
        late = [exchange.end > sum(client) for client, exchange in zip(clients, exchanges, strict=True)]
        assert sum(late) < len(late) / 2

    @pytest.mark.slow
    def test_urls_of_one_s_own(self):
        with aio.LabServer(latency=0.001) as lab:
            comparison = aio.compare(["blocking"], urls=lab.urls(3), latency=5.0, rounds=1, progress=False)
            assert lab.stats().served >= 3 * 3 * 2  # by three arms, in the gate and in the round
        assert (comparison.ideal, comparison.serial, comparison.settings.latency) == (None, None, None)
        assert [arm.peak_in_flight for arm in comparison.arms] == [None, None]
        assert [arm.server_load for arm in comparison.arms] == [None, None]
        assert comparison.efficiency("rust/blocking") is None
        assert "ideal" not in str(comparison)

    @pytest.mark.slow
    def test_errors_after_the_gate_are_counted(self, scripted):
        # The server says no from the moment that the timing begins.
        begun = threading.Event()

        def show(done, total, label):
            if "round 1" in label:
                begun.set()

        def answer(connection):
            if not begun.is_set():
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        scripted.scripts["flaky"] = answer
        comparison = aio.compare(["thread"], ["rust"], urls=[scripted.url("flaky")], rounds=2, progress=show)
        arm = comparison.arm("rust/thread")
        assert arm.errors == sum(run.batches for run in arm.runs)
        assert "RemoteProtocolError" in comparison.kept_exchanges.column("error")[0]
        assert re.search(r"warning: rust/thread: \d+ requests failed", str(comparison))
        assert "rust/thread：" in comparison.to_markdown("zh")

    @pytest.mark.slow
    def test_the_open_model(self):
        comparison = aio.compare(["asyncio"], rate=200, requests=10, latency=0.005, rounds=2, progress=False)
        assert all(wall > 9 / 200 for arm in comparison.arms for wall in arm.walls)
        for exchange in (exchange_at(comparison, place) for place in range(len(comparison.kept_exchanges))):
            assert exchange.start >= exchange.intended == exchange.request / 200
        rows = list(comparison.exchanges.rows())
        assert {row["intended"] for row in rows} == {i / 200 for i in range(10)}
        assert all(row["response"] == pytest.approx(row["start"] + row["service"] - row["intended"]) for row in rows)
        assert {row["observer"] for row in rows} == {"server"}
        assert comparison.breaches == {}

    @pytest.mark.slow
    @pytest.mark.alone
    def test_a_low_rate_keeps_the_budget(self):
        began = time.monotonic()
        comparison = aio.compare("callback", "rust", rate=4, requests=100, latency=0.001, budget=6, progress=False)
        assert time.monotonic() - began < 6 * 1.05 + 1
        assert comparison.arm("rust/callback").projected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_a_batch_finds_the_memory_that_the_last_one_left(tmp_path):
    """A bug once: with long bodies, chance decided it; rust/callback was three times as fast in some rounds."""
    import resource

    faults = tmp_path / "faults"

    def with_long_bodies(urls):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        bodies = [b"x" * 1_000_000 for _ in range(50)]
        with faults.open("a") as file:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, file=file)
        return aio.python.blocking_way(urls) if bodies else None

    aio.compare([], programs={"mine": with_long_bodies}, **(FAST | {"rounds": 1}))
    assert int(faults.read_text().split()[-1]) < 2_000  # of 12,000 pages


@pytest.mark.slow
@pytest.mark.alone
class TestCosts:
    def test_they_are_told_or_why_not(self, measured):
        for arm in measured.arms:
            costs = arm.costs
            assert costs.requests == 4
            for value, what in ((costs.peak_memory, "memory"), (costs.system_calls, "system_calls")):
                assert (value is None) == (what in costs.missing)
            assert arm.switches_per_request is not None

    @pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="no /proc/self/clear_refs here")
    def test_peak_memory_is_that_of_the_worker_and_not_of_the_caller(self):
        ballast = bytearray(300_000_000)
        for place in range(0, len(ballast), 4096):
            ballast[place] = 1
        held = psutil.Process().memory_info().rss

        def hungry(urls):
            block = b"x" * 50_000_000
            return aio.python.blocking_way(urls) if block else None

        comparison = aio.compare(
            ["blocking", "process"], ["python"], programs={"hungry": hungry}, **(FAST | {"rounds": 1, "latency": 0.02})
        )
        peak = {arm.name: arm.costs.peak_memory for arm in comparison.arms}
        assert held > 300_000_000
        assert 5_000_000 < peak["python/blocking"] < 100_000_000
        assert 45_000_000 < peak["hungry"] - peak["python/blocking"] < 80_000_000
        processes = comparison.arm("python/process").costs
        assert processes.processes == 3  # itself, and two workers
        assert processes.peak_memory > peak["python/blocking"]
        del ballast

    def test_threads(self):
        comparison = aio.compare(["thread", "callback"], requests=8, concurrency=8, rounds=1, progress=False)
        threads = {arm.name: arm.costs.threads for arm in comparison.arms}
        # each pool's eight and the caller; a pool that is still filling up has fewer
        assert 5 <= threads["python/thread"] <= 9
        assert 9 <= threads["rust/thread"] <= 10
        assert threads["python/callback"] == threads["rust/callback"] == 1

    def test_system_calls(self):
        comparison = aio.compare(["blocking"], requests=20, latency=0.0, rounds=1, progress=False)
        for arm in comparison.arms:
            if "system_calls" in arm.costs.missing:
                pytest.skip(f"system calls cannot be counted here: {arm.costs.missing['system_calls']}")
            # one connection and one request each, and nothing that depends on luck
            assert arm.costs.system_calls["connect"] == 20
            assert arm.costs.system_calls["sendto"] == 20
            assert 5 < arm.costs.system_calls_per_request < 30

    def test_a_machine_without_strace_says_so(self, monkeypatch):
        monkeypatch.setenv("PATH", "/nowhere")
        comparison = aio.compare(["blocking"], ["rust"], **FAST)
        assert comparison.arm("rust/blocking").costs.system_calls is None
        assert "not measured: system calls (strace is not installed)" in str(comparison)


def workers():
    """The worker processes of this one."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "measuring.worker" in " ".join(child.cmdline()) or "aio-strategies-helper" in child.name()
    ]


@pytest.mark.slow
@pytest.mark.alone
class TestEnd:
    def interrupted_at(self, label_part, call):
        def show(done, total, label):
            if label_part in label:
                threading.Timer(0.03, os.kill, (os.getpid(), signal.SIGINT)).start()
                nonlocal sent
                sent = time.monotonic() + 0.03

        sent = 0.0
        result = call(show)
        return result, time.monotonic() - sent

    def test_ctrl_c_returns_what_was_measured(self):
        comparison, seconds = self.interrupted_at(
            "rust/thread, round 2",
            lambda show: aio.compare(["thread"], latency=0.1, requests=4, rounds=50, progress=show),
        )
        assert seconds < 1
        assert workers() == []
        assert comparison.ended == "interrupted"
        assert comparison.rounds in (1, 2)
        assert "interrupted: the figures cover" in str(comparison)
        assert aio.last_comparison() is comparison

    def test_ctrl_c_before_anything_was_measured_is_passed_on(self):
        def compare(show):
            with pytest.raises(KeyboardInterrupt):
                aio.compare(["blocking"], latency=0.2, requests=4, rounds=50, progress=show)

        _, seconds = self.interrupted_at("rust/blocking, warm-up", compare)
        assert seconds < 1
        assert workers() == []

    def test_no_worker_is_left(self, measured):
        assert workers() == []

    def test_no_worker_outlives_a_killed_caller(self):
        code = (
            "import aio_strategies as aio; aio.compare(['blocking', 'process'], latency=0.1, rounds=50,"
            " requests=4, progress=lambda d, t, label: print(label, flush=True))"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as caller:
            for line in caller.stdout:
                if "process, round 1" in line:
                    break
            children = psutil.Process(caller.pid).children(recursive=True)
            assert len(children) > 5
            caller.kill()
        gone, alive = psutil.wait_procs(children, timeout=10)
        assert len(gone) > 5
        assert alive == []

    def test_a_worker_that_dies_in_the_gate_is_named_with_its_last_words(self):
        def fatal(urls):
            print("what a pity", flush=True)
            os.abort()

        with pytest.raises(
            ComparisonError, match="fatal cannot be compared: its worker process died: killed by SIGABRT"
        ):
            aio.compare([], programs={"fatal": fatal}, **FAST)
        assert workers() == []


@pytest.mark.slow
@pytest.mark.alone
class TestAwaitable:
    def test_it_leaves_the_event_loop_to_other_tasks(self):
        async def main():
            ticks = 0

            async def tick():
                nonlocal ticks
                while True:
                    await asyncio.sleep(0.005)
                    ticks += 1

            ticking = asyncio.create_task(tick())
            comparison = await aio.acompare(["thread"], seed=2, **FAST)
            ticking.cancel()
            return comparison, ticks

        comparison, ticks = asyncio.run(main())
        assert comparison.rounds == 3
        assert comparison.seed == 2
        assert ticks > 5

    def test_cancelling_ends_it_at_once_and_keeps_what_was_measured(self):
        async def main():
            timing = asyncio.Event()
            loop = asyncio.get_running_loop()

            def show(done, total, label):
                if "round 3" in label:
                    loop.call_soon_threadsafe(timing.set)

            comparing = asyncio.create_task(aio.acompare(["thread"], latency=0.2, rounds=1000, progress=show))
            await timing.wait()
            comparing.cancel()
            began = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await comparing
            return time.monotonic() - began

        assert asyncio.run(main()) < 1
        assert workers() == []
        assert aio.last_comparison().ended == "interrupted"
        assert aio.last_comparison().rounds in (2, 3)

    def test_its_errors_are_those_of_compare(self, refusing):
        with pytest.raises(ComparisonError):
            asyncio.run(aio.acompare(["thread"], urls=[refusing], progress=False))
        with pytest.raises(ValueError, match="rounds must be"):
            asyncio.run(aio.acompare(rounds=0))

    def test_compare_works_inside_a_running_loop(self):
        async def main():
            return aio.compare(["asyncio"], **FAST)

        assert len(asyncio.run(main()).arms) == 2


@pytest.mark.parametrize(
    "first",
    [
        "import aio_strategies.measuring.plan",
        "from aio_strategies.measuring import session",
        "import aio_strategies.cli",
    ],
)
def test_compare_is_the_function_whatever_was_imported_first(first):
    code = f"{first}; import aio_strategies as aio; assert callable(aio.compare), aio.compare"
    subprocess.run([sys.executable, "-c", code], check=True)
