"""The sentence on each arm: what was measured is told, and nothing else."""

from dataclasses import replace

import aio_strategies as aio
import pytest
from aio_strategies.comparison.costs import Costs
from aio_strategies.comparison.kept_exchanges import KeptExchanges
from aio_strategies.lab.log import LogRecord
from test_comparison import made


def changed(comparison, **of_runs):
    """Return the comparison with attributes of all its runs changed."""
    return replace(comparison, timed_runs=tuple(replace(run, **of_runs) for run in comparison.timed_runs))


def costs(arm="rust/thread", requests=10, **known):
    return {arm: Costs(requests=requests, **known)}


def record(asked, last_byte):
    times = {
        "accepted": asked,
        "begun": asked,
        "request": asked,
        "first_byte": last_byte,
        "last_byte": last_byte,
        "closed": last_byte,
    }
    blank = dict.fromkeys(LogRecord._fields)
    return LogRecord(**{**blank, **times, "status": 200, "size": 1})


def exchanges(comparison, clients, records=None):
    """Return exchanges of the first run, at these times of the client: (start, service)."""
    kept = KeptExchanges()
    first = comparison.timed_runs[0]
    kept.add(first.index, 0, 0.0, clients, records or [None] * len(clients), {})
    return kept


def sentence(comparison, lang="en"):
    (text,) = comparison.explain(lang=lang).sentences.values()
    return text


class TestOverlap:
    def test_one_at_a_time(self):
        comparison = changed(made({"python/blocking": [0.203]}), peak_in_flight=1)
        assert "one exchange in flight at a time: 10 waits of 20 ms, one after another" in sentence(comparison)
        assert "同一时刻只有一个请求在途：10 × 20 ms 的等待首尾相接" in sentence(comparison, "zh")
        assert "serial time 200 ms, measured 203 ms" in sentence(comparison)
        assert "ideal" not in sentence(comparison)

    def test_less_than_a_millisecond(self):
        comparison = changed(made({"python/blocking": [0.0031]}, latency=0.00025), peak_in_flight=1)
        assert "10 waits of 0.25 ms, one after another" in sentence(comparison)

    def test_all_at_once(self):
        comparison = made({"rust/thread": [0.0209]})
        assert sentence(comparison).startswith("all 10 in flight at once; ")
        assert sentence(comparison).endswith("ideal 20 ms, measured 20.9 ms")
        assert sentence(comparison, "zh").startswith("10 个请求全部同时在途；")
        assert sentence(comparison, "zh").endswith("理想 20 ms，实测 20.9 ms")

    def test_in_turns(self):
        comparison = made({"rust/thread": [0.21]}, requests=100, concurrency=10)
        assert sentence(comparison).startswith("at most 10 of 100 in flight at once: at least 10 × 20 ms of waiting; ")
        fewer = changed(comparison, peak_in_flight=7)
        assert "at most 7 of 100 in flight at once, of the 10 allowed: at least 15 × 20 ms" in sentence(fewer)
        assert "100 个请求中同时在途的至多 7 个（允许 10 个）：至少要等 15 × 20 ms" in sentence(fewer, "zh")

    def test_a_users_arm_is_allowed_what_it_likes(self):
        assert "allowed" not in sentence(changed(made({"mine": [0.1]}), peak_in_flight=7))

    def test_a_single_request(self):
        comparison = changed(made({"rust/thread": [0.02]}, requests=1), peak_in_flight=1)
        assert sentence(comparison).startswith("a single request; ")
        assert "serial" not in sentence(comparison)

    def test_nothing_to_wait_for(self):
        text = sentence(changed(made({"python/blocking": [0.001]}, latency=0.0), peak_in_flight=1))
        assert text.startswith("one exchange in flight at a time; ")
        assert "×" not in text
        assert "measured" not in text


