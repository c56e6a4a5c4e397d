"""The tables of a comparison, for dataframes and spreadsheets. Times are in seconds, memory in bytes."""

from __future__ import annotations

import math
import statistics
from typing import Any

from ..frame import Field, Frame, Kind
from .arm_times import ArmTimes
from .findings import Findings

__all__ = ["contrasts", "exchanges", "runs", "summary"]

_SUMMARY: tuple[tuple[str, Kind, str], ...] = (
    ("arm", "text", "name of the arm"),
    ("strategy", "text", "key of the strategy"),
    ("language", "text", "language of the strategy"),
    ("requests", "integer", "URLs that the times are of"),
    ("projected", "boolean", "whether runs fetched fewer, and the times are projected"),
    ("rounds", "integer", "timed runs"),
    ("errors", "integer", "URLs that failed, in all runs"),
    ("wall", "real", "median wall time, s"),
    ("wall_low", "real", "lower end of its 95 % interval, s"),
    ("wall_high", "real", "upper end, s"),
    ("wall_q1", "real", "first quartile, s"),
    ("wall_q3", "real", "third quartile, s"),
    ("outliers", "integer", "runs more than 1.5 interquartile ranges outside of the quartiles"),
    ("efficiency", "real", "ideal time / wall"),
    ("cpu_user", "real", "median processor time in the program, s"),
    ("cpu_system", "real", "median processor time in the kernel, s"),
    ("cpu_ms_per_request", "real", "median processor time of a request, ms"),
    ("peak_in_flight", "integer", "most requests at once, by the lab server"),
    ("server_load", "real", "median share of a core that the lab server used"),
    ("switches_per_request", "real", "median context switches of a request"),
    ("system_calls_per_request", "real", "system calls of a request"),
    ("slowdown_by_watching", "real", "times as long as usual, while system calls were counted"),
    ("peak_memory", "integer", "peak memory with child processes, bytes"),
    ("threads", "integer", "most threads at once"),
    ("processes", "integer", "most processes at once"),
    *(
        (f"{kind}_p{name}", "real", f"{kind} time, percentile {name}, s")
        for kind in ("service", "response")
        for name in ("50", "90", "99", "99.9")
    ),
    ("by_baseline", "real", "times as fast as the baseline"),
    ("by_baseline_low", "real", "lower end of its interval"),
    ("by_baseline_high", "real", "upper end"),
    ("by_baseline_verdict", "text", "faster, slower, equivalent or undecided"),
    ("by_python", "real", "times as fast as the Python version of the strategy"),
    ("by_python_low", "real", "lower end of its interval"),
    ("by_python_high", "real", "upper end"),
    ("by_python_verdict", "text", "faster, slower, equivalent or undecided"),
)

_RUNS: tuple[tuple[str, Kind, str], ...] = (
    ("index", "integer", "place among all runs, from 0"),
    ("round", "integer", "from 1"),
    ("arm", "text", "name of the arm"),
    ("strategy", "text", "key of the strategy"),
    ("language", "text", "language of the strategy"),
    ("twin", "boolean", "whether it is of the baseline's twin"),
    ("generation", "integer", "which worker process of the arm"),
    ("requests", "integer", "URLs of a batch"),
    ("batches", "integer", "batches of the run"),
    ("wall", "real", "wall time of a batch, s"),
    ("cpu_user", "real", "processor time of a batch in the program, s"),
    ("cpu_system", "real", "processor time of a batch in the kernel, s"),
    ("waits", "real", "voluntary context switches of a batch"),
    ("preemptions", "real", "involuntary context switches of a batch"),
    ("errors", "integer", "URLs that failed, in all batches"),
    ("peak_in_flight", "integer", "most requests at once, by the lab server"),
    ("server_load", "real", "share of a core that the lab server used"),
    ("outlier", "boolean", "more than 1.5 interquartile ranges outside of the arm's quartiles"),
)

_EXCHANGES: tuple[tuple[str, Kind, str], ...] = (
    ("run", "integer", "index of the run"),
    ("round", "integer", "from 1"),
    ("arm", "text", "name of the arm"),
    ("batch", "integer", "number of the batch in the run, from 0"),
    ("request", "integer", "index of the URL"),
    ("observer", "text", "who saw the next four times: the client, or, of a program, the lab server"),
    ("intended", "real", "when it was due, s from the batch's start"),
    ("start", "real", "when it began, s"),
    ("service", "real", "from its start to its end, s"),
    ("response", "real", "from when it was due to its end, s"),
    ("accepted", "real", "the lab server accepted the connection, s"),
    ("asked", "real", "the request had reached it, s"),
    ("first_byte", "real", "the reply's first byte left, s"),
    ("last_byte", "real", "the reply's last byte had left, s"),
    ("closed", "real", "the connection was closed, s"),
    ("status", "integer", "status of the reply"),
    ("size", "integer", "bytes of the reply's body"),
    ("error", "text", "what went wrong"),
)

