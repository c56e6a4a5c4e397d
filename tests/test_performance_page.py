"""docs/performance.md has what benchmarks/peers.py measured; and its clients do what a setting says."""

from __future__ import annotations

import copy
import json
import runpy
from pathlib import Path

import aio_strategies as aio
import peers
import pytest
import where_time_goes
from peer_clients import CLIENTS, PEERS, Job, measure

MADE = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "make_performance.py"))
SOURCES = [json.loads(path.read_text(encoding="utf-8")) for path in MADE["SOURCES"]]
MEASURED, CALLS, AT_SCALE, STREAMS, TIMES, BORDER, LAB = SOURCES
STYLE = """<style>
    body { font: 15px/1.45 sans-serif; max-width: 1150px; margin: 20px auto; }
    table { border-collapse: collapse; margin: 8px 0; }
    td, th { border: 1px solid #ccc; padding: 3px 8px; }
    img { max-width: 100%; }
    code { background: #eee; }
</style>"""


def test_the_page_has_these_figures() -> None:
    """docs/make_performance.py makes it; if the figures are to change, benchmarks/peers.py comes first."""
    page = MADE["page"](*SOURCES)
    assert MADE["PAGE"].read_text(encoding="utf-8") == page
    pictures = MADE["pictures"](MEASURED)
    assert {path.name for path in MADE["HERE"].glob("performance-*.svg")} == pictures.keys()
    for name, picture in pictures.items():
        assert (MADE["HERE"] / name).read_text(encoding="utf-8") == picture.svg
        assert f"({name})" in page


def test_each_setting_and_arm_is_named() -> None:
    page = MADE["page"](MEASURED)
    sections = page.split("\n## ")
    assert len(MEASURED["settings"]) == len(sections) - 2  # the top, and where we lose
    for setting, section in zip(MEASURED["settings"].values(), sections[2:], strict=True):
        arms = [line.split("|")[1].strip(" *") for line in section.splitlines() if line.startswith("| ")][2:]
        assert sorted(arms) == sorted(setting["arms"])
        assert all(name in section for name in [*setting["failed"], *setting["left_out"]])
    top = sections[0]
    assert all(name in top for name in [*MEASURED["absent"], *MEASURED["versions"]])


def test_many_in_flight_and_long_streams_are_on_the_page() -> None:
    at_scale = copy.deepcopy(AT_SCALE)
    at_scale["strategies"]["thread"] = {
        "python": {"wall": 27.72, "kib": 270_432, "peak_connections_so_far": 7112},
        "rust": {"wall": 3.25, "kib": 229_748, "peak_connections_so_far": 10_000},
    }
    page = MADE["page"](MEASURED, CALLS, at_scale, STREAMS)
    assert f"all {len(peers.FULL)}" in page
    many = page.partition("## 10,000 in flight")[2].partition("## ")[0]
    for key, languages in at_scale["strategies"].items():
        assert (f"| `{key}` |" in many) == ("not_applicable" not in languages)
    assert "| `thread` | 27.7 (at most 7,112 in flight) | 277 | 3.2 | 235 |" in many
    streams = page.partition("## Long streams")[2].partition("## ")[0]
    assert streams.count("\n| **") == len(STREAMS["runs"])
    assert "URLs/s, 1,000,000" in streams


def test_where_the_time_goes_and_the_border_are_on_the_page() -> None:
    page = MADE["page"](*SOURCES)
    section = page.partition("## Where the CPU time goes")[2].partition("\n## ")[0]
    tables = [block for block in section.split("\n\n") if block.startswith("| arm")]
    assert len(tables) == len(TIMES["modes"])
    for table, arms in zip(tables, TIMES["modes"].values(), strict=True):
        assert [line.split("|")[1].strip(" *") for line in table.splitlines()[2:]] == list(arms)
        assert len({line.count("|") for line in table.splitlines()}) == 1
        assert all(
            sum(figures["groups"].values()) == pytest.approx(figures["us"], abs=0.1) for figures in arms.values()
        )
    border = page.partition("## The border between Python and Rust")[2].partition("\n## ")[0]
    assert border.count("\n| **") == len(BORDER["arms"])
    servers = page.partition("## The lab and nginx")[2].partition("## ")[0]
    assert all(f"\n| {mode} | {figures['median']['lab']:,} |" in servers for mode, figures in LAB["modes"].items())


