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
    ("requests", "integer", "URLs that the times are for"),
    ("projected", "boolean", "whether runs fetched fewer URLs, so that the times are projected"),
    ("rounds", "integer", "timed runs"),
    ("errors", "integer", "URLs that failed, in all runs"),
    ("wall", "real", "median wall time, s"),
    ("wall_low", "real", "lower end of its 95 % confidence interval, s"),
    ("wall_high", "real", "upper end of its 95 % confidence interval, s"),
    ("wall_q1", "real", "first quartile of the wall times, s"),
    ("wall_q3", "real", "third quartile of the wall times, s"),
    ("outliers", "integer", "runs more than 1.5 interquartile ranges outside the quartiles"),
    ("efficiency", "real", "ideal time / median wall time"),
    ("requests_per_second", "real", "requests / median wall time"),
    ("cpu_user", "real", "median CPU time in the program's own code, s"),
    ("cpu_system", "real", "median CPU time in the kernel, s"),
    ("cpu_ms_per_request", "real", "median CPU time per request, ms"),
    ("peak_in_flight", "integer", "most requests in flight at once, as the lab server saw it"),
    ("server_load", "real", "median share of a core that the lab server used"),
    ("connections_per_request", "real", "connections that the lab server accepted per request"),
    ("switches_per_request", "real", "median context switches per request"),
    ("system_calls_per_request", "real", "system calls per request"),
    ("slowdown_by_watching", "real", "slowdown factor while system calls were counted"),
    ("peak_memory", "integer", "peak memory including child processes, bytes"),
    ("threads", "integer", "most threads at once"),
    ("processes", "integer", "most processes at once"),
    *(
        (f"{kind}_p{name}", "real", f"{kind} time, percentile {name}, s")
        for kind in ("service", "response")
        for name in ("50", "90", "99", "99.9")
    ),
    ("by_baseline", "real", "times as fast as the baseline"),
    ("by_baseline_low", "real", "lower end of its confidence interval"),
    ("by_baseline_high", "real", "upper end of its confidence interval"),
    ("by_baseline_verdict", "text", "faster, slower, equivalent, undecided or incomparable"),
    ("by_python", "real", "times as fast as the Python version of the strategy"),
    ("by_python_low", "real", "lower end of its confidence interval"),
    ("by_python_high", "real", "upper end of its confidence interval"),
    ("by_python_verdict", "text", "faster, slower, equivalent, undecided or incomparable"),
)

_RUNS: tuple[tuple[str, Kind, str], ...] = (
    ("index", "integer", "index among all runs, from 0"),
    ("round", "integer", "number of the round, from 1"),
    ("arm", "text", "name of the arm"),
    ("strategy", "text", "key of the strategy"),
    ("language", "text", "language of the strategy"),
    ("twin", "boolean", "whether it is a run of the baseline's twin"),
    ("generation", "integer", "number of the arm's worker process, from 1"),
    ("requests", "integer", "URLs per batch"),
    ("batches", "integer", "batches in the run"),
    ("wall", "real", "mean wall time per batch, s"),
    ("cpu_user", "real", "mean CPU time per batch in the program's own code, s"),
    ("cpu_system", "real", "mean CPU time per batch in the kernel, s"),
    ("waits", "real", "mean voluntary context switches per batch"),
    ("preemptions", "real", "mean involuntary context switches per batch"),
    ("errors", "integer", "URLs that failed, in all batches"),
    ("peak_in_flight", "integer", "most requests in flight at once, as the lab server saw it"),
    ("server_load", "real", "share of a core that the lab server used"),
    ("outlier", "boolean", "whether it is more than 1.5 interquartile ranges outside the arm's quartiles"),
)

