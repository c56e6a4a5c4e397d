"""The result of a comparison: what may be said of it, its tables, exports and files."""

import gzip
import json
import math
import multiprocessing
import os
import pickle
import platform
import re
import subprocess
import sys
import sysconfig
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import aio_strategies as aio
import pytest
from aio_strategies.catalogue import STRATEGIES
from aio_strategies.comparison.archive import SCHEMA
from aio_strategies.comparison.arm_times import TimedRun
from aio_strategies.comparison.comparison import Comparison
from aio_strategies.comparison.settings import Settings
from aio_strategies.comparison.sweep import Scaling
from aio_strategies.comparison.views import dots
from aio_strategies.display.text import width
from aio_strategies.exceptions import SchemaError
from aio_strategies.measuring.environment import describe
from test_exports import ARCHIVE, check

DATA = Path(__file__).parent / "data"


def made(walls, *, latency=0.02, requests=10, concurrency=10, errors=0, timed=None, beside=(), **changes):
    """Make a comparison from wall times, ``{arm: [seconds, ...]}``, as if it had been measured."""
    own = [name for name in walls if "/" not in name]
    arms = [name.split("/") for name in walls if "/" in name and "twin" not in name]
    settings = Settings(
        strategies=tuple(dict.fromkeys(strategy for _, strategy in arms)),
        languages=tuple(dict.fromkeys(language for language, _ in arms)) or ("python",),
        programs=tuple(own),
        baseline=next(iter(walls)),
        urls=None if latency is not None else ("http://example.org/",) * requests,
        requests=requests,
        concurrency=concurrency,
        latency=latency,
        rate=None,
        timeout=30.0,
        rounds=None,
        budget=30.0,
        beside=dict(beside),
    )
    runs = [
        TimedRun(
            round=number,
            index=index * 1000 + number,
            arm=arm,
            began=1.7e9,
            requests=(timed or {}).get(arm, requests),
            batches=1,
            wall=wall,
            cpu_user=0.003,
            cpu_system=0.001,
            waits=5.0,
            preemptions=5.0,
            errors=errors,
            peak_in_flight=10 if latency is not None else None,
            server_load=0.1 if latency is not None else None,
            generation=1,
        )
        for index, (arm, times) in enumerate(walls.items())
        for number, wall in enumerate(times, 1)
    ]
    return Comparison(settings, 1, {**describe(), "build_profile": "release"}, tuple(runs), {}, **changes)


def around(centre, count=20, spread=0.1):
    """Return as many values, evenly around the centre."""
    return [centre * math.exp(spread * (i - (count - 1) / 2) / count) for i in range(count)]


def jumbled(values):
    """Return the values in an order without a trend."""
    return [values[(7 * i) % len(values)] for i in range(len(values))]


class TestContrasts:
    comparison = made(
        {
            "python/blocking": jumbled(around(0.2)),
            "rust/blocking": around(0.2, spread=0.01),
            "python/thread": around(0.03),
            "rust/thread": jumbled(around(0.02)),
            "mine": around(0.4),
        }
    )

    def test_those_declared_are_rust_by_python_and_each_by_the_baseline(self):
        assert [(contrast.arm, contrast.base) for contrast in self.comparison.contrasts] == [
            ("rust/blocking", "python/blocking"),
            ("rust/thread", "python/thread"),
            ("python/thread", "python/blocking"),
            ("rust/thread", "python/blocking"),
            ("mine", "python/blocking"),
        ]

    def test_the_ratio_is_base_by_arm(self):
        contrast = self.comparison.contrast("rust/thread", "python/thread")
        assert contrast.ratio == pytest.approx(1.5, rel=0.01)
        assert contrast.low < 1.5 < contrast.high
        assert contrast.verdict == "faster"
        assert contrast.rounds == 20
        assert re.fullmatch(r"1\.50× faster \[1\.4\d, 1\.5\d\], 20 rounds", str(contrast))

    def test_the_other_way_round_it_is_the_inverse(self):
        forth = self.comparison.contrast("rust/thread", "python/thread")
        back = self.comparison.contrast("python/thread", "rust/thread")
        assert (back.ratio, back.low, back.high) == pytest.approx((1 / forth.ratio, 1 / forth.high, 1 / forth.low))
        assert back.verdict == "slower"
        assert str(back) == str(forth).replace("faster", "slower")
        assert back.inverse() == forth

    def test_equivalent_arms(self):
        assert self.comparison.contrast("rust/blocking", "python/blocking").verdict == "equivalent"

    def test_one_that_was_not_declared_is_judged_alone(self):
        contrast = self.comparison.contrast("mine", "rust/thread")
        assert contrast.ratio == pytest.approx(1 / 20, rel=0.02)
        assert contrast.verdict == "slower"

    def test_too_few_rounds_exclude_nothing_and_say_how_many_would(self):
        contrast = made({"python/thread": [0.03] * 3, "rust/thread": [0.02] * 3}).contrasts[0]
        assert (contrast.low, contrast.high) == (0, math.inf)
        assert str(contrast) == "undecided: 1.50× (3 of about 6 rounds)"
        assert contrast.half_width == math.inf

    def test_only_rounds_with_both_count(self):
        comparison = made({"python/thread": around(0.03), "rust/thread": around(0.02)[:12]})
        assert comparison.contrasts[0].rounds == 12

    def test_processor_time_has_words_of_its_own(self):
        comparison = made({"python/thread": around(0.03), "rust/thread": around(0.02)})
        lighter = replace(
            comparison,
            timed_runs=tuple(
                replace(run, cpu_user=run.cpu_user * (1 if "rust" in run.arm else 10)) for run in comparison.timed_runs
            ),
        )
        contrast = lighter.contrast("rust/thread", "python/thread", metric="cpu")
        assert str(contrast) == "7.7× less CPU [7.7, 7.7], 20 rounds"
        assert str(contrast.inverse()) == "7.7× more CPU [7.7, 7.7], 20 rounds"

    def test_a_clock_too_coarse_for_processor_time(self):
        comparison = made({"python/thread": around(0.03), "rust/thread": around(0.02)})
        idle = replace(
            comparison, timed_runs=tuple(replace(run, cpu_user=0.0, cpu_system=0.0) for run in comparison.timed_runs)
        )
        with pytest.raises(ValueError, match="share no round whose cpu time could be measured"):
            idle.contrast("rust/thread", "python/thread", metric="cpu")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("go/thread", "python/thread"), "'go/thread' is not one of the arms: python/blocking, "),
            (("rust/thread", "rust/thread"), "cannot be compared with itself"),
            (("rust/thread", "python/thread", "memory"), "metric must be 'wall' or 'cpu', not 'memory'"),
        ],
    )
    def test_wrong_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            self.comparison.contrast(*arguments)

    def test_the_twin_is_no_arm_but_a_check(self):
        comparison = made(
            {"python/thread": jumbled(around(0.03)), "rust/thread": around(0.02), "python/thread (twin)": around(0.03)}
        )
        assert [arm.name for arm in comparison.arms] == ["python/thread", "rust/thread"]
        check = comparison.aa_check
        assert check.low < 1 < check.high
        assert "A/A check: python/thread vs its twin 1.0" in str(comparison)
        ninety_five = comparison.contrast("rust/thread", "python/thread")
        assert check.half_width > ninety_five.half_width, "99 %"

    def test_a_twin_without_its_baseline_is_no_check(self):
        # as after Ctrl-C in the first round
        walls = {"python/thread": [], "rust/thread": jumbled(around(0.02)), "python/thread (twin)": [0.03]}
        comparison = made(walls)
        assert comparison.aa_check is None
        assert "rust" in str(comparison)
        assert comparison.warnings == ()


