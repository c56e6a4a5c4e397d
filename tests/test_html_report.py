"""The report of a comparison: one page that has everything, loads nothing, and can be read on any screen."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from aio_strategies.comparison.report import to_html_page
from aio_strategies.comparison.tables import tables
from test_comparison import around, jumbled, made
from test_views import compared


class Reader(HTMLParser):
    """Collects what a page says, what it would load, and which elements it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.loaded: list[str] = []
        self.elements: list[str] = []
        self.feed(page)
        style = " ".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL) + re.findall(r'style="([^"]*)"', page))
        self.loaded += re.findall(r"url\(|@import", style)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        names = ("src", "href", "xlink:href", "srcset", "data", "poster", "action")
        self.loaded += [value for name, value in attributes if name in names]
        if tag in ("script", "link", "iframe", "object", "embed"):
            self.loaded.append(tag)

    def handle_data(self, data):
        if self.elements[-1:] != ["style"]:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


class TestPage:
    comparison = compared(100, 10, errors={7: "reset"})
    reader = Reader(to_html_page(comparison))

    def test_it_loads_nothing(self):
        assert self.reader.loaded == []

    def test_it_has_all_pictures(self):
        assert self.reader.elements.count("svg") == 5
        for title in ("Wall time by strategy", "Latency of", "Exchanges per second", "in flight", "What happened when"):
            assert title in self.reader.text

    def test_it_has_tables_explanations_settings_and_machine(self):
        plain = self.reader.text.replace("\u00a0", " ")
        for table in tables(self.comparison, "en"):
            assert all(cell in plain for row in table.rows for cell in row)
        assert all(sentence in plain for sentence in self.comparison.explain().sentences.values())
        assert all(str(value) in plain for value in self.comparison.environment.values() if "\t" not in str(value))
        assert f"seed {self.comparison.seed}" in plain
        assert "latency, s 0.02" in plain

    def test_every_warning_is_told(self):
        assert self.comparison.warnings
        for warning in self.comparison.warnings:
            assert f"warning : {warning}" in self.reader.text
        assert "No warnings." in Reader(to_html_page(made({"python/thread": jumbled(around(0.05))}))).text

    def test_a_citation_has_the_ratio_and_all_that_it_depends_on(self):
        walls = {"python/thread": jumbled(around(0.03)), "rust/thread": jumbled(around(0.02))[::-1]}
        comparison = made(walls)
        cited = re.search(r"<blockquote>(.*?)</blockquote>", to_html_page(comparison))[1]
        assert re.search(
            r"rust/thread was 1\.50 times as fast as python/thread \(95 % interval 1\.4\d to 1\.5\d\)", cited
        )
        environment = comparison.environment
        assert all(told in cited for told in ("20 rounds", "warnings: none", f"seed {comparison.seed}"))
        assert all(str(environment[name]) in html.unescape(cited) for name in ("package", "python", "cpu", "kernel"))
        slower = to_html_page(made(dict(zip(reversed(walls), walls.values(), strict=True))))
        assert "python/thread was 1.50 times as fast as rust/thread" in slower
        few = to_html_page(made({"python/thread": [0.03] * 3, "rust/thread": [0.02] * 3}))
        assert "rust/thread against python/thread was undecided, with a ratio of 1.50; 3 rounds" in few
        assert not re.search(r"\b(nan|inf)\b", few)

    def test_a_citation_reserves_judgement_where_the_comparison_does(self):
        walls = {"python/thread": jumbled(around(0.03)), "rust/thread": jumbled(around(0.02))}
        cited = re.search(r"<blockquote>(.*?)</blockquote>", to_html_page(made(walls, timed={"rust/thread": 5})))[1]
        assert "there is no verdict on rust/thread against python/thread" in cited
        assert not re.search("undecided|estimate|95 %", cited)

    def test_the_words_of_the_costs_are_explained(self):
        assert "service time: from the start of a request to its end" in self.reader.text

    def test_without_exchanges_there_is_one_picture(self):
        assert Reader(to_html_page(made({"python/thread": around(0.05)}))).elements.count("svg") == 1

    def test_names_and_messages_are_escaped(self):
        name = "<script>alert('1')<br>"
        comparison = made({"python/thread": around(0.05), name: around(0.04)}, failures={name: ["<img src=x>"]})
        reader = Reader(to_html_page(comparison))
        assert reader.loaded == []
        assert name in reader.text
        assert "<img src=x>" in reader.text

    def test_many_urls_are_counted(self):
        urls = tuple(f"http://example.org/{place}" for place in range(1000))
        comparison = made({"python/thread": around(0.05)}, latency=None, requests=1000)
        reader = Reader(to_html_page(replace(comparison, settings=replace(comparison.settings, urls=urls))))
        assert "http://example.org/19, … (1,000 in all)" in reader.text
        assert "http://example.org/20" not in reader.text

    @pytest.mark.parametrize("name", ["report.html", "REPORT.HTML"])
    def test_saved(self, tmp_path, name):
        self.comparison.save(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == to_html_page(self.comparison)


@pytest.mark.slow
def test_a_browser_without_a_network_shows_it_on_any_screen(tmp_path):
    from browser import browser

    compared(100, 10).save(tmp_path / "report.html")
    with browser(tmp_path) as page:
        page.call("Page.navigate", url=(tmp_path / "report.html").as_uri())
        for wide, beside in ((375, False), (1400, True)):
            page.call("Emulation.setDeviceMetricsOverride", width=wide, height=900, deviceScaleFactor=1, mobile=False)
            assert page.evaluate("document.documentElement.scrollWidth") <= wide
            edges = page.evaluate(
                "[...document.querySelectorAll('figure svg')].map(svg => svg.getBoundingClientRect())"
                ".map(({left, right}) => [left, right])"
            )
            assert len(edges) == 5
            assert all(0 <= left < right <= wide for left, right in edges)
            assert (len({left for left, _ in edges}) > 1) == beside
        assert page.brightness(5, 5) == 1
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        assert page.brightness(5, 5) < 0.1
        page.evaluate("document.querySelector('figure').scrollIntoView()")
        x = page.evaluate("document.querySelector('figure').getBoundingClientRect().left")
        assert 0.1 < page.brightness(int(x) + 300, 10) < 0.2
        assert page.exceptions == []
        assert {url.partition(":")[0] for url in page.requested} <= {"file", "about"}
