"""Saves the benchmarks' figures."""

from __future__ import annotations

import json
from pathlib import Path

import aio_strategies as aio


def brief(comparison: aio.Comparison) -> dict:
    """The results of a comparison, with each arm's raw seconds on one line."""
    whole = comparison.to_dict()
    return {
        **{name: whole[name] for name in ("settings", "seed", "environment")},
        "arms": {
            f"{arm.language}/{arm.strategy}": {
                "median_wall": round(arm.median_wall, 6),
                "median_cpu": round(arm.median_cpu, 6),
                "walls": " ".join(f"{wall:.6f}" for wall in arm.walls),
                "cpu_user": " ".join(f"{seconds:.6f}" for seconds in arm.cpu_user),
                "cpu_system": " ".join(f"{seconds:.6f}" for seconds in arm.cpu_system),
            }
            for arm in comparison.arms
        },
    }


def save(script: Path, result: dict) -> None:
    """Write the result of a benchmark to results/<its name>.json."""
    out = script.parent / "results" / f"{script.stem}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
