"""Makes docs/performance.md, and its pictures, of what benchmarks measured: peers.py, where_time_goes.py,
system_calls.py, border.py, at_scale.py (memory), stream.py and lab_vs_nginx.py."""

from __future__ import annotations

import dataclasses
import json
import sys
import textwrap
from pathlib import Path

from aio_strategies.catalogue import STRATEGIES
from aio_strategies.display.interval_charts import Dot, dots_chart
from aio_strategies.display.picture import Picture
from aio_strategies.display.rendering import render
from aio_strategies.display.scale import TimeUnit

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from peers import FULL

HERE = Path(__file__).parent
PAGE = HERE / "performance.md"
RESULTS = HERE.parent / "benchmarks" / "results"
MEASURED = RESULTS / "peers.json"
CALLS = RESULTS / "system_calls.json"
AT_SCALE = RESULTS / "at_scale_memory.json"
STREAMS = RESULTS / "stream.json"
TIMES = RESULTS / "where_time_goes.json"
BORDER = RESULTS / "border.json"
LAB = RESULTS / "lab_vs_nginx.json"
#: What the page is made of, in the order of ``page``'s parameters.
SOURCES = (MEASURED, CALLS, AT_SCALE, STREAMS, TIMES, BORDER, LAB)

#: The settings that have a picture.
PICTURED = ("http-close-100B-c100", "http-keep-alive-100B-c100")
#: Fewer rounds have no 95 % interval.
FEWEST_ROUNDS = 6
#: If the upper end of an interval is so many times the lower one, its middle says little.
UNEVEN = 1.75

TOP = """\
# Performance: our strategies and their peers

- Each arm fetches the same page, so many times at once, from one nginx with one worker on the same machine; where
  replies are late, from our lab. None resumes a TLS session. wrk and ab do not verify certificates; all others do.
- What runs in Python has a process of its own, warmed up, which keeps the memory that it frees, as in our comparisons
  (docs/measuring.md, section 3). wrk, ab and oha are started anew for each run, and their CPU time includes their
  start. wrk and ab have one thread, oha one for each core. Rounds run every arm once, in random order: {rounds}, of
  about {seconds:g} s an arm (longer where connections are kept; wrk takes whole seconds).
- A ratio is relative to wrk in the same round: the Hodges–Lehmann estimate over the rounds, and its 95 % interval.
  More requests/s are better, and less CPU time.
- From Python, the clock runs from the call until the `Run`, or the last body, is there; all bodies are kept until then,
  which wrk, ab and oha do not do. CPU time is user + system, children included. *Server busy* is the share of the time
  in which the server computed: near 100 %, requests/s show the server, and only CPU time shows the client. *Server
  sleeps* is how many times the server found nothing to do and slept. Waking it takes CPU time of the client that sends
  it the next piece of work. (Of the lab, it is not known.)
- Every reply was 200 and of the right size, or the arm is named as failed. Sizes are those of the bodies.

{where}
{absent}
Ours are in bold. uvloop is our `python/asyncio` on uvloop's event loop; pycurl is its multi interface; aiohttp, httpx,
httpx2, niquests and primp are their asynchronous clients, with a task for each request in flight. `make bench` measures
these {shown} settings (`benchmarks/peers.py`) and makes this page. `python benchmarks/peers.py --full` measures
all {full}: each scheme and size with 1 to 1,000 in flight, as far as memory holds the bodies, and 100 B over http with
10,000, too. Of these, `benchmarks/at_scale.py` has what all strategies take with 10,000 in flight; see below.
"""

COLUMNS = (
    "arm",
    "requests/s, relative to wrk",
    "CPU time per request, relative to wrk",
    "requests/s",
    "CPU µs per request (user + system)",
    "server busy",
    "server sleeps per request",
)

TRIAL = "\n**A trial: {rounds} rounds are too few for an interval, and for any conclusion.**\n"

