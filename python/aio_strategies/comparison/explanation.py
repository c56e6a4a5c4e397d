"""Explains why each arm took as long as it did, in a sentence based only on what was measured."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..checks import Lang, check_lang
from ..display.tables import Column, Table
from ..display.text import pad, width
from .arm_times import ArmTimes
from .findings import Findings
from .kept_exchanges import KeptBatch
from .warnings import MOST_SERVER_LOAD

__all__ = ["Explanation", "explain"]

#: The share of the wall time above which a delay is mentioned.
_TOLD_SHARE = 0.10
#: The share of a core above which a program counts as busy all the time.
_BUSY = 0.80
#: System calls of one kind per request: no fetch needs so many, so the program must be polling.
_MANY_CALLS = 50
#: The system calls by which a program can poll whether its socket is ready.
_QUESTIONS = ("recvfrom", "recv", "recvmsg", "read", "sendto", "connect", "poll", "select", "epoll_wait")
#: Context switches per request above which they are mentioned.
_MANY_SWITCHES = 2.0


_UNIT = re.compile(r"(?<=\d) (?=ms|%|×)|(?<=×) ")


@dataclass(frozen=True)
class Explanation:
    """A sentence for each arm.

    Attributes:
        sentences: the sentences by the arm's name, in the order of the table.
        lang: their language, ``"en"`` or ``"zh"``.
    """

    sentences: Mapping[str, str]
    lang: Lang = "en"

    def __str__(self) -> str:
        widest = max(map(width, self.sentences), default=0)
        return "\n".join(f"{pad(arm, widest)}  {sentence}" for arm, sentence in self.sentences.items())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from ..display.notebook import html_table

        titles = ("arm", "why") if self.lang == "en" else ("程序", "原因")
        columns = (Column(titles[0]), Column(titles[1], wraps=True))
        # a number stays with its unit
        rows = tuple((arm, _UNIT.sub("\u00a0", sentence)) for arm, sentence in self.sentences.items())
        return html_table(Table(columns, rows))


def explain(findings: Findings, arm: str | None = None, lang: Lang = "en") -> Explanation:
    """Explain one arm, or all.

    Raises:
        ValueError: there is no such arm, or ``lang`` is neither ``"en"`` nor ``"zh"``.
    """
    check_lang(lang)
    arms = findings.arms if arm is None else (findings.arm(arm),)
    batches = _batches(findings)
    sentences = {}
    for one in arms:
        clauses = _clauses(findings, one, batches.get(one.name, []))
        sentences[one.name] = (
            "; ".join(clause.text for clause in clauses)
            if lang == "en"
            else "；".join(clause.text_zh for clause in clauses)
        )
    return Explanation(sentences, lang)


# --- a sentence is a sequence of clauses, each based on a measurement


class Clause(NamedTuple):
    """A part of a sentence, in English and in Chinese."""

    text: str
    text_zh: str


def _clauses(findings: Findings, arm: ArmTimes, batches: list[KeptBatch]) -> list[Clause]:
    return [
        *_projected(arm),
        *_overlap(findings, arm, batches),
        *_helpers(arm, _peak(arm, batches)),
        *_service(findings, arm),
        *_late_starts(findings, arm, batches),
        *_delays(findings, arm, batches),
        *_questions(arm),
        *_cpu(arm),
        *_reached(findings, arm, batches),
        *_server(arm),
        *_errors(arm),
    ]


def _projected(arm: ArmTimes) -> Iterator[Clause]:
    if arm.projected:
        timed = arm.projected_from
        yield Clause(f"projected from {_count(timed, 'request')}", f"由 {timed:,} 个请求推算")


def _overlap(findings: Findings, arm: ArmTimes, batches: list[KeptBatch]) -> Iterator[Clause]:
    """Say how many exchanges were in flight at once, and how long the waiting therefore took."""
    settings, timed = findings.settings, _timed(arm)
    peak = _peak(arm, batches)
    if peak is None:
        return
    paced = settings.rate is not None and arm.strategy is not None
    latency = settings.latency
    if timed == 1:
        yield Clause("a single request", "只有一个请求")
    elif paced:
        rate = f"{settings.rate:g}"
        yield Clause(
            f"at most {peak:,} in flight at once, with requests due at {rate}/s",
            f"请求每秒到达 {rate} 个，同时在途的至多 {peak:,} 个",
        )
    elif peak == 1:
        row, row_zh = "", ""
        if latency:
            row = f": {_count(arm.requests, 'wait')} of {_ms(latency)} ms, one after another"
            row_zh = f"：{arm.requests:,} × {_ms(latency)} ms 的等待首尾相接"
        yield Clause(f"one exchange in flight at a time{row}", f"同一时刻只有一个请求在途{row_zh}")
    elif peak >= timed:
        yield Clause(f"all {peak:,} in flight at once", f"{peak:,} 个请求全部同时在途")
    else:
        turns = math.ceil(timed / peak)
        after = f": at least {turns:,} × {_ms(latency)} ms of waiting" if latency else ""
        after_zh = f"：至少要等 {turns:,} × {_ms(latency)} ms" if latency else ""
        allowed = min(settings.concurrency, timed)
        fewer = f", of the {allowed:,} allowed" if arm.strategy is not None and peak < allowed else ""
        fewer_zh = f"（允许 {allowed:,} 个）" if fewer else ""
        yield Clause(
            f"at most {peak:,} of {timed:,} in flight at once{fewer}{after}",
            f"{timed:,} 个请求中同时在途的至多 {peak:,} 个{fewer_zh}{after_zh}",
        )


def _helpers(arm: ArmTimes, peak: int | None) -> Iterator[Clause]:
    """Say which other processes or threads the arm used, and how many context switches that cost."""
    if arm.costs is None or arm.costs.threads is None or arm.costs.processes is None:
        return
    processes, threads = arm.costs.processes - 1, arm.costs.threads - arm.costs.processes
    if processes > 0:
        text, text_zh = _count(processes, "more process", "es"), f"另有 {processes:,} 个进程"
    elif threads > 0:
        text, text_zh = _count(threads, "more thread"), f"另有 {threads:,} 个线程"
    else:
        if peak is not None and peak > 1:
            yield Clause("in one thread", "只用一个线程")
        return
    switches = arm.switches_per_request
    if switches is not None and switches >= _MANY_SWITCHES:
        text += f" and {switches:.0f} context switches per request"
        text_zh += f"，每个请求 {switches:.0f} 次上下文切换"
    yield Clause(f"with {text}", text_zh)


def _service(findings: Findings, arm: ArmTimes) -> Iterator[Clause]:
    """Say how long an exchange took, if there is no lab with a known latency."""
    middle = arm.latency.service.get(0.5) if arm.latency is not None else None
    if findings.settings.latency is None and middle is not None:
        yield Clause(f"an exchange took {_ms(middle)} ms (median)", f"一个请求耗时 {_ms(middle)} ms（中位数）")


def _late_starts(findings: Findings, arm: ArmTimes, batches: list[KeptBatch]) -> Iterator[Clause]:
    """Say how far it fell behind the rate."""
    if findings.settings.rate is None:
        return
    lateness = (
        [
            start - findings.due(request, start)
            for request, (start, _) in zip(batch.column("request"), batch.spans(), strict=True)
            if not math.isnan(start)
        ]
        for batch in batches
    )
    late = _median(max(times) for times in lateness if times)
    if late is not None and late >= _TOLD_SHARE * arm.median_wall:
        yield Clause(
            f"it fell behind: requests began up to {_ms(late)} ms after they were due",
            f"跟不上到达速度：有的请求迟了 {_ms(late)} ms 才开始",
        )


def _delays(findings: Findings, arm: ArmTimes, batches: list[KeptBatch]) -> Iterator[Clause]:
    """Say how long the requests took to reach the server, and how long the arm ran on after the last reply was sent."""
    # as measured, not projected
    wall = statistics.median(run.wall for run in arm.runs)
    asked = [times for batch in batches if (times := [time for time in batch.column("asked") if time is not None])]
    left = [times for batch in batches if (times := [time for time in batch.column("last_byte") if time is not None])]
    # otherwise, the last request waits for others to end, or until it is due
    one_wave = findings.settings.rate is None and (_peak(arm, batches) or 0) >= _timed(arm)
    last_reply = _median(map(max, left))
    delays = (
        (
            _median(map(min, asked)),
            "before the first request reached the server",
            "第一个请求到达服务器前用去",
        ),
        (
            _median(max(times) - min(times) for times in asked if one_wave),
            "between the first request and the last",
            "首末两个请求相隔",
        ),
        (None if last_reply is None else wall - last_reply, "after the last reply", "最后一个响应之后又用去"),
    )
    told = [delay for delay in delays if delay[0] is not None and delay[0] >= _TOLD_SHARE * wall]
    if told:
        parts = [
            f"{_ms(seconds or 0)} ms {'passed ' * (not place)}{when}" for place, (seconds, when, _) in enumerate(told)
        ]
        parts_zh = [f"{when} {_ms(seconds or 0)} ms" for seconds, _, when in told]
        listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        yield Clause(f"of its {_ms(wall)} ms, {listed}", f"{_ms(wall)} ms 中，{'，'.join(parts_zh)}")


def _questions(arm: ArmTimes) -> Iterator[Clause]:
    """Say whether the program polled the kernel instead of sleeping."""
    if arm.costs is None or arm.costs.system_calls is None or _share(arm) < _BUSY:
        return
    asked = {name: arm.costs.system_calls.get(name, 0) for name in _QUESTIONS}
    most = max(asked, key=lambda name: asked[name])
    per_request = asked[most] / arm.costs.requests
    if per_request >= _MANY_CALLS:
        yield Clause(
            f"it kept asking the kernel: {per_request:,.0f} {most} calls per request, even slowed down by strace",
            f"反复询问内核：即使被 strace 拖慢，每个请求仍调用 {most} {per_request:,.0f} 次",
        )


def _cpu(arm: ArmTimes) -> Iterator[Clause]:
    share = _share(arm)
    if share <= 0:  # the clock was too coarse to measure any
        return
    little = share < 0.01
    percent, percent_zh = ("less than 1 %", "不到 1 %") if little else (f"{100 * share:.0f} %",) * 2
    alone = arm.costs is not None and arm.costs.threads == 1
    if not alone:
        yield Clause(f"it used {percent} of a core", f"占用一个核的 {percent_zh}")
    elif share < 0.5:
        idle = f"{100 - round(100 * share)} %"
        idle, idle_zh = ("more than 99 %", "99 % 以上") if little else (idle, f"{idle} ")
        yield Clause(f"it slept for {idle} of the time", f"{idle_zh}的时间里它在休眠")
    else:
        yield Clause(f"it kept a core busy for {percent} of the time", f"{percent_zh} 的时间里处理器在为它忙碌")


def _reached(findings: Findings, arm: ArmTimes, batches: list[KeptBatch]) -> Iterator[Clause]:
    """Compare it with its reference line: the serial or the ideal time."""
    ideal, serial = findings.ideal, findings.serial
    if not ideal or not serial:
        return
    reached = f"{'≈' if arm.projected else ''}{_ms(arm.median_wall)} ms"
    if _peak(arm, batches) == 1 and serial > ideal:
        yield Clause(
            f"serial time {_ms(serial)} ms, measured {reached}", f"串行至少需 {_ms(serial)} ms，实测 {reached}"
        )
    else:
        yield Clause(f"ideal {_ms(ideal)} ms, measured {reached}", f"理想 {_ms(ideal)} ms，实测 {reached}")


def _server(arm: ArmTimes) -> Iterator[Clause]:
    if arm.server_load is not None and arm.server_load > MOST_SERVER_LOAD:
        load = f"{100 * arm.server_load:.0f} %"
        yield Clause(f"the lab server itself used {load} of a core", f"实验服务器自身占用一个核的 {load}")


def _errors(arm: ArmTimes) -> Iterator[Clause]:
    if arm.errors:
        total = sum(run.requests * run.batches for run in arm.runs)
        yield Clause(
            f"{arm.errors:,} of {_count(total, 'request')} failed", f"{total:,} 个请求中有 {arm.errors:,} 个失败"
        )


# --- helpers


def _batches(findings: Findings) -> dict[str, list[KeptBatch]]:
    """Return the batches whose exchanges were kept, by the arm's name."""
    names = {run.index: run.arm for run in findings.timed_runs}
    by_arm: dict[str, list[KeptBatch]] = {}
    for batch in findings.kept_exchanges.batches:
        by_arm.setdefault(names[batch.run], []).append(batch)
    return by_arm


