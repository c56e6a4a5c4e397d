"""The pictures: what is in them agrees with the data, nothing lies on anything else, and a browser shows them."""

from __future__ import annotations

import base64
import heapq
import json
import math
import pickle
import random
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import pairwise

import aio_strategies as aio
import pytest
from aio_strategies.comparison.kept_exchanges import KeptExchanges
from aio_strategies.comparison.sweep import Scaling
from aio_strategies.comparison.typical_runs import exchange_at
from aio_strategies.comparison.views import distributions
from aio_strategies.display.batch import Batch, in_flight, peak, thinned
from aio_strategies.display.batch_charts import throughput_chart, waterfall_chart
from aio_strategies.display.colours import DARK, INK, PAPER, SHADES
from aio_strategies.display.density import cells_of
from aio_strategies.display.interval_charts import Dot, dots_chart
from aio_strategies.display.picture import Picture
from aio_strategies.display.rendering import render
from aio_strategies.display.scale import Scale, figure, spanning
from aio_strategies.display.svg_renderer import spread
from aio_strategies.display.text import fitted, text_width
from aio_strategies.lab.log import LogRecord
from aio_strategies.results import CPUTime, Response, Run
from test_comparison import around, made
from test_exports import seeds

SVG = "{http://www.w3.org/2000/svg}"
FOUR = ("python/blocking", "rust/blocking", "python/thread", "rust/thread")
ALL = tuple(f"{language}/{strategy.key}" for strategy in aio.strategies() for language in strategy.waits_by)

PERCENTILES = ("service_p50", "service_p90", "service_p99")


def compared(requests, concurrency, arms=FOUR, *, latency=0.02, phases=True, errors=None, rate=None):
    """Make a comparison with the exchanges of one run of each arm."""
    rng = random.Random(1)
    walls, exchanges = {}, KeptExchanges()
    for number, arm in enumerate(arms):
        free = [0.0] * (1 if "blocking" in arm else concurrency)
        clients, records = [], []
        for request in range(requests):
            due = request / rate if rate else 0.0
            start = max(heapq.heappop(free), due) + rng.uniform(0.0001, 0.0003)
            service = latency * rng.uniform(1.0, 1.2)
            heapq.heappush(free, start + service)
            clients.append((start, service))
            end = start + service
            times = start, None, start, start + 0.002, end - 0.002, end, end
            records.append(LogRecord(request + 1, request + 1, "/", 200, 100, *times) if phases else None)
        exchanges.add(1000 * number + 1, 0, 0.0, clients, records, errors or {})
        walls[arm] = around(max(start + service for start, service in clients), 12)
    found = made(walls, requests=requests, concurrency=concurrency, latency=latency, kept_exchanges=exchanges)
    return replace(found, settings=replace(found.settings, rate=rate))


def scaled(values=(10, 30, 100), arms=FOUR):
    return Scaling("requests", values, [compared(value, 5, arms) for value in values])


def parsed(picture: Picture) -> ElementTree.Element:
    return ElementTree.fromstring(picture.svg)


def texts(picture: Picture) -> list[str]:
    return [text.text or "" for text in parsed(picture).iter(f"{SVG}text")]


def bars(picture: Picture, what: str) -> list[list[tuple[float, float, float]]]:
    """Return x, y and width of the bars of each path of that name."""
    return [
        [tuple(map(float, bar)) for bar in re.findall(r"M(\S+) (\S+?)h([^M]+)", path.get("d"))]
        for path in parsed(picture).iter(f"{SVG}path")
        if path.get("class") == what
    ]


def overlaps(picture: Picture) -> list[tuple[str, str]]:
    """Return which texts lie on each other, or leave the picture, by widths of letters on average."""
    boxes = []
    root = parsed(picture)
    for text in root.iter(f"{SVG}text"):
        size = float(text.get("font-size"))
        # on a telephone's page, which is 375 pixels wide less its margins
        assert size * 359 / float(root.get("width")) >= 8.5
        width = 0.92 * text_width(text.text or "", size)
        x, y = float(text.get("x")), float(text.get("y"))
        before = {"middle": width / 2, "end": width}.get(text.get("text-anchor"), 0)
        if text.get("transform"):
            assert text.get("transform") == f"rotate(-90 {text.get('x')} {text.get('y')})"
            boxes.append((x - 0.75 * size, y + before - width, x, y + before, text.text))
        else:
            boxes.append((x - before, y - 0.75 * size, x - before + width, y, text.text))
    found = [
        (a[4], b[4])
        for place, a in enumerate(boxes)
        for b in boxes[:place]
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]
    wide, high = float(root.get("width")), float(root.get("height"))
    return found + [(box[4], "edge") for box in boxes if box[0] < 0 or box[1] < 0 or box[2] > wide or box[3] > high]


def steady(name: str, count: int, at_once: int, failed=()) -> Batch:
    """Return exchanges of which always as many are in flight, one beginning as another ends."""
    starts = [0.001 * place for place in range(count)]
    return Batch(name, "", starts, [start + 0.001 * at_once for start in starts], starts, (), frozenset(failed))


