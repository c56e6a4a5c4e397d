"""A comparison as a JSON file, and back. The structure has a version, so that old files can be read for good."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from ..exceptions import SchemaError
from .arm_times import TimedRun
from .comparison import Comparison
from .conditions import Conditions
from .costs import Costs
from .exchanges import Exchanges
from .plan import Arm, Settings

__all__ = ["SCHEMA", "from_dict", "load", "save", "to_dict"]

SCHEMA = 2
"""The version of the structure: raised when a reader of the old one would be misled.

1: arms with plain medians, their runs within them. 2: the runs, costs and conditions of the measuring protocol.
"""


def to_dict(comparison: Comparison, *, requests: bool) -> dict[str, Any]:
    """Return everything as dicts, lists, numbers and strings.

    Returns:
        ``schema`` (the version of this structure), ``settings``, ``seed``, ``environment``, ``ended``, ``url``,
        ``rounds``, ``ideal``, ``serial``, ``arms`` (the rows of ``summary``), ``contrasts``, ``aa_check``,
        ``warnings``, ``runs``, ``costs``, ``conditions``, ``failures``, ``unchecked``, ``printed``, ``left_out``, and,
        if asked for, ``requests`` (as columns).
    """
    from . import frames

    whole = {
        "schema": SCHEMA,
        "settings": asdict(comparison.settings),
        "seed": comparison.seed,
        "environment": dict(comparison.environment),
        "ended": comparison.ended,
        "url": comparison.url,
        "rounds": comparison.rounds,
        "ideal": comparison.ideal,
        "serial": comparison.serial,
        "arms": list(comparison.summary.rows()),
        "contrasts": list(frames.contrasts(comparison).rows()),
        "aa_check": None if comparison.aa_check is None else asdict(comparison.aa_check),
        "warnings": [asdict(warning) for warning in comparison.warnings],
        "runs": [asdict(run) for run in comparison.timed_runs],
        "costs": {name: asdict(costs) for name, costs in comparison.costs.items()},
        "conditions": asdict(comparison.conditions),
        "failures": {name: list(messages) for name, messages in comparison.failures.items()},
        "unchecked": list(comparison.unchecked),
        "printed": dict(comparison.printed),
        "left_out": dict(comparison.left_out),
    }
    if requests:
        whole["requests"] = comparison.exchanges.to_dict()
    plain: dict[str, Any] = _plain(whole)
    return plain


def _plain(value: Any) -> Any:
    """Return the value as JSON has it: no tuples, and None for infinity."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_dict(whole: Mapping[str, Any]) -> Comparison:
    """Make a comparison of what ``to_dict`` returned, in this version or an older one.

    Raises:
        SchemaError: it is none, or of a newer version.
    """
    schema = whole.get("schema") if isinstance(whole, Mapping) else None
    if not isinstance(schema, int) or schema < 1:
        raise SchemaError("this is no saved comparison: it has no schema number")
    if schema > SCHEMA:
        raise SchemaError(
            f"this comparison was saved by a newer version of aio_strategies (schema {schema}; this version reads up to"
            f" {SCHEMA}): upgrade to read it"
        )
    try:
        return _from_first(whole) if schema == 1 else _from_current(whole)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SchemaError(f"this saved comparison (schema {schema}) is damaged: {error!r}") from error


def save(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write everything to a file; one whose name ends in ``.gz`` is compressed."""
    text = json.dumps(to_dict(comparison, requests=True), ensure_ascii=False, allow_nan=False)
    with _open(path, "wt") as file:
        file.write(text + "\n")


def load(path: str | os.PathLike[str]) -> Comparison:
    """Read a comparison that ``Comparison.save`` wrote, or ``aio-strategies compare --json``.

    Args:
        path: the file; one whose name ends in ``.gz`` is compressed.

    Raises:
        SchemaError: it holds no comparison, a damaged one, or one of a newer version.
        OSError: the file cannot be read.
    """
    with _open(path, "rt") as file:
        try:
            whole = json.load(file)
        except ValueError as error:
            raise SchemaError(f"{os.fspath(path)} holds no saved comparison: {error}") from error
    return from_dict(whole)


def _open(path: str | os.PathLike[str], mode: str) -> Any:
    opener: Any = gzip.open if os.fspath(path).endswith(".gz") else open
    return opener(path, mode, encoding="utf-8")


def _from_current(whole: Mapping[str, Any]) -> Comparison:
    return Comparison(
        _settings(whole["settings"]),
        whole["seed"],
        whole["environment"],
        tuple(_made(TimedRun, run) for run in whole["runs"]),
        whole["left_out"],
        costs={name: _made(Costs, costs) for name, costs in whole["costs"].items()},
        conditions=_made(Conditions, whole["conditions"]),
        exchanges=Exchanges.from_dict(whole["requests"]) if "requests" in whole else Exchanges(),
        failures=whole["failures"],
        unchecked=tuple(whole["unchecked"]),
        printed=whole.get("printed", {}),
        url=whole["url"],
        ended=whole["ended"],
    )


def _from_first(whole: Mapping[str, Any]) -> Comparison:
    """Read version 1: no twin, no batches, no costs; the baseline is its first arm."""
    settings = dict(whole["settings"])
    first = whole["arms"][0]
    settings |= {"arms": (), "baseline": Arm.of(first["strategy"], first["language"]).name, "rate": None}
    runs = [
        TimedRun(
            arm=Arm.of(run["strategy"], run["language"]).name,
            began=datetime.fromisoformat(whole["environment"]["date"]).timestamp(),
            requests=settings["requests"],
            batches=1,
            waits=None,
            preemptions=None,
            server_load=None,
            generation=1,
            **{
                name: run[name]
                for name in ("round", "index", "wall", "cpu_user", "cpu_system", "errors", "peak_in_flight")
            },
        )
        for arm in whole["arms"]
        for run in arm["runs"]
    ]
    runs.sort(key=lambda run: run.index)
    return Comparison(
        _settings(settings), whole["seed"], whole["environment"], tuple(runs), whole["left_out"], ended="rounds"
    )


def _settings(values: Mapping[str, Any]) -> Settings:
    known = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    known["budget"] = math.inf if known["budget"] is None else known["budget"]  # JSON has no infinity
    made: Settings = _made(Settings, known)
    return made


def _made(kind: Any, values: Mapping[str, Any]) -> Any:
    """Make a dataclass of the values that it knows; a later version of the same schema may have added some."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})