_CONTRASTS: tuple[tuple[str, Kind, str], ...] = (
    ("arm", "text", "name of the arm"),
    ("base", "text", "the arm it is held against"),
    ("ratio", "real", "times as fast"),
    ("low", "real", "lower end of the 95 % interval"),
    ("high", "real", "upper end"),
    ("p", "real", "adjusted p-value of a difference of more than 3 %"),
    ("verdict", "text", "faster, slower, equivalent or undecided"),
    ("rounds", "integer", "rounds that both were timed in"),
    ("rounds_needed", "integer", "rounds that would settle it, about"),
)


def summary(findings: Findings) -> Frame:
    """Make the table of the arms."""
    return _frame(_SUMMARY, [_summary_row(findings, arm) for arm in findings.arms])


def runs(findings: Findings) -> Frame:
    """Make the table of the timed runs."""
    arms = {arm.name: arm for arm in (*findings.arms, *([findings.twin] if findings.twin else []))}
    outliers = {name: set(arm.outliers) for name, arm in arms.items()}
    rows = []
    for run in findings.timed_runs:
        arm = arms[run.arm]
        rows.append(
            {
                **{name: getattr(run, name) for name, _, _ in _RUNS if hasattr(run, name)},
                "strategy": arm.strategy,
                "language": arm.language,
                "twin": arm.arm.twin_of is not None,
                "outlier": run.round in outliers[run.arm],
            }
        )
    return _frame(_RUNS, rows)


def exchanges(findings: Findings) -> Frame:
    """Make the table of the exchanges that were kept."""
    kept = findings.kept_exchanges
    timed = {run.index: run for run in findings.timed_runs}
    columns = {name: kept.column(name) for name, _, _ in _EXCHANGES if name in kept.columns}
    columns["round"] = [timed[run].round for run in columns["run"]]
    columns["arm"] = [timed[run].arm for run in columns["run"]]
    columns["intended"] = list(map(findings.due, columns["run"], columns["request"]))
    columns["observer"] = [
        None if start is None else "server" if start == accepted else "client"
        for start, accepted in zip(columns["start"], columns["accepted"], strict=True)
    ]
    columns["response"] = [
        None if start is None or service is None else start + service - intended
        for start, service, intended in zip(columns["start"], columns["service"], columns["intended"], strict=True)
    ]
    return Frame([Field(*head) for head in _EXCHANGES], [columns[name] for name, _, _ in _EXCHANGES])


def contrasts(findings: Findings) -> Frame:
    """Make the table of the declared contrasts."""
    return _frame(
        _CONTRASTS,
        [{name: getattr(contrast, name) for name, _, _ in _CONTRASTS} for contrast in findings.contrasts],
    )


def _frame(heads: tuple[tuple[str, Kind, str], ...], rows: list[dict[str, Any]]) -> Frame:
    return Frame([Field(*head) for head in heads], [[_finite(row.get(name)) for row in rows] for name, _, _ in heads])


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _summary_row(findings: Findings, arm: ArmTimes) -> dict[str, Any]:
    wall, low, high = arm.wall_interval
    first, third = arm.quartiles
    row: dict[str, Any] = {
        "arm": arm.name,
        "rounds": len(arm.runs),
        "wall": wall,
        "wall_low": low,
        "wall_high": high,
        "wall_q1": first,
        "wall_q3": third,
        "outliers": len(arm.outliers),
        "efficiency": findings.efficiency(arm.name),
        "cpu_user": statistics.median(arm.cpu_user),
        "cpu_system": statistics.median(arm.cpu_system),
    }
    for name in (
        *("strategy", "language", "requests", "projected", "errors", "cpu_ms_per_request", "peak_in_flight"),
        *("server_load", "switches_per_request", "slowdown_by_watching"),
    ):
        row[name] = getattr(arm, name)
    if arm.costs is not None:
        for name in ("system_calls_per_request", "peak_memory", "threads", "processes"):
            row[name] = getattr(arm.costs, name)
    if arm.latency is not None:
        for kind, values in (("service", arm.latency.service), ("response", arm.latency.response)):
            row |= {f"{kind}_p{100 * p:g}": seconds for p, seconds in values.items()}
    contrasts = {"by_baseline": findings.by_baseline.get(arm.name)}
    if arm.language == "rust":
        contrasts["by_python"] = findings.by_language.get(arm.strategy or "")
    for prefix, contrast in contrasts.items():
        if contrast is not None:
            row |= {
                prefix: contrast.ratio,
                f"{prefix}_low": contrast.low,
                f"{prefix}_high": contrast.high,
                f"{prefix}_verdict": contrast.verdict,
            }
    return row