class TestArms:
    def test_medians_of_all_rounds(self):
        python, rust = made({"python/thread": [0.03, 0.05, 0.02], "rust/thread": [0.01, 0.02, 0.01]}).arms
        assert (python.median_wall, rust.median_wall) == (0.03, 0.01)
        assert python.walls == [0.03, 0.05, 0.02]
        assert python.median_cpu == pytest.approx(0.004)
        assert python.cpu_ms_per_request == pytest.approx(0.4)
        assert python.switches_per_request == 1
        assert python.wall_interval == (0.03, -math.inf, math.inf)

    def test_twenty_rounds_have_the_6th_and_the_15th_as_interval(self):
        walls = [0.01 * i for i in range(1, 21)]
        assert made({"rust/thread": walls}).arms[0].wall_interval == pytest.approx((0.105, 0.06, 0.15))

    def test_outliers_are_marked_and_kept(self):
        arm = made({"rust/thread": [*around(0.02), 0.9]}).arms[0]
        assert arm.outliers == [21]
        assert len(arm.walls) == 21
        assert [row["outlier"] for row in made({"rust/thread": [*around(0.02), 0.9]}).runs.rows()].count(True) == 1

    def test_fewer_requests_are_projected_and_marked(self):
        comparison = made({"python/blocking": around(0.2), "rust/thread": around(0.02)}, timed={"python/blocking": 5})
        blocking = comparison.arm("python/blocking")
        assert blocking.projected
        assert blocking.median_wall == pytest.approx(0.4, rel=1e-4)
        assert blocking.cpu_ms_per_request == pytest.approx(0.8)
        assert str(comparison).splitlines()[2].split("  ")[-1]
        assert "≈400.0  " in str(comparison), "there is no interval on what was not measured"
        assert comparison.contrast("rust/thread", "python/blocking").verdict == "incomparable"
        assert "  no verdict (≈20.0×)  " in str(comparison)
        assert "≈ projected from 5 requests, since the budget did not allow more (latencies cover" in str(comparison)
        assert (
            "≈ 由 5 个请求推算，因预算不足以测完全部（延迟数据亦仅含这些请求）：python/blocking"
            in comparison.to_markdown("zh")
        )
        assert "≈0.4000" in comparison.to_markdown("zh")
        assert comparison.runs["wall"][0] < 0.25, "raw values are as measured"

    def test_nor_is_there_a_verdict_in_chinese(self):
        walls = {"python/blocking": around(0.2), "rust/blocking": around(0.1)}
        text = made(walls, timed={"python/blocking": 5}).to_text("zh")
        assert "  不作判定（≈4.0 倍速）  " in text
        assert "不作判定：见警告，或耗时系推算" in text

    def test_with_a_rate_nothing_is_faster_than_the_last_request_is_due(self):
        comparison = made({"rust/thread": [4.0]}, requests=40, concurrency=10, latency=0.02)
        paced = replace(comparison, settings=replace(comparison.settings, rate=10.0))
        assert paced.ideal == pytest.approx(3.92)
        assert paced.serial == pytest.approx(3.92)
        assert paced.efficiency("rust/thread") == pytest.approx(0.98)

    def test_ideal_counts_whole_batches(self):
        comparison = made({"rust/thread": [0.12]}, requests=11, concurrency=5, latency=0.02)
        assert comparison.ideal == pytest.approx(0.06)
        assert comparison.serial == pytest.approx(0.22)
        assert comparison.efficiency("rust/thread") == pytest.approx(0.5)


