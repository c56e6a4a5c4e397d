"""The fault matrix: each fault ends in the same outcome in all implementations, and harms no other URL."""

from __future__ import annotations

import json
import pickle
import re
import runpy
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aio_strategies as aio
import pytest
from aio_strategies import resolver
from aio_strategies.catalogue import STRATEGIES
from conftest import KEYS, in_both_languages, output_in_a_network_of_its_own
from fault_rows import ASKED, LEFT_OUT, NAMES, ROWS, Left, Row, Servers, all_served
from test_lab import get

#: Seconds beyond the deadline that a busy machine may take.
PATIENCE = 10.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers of all rows; and a resolver that answers as the rows have it."""
    over = threading.Event()
    ask_the_system = resolver._ask

    def ask(name: str, port: int) -> list[tuple[str, int]] | OSError:
        if name == "slow.invalid":
            over.wait(60)
        return NAMES[name](running) if name in NAMES else ask_the_system(name, port)

    folder = str(tmp_path_factory.mktemp("authority"))
    with all_served(folder) as running, pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolver, "_ask", ask)
        yield running
        over.set()


def rows_that_ask_for(asked: str, servers: Servers) -> list[Row]:
    return [row for row in ROWS if row.asked == asked and row.case in servers.urls]


#: What only the deadline ends has a near one, which the good URLs must meet, too.
NEAR = pytest.param("little time", marks=pytest.mark.alone)
AMPLE = [asked for asked in ASKED if asked not in ("little time", "a bad URL", "other routes")]


@pytest.mark.parametrize("key", KEYS["rust"])
@pytest.mark.parametrize("asked", [*AMPLE, NEAR])
@pytest.mark.slow
def test_fault_matrix(key: str, asked: str, servers: Servers) -> None:
    """The URLs of a call are by turns good and bad."""
    rows = rows_that_ask_for(asked, servers)
    bad = [servers.urls[row.case] for row in rows]
    good = [servers.good(asked, number) for number in range(len(rows))]
    urls = [url for pair in zip(good, bad, strict=True) for url in pair]
    options = {**ASKED[asked], "timeout": timeout(key, asked), "concurrency": 20}
    if asked in ("little time", "https", "a large request"):
        options["verify"] = servers.ca_file
    both = [aio.run(way, urls, language=language, **options) for way, language in in_both_languages(key)]
    for run in both:
        assert [response.error for response in run[::2]] == [None] * len(rows)
        assert {response.content for response in run[::2]} == pages(asked, len(rows), servers)
    judge(key, rows, [run[1::2] for run in both], options["timeout"])


def timeout(key: str, asked: str) -> float:
    """Nearer where each URL waits for the one before."""
    if asked != "little time":
        return 20.0
    return 0.4 if STRATEGIES[key].one_at_a_time else 1.0


def pages(asked: str, count: int, servers: Servers) -> set[bytes]:
    """The pages at the good URLs, as another client sees them."""
    if asked in ("https", "a large request"):
        return {b"ok"}
    if asked == "HEAD":
        return {b""}
    return {get(servers.lab, f"/good/{number}") for number in range(count)}


def judge(key: str, rows: Sequence[Row], both: Sequence[Sequence[aio.Response]], timeout: float) -> None:
    """Compare the responses of both languages with what the rows expect, and with each other."""
    expected = {
        row.case: (row.outcome, row.body if isinstance(row.outcome, int) else None, dict(row.holds)) for row in rows
    }
    for (way, _), responses in zip(in_both_languages(key), both, strict=True):
        assert {row.case: seen(row, response) for row, response in zip(rows, responses, strict=True)} == expected
        for row, response in zip(rows, responses, strict=True):
            took = response.elapsed.total_seconds()
            least = timeout if row.outcome in ("ConnectTimeout", "TotalTimeout") else 0
            assert least <= took < timeout + PATIENCE, row.case
            assert response.error is None or response.error.strategy == way, row.case
    for python, rust in zip(*both, strict=True):
        assert said(python) == said(rust)


def seen(row: Row, response: aio.Response) -> tuple[int | str | None, bytes | None, dict[str, Any]]:
    """What the row expects: the outcome, the body, and the other attributes."""
    subject = response if response.error is None else response.error
    held = {name: getattr(subject, name) for name in row.holds}
    if response.error is None:
        return response.status_code, response.content, held
    return type(response.error).__name__, None, held


def said(response: aio.Response) -> tuple:
    """All that both languages say in the same words."""
    error = response.error
    if error is None:
        head = response.status_code, response.reason_phrase, response.http_version, response.headers.raw
        return response.url, *head, response.content, [said(each) for each in response.history]
    # what is not HTTP is quoted as far as it had come
    words = str(error).partition("is not HTTP")[0]
    # OpenSSL's exceptions are Python's alone
    cause = None if isinstance(error, aio.SSLError) else type(error.__cause__)
    return type(error), words, error.url, error.phase, error.errno, cause


@pytest.mark.parametrize("key", KEYS["rust"])
def test_a_bad_url_raises_before_anything_is_fetched(key: str, servers: Servers) -> None:
    served = servers.lab.stats().served
    for row in rows_that_ask_for("a bad URL", servers):
        for way, language in in_both_languages(key):
            with pytest.raises(getattr(aio, str(row.outcome))):
                aio.run(way, [servers.good("nothing", 1), servers.urls[row.case]], language=language)
    assert servers.lab.stats().served == served


OTHER_ROUTES = """
import pickle, subprocess, sys
import aio_strategies as aio