@pytest.mark.slow
def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    """target/screenshots/performance.png is what was seen, to be looked at."""
    from browser import browser, wait_for
    from markdown_it import MarkdownIt

    page = MADE["page"](*SOURCES)
    body = MarkdownIt().enable("table").render(page)
    address = tmp_path / "performance.html"
    address.write_text(f"<!DOCTYPE html><meta charset='utf-8'>{STYLE}<body>{body}", encoding="utf-8")
    pictures = MADE["pictures"](MEASURED)
    for name, picture in pictures.items():
        (tmp_path / name).write_text(picture.svg, encoding="utf-8")
    with browser(tmp_path) as shown:
        shown.call("Page.navigate", url=address.as_uri())
        drawn = "[...document.images].filter(image => image.complete && image.naturalWidth > 300).length"
        wait_for("pictures", lambda: shown.evaluate(drawn) == len(pictures))
        # all its tables are tables, and none is wider than the page
        rows = sum(line.startswith("| ") for line in page.splitlines())
        ruled = page.count("\n| --- ")
        assert shown.evaluate("document.querySelectorAll('tr').length") == rows - ruled
        assert shown.evaluate("document.querySelectorAll('table').length") == ruled
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert "**" not in shown.evaluate("document.body.innerText")
        shown.keep_screenshot("performance", whole=True)


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        (["tcp_connect", "__sys_connect", "__x64_sys_connect", "do_syscall_64"], "connect"),
        (["tcp_sendmsg", "__sys_sendto", "__x64_sys_sendto", "do_syscall_64"], "send"),
        (["tcp_sendmsg", "io_send", "io_issue_sqe", "__do_sys_io_uring_enter", "do_syscall_64"], "send"),
        (["schedule", "io_cqring_wait", "__do_sys_io_uring_enter", "do_syscall_64"], "wait"),
        (["tcp_v4_rcv", "handle_softirqs", "asm_sysvec_apic_timer_interrupt"], "other_kernel"),
        (["clear_page", "__x64_sys_brk", "do_syscall_64"], "other_kernel"),
    ],
)
def test_a_sample_in_the_kernel_belongs_to_a_system_call(frames: list[str], found: str) -> None:
    assert where_time_goes.place([(name, "[kernel.kallsyms]") for name in frames]) == (found, frames[0])


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("/site/aio_strategies/_native.abi3.so", "ours"),
        ("/lib/libc.so.6", "c_library"),
        ("[vdso]", "clock"),
        ("/lib/libpython3.11.so.1.0", "python"),
        ("/usr/bin/python3.13", "python"),
    ],
)
def test_a_sample_in_user_mode_belongs_to_a_file(file: str, found: str) -> None:
    assert where_time_goes.place([("f", file), ("g", "/lib/libpython3.11.so.1.0")]) == (found, "f")


def test_no_floor_is_named_that_an_arm_goes_below() -> None:
    calls = MADE["page"](MEASURED, CALLS).partition("## System calls")[2].partition("## ")[0]
    assert "cannot do with less" not in calls
    assert "The poll reports a reply only once" in calls


def test_a_part_of_the_figures_makes_a_page() -> None:
    """With some arms only, without our own, and with nothing."""
    for arms in (["wrk", "rust/thread"], ["wrk", "ab"]):
        part = copy.deepcopy(MEASURED)
        for setting in part["settings"].values():
            setting["arms"] = {arm: figures for arm, figures in setting["arms"].items() if arm in arms}
        assert "rust/callback" not in MADE["page"](part)
    assert MADE["pictures"](MEASURED | {"settings": {}}) == {}
    assert MADE["page"](MEASURED | {"settings": {}})


def test_every_default_setting_can_be_chosen_by_name() -> None:
    assert len({setting.name for setting in peers.FULL}) == len(peers.FULL)
    assert set(peers.DEFAULT) <= set(peers.FULL)


def figures(rate: list[float | None], cpu: list[float | None], user: float = 10.0) -> dict:
    medians = {"rate_median": 1000 * (rate[0] or 0), "user_median": user, "system_median": 20.0, "server_median": 0.5}
    medians["sleeps_median"] = 0.25
    return {"rate_ratio": rate, "cpu_ratio": cpu, "cpu_median": [20 + user, None, None], **medians}


def losses(*ours: dict, **peers: dict) -> str:
    """What the page says of one setting, without its tables."""
    setting = dict(
        zip(("scheme", "keep_alive", "size", "concurrency", "latency"), ("http", False, 100, 7, 0), strict=True)
    )
    arms = dict(zip(("rust/thread", "rust/callback", "rust/blocking"), ours, strict=False))
    measured = {
        "ours": list(arms),
        "settings": {"one": {**setting, "arms": {"wrk": figures([1, 1, 1], [1, 1, 1]), **arms, **peers}}},
    }
    return MADE["_losses"](measured)