class TestBesideTheirStrategy:
    """Programs that go by a strategy's name stand in its group, and are compared with both of its versions."""

    comparison = made(
        {
            "python/blocking": jumbled(around(0.2)),
            "rust/blocking": around(0.19),
            "python/thread": around(0.03),
            "rust/thread": jumbled(around(0.02)),
            "threads": around(0.04),
            "thread pool": around(0.06),
            "other": around(0.05),
        },
        beside={"threads": "thread", "thread pool": "thread"},
    )

    def test_in_the_english_table(self):
        lines = [re.split(r"  +", line) for line in str(self.comparison).splitlines()]
        assert lines[0][3:6] == ["vs Python", "vs Rust", "vs baseline"]
        assert [line[0] for line in lines[2:9]] == ["blocking (2.2.1)", "", "thread (2.2.3)", "", "", "", "other"]
        assert [line[1] for line in lines[4:8]] == ["python", "rust", "your code: threads", "your code: thread pool"]
        python, rust = lines[6][3:5]
        assert python.startswith("1.33× slower [")
        assert rust.startswith("2.0× slower [")

    def test_in_the_chinese_table(self):
        lines = self.comparison.to_markdown("zh").splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:6]]
        assert cells[0][3:7] == ["你的代码耗时（单位：秒）", "Rust 对 Python", "你的代码对 Python", "你的代码对 Rust"]
        assert [row[:4] for row in cells[2:]] == [
            ["同步阻塞", "0.2000", "0.1900", "–"],
            ["多线程", "0.0300", "0.0200", "0.0400"],
            ["多线程：thread pool", "–", "–", "0.0600"],
            ["other", "–", "–", "0.0500"],
        ]
        assert cells[3][5].startswith("0.75 倍速 [")
        assert cells[3][6].startswith("0.50 倍速 [")

    def test_without_rust_it_is_not_under_rust(self):
        alone = made({"rust/thread": around(0.02), "threads": around(0.04)}, beside={"threads": "thread"})
        title, _, row = alone.to_markdown("zh").splitlines()[:3]
        assert [cell.strip() for cell in title.strip("|").split("|")][1:4] == [
            "Rust 耗时（单位：秒）",
            "你的代码耗时（单位：秒）",
            "你的代码对 Rust",
        ]
        assert [cell.strip() for cell in row.strip("|").split("|")][1:3] == ["0.0200", "0.0400"]

    def test_these_contrasts_are_declared(self):
        declared = [(contrast.arm, contrast.base) for contrast in self.comparison.contrasts]
        for name in ("threads", "thread pool"):
            assert (name, "python/thread") in declared
            assert (name, "rust/thread") in declared
        assert len(declared) == len(set(declared))
        frame = self.comparison.summary
        place = frame["arm"].index("threads")
        assert frame["by_python"][place] == self.comparison.contrast("threads", "python/thread").ratio

    def test_they_must_be_precise_too(self):
        headline = {(contrast.arm, contrast.base) for contrast in self.comparison.headline}
        assert headline == {
            ("rust/blocking", "python/blocking"),
            ("rust/thread", "python/thread"),
            *((name, f"{language}/thread") for name in ("threads", "thread pool") for language in ("python", "rust")),
        }
        alone = made({"one": [0.1] * 6, "two": [0.2] * 6})
        assert alone.headline == list(alone.contrasts)

    def test_a_chart_shows_them_with_their_strategy(self):
        shown = [(dot.group, dot.name) for dot in dots(self.comparison)]
        assert shown[2:] == [
            ("thread", "python"),
            ("thread", "rust"),
            ("thread", "threads"),
            ("thread", "thread pool"),
            ("other", ""),
        ]

    def test_a_file_keeps_it(self, tmp_path):
        self.comparison.save(tmp_path / "c.json")
        loaded = aio.load(tmp_path / "c.json")
        assert loaded.settings == self.comparison.settings
        assert str(loaded) == str(self.comparison)


