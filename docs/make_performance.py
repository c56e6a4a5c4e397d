"""Makes docs/performance.md, and its pictures, of what benchmarks/peers.py measured, and benchmarks/system_calls.py."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Callable
from pathlib import Path

from aio_strategies.display.interval_charts import Dot, dots_chart
from aio_strategies.display.picture import Picture
from aio_strategies.display.rendering import render
from aio_strategies.display.scale import TimeUnit

HERE = Path(__file__).parent
PAGE = HERE / "performance.md"
RESULTS = HERE.parent / "benchmarks" / "results"
MEASURED = RESULTS / "peers.json"
CALLS = RESULTS / "system_calls.json"

#: The settings that have a picture.
PICTURED = ("http-close-100B-c100", "http-keep-alive-100B-c100")
#: Fewer rounds have no 95 % interval.
FEWEST_ROUNDS = 6

TOP = """\
# Performance: our strategies and their peers

- Each arm fetches the same page, so many times at once, from one nginx with one worker on the same machine; where
  replies are late, from our lab. None resumes a TLS session. wrk and ab do not verify certificates; all others do.
- Each has a process of its own, warmed up. Rounds run every arm once, in random order: {rounds}, of about {seconds:g} s
  an arm (longer where connections are kept; wrk takes whole seconds).
- A ratio is relative to wrk in the same round: the Hodges–Lehmann estimate over the rounds, and its 95 % interval.
  More requests/s are better, and less CPU time.
- From Python, the clock runs from the call until the `Run`, or the last body, is there; all bodies are kept until then,
  which wrk and ab do not do. CPU time is user + system, children included. *Server busy* is the share of the time in
  which the server computed: near 100 %, requests/s show the server, and only CPU time shows the client.
- Every reply was 200 and of the right size, or the arm is named as failed. Sizes are those of the bodies.

{where}
{absent}
Ours are in bold. uvloop is our `python/asyncio` on uvloop's event loop; pycurl is its multi interface; aiohttp, httpx,
httpx2, niquests and primp are their asynchronous clients, with a task for each request in flight. `make bench` measures
it all (`benchmarks/peers.py`) and makes this page.
"""

COLUMNS = (
    "arm",
    "requests/s, relative to wrk",
    "CPU time for each, relative to wrk",
    "requests/s",
    "CPU µs for each (user + system)",
    "server busy",
)

TRIAL = "\n**A trial: {rounds} rounds are too few for an interval, and for any conclusion.**\n"

#: Why we lose, by where the time goes; each is shown only with the settings in which it is so.
WHY = {
    "user": """\
It takes more CPU time than wrk, most of the excess in user mode. wrk counts a reply and forgets it. Ours keeps each:
its head, its body, when it began and ended; and hands it to Python.""",
    "system": """\
It takes more CPU time than wrk, most of the excess in the kernel. The setting's table shows whether strategies that
wait in another way take less there, and what the other clients take that keep all bodies in memory, as ours do.""",
    "waiting": """\
It takes no more CPU time than wrk, yet longer: the time is lost in waiting, not in work. Our time begins with the call
and ends with its `Run`; at both ends no request is in flight.""",
}


#: The system calls of a client, in their order.
IN_ORDER = (
    *("socket", "fcntl", "setsockopt", "connect", "getpeername", "getsockopt", "epoll_ctl"),
    *("sendto", "write", "recvfrom", "read", "close"),
)
#: The floor: what the kernel is asked to do.
FLOOR = """\
## System calls

How many a request takes, with {in_flight} in flight, as strace counts them (`benchmarks/system_calls.py`): the sums,
and which. A client cannot do with less than {minimum}.

| arm | a connection for each request | keep-alive |
| --- | --- | --- |
{rows}

- `callback`, `generator` and `yield_from` ask with `getpeername` whether connecting took no time, as it does on one
  machine; then they need not wait before they send. The poll reports a reply only once (`epoll_ctl`, edge-triggered).
