"""A comparison as tables: an English one, and a Chinese one with the lecture's own columns and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..report.tables import Column, Table
from ..strategies import STRATEGIES

if TYPE_CHECKING:
    from .comparison import ArmTimes, Comparison

__all__ = ["WALL_COLUMN", "notes", "table"]

WALL_COLUMN = 2
"""The place of the wall time in the English table."""

_NOTHING = "–"


def table(comparison: Comparison, lang: Literal["en", "zh"]) -> Table:
    """Return the table in that language.

    Raises:
        ValueError: ``lang`` is neither ``"en"`` nor ``"zh"``.
    """
    if lang == "en":
        return _english(comparison)
    if lang == "zh":
        return _chinese(comparison)
    raise ValueError(f"lang must be 'en' or 'zh', not {lang!r}")


def notes(comparison: Comparison, lang: Literal["en", "zh"]) -> list[str]:
    """Return the lines below the table: how it was timed, what is not in it, and the reference lines last."""
    return _english_notes(comparison) if lang == "en" else _chinese_notes(comparison)


def _english(comparison: Comparison) -> Table:
    failed = any(arm.errors for arm in comparison.arms)
    columns = [
        Column("strategy (section)"),
        Column("language"),
        Column("wall, median ms", right=True),
        Column("CPU, median ms", right=True),
        Column("peak in flight", right=True),
        Column("python / rust", right=True),
        *([Column("errors", right=True)] if failed else []),
    ]
    rows = []
    above = None
    for arm in comparison.arms:
        # A strategy's name and its ratio stand in the first of its rows.
        first = arm.strategy != above
        above = arm.strategy
        rows.append(
            (
                f"{arm.strategy} ({STRATEGIES[arm.strategy].section})" if first else "",
                arm.language,
                _ms(arm.median_wall),
                _ms(arm.median_cpu),
                _NOTHING if arm.peak_in_flight is None else str(arm.peak_in_flight),
                _ratio(comparison, arm) if first else "",
                *([str(arm.errors)] if failed else []),
            )
        )
    return Table(tuple(columns), tuple(rows))


def _chinese(comparison: Comparison) -> Table:
    languages = comparison.settings.languages
    walls = {(arm.strategy, arm.language): f"{arm.median_wall:.4f}" for arm in comparison.arms}
    columns = [
        Column("程序"),
        *(Column(f"{language.capitalize()} 耗时（单位：秒）", right=True) for language in languages),
        Column("讲义 2021（单位：秒）", right=True),
    ]
    rows = []
    for strategy in STRATEGIES.values():
        if strategy.key not in comparison.settings.strategies:
            continue
        lecture = strategy.lecture_seconds
        rows.append(
            (
                strategy.title_zh,
                *(walls.get((strategy.key, language), _NOTHING) for language in languages),
                _NOTHING if lecture is None else f"{lecture:.4f}",
            )
        )
    return Table(tuple(columns), tuple(rows))


def _english_notes(comparison: Comparison) -> list[str]:
    settings = comparison.settings
    how = [_count(settings.requests, "request"), f"{settings.concurrency} at a time"]
    if settings.latency is not None:
        how.append(f"latency {_ms(settings.latency)} ms")
    how += [_count(comparison.rounds, "round"), f"seed {comparison.seed}"]
    lines = [", ".join(how)]
    lines += [f"not available here: {arm}, {reason}" for arm, reason in comparison.left_out.items()]
    if comparison.ideal and comparison.serial:
        lines.append(f"ideal {_ms(comparison.ideal)} ms · serial {_ms(comparison.serial)} ms")
    return lines


def _chinese_notes(comparison: Comparison) -> list[str]:
    settings = comparison.settings
    how = [f"{settings.requests} 个请求", f"并发 {settings.concurrency}"]
    if settings.latency is not None:
        how.append(f"延迟 {_ms(settings.latency)} ms")
    how += [f"{comparison.rounds} 轮取中位数", f"种子 {comparison.seed}"]
    lines = ["，".join(how)]
    lines += [f"出错：{arm.language}/{arm.strategy} {arm.errors} 次" for arm in comparison.arms if arm.errors]
    lines += [f"此处不可用：{arm}（{reason}）" for arm, reason in comparison.left_out.items()]
    if comparison.ideal and comparison.serial:
        lines.append(f"理想 {comparison.ideal:.4f} 秒 · 串行 {comparison.serial:.4f} 秒")
    return lines


def _ratio(comparison: Comparison, arm: ArmTimes) -> str:
    try:
        return f"{comparison.ratio(arm.strategy):.1f}×"
    except ValueError:
        return _NOTHING


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