class TestTables:
    comparison = made(
        {
            "python/asyncio": jumbled(around(0.0312)),
            "rust/asyncio": jumbled(around(0.0208)),
            "python/blocking": jumbled(around(0.2461)),
            "rust/blocking": jumbled(around(0.2051)),
            "mine": jumbled(around(0.05)),
        }
    )

    def test_english_text(self):
        lines = str(self.comparison).splitlines()
        assert repr(self.comparison) == str(self.comparison)
        assert re.split(r"  +", lines[0]) == [
            "strategy (section)",
            "language",
            "wall, ms [95 %]",
            "Rust vs Python",
            "vs baseline",
            "CPU, ms/request",
            "peak in flight",
        ]
        assert re.split(r"  +", lines[2]) == [
            "asyncio (2.3.4)",
            "python",
            "31.2 [30.5, 31.9]",
            "baseline",
            "0.400",
            "10",
        ]
        cells = re.split(r"  +", lines[3].strip())
        assert cells[:2] == ["rust", "20.8 [20.3, 21.3]"]
        assert cells[2] == cells[3]
        assert re.fullmatch(r"1\.50× faster \[1\.[45]\d, 1\.5\d\]", cells[2])
        assert re.split(r"  +", lines[6])[:3] == ["mine", "–", "50.0 [48.9, 51.1]"]
        assert lines[-3:] == [
            "10 requests, 10 at a time, latency 20 ms, 20 rounds, seed 1",
            "wall: median of the rounds · […]: 95 % confidence interval · faster, slower: by more than 3 %",
            "ideal 20.0 ms (the lab's delay alone, 10 at a time) · serial 200.0 ms (the same, one at a time)",
        ]

    def test_terms_are_explained_where_they_appear_only(self):
        few = made({"python/thread": [0.03, 0.02], "rust/thread": [0.02, 0.02]}, latency=None)
        assert "wall, ms " in str(few)
        assert "95 %" not in str(few)
        assert "undecided: too few rounds to tell" in str(few)
        assert "undecided" not in str(self.comparison)
        assert "twin" not in str(few)
        assert not re.search("faster, slower|ideal|service", str(few))

    @pytest.mark.parametrize("columns", [60, 80, 100, 120, 200, 240])
    @pytest.mark.parametrize("lang", ["en", "zh"])
    def test_text_fits_a_terminal(self, columns, lang):
        for comparison in (self.comparison, aio.load(DATA / "comparison_schema_2.json")):
            lines = comparison.to_text(lang, columns=columns, costs=True).splitlines()
            assert max(map(width, lines)) <= columns
        assert max(map(width, str(self.comparison).splitlines())) > 120

    def test_at_a_prompt_it_fits_the_terminal(self, monkeypatch):
        monkeypatch.setattr("aio_strategies.comparison.comparison.terminal_columns", lambda: 70)
        assert repr(self.comparison) == self.comparison.to_text(columns=70) != str(self.comparison)

    def test_wide_intervals_have_fewer_digits(self):
        comparison = made({"rust/thread": jumbled(around(5.3413, spread=1.5)), "mine": jumbled(around(5.3413))})
        assert [re.split("  +", line.strip())[2] for line in str(comparison).splitlines()[2:4]] == [
            "5,345 [3,811, 7,486]",
            "5,341 [5,222, 5,463]",
        ]

    def test_costs_are_shown_if_asked_for(self):
        comparison = aio.load(DATA / "comparison_schema_2.json")
        assert "requests/s" not in comparison.to_text()
        assert "requests/s" in comparison.to_text(costs=True)

    def test_requests_per_second(self):
        assert self.comparison.summary["requests_per_second"][0] == pytest.approx(
            10 / self.comparison.arms[0].median_wall
        )
        titles, *rows = aio.load(DATA / "comparison_schema_2.json").to_markdown().split("\n\n")[1].splitlines()
        place = [title.strip() for title in titles.split("|")].index("requests/s")
        assert rows[1].split("|")[place].strip() == "180.4"

    def test_chinese_markdown_has_the_lecture_s_rows_columns_and_figures(self):
        lines = self.comparison.to_markdown("zh").splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:5]]
        assert cells[0] == [
            "程序",
            "Python 耗时（单位：秒）",
            "Rust 耗时（单位：秒）",
            "你的代码耗时（单位：秒）",
            "Rust 对 Python",
            "讲义 2021（单位：秒）",
        ]
        # in the lecture's order, whatever the order that was asked for
        assert cells[2][:3] == ["同步阻塞", "0.2461", "0.2051"]
        assert re.fullmatch(r"1\.20 倍速 \[1\.\d\d, 1\.\d\d\]", cells[2][4])
        assert cells[2][5] == "1.3751"
        assert cells[3][0::5] == ["asyncio", "–"]
        assert cells[4] == ["mine", "–", "–", "0.0500", "–", "–"]
        assert lines[-1] == "理想 0.0200 秒（只计实验服务器的延迟，并发 10） · 串行 0.2000 秒（同上，逐个请求）"

    def test_chinese_terms_are_explained_where_they_appear_only(self):
        blocking = jumbled(around(0.2))
        walls = {"python/blocking": blocking, "rust/blocking": around(0.2), "python/blocking (twin)": blocking[::-1]}
        equal = made(walls).to_text("zh")
        assert "倍速：后者耗时 ÷ 前者耗时 · […]：95 % 置信区间 · 相当：相差在 ±5 % 以内\n" in equal
        assert "（孪生：同一代码的另一进程，故应为 1）" in equal
        assert "仅列倍速者：相差超过 3 %\n" in self.comparison.to_text("zh")
        few = made({"python/thread": [0.03, 0.02], "rust/thread": [0.02, 0.02]}, latency=None).to_text("zh")
        assert "倍速：后者耗时 ÷ 前者耗时 · 未定：轮数不足，尚不能下结论\n" in few
        assert not re.search("置信区间|孪生|理想", few)
        assert "倍速" not in made({"rust/thread": [0.1]}).to_text("zh")

    def test_chinese_names_are_the_lecture_s(self):
        comparison = made({f"rust/{strategy}": [0.1] for strategy in STRATEGIES})
        lines = comparison.to_markdown("zh").splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:11]]
        assert [row[0] for row in rows] == [
            "同步阻塞",
            "多进程",
            "多线程",
            "非阻塞",
            "回调 + 事件循环",
            "生成器协程",
            "yield from",
            "asyncio",
            "io_uring",
        ]
        lecture = ["1.3751", "0.8139", "0.2436", "1.1245", "0.2548", "0.1850", "0.1895", "–", "–"]
        assert [row[-1] for row in rows] == lecture
        assert "Python" not in lines[0]

    def test_the_lecture_s_figures_are_shown_beside_as_many_requests_only(self):
        text = made({"rust/thread": [0.1]}, requests=20).to_text("zh")
        assert "讲义 2021（单位：秒）" not in text
        assert "讲义 2021 年的数据是 10 个请求的耗时" in text
        assert "0.2436" not in text

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
        assert {tag for tag, _ in seen} <= {
            *("table", "thead", "tbody", "tr", "th", "td", "div", "details", "summary", "b")
        }
        assert set().union(*(attributes for _, attributes in seen)) == {"style", "title"}
        assert "&lt;script&gt;" in comparison._repr_html_()

    def test_html_has_a_bar_in_proportion_to_the_wall_time(self):
        lengths = re.findall(r"width: ([0-9.]+)%", self.comparison._repr_html_())
        assert [float(length) for length in lengths] == pytest.approx([12.7, 8.5, 100.0, 83.3, 20.3], abs=0.1)

    def test_a_warning_stands_out_in_html(self):
        html = replace(self.comparison, ended="interrupted")._repr_html_()
        assert "<b>warning</b>: interrupted" in html
        assert html.count("interrupted: the figures") == 1


