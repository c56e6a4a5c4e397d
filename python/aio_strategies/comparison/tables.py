"""A comparison as tables to read: in English, or in Chinese with the lecture's columns and figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

from ..catalogue import STRATEGIES
from ..checks import DEFAULT_BODY_SIZE, Lang, check_lang
from ..display.notebook import Bars, folded, html_notes, html_table, html_warnings
from ..display.tables import Column, Table
from ..units import size_text
from .arm_times import ArmTimes
from .explanation import explain
from .findings import Findings
from .verdicts import Contrast, figure
from .views import waterfall
from .warnings import caveats

__all__ = ["notes", "tables", "to_html"]

_NOTHING = "–"
#: The index of the wall-time column in the English table.
_WALL_COLUMN = 2
#: The most arms whose exchanges the notebook shows.
_MOST_WATERFALLS = 16


def tables(findings: Findings, lang: Lang) -> list[Table]:
    """Return the tables in this language, the main one first.

    Raises:
        ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
    """
    check_lang(lang)
    return [_times(findings), *_costs(findings)] if lang == "en" else [_lecture(findings)]


def notes(findings: Findings, lang: Lang) -> list[str]:
    """Return the lines below the table: how it was timed, the warnings, and finally the reference times."""
    return _english_notes(findings) if lang == "en" else _chinese_notes(findings)


def to_html(findings: Findings) -> str:
    """Return the English tables and notes as HTML that works in an untrusted notebook."""
    chief, *others = tables(findings, "en")
    longest = max((arm.median_wall for arm in findings.arms), default=1.0)
    bars = Bars(
        after=_WALL_COLUMN,
        lengths=[arm.median_wall / longest for arm in findings.arms],
        kinds=[arm.language or "" for arm in findings.arms],
    )
    parts = [html_table(chief, bars=bars), html_warnings([str(warning) for warning in caveats(findings)])]
    parts.append(html_notes([note for note in notes(findings, "en") if not note.startswith(_WARNING)]))
    parts.append(folded("why", explain(findings)._repr_html_()))
    parts += [folded("costs and latencies", html_table(table)) for table in others]
    if len(findings.kept_exchanges):
        names = [arm.name for arm in findings.arms[:_MOST_WATERFALLS]]
        parts.append(folded("waterfalls", waterfall(findings, names)._repr_html_()))
    return "".join(parts)


_WARNING = "warning: "


# --- the tables


def _times(findings: Findings) -> Table:
    failed = any(arm.errors for arm in findings.arms)
    by_language = findings.by_language
    by_baseline = findings.by_baseline
    columns = [
        Column("strategy (section)"),
        Column("language"),
        Column("wall, ms [95 %]", right=True),
        *([Column("Rust vs Python")] if by_language else []),
        *([Column("vs baseline")] if by_baseline else []),
        Column("CPU, ms/request", right=True),
        Column("peak in flight", right=True),
        *([Column("errors", right=True)] if failed else []),
    ]
    rows = []
    above = None
    for arm in findings.arms:
        # Only the first row of a strategy shows its name.
        first = arm.arm.group != above
        above = arm.arm.group
        rows.append(
            (
                _heading(arm) if first else "",
                arm.language or _NOTHING,
                _wall(arm),
                *([_verdict(_by_python(findings, arm))] if by_language else []),
                *([_by_baseline(findings, arm, by_baseline.get(arm.name))] if by_baseline else []),
                f"{arm.cpu_ms_per_request:.3f}",
                _number(arm.peak_in_flight),
                *([str(arm.errors)] if failed else []),
            )
        )
    return Table(tuple(columns), tuple(rows))


def _costs(findings: Findings) -> list[Table]:
    """Return the table of costs and latencies, if any are known."""
    arms = findings.arms
    if not any(arm.costs or arm.latency for arm in arms):
        return []
    told = _percentiles_told(findings)
    columns = [
        Column("strategy (section)"),
        Column("language"),
        Column("CPU user, ms/req", right=True),
        Column("system, ms/req", right=True),
        Column("system calls/req", right=True),
        Column("switches/req", right=True),
        Column("peak memory, MB", right=True),
        Column("threads", right=True),
        *(Column(f"service p{100 * p:g}, ms", right=True) for p in told),
        *(Column(f"response p{100 * p:g}, ms", right=True) for p in told),
    ]
    rows = []
    above = None
    for arm in arms:
        first = arm.arm.group != above
        above = arm.arm.group
        costs, latency = arm.costs, arm.latency
        rows.append(
            (
                _heading(arm) if first else "",
                arm.language or _NOTHING,
                *(f"{1000 * statistics.median(times) / arm.requests:.3f}" for times in (arm.cpu_user, arm.cpu_system)),
                _number(costs.system_calls_per_request if costs else None, ".1f"),
                _number(arm.switches_per_request, ".2f"),
                _number(costs.peak_memory / 1e6 if costs and costs.peak_memory else None, ".1f"),
                _number(costs.threads if costs else None),
                *(_ms(latency.service.get(p)) if latency else _NOTHING for p in told),
                *(_ms(latency.response.get(p)) if latency else _NOTHING for p in told),
            )
        )
    return [Table(tuple(columns), tuple(rows))]


def _lecture(findings: Findings) -> Table:
    languages = findings.settings.languages
    arms = {arm.name: arm for arm in findings.arms}
    by_language = findings.by_language
    columns = [
        Column("程序"),
        *(Column(f"{language.capitalize()} 耗时（单位：秒）", right=True) for language in languages),
        *([Column("Rust 对 Python")] if by_language else []),
        Column("讲义 2021（单位：秒）", right=True),
    ]
    rows = []
    for key, strategy in STRATEGIES.items():
        if key not in findings.settings.strategies:
            continue
        lecture = strategy.lecture_seconds
        rows.append(
            (
                strategy.title_zh,
                *(_seconds(arms.get(f"{language}/{key}")) for language in languages),
                *([_verdict_zh(by_language.get(key))] if by_language else []),
                _NOTHING if lecture is None else f"{lecture:.4f}",
            )
        )
    for name in findings.settings.programs:
        others = [_NOTHING] * (len(columns) - 2)
        rows.append((name, _seconds(arms.get(name)), *others))
    return Table(tuple(columns), tuple(rows))


# --- the notes


def _english_notes(findings: Findings) -> list[str]:
    settings = findings.settings
    how = settings.facts()
    if settings.hosts:
        how.append(f"the lab stood in for {' and '.join(settings.hosts)}")
    how += [_count(findings.rounds, "round") + _ENDED.get(findings.ended, ""), f"seed {findings.seed}"]
    lines = [", ".join(how)]
    lines += [
        f"≈ projected from {_count(requests, 'request')}, since the budget did not allow more (latencies cover only"
        f" these): {', '.join(names)}"
        for requests, names in _projected(findings).items()
    ]
    check = findings.aa_check
    if check is not None and check.low > 0:
        lines.append(f"A/A check: {check.base} vs its twin {check.ratio:.3f} [{check.low:.3f}, {check.high:.3f}]")
    lines += [f"{_WARNING}{warning}" for warning in caveats(findings)]
    lines += [f"not measured: {what}{whose} ({reason})" for what, whose, reason in _missing(findings, _COSTS)]
    lines += [f"not available here: {arm} ({reason})" for arm, reason in findings.left_out.items()]
    if findings.ideal and findings.serial:
        lines.append(f"ideal {_ms(findings.ideal)} ms · serial {_ms(findings.serial)} ms")
    return lines


_ENDED_ZH = {
    "precise": "（各比值的误差均在 ±5 % 以内）",
    "budget": "（预算允许的最多轮数）",
    "interrupted": "（已中断）",
}
_COSTS = {"memory": "memory", "system_calls": "system calls"}
_COSTS_ZH = {"memory": "内存", "system_calls": "系统调用"}
_ENDED = {
    "precise": " (the ratios are known within ±5 %)",
    "budget": " (as many as the budget allowed)",
    "interrupted": " (interrupted)",
}


def _projected(findings: Findings) -> dict[int, list[str]]:
    """Return the arms with projected times, by the number of requests that they are projected from."""
    projected: dict[int, list[str]] = {}
    for arm in findings.arms:
        if arm.projected:
            projected.setdefault(arm.runs[0].requests, []).append(arm.name)
    return projected


def _missing(findings: Findings, names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return what was not measured, for which arms (empty for all), and why, grouped by reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for arm, costs in findings.costs.items():
        for what, reason in costs.missing.items():
            reasons.setdefault((names[what], reason), []).append(arm)
    return [
        (what, "" if len(arms) == len(findings.costs) else f" ({', '.join(arms)})", reason)
        for (what, reason), arms in reasons.items()
    ]


def _chinese_notes(findings: Findings) -> list[str]:
    settings = findings.settings
    how = [f"{settings.requests} 个请求", f"并发 {settings.concurrency}"]
    if settings.rate is not None:
        how.append(f"每秒到达 {settings.rate:g} 个")
    if settings.latency is not None:
        how.append(f"延迟 {1000 * settings.latency:g} ms")
    if settings.jitter:
        how.append(f"抖动至多 {1000 * settings.jitter:g} ms")
    if settings.body_size not in (None, DEFAULT_BODY_SIZE):
        how.append(f"响应体 {size_text(settings.body_size or 0)}")
    if settings.bandwidth is not None:
        how.append(f"每个连接带宽 {size_text(settings.bandwidth)}/s")
    if settings.hosts:
        how.append(f"由实验服务器代替 {'、'.join(settings.hosts)}")
    how += [f"{findings.rounds} 轮取中位数{_ENDED_ZH.get(findings.ended, '')}", f"种子 {findings.seed}"]
    lines = ["，".join(how)]
    lines += [
        f"≈ 由 {requests:,} 个请求推算，因预算不足以测完全部（延迟数据亦仅含这些请求）：{'，'.join(names)}"
        for requests, names in _projected(findings).items()
    ]
    check = findings.aa_check
    if check is not None and check.low > 0:
        lines.append(f"A/A 检验：{check.base} 对其孪生进程 {check.ratio:.3f} [{check.low:.3f}, {check.high:.3f}]")
    lines += [f"警告：{warning.text_zh}" for warning in caveats(findings)]
    lines += [f"未测得：{what}{whose}（{reason}）" for what, whose, reason in _missing(findings, _COSTS_ZH)]
    lines += [f"本机不可用：{arm}（{reason}）" for arm, reason in findings.left_out.items()]
    if findings.ideal and findings.serial:
        lines.append(f"理想 {findings.ideal:.4f} 秒 · 串行 {findings.serial:.4f} 秒")
    return lines


# --- the cells


def _heading(arm: ArmTimes) -> str:
    return arm.name if arm.strategy is None else f"{arm.strategy} ({STRATEGIES[arm.strategy].section})"


def _wall(arm: ArmTimes) -> str:
    wall, low, high = arm.wall_interval
    interval = f" [{_ms(low)}, {_ms(high)}]" if math.isfinite(low) else ""
    return f"{'≈' if arm.projected else ''}{_ms(wall)}{interval}"


def _seconds(arm: ArmTimes | None) -> str:
    return _NOTHING if arm is None else f"{'≈' if arm.projected else ''}{arm.median_wall:.4f}"


def _verdict(contrast: Contrast | None) -> str:
    if contrast is None:
        return ""
    return contrast.brief()


def _by_python(findings: Findings, arm: ArmTimes) -> Contrast | None:
    return findings.by_language.get(arm.strategy or "") if arm.language == "rust" else None


def _by_baseline(findings: Findings, arm: ArmTimes, contrast: Contrast | None) -> str:
    if arm.name == findings.settings.baseline:
        return "baseline"
    base = [other for other in findings.arms if other.name == findings.settings.baseline]
    sizes = {run.requests for one in (arm, *base) for run in one.runs}
    return f"{'≈' if len(sizes) > 1 else ''}{_verdict(contrast)}"


def _verdict_zh(contrast: Contrast | None) -> str:
    if contrast is None:
        return _NOTHING
    words = {"equivalent": "相当：", "undecided": "未定："}
    needed = "" if contrast.rounds_needed is None else f"（{contrast.rounds}/约 {contrast.rounds_needed} 轮）"
    return f"{words.get(contrast.verdict, '')}{figure(contrast.ratio)} 倍速{contrast.interval}{needed}"


def _ms(seconds: float | None) -> str:
    return _NOTHING if seconds is None else f"{1000 * seconds:.1f}"


def _number(value: float | None, form: str = "") -> str:
    return _NOTHING if value is None else format(value, form)


def _percentiles_told(findings: Findings) -> list[float]:
    """Return the median and the highest percentile that all arms have."""
    told = [set(arm.latency.service) for arm in findings.arms if arm.latency is not None]
    common = sorted(set.intersection(*told)) if told else []
    return sorted({common[0], common[-1]}) if common else []


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
