"""Comparisons with few rounds, and cells without a kernel: for trying that code works, not what it measures."""

from __future__ import annotations

import ast
from typing import Any

import aio_strategies as aio
import pytest
from aio_strategies.measuring import plan, sweeping


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every comparison of this process have one round, of a lab that waits little; every sweep two values."""
    make_plan, scaling = plan.make_plan, aio.scaling

    def planned(*arguments: Any, **settings: Any) -> plan.Plan:
        quick: dict[str, Any] = {"rounds": 1}
        if settings.get("lab") is None and settings.get("urls") is None:
            quick["latency"] = 0.002
        return make_plan(*arguments, **(settings | quick))

    def swept(parameter: Any, values: Any, *arguments: Any, **settings: Any) -> Any:
        return scaling(parameter, sorted(values)[:2], *arguments, **settings)

    monkeypatch.setattr(plan, "make_plan", planned)
    monkeypatch.setattr(sweeping, "make_plan", planned)
    monkeypatch.setattr(aio, "scaling", swept)


def hurry() -> None:
    """Let every comparison of this process have six rounds, the fewest with intervals, or a sixth of its budget."""
    make_plan = plan.make_plan

    def planned(*arguments: Any, **settings: Any) -> plan.Plan:
        # of many requests even a few rounds would take too long; a budget has them projected
        if settings["requests"] <= 10:
            return make_plan(*arguments, **(settings | {"rounds": 6}))
        return make_plan(*arguments, **(settings | {"budget": settings["budget"] / 6}))

    plan.make_plan = sweeping.make_plan = planned


def show_all(source: str, namespace: dict[str, Any], file: str, line: int = 1) -> None:
    """Execute statements, and show what each expression among them gives, in all ways that a notebook would.

    ``file`` and ``line`` are where the source begins, for tracebacks.
    """
    tree = ast.increment_lineno(ast.parse(source, file), line - 1)
    for statement in tree.body:
        if isinstance(statement, ast.Expr):
            shown = eval(compile(ast.Expression(statement.value), file, "eval"), namespace)
            repr(shown)
            for how in ("_repr_html_", "_repr_mimebundle_"):
                if hasattr(shown, how):
                    getattr(shown, how)()
        else:
            exec(compile(ast.Module([statement], []), file, "exec"), namespace)
