"""``import aio_strategies`` is light, and what the package names is there."""

from __future__ import annotations

import importlib
import statistics
import subprocess
import sys
import time

import aio_strategies as aio
import pytest


def test_pulls_in_nothing_heavy():
    program = "import sys; before = set(sys.modules); import aio_strategies; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    roots = {name.partition(".")[0] for name in loaded}
    assert not roots & {"IPython", "altair", "matplotlib", "numpy", "pandas", "polars", "pyarrow", "rich", "tqdm"}
    assert not {"aio_strategies.lab.server", "aio_strategies.comparison", "aio_strategies.display", "json"} & set(
        loaded
    )


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


def test_both_languages_have_the_same_names():
    assert aio.python.__all__ == aio.rust.__all__ == sorted(f"{s.key}_way" for s in aio.strategies())
    for name in aio.rust.__all__:
        python, rust = getattr(aio.python, name), getattr(aio.rust, name)
        assert python.__name__ == rust.__name__ == name
        assert python.__doc__.startswith("Fetch URLs by the strategy")


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