def maps(picture: Picture) -> list[list[str]]:
    """Return the shades of each panel's map."""
    found = [path for path in parsed(picture).iter(f"{SVG}path") if path.get("class") == "density"]
    tops = [float(re.match(r"M\S+ ([\d.]+)", path.get("d"))[1]) for path in found]
    shades = [path.get("stroke") for path in found]
    second = next(place for place, (a, b) in enumerate(pairwise(tops), 1) if b > a + 100)
    return [shades[:second], shades[second:]]


class TestPicture:
    picture = Picture('<svg xmlns="http://www.w3.org/2000/svg"/>', 'A "title" <&>', "a sketch")

    def test_html_is_an_image_that_an_untrusted_notebook_keeps(self):
        shown = self.picture._repr_html_()
        style = "max-width: 100%; min-width: 340px; height: auto"
        source = rf'<img alt="[^"<>]*" style="{style}" src="data:image/svg\+xml;base64,([^"<>]*)">'
        found = re.fullmatch(f'<div style="overflow-x: auto">{source}</div>', shown)
        assert base64.b64decode(found[1]).decode() == self.picture.svg

    def test_files(self, tmp_path):
        self.picture.save(tmp_path / "a.svg")
        assert (tmp_path / "a.svg").read_text() == self.picture.svg
        self.picture.save(str(tmp_path / "a.html"))
        assert self.picture._repr_html_() in (tmp_path / "a.html").read_text()
        assert '<meta name="viewport" content="width=device-width">' in (tmp_path / "a.html").read_text()
        with pytest.raises(ValueError, match=r"\.svg, \.html, \.png or \.pdf, not 'a.gif'"):
            self.picture.save(tmp_path / "a.gif")

    @pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF")])
    def test_files_of_the_extra(self, tmp_path, name, magic):
        pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
        compared(10, 10).plot().save(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(magic)

    def test_without_the_extra_it_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "vl_convert", None)
        with pytest.raises(ImportError, match=r"a \.png file needs .* 'aio-strategies\[plot\]'"):
            self.picture.save(tmp_path / "a.png")

    def test_it_is_plain_text_too(self):
        assert repr(self.picture) == 'A "title" <&>\na sketch'

    def test_it_does_not_change(self):
        with pytest.raises(AttributeError):
            self.picture.svg = ""
        assert pickle.loads(pickle.dumps(self.picture)) == self.picture


class TestDots:
    def test_a_dot_for_each_arm_and_both_lines(self):
        comparison = compared(10, 10)
        picture = comparison.plot()
        assert len(list(parsed(picture).iter(f"{SVG}circle"))) == 4
        assert [text for text in texts(picture) if "ideal" in text or "serial" in text] == [
            "ideal 20.0 ms",
            "serial 200.0 ms",
        ]
        assert "wall time, ms (logarithmic)" in texts(picture)
        assert [line.split()[0] for line in repr(picture).splitlines()[1:]] == list(FOUR)

    def test_the_dots_are_where_the_axis_says(self):
        picture = made({"python/thread": around(0.05), "rust/thread": around(0.1)}, latency=None).plot()
        dots = [float(dot.get("cx")) for dot in parsed(picture).iter(f"{SVG}circle")]
        ticks = {
            text.text: float(text.get("x"))
            for text in parsed(picture).iter(f"{SVG}text")
            if text.text in ("0", "20", "40", "60", "80", "100")
        }
        assert dots == pytest.approx([(ticks["40"] + ticks["60"]) / 2, ticks["100"]], abs=0.2)

    def test_a_projected_arm_is_hollow(self):
        walls = {"python/thread": around(0.05), "rust/thread": around(0.04)}
        hollow, filled = parsed(made(walls, timed={"python/thread": 5}).plot()).iter(f"{SVG}circle")
        assert hollow.get("fill") != filled.get("fill")
        assert hollow.get("stroke-width") == "2"

    def test_few_runs_have_no_interval(self):
        picture = made({"python/thread": [0.05] * 3, "rust/thread": [0.04]}).plot()
        assert "dot: median; without a bar: fewer than 6 runs" in texts(picture)
        assert not re.search(r"nan|inf", picture.svg)

    def test_ideal_and_serial_may_be_the_same(self):
        assert "ideal = serial 200.0 ms" in texts(compared(10, 1).plot())

    def test_lines_close_to_each_other_cross_no_label(self):
        dots = [Dot("thread", "rust", "rust", 0.3, 0.28, 0.33), Dot("thread", "python", "python", 1.4, 1.3, 1.6)]
        picture = render(dots_chart(dots, [("ideal", 0.3), ("serial", 0.31)], "close"))
        labels = [text for text in parsed(picture).iter(f"{SVG}text") if text.text.startswith(("ideal", "serial"))]
        dashed = [path for path in parsed(picture).iter(f"{SVG}path") if path.get("stroke-dasharray")]
        assert len({text.get("y") for text in labels}) == len(dashed) == 2
        tops = [float(re.match(r"M\S+ ([\d.]+)", path.get("d"))[1]) for path in dashed]
        assert min(tops) > max(float(text.get("y")) for text in labels)

    def test_names_are_escaped_and_shortened(self):
        name = "<script>alert('1')<br>\0\ud800" + "x" * 200
        comparison = made({"python/thread": around(0.05), name: around(0.04)})
        picture = comparison.plot()
        assert "<script" not in picture.svg
        assert any(text.startswith("<script>") and text.endswith("…") for text in texts(picture))
        assert overlaps(picture) == []
        assert "<script" not in picture._repr_html_()