#: Where the time of a loss goes; each is shown only with the settings in which it is so.
WHY = {
    "unsure": "The interval includes 1: perhaps no loss.",
    "user": """\
It takes more CPU time than wrk, most of the excess in user mode. wrk counts a reply and forgets it. Ours keeps each:
its head, its body, when it began and ended; and hands it to Python.""",
    "system": """\
It takes more CPU time than wrk, most of the excess in the kernel. The setting's table shows whether strategies that
wait in another way take less there, and what the other clients take that keep all bodies in memory, as ours do.""",
    "waiting": """\
It is not shown to take more CPU time than wrk, yet takes longer: the time is lost in waiting, not in work. Our time
begins with the call and ends with its `Run`; at both ends no request is in flight.""",
}

#: What is said of all of ours that lose.
EVERY = """\
**Every strategy of ours with fewer requests/s than wrk**, its whole interval below 1. The letters say why:

- `o`, one at a time: it has one request in flight where wrk has many.
- `u`, `k`: it takes more CPU time per request than wrk, most of the excess in user mode or in the kernel: for its own
  code (Python's above all), for keeping each reply, or for switching between threads.
- `w`, waiting: it is not shown to take more CPU time than wrk.
"""
LETTERS = {"user": "u", "system": "k", "waiting": "w"}

AHEAD = """\
**Another peer is ahead** in requests/s of our best. ab and oha, like wrk, count a reply and forget it: they read all
bodies into the same few KB of memory. Ours puts each body together and keeps it.
"""


#: The system calls of a client, in their order.
IN_ORDER = (
    *("socket", "fcntl", "setsockopt", "connect", "getpeername", "getsockopt", "epoll_ctl"),
    *("sendto", "write", "recvfrom", "read", "close"),
)
SYSTEM_CALLS = """\
## System calls

How many a request takes, with {in_flight} in flight, as strace counts them (`benchmarks/system_calls.py`): the sums,
and which. They are the difference of two runs, with few and with many requests.

| arm | a connection for each request | keep-alive |
| --- | --- | --- |
{rows}

- `nonblocking` asks again and again whether a reply is there, and how often depends on chance. Less than one `recvfrom`
  for a reply is such a chance, of the difference: the run with few requests happened to ask more often.
- `callback`, `generator` and `yield_from` ask with `getpeername` whether connecting took no time, as it does on one
  machine; then the poll need not tell them. The poll reports a reply only once (`epoll_ctl`, edge-triggered).
- `uring` hands the steps of many requests to the kernel in one call, and so needs fewer calls than the steps that a
  request has.
- tokio (`asyncio`) takes each socket off its poll before it closes it.
- Each of ours says when to acknowledge the handshake (`setsockopt`).
- `blocking` and `thread` also set two timeouts for each connection (`setsockopt`): blocking calls have no other
  deadline.
"""


SCALE = """\
## {in_flight:,} in flight

All {in_flight:,} requests are under way at once, each on a connection of its own; the lab answers them after 2 s, with
empty bodies. How long all took, and by how much the peak memory of the process grew: with the URLs and the results.
(`benchmarks/results/at_scale_memory.json`; `at_scale_threads.json` has 10 to 3,000 threads)

| strategy | Python: s | Python: MB | Rust: s | Rust: MB |
| --- | --: | --: | --: | --: |
{rows}
"""

LONG = """\
## Long streams

`aio.stream` over URLs from a generator, {concurrency} in flight on connections that are kept alive, 100 B from the lab:
how many per second (medians of {rounds} rounds), the ratio in the same round with its 95 % interval, by how much the
memory grew at most, and how long it took at most to leave an endless one by `break`. (`benchmarks/stream.py`)

The threads of `thread` hand in their outcomes one by one. When these come fast, the loop takes several at once: it
waits up to 0.1 ms for a quarter of those in flight. To wake up for each would cost a long stream time on both sides.

| arm | loop | URLs/s, {few:,} | URLs/s, {most:,} | ratio | most memory, MB | `break`, ms |
| --- | --- | --: | --: | --- | --: | --: |
{rows}
"""