@pytest.fixture(scope="module")
def measured():
    """A comparison of four real arms."""
    return aio.compare(
        ["blocking", "thread"], seed=7, requests=12, concurrency=4, latency=0.002, rounds=6, progress=False
    )


class TestFrames:
    def test_summary(self, measured):
        frame = measured.summary
        assert frame["arm"] == ["python/blocking", "rust/blocking", "python/thread", "rust/thread"]
        assert frame["wall"] == [arm.median_wall for arm in measured.arms]
        assert frame["by_baseline"][0] is None
        assert frame["by_python"][3] == measured.contrast("rust/thread", "python/thread").ratio
        assert frame["by_python_verdict"][3] == measured.contrast("rust/thread", "python/thread").verdict
        assert all(0.002 <= p50 < 1 for p50 in frame["service_p50"])
        assert frame["service_p99.9"] == [None] * 4, "fewer than ten thousand exchanges"
        assert frame["connections_per_request"] == [1.0] * 4

    def test_latencies_tell_blocking_s_waiting(self, measured):
        blocking, thread = measured.arm("rust/blocking").latency, measured.arm("rust/thread").latency
        assert blocking.count == sum(12 * run.batches for run in measured.arm("rust/blocking").runs)
        # each request is served as fast, but waits for those before it
        assert blocking.service[0.5] < 2 * thread.service[0.5] + 0.01
        assert blocking.response[0.5] > 5 * 0.002
        assert blocking.response[0.9] > 10 * 0.002

    def test_runs_are_raw_and_have_the_twin(self, measured):
        frame = measured.runs
        assert len(frame) == 6 * 5
        assert frame.where(twin=True)["arm"] == ["python/blocking (twin)"] * 6
        assert sorted(frame["index"]) == list(range(30))

    def test_exchanges(self, measured):
        frame = measured.exchanges
        assert len(frame) == len(measured.kept_exchanges)
        assert set(frame["arm"]) == {arm.name for arm in measured.arms}

    def test_csv(self, measured):
        for table in ("summary", "runs", "exchanges"):
            lines = measured.to_csv(table).splitlines()
            assert len(lines) == 1 + len(getattr(measured, table))
        with pytest.raises(ValueError, match="table must be 'summary', 'runs' or 'exchanges', not 'all'"):
            measured.to_csv("all")

    def test_dataframes(self, measured):
        pandas = pytest.importorskip("pandas")
        polars = pytest.importorskip("polars")
        assert polars.DataFrame(measured.runs).height == 30
        assert measured.summary.to_polars()["wall"].to_list() == measured.summary["wall"]
        frame = measured.exchanges.to_pandas()
        assert isinstance(frame, pandas.DataFrame)
        assert frame.groupby("arm")["service"].median().min() >= 0.002


def test_comparisons_are_compared_by_identity(measured):
    copy = pickle.loads(pickle.dumps(measured))
    assert measured == measured
    assert measured != copy
    assert len({measured, copy}) == 2