LOST = figures([0.8, 0.7, 0.9], [1.2, 1.1, 1.3], user=15)
WON = figures([1.2, 1.1, 1.3], [0.9, 0.8, 0.95])


def test_only_what_is_lost_is_called_lost() -> None:
    won = losses(WON)
    assert "In none does it have fewer" in won
    assert "In none do all of ours need more" in won
    assert "No other peer" in won
    assert "None of our other strategies" in won

    lost = losses(LOST, ab=figures([0.9, 0.8, 0.95], [1, 1, 1]), pycurl=figures([0.95, 0.92, 0.98], [1, 1, 1]))
    assert "rust/thread 0.80 [0.70, 0.90]; +5.0 µs in user mode and +0.0 µs in the kernel" in lost
    assert "most of the excess in user mode. wrk counts" in lost
    assert "rust/thread 1.20 [1.10, 1.30]; +5.0" in lost
    assert (
        "ab 0.90 [0.80, 0.95], our best is rust/thread 0.80 [0.70, 0.90] (perhaps not: the intervals overlap)" in lost
    )
    assert "pycurl 0.95 [0.92, 0.98], our best is rust/thread 0.80 [0.70, 0.90]; ours takes +5.0 µs" in lost

    assert "yet takes longer" in losses(figures([0.9, 0.8, 0.95], [0.9, 0.8, 1.0]))
    assert "yet takes longer" in losses(figures([0.9, 0.8, 0.95], [1.1, 0.9, 1.2], user=15))  # perhaps no more CPU time
    assert "perhaps no loss" not in losses(figures([0.9, None, None], [0.9, None, None]))  # too few rounds to say


def test_a_reason_is_given_only_for_a_loss_that_is_shown() -> None:
    unsure = losses(figures([0.98, 0.9, 1.1], [1.2, 1.1, 1.3], user=15))
    assert "The interval includes 1: perhaps no loss.\n\n- http" in unsure
    assert "wrk counts a reply and forgets it. Ours keeps" not in unsure
    assert "None of our other strategies" in unsure


def test_all_of_ours_that_lose_are_named() -> None:
    found = losses(LOST, WON, figures([0.2, 0.1, 0.3], [3, 2, 4]))
    assert "In none does it have fewer" in found  # the best of them
    assert "rust/thread 0.80 [0.70, 0.90] `u`, rust/blocking 0.20 [0.10, 0.30] `o`." in found


def test_the_best_is_not_chosen_by_noise() -> None:
    """Of those that are as fast, as far as is known, it is the one that takes the least CPU time."""
    dear, cheap = figures([0.99, 0.98, 1.0], [2.5, 2.3, 2.7]), figures([0.98, 0.97, 0.99], [1.3, 1.2, 1.4])
    slow = figures([0.5, 0.4, 0.6], [1.0, 0.9, 1.1])
    assert MADE["_best"]({"dear": dear, "cheap": cheap, "slow": slow}) == "cheap"
    assert MADE["_best"]({"dear": dear, "slow": slow}) == "dear"


def test_rounds_that_differ_too_much_are_pointed_out() -> None:
    part = copy.deepcopy(MEASURED)
    name, setting = next(iter(part["settings"].items()))
    part["settings"] = {name: setting}
    setting["arms"] = {
        "wrk": setting["arms"]["wrk"],
        "rust/callback": setting["arms"]["rust/callback"]
        | {"cpu_ratio": [1.8, 0.96, 1.9], "cpu_median": [894.4, 408.7, 920.0]},
    }
    assert "for the middle to say anything: rust/callback took 409 to 920 µs of CPU time.\n" in MADE["page"](part)
    setting["arms"]["rust/callback"]["cpu_ratio"] = [1.2, 1.1, 1.3]
    assert "for the middle to say anything" not in MADE["page"](part)


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("arm", CLIENTS)
@pytest.mark.slow
def test_a_client_keeps_connections_only_if_told_to(arm: str, https: bool) -> None:
    if arm in PEERS and peers.version(arm) is None:
        pytest.skip(f"{arm} is not installed")
    with aio.LabServer(latency=0.005, body_size=100, https=https) as lab:
        for keep_alive in (False, True):
            lab.reset()
            job = Job(arm, lab.urls(1)[0], 100, 40, 4, keep_alive, lab.ca_file if https else None)
            assert measure(job)["right"] == 40
            stats = lab.stats()
            assert stats.served == 40
            assert stats.peak_in_flight <= 4
            assert stats.connections < 40 if keep_alive else stats.connections == 40