class TestProcessor:
    def busy(self, cpu, **known):
        comparison = changed(made({"rust/thread": [0.1]}), cpu_user=cpu, cpu_system=0.0)
        return replace(comparison, costs=costs(**known) if known else {})

    def test_of_a_core_where_nobody_saw_how_many_threads(self):
        assert "it used 4 % of a core" in sentence(self.busy(0.004))
        assert "thread" not in sentence(self.busy(0.004))
        assert "占用一个核的 4 %" in sentence(self.busy(0.004), "zh")

    def test_more_than_a_core(self):
        assert "it used 130 % of a core" in sentence(self.busy(0.13, threads=11, processes=1))

    def test_of_the_time_if_there_is_one_thread(self):
        alone = {"threads": 1, "processes": 1}
        assert "in one thread; it slept for 96 % of the time" in sentence(self.busy(0.004, **alone))
        assert "96 % 的时间里它在休眠" in sentence(self.busy(0.004, **alone), "zh")
        assert "it slept for more than 99 % of the time" in sentence(self.busy(0.0001, **alone))
        assert "99 % 以上的时间里它在休眠" in sentence(self.busy(0.0001, **alone), "zh")
        assert "it kept a core busy for 93 % of the time" in sentence(self.busy(0.093, **alone))

    def test_little(self):
        assert "it used less than 1 % of a core" in sentence(self.busy(0.0001))

    def test_a_clock_too_coarse_says_nothing(self):
        assert "core" not in sentence(self.busy(0.0))
        assert "处理器" not in sentence(self.busy(0.0), "zh")

    def test_asking_again_and_again(self):
        calls = {"recvfrom": 7698, "close": 10}
        spins = self.busy(0.1, threads=1, processes=1, system_calls=calls)
        assert (
            "it kept asking the kernel: 770 recvfrom calls per request, even slowed down by strace; "
            "it kept a core busy for 100 % of the time"
        ) in sentence(spins)
        assert "反复询问内核：即使被 strace 拖慢，每个请求仍调用 recvfrom 770 次" in sentence(spins, "zh")

    def test_many_calls_of_a_program_that_sleeps_are_no_asking(self):
        assert "asked" not in sentence(self.busy(0.01, system_calls={"recvfrom": 7698}))

    def test_a_busy_program_with_few_calls_asks_nothing(self):
        assert "asked" not in sentence(self.busy(0.1, system_calls={"recvfrom": 20}))
        assert "asked" not in sentence(self.busy(0.1, missing={"system_calls": "strace is not installed"}))


class TestHelpers:
    def test_processes(self):
        comparison = replace(made({"rust/thread": [0.05]}), costs=costs(threads=31, processes=11))
        assert "; with 10 more processes; " in sentence(comparison)
        assert "；另有 10 个进程；" in sentence(comparison, "zh")

    def test_threads_and_their_switches(self):
        comparison = replace(made({"rust/thread": [0.05]}), costs=costs(threads=2, processes=1))
        assert "; with 1 more thread; " in sentence(comparison)
        switching = changed(comparison, waits=160.0)
        assert "with 1 more thread and 16 context switches per request" in sentence(switching)
        assert "另有 1 个线程，每个请求 16 次上下文切换" in sentence(switching, "zh")
        unknown = changed(comparison, waits=None)
        assert "switches" not in sentence(unknown)


class TestDelays:
    def explained(self, wall, records, lang="en", **settings):
        comparison = made({"rust/process": [wall]}, requests=len(records), **settings)
        clients = [(0.001, wall - 0.001)] * len(records)
        comparison = changed(comparison, peak_in_flight=len(records))
        return sentence(replace(comparison, kept_exchanges=exchanges(comparison, clients, records)), lang)

    def test_before_between_and_after(self):
        records = [record(0.02, 0.04), record(0.03, 0.05)]
        assert (
            "of its 60 ms, 20 ms passed before the first request reached the server, 10 ms between the first request"
            " and the last and 10 ms after the last reply; "
        ) in self.explained(0.06, records)
        assert (
            "60 ms 中，第一个请求到达服务器前用去 20 ms，首末两个请求相隔 10 ms，最后一个响应之后又用去 10 ms；"
        ) in self.explained(0.06, records, "zh")

    def test_what_is_short_is_not_told(self):
        assert "of its" not in self.explained(0.0206, [record(0.0002, 0.0205), record(0.0004, 0.0205)])

    def test_nor_what_nobody_saw(self):
        assert "of its" not in self.explained(0.06, [None, None])

    def test_the_last_of_several_waves_waits_for_others(self):
        comparison = changed(made({"rust/thread": [0.06]}, requests=2, concurrency=1), peak_in_flight=1)
        kept = exchanges(comparison, [(0.0, 0.03)] * 2, [record(0.001, 0.03), record(0.03, 0.06)])
        assert "between" not in sentence(replace(comparison, kept_exchanges=kept))


class TestWithARate:
    def paced(self, starts):
        comparison = changed(made({"python/blocking": [0.2]}, requests=len(starts)), peak_in_flight=1)
        comparison = replace(comparison, settings=replace(comparison.settings, rate=100.0))
        return replace(comparison, kept_exchanges=exchanges(comparison, [(start, 0.02) for start in starts]))

    def test_what_is_in_flight_depends_on_it(self):
        text = sentence(self.paced([0.0, 0.01]))
        assert text.startswith("at most 1 in flight at once, with requests due at 100/s")
        assert "one after another" not in text
        assert "behind" not in text

    def test_falling_behind(self):
        text = sentence(self.paced([0.0, 0.02, 0.1]))
        assert "it fell behind: requests began up to 80 ms after they were due" in text
        assert "跟不上到达速度：有的请求迟了 80 ms 才开始" in sentence(self.paced([0.0, 0.02, 0.1]), "zh")

    def test_a_users_arm_has_no_part_in_it(self):
        comparison = made({"mine": [0.2]})
        comparison = replace(comparison, settings=replace(comparison.settings, rate=100.0))
        assert sentence(comparison).startswith("all 10 in flight at once; ")


