"""Loads a saved comparison or sweep, from files of this version and all older ones."""

from __future__ import annotations

import gzip
import json
import math
import os
import zlib
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args

from ..checks import DEFAULT_BODY_SIZE, check_choice
from ..exceptions import SchemaError
from ..lab.site import Site
from .archive import SCHEMA, opened
from .arm_times import TimedRun
from .comparison import Comparison
from .conditions import Conditions
from .costs import Costs
from .kept_exchanges import KeptExchanges
from .settings import Arm, Settings
from .sweep import Parameter, Scaling

__all__ = ["from_dict", "load"]


def load(path: str | os.PathLike[str]) -> Comparison | Scaling:
    """Read what ``Comparison.save``, ``Scaling.save`` or ``aio-strategies compare --json`` wrote.

    Returns:
        A Comparison or a Scaling, whichever was saved.

    Args:
        path: the file; one whose name ends in ``.gz`` is compressed.

    Raises:
        SchemaError: the file contains no comparison, a damaged one, or one of a newer version.
        OSError: the file cannot be read.
    """
    with opened(path, "rt") as file:
        try:
            whole = json.load(file)
        except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SchemaError(f"{os.fspath(path)} contains no saved comparison: {error}") from error
    return from_dict(whole)


def from_dict(whole: Mapping[str, Any]) -> Comparison | Scaling:
    """Restore a comparison or a sweep that was saved by this version or an older one.

    Raises:
        SchemaError: it is not one, it is damaged, or it was saved by a newer version.
    """
    schema = whole.get("schema") if isinstance(whole, Mapping) else None
    if not isinstance(schema, int) or schema < 1:
        raise SchemaError("this is not a saved comparison: it has no schema number")
    if schema > SCHEMA:
        raise SchemaError(
            f"this comparison was saved by a newer version of aio_strategies (schema {schema}; this version reads up to"
            f" {SCHEMA}): upgrade to read it"
        )
    try:
        if whole.get("kind") == "scaling":
            return _scaling(whole)
        return _from_first(whole) if schema == 1 else _from_current(whole)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SchemaError(f"this saved comparison (schema {schema}) is damaged: {error!r}") from error


def _scaling(whole: Mapping[str, Any]) -> Scaling:
    parameter = check_choice("parameter", whole["parameter"], get_args(Parameter))
    comparisons = [_from_current(comparison) for comparison in whole["comparisons"]]
    if len(whole["values"]) != len(comparisons):
        raise ValueError(f"{len(comparisons)} comparisons for {len(whole['values'])} values")
    return Scaling(parameter, whole["values"], comparisons)


def _from_current(whole: Mapping[str, Any]) -> Comparison:
    kept = whole.get("exchanges" if whole["schema"] > 2 else "requests")
    return Comparison(
        _settings(whole["settings"]),
        whole["seed"],
        whole["environment"],
        tuple(_made(TimedRun, run) for run in whole["runs"]),
        whole["left_out"],
        costs={name: _made(Costs, costs) for name, costs in whole["costs"].items()},
        conditions=_made(Conditions, whole["conditions"]),
        kept_exchanges=KeptExchanges() if kept is None else KeptExchanges.from_dict(kept),
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
    known: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    if "programs" not in known:  # schema 2
        known["programs"] = known["arms"]
        if known["urls"] is None:
            known |= {"jitter": 0.0, "body_size": DEFAULT_BODY_SIZE}
    if known.get("site") is not None:
        known["site"] = _made(Site, known["site"])
    known["budget"] = math.inf if known["budget"] is None else known["budget"]  # JSON has no infinity
    made: Settings = _made(Settings, known)
    return made


def _made(kind: Any, values: Mapping[str, Any]) -> Any:
    """Make a dataclass from the values that it knows; a later version of the same schema may have added others."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})