def _timed(arm: ArmTimes) -> int:
    """Return how many URLs each batch actually fetched."""
    return min(run.requests for run in arm.runs)


def _peak(arm: ArmTimes, batches: list[KeptBatch]) -> int | None:
    """Return the most exchanges in flight at once: as the lab server saw it, else by the client's clock, if known."""
    if arm.peak_in_flight is not None:
        return arm.peak_in_flight
    return max((peak for peak in map(_most_overlapping, batches) if peak), default=None)


def _most_overlapping(batch: KeptBatch) -> int | None:
    changes = []
    for start, end in batch.spans():
        if math.isnan(start + end):
            return None
        changes += [(start, 1), (end, -1)]
    under_way = most = 0
    for _, change in sorted(changes):  # at the same time, ends first
        under_way += change
        most = max(most, under_way)
    return most


def _share(arm: ArmTimes) -> float:
    """Return the median CPU time as a share of one core."""
    return statistics.median(run.cpu / run.wall if run.wall > 0 else 0.0 for run in arm.runs)


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.median(known) if known else None


def _ms(seconds: float) -> str:
    ms = 1000 * seconds
    return f"{ms:,.1f}".removesuffix(".0") if ms >= 1 else f"{ms:.2g}"


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number:,} {noun}{plural * (number != 1)}"