SERVERS = """\
## The lab and nginx

How many requests/s each of the two answered on one thread, 1 KB from memory, as `wrk -t1 -c100` asked: medians of
{rounds} rounds, and the lab's ratio to nginx in the same round with its 95 % interval. The lab keeps its log meanwhile;
nginx keeps none. (`benchmarks/lab_vs_nginx.py`)

| mode | lab | nginx | ratio |
| --- | --: | --: | --- |
{rows}
"""

TIME = """\
## Where the CPU time goes

What perf saw, {frequency:,} times a second, while a strategy fetched with {in_flight} in flight from nginx: CPU µs per
request. Left of the double line is the kernel, by system call (for `uring`, by operation); there, loopback also does
what would be the network card's and the peer's work: a client that connects runs the server's half of the handshake.
*Wait* is the poll, the ring, and switching between threads. Right of it is user time: our code (with mio, tokio and
rustls), the C library's (memory, and the way into the kernel), reading the clock, and Python. One run each: no
interval; and perf itself takes time, so look at the shares. (`benchmarks/where_time_goes.py`)
{tables}
{top}What was done about the largest:

- **connect**: what the server says when a connection opens is acknowledged with the request, not before (Linux's
  `TCP_QUICKACK`). It saves a packet, and the server, which was woken twice, hardly sleeps any more.
- **connect, close, wait**: while the server sleeps, whoever sends it something wakes it. So all that has arrived (32
  events, or 96 completions, a turn) is taken first, then all send, then all connect. It halved the server's sleeps.
- **wait**: sockets register with the poll once, and only for what is still to come (edge-triggered). `uring` hands the
  kernel hundreds of steps in one call.
- **receive**: all exchanges of a thread read into one buffer; a head that arrives as a whole is parsed where it is. A
  read asks for 16 KiB, and for 256 KiB once one was full: it halved the CPU time of a body of 1 MB.
- **our code**: header fields are places in the head's one buffer; a body of known length is allocated once, and
  `Response` objects are made when they are looked at.
- Measured and left: writing the request costs less than 0.05 µs, so nothing is kept for the next one. In an experiment,
  two rings in two threads had 1.5 times wrk's requests/s with new connections, but 0.7 times with keep-alive, as three
  threads then shared two cores: `uring` remains one thread.
"""

#: The groups of where_time_goes.py, as columns.
TIME_COLUMNS = {
    "socket": "socket",
    "connect": "connect",
    "send": "send",
    "receive": "receive",
    "close": "close",
    "wait": "wait",
    "other_kernel": "other",
    "ours": "our code",
    "c_library": "C library",
    "clock": "clock",
    "python": "Python",
}

BORDERS = """\
## The border between Python and Rust

What it costs to call Rust from Python, in µs: how much longer `Run.wall` is than the strategy took in Rust, and how
much longer than its exchanges the whole call took for the caller, who also has the arguments checked. Between the two
are `thread`'s threads, `uring`'s ring and the event loops, which start before the first exchange and end after the
last. `thread` has to wake another core twice, which is slow in a virtual machine: to start its first thread, and when
the last has ended. For ten URLs, and for each further one. Medians of {rounds} calls with ten URLs, a connection each,
and of some with {many:,}, on connections that are kept alive; 10 in flight, from the lab: no interval.
(`benchmarks/border.py`)

| arm | ten URLs: `Run.wall` | ten URLs: the call | each URL: `Run.wall` | each URL: the call |
| --- | --: | --: | --: | --: |
{rows}
"""