class TestWithoutALab:
    comparison = made({"python/blocking": [0.2]}, latency=None, requests=20)

    def test_nothing_is_claimed_of_what_nobody_saw(self):
        assert sentence(self.comparison) == "it used 2 % of a core"
        assert sentence(self.comparison, "zh") == "占用一个核的 2 %"

    def test_the_clients_own_clock_tells_what_overlapped(self):
        one_by_one = exchanges(self.comparison, [(0.01 * i, 0.01 - 1e-9) for i in range(20)])
        text = sentence(replace(self.comparison, kept_exchanges=one_by_one))
        assert text == "one exchange in flight at a time; an exchange took 10 ms (median); it used 2 % of a core"
        together = exchanges(self.comparison, [(0.0, 0.01)] * 20)
        assert sentence(replace(self.comparison, kept_exchanges=together)).startswith("all 20 in flight at once; ")
        assert "一个请求耗时 10 ms（中位数）" in sentence(replace(self.comparison, kept_exchanges=together), "zh")


class TestReservations:
    def test_projected(self):
        comparison = changed(made({"python/blocking": [0.1]}, timed={"python/blocking": 5}), peak_in_flight=1)
        text = sentence(comparison)
        assert text.startswith("projected from 5 requests; one exchange in flight at a time: 10 waits of 20 ms")
        assert text.endswith("serial time 200 ms, measured ≈200 ms")
        assert sentence(comparison, "zh").startswith("由 5 个请求推算；")

    def test_projected_from_runs_of_two_sizes(self):
        comparison = made({"python/blocking": [0.1, 0.05, 0.1]}, timed={"python/blocking": 4})
        runs = [replace(run, requests=4 if number % 2 == 0 else 2) for number, run in enumerate(comparison.timed_runs)]
        comparison = replace(comparison, timed_runs=tuple(runs))
        assert "projected from 4 requests" in str(comparison)
        assert sentence(comparison).startswith("projected from 4 requests")

    def test_errors(self):
        comparison = made({"rust/thread": [0.02, 0.02]}, errors=1)
        assert sentence(comparison).endswith("; 2 of 20 requests failed")
        assert sentence(comparison, "zh").endswith("；20 个请求中有 2 个失败")

    def test_a_busy_server(self):
        comparison = changed(made({"rust/thread": [0.02]}), server_load=0.8)
        assert sentence(comparison).endswith("the lab server itself used 80 % of a core")
        assert sentence(comparison, "zh").endswith("实验服务器自身占用一个核的 80 %")


class TestExplain:
    comparison = made({"python/thread": [0.03], "rust/thread": [0.02], "mine": [0.02]})

    def test_all_or_one(self):
        assert list(self.comparison.explain().sentences) == ["python/thread", "rust/thread", "mine"]
        assert list(self.comparison.explain("mine").sentences) == ["mine"]
        lines = str(self.comparison.explain()).split("\n")
        assert [line.split("  ")[0] for line in lines] == ["python/thread", "rust/thread", "mine"]
        assert len({line.index("all 10") for line in lines}) == 1
        assert repr(self.comparison.explain()) == str(self.comparison.explain())

    def test_wrong_arguments(self):
        with pytest.raises(ValueError, match="'go/thread' is not one of the arms"):
            self.comparison.explain("go/thread")
        with pytest.raises(ValueError, match="lang must be 'en' or 'zh', not 'fr'"):
            self.comparison.explain(lang="fr")

    def test_in_the_notebook_it_is_folded_below_the_table(self):
        shown = self.comparison._repr_html_()
        assert ">why</summary>" in shown
        assert "all 10 in flight at once; " in shown
        assert "ideal 20\u00a0ms, measured 20\u00a0ms" in shown
        assert ">原因</th>" in self.comparison.explain(lang="zh")._repr_html_()
        assert "in flight at once" not in self.comparison.to_text()

    @pytest.mark.slow
    @pytest.mark.alone
    def test_of_a_real_comparison(self):
        measured = aio.compare(["blocking", "callback"], requests=4, latency=0.005, rounds=2, progress=False)
        told = measured.explain().sentences
        for language in ("python", "rust"):
            assert (
                "one exchange in flight at a time: 4 waits of 5 ms, one after another" in told[f"{language}/blocking"]
            )
            assert "all 4 in flight at once" in told[f"{language}/callback"]
