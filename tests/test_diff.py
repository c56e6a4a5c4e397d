"""Before and after: what a comparison may say of an earlier one, and the estimators that it rests on."""

import itertools
import math
import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from aio_strategies import cli
from aio_strategies.comparison import rank_sum
from aio_strategies.comparison.rank_sum import Shift
from aio_strategies.comparison.sweep import Scaling
from aio_strategies.display.text import width
from test_comparison import around, jumbled, made

BLOCKING, THREAD, RUST = "python/blocking", "python/thread", "rust/thread"


def measured(machine=1.0, **changed):
    """Three arms on a machine that takes ``machine`` times as long, with other times for some arms."""
    centres = {BLOCKING: 0.2, THREAD: 0.03, "mine": 0.05} | changed
    walls = {}
    for shift, (arm, centre) in enumerate(centres.items()):
        values = [machine * wall for wall in jumbled(around(centre))]
        walls[arm] = values[shift:] + values[:shift]
    return made(walls)


def without(name):
    """Return a comparison in which this arm is missing."""
    return replace(measured(), timed_runs=tuple(run for run in measured().timed_runs if run.arm != name))


def changed(name, **changes):
    return replace(
        measured(),
        timed_runs=tuple(replace(run, **(changes if run.arm == name else {})) for run in measured().timed_runs),
    )


def cut(name):
    """Return a comparison in which this arm is projected."""
    return changed(name, requests=5)


def unruly(name):
    """Return a comparison in which this arm had too many requests in flight."""
    return changed(name, peak_in_flight=11)


class TestRankSum:
    def test_p_values_are_those_of_all_orders(self):
        for n, m in [(1, 1), (2, 3), (4, 3), (4, 5)]:
            counts = Counter(
                sum(place - rank for rank, place in enumerate(second))
                for second in itertools.combinations(range(n + m), m)
            )
            below, orders = 0, math.comb(n + m, n)
            for larger in range(n * m + 1):
                below += counts[larger]
                # the first sample is 0, 10, 20, ...; of the second, ``larger`` differences are above 0
                first = [10.0 * i for i in range(n)]
                full, rest = divmod(larger, n)
                second = [10.0 * n] * full + [10.0 * rest - 5] * (full < m) + [-5.0] * (m - full - 1)
                assert sum(b > a for a in first for b in second) == larger
                assert Shift(first, second).p_below(0) == pytest.approx(below / orders)

    def test_the_interval_holds_the_shifts_that_are_not_rejected(self):
        draw = random.Random(3)
        for n, m in [(4, 4), (6, 9), (20, 12)]:
            first, second = ([draw.gauss(0, 1) for _ in range(size)] for size in (n, m))
            shift = Shift(first, second)
            low, high = shift.interval(0.95)
            assert low <= shift.value <= high
            for inside in (low + 1e-9, high - 1e-9):
                assert min(shift.p_above(inside), shift.p_below(inside)) > 0.025
            assert shift.p_above(low - 1e-9) <= 0.025
            assert shift.p_below(high + 1e-9) <= 0.025

    def test_too_few_values_exclude_nothing(self):
        assert Shift([1.0] * 3, [2.0] * 3).interval(0.95) == (-math.inf, math.inf)
        assert Shift([1.0] * 4, [2.0] * 4).interval(0.95) == (1.0, 1.0)  # 2 / 70 < 0.05

    def test_of_many_values_the_distribution_is_nearly_normal(self, monkeypatch):
        draw = random.Random(5)
        first, second = ([draw.gauss(0, 1) for _ in range(size)] for size in (40, 30))
        shift = Shift(first, second)

        def found():
            return [shift.p_above(-0.5), shift.p_above(0), shift.p_below(0.2), *shift.interval(0.95)]

        exact = found()
        monkeypatch.setattr(rank_sum, "_MOST_EXACT", 0)
        assert found() == pytest.approx(exact, abs=0.002)
        assert Shift([1.0] * 3, [2.0] * 3).interval(0.95) == (-math.inf, math.inf)


