"""The pytest plugin, in test runs of its own."""

import subprocess
import sys

import aio_strategies as aio
import pytest
from aio_strategies.measuring import comparing
from test_comparison import around, jumbled, made

pytest_plugins = ["pytester"]

TESTS = """
import time
import aio_strategies as aio

def new(urls):
    time.sleep(PAUSE)
    return aio.python.thread_way(urls)

def test_client(aio_compare):
    comparison = aio_compare("thread", "python", programs={"new": new}, requests=4, latency=0.005, rounds=4)
    assert comparison.contrast("new", "python/thread").rounds == 4
"""


@pytest.fixture
def run(pytester):
    """Return a function that runs pytest with the plugin, in this process."""
    # it is imported already if this run has loaded it, too
    pytester.makeini("[pytest]\nfilterwarnings = ignore:Module already imported:pytest.PytestAssertRewriteWarning")

    def run(*options):
        return pytester.runpytest_inprocess("-p", "aio_strategies.pytest_plugin", *options)

    return run


@pytest.fixture
def walls(monkeypatch):
    """Let every comparison have these times, which a test may change."""
    walls = {"python/blocking": jumbled(around(0.2)), "mine": around(0.05)}
    monkeypatch.setattr(comparing, "compare", lambda *_, **settings: made(walls, latency=settings.get("latency", 0.02)))
    return walls


@pytest.mark.slow
@pytest.mark.alone
def test_from_the_first_comparison_to_a_slowdown(pytester, run):
    pytester.makepyfile(TESTS.replace("PAUSE", "0"))
    result = run("--aio-save=saved", "--aio-diff=saved", "--aio-fail-if=20%")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "=* comparisons of aio_strategies =*",
            "*::test_client",
            "strategy (section) *",
            "thread (2.2.3) *",
            "new *",
            "nothing to hold it against: there is no *saved*.json.gz",
            "=* 1 passed *",
        ]
    )
    (path,) = (pytester.path / "saved").iterdir()
    assert path.name == "test_from_the_first_comparison_to_a_slowdown.py-test_client.json.gz"
    assert [arm.name for arm in aio.load(path).arms] == ["python/thread", "new"]

    saved = path.read_bytes()
    pytester.makepyfile(TESTS.replace("PAUSE", "0.05"))
    result = run("--aio-save=saved", "--aio-diff=saved", "--aio-fail-if=20%")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["more than 20 % slower than the comparison in *", "new: * slower [[]*"])
    assert path.read_bytes() == saved, "what a test failed against is kept"


class TestWithoutMeasuring:
    def test_a_table_for_each_comparison_of_each_test_whatever_became_of_it(self, pytester, run, walls):
        pytester.makepyfile(
            """
            import pytest

            @pytest.fixture
            def compared(aio_compare):
                return aio_compare()

            def test_in_a_fixture(compared):
                assert compared.arm("mine").median_wall > 0

            @pytest.mark.parametrize("size", ["a/b"])
            def test_twice(aio_compare, size):
                aio_compare()
                aio_compare()
                assert False

            def test_without():
                pass
            """
        )
        result = run("--aio-save=deep/saved")
        result.assert_outcomes(passed=2, failed=1)
        lines = result.outlines[next(i for i, line in enumerate(result.outlines) if "comparisons of aio" in line) :]
        heads = [line.partition("::")[2] for line in lines if line.startswith("test_a_table") and "::" in line]
        assert heads == ["test_in_a_fixture", "test_twice[a/b]", "test_twice[a/b]"]
        assert sum(line.startswith("strategy (section)") for line in lines) == 3
        names = {path.name.partition("-")[2] for path in (pytester.path / "deep" / "saved").iterdir()}
        assert names == {"test_in_a_fixture.json.gz", "test_twice-a-b.json.gz", "test_twice-a-b-2.json.gz"}

    def test_held_against_the_saved_one(self, pytester, run, walls):
        pytester.makepyfile("def test_it(aio_compare): aio_compare()")
        run("--aio-save=saved")
        walls["mine"] = around(0.06)
        result = run("--aio-diff=saved")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["arm * before, vs python/blocking *", "mine * 1.20x slower *".replace("x", "×")])
        run("--aio-diff=saved", "--aio-fail-if=5%").assert_outcomes(failed=1)
        run("--aio-diff=saved", "--aio-fail-if=30%").assert_outcomes(passed=1)

    def test_an_arm_that_is_missing_does_not_pass(self, pytester, run, walls):
        pytester.makepyfile("def test_it(aio_compare): aio_compare()")
        walls["other"] = around(0.03)
        run("--aio-save=saved")
        del walls["mine"]
        run("--aio-diff=saved").assert_outcomes(passed=1)
        result = run("--aio-diff=saved", "--aio-fail-if=5%")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["cannot be judged against the comparison in *", "mine: it is not in the second *"])

    def test_other_work_than_the_saved_one_fails(self, pytester, run, walls):
        pytester.makepyfile("def test_it(aio_compare): aio_compare()")
        run("--aio-save=saved")
        pytester.makepyfile("def test_it(aio_compare): aio_compare(latency=0.5)")
        result = run("--aio-diff=saved")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*ValueError: these comparisons were not about the same work: latency was*"])

    @pytest.mark.slow
    def test_in_processes_of_xdist(self, pytester, walls):
        pytest.importorskip("xdist")
        made(walls).save(pytester.path / "made.json")
        pytester.makepyfile(
            """
            import aio_strategies as aio
            from aio_strategies.measuring import comparing

            def test_it(aio_compare, monkeypatch):
                monkeypatch.setattr(comparing, "compare", lambda *_, **__: aio.load("made.json"))
                aio_compare()
            """
        )
        result = pytester.runpytest_subprocess("-p", "aio_strategies.pytest_plugin", "-n", "1")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["=* comparisons of aio_strategies =*", "strategy (section) *"])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--aio-fail-if=5%"], "--aio-fail-if needs --aio-diff"),
            (["--aio-diff=x", "--aio-fail-if=5"], "'5' is not a share: write it as 5%"),
        ],
    )
    def test_wrong_options(self, run, options, message):
        result = run(*options)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert message in result.stderr.str()

    def test_a_run_without_comparisons_shows_nothing(self, pytester, run):
        pytester.makepyfile("def test_it(): pass")
        assert "aio_strategies" not in run("-q").stdout.str()


def test_it_imports_nothing_until_it_is_used():
    program = (
        "import aio_strategies, pytest, sys; before = set(sys.modules);"
        "import aio_strategies.pytest_plugin; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["aio_strategies.pytest_plugin"]


def test_it_is_the_only_module_that_needs_pytest():
    program = (
        "import aio_strategies, sys; [getattr(aio_strategies, name) for name in dir(aio_strategies)];"
        "print('pytest' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