class TestExport:
    def test_json_has_everything(self, measured):
        document = json.loads(measured.to_json(exchanges=True))
        assert document == measured.to_dict(exchanges=True)
        assert "exchanges" not in measured.to_dict()
        assert (document["schema"], document["seed"], document["rounds"]) == (SCHEMA, 7, 6)
        assert document["settings"] == {
            "strategies": ["blocking", "thread"],
            "languages": ["python", "rust"],
            "programs": [],
            "https": False,
            "keep_alive": False,
            "beside": {},
            "baseline": "python/blocking",
            "urls": None,
            "requests": 12,
            "concurrency": 4,
            "latency": 0.002,
            "rate": None,
            "timeout": 30.0,
            "rounds": 6,
            "budget": 30.0,
            "hosts": None,
            "site": None,
            "jitter": 0.0,
            "body_size": 1024,
            "bandwidth": None,
        }
        assert [run["index"] for run in document["runs"]] == list(range(30))
        assert len(document["exchanges"]["run"]) == len(measured.kept_exchanges)

    def test_environment_tells_the_machine_and_the_builds_but_no_host(self, measured):
        environment = measured.environment
        assert environment["cores"] >= environment["usable_cores"] >= 1
        assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
        assert environment["build_profile"] in ("debug", "release")
        assert environment["cpu"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", environment["date"])
        assert platform.node() not in environment.values()
        assert sys.prefix not in measured.to_json(exchanges=True)

    def test_a_comparison_can_be_pickled(self, measured):
        assert pickle.loads(pickle.dumps(measured)).to_json(exchanges=True) == measured.to_json(exchanges=True)

    def test_trace_and_archive_have_every_arm(self, measured):
        names = [arm.name for arm in measured.arms]
        trace = json.loads(json.dumps(measured.to_trace(), allow_nan=False))
        assert [e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "process_name"] == names
        har = json.loads(json.dumps(measured.to_har(), allow_nan=False))
        check(har, ARCHIVE)
        assert [page["title"] for page in har["log"]["pages"]] == names
        assert len(har["log"]["entries"]) == 12 * 4
        assert {entry["response"]["status"] for entry in har["log"]["entries"]} == {200}
        assert har["log"]["entries"][0]["request"]["url"].startswith("http://127.0.0.1:")

    def test_trace_shows_what_waits_for_what(self, measured):
        peaks = {}
        events = measured.to_trace()["traceEvents"]
        names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
        for event in events:
            if event["name"] == "in_flight":
                name = names[event["pid"]]
                peaks[name] = max(peaks.get(name, 0), *event["args"].values())
        assert list(peaks) == [arm.name for arm in measured.arms]
        assert peaks["python/blocking"] == peaks["rust/blocking"] == 1
        assert peaks["rust/thread"] > 1


class TestEnvironment:
    #: What ``describe`` returns in a new interpreter.
    DESCRIBED = "from aio_strategies.measuring.environment import describe; import json; print(json.dumps(describe()))"

    def described(self, **variables):
        done = subprocess.run(
            [sys.executable, "-c", self.DESCRIBED],
            env=os.environ | variables,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return json.loads(done.stdout)

    def test_how_python_runs(self):
        found = self.described()
        assert found["gil"] == ("enabled" if getattr(sys, "_is_gil_enabled", lambda: True)() else "disabled")
        assert found["free_threaded"] == bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
        assert found["start_method"] == found["default_start_method"] == multiprocessing.get_all_start_methods()[0]
        assert re.fullmatch(r"asyncio\.\w+EventLoop", found["event_loop"])

    def test_what_every_interpreter_here_is_told(self, tmp_path):
        """As where uvloop is installed as the policy of all."""
        (tmp_path / "quickloop.py").write_text(
            "import asyncio\n"
            "class Loop(asyncio.SelectorEventLoop): pass\n"
            "class Policy(asyncio.DefaultEventLoopPolicy): _loop_factory = Loop\n",
            encoding="utf-8",
        )
        (tmp_path / "quickloop-1.2.dist-info").mkdir()
        metadata = "Metadata-Version: 2.1\nName: quickloop\nVersion: 1.2\n"
        (tmp_path / "quickloop-1.2.dist-info" / "METADATA").write_text(metadata, encoding="utf-8")
        (tmp_path / "sitecustomize.py").write_text(
            "import asyncio, multiprocessing, quickloop\n"
            "asyncio.set_event_loop_policy(quickloop.Policy())\n"
            "multiprocessing.set_start_method('spawn')\n",
            encoding="utf-8",
        )
        found = self.described(PYTHONPATH=str(tmp_path))
        assert (found["event_loop"], found["start_method"]) == ("quickloop.Loop 1.2", "spawn")

    def test_only_what_is_unusual_is_told_below_the_table(self):
        usual = made({"rust/thread": [0.1]})
        assert str(usual).splitlines()[4] == "10 requests, 10 at a time, latency 20 ms, 1 round, seed 1"
        news = {
            "gil": "disabled",
            "default_start_method": "fork",
            "start_method": "spawn",
            "event_loop": "uvloop.Loop 1",
        }
        unusual = replace(usual, environment={**usual.environment, **news})
        told = "seed 1, without the GIL, processes started by spawn, event loop uvloop.Loop 1"
        assert str(unusual).splitlines()[4].endswith(told)
        told_zh = "种子 1，无 GIL，以 spawn 方式启动进程，事件循环 uvloop.Loop 1"
        assert unusual.to_text("zh").splitlines()[4].endswith(told_zh)
        free = replace(usual, environment={**usual.environment, "free_threaded": True})
        assert str(free).splitlines()[4].endswith(", free-threaded build with the GIL enabled")
        assert free.to_text("zh").splitlines()[4].endswith("，自由线程版 Python，但启用了 GIL")


class TestFiles:
    @pytest.mark.parametrize("name", ["c.json", "c.json.gz", "C.JSON.GZ"])
    def test_save_and_load(self, measured, tmp_path, name):
        measured.save(tmp_path / name)
        loaded = aio.load(tmp_path / name)
        assert loaded.to_dict(exchanges=True) == measured.to_dict(exchanges=True)
        assert str(loaded) == str(measured)
        assert loaded.to_har() == measured.to_har()
        if name.lower().endswith("gz"):
            assert gzip.decompress((tmp_path / name).read_bytes())

    @pytest.mark.parametrize("name", ["x.csv", "x.gz", "x", "json", ".json/x.txt"])
    def test_a_name_that_promises_another_format_is_refused(self, tmp_path, name):
        comparison = made({"rust/thread": [0.1]})
        with pytest.raises(ValueError, match=r"must end with \.json, \.json\.gz or \.html, not '"):
            comparison.save(tmp_path / name)
        with pytest.raises(ValueError, match=r"must end with \.json or \.json\.gz, not '"):
            Scaling("requests", [10], [comparison]).save(tmp_path / name)
        assert list(tmp_path.iterdir()) == []

    def test_the_json_of_the_command_line_is_read_too(self, measured, tmp_path):
        (tmp_path / "c.json").write_text(measured.to_json(), encoding="utf-8")
        loaded = aio.load(tmp_path / "c.json")
        assert loaded.contrasts == measured.contrasts
        assert len(loaded.kept_exchanges) == 0
        assert loaded.to_trace()["traceEvents"] == []

    def test_infinity_comes_back(self, tmp_path):
        comparison = made({"rust/thread": [0.1]})
        endless = replace(comparison, settings=replace(comparison.settings, budget=math.inf))
        endless.save(tmp_path / "c.json")
        assert aio.load(tmp_path / "c.json").settings.budget == math.inf

    def test_a_file_of_the_first_version(self):
        comparison = aio.load(DATA / "comparison_schema_1.json")
        assert [arm.name for arm in comparison.arms] == [
            "python/blocking",
            "rust/blocking",
            "python/thread",
            "rust/thread",
        ]
        assert comparison.rounds == 3
        old = json.loads((DATA / "comparison_schema_1.json").read_text(encoding="utf-8"))
        assert [arm.median_wall for arm in comparison.arms] == [arm["median_wall"] for arm in old["arms"]]
        assert comparison.arm("rust/thread").peak_in_flight == 10
        assert comparison.arm("rust/thread").costs is None
        assert "ideal 20.0 ms" in str(comparison)
        assert comparison.to_dict()["schema"] == SCHEMA
        assert [warning.kind for warning in comparison.warnings] == ["few_rounds"]

    def test_a_file_of_the_second_version(self):
        comparison = aio.load(DATA / "comparison_schema_2.json")
        old = json.loads((DATA / "comparison_schema_2.json").read_text(encoding="utf-8"))
        assert [arm.name for arm in comparison.arms] == [arm["arm"] for arm in old["arms"]]
        assert (comparison.settings.programs, comparison.settings.body_size) == (("mine",), 1024)
        kept = old["requests"]
        assert comparison.kept_exchanges.to_dict() == kept | {
            "begun": kept["accepted"],
            "secured": [None] * len(kept["run"]),
        }
        assert len(comparison.exchanges) == len(old["requests"]["run"])
        now = comparison.to_dict(exchanges=True)
        assert now["schema"] == SCHEMA
        for name in ("contrasts", "costs", "environment", "ideal", "serial", "aa_check"):
            assert now[name] == old[name], name
        assert now["conditions"] == old["conditions"] | {"strangers": 0}
        assert now["runs"] == [run | {"connections": None} for run in old["runs"]]
        for arm, before in zip(now["arms"], old["arms"], strict=True):
            # Latencies are the server's now.
            unlike = {name for name in before if name not in arm or arm[name] != before[name]}
            assert {name.partition("_")[0] for name in unlike} <= {"service", "response"}

    def test_a_sweep_is_saved_and_loaded(self, tmp_path, measured):
        swept = Scaling("requests", [12, 24], [measured, measured])
        swept.save(tmp_path / "sweep.json.gz")
        loaded = aio.load(tmp_path / "sweep.json.gz")
        assert isinstance(loaded, Scaling)
        assert (loaded.parameter, loaded.values) == ("requests", (12, 24))
        assert [one.to_dict(exchanges=True) for one in loaded] == [measured.to_dict(exchanges=True)] * 2
        assert str(loaded) == str(swept)
        assert list(loaded.summary.rows()) == list(swept.summary.rows())
        (tmp_path / "bad.json").write_text(f'{{"schema": {SCHEMA}, "kind": "scaling", "parameter": "requests"}}')
        with pytest.raises(SchemaError, match="damaged"):
            aio.load(tmp_path / "bad.json")

    def test_a_file_of_a_newer_version_says_so(self, measured, tmp_path):
        newer = measured.to_dict() | {"schema": SCHEMA + 1}
        (tmp_path / "c.json").write_text(json.dumps(newer), encoding="utf-8")
        with pytest.raises(
            SchemaError, match=rf"newer version of aio_strategies \(schema {SCHEMA + 1}; .* up to {SCHEMA}"
        ):
            aio.load(tmp_path / "c.json")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("no json", "contains no saved comparison"),
            ("{}", "no schema number"),
            ("[]", "no schema number"),
            ('{"schema": 2}', r"\(schema 2\) is damaged: KeyError\('settings'\)"),
        ],
    )
    def test_anything_else_is_refused(self, tmp_path, text, message):
        (tmp_path / "c.json").write_text(text, encoding="utf-8")
        with pytest.raises(SchemaError, match=message) as caught:
            aio.load(tmp_path / "c.json")
        assert isinstance(caught.value, ValueError)

    def test_a_damaged_compressed_file_is_refused(self, measured, tmp_path):
        measured.save(tmp_path / "c.json.gz")
        whole = (tmp_path / "c.json.gz").read_bytes()
        for name, content in {
            "cut": whole[: len(whole) // 2],
            "changed": whole[:100] + bytes(20) + whole[120:],
            "plain": b"no compressed file",
        }.items():
            (tmp_path / f"{name}.gz").write_bytes(content)
            with pytest.raises(SchemaError, match=f"{name}.gz contains no saved comparison: "):
                aio.load(tmp_path / f"{name}.gz")

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            aio.load(tmp_path / "none.json")


class TestSeveralOnATerminal:
    """The tables of several comparisons give way as that of a single one does."""

    one = made(
        {"python/blocking": around(0.2), "python/thread": around(0.03), "a program of a long name": around(0.02)}
    )
    SHOWN = (
        aio.Comparison.concat([one] * 2),
        aio.Comparison.concat([one] * 2, ["Intel(R) Xeon(R) Processor @ 2.80GHz", "the machine in the cellar"]),
        Scaling("requests", [10**power for power in range(7)], [one] * 7),
        one.diff(one),
    )

    @pytest.mark.parametrize("shown", SHOWN)
    @pytest.mark.parametrize("columns", [60, 80, 100, 120, 200, 240])
    def test_no_line_is_too_long(self, shown, columns, monkeypatch):
        assert max(map(width, shown.to_text(columns=columns).splitlines())) <= columns
        monkeypatch.setattr("aio_strategies.comparison.sequence.terminal_columns", lambda: columns)
        assert repr(shown) == shown.to_text(columns=columns)
        assert str(shown) == shown.to_text()

    def test_no_label_loses_what_stands_in_brackets(self):
        lines = self.SHOWN[1].to_text(columns=80).splitlines()
        assert "Intel(R) Xeon(R)" in lines[0]
        assert "Processor @ 2.80GHz" in lines[1]

    def test_of_a_sweep_the_largest_values_stay(self):
        assert self.SHOWN[2].to_text(columns=60).splitlines()[0].endswith("  1,000,000")

    @pytest.mark.parametrize("shown", SHOWN)
    def test_html_says_what_each_column_means(self, shown):
        html = shown._repr_html_()
        assert html.count("<th title=") == html.count("<th ")


class TestSeveral:
    here = made({"python/thread": around(0.03), "rust/thread": around(0.02)})
    there = made({"python/thread": around(0.09), "rust/thread": around(0.03)})

    def test_they_compare_ratios_and_never_seconds(self):
        both = aio.Comparison.concat([self.here, self.there], ["here", "there"])
        assert both.contrasts["machine"] == ["here", "there"]
        assert both.contrasts["ratio"] == pytest.approx([1.5, 3.0])
        assert "wall" not in both.contrasts.columns
        lines = str(both).splitlines()
        assert re.split(r"  +", lines[0]) == ["arm", "by", "here", "there"]
        assert re.split(r"  +", lines[2])[:2] == ["rust/thread", "python/thread"]
        assert "1.50× faster" in lines[2]
        assert "3.0× faster" in lines[2]
        assert "<table" in both._repr_html_()
        assert both.to_markdown().startswith("| arm")
        assert list(both) == [self.here, self.there]

    def test_programs_of_different_names_have_a_row_each(self):
        both = aio.Comparison.concat(
            [made({"python/thread": around(0.03), name: around(0.02)}) for name in ("old", "new")], ["first", "second"]
        )
        rows = [re.split(r"  +", line) for line in str(both).splitlines()[2:4]]
        assert [(row[0], row[1], row[3 if row[0] == "old" else 2]) for row in rows] == [
            ("old", "python/thread", "–"),
            ("new", "python/thread", "–"),
        ]

    def test_an_arm_alone_has_no_ratio_and_the_table_says_so(self):
        both = aio.Comparison.concat([made({name: around(0.02)}) for name in ("old", "new")], ["first", "second"])
        for shown in (str(both), both.to_markdown(), both._repr_html_()):
            assert "first: only old was timed, so there is no ratio to show" in shown
            assert "second: only new was timed" in shown
        assert len(both.contrasts) == 0
        assert str(both).startswith("first: only old"), "no table without rows"

    def test_comparisons_of_other_work_are_refused(self):
        other = made({"python/thread": around(0.09), "rust/thread": around(0.03)}, latency=0.5)
        with pytest.raises(ValueError, match="not about the same work: latency is"):
            aio.Comparison.concat([self.here, other])

    def test_whatever_belongs_to_the_work_must_be_the_same(self):
        other = replace(self.here, settings=replace(self.here.settings, hosts=("example.com:80",)))
        with pytest.raises(ValueError, match="not about the same work: hosts is"):
            aio.Comparison.concat([self.here, other])
        longer = replace(self.here, settings=replace(self.here.settings, budget=60.0, rounds=20))
        assert len(aio.Comparison.concat([self.here, longer])) == 2

    def test_same_processors_are_told_apart(self):
        both = aio.Comparison.concat([self.here, self.there])
        assert len(set(both.labels)) == 2

    @pytest.mark.parametrize(
        ("count", "labels", "message"),
        [(0, None, "comparisons is empty"), (2, ["one"], "as many labels"), (2, ["a", "a"], "the same: a, a")],
    )
    def test_wrong_arguments(self, count, labels, message):
        with pytest.raises(ValueError, match=message):
            aio.Comparison.concat([self.here] * count, labels)


class TestScaling:
    @pytest.mark.slow
    def test_over_requests(self):
        swept = aio.scaling(
            "requests", [4, 8], ["blocking", "callback"], latency=0.003, rounds=2, concurrency=4, progress=False
        )
        assert swept.values == (4, 8)
        assert [comparison.settings.requests for comparison in swept] == [4, 8]
        assert swept.summary["requests"] == [4] * 4 + [8] * 4
        walls = swept.summary.where(arm="rust/blocking")["wall"]
        assert walls[0] >= 4 * 0.003
        assert walls[1] >= 8 * 0.003
        lines = str(swept).splitlines()
        assert re.split(r"  +", lines[0]) == ["wall, ms, by requests", "4", "8"]
        assert [line.split()[0] for line in lines[2:8]] == [
            "python/blocking",
            "rust/blocking",
            "python/callback",
            "rust/callback",
            "ideal",
            "serial",
        ]
        assert "<table" in swept._repr_html_()
        assert swept.to_markdown().startswith("| wall")

    @pytest.mark.parametrize("parameter", ["concurrency", "latency"])
    @pytest.mark.slow
    def test_over_the_others(self, parameter):
        values = [1, 2] if parameter == "concurrency" else [0.001, 0.004]
        swept = aio.scaling(parameter, values, "thread", "rust", requests=2, rounds=1, progress=False)
        assert [getattr(comparison.settings, parameter) for comparison in swept] == values
        assert swept.summary[parameter] == values

    @pytest.mark.parametrize(
        ("arguments", "changes", "error", "message"),
        [
            (("rounds", [1]), {}, ValueError, "must be 'requests', 'concurrency' or 'latency', not 'rounds'"),
            (("requests", []), {}, ValueError, "values is empty"),
            (("requests", [1]), {"requests": 5}, TypeError, "requests is the swept parameter"),
            (("requests", [1]), {"arms": {}}, TypeError, "unexpected keyword argument 'arms'"),
            (("latency", [None]), {}, TypeError, "values must be numbers"),
            (("requests", [1]), {"urls": ["http://a/"]}, ValueError, "requests cannot be swept with urls="),
            (("latency", [1]), {"urls": ["http://a/"]}, ValueError, "latency cannot be swept with urls="),
            (("requests", [5, 0]), {}, ValueError, "requests must be at least 1, not 0"),
            (("concurrency", [1, True]), {}, TypeError, "concurrency must be an integer of at least 1, not True"),
            (("requests", [1]), {"budget": -1}, ValueError, "budget must be"),
        ],
    )
    def test_wrong_arguments(self, arguments, changes, error, message):
        with pytest.raises(error, match=message):
            aio.scaling(*arguments, **changes)