for words in ("route add unreachable 198.51.100.1", "route add prohibit 198.51.100.2"):
    subprocess.run(["ip", *words.split()], check=True)
python, rust, *urls = sys.argv[1:]
with aio.LabServer(latency=0) as lab:
    both = [aio.run(key, [*urls, lab.url], language=language, timeout=20)
            for key, language in ((python, "python"), (rust, "rust"))]
assert [run[-1].status_code for run in both] == [200, 200]
sys.stdout.buffer.write(pickle.dumps([list(run[:-1]) for run in both]))
"""


@pytest.mark.parametrize("key", KEYS["rust"])
@pytest.mark.slow
def test_routes_that_lead_nowhere(key: str, servers: Servers) -> None:
    rows = rows_that_ask_for("other routes", servers)
    urls = [servers.urls[row.case] for row in rows]
    printed = output_in_a_network_of_its_own(OTHER_ROUTES, *(way for way, _ in in_both_languages(key)), *urls)
    judge(key, rows, pickle.loads(printed), 20.0)


@pytest.mark.parametrize("left", LEFT_OUT, ids=lambda left: str(left.number))
def test_what_is_left_out_is_tested_where_it_says(left: Left) -> None:
    assert left.number not in {row.number for row in ROWS}
    for name in re.findall("`(.*?)`", left.why):
        assert (Path(__file__).parent / name).exists()


def test_the_page_has_these_rows() -> None:
    """docs/make_faults.py makes it; if what servers do has changed, benchmarks/other_clients.py comes first."""
    made = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "make_faults.py"))
    measured = json.loads(made["MEASURED"].read_text(encoding="utf-8"))
    assert measured["outcomes"].keys() == {row.case for row in ROWS if row.by_others}
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"]()
    assert [row.number for row in ROWS if f"| {row.number} | {row.case} |" not in made["page"]()] == []


def test_each_difference_from_other_parsers_is_judged() -> None:
    made = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "make_faults.py"))
    counted = json.loads(made["COUNTED"].read_text(encoding="utf-8"))
    assert made["judged"](counted) in made["page"]()
    counted["h11"]["kinds"].append({"ours": "accepted", "theirs": "too cold", "count": 1, "shortest": "b''"})
    with pytest.raises(ValueError, match="not judged: h11: too cold"):
        made["judged"](counted)
