"""The house keeps its shape: dependencies point downwards, names do not collide, and a module is found by its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import aio_strategies

PACKAGE = "aio_strategies"
ROOT = Path(aio_strategies.__file__).parent
MODULES = {
    ".".join([PACKAGE, *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}

#: From the top: what stands in a line may use the lines below it, and never those above.
FLOORS = [
    {"__main__"},
    {"cli", "magics", "pytest_plugin", "run_file"},
    {"arguments"},
    {"measuring"},
    {"comparison"},
    {"calling"},
    {"rust", "python"},
    {"crawling"},
    {"strategy_function", "lecture"},
    {"http_redirects", "request_options"},
    {"results", "targets", "sources"},
    {"catalogue", "frame"},
    {"display", "lab"},
    {"background", "checks", "helper", "program_file", "terms", "trust", "units"},
    {"exceptions"},
]


def imports(module: str, path: Path) -> Iterator[str]:
    """Yield the modules of the package that a module imports, wherever it does: in functions and for types, too."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                if alias.name != "_native":  # compiled, it imports nothing
                    yield next((name for name in (f"{origin}.{alias.name}", origin) if name in MODULES), module)


IMPORTS = {module: set(imports(module, path)) - {module} for module, path in MODULES.items()}


def circles() -> list[list[str]]:
    """Return the groups of modules each of which can be reached from every other (Tarjan)."""
    found: list[list[str]] = []
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for other in IMPORTS[module]:
            if other not in order:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == order[module]:
            place = stack.index(module)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    for module in IMPORTS:
        if module not in order:
            visit(module)
    return found


def test_no_import_circle():
    assert circles() == []


def test_rooms_use_those_below_them_only():
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

    def room(module: str) -> str:
        return module.removeprefix(f"{PACKAGE}.").partition(".")[0]

    upwards = [
        f"{module} imports {other}"
        for module, others in IMPORTS.items()
        for other in others
        if room(module) != room(other)
        and room(module) in floor
        and room(other) in floor
        and floor[room(module)] >= floor[room(other)]
    ]
    assert upwards == []


def test_what_judges_starts_no_process_and_opens_no_socket():
    forbidden = ("subprocess", "socket", "multiprocessing", "threading", "asyncio")
    for module, path in MODULES.items():
        if module.startswith(f"{PACKAGE}.comparison"):
            text = path.read_text(encoding="utf-8")
            assert not [name for name in forbidden if f"import {name}" in text or f"from {name}" in text], module


def test_no_module_has_the_name_of_a_public_function():
    functions = {name for name in aio_strategies.__all__ if callable(getattr(aio_strategies, name))}
    assert not {module.rpartition(".")[2] for module in MODULES} & functions


def test_no_two_modules_differ_by_an_s_only():
    names = {module.rpartition(".")[2] for module in MODULES}
    assert [name for name in names if f"{name}s" in names] == []
