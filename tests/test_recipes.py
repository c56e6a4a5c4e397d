"""Each recipe of docs/recipes.md fetches what it should, as many at a time as it may, if its package is installed."""

import ast
import importlib.util
import shutil
import subprocess
import sys

import aio_strategies as aio
import pytest
from test_docs import ROOT, read

pytestmark = pytest.mark.slow

URLS, CONCURRENCY = 12, 3

#: The recipes, by name: the blocks that are a single function.
RECIPES = {
    tree.body[0].name: block.text
    for block in read(ROOT / "docs" / "recipes.md", "python")
    if len((tree := ast.parse(block.text)).body) == 1
}
ONE_AT_A_TIME = {"urllib_blocking", "httpx_keep_alive"}

#: Calls a recipe as a worker does, and prints the sizes of what it returns.
PROGRAM = """
import asyncio, inspect, sys

arguments = {{"concurrency": {concurrency}}} if "concurrency" in inspect.signature({name}).parameters else {{}}
result = {name}(sys.argv[1:], **arguments)
if inspect.iscoroutine(result):
    result = asyncio.run(result)
print(*(len(getattr(one, "content", one)) for one in result or []))
"""


def missing(source):
    """Return what a recipe needs and is not installed here, if anything."""
    nodes = list(ast.walk(ast.parse(source)))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    absent = [name for name in modules if importlib.util.find_spec(name.partition(".")[0]) is None]
    if '"curl"' in source and shutil.which("curl") is None:
        absent.append("curl")
    return ", ".join(absent)


@pytest.fixture(scope="module")
def lab():
    with aio.LabServer(latency=0.01) as server:
        yield server


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe(name, lab):
    if absent := missing(RECIPES[name]):
        pytest.skip(f"not installed: {absent}")
    lab.reset()
    program = RECIPES[name] + PROGRAM.format(name=name, concurrency=CONCURRENCY)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *lab.urls(URLS)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ([] if name == "curl" else ["1024"] * URLS)
    stats = lab.stats()
    assert (stats.served, stats.errors) == (URLS, 0)
    assert len({record.path for record in lab.log()}) == URLS
    if name in ONE_AT_A_TIME:
        assert stats.peak_in_flight == 1
    else:
        assert 1 < stats.peak_in_flight <= CONCURRENCY
    if name == "httpx_keep_alive":
        assert stats.connections == 1


def test_there_is_one_for_each_client():
    clients = {name.partition("_")[0] for name in RECIPES}
    assert clients == {"urllib", "httpx", "aiohttp", "requests", "gevent", "uvloop", "curl"}
    assert "httpx_trio" in RECIPES


@pytest.mark.alone
def test_all_of_them_in_one_comparison():
    """They are sent to worker processes, and their contents are checked against one another."""
    programs = {}
    for name, source in RECIPES.items():
        if not missing(source):
            namespace = {"__name__": "__main__"}
            exec(source, namespace)
            programs[name] = namespace[name]
    comparison = aio.compare([], programs=programs, requests=6, latency=0.002, rounds=1, progress=False)
    assert [(arm.name, arm.errors) for arm in comparison.arms] == [(name, 0) for name in programs]
    assert comparison.unchecked == ("curl",)  # which returns no contents
