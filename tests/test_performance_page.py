"""docs/performance.md has what benchmarks/peers.py measured; and its clients do what a setting says."""

from __future__ import annotations

import copy
import json
import runpy
from pathlib import Path

import aio_strategies as aio
import peers
import pytest
from peer_clients import CLIENTS, PEERS, Job, measure

MADE = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "make_performance.py"))
MEASURED = json.loads(MADE["MEASURED"].read_text(encoding="utf-8"))
CALLS = json.loads(MADE["CALLS"].read_text(encoding="utf-8"))


def test_the_page_has_these_figures() -> None:
    """docs/make_performance.py makes it; if the figures are to change, benchmarks/peers.py comes first."""
    page = MADE["page"](MEASURED, CALLS)
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
    return {"rate_ratio": rate, "cpu_ratio": cpu, "cpu_median": [20 + user, None, None], **medians}


def losses(*ours: dict, **peers: dict) -> str:
    """What the page says of one setting, without its tables."""
    setting = dict(
        zip(("scheme", "keep_alive", "size", "concurrency", "latency"), ("http", False, 100, 7, 0), strict=True)
    )
    arms = {f"rust/{number}": each for number, each in enumerate(ours)}
    measured = {
        "ours": list(arms),
        "settings": {"one": {**setting, "arms": {"wrk": figures([1, 1, 1], [1, 1, 1]), **arms, **peers}}},
    }
    return MADE["_losses"](measured)


def test_only_what_is_lost_is_called_lost() -> None:
    won = losses(figures([0.5, 0.4, 0.6], [2, 1.9, 2.1]), figures([1.2, 1.1, 1.3], [0.9, 0.8, 0.95]))
    assert "In none does it have fewer" in won
    assert "In none do all of ours need more" in won
    assert "No other peer" in won

    lost = losses(figures([0.8, 0.7, 0.9], [1.2, 1.1, 1.3], user=15), ab=figures([0.9, 0.8, 0.95], [1, 1, 1]))
    assert "rust/0 0.80 [0.70, 0.90]; +5.0 µs in user mode and +0.0 µs in the kernel" in lost
    assert "most of the excess in user mode" in lost
    assert "rust/0 1.20 [1.10, 1.30]." in lost
    assert "ab (0.90 [0.80, 0.95]); our best is rust/0" in lost

    assert "it may be none" in losses(figures([0.98, 0.9, 1.1], [0.9, 0.8, 1.0]))
    assert "no more CPU time than wrk, yet longer" in losses(figures([0.9, 0.8, 0.95], [0.9, 0.8, 1.0]))
    assert "it may be none" not in losses(figures([0.9, None, None], [0.9, None, None]))  # too few rounds to say


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
