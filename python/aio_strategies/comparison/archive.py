"""Saves a comparison, or a sweep, as a JSON file.

The structure has a version number, so that ``loading.py`` can always read old files.
"""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..checks import DATA_SUFFIXES, check_suffix
from . import value_tables
from .findings import Findings
from .warnings import caveats

__all__ = ["SCHEMA", "opened", "save", "save_scaling", "to_dict"]

SCHEMA = 3
"""The version of the structure; it is raised when readers of the old one would be misled.

1: arms with plain medians, their runs within them. 2: the runs, costs and conditions of the measuring protocol.
3: ``settings.programs`` (was ``settings.arms``), ``exchanges`` (was ``requests``), and sweeps.
"""


def to_dict(findings: Findings, *, exchanges: bool) -> dict[str, Any]:
    """Return everything as dicts, lists, numbers and strings.

    Returns:
        ``schema`` (the version of this structure), ``settings``, ``seed``, ``environment``, ``ended``, ``url``,
        ``rounds``, ``ideal``, ``serial``, ``arms`` (the rows of ``summary``), ``contrasts``, ``aa_check``,
        ``warnings``, ``runs``, ``costs``, ``conditions``, ``failures``, ``unchecked``, ``printed``, ``left_out``, and,
        if asked for, ``exchanges`` (as columns).
    """
    whole = {
        "schema": SCHEMA,
        "settings": asdict(findings.settings),
        "seed": findings.seed,
        "environment": dict(findings.environment),
        "ended": findings.ended,
        "url": findings.url,
        "rounds": findings.rounds,
        "ideal": findings.ideal,
        "serial": findings.serial,
        "arms": list(value_tables.summary(findings).rows()),
        "contrasts": list(value_tables.contrasts(findings).rows()),
        "aa_check": None if findings.aa_check is None else asdict(findings.aa_check),
        "warnings": [asdict(warning) for warning in caveats(findings)],
        "runs": [asdict(run) for run in findings.timed_runs],
        "costs": {name: asdict(costs) for name, costs in findings.costs.items()},
        "conditions": asdict(findings.conditions),
        "failures": {name: list(messages) for name, messages in findings.failures.items()},
        "unchecked": list(findings.unchecked),
        "printed": dict(findings.printed),
        "left_out": dict(findings.left_out),
    }
    if exchanges:
        whole["exchanges"] = findings.kept_exchanges.to_dict()
    plain: dict[str, Any] = _plain(whole)
    return plain


def _plain(value: Any) -> Any:
    """Return the value as JSON can hold it: lists instead of tuples, and None instead of infinity."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save(findings: Findings, path: str | os.PathLike[str]) -> None:
    """Write everything to a file; one whose name ends in ``.gz`` is compressed."""
    _write(to_dict(findings, exchanges=True), path)


def save_scaling(
    parameter: str, values: Sequence[float], comparisons: Sequence[Findings], path: str | os.PathLike[str]
) -> None:
    """Write comparisons over a parameter to a file; one whose name ends in ``.gz`` is compressed.

    It holds ``schema``, ``kind`` (``"scaling"``), ``parameter``, ``values``, and ``comparisons``, each as ``save``
    writes it.
    """
    whole = {
        "schema": SCHEMA,
        "kind": "scaling",
        "parameter": parameter,
        "values": list(values),
        "comparisons": [to_dict(comparison, exchanges=True) for comparison in comparisons],
    }
    _write(whole, path)


def _write(whole: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    check_suffix(path, DATA_SUFFIXES)
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False)
    with opened(path, "wt") as file:
        file.write(text + "\n")


def opened(path: str | os.PathLike[str], mode: str) -> Any:
    """Open a text file; one whose name ends in ``.gz`` is compressed."""
    opener: Any = gzip.open if os.fspath(path).lower().endswith(".gz") else open
    return opener(path, mode, encoding="utf-8")
