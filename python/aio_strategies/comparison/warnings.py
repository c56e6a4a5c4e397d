"""The warnings about a comparison, shown below its table.

The limits are those of docs/measuring.md.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .._native import fewest_rounds
from ..units import percent
from .findings import Findings

__all__ = ["Caveat", "caveats"]

MOST_PRESSURE = 0.10
MOST_STEAL = 0.01
MOST_FOREIGN = 0.15
MOST_SERVER_LOAD = 0.70
MOST_DRIFT = 0.05
#: The share of the file descriptors or ports that may be in use.
MOST_USED = 0.80
#: About how many file descriptors a process has besides its sockets.
_OTHER_DESCRIPTORS = 16
#: The probability of a false drift warning: for all arms together, and for any single one.
_DRIFT_BY_CHANCE = 0.01
_FEWEST_ROUNDS = 10
#: By how much the ratio of a twin may be off: two processes of one code may differ, and no ratio is shown so precisely.
_HARMLESS = 0.005


@dataclass(frozen=True, slots=True)
class Caveat:
    """One warning.

    Attributes:
        kind: ``"aa"``, ``"pressure"``, ``"steal"``, ``"foreign_cpu"``, ``"strangers"``, ``"server"``, ``"drift"``,
            ``"errors"``, ``"descriptors"``, ``"ports"``, ``"debug_build"``, ``"few_rounds"``, ``"rules"``,
            ``"unchecked"`` or ``"interrupted"``.
        text: what was found and what it means.
        text_zh: the same in Chinese.
        arm: the arm that it concerns, or None for all.
    """

    kind: str
    text: str
    text_zh: str
    arm: str | None = None

    def __str__(self) -> str:
        return self.text


def caveats(findings: Findings) -> tuple[Caveat, ...]:
    """Return the warnings about a comparison, the most serious first."""
    return tuple(
        caveat
        for find in (
            _interrupted,
            _aa,
            _debug_build,
            _server,
            _machine,
            _drift,
            _errors,
            _rules,
            _unchecked,
            _scarce,
            _few_rounds,
        )
        for caveat in find(findings)
    )


def _interrupted(findings: Findings) -> Iterator[Caveat]:
    if findings.ended == "interrupted":
        yield Caveat(
            "interrupted",
            f"interrupted: the figures cover only the {_count(findings.rounds, 'round')} before that",
            f"已中断：仅含此前测得的 {findings.rounds} 轮",
        )


def _aa(findings: Findings) -> Iterator[Caveat]:
    check = findings.aa_check
    if check is not None and not check.low <= 1 <= check.high and abs(check.ratio - 1) > _HARMLESS:
        interval = f"[{check.low:.3f}, {check.high:.3f}]"
        yield Caveat(
            "aa",
            f"do not trust this comparison: {check.base} vs its own twin is {check.ratio:.3f} {interval}, not 1",
            f"请勿采信本次比较：{check.base} 对其孪生进程得 {check.ratio:.3f} {interval}，而非 1",
        )


def _debug_build(findings: Findings) -> Iterator[Caveat]:
    if findings.environment.get("build_profile") == "debug":
        yield Caveat(
            "debug_build",
            "the native code is a debug build, many times slower than a release build",
            "原生扩展为调试版本，比发布版本慢许多倍",
        )


def _server(findings: Findings) -> Iterator[Caveat]:
    for arm in findings.arms:
        if arm.server_load is not None and arm.server_load > MOST_SERVER_LOAD:
            share = percent(arm.server_load)
            yield Caveat(
                "server",
                f"{arm.name}: you timed the server, which used {share} of a core",
                f"{arm.name}：测到的是服务器，它占用了一个核的 {share}",
                arm.name,
            )


def _machine(findings: Findings) -> Iterator[Caveat]:
    conditions = findings.conditions
    foreign = conditions.share(conditions.foreign)
    if foreign > MOST_FOREIGN:
        yield Caveat(
            "foreign_cpu",
            f"other programs used {percent(foreign)} of a core during the timing",
            f"计时期间，其他程序占用了一个核的 {percent(foreign)}",
        )
    pressure = conditions.share(conditions.pressure)
    if pressure > MOST_PRESSURE:
        yield Caveat(
            "pressure",
            f"for {percent(pressure)} of the time, some program waited for a free processor (CPU pressure)",
            f"{percent(pressure)} 的时间里有程序在等待空闲的处理器（CPU 压力）",
        )
    if conditions.strangers:
        yield Caveat(
            "strangers",
            f"the lab also answered {_count(conditions.strangers, 'request')} of others, which took its time",
            f"实验服务器还应答了其他程序的 {conditions.strangers} 个请求，占用了它的时间",
        )
    cores = findings.environment.get("cores", 1)
    steal = conditions.share(conditions.steal) / (cores if isinstance(cores, int) else 1)
    if steal > MOST_STEAL:
        yield Caveat(
            "steal",
            f"the hypervisor gave {percent(steal, 1)} of the CPU time to other machines (steal)",
            f"虚拟机管理程序把 {percent(steal, 1)} 的处理器时间分给了其他虚拟机（steal）",
        )


def _drift(findings: Findings) -> Iterator[Caveat]:
    """Compare the second half of the rounds with the first, for all arms together, then for each."""
    centred: dict[int, list[float]] = {}
    for arm in findings.arms:
        middle = arm.median_wall
        for number, wall in arm.by_round("wall").items():
            centred.setdefault(number, []).append(math.log(wall / middle))
    together = _shift([statistics.median(centred[number]) for number in sorted(centred)], _DRIFT_BY_CHANCE)
    if together is not None:
        yield Caveat(
            "drift",
            f"drift: the second half of the rounds was {_slower(together)} than the first",
            f"漂移：后一半轮次比前一半{_slower_zh(together)}",
        )
        return
    for arm in findings.arms:
        shift = _shift([math.log(wall) for wall in arm.walls], _DRIFT_BY_CHANCE / len(findings.arms))
        if shift is not None:
            yield Caveat(
                "drift",
                f"drift: {arm.name} was {_slower(shift)} in the second half of the rounds",
                f"漂移：{arm.name} 在后一半轮次中{_slower_zh(shift)}",
                arm.name,
            )


def _shift(logs: Sequence[float], by_chance: float) -> float | None:
    """Return by what share the second half exceeds the first; None if chance could explain it."""
    half = len(logs) // 2
    first, second = logs[:half], logs[-half:] if half else []
    if half < _FEWEST_ROUNDS // 2:
        return None
    shift = math.expm1(statistics.median(second) - statistics.median(first))
    # Mann-Whitney's U, by its normal approximation
    u = sum((a < b) + (a == b) / 2 for a in first for b in second)
    deviation = math.sqrt(half * half * (2 * half + 1) / 12)
    deviations = statistics.NormalDist().inv_cdf(1 - by_chance / 2)
    if abs(shift) <= MOST_DRIFT or abs(u - half * half / 2) <= deviations * deviation:
        return None
    return shift


def _slower(shift: float) -> str:
    return f"{percent(abs(shift))} {'slower' if shift > 0 else 'faster'}"


def _slower_zh(shift: float) -> str:
    return f"{'慢' if shift > 0 else '快'}了 {percent(abs(shift))}"


def _errors(findings: Findings) -> Iterator[Caveat]:
    for arm in findings.arms:
        if arm.errors:
            kept = (error for run in arm.runs for error in findings.kept_exchanges.errors_of(run.index))
            late = sum("Timeout" in error for error in kept)
            times_out = f", {late} of them by timeout" if late else ""
            times_out_zh = f"，其中 {late} 个超时" if late else ""
            yield Caveat(
                "errors",
                f"{arm.name}: {_count(arm.errors, 'request')} failed{times_out}",
                f"{arm.name}：{arm.errors} 个请求失败{times_out_zh}",
                arm.name,
            )
    for name, messages in findings.failures.items():
        yield Caveat(
            "errors",
            f"{name}: {_count(len(messages), 'run')} failed; the last error: {messages[-1]}",
            f"{name}：{len(messages)} 轮失败，最后一个错误：{messages[-1]}",
            name,
        )


def _rules(findings: Findings) -> Iterator[Caveat]:
    for name, broken in findings.breaches.items():
        yield Caveat(
            "rules",
            f"{name} did not keep to the rules and gets no verdict: {'; '.join(breach.text for breach in broken)}",
            f"{name} 未遵守规则，不作判定：{'；'.join(breach.text_zh for breach in broken)}",
            name,
        )


def _scarce(findings: Findings) -> Iterator[Caveat]:
    environment, settings = findings.environment, findings.settings
    limit = environment.get("descriptor_limit")
    needed = min(settings.concurrency, settings.requests) + _OTHER_DESCRIPTORS
    if isinstance(limit, int) and needed > MOST_USED * limit:
        yield Caveat(
            "descriptors",
            f"file descriptors are scarce: about {needed:,} of {limit:,} are needed at once (raise ulimit -n)",
            f"文件描述符紧张：同时约需 {needed} 个，上限 {limit}（请调高 ulimit -n）",
        )
    ports, waiting = environment.get("ports"), environment.get("sockets_in_time_wait")
    # The lab server closes first, so only its own sockets are in TIME_WAIT, and no client port is held.
    without_lab = settings.urls is not None
    if without_lab and isinstance(ports, int) and isinstance(waiting, int) and waiting > MOST_USED * ports:
        yield Caveat(
            "ports",
            f"ports are scarce: at the end, closed connections still held {waiting:,} of {ports:,} ports (TIME_WAIT)",
            f"端口紧张：结束时，已关闭的连接仍占用 {ports} 个端口中的 {waiting} 个（TIME_WAIT）",
        )


def _few_rounds(findings: Findings) -> Iterator[Caveat]:
    rounds, needed = findings.rounds, fewest_rounds(len(findings.contrasts))
    if findings.contrasts and rounds < needed:
        contrasts = len(findings.contrasts)
        yield Caveat(
            "few_rounds",
            f"{_count(rounds, 'round')} are too few for a verdict of faster or slower:"
            f" {_count(contrasts, 'contrast')} {'needs' if contrasts == 1 else 'need'} at least {needed}",
            f"{rounds} 轮不足以判定快慢：{contrasts} 项对比至少需要 {needed} 轮",
        )
    elif findings.ended == "budget" and rounds < _FEWEST_ROUNDS:
        yield Caveat(
            "few_rounds",
            f"the budget allowed only {_count(rounds, 'round')}: the intervals are wide",
            f"预算只够 {rounds} 轮：区间较宽",
        )


def _unchecked(findings: Findings) -> Iterator[Caveat]:
    if findings.url is not None:  # the lab's log shows what they fetched
        return
    for name in findings.unchecked:
        yield Caveat(
            "unchecked",
            f"{name}: it returned no content, so it could not be checked that it fetched the same as the others",
            f"{name}：未返回内容，无法核对它取得的数据是否与其他程序相同",
            name,
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