def page(
    measured: dict,
    calls: dict | None = None,
    at_scale: dict | None = None,
    streams: dict | None = None,
    times: dict | None = None,
    border: dict | None = None,
    lab: dict | None = None,
) -> str:
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
        absent=f"Not installed here: {', '.join(absent)}.\n" if absent else "",
        shown=len(measured["settings"]),
        full=len(FULL),
    )
    trial = TRIAL.format(rounds=measured["rounds"]) if measured["rounds"] < FEWEST_ROUNDS else ""
    pictured = "\n".join(f"![{picture.title}]({name})\n" for name, picture in pictures(measured).items())
    sections = [_section(setting, measured["ours"]) for setting in measured["settings"].values()]
    others = [
        _times(times) if times else "",
        _system_calls(calls) if calls else "",
        _border(border) if border else "",
        _scale(at_scale) if at_scale else "",
        _long_streams(streams) if streams else "",
        _servers(lab) if lab else "",
    ]
    return "\n".join(filter(None, [top + trial, pictured, _losses(measured), *others, *sections]))


def pictures(measured: dict) -> dict[str, Picture]:
    """Return the pictures by the names of their files: CPU time per request, for the settings that were measured."""
    return {
        f"performance-{name}.svg": _picture(measured["settings"][name], measured["ours"])
        for name in PICTURED
        if name in measured["settings"]
    }


def _system_calls(calls: dict) -> str:
    modes = calls["calls"].values()
    rows = []
    for arm in next(iter(modes)):
        cells = [arm if arm == "wrk" else f"**{arm}**", *(_calls(mode[arm]) for mode in modes)]
        rows.append(f"| {' | '.join(cells)} |")
    return SYSTEM_CALLS.format(in_flight=calls["in_flight"], rows="\n".join(rows))


