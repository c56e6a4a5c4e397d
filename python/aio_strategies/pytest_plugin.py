"""A pytest plugin for benchmarks that are kept among the tests: the fixture ``aio_compare``.

>>> def test_the_new_client(aio_compare):
...     comparison = aio_compare([], programs={"old": old, "new": new}, requests=100, budget=10)
...     assert comparison.contrast("new", "old").verdict != "slower"

The tables are printed at the end of the test run. ``--aio-save=DIR`` saves each comparison under its test's name,
``--aio-diff=DIR`` holds each against the one that was saved there, and ``--aio-fail-if=5%`` fails a test in which an
arm is proven to be slower than that by more than 5 %, or cannot be judged.

pytest loads this module in every run, so it imports the rest only when it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .comparison.comparison import Comparison
    from .comparison.difference import Diff

__all__ = ["aio_compare"]

_PROPERTY = "aio_compare"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("aio_strategies")
    group.addoption("--aio-save", metavar="DIR", type=Path, help="save each comparison of aio_compare in this folder")
    group.addoption(
        "--aio-diff", metavar="DIR", type=Path, help="hold each comparison of aio_compare against the one saved there"
    )
    group.addoption(
        "--aio-fail-if",
        metavar="SHARE",
        type=_limit,
        help="fail if an arm is proven to be slower than the saved one by more than this, such as 5%%, or if that"
        " cannot be judged",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check that the options fit together."""
    if config.option.aio_fail_if is not None and config.option.aio_diff is None:
        raise pytest.UsageError("--aio-fail-if needs --aio-diff, the folder of the comparisons to hold against")


@pytest.fixture
def aio_compare(request: pytest.FixtureRequest) -> Callable[..., Comparison]:
    """Return ``aio_strategies.compare``, whose table will also be printed at the end of the test run.

    Progress is not shown, unless it is asked for.
    """
    options, count = request.config.option, 0

    def compare(*arguments: Any, **settings: Any) -> Comparison:
        from .measuring.comparing import compare

        nonlocal count
        count += 1
        path = _file_name(request.node.nodeid, count)
        comparison = compare(*arguments, **{"progress": False, **settings})
        show(comparison)
        if options.aio_diff is not None:
            show(_difference(options.aio_diff / path, comparison, options.aio_fail_if))
        if options.aio_save is not None:
            options.aio_save.mkdir(parents=True, exist_ok=True)
            comparison.save(options.aio_save / path)
        return comparison

    def show(result: object) -> None:
        # part of the test's report, which comes back from the processes of pytest-xdist, too
        request.node.user_properties.append((_PROPERTY, str(result)))

    return compare


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    shown = [
        (report.nodeid, text)
        for report in reports
        if getattr(report, "when", None) == "teardown"  # each test has one, the last
        for name, text in report.user_properties
        if name == _PROPERTY
    ]
    if shown:
        terminalreporter.section("comparisons of aio_strategies")
    for test, text in shown:
        terminalreporter.line(f"{test}\n\n{text}\n")


def _difference(path: Path, comparison: Comparison, limit: float | None) -> Diff | str:
    """Hold a comparison against the saved one, if there is one, and fail the test if an arm is slower than allowed, or
    cannot be judged.
    """
    from .comparison.comparison import Comparison
    from .comparison.loading import load

    if not path.exists():
        return f"nothing to hold it against: there is no {path}"
    before = load(path)
    if not isinstance(before, Comparison):
        raise ValueError(f"{path} holds no comparison, but a sweep")
    diff = before.diff(comparison)
    if limit is None:
        return diff
    if slower := diff.slower_than(limit):
        lines = "\n".join(map(str, slower))
        pytest.fail(f"more than {100 * limit:g} % slower than the comparison in {path}:\n{lines}", pytrace=False)
    if diff.unjudged:
        lines = "\n".join(f"{name}: {reason}" for name, reason in diff.unjudged.items())
        pytest.fail(f"cannot be judged against the comparison in {path}:\n{lines}", pytrace=False)
    return diff


def _file_name(test: str, count: int) -> str:
    """Return the name of the file for a test's comparison; from the second on, it has a number."""
    name = re.sub(r"[^\w.-]+", "-", test).strip("-")
    return f"{name}.json.gz" if count == 1 else f"{name}-{count}.json.gz"


def _limit(text: str) -> float:
    from .argparse_types import limit

    return limit(text)
