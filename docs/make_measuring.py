"""Puts the latest figures (benchmarks/results) into the tables of docs/measuring.md that have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE / "measuring.md"
RESULTS = HERE.parent / "benchmarks" / "results"

#: Of the table of evidence: the question, how it was answered, what was expected, and what was measured.
Row = tuple[str, str, str, str]

SERVERS = {
    "healthy": "healthy",
    "hiccup": "hiccup: stands still once, for 150 ms",
    "ramp": "ramp: slower by 30 ms in the end",
    "pauses": "pauses: 150 ms in every 500",
    "saturation": "saturation: at most 200 requests per second",
}
FIVE_SERVERS = """\
| server | closed: service p50, p90, p99, max | open: response p50, p90, p99, max |
| --- | ---: | ---: |
{rows}

In the closed loop the pauses meet about 1 % of the requests, as nothing more is asked of the server meanwhile: whether
p99 shows them is chance (here it does for {shown}).
"""

EVIDENCE = """\
| question | how | expected | measured |
| --- | --- | --- | --- |
{rows}

Machine: {cores} cores ({cpu}), {os} {kernel}, CPython {python}, {rustc}, {build_profile} build.
"""


def parts() -> dict[str, str]:
    """Return what is made, by the names in the page."""
    return {"the five servers": _five_servers(_read("pathologies")["ms"]), "the evidence": _evidence()}


def page(text: str) -> str:
    """Return the page with these parts in their places.

    Raises:
        ValueError: a part has no place in the page.
    """
    for name, made in parts().items():
        begin, end = f"<!-- made by docs/make_measuring.py: {name} -->\n", f"<!-- end of {name} -->\n"
        if not text.count(begin) == text.count(end) == 1:
            raise ValueError(f"the page has no place for {name}")
        before, after = text.split(begin)[0], text.split(end)[1]
        text = f"{before}{begin}\n{made}\n{end}{after}"
    return text


def _read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _five_servers(found: dict) -> str:
    rows = [
        f"| {words} | {_told(found[name]['closed']['rust/thread']['service'])}"
        f" | {_told(found[name]['open']['rust/thread']['response'])} |"
        for name, words in SERVERS.items()
    ]
    shown = [f"`{arm}`" for arm, each in found["pauses"]["closed"].items() if each["service"]["p99"] > 100]
    return FIVE_SERVERS.format(rows="\n".join(rows), shown=" and ".join(shown) or "none")


def _told(percentiles: dict[str, float]) -> str:
    return ", ".join(f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}" for ms in percentiles.values())


def _evidence() -> str:
    machine = _read("aa_simulation")["environment"]
    return EVIDENCE.format(
        rows="\n".join(f"| {' | '.join(row)} |" for row in [*_simulated(), *_compared(), *_diffed(), *_limits()]),
        **{name: machine[name] for name in ("cores", "cpu", "os", "python", "build_profile")},
        kernel=machine["kernel"].split("-")[0],
        rustc=" ".join(machine["rustc"].split()[:2]),
    )


def _simulated() -> list[Row]:
    found = _read("aa_simulation")
    how = f"{found['experiments']}, of 3 contrasts each, drawn from 500 recorded rounds"
    looks = ", ".join(f"{look}: {count}" for look, count in found["rounds"].items())
    return [
        ("A/A: experiments with any false verdict", how, "≤ 5 %", str(found["with_a_false_verdict"])),
        (
            "coverage of the 95 % intervals, with the looks",
            "the same",
            "95 %",
            f"{100 * found['covering_intervals']:.1f} %",
        ),
        ("rounds until every interval was within ±5 %", "the same", "10 to 60", f"{looks} of {found['experiments']}"),
    ]


def _compared() -> list[Row]:
    aa, power = _read("harness_aa"), _read("harness_power")
    beside = f"{aa['comparisons']} real comparisons, beside two programs that compute and sleep in turn"
    alone = f"{power['comparisons']} real comparisons, of at most {power['longest_seconds']:.1f} s"
    called, covered = (f"{power[name]} of {power['comparisons']}" for name in ("called", "covered"))
    return [
        ("A/A under load: false verdicts", beside, "≤ 1", f"{aa['false_verdicts']} of {aa['comparisons']}"),
        ("power: a slowdown of 10 % is called *slower*", alone, "≥ 38", called),
        ("its interval covers the true ratio", "the same", "≥ 37", covered),
    ]


def _diffed() -> list[Row]:
    found = _read("harness_diff")
    pairs = sum(each["pairs"] for name, each in found.items() if name.startswith("same"))
    called = {"same": 0, "slowed": 0}
    for name, each in found.items():
        called[name.partition(",")[0]] += sum(each["called"].get(verdict, 0) for verdict in ("faster", "slower"))
    covered = [f"{each['covered']} of {each['pairs']} ({name})" for name, each in found.items()]
    how = f"{pairs} pairs of saved comparisons, half of them with the later one under that load"
    return [
        ("diff of the same program: false verdicts", how, "≤ 2", f"{called['same']} of {pairs}"),
        ("diff: a slowdown of 10 % is called *slower*", "the same", "≥ 38", f"{called['slowed']} of {pairs}"),
        ("diff: the interval covers the true ratio", "both", "≥ 18 of 20 each", ", ".join(covered)),
    ]


def _limits() -> list[Row]:
    few, many = (f"{each['seconds']:.1f} s, {each['rounds']} rounds" for each in _read("harness_budget").values())
    alone = "one comparison; `blocking` alone would take 500 s"
    half = "all arms, 2,000 and 20,000 requests, from half as many"
    medians = "medians of 20 runs; thread, callback, asyncio"
    overhead = _read("harness_overhead")
    return [
        ("all arms, 10 requests, 20 ms, `budget=30`", "one comparison", "≤ 33 s", few),
        ("all arms, 100,000 requests, 5 ms, `budget=30`", alone, "≤ 33 s", many),
        ("projected time / measured time", half, "0.9 to 1.1", _projected(_read("projection")["seconds"])),
        (
            "wall time less the span of the lab's log, 10 requests",
            medians,
            "≤ 1 ms + 2 %",
            _over(overhead["10 requests"]),
        ),
        ("the same, 100 requests", "the same", "≤ 1 ms + 2 %", _over(overhead["100 requests"])),
    ]


def _projected(seconds: dict[str, dict[str, dict[str, float]]]) -> str:
    ratios = []
    for arms in seconds.values():
        for found in arms.values():
            [projected] = (value for name, value in found.items() if name != "truth")
            ratios.append(projected / found["truth"])
    within = sum(0.9 <= ratio <= 1.1 for ratio in ratios)
    return f"{min(ratios):.2f} to {max(ratios):.2f}; {within} of {len(ratios)} within"


def _over(arms: dict[str, dict[str, float]]) -> str:
    differences, allowed = ([each[name] for each in arms.values()] for name in ("median_difference_ms", "allowed_ms"))
    worst = max(arms, key=lambda arm: arms[arm]["median_difference_ms"])
    measured = f"{min(differences):.2f} to {max(differences):.2f} ms (`{worst}`)"
    return f"{measured} of {min(allowed):.2f} to {max(allowed):.2f} ms"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