- `uring` hands the steps of many requests to the kernel in one call.
- tokio (`asyncio`) takes each socket off its poll before it closes it. The memory of its thread grows by `mprotect`.
- `blocking` and `thread` set two timeouts for each connection (`setsockopt`): blocking calls have no other deadline.
"""


def page(measured: dict, calls: dict | None = None) -> str:
    """Return the page."""
    environment = measured["environment"]
    absent = measured["absent"]
    versions = [f"nginx {measured['nginx']}", *(f"{name} {told}" for name, told in measured["versions"].items())]
    system = f"{environment['os']} {environment['kernel'].split('-')[0]}"
    machine = f"{environment['cores']} cores ({environment['cpu']}), {system}, CPython {environment['python']}"
    where = f"Measured {environment['date'][:10]} on {machine}; {', '.join(versions)}."
    top = TOP.format(
        rounds=measured["rounds"],
        seconds=measured["seconds"],
        where=textwrap.fill(where, 120),
        absent=f"Absent, as not to be had here: {', '.join(absent)}.\n" if absent else "",
    )
    trial = TRIAL.format(rounds=measured["rounds"]) if measured["rounds"] < FEWEST_ROUNDS else ""
    pictured = "\n".join(f"![{picture.title}]({name})\n" for name, picture in pictures(measured).items())
    sections = [_section(setting, measured["ours"]) for setting in measured["settings"].values()]
    floor = _floor(calls) if calls else ""
    return "\n".join(filter(None, [top + trial, pictured, _losses(measured), floor, *sections]))


def pictures(measured: dict) -> dict[str, Picture]:
    """Return the pictures by the names of their files: CPU time per request, for the settings that were measured."""
    return {
        f"performance-{name}.svg": _picture(measured["settings"][name], measured["ours"])
        for name in PICTURED
        if name in measured["settings"]
    }


def _floor(calls: dict) -> str:
    modes = calls["calls"].values()
    rows = []
    for arm in next(iter(modes)):
        cells = [arm if arm == "wrk" else f"**{arm}**", *(_calls(mode[arm]) for mode in modes)]
        rows.append(f"| {' | '.join(cells)} |")
    least = " or ".join(f"{len(names)} ({', '.join(names)})" for names in calls["minimum"].values())
    return FLOOR.format(in_flight=calls["in_flight"], minimum=least, rows="\n".join(rows))


def _calls(found: dict[str, float]) -> str:
    """How many calls, and which, in the order in which a client makes them; without those that are rare."""
    common = sorted((name for name in found if found[name] >= 0.1), key=lambda name: (*IN_ORDER, name).index(name))
    named = ", ".join(f"{name} {found[name]:.2f}".removesuffix(" 1.00") for name in common)
    return f"{sum(found.values()):.2f}" + (f": {named}" if named else "")


def _picture(setting: dict, ours: list[str]) -> Picture:
    dots = []
    for arm, figures in sorted(setting["arms"].items(), key=lambda item: item[1]["cpu_median"][0]):
        value, low, high = (1e-6 * (micros or 0.0) for micros in figures["cpu_median"])
        kind = arm.partition("/")[0] if arm in ours else "peer"
        dots.append(Dot(arm, "", kind, value, low, high))
    wrk = 1e-6 * setting["arms"]["wrk"]["cpu_median"][0]
    quantity, unit = "CPU time per request", TimeUnit("µs", 1e6)
    chart = dots_chart(dots, [("wrk", wrk)], quantity, _title(setting), unit=unit, quantity=quantity)
    picture: Picture = render(chart)
    # its text for those who do not see it
    return dataclasses.replace(picture, title=f"{quantity}: {_title(setting)}")


def _title(setting: dict) -> str:
    """What a setting is, in words."""
    size = {10_000: "10 KB", 1_000_000: "1 MB"}.get(setting["size"], f"{setting['size']} B")
    mode = "keep-alive" if setting["keep_alive"] else "a connection for each request"
    late = f", replies after {setting['latency']} ms" if setting["latency"] else ""
    return f"{setting['scheme']}, {mode}, {size}, {setting['concurrency']:,} in flight{late}"


def _section(setting: dict, ours: list[str]) -> str:
    lines = [
        f"## {_title(setting)}\n",
        f"| {' | '.join(COLUMNS)} |",
        "| --- | --- | --- | --: | --: | --: |",
    ]
    for arm, figures in sorted(setting["arms"].items(), key=lambda item: -item[1]["rate_ratio"][0]):
        name = f"**{arm}**" if arm in ours else arm
        parts = f"{figures['user_median']:.1f} + {figures['system_median']:.1f}"
        cells = [
            name,
            _ratio(figures["rate_ratio"]),
            _ratio(figures["cpu_ratio"]),
            f"{figures['rate_median']:,.0f}",
            f"{figures['cpu_median'][0]:.1f} ({parts})",
            f"{100 * figures['server_median']:.0f} %",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    failed = [f"{arm} failed ({why})" for arm, why in setting["failed"].items()]
    left_out = [f"{arm} left out ({why})" for arm, why in setting["left_out"].items()]
    remarks = "; ".join(failed + left_out)
    return "\n".join(lines) + "\n" + (f"\nNot in the table: {remarks}.\n" if remarks else "")


def _ratio(ratio: list[float | None]) -> str:
    value, low, high = ratio
    return f"{_told(value)} [{_told(low)}, {_told(high)}]" if low and high else _told(value)


def _told(value: float | None) -> str:
    """A ratio with enough digits."""
    assert value is not None
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _best(setting: dict, ours: list[str], figure: str, choose: Callable) -> str | None:
    """The arm of ours that is best by a ratio."""
    arms = [arm for arm in ours if arm in setting["arms"]]
    return choose(arms, key=lambda arm: setting["arms"][arm][figure][0]) if arms else None


def _losses(measured: dict) -> str:
    """Where the best of ours has fewer requests/s or more CPU time than wrk, or another peer is ahead of it."""
    slower: dict[str, list[str]] = {}
    dearer, ahead = [], []
    for setting in measured["settings"].values():
        arms = setting["arms"]
        fastest = _best(setting, measured["ours"], "rate_ratio", max)
        leanest = _best(setting, measured["ours"], "cpu_ratio", min)
        if fastest is None or leanest is None:
            continue
        rate = arms[fastest]["rate_ratio"]
        if rate[0] < 1:
            parts = {
                part: arms[fastest][f"{part}_median"] - arms["wrk"][f"{part}_median"] for part in ("user", "system")
            }
            excess = " and ".join(f"{micros:+.1f} µs in {_MODE[part]}" for part, micros in parts.items())
            line = f"- {_title(setting)}: {fastest} {_ratio(rate)}{_unsure(rate)}; {excess} for each request."
            slower.setdefault(_why(arms[fastest], parts), []).append(line)
        cpu = arms[leanest]["cpu_ratio"]
        if cpu[0] > 1:
            dearer.append(f"- {_title(setting)}: {leanest} {_ratio(cpu)}{_unsure(cpu)}.")
        faster = [
            f"{arm} ({_ratio(figures['rate_ratio'])})"
            for arm, figures in arms.items()
            if arm not in measured["ours"] and arm != "wrk" and figures["rate_ratio"][0] > rate[0]
        ]
        if faster:
            ahead.append(f"- {_title(setting)}: {', '.join(faster)}; our best is {fastest} ({_ratio(rate)}).")
    count = len(measured["settings"])
    parts = [f"## Where we lose, and why\n\nOur best strategy of each setting, in the {count} measured.\n"]
    if slower:
        parts.append("**Fewer requests/s than wrk:**\n")
        parts += [f"{WHY[why]}\n\n" + "\n".join(lines) + "\n" for why, lines in slower.items()]
    else:
        parts.append("In none does it have fewer requests/s than wrk.\n")
    if dearer:
        parts.append("**More CPU time than wrk**, even the one that needs least:\n\n" + "\n".join(dearer) + "\n")
    else:
        parts.append("In none do all of ours need more CPU time than wrk.\n")
    if ahead:
        parts.append("**Another peer is ahead** in requests/s:\n\n" + "\n".join(ahead) + "\n")
    else:
        parts.append("No other peer is ahead of it in requests/s.\n")
    return "\n".join(parts)


_MODE = {"user": "user mode", "system": "the kernel"}


def _unsure(ratio: list[float | None]) -> str:
    """What to add if the interval has 1 in it."""
    _, low, high = ratio
    return " (it may be none: the interval includes 1)" if low and high and low <= 1 <= high else ""


def _why(figures: dict, parts: dict[str, float]) -> str:
    """Where the time goes."""
    if figures["cpu_ratio"][0] <= 1:
        return "waiting"
    return "user" if parts["user"] >= parts["system"] else "system"


def main() -> None:
    """Write the page and its pictures anew."""
    measured, calls = (json.loads(path.read_text(encoding="utf-8")) for path in (MEASURED, CALLS))
    PAGE.write_text(page(measured, calls), encoding="utf-8")
    for old in HERE.glob("performance-*.svg"):
        old.unlink()
    for name, picture in pictures(measured).items():
        picture.save(HERE / name)


if __name__ == "__main__":
    main()
