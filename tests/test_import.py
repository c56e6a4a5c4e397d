"""``import aio_strategies`` is light, and what the package names is there."""

from __future__ import annotations

import importlib
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import aio_strategies as aio
import pytest
from aio_strategies.catalogue import LANGUAGES


def test_pulls_in_nothing_heavy():
    program = "import sys; before = set(sys.modules); import aio_strategies; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    roots = {name.partition(".")[0] for name in loaded}
    assert not roots & {"IPython", "altair", "matplotlib", "numpy", "pandas", "polars", "pyarrow", "rich", "tqdm"}
    assert not {"aio_strategies.lab.server", "aio_strategies.comparison", "aio_strategies.display", "json"} & set(
        loaded
    )


def test_only_an_awaitable_needs_asyncio():
    program = """
import sys
import aio_strategies as aio
with aio.LabServer(latency=0) as lab:
    for strategy in aio.strategies():
        if "rust" in strategy.languages:
            aio.run(strategy.key, lab.urls(3)).raise_for_errors()
assert "asyncio" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.alone
def test_import_time():
    """Under 50 ms, seen as the difference of two medians; the limit here is generous, since machines are noisy."""

    def median(program: str) -> float:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    assert median("import aio_strategies") - median("pass") < 0.5


@pytest.mark.parametrize(
    "module", ["aio_strategies", "aio_strategies.exceptions", "aio_strategies.python", "aio_strategies.rust"]
)
def test_all_names_exist(module):
    loaded = importlib.import_module(module)
    assert len(set(loaded.__all__)) == len(loaded.__all__)
    for name in loaded.__all__:
        assert getattr(loaded, name, None) is not None, name
    assert set(loaded.__all__) <= set(dir(loaded))


def test_dir_is_what_is_public():
    assert dir(aio) == sorted(aio.__all__)
    assert not {"annotations", "TYPE_CHECKING", "Any", "results", "calling"} & set(dir(aio))


def test_star_import_gives_every_name():
    names = {}
    exec("from aio_strategies import *", names)
    assert set(aio.__all__) <= set(names)


def test_every_public_name_is_documented():
    reference = (Path(__file__).parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
    assert [name for name in aio.__all__ if f"`{name}`" not in reference and f"`{name}(" not in reference] == []
    for name in aio.__all__:
        value = getattr(aio, name)
        if isinstance(value, type):
            assert value.__doc__, name
            assert value.__module__.startswith("aio_strategies"), name


def test_every_exception_is_raised_or_the_base_of_one_that_is():
    """By the Python sources and by ``src/py``, where the native code names the classes that it raises."""
    root = Path(__file__).parent.parent
    files = [*(root / "python").rglob("*.py"), *(root / "src" / "py").rglob("*.rs")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files if file.name != "exceptions.py")
    classes = {name: getattr(aio.exceptions, name) for name in aio.exceptions.__all__}
    raised = {
        kind for name, kind in classes.items() if re.search(rf'"{name}"|\b{name}\(|raise {name}\b|: {name}[,}}]', text)
    }
    idle = [name for name, kind in classes.items() if not any(issubclass(one, kind) for one in raised)]
    assert idle == []


def test_both_languages_have_the_same_names():
    for language in LANGUAGES:
        written = [strategy.key for strategy in aio.strategies() if language in strategy.waits_by]
        assert getattr(aio, language).__all__ == sorted(f"{key}_way" for key in written)
    assert set(aio.rust.__all__) - set(aio.python.__all__) == {"uring_way"}
    for name in aio.python.__all__:
        python, rust = getattr(aio.python, name), getattr(aio.rust, name)
        assert python.__name__ == rust.__name__ == name
        assert python.__doc__.startswith("Fetch URLs with the strategy")


def test_build_info():
    info = aio._native.build_info()
    assert info["version"] == aio.__version__
    assert info["profile"] in ("debug", "release")
    assert info["rustc"].startswith("rustc ")


def test_a_strategys_file_and_its_function_are_two_things():
    program = """
import importlib
file = importlib.import_module("aio_strategies.lecture.thread_way")
import aio_strategies as aio
import aio_strategies.lecture.blocking_way
assert callable(file.thread_way) and callable(aio.python.thread_way) and callable(aio.python.blocking_way)
assert aio.python.thread_way is not file
"""
    subprocess.run([sys.executable, "-c", program], check=True)