def _scale(at_scale: dict) -> str:
    rows = []
    for key, languages in at_scale["strategies"].items():
        if "not_applicable" in languages:
            continue
        cells = [f"`{key}`"]
        for language in ("python", "rust"):
            found = languages.get(language)
            if found is None:
                cells += ["–", "–"]
                continue
            most = found["peak_connections_so_far"]
            fewer = f" (at most {most:,} in flight)" if most < at_scale["in_flight"] else ""
            cells += [f"{found['wall']:.1f}{fewer}", f"{1.024e-3 * found['kib']:.0f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return SCALE.format(in_flight=at_scale["in_flight"], rows="\n".join(rows))


def _long_streams(streams: dict) -> str:
    rows = []
    for run in streams["runs"]:
        cells = [
            f"**{run['arm']}**",
            f"`{run['loop']}`",
            f"{run['few_per_second']:,}",
            f"{run['most_per_second']:,}",
            _ratio(run["throughput_ratio"]),
            f"{run['most_mb']:.1f}",
            f"{1000 * run['break_seconds']:.0f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    figures = {name: streams[name] for name in ("concurrency", "rounds", "few", "most")}
    return LONG.format(**figures, rows="\n".join(rows))


def _servers(lab: dict) -> str:
    rows = []
    for mode, figures in lab["modes"].items():
        cells = [mode, *(f"{figures['median'][name]:,}" for name in ("lab", "nginx")), _ratio(figures["ratio"])]
        rows.append(f"| {' | '.join(cells)} |")
    return SERVERS.format(rounds=lab["rounds"], rows="\n".join(rows))


def _times(times: dict) -> str:
    titles = {"close": "A connection for each request", "keep-alive": "Keep-alive"}
    tables = []
    for mode, arms in times["modes"].items():
        columns = [*TIME_COLUMNS.values()]
        columns.insert(list(TIME_COLUMNS).index("ours"), " ")
        lines = [f"\n{titles[mode]}:\n", f"| arm | all | {' | '.join(columns)} |"]
        lines.append("| --- | --: |" + " --: |" * len(columns))
        for arm, figures in arms.items():
            cells = [f"{us:.1f}" if us >= 1 else f"{us:.2f}" for us in figures["groups"].values()]
            cells.insert(list(TIME_COLUMNS).index("ours"), "‖")
            lines.append(f"| **{arm}** | {figures['us']:.1f} | {' | '.join(cells)} |")
        tables.append("\n".join(lines) + "\n")
    functions = times["modes"]["keep-alive"]["rust/callback"]["functions"]
    most = ", ".join(f"`{_short(name)}` {us:.2f}" for name, us in list(functions.items())[:4])
    top = f"In our own code, most of `rust/callback`'s µs with keep-alive are those of {most}." if most else ""
    top = textwrap.fill(top, 120) + "\n\n" if top else ""
    return TIME.format(frequency=times["frequency"], in_flight=times["in_flight"], tables="".join(tables), top=top)


def _short(function: str) -> str:
    """The function's name without its crate, and without the trait that it is of."""
    name = function.removeprefix("<").partition(" as ")[0] + function.rpartition(">")[2]
    return "::".join(name.split("::")[-2:])


def _border(border: dict) -> str:
    rows = []
    for arm, figures in border["arms"].items():
        cells = [f"{figures['ten_us'][what]:.0f}" for what in ("wall", "call")]
        cells += [f"{figures['url_us'][what]:.2f}" for what in ("wall", "call")]
        rows.append(f"| **{arm}** | {' | '.join(cells)} |")
    return BORDERS.format(rounds=border["rounds"], many=border["many"], rows="\n".join(rows))


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
        "| --- | --- | --- | --: | --: | --: | --: |",
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
            "–" if figures["sleeps_median"] is None else f"{figures['sleeps_median']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    failed = [f"{arm} failed ({why})" for arm, why in setting["failed"].items()]
    left_out = [f"{arm} left out ({why})" for arm, why in setting["left_out"].items()]
    remarks = "; ".join(failed + left_out)
    uneven = [
        f"{arm} took {low:.0f} to {high:.0f} µs of CPU time"
        for arm, figures in setting["arms"].items()
        if _is_uneven(figures["cpu_ratio"])
        for _, low, high in [figures["cpu_median"]]
    ]
    return (
        "\n".join(lines)
        + "\n"
        + (f"\nNot in the table: {remarks}.\n" if remarks else "")
        + (f"\nRounds that differ too much for the middle to say anything: {'; '.join(uneven)}.\n" if uneven else "")
    )


def _is_uneven(ratio: list[float | None]) -> bool:
    _, low, high = ratio
    return bool(low and high and high > UNEVEN * low)


def _ratio(ratio: list[float | None]) -> str:
    value, low, high = ratio
    return f"{_told(value)} [{_told(low)}, {_told(high)}]" if low and high else _told(value)


def _told(value: float | None) -> str:
    """A ratio with enough digits."""
    assert value is not None
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _best(arms: dict[str, dict]) -> str:
    """The fastest; of those whose intervals reach its ratio, the one that takes the least CPU time."""
    most = max(figures["rate_ratio"][0] for figures in arms.values())
    tied = [arm for arm, figures in arms.items() if max(filter(None, figures["rate_ratio"])) >= most]
    return min(tied, key=lambda arm: arms[arm]["cpu_ratio"][0])


def _losses(measured: dict) -> str:
    """Where the best of ours has fewer requests/s or more CPU time than wrk, or another peer is ahead of it; and all of
    ours that have fewer requests/s."""
    slower: dict[str, list[str]] = {}
    dearer, every, ahead = [], [], []
    for setting in measured["settings"].values():
        title, arms = _title(setting), setting["arms"]
        ours = {arm: arms[arm] for arm in measured["ours"] if arm in arms}
        if not ours:
            continue
        best, wrk = _best(ours), arms["wrk"]
        rate = ours[best]["rate_ratio"]
        if rate[0] < 1:
            line = f"- {title}: {best} {_ratio(rate)}; {_excess(ours[best], wrk)}."
            slower.setdefault("unsure" if _includes_1(rate) else _why(ours[best], wrk), []).append(line)
        leanest = min(ours, key=lambda arm: ours[arm]["cpu_ratio"][0])
        cpu = ours[leanest]["cpu_ratio"]
        if cpu[0] > 1:
            unsure = " (perhaps no loss: the interval includes 1)" if _includes_1(cpu) else ""
            dearer.append(f"- {title}: {leanest} {_ratio(cpu)}{unsure}; {_excess(ours[leanest], wrk)}.")
        lost = [
            f"{arm} {_ratio(figures['rate_ratio'])} `{_letter(arm, figures, setting)}`"
            for arm, figures in sorted(ours.items(), key=lambda item: -item[1]["rate_ratio"][0])
            if figures["rate_ratio"][2] and figures["rate_ratio"][2] < 1
        ]
        if lost:
            every.append(f"- {title}: {', '.join(lost)}.")
        for peer, figures in arms.items():
            if peer in ours or peer == "wrk" or figures["rate_ratio"][0] <= rate[0]:
                continue
            unsure = " (perhaps not: the intervals overlap)" if _overlap(figures["rate_ratio"], rate) else ""
            ahead.append(
                f"- {title}: {peer} {_ratio(figures['rate_ratio'])}, our best is {best} {_ratio(rate)}{unsure};"
                f" ours takes {_excess(ours[best], figures)}."
            )
    parts = [
        f"## Where we lose, and why\n\nFirst our best strategy of each setting, in the {len(measured['settings'])}"
        " measured: the one with the most requests/s; of\nthose whose interval reaches its ratio, the one that takes"
        " the least CPU time. At the end, all that are slower.\n"
    ]
    if slower:
        parts.append("**Our best has fewer requests/s than wrk:**\n")
        parts += [f"{words}\n\n" + "\n".join(slower[why]) + "\n" for why, words in WHY.items() if why in slower]
    else:
        parts.append("In none does it have fewer requests/s than wrk.\n")
    if dearer:
        parts.append(
            "**More CPU time than wrk**, even the one of ours that takes least:\n\n" + "\n".join(dearer) + "\n"
        )
    else:
        parts.append("In none do all of ours need more CPU time than wrk.\n")
    if ahead:
        parts.append(f"{AHEAD}\n" + "\n".join(ahead) + "\n")
    else:
        parts.append("No other peer is ahead of it in requests/s.\n")
    if every:
        parts.append(f"{EVERY}\n" + "\n".join(every) + "\n")
    else:
        parts.append("None of our other strategies is shown to have fewer requests/s than wrk.\n")
    return "\n".join(parts)


_MODE = {"user": "user mode", "system": "the kernel"}


def _parts(figures: dict, other: dict) -> dict[str, float]:
    """By how much its CPU time exceeds the other's, in µs a request."""
    return {part: figures[f"{part}_median"] - other[f"{part}_median"] for part in _MODE}


def _excess(figures: dict, other: dict) -> str:
    told = (f"{micros:+.1f} µs in {_MODE[part]}" for part, micros in _parts(figures, other).items())
    return f"{' and '.join(told)} per request"


def _includes_1(ratio: list[float | None]) -> bool:
    _, low, high = ratio
    return bool(low and high and low <= 1 <= high)


def _overlap(one: list[float | None], other: list[float | None]) -> bool:
    return bool(one[1] and other[2] and one[1] <= other[2])


def _why(figures: dict, wrk: dict) -> str:
    """Where the time of what is slower goes."""
    if figures["cpu_ratio"][0] <= 1 or _includes_1(figures["cpu_ratio"]):
        return "waiting"
    parts = _parts(figures, wrk)
    return "user" if parts["user"] >= parts["system"] else "system"


def _letter(arm: str, figures: dict, setting: dict) -> str:
    alone = STRATEGIES[arm.partition("/")[2]].one_at_a_time and setting["concurrency"] > 1
    return "o" if alone else LETTERS[_why(figures, setting["arms"]["wrk"])]


def main() -> None:
    """Write the page and its pictures anew."""
    measured, *others = (json.loads(path.read_text(encoding="utf-8")) for path in SOURCES)
    PAGE.write_text(page(measured, *others), encoding="utf-8")
    for old in HERE.glob("performance-*.svg"):
        old.unlink()
    for name, picture in pictures(measured).items():
        picture.save(HERE / name)


if __name__ == "__main__":
    main()
