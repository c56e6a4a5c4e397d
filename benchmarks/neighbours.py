"""How many code lines differ between neighbouring strategies: the lesson should be all that a diff shows.

Comments, docstrings, blank lines, imports and indentation are ignored. Each added and each removed line counts.
"""

from __future__ import annotations

import ast
import difflib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEIGHBOURS = [
    ("blocking", "nonblocking"),
    ("callback", "generator"),
    ("generator", "yield_from"),
    ("yield_from", "asyncio"),
]


def rust_code(key: str) -> list[str]:
    text = (ROOT / f"src/strategies/{key}_way.rs").read_text(encoding="utf-8")
    text = re.sub(r"^use [^;]*;$", "", text, flags=re.MULTILINE)
    lines = (re.sub(r"\s*//.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def python_code(key: str) -> list[str]:
    text = (ROOT / f"python/aio_strategies/lecture/{key}_way.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        is_text = (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    lines = [re.sub(r"\s*# .*", "", line).strip() for line in lines]
    return [line for line in lines if line]


def differing(one: list[str], other: list[str]) -> int:
    blocks = difflib.SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return len(one) + len(other) - 2 * sum(block.size for block in blocks)


def main() -> None:
    print(f"{'neighbours':28}{'Rust':>6}{'Python':>8}")
    for one, other in NEIGHBOURS:
        rust = differing(rust_code(one), rust_code(other))
        python = differing(python_code(one), python_code(other))
        print(f"{one + ' → ' + other:28}{rust:6}{python:8}")


if __name__ == "__main__":
    main()