_EXCHANGES: tuple[tuple[str, Kind, str], ...] = (
    ("run", "integer", "index of the run"),
    ("round", "integer", "number of the round, from 1"),
    ("arm", "text", "name of the arm"),
    ("batch", "integer", "number of the batch in the run, from 0"),
    ("request", "integer", "index of the URL"),
    ("observer", "text", "who saw its start and end: the server (the lab's log) or, without a lab, the client"),
    ("intended", "real", "when it was due, s from the batch's start"),
    ("start", "real", "when it began, s from the batch's start"),
    ("service", "real", "service time: from its start to its end, s"),
    ("response", "real", "response time: from when it was due to its end, s"),
    ("accepted", "real", "when the lab server accepted the connection, s from the batch's start"),
    ("secured", "real", "when the TLS handshake had ended, s from the batch's start"),
    ("asked", "real", "when the request had reached the lab server, s from the batch's start"),
    ("first_byte", "real", "when the first byte of the reply was sent, s from the batch's start"),
    ("last_byte", "real", "when the last byte of the reply had been sent, s from the batch's start"),
    ("closed", "real", "when the connection was closed, s from the batch's start"),
    ("client_start", "real", "when the client began it, before connecting, s from the batch's start"),
    ("client_service", "real", "seconds from then until the client had the response"),
    ("status", "integer", "status of the reply"),
    ("size", "integer", "bytes of the reply's body"),
    ("error", "text", "what went wrong"),
)

_CONTRASTS: tuple[tuple[str, Kind, str], ...] = (
    ("arm", "text", "name of the arm"),
    ("base", "text", "name of the arm that it is compared with"),
    ("ratio", "real", "times as fast as the base"),
    ("low", "real", "lower end of the 95 % confidence interval"),
    ("high", "real", "upper end of the 95 % confidence interval"),
    ("p", "real", "adjusted p-value for a difference of more than 3 %"),
    ("verdict", "text", "faster, slower, equivalent, undecided or incomparable"),
    ("rounds", "integer", "rounds in which both were timed"),
    ("rounds_needed", "integer", "about how many rounds a verdict would need"),
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
    columns["client_start"], columns["client_service"] = columns["start"], columns["service"]
    spans = kept.spans()
    due = [findings.due(request, start) for request, (start, _) in zip(columns["request"], spans, strict=True)]
    columns["intended"] = list(map(_finite, due))
    columns["start"] = [_finite(start) for start, _ in spans]
    columns["service"] = [_finite(end - start) for start, end in spans]
    columns["response"] = [
        _finite(end - min(start, intended)) for (start, end), intended in zip(spans, due, strict=True)
    ]
    columns["observer"] = [
        None if math.isnan(end) else "client" if None in seen else "server"
        for (_, end), *seen in zip(spans, kept.column("begun"), columns["last_byte"], strict=True)
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
        "requests_per_second": arm.requests / wall,
        "cpu_user": statistics.median(arm.cpu_user),
        "cpu_system": statistics.median(arm.cpu_system),
    }
    for name in (
        *("strategy", "language", "requests", "projected", "errors", "cpu_ms_per_request", "peak_in_flight"),
        *("server_load", "connections_per_request", "switches_per_request", "slowdown_by_watching"),
    ):
        row[name] = getattr(arm, name)
    if arm.costs is not None:
        for name in ("system_calls_per_request", "peak_memory", "threads", "processes"):
            row[name] = getattr(arm.costs, name)
    if arm.latency is not None:
        for kind, values in (("service", arm.latency.service), ("response", arm.latency.response)):
            row |= {f"{kind}_p{100 * p:g}": seconds for p, seconds in values.items()}
    contrasts = {"by_baseline": findings.by_baseline.get(arm.name), "by_python": findings.by_built_in(arm, "python")}
    for prefix, contrast in contrasts.items():
        if contrast is not None:
            row |= {
                prefix: contrast.ratio,
                f"{prefix}_low": contrast.low,
                f"{prefix}_high": contrast.high,
                f"{prefix}_verdict": contrast.verdict,
            }
    return row