class TestWaterfall:
    @pytest.mark.parametrize("requests", [1, 10, 100])
    def test_a_bar_for_each_exchange_and_each_phase(self, requests):
        comparison = compared(requests, 10)
        picture = comparison.waterfall()
        for what in ("exchanges", "send", "wait", "receive"):
            assert [len(path) for path in bars(picture, what)] == [requests] * 4
        queued = sum(len(path) for path in bars(picture, "queued"))
        assert queued == 4 * requests  # none begins at once

    def test_one_axis_of_time(self):
        comparison = compared(10, 10)
        picture = comparison.waterfall()
        drawn = [bar for panel in bars(picture, "exchanges") for bar in panel]
        exchanges = [exchange_at(comparison, place) for place in range(len(comparison.kept_exchanges))]
        zero = min(x for panel in bars(picture, "queued") for x, _, _ in panel)
        x, latest = max(zip([bar[0] for bar in drawn], exchanges, strict=True), key=lambda pair: pair[0])
        scale = (x - zero) / latest.start
        for (x, _, width), exchange in zip(drawn, exchanges, strict=True):
            assert x == pytest.approx(zero + scale * exchange.start, abs=2)
            assert width == pytest.approx(drawn[0][2] / exchanges[0].service * exchange.service, rel=0.02)

    def test_of_many_it_is_a_map(self):
        picture = compared(501, 100).waterfall()
        assert bars(picture, "exchanges") == []
        assert len(bars(picture, "density")) >= 4

    def test_shades_mean_the_same_in_all_panels(self):
        picture = render(waterfall_chart([steady("few", 600, 2), steady("many", 600, 14)], "both"))
        few, many = (set(strokes) for strokes in maps(picture))
        # on average 2 in flight, and 14 of each row's
        assert few < {*SHADES[:4]}
        assert SHADES[4] in many - few
        assert "exchanges in flight per row of 14 requests:" in texts(picture)
        assert [text for text in texts(picture) if "≤" in text] == ["≤ 1", "≤ 2", "≤ 5", "≤ 10", "≤ 20"]

    @pytest.mark.parametrize("count", [40, 500, 501, 10_000])
    def test_failures_are_marked_and_counted(self, count):
        failed = {3, count // 2, count - 1}
        picture = render(waterfall_chart([steady("a", count, 10, failed), steady("b", count, 10)], "failures"))
        ((*found,),) = bars(picture, "failures")
        assert len(found) == 3
        assert [x for x, *_ in found] == sorted(x for x, *_ in found)
        told = [text for text in texts(picture) if "exchange" in text and "row" not in text]
        assert [", 3 failed," in text for text in told] == [True, False]
        assert "failed" in texts(picture)
        assert "3 failed" in repr(picture)

    def test_failures_of_a_large_comparison_are_seen(self):
        comparison = compared(1000, 10, errors={7: "reset", 990: "reset"})
        assert [text.split(", ")[1] for text in texts(comparison.waterfall()) if " failed," in text] == ["2 failed"] * 4

    def test_many_failures_make_no_large_picture(self):
        count = 25_000
        assert len(render(waterfall_chart([steady("a", count, 500, set(range(count)))], "all")).svg) < 200_000

    def test_arms_that_fetched_fewer_are_told(self):
        comparison = compared(10, 10)
        assert not any("different numbers of exchanges" in text for text in texts(comparison.waterfall()))
        fewer = replace(comparison, kept_exchanges=KeptExchanges())
        for run, count in ((1, 10), (1001, 4)):
            fewer.kept_exchanges.add(run, 0, 0.0, [(0.0, 0.02)] * count, [None] * count, {})
        assert any("different numbers of exchanges" in text for text in texts(fewer.waterfall()))

    def test_notes_are_whole(self):
        names = [f"arm {number} with a long name" for number in range(8)]
        comparison = made({name: around(0.05) for name in names})
        told = " ".join(texts(comparison.waterfall()))
        assert f"no exchanges were kept for {', '.join(names)}" in told
        assert overlaps(comparison.waterfall()) == []

    def test_chosen_arms(self):
        comparison = compared(10, 10)
        picture = comparison.waterfall(["rust/thread"])
        assert "rust/thread" in texts(picture)
        assert "python/thread" not in texts(picture)
        with pytest.raises(ValueError, match="'rust/uring' is not one of the arms"):
            comparison.waterfall(["rust/uring"])
        with pytest.raises(TypeError, match="arms must be a list of names"):
            comparison.in_flight("rust/thread")

    def test_arms_without_exchanges_are_named(self):
        comparison = made({"python/thread": around(0.05)})
        for picture in (comparison.waterfall(), comparison.in_flight()):
            assert "no exchanges were kept for python/thread" in texts(picture)

    def test_without_phases(self):
        picture = compared(10, 10, phases=False).waterfall()
        assert [len(path) for path in bars(picture, "exchanges")] == [10] * 4
        assert bars(picture, "wait") == []

    def test_the_map_has_as_much_as_the_exchanges_took(self):
        starts = [random.Random(7).uniform(0, 5) for _ in range(3000)]
        ends = [start + 0.7 for start in starts]
        cells = cells_of(Batch("a", "", starts, ends, starts), 6.0, 70, 200)
        assert sum(map(sum, cells)) * 6.0 / 200 == pytest.approx(3000 * 0.7)
        assert min(map(min, cells)) > -1e-6


class TestInFlight:
    def test_peaks_are_those_of_the_data(self):
        comparison = compared(100, 10)
        told = [text for text in texts(comparison.in_flight()) if text.startswith("peak")]
        assert [int(text.split()[1]) for text in told] == [1, 1, 10, 10]

    def test_one_that_ends_makes_room_for_the_next(self):
        assert in_flight([0, 1, 1], [1, 2, 1]) == [(0, 1), (1, 1), (2, 0)]
        assert in_flight([], []) == []
        assert peak([]) == (0.0, 0)

    @seeds
    def test_thinning_keeps_the_extremes(self, seed):
        rng = random.Random(seed)
        starts = [rng.uniform(0, 1) for _ in range(2000)]
        steps = in_flight(starts, [start + rng.expovariate(20) for start in starts])
        thin = thinned(steps, steps[-1][0], 50)
        assert len(thin) <= 4 * 51
        assert thin == sorted(thin)
        assert set(thin) <= set(steps)
        assert max(count for _, count in thin) == peak(steps)[1]
        assert thin[0] == steps[0]
        assert thin[-1] == steps[-1]


class TestLatencies:
    def test_a_panel_for_each_strategy_and_a_line_for_each_arm(self):
        picture = compared(100, 10).latencies()
        assert len([path for path in parsed(picture).iter(f"{SVG}path") if path.get("class") == "latency"]) == 4
        assert {"blocking", "thread", "python", "rust", "percentile"} <= set(texts(picture))
        assert "rust/thread" not in texts(picture)

    @pytest.mark.parametrize("requests", [20, 99, 1000])
    def test_a_curve_is_the_distribution_and_ends_with_ten_beyond(self, requests):
        comparison = compared(requests, 10)
        for one in distributions(comparison, comparison.arms):
            frame = comparison.exchanges.where(arm=one.arm)
            services = sorted(frame["service"])
            assert one.count == len(services) == requests
            assert one.told == comparison.arm(one.arm).latency.service
            assert [share for share, _ in one.curve] == sorted({share for share, _ in one.curve})
            for share, limit in one.curve:
                no_longer = sum(service <= limit for service in services)
                assert share * requests <= no_longer + 1e-6 < share * requests + 1.001
            assert one.curve[0][1] == services[0]
            assert sum(service > one.curve[-1][1] for service in services) == 10

    def test_only_percentiles_with_ten_beyond_are_told(self):
        few, many = compared(99, 10), compared(1000, 10)
        assert "p50, ms" in repr(few.latencies())
        assert "p90, ms" not in repr(few.latencies())
        assert "90 %" not in texts(few.latencies())
        assert "p99, ms" in repr(many.latencies())
        assert {"0", "50 %", "90 %", "99 %"} <= set(texts(many.latencies()))

    def test_as_text_it_is_the_table_of_the_summary(self):
        comparison = compared(1000, 10)
        *_, last = repr(comparison.latencies()).splitlines()
        told = [figure(1000 * comparison.summary.where(arm="rust/thread")[name][0]) for name in PERCENTILES]
        assert last.split() == ["rust/thread", "service", "1,000", *told]

    def test_the_response_time_is_shown_with_a_rate_only(self):
        # 10 clients manage about 450 a second, one about 45
        picture = compared(200, 10, rate=300.0).latencies()
        assert {"python, service", "python, response"} <= set(texts(picture))
        table = [line.split() for line in repr(picture).splitlines()]
        medians = {tuple(row[:2]): float(row[3].replace(",", "")) for row in table if len(row) == 5 and "/" in row[0]}
        assert medians["rust/blocking", "response"] > 20 * medians["rust/blocking", "service"]
        assert medians["rust/thread", "response"] < 2 * medians["rust/thread", "service"]
        assert not any("response" in text for text in texts(compared(200, 10).latencies()))

    def test_failures_do_not_count(self):
        comparison = compared(40, 10, errors={7: "reset", 30: "reset"})
        assert {one.count for one in distributions(comparison, comparison.arms)} == {38}

    def test_too_few_exchanges_are_told(self):
        comparison = compared(19, 10, ("python/thread", "rust/thread"))
        assert "too few exchanges for percentiles: python/thread, rust/thread" in " ".join(
            texts(comparison.latencies())
        )

    def test_a_program_that_goes_by_a_strategy_s_name_is_in_its_panel(self):
        comparison = compared(100, 10, ("python/thread", "rust/thread", "my threads", "mine"))
        comparison = replace(comparison, settings=replace(comparison.settings, beside={"my threads": "thread"}))
        found = distributions(comparison, comparison.arms)
        assert [(one.arm, one.group, one.name) for one in found] == [
            ("python/thread", "thread", "python"),
            ("rust/thread", "thread", "rust"),
            ("my threads", "thread", "my threads"),
            ("mine", "mine", ""),
        ]
        picture = comparison.latencies()
        assert texts(picture).count("thread") == 1
        assert {"your code", "mine"} <= set(texts(picture))
        assert not any("too few" in text for text in texts(picture))
        assert "\nmy threads " in repr(picture)

    def test_chosen_arms(self):
        comparison = compared(100, 10)
        assert "python" not in texts(comparison.latencies(["rust/thread"]))
        with pytest.raises(TypeError, match="arms must be a list of names"):
            comparison.latencies("rust/thread")


class TestThroughput:
    def test_what_is_below_the_curve_is_what_ended_well(self):
        batch = steady("a", 400, 10, failed=range(0, 400, 4))
        [panel] = throughput_chart([batch], "ends").panels
        corners = next(layer for layer in panel.layers if layer.name == "throughput").points
        area = sum((b.x - a.x) / 1000 * a.y for a, b in pairwise(corners))
        assert area == pytest.approx(300, rel=0.03)  # the last step ends with the axis
        assert panel.facts.startswith("733/s on average, in steps of ")

    def test_no_step_counts_a_few_only(self):
        slow, fast = steady("slow", 10, 1), Batch("fast", "", [0.0] * 400, [0.01] * 400, [0.0] * 400)
        told = [panel.facts for panel in throughput_chart([slow, fast], "both").panels]
        assert told == ["1,000/s on average, in steps of 5 ms", "40,000/s on average, in steps of 0.5 ms"]

    def test_a_line_marks_the_rate(self):
        assert "requests due at 300/s" in texts(compared(200, 10, rate=300.0).throughput())
        assert not any("due" in text for text in texts(compared(200, 10).throughput()))

    def test_nothing_ended(self):
        picture = render(throughput_chart([Batch("a", "", [], [], [])], "nothing"))
        assert not re.search(r"nan|inf", picture.svg)


class TestScaling:
    def test_a_curve_for_each_arm_and_line(self):
        picture = scaled().plot()
        curves = [path for path in parsed(picture).iter(f"{SVG}path") if path.get("class") == "curve"]
        assert [path.get("d").count("L") for path in curves] == [2] * 6
        assert {*FOUR, "ideal", "serial"} <= set(texts(picture))
        assert {"10", "30", "100", "requests (logarithmic)", "wall time, ms (logarithmic)"} <= set(texts(picture))

    @pytest.mark.parametrize(
        ("values", "title"), [((0.0, 0.01, 0.02), "latency, ms"), ((0.01,), "latency, ms (logarithmic)")]
    )
    def test_a_latency_is_in_ms_and_may_be_0(self, values, title):
        comparisons = [compared(10, 10, latency=0.01) for _ in values]
        picture = Scaling("latency", values, comparisons).plot()
        # each axis says how it is scaled: time is logarithmic also where the latency is not
        assert {"10", title, "wall time, ms (logarithmic)"} <= set(texts(picture))
        assert not re.search(r"nan|inf", picture.svg)

    def test_where_there_is_no_ideal_time_the_line_begins_later(self):
        comparisons = [replace(compared(10, 10), settings=replace(compared(10, 10).settings, latency=0.0))]
        comparisons += [compared(10, 10, latency=value) for value in (0.01, 0.02)]
        picture = Scaling("latency", (0.0, 0.01, 0.02), comparisons).plot()
        curves = [path for path in parsed(picture).iter(f"{SVG}path") if path.get("class") == "curve"]
        assert [path.get("d").count("L") for path in curves] == [2] * 4 + [1] * 2

    def test_a_ribbon_is_told_only_where_there_is_one(self):
        assert "ribbon: 95 % interval of the median" in texts(scaled().plot())
        few = [made({"python/thread": [0.05] * 3}, requests=value) for value in (10, 20)]
        picture = Scaling("requests", (10, 20), few).plot()
        assert [text for text in texts(picture) if "ribbon" in text] == ["without a ribbon: fewer than 6 runs"]


class TestAxis:
    def test_ticks_are_round(self):
        assert [label for _, label in Scale(0, 10).ticks(400)] == ["0", "2", "4", "6", "8", "10"]
        assert [label for _, label in Scale(1, 1000, True).ticks(600)][:4] == ["1", "2", "5", "10"]

    def test_which_scale(self):
        assert spanning([1, 10]).logarithmic
        assert spanning([1, 2]).low == 0
        assert 0 < spanning([1, 1.2]).low < 1

    @seeds
    def test_labels_are_spread(self, seed):
        rng = random.Random(seed)
        wanted = [rng.choice([rng.uniform(0, 300), 290.0]) for _ in range(16)]
        places = spread(wanted, 14, 0, 300)
        ordered = sorted(places)
        assert all(b - a >= 14 - 1e-9 for a, b in pairwise(ordered))
        assert ordered[0] >= 0
        assert ordered[-1] <= 300 + 1e-9
        assert spread([10, 100], 14, 0, 300) == [10, 100]

    def test_text_is_cut_off(self):
        assert fitted("abc", 10, 100) == "abc"
        assert text_width(fitted("a" * 100, 10, 60), 10) <= 60


class TestRun:
    responses = tuple(
        Response(f"http://h/{place}", status_code=200, start=0.001 * place, elapsed=0.0195) for place in range(40)
    )
    run = Run(responses, strategy="thread", language="rust", wall=0.06, cpu=CPUTime(0.01, 0.01))

    def test_waterfall(self):
        assert [len(path) for path in bars(self.run.waterfall(), "exchanges")] == [40]
        assert bars(self.run.waterfall(), "queued") == []

    def test_in_flight(self):
        assert "rust/thread: peak 20" in repr(self.run.in_flight())

    def test_an_empty_run(self):
        run = Run([], strategy="thread", language="rust", wall=0.0, cpu=CPUTime(0.0, 0.0))
        assert overlaps(run.waterfall()) == overlaps(run.in_flight()) == []

    def test_the_package_loads_no_charts_before(self):
        program = "import sys, aio_strategies; print(any('aio_strategies.display' in name for name in sys.modules))"
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == "False"


def pictures(comparison):
    return comparison.plot, comparison.waterfall, comparison.in_flight, comparison.throughput, comparison.latencies


def test_a_tall_picture_has_its_axis_at_both_ends():
    title = "time since the batch began, ms"
    short, tall = compared(10, 10, FOUR), compared(10, 10, ALL)
    for one, both in ((short.waterfall(), tall.waterfall()), (short.in_flight(), tall.in_flight())):
        assert texts(one).count(title) == 1
        assert texts(both).count(title) == 2
        assert texts(both).count("100") == 2
        first = min(float(re.match(r"M\S+ ([\d.]+)", path.get("d"))[1]) for path in parsed(both).iter(f"{SVG}path"))
        above = min(float(text.get("y")) for text in parsed(both).iter(f"{SVG}text") if text.text == "100")
        assert first - 10 < above < first
    assert overlaps(tall.in_flight()) == []


def test_every_colour_has_its_like_on_a_dark_page():
    def contrast(a, b):
        bright, dim = sorted((brightness(a), brightness(b)), reverse=True)
        return (bright + 0.05) / (dim + 0.05)

    def brightness(colour):  # relative luminance, as in WCAG
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    comparisons = [compared(requests, 10, errors={7: "reset"}) for requests in (10, 1000)]
    drawn = [draw() for comparison in comparisons for draw in views(comparison)]
    inks = {ink for picture in drawn for ink in re.findall(r' (?:fill|stroke)="(#\w+)"', picture.svg)}
    assert {INK, PAPER, *SHADES} <= inks
    for ink in inks - {PAPER}:
        assert contrast(ink, PAPER) > 1.3, ink
        assert contrast(DARK.get(ink, ink), DARK[PAPER]) > 1.3, ink
    assert contrast(DARK[INK], DARK[PAPER]) > 7


@pytest.mark.parametrize("arms", [("rust/thread",), FOUR, ALL], ids=len)
@pytest.mark.parametrize("requests", [10, 100, 10_000])
@pytest.mark.slow
def test_no_text_lies_on_another(requests, arms):
    comparison = compared(requests, max(10, requests // 20), arms)
    for draw in pictures(comparison):
        assert overlaps(draw()) == []
    if requests == 100:
        assert overlaps(scaled(arms=arms).plot()) == []
        assert overlaps(scaled(tuple(range(1, 40)), arms[:1]).plot()) == []


@pytest.mark.slow
@pytest.mark.alone
def test_a_large_comparison_is_quickly_drawn_and_small():
    comparison = compared(100_000 // 4, 1000)
    for draw in pictures(comparison):
        begun = time.process_time()
        picture = draw()
        # a tenth of that on an idle machine
        assert time.process_time() - begun < 5
        assert len(picture.svg) < 1_000_000
    begun = time.process_time()
    assert len(comparison._repr_html_()) < 1_000_000
    assert time.process_time() - begun < 5


def test_the_table_has_waterfalls_in_a_notebook():
    comparison = compared(10, 10)
    assert "<summary" in comparison._repr_html_()
    assert comparison.waterfall()._repr_html_() in comparison._repr_html_()
    assert "<img" not in made({"python/thread": around(0.05)})._repr_html_()


@pytest.mark.slow
def test_a_browser_shows_them(tmp_path):
    from browser import browser, wait_for

    comparison = compared(100, 10)
    drawn = [draw() for draw in views(comparison)]
    address = tmp_path / "page.html"
    address.write_text("<!DOCTYPE html>" + "".join(picture._repr_html_() for picture in drawn))
    with browser(tmp_path) as page:
        page.call("Page.navigate", url=address.as_uri())
        sizes = "[...document.images].map(image => [image.complete, image.naturalWidth, image.naturalHeight])"
        wait_for("pictures", lambda: page.evaluate(f"{sizes}.filter(([complete]) => complete).length") == len(drawn))
        for (_, width, height), picture in zip(page.evaluate(sizes), drawn, strict=True):
            root = parsed(picture)
            # 0 of one that is no picture
            assert (width, height) == pytest.approx((float(root.get("width")), float(root.get("height"))), abs=1)
        page.evaluate("document.images[2].scrollIntoView()")
        wait_for("colours", lambda: page.coloured_pixels() > 100)
        # as dark as the page
        assert page.brightness(300, 10) > 0.9
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        assert page.brightness(300, 10) < 0.2
        # so wide as a telephone's, and narrower
        widths = "[...document.images].map(image => image.clientWidth)"
        for wide in (375, 200):
            page.call("Emulation.setDeviceMetricsOverride", width=wide, height=800, deviceScaleFactor=1, mobile=False)
            assert all(340 <= drawn <= max(340, wide) for drawn in page.evaluate(widths))
            assert page.evaluate("document.documentElement.scrollWidth") <= wide
        # a table wider than that scrolls, and the page does not
        wide = "document.body.innerHTML = {}; [document.documentElement.scrollWidth, document.body.scrollWidth]"
        assert max(page.evaluate(wide.format(json.dumps(comparison._repr_html_())))) <= 200
        # real letters are no wider than they are taken to be
        wider = page.evaluate(
            "(svgs => svgs.flatMap(svg => { document.body.innerHTML = svg;"
            "return [...document.querySelectorAll('text')].map(text =>"
            "[text.textContent, +text.getAttribute('font-size'), text.getComputedTextLength()]); }))"
            f"({json.dumps([picture.svg for picture in drawn])})"
        )
        assert all(math.isfinite(width) and width <= 1.15 * text_width(text, size) for text, size, width in wider)


def views(comparison):
    return *pictures(comparison), scaled().plot


@pytest.mark.parametrize("requests", [10, 1000])
@pytest.mark.slow
def test_interactive_charts(requests):
    pytest.importorskip("altair", reason="altair is not installed")
    vl_convert = pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    for view in views(compared(requests, 10)):
        specification = view(interactive=True).to_json()
        assert len(specification) < 2_000_000
        assert vl_convert.vegalite_to_svg(specification).startswith("<svg")


@pytest.mark.slow
def test_interactive_charts_need_no_network(tmp_path):
    pytest.importorskip("altair", reason="altair is not installed")
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    from browser import browser, wait_for

    mine = made({"python/thread": around(0.05), "<script>1<br>": around(0.04)})
    charts = [mine.plot(interactive=True), compared(100, 10).latencies(interactive=True)]
    shown = "".join(chart._repr_mimebundle_()["text/html"] for chart in charts)
    (tmp_path / "cells.html").write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{shown}')
    # as a notebook that is not trusted shows them
    (tmp_path / "plain.html").write_text(re.sub("<script>.*?</script>", "", shown, flags=re.DOTALL))
    charts[0].properties(spacing=3).save(tmp_path / "saved.html")
    charted = "document.querySelectorAll('.vega-embed .marks').length"
    with browser(tmp_path) as page:
        for name, count in (("cells", 2), ("saved", 1)):
            page.call("Page.navigate", url=(tmp_path / f"{name}.html").as_uri())
            wait_for("charts", lambda count=count: page.evaluate(charted) == count)
            assert page.evaluate("document.images.length") == 0
            assert page.coloured_pixels() > 50
        assert page.exceptions == []
        assert {url.partition(":")[0] for url in page.requested} <= {"file", "about", "data"}
        page.call("Page.navigate", url=(tmp_path / "plain.html").as_uri())
        wait_for("pictures", lambda: page.evaluate("[...document.images].filter(image => image.complete).length") == 2)
        assert page.coloured_pixels() > 50


def test_an_interactive_chart_obeys_the_callers_renderer(monkeypatch):
    altair = pytest.importorskip("altair", reason="altair is not installed")
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    chart = compared(10, 10).plot(interactive=True)
    with altair.renderers.enable("svg"):
        assert list(chart._repr_mimebundle_()) == ["image/svg+xml"]
    # without the scripts, altair has its own way
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert "cdn.jsdelivr.net" in chart._repr_mimebundle_()["text/html"]


@pytest.mark.slow
def test_the_legends_of_interactive_charts():
    pytest.importorskip("altair", reason="altair is not installed")
    vl_convert = pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")

    def shown(chart):
        return set(re.findall(r">([^<>]+)</text>", vl_convert.vegalite_to_svg(chart.to_json())))

    assert {*FOUR, "ideal", "serial"} <= shown(scaled().plot(interactive=True))
    comparison = compared(1000, 10, errors={7: "reset"})
    assert {"ideal 2,000.0 ms", "serial 20,000.0 ms"} <= shown(comparison.plot(interactive=True))
    dense = shown(comparison.waterfall(["rust/thread"], interactive=True))
    assert {"failed", "queued", "≤ 0.5", "≤ 1", "≤ 2", "≤ 5", "≤ 10"} <= dense
    assert [text.split(", ")[:2] for text in dense if "exchanges," in text] == [["1,000 exchanges", "1 failed"]]


@pytest.mark.slow
def test_an_interactive_waterfall_of_few_exchanges_beside_many():
    pytest.importorskip("altair", reason="altair is not installed")
    vl_convert = pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    batches = [Batch(str(count), "", [0.0] * count, [1.0] * count, [0.0] * count) for count in (10, 1000)]
    svg = vl_convert.vegalite_to_svg(render(waterfall_chart(batches, "both"), interactive=True).to_json())
    assert "in flight" in svg


def test_without_altair_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ImportError, match=r"need altair: pip install 'aio-strategies\[plot\]'"):
        compared(10, 10).plot(interactive=True)


@pytest.mark.parametrize("requests", [10, 1000])
@pytest.mark.slow
def test_on_a_matplotlib_axis(requests):
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    for view in views(compared(requests, 10)):
        figure = figures.Figure()
        ax = figure.subplots()
        assert view(ax=ax) is ax
        assert "ms" in ax.get_xlabel() + ax.get_ylabel()
        figure.draw_without_rendering()


@pytest.mark.slow
def test_nothing_is_cut_off_on_a_matplotlib_axis():
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    comparison = compared(1000, 10, ALL[:8], errors={7: "reset"}, rate=300.0)
    for view in views(comparison):
        figure = figures.Figure()
        ax = view(ax=figure.subplots())
        figure.draw_without_rendering()
        edge, seen = figure.bbox, ax.get_tightbbox()
        assert edge.x0 <= seen.x0 <= seen.x1 <= edge.x1
        assert edge.y0 <= seen.y0 <= seen.y1 <= edge.y1
        # the legend hides no mark
        assert ax.get_legend() is None or ax.get_legend().get_window_extent().x0 > ax.bbox.x1
        # nor does a figure beside the axis lie on it
        beside = [text.get_window_extent().x1 for text in ax.texts if text.get_position()[0] > 1]
        assert not beside or max(beside) <= ax.get_legend().get_window_extent().x0
    laid_out = figures.Figure(layout="tight")
    comparison.plot(ax=laid_out.subplots())
    assert type(laid_out.get_layout_engine()).__name__ == "TightLayoutEngine"


def test_the_legends_on_a_matplotlib_axis():
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")

    def drawn(view):
        ax = view(ax=figures.Figure().subplots())
        return ax, [text.get_text() for text in ax.get_legend().get_texts()]

    ax, told = drawn(scaled().plot)
    assert told == [*FOUR, "ideal", "serial"]
    # right of all points, so that it hides none
    assert ax.get_legend().get_window_extent().x0 > ax.transData.transform((100, 1))[0]
    comparison = compared(1000, 10, errors={7: "reset"})
    ax, told = drawn(comparison.waterfall)
    assert told[:2] == ["queued", "failed"]
    assert [text[0] for text in told[2:]] == ["≤"] * 5
    assert ax.get_legend().get_title().get_text() == "exchanges in flight\nper row of 23 requests"
    assert [text.get_text() for text in ax.get_yticklabels()] == [f"{arm}\n1 failed" for arm in FOUR]
    assert drawn(compared(10, 10).waterfall)[1] == ["queued", "send", "wait", "receive"]


def test_what_is_hollow_or_noted_is_so_in_each_way():
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    pytest.importorskip("altair", reason="altair is not installed")
    walls = {"python/thread": around(0.05), "rust/thread": around(0.04)}
    comparison = made(walls, timed={"python/thread": 5})
    sweep = Scaling(
        "requests", (10, 20), [made(walls, timed={"python/thread": 5}, requests=value) for value in (10, 20)]
    )
    for draw, hollow in ((comparison.plot, 1), (sweep.plot, 2)):
        note = "hollow: projected from fewer requests"
        assert note in " ".join(texts(draw()))
        specification = draw(interactive=True).to_json()
        assert specification.count('"inner": "white"') == hollow
        ax = draw(ax=figures.Figure().subplots())
        assert any(note in text.get_text().replace("\n", " ") for text in ax.texts)
        assert note in " ".join(json.loads(specification)["title"]["text"])
        face = ax.get_facecolor()
        faces = [tuple(colour) for points in ax.collections for colour in points.get_facecolor()]
        assert faces.count(face) == hollow
    specification = json.loads(made({"python/thread": around(0.05)}).waterfall(interactive=True).to_json())
    assert specification["title"]["text"] == ["no exchanges were kept for python/thread"]


def test_numbers_are_written_alike_in_each_way():
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    pytest.importorskip("altair", reason="altair is not installed")
    comparison = compared(10, 10)
    told = {text for text in texts(comparison.plot()) if re.fullmatch(r"[\d,.]+", text)}
    beside = {text.get_text() for text in comparison.plot(ax=figures.Figure().subplots()).texts[:4]}
    assert beside <= told
    assert all(f'"text": "{text}"' in comparison.plot(interactive=True).to_json() for text in beside)


def test_in_flight_on_a_matplotlib_axis_has_a_band_for_each_arm():
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    ax = compared(10, 10).in_flight(ax=figures.Figure().subplots())
    assert [text.get_text() for text in ax.get_yticklabels()] == list(FOUR)
    assert ax.get_ylabel() == "exchanges in flight, each from 0 to 10"
    heights = [[y for _, y in line.get_xydata()] for line in ax.get_lines()]
    assert [(min(ys), max(ys)) for ys in heights] == [
        (pytest.approx(place + share), pytest.approx(place + 0.85))
        for place, share in enumerate((0.765, 0.765, 0.0, 0.0))
    ]


def test_either_interactive_or_on_an_axis():
    with pytest.raises(ValueError, match="not both"):
        compared(10, 10).plot(interactive=True, ax=object())