class TestVerdicts:
    def test_a_slower_machine_is_no_slower_program(self):
        diff = measured().diff(measured(machine=1.3))
        assert [(change.arm, change.verdict) for change in diff] == [(THREAD, "equivalent"), ("mine", "equivalent")]
        assert diff.slower_than(0) == ()

    def test_what_became_slower_is_told_whatever_the_machine(self):
        diff = measured().diff(measured(machine=0.7, mine=0.06))
        assert (diff.reference, diff.metric) == (BLOCKING, "wall")
        change = diff[1]
        assert change.ratio == pytest.approx(5 / 6)
        assert change.low < 5 / 6 < change.high
        assert (change.arm, change.verdict) == ("mine", "slower")
        assert re.fullmatch(r"mine: 1\.20× slower \[1\.\d\d, 1\.2\d\]", str(change))
        assert (change.before.ratio, change.after.ratio) == pytest.approx((4, 10 / 3), rel=0.01)
        assert diff.slower_than(0.05) == (change,)
        assert diff.slower_than(0.25) == ()

    def test_the_other_way_round_it_is_faster(self):
        change = measured(mine=0.06).diff(measured())[1]
        assert change.verdict == "faster"
        assert change.ratio == pytest.approx(1.2)
        assert measured(mine=0.06).diff(measured()).slower_than(0) == ()

    def test_another_reference(self):
        diff = measured().diff(measured(mine=0.06), reference=THREAD)
        assert [change.arm for change in diff] == [BLOCKING, "mine"]
        assert diff[1].verdict == "slower"

    def test_processor_time(self):
        before, after = measured(), measured()
        heavier = replace(
            after,
            timed_runs=tuple(
                replace(run, cpu_user=run.cpu_user * (2 if run.arm == "mine" else 1)) for run in after.timed_runs
            ),
        )
        assert "1.75× more CPU" in before.diff(heavier, metric="cpu")[1].brief()
        assert before.diff(heavier)[1].verdict == "equivalent"

    @pytest.mark.parametrize("rounds", [10, 20])
    def test_drift_and_a_machine_30_percent_slower_rarely_mislead(self, rounds):
        """Successive runs are correlated (lag 1: 0.5), the order of the arms is random, and nothing has changed."""
        draw = random.Random(rounds)
        centres = {BLOCKING: 0.2, THREAD: 0.03, RUST: 0.02, "mine": 0.05}

        def timed(machine):
            walls, speed = {arm: [] for arm in centres}, draw.gauss(0, 0.1)
            for _ in range(rounds):
                for arm in draw.sample(list(centres), len(centres)):
                    speed = 0.5 * speed + draw.gauss(0, 0.1 * math.sqrt(0.75))
                    walls[arm].append(machine * centres[arm] * math.exp(speed + draw.gauss(0, 0.05)))
            return made(walls)

        experiments = [timed(1.0).diff(timed(1.3)) for _ in range(200)]
        false = sum(any(change.verdict in ("faster", "slower") for change in diff) for diff in experiments)
        covering = [change.low <= 1 <= change.high for diff in experiments for change in diff]
        assert false <= 10
        assert sum(covering) / len(covering) >= 0.92

    def test_too_few_rounds_decide_nothing_and_say_so(self):
        few = made({BLOCKING: [0.2] * 3, THREAD: [0.03] * 3, "mine": [0.05] * 3})
        slow = made({BLOCKING: [0.2] * 3, THREAD: [0.03] * 3, "mine": [0.5] * 3})
        diff = few.diff(slow)
        assert (diff[1].low, diff[1].high) == (0, math.inf)
        assert str(diff[1]) == "mine: undecided: 0.10× (3 of about 5 rounds)"
        assert diff.slower_than(0.05) == ()
        assert "too few rounds to call any arm faster or slower: at least 5 before and after are needed" in str(diff)

    def test_an_undecided_change_says_how_many_rounds_would_decide_it(self):
        def diff(rounds):
            before, after = (
                made({BLOCKING: [0.2] * rounds, "mine": around(centre, rounds, spread=0.3)}) for centre in (0.05, 0.055)
            )
            return before.diff(after)[0]

        few = diff(10)
        assert (few.verdict, few.rounds) == ("undecided", 10)
        assert few.rounds_needed > 11
        assert str(few).endswith(f"(10 of about {few.rounds_needed} rounds)")
        assert diff(few.rounds_needed // 2).verdict == "undecided"
        enough = diff(2 * few.rounds_needed)
        assert (enough.verdict, enough.rounds_needed) == ("slower", None)

    def test_what_cannot_be_judged_is_told(self):
        rounds = {BLOCKING: [0.2] * 3, THREAD: [0.03] * 3, "mine": [0.05] * 3}
        for before, after, reason in (
            (measured(), without("mine"), "it is not in the second comparison"),
            (measured(), cut("mine"), "it has projected times in the second comparison"),
            (cut("mine"), measured(), "it has projected times in the first comparison"),
            (measured(), unruly("mine"), "it did not keep to the rules in the second comparison"),
            (measured(), cut(BLOCKING), f"{BLOCKING} has projected times in the second comparison"),
            (made(rounds), made(rounds), "too few rounds: 3, then 3"),
            (measured(), measured(), None),
            (without("mine"), measured(), None),
        ):
            assert before.diff(after).unjudged.get("mine") == reason

    def test_what_is_projected_gets_no_verdict(self):
        walls = {arm: jumbled(around(wall)) for arm, wall in ((BLOCKING, 0.2), (THREAD, 0.03))}
        (change,) = made(walls).diff(made(walls, timed={BLOCKING: 5}))
        assert (change.verdict, change.low, change.rounds_needed) == ("incomparable", 0.0, None)
        assert str(change).startswith(f"{THREAD}: no verdict (≈")
        assert re.search(r"  ≈\d+\.\d× +no verdict \(≈", str(made(walls).diff(made(walls, timed={BLOCKING: 5}))))


class TestDisplay:
    def test_table_and_notes(self):
        before = made({BLOCKING: around(0.2), THREAD: around(0.03), "old": around(0.05)})
        after = made({BLOCKING: around(0.2), THREAD: around(0.04), "new": around(0.05)})
        after = replace(
            after, environment={**after.environment, "cores": 96, "date": "2030-01-01"}, ended="interrupted"
        )
        diff = before.diff(after)
        lines = str(diff).splitlines()
        assert re.split(r"  +", lines[0]) == [
            "arm",
            "before, vs python/blocking",
            "after, vs python/blocking",
            "after vs before",
        ]
        assert re.split(r"  +", lines[2])[0] == THREAD
        assert "1.33× slower [" in lines[2]
        notes = lines[4:]
        assert notes[0].startswith("wall time: each arm relative to python/blocking, then after against before")
        assert notes[1] == "rounds: 20 before, 20 after"
        assert notes[2:4] == ["only before: old", "only after: new"]
        assert re.fullmatch(r"also changed: cores \d+ → 96", notes[4])
        assert any(note.startswith("warning: after: interrupted") for note in notes)
        assert notes[-1].startswith("surer: time the old and the new program in one comparison")
        assert notes[-1].endswith("(aio-strategies compare old.py new.py)")
        assert diff.to_markdown().startswith("| arm")
        assert "<b>warning</b>: after: interrupted" in diff._repr_html_()
        assert repr(diff) == diff.to_text() == str(diff)


class TestRefused:
    def refuse(self, before, after, message, **arguments):
        with pytest.raises(ValueError, match=message):
            before.diff(after, **arguments)

    def test_other_work(self):
        other = replace(measured(), settings=replace(measured().settings, latency=0.5, requests=20))
        self.refuse(measured(), other, "not about the same work: requests was 10, then 20; latency was 0.02, then 0.5$")
        other = replace(measured(), settings=replace(measured().settings, hosts=("example.com:80",)))
        self.refuse(measured(), other, "hosts was None, then")

    def test_what_is_not_the_work_may_differ(self):
        other = replace(measured(), settings=replace(measured().settings, budget=5.0, rounds=20, timeout=3.0))
        assert len(measured().diff(other)) == 2

    def test_other_urls_but_not_another_port(self):
        def fetching(*urls):
            return replace(measured(), settings=replace(measured().settings, urls=urls, latency=None))

        before = fetching("http://127.0.0.1:8001/a")
        assert len(before.diff(fetching("http://127.0.0.1:8002/a"))) == 2
        self.refuse(before, fetching("http://127.0.0.1:8001/b"), "same work: the URLs$")
        self.refuse(before, fetching("http://127.0.0.1:8001/a", "http://127.0.0.1:8001/a"), "the URLs$")

    def test_an_arm_alone(self):
        alone = made({THREAD: around(0.05), f"{THREAD} (twin)": around(0.05)})
        self.refuse(alone, alone, "it cannot be told how 'python/thread' has changed: there is no other arm")
        self.refuse(alone, made({"other": around(0.05)}), "no arm in common")

    def test_no_common_baseline(self):
        other = replace(measured(), settings=replace(measured().settings, baseline=THREAD))
        self.refuse(measured(), other, "the baselines are 'python/blocking' and 'python/thread'.* reference=, one of")
        assert len(measured().diff(other, reference=THREAD)) == 2

    def test_wrong_arguments(self):
        self.refuse(measured(), measured(), "reference must be .* or 'mine', not 'x'", reference="x")
        self.refuse(measured(), measured(), "metric must be 'wall' or 'cpu', not 'x'", metric="x")
        with pytest.raises(TypeError, match=r"only with another Comparison, not 'a\.json'"):
            measured().diff("a.json")
        with pytest.raises(ValueError, match="limit must be a finite share of at least 0"):
            measured().diff(measured()).slower_than(-0.1)
        with pytest.raises(TypeError, match="limit must be a share"):
            measured().diff(measured()).slower_than("5%")


class TestCommand:
    @pytest.fixture
    def files(self, tmp_path):
        for name, comparison in {"a": measured(), "b": measured(machine=1.3), "c": measured(mine=0.06)}.items():
            comparison.save(tmp_path / f"{name}.json.gz")
        return [str(tmp_path / f"{name}.json.gz") for name in "abc"]

    def test_the_exit_status_tells_what_is_slower(self, files, capsys):
        before, same, slower = files
        assert cli.main(["diff", before, same, "--fail-if", "5%"]) == 0
        assert "equivalent" in capsys.readouterr().out
        assert cli.main(["diff", before, slower, "--fail-if", "5%"]) == 1
        assert "1.20× slower" in capsys.readouterr().out
        assert cli.main(["diff", before, slower, "--fail-if", "30%"]) == 0
        assert cli.main(["diff", before, slower]) == 0
        assert cli.main(["diff", slower, before, "--fail-if", "5%"]) == 0, "faster"

    @pytest.mark.parametrize("after", [without("mine"), cut("mine"), unruly("mine"), cut(BLOCKING)])
    def test_what_cannot_be_judged_does_not_pass(self, files, tmp_path, after, capsys):
        after.save(tmp_path / "after.json")
        words = ["diff", files[0], str(tmp_path / "after.json")]
        assert cli.main(words) == 0
        capsys.readouterr()
        assert cli.main([*words, "--fail-if", "5%"]) == 2
        out, err = capsys.readouterr()
        assert out.startswith("arm ")
        assert err.startswith("aio-strategies diff: error: --fail-if cannot judge ")
        assert "mine: " in err

    def test_a_slowdown_is_told_before_what_cannot_be_judged(self, files, tmp_path):
        slower = replace(
            cut("mine"),
            timed_runs=tuple(
                replace(run, wall=run.wall * (2 if run.arm == THREAD else 1)) for run in cut("mine").timed_runs
            ),
        )
        slower.save(tmp_path / "after.json")
        assert cli.main(["diff", files[0], str(tmp_path / "after.json"), "--fail-if", "5%"]) == 1

    def test_the_table_fits_the_terminal(self, files, capsys, monkeypatch):
        monkeypatch.setattr("aio_strategies.display.text.terminal_columns", lambda: 60)
        assert cli.main(["diff", *files[:2]]) == 0
        assert max(map(width, capsys.readouterr().out.splitlines())) <= 60

    def test_the_other_options(self, files, capsys):
        assert cli.main(["diff", *files[::2], "--reference", THREAD, "--metric", "cpu", "--markdown"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("| arm ")
        assert "after, vs python/thread" in out
        assert "CPU time: each arm" in out

    def test_whatever_cannot_be_compared_is_2(self, files, tmp_path, capsys):
        made({"mine": around(0.05)}).save(tmp_path / "alone.json")
        Scaling("requests", [10], [measured()]).save(tmp_path / "sweep.json")
        (tmp_path / "no.json").write_text("no", encoding="utf-8")
        for name, message in {
            "none.json": "No such file",
            "no.json": "contains no saved comparison",
            "sweep.json": "diff needs two comparisons",
            "alone.json": "it cannot be told how 'mine' has changed",
        }.items():
            assert cli.main(["diff", files[0], str(tmp_path / name)]) == 2
            out, err = capsys.readouterr()
            assert out == ""
            assert err.startswith("aio-strategies diff: error: ")
            assert message in err
            assert len(err.splitlines()) == 1

    @pytest.mark.parametrize(
        ("limit", "message"),
        [("5", "'5' is not a share: write it as 5%"), ("x%", "'x' is not a number"), ("-5%", "limit must be a finite")],
    )
    def test_a_wrong_limit(self, files, limit, message, capsys):
        with pytest.raises(SystemExit):
            cli.main(["diff", *files[:2], f"--fail-if={limit}"])
        assert message in capsys.readouterr().err
