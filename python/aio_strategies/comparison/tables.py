"""A comparison as tables to read: in English, or in Chinese with the lecture's columns and figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import replace

from ..catalogue import STRATEGIES
from ..checks import DEFAULT_BODY_SIZE, Lang, check_lang
from ..display.notebook import Bars, folded, html_notes, html_table, html_warnings
from ..display.tables import Column, Table
from ..display.text import flowed
from ..units import figure, size_text, with_interval
from .arm_times import ArmTimes
from .explanation import explain
from .findings import Findings
from .settings import Settings
from .verdicts import Contrast
from .verdicts import figure as ratio_figure
from .views import waterfall
from .warnings import caveats

__all__ = ["cost_notes", "notes", "tables", "to_html", "to_text"]

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


def to_text(findings: Findings, lang: Lang, *, columns: int | None = None, costs: bool = False) -> str:
    """Return the tables and notes as text.

    Args:
        findings: what was found.
        lang: the language.
        columns: how many characters a line may have; None for no limit.
        costs: whether to include the table of costs and latencies, which is in English only.

    Raises:
        ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
    """
    chief, *others = tables(findings, lang)
    lines = notes(findings, lang)
    parts = [chief.to_text(columns)]
    if costs:
        for table in others:
            parts.append(table.to_text(columns))
            lines += cost_notes(findings)
    return "\n\n".join([*parts, "\n".join(lines if columns is None else (flowed(line, columns) for line in lines))])


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
    parts += [folded("costs and latencies", html_table(table) + html_notes(cost_notes(findings))) for table in others]
    if len(findings.kept_exchanges):
        names = [arm.name for arm in findings.arms[:_MOST_WATERFALLS]]
        parts.append(folded("waterfalls", waterfall(findings, names)._repr_html_()))
    return "".join(parts)


_WARNING = "warning: "


# --- the tables


_STRATEGY = Column(
    "strategy (section)", about="how the program waits (the section of the lecture that teaches it)", shorten=2
)
_LANGUAGE = Column("language", about="the language that it is written in", short="lang.", shorten=1)
_RATIO = "how many times as fast as {}, compared round by round [95 % confidence interval]"
_BY_VERSION = Column(
    "vs Python",
    shorten=5,
    drop=8,
)
_BY_BASELINE = Column(
    "vs baseline",
    about=_RATIO.format("the baseline"),
    shorten=1,
    drop=6,
)


def _times(findings: Findings) -> Table:
    failed = any(arm.errors for arm in findings.arms)
    by_baseline = findings.by_baseline
    ratios = _ratios(findings)
    columns = [
        _STRATEGY,
        _LANGUAGE,
        Column(
            "wall, ms [95 %]" if _has_intervals(findings) else "wall, ms",
            right=True,
            about=f"wall time of all {findings.settings.requests:,} requests: the median of the rounds"
            " [its 95 % confidence interval]",
            shorten=7,
        ),
        *(
            replace(_BY_VERSION, title=title, about=_RATIO.format(f"the {language.capitalize()} version"))
            for title, language in ratios.items()
        ),
        *([_BY_BASELINE] if by_baseline else []),
        Column(
            "CPU, ms/request",
            right=True,
            about="CPU time of the client per request, in its own code and in the kernel: the median of the rounds",
            drop=4,
        ),
        Column("peak in flight", right=True, about="most requests in flight at once, as the lab server saw it", drop=3),
        *([Column("errors", right=True, about="requests that failed, in all rounds")] if failed else []),
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
                _version(arm),
                _wall(arm),
                *(_verdict(findings.by_built_in(arm, language)) for language in ratios.values()),
                *([_by_baseline(findings, arm)] if by_baseline else []),
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
    kinds = {"service": ("from their start to their end", 5)}
    if findings.settings.site is None:  # in a crawl, no request is due before it begins
        kinds["response"] = ("from when they were due to their end", 4)
    reused = findings.settings.keep_alive or _reuses_connections(findings)
    columns = [
        _STRATEGY,
        _LANGUAGE,
        Column("requests/s", right=True, about="requests / median wall time"),
        Column("CPU user, ms/req", right=True, about="CPU time in the program's own code, per request"),
        Column("system, ms/req", right=True, about="CPU time in the kernel, per request"),
        Column("system calls/req", right=True, about="system calls per request", drop=7),
        Column("switches/req", right=True, about="context switches per request", drop=2),
        Column("peak memory, MB", right=True, about="most memory in use at once, child processes included", drop=6),
        Column("threads", right=True, about="most threads at once", drop=3),
        *([Column("connections/req", right=True, about="connections per request")] if reused else []),
        *(
            Column(
                f"{kind} p{100 * p:g}, ms",
                right=True,
                about=f"{100 * p:g} % of the requests took no longer, {since}",
                drop=drop if p == told[0] else 0,
            )
            for kind, (since, drop) in kinds.items()
            for p in told
        ),
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
                _version(arm),
                _rate(arm),
                *(f"{1000 * statistics.median(times) / arm.requests:.3f}" for times in (arm.cpu_user, arm.cpu_system)),
                _number(costs.system_calls_per_request if costs else None, ".1f"),
                _number(arm.switches_per_request, ".2f"),
                _number(costs.peak_memory / 1e6 if costs and costs.peak_memory else None, ".1f"),
                _number(costs.threads if costs else None),
                *([_number(arm.connections_per_request, ".3g")] if reused else []),
                *(_ms(getattr(latency, kind).get(p)) if latency else _NOTHING for kind in kinds for p in told),
            )
        )
    return [Table(tuple(columns), tuple(rows))]


#: How many requests each program of the lecture made in 2021.
_LECTURE_REQUESTS = 10


def _as_in_lecture(settings: Settings) -> bool:
    return settings.site is None and settings.requests == _LECTURE_REQUESTS


def _lecture(findings: Findings) -> Table:
    settings = findings.settings
    as_many = _as_in_lecture(settings)
    beside = [arm for arm in findings.arms if arm.arm.beside]
    columns = [
        Column("程序"),
        *(
            Column(f"{name} 耗时（单位：秒）", right=True, short=f"{name}，秒", shorten=1)
            for name in map(str.capitalize, settings.languages)
        ),
        *([Column("你的代码耗时（单位：秒）", right=True, short="你的，秒", shorten=1)] if settings.programs else []),
        *([Column("Rust 对 Python", shorten=3, drop=5)] if findings.by_language else []),
        *(Column(f"你的代码对 {language.capitalize()}", shorten=3) for language in settings.languages if beside),
        *([Column("讲义 2021（单位：秒）", right=True, short="讲义，秒", shorten=2, drop=4)] if as_many else []),
    ]

    def row(name: str, key: str, program: ArmTimes | None) -> tuple[str, ...]:
        arms = {arm.language: arm for arm in findings.arms if arm.strategy == key}
        seconds = STRATEGIES[key].lecture_seconds if key else None
        bases = settings.languages if beside else ()
        ratios = [None if program is None else findings.by_built_in(program, language) for language in bases]
        return (
            name,
            *(_seconds(arms.get(language)) for language in settings.languages),
            *([_seconds(program)] if settings.programs else []),
            *([_verdict_zh(findings.by_language.get(key))] if findings.by_language else []),
            *(_verdict_zh(ratio) for ratio in ratios),
            *([_NOTHING if seconds is None else f"{seconds:.4f}"] if as_many else []),
        )

    rows = []
    for key in (key for key in STRATEGIES if key in settings.strategies):
        title = STRATEGIES[key].title_zh
        programs = [arm for arm in beside if arm.arm.beside == key]
        rows.append(row(title, key, programs[0] if programs else None))
        rows += [row(f"{title}：{arm.name}", "", arm) for arm in programs[1:]]
    rows += [row(arm.name, "", arm) for arm in findings.arms if arm.strategy is None and arm not in beside]
    return Table(tuple(columns), tuple(rows))


# --- the notes


def _english_notes(findings: Findings) -> list[str]:
    settings = findings.settings
    how = settings.facts()
    if settings.hosts:
        how.append(f"the lab stood in for {' and '.join(settings.hosts)}")
    how += [_count(findings.rounds, "round") + _ENDED.get(findings.ended, ""), f"seed {findings.seed}"]
    how += [english for english, _ in _unusual(findings.environment)]
    lines = [", ".join(how), _legend(findings)]
    lines += [
        f"≈ projected from {_count(requests, 'request')}, since the budget did not allow more (latencies cover only"
        f" these): {', '.join(names)}"
        for requests, names in _projected(findings).items()
    ]
    check = findings.aa_check
    if check is not None and check.low > 0:
        lines.append(
            f"A/A check: {check.base} vs its twin {check.ratio:.3f} [{check.low:.3f}, {check.high:.3f}]"
            " (a second process of the same code, so it should be 1)"
        )
    lines += [f"{_WARNING}{warning}" for warning in caveats(findings)]
    if kept := _reuses_connections(findings):
        lines.append(f"connections are reused by {', '.join(kept)}, but not by the others: that saves time")
    if findings.unchecked and findings.url is not None:
        # nobody knows how a program's own crawler returns them
        why = ", as none are returned" if settings.site is None else ""
        lines.append(
            f"not checked: the contents that {', '.join(findings.unchecked)} got{why} (the lab's log shows one complete"
            " reply for each URL)"
        )
    lines += [f"not measured: {what}{whose} ({reason})" for what, whose, reason in _missing(findings, _COSTS)]
    lines += [f"not available here: {arm} ({reason})" for arm, reason in findings.left_out.items()]
    if findings.ideal and findings.serial:
        lines.append(
            f"ideal {_ms(findings.ideal)} ms (the lab's delay alone, {settings.concurrency:,} at a time)"
            f" · serial {_ms(findings.serial)} ms (the same, one at a time)"
        )
    return lines


def _reuses_connections(findings: Findings) -> list[str]:
    """Return the arms that made fewer connections than requests, if others did not."""
    counts = {arm.name: arm.connections_per_request for arm in findings.arms}
    reused = [name for name, count in counts.items() if count is not None and count < _REUSED]
    return reused if len(reused) < len(counts) else []


#: Below so many connections per request, some were used again.
_REUSED = 0.995


#: What verdicts mean, in English and in Chinese.
_VERDICTS = (
    ({"faster", "slower"}, "faster, slower: by more than 3 %", "仅列倍速者：相差超过 3 %"),
    ({"equivalent"}, "equivalent: within ±5 %", "相当：相差在 ±5 % 以内"),
    ({"incomparable"}, "no verdict: see the warnings, or projected", "不作判定：见警告，或耗时系推算"),
    ({"undecided"}, "undecided: too few rounds to tell", "未定：轮数不足，尚不能下结论"),
)


def _legend(findings: Findings) -> str:
    """Explain what the main table shows, in one line."""
    verdicts = {contrast.verdict for contrast in findings.contrasts}
    told = ["wall: median of the rounds"]
    if _has_intervals(findings):
        told.append("[…]: 95 % confidence interval")
    return " · ".join([*told, *(english for named, english, _ in _VERDICTS if verdicts & named)])


def cost_notes(findings: Findings) -> list[str]:
    """Explain the words of the table of costs that a reader may not know."""
    if not _percentiles_told(findings):
        return []
    told = ["service time: from the start of a request to its end"]
    if findings.settings.site is None:
        told.append("response time: from when it was due, so with the time that it queued")
    return [" · ".join([*told, "p50: half of the requests took no longer"])]


def _legend_zh(findings: Findings) -> list[str]:
    """Explain what the ratios of the Chinese table mean, in one line; none without ratios."""
    with_programs = [
        findings.by_built_in(arm, language)
        for arm in findings.arms
        if arm.arm.beside
        for language in findings.settings.languages
    ]
    shown = [contrast for contrast in (*findings.by_language.values(), *with_programs) if contrast is not None]
    if not shown:
        return []
    verdicts = {contrast.verdict for contrast in shown}
    told = ["倍速：后者耗时 ÷ 前者耗时"]
    if any(contrast.interval for contrast in shown):
        told.append("[…]：95 % 置信区间")
    return [" · ".join([*told, *(chinese for named, _, chinese in _VERDICTS if verdicts & named)])]


def _unusual(environment: Mapping[str, str | int]) -> list[tuple[str, str]]:
    """Say in what Python differs from what most readers have, in English and in Chinese."""
    told = []
    if environment.get("gil") == "disabled":
        told.append(("without the GIL", "无 GIL"))
    elif environment.get("free_threaded"):
        told.append(("free-threaded build with the GIL enabled", "自由线程版 Python，但启用了 GIL"))
    if (method := environment.get("start_method")) not in (None, environment.get("default_start_method")):
        told.append((f"processes started by {method}", f"以 {method} 方式启动进程"))
    loop = str(environment.get("event_loop", "asyncio"))
    if not loop.startswith("asyncio"):
        told.append((f"event loop {loop}", f"事件循环 {loop}"))
    return told


def _has_intervals(findings: Findings) -> bool:
    return any(math.isfinite(arm.wall_interval[1]) for arm in findings.arms)


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
            projected.setdefault(arm.projected_from, []).append(arm.name)
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
    if settings.site is not None:
        pages = f"{settings.site.pages} 个网页"
        if settings.site.pages != settings.requests:
            pages = f"{settings.requests} 个 URL（{pages}）"
        how = [f"爬取 {settings.site.hosts} 个主机上的 {pages}", f"并发至多 {settings.concurrency}"]
    if settings.rate is not None:
        how.append(f"每秒到达 {settings.rate:g} 个")
    if settings.latency is not None:
        how.append(f"延迟 {1000 * settings.latency:g} ms")
    if settings.keep_alive:
        how.append("复用连接")
    if settings.https:
        how.append("https")
    if settings.jitter:
        how.append(f"抖动至多 {1000 * settings.jitter:g} ms")
    if settings.body_size not in (None, DEFAULT_BODY_SIZE):
        how.append(f"响应体 {size_text(settings.body_size or 0)}")
    if settings.bandwidth is not None:
        how.append(f"每个连接带宽 {size_text(settings.bandwidth)}/s")
    if settings.hosts:
        how.append(f"由实验服务器代替 {'、'.join(settings.hosts)}")
    how += [f"{findings.rounds} 轮取中位数{_ENDED_ZH.get(findings.ended, '')}", f"种子 {findings.seed}"]
    how += [chinese for _, chinese in _unusual(findings.environment)]
    lines = ["，".join(how), *_legend_zh(findings)]
    if not _as_in_lecture(settings):
        lines.append(f"讲义 2021 年的数据是 {_LECTURE_REQUESTS} 个请求的耗时，不能与此处的耗时并列，故未列出")
    lines += [
        f"≈ 由 {requests:,} 个请求推算，因预算不足以测完全部（延迟数据亦仅含这些请求）：{'，'.join(names)}"
        for requests, names in _projected(findings).items()
    ]
    check = findings.aa_check
    if check is not None and check.low > 0:
        lines.append(
            f"A/A 检验：{check.base} 对其孪生进程 {check.ratio:.3f} [{check.low:.3f}, {check.high:.3f}]"
            "（孪生：同一代码的另一进程，故应为 1）"
        )
    lines += [f"警告：{warning.text_zh}" for warning in caveats(findings)]
    if kept := _reuses_connections(findings):
        lines.append(f"{'、'.join(kept)} 复用连接，其他程序每个请求新建连接：前者因此省时")
    if findings.unchecked and findings.url is not None:
        what = "未返回内容" if settings.site is None else "取得的内容"
        lines.append(f"未核对：{'、'.join(findings.unchecked)} {what}（实验服务器的日志表明每个 URL 均得到完整响应）")
    lines += [f"未测得：{what}{whose}（{reason}）" for what, whose, reason in _missing(findings, _COSTS_ZH)]
    lines += [f"本机不可用：{arm}（{reason}）" for arm, reason in findings.left_out.items()]
    if findings.ideal and findings.serial:
        lines.append(
            f"理想 {findings.ideal:.4f} 秒（只计实验服务器的延迟，并发 {settings.concurrency}）"
            f" · 串行 {findings.serial:.4f} 秒（同上，逐个请求）"
        )
    return lines


# --- the cells


def _heading(arm: ArmTimes) -> str:
    strategy = arm.strategy or arm.arm.beside
    return arm.name if strategy is None else STRATEGIES[strategy].label


def _version(arm: ArmTimes) -> str:
    return f"your code: {arm.name}" if arm.arm.beside else arm.language or _NOTHING


def _ratios(findings: Findings) -> dict[str, str]:
    """Return the titles of the columns that compare the versions of a strategy, each with the language it refers to."""
    if any(arm.arm.beside for arm in findings.arms):
        return {f"vs {language.capitalize()}": language for language in findings.settings.languages}
    return {"Rust vs Python": "python"} if findings.by_language else {}


def _wall(arm: ArmTimes) -> str:
    return f"{'≈' if arm.projected else ''}{with_interval(*(1000 * seconds for seconds in arm.wall_interval))}"


def _rate(arm: ArmTimes) -> str:
    return f"{'≈' if arm.projected else ''}{figure(arm.requests / arm.median_wall)}"


def _seconds(arm: ArmTimes | None) -> str:
    return _NOTHING if arm is None else f"{'≈' if arm.projected else ''}{arm.median_wall:.4f}"


def _verdict(contrast: Contrast | None) -> str:
    return "" if contrast is None else contrast.brief()


def _by_baseline(findings: Findings, arm: ArmTimes) -> str:
    return "baseline" if arm.name == findings.settings.baseline else _verdict(findings.by_baseline.get(arm.name))


def _verdict_zh(contrast: Contrast | None) -> str:
    if contrast is None:
        return _NOTHING
    if contrast.verdict == "incomparable":
        return f"不作判定（≈{ratio_figure(contrast.ratio)} 倍速）"
    words = {"equivalent": "相当：", "undecided": "未定："}
    needed = "" if contrast.rounds_needed is None else f"（{contrast.rounds}/约 {contrast.rounds_needed} 轮）"
    return f"{words.get(contrast.verdict, '')}{ratio_figure(contrast.ratio)} 倍速{contrast.interval}{needed}"


def _ms(seconds: float | None) -> str:
    return _NOTHING if seconds is None else figure(1000 * seconds)


def _number(value: float | None, form: str = "") -> str:
    return _NOTHING if value is None else format(value, form)


def _percentiles_told(findings: Findings) -> list[float]:
    """Return the median and the highest percentile that all arms have."""
    told = [set(arm.latency.service) for arm in findings.arms if arm.latency is not None]
    common = sorted(set.intersection(*told)) if told else []
    return sorted({common[0], common[-1]}) if common else []


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
