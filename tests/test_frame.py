"""The column table: what it holds and shows, and that polars, pyarrow, duckdb and pandas read the same from it."""

from __future__ import annotations

import csv
import gc
import importlib
import io
import pickle
import subprocess
import sys
import textwrap

import pytest
from aio_strategies import _native
from aio_strategies.frame import Field, Frame

FIELDS = [
    Field("arm", "text", "language and strategy"),
    Field("requests", "integer", "requests that were made"),
    Field("wall", "real", "seconds"),
    Field("cold", "boolean", "whether it was the first of its process"),
]
FRAME = Frame(
    FIELDS,
    [
        ["rust/thread", None, "语言/回调 🦀\n", ""],
        [1, -(2**63), None, 2**63 - 1],
        [0.1, None, 1e-300, 3],
        [True, False, None, True],
    ],
)
NO_ROWS = Frame(FIELDS, [[], [], [], []])
MANY = Frame(
    FIELDS,
    [
        (None if i % 7 == 0 else f"arm {i} é" for i in range(100_000)),
        range(100_000),
        (None if i % 3 == 0 else i / 7 for i in range(100_000)),
        (None if i % 5 == 0 else i % 2 == 0 for i in range(100_000)),
    ],
)
NO_NULLS = MANY.where(cold=True)


class TestColumnsAndRows:
    def test_columns_and_rows(self):
        assert FRAME.columns == ("arm", "requests", "wall", "cold")
        assert len(FRAME) == 4
        assert len(NO_ROWS) == 0
        assert FRAME["wall"] == [0.1, None, 1e-300, 3.0]
        assert FRAME.row(0) == {"arm": "rust/thread", "requests": 1, "wall": 0.1, "cold": True}
        assert FRAME.row(-1) == FRAME.row(3)
        assert list(FRAME) == list(FRAME.rows()) == [FRAME.row(number) for number in range(4)]
        assert list(NO_ROWS) == []
        with pytest.raises(IndexError):
            FRAME.row(4)

    def test_an_unknown_column_is_named_with_those_there_are(self):
        with pytest.raises(KeyError, match="no column 'walls'; the columns are arm, requests, wall, cold"):
            FRAME["walls"]

    def test_values_come_out_as_their_kind(self):
        assert [type(value) for value in FRAME["wall"]] == [float, type(None), float, float]
        assert [type(value) for value in Frame([Field("n", "real")], [[1, 2]])["n"]] == [float, float]

    def test_changing_what_came_out_does_not_change_the_frame(self):
        FRAME["wall"].clear()
        FRAME.row(0).clear()
        assert len(FRAME["wall"]) == len(FRAME.row(0)) == 4
        with pytest.raises(AttributeError):
            FRAME.fields = ()

    def test_it_can_be_pickled(self):
        assert pickle.loads(pickle.dumps(FRAME)) == FRAME

    def test_where(self):
        assert FRAME.where(cold=True)["arm"] == ["rust/thread", ""]
        assert FRAME.where(cold=True, requests=1)["arm"] == ["rust/thread"]
        assert FRAME.where(wall=None)["requests"] == [-(2**63)]
        assert FRAME.where(arm="none") == NO_ROWS
        assert FRAME.where() == FRAME
        with pytest.raises(KeyError):
            FRAME.where(arms="none")

    def test_equal_frames(self):
        assert Frame(FIELDS, [FRAME[name] for name in FRAME.columns]) == FRAME
        assert FRAME != NO_ROWS
        assert Frame([Field("n", "real")], [[1]]) != Frame([Field("n", "integer")], [[1]])
        assert FRAME != "frame"

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("text", 1),
            ("text", b"x"),
            ("integer", 1.0),
            ("integer", True),
            ("real", True),
            ("real", "1"),
            ("boolean", 1),
        ],
    )
    def test_a_value_of_another_kind(self, kind, value):
        with pytest.raises(TypeError, match=rf"column 'c' is of kind {kind}: it cannot hold a {type(value).__name__}"):
            Frame([Field("c", kind)], [[None, value]])

    def test_fields_and_columns_that_do_not_go_together(self):
        with pytest.raises(ValueError, match="at least one column"):
            Frame([], [])
        with pytest.raises(ValueError, match="two columns of the same name: a, a"):
            Frame([Field("a", "text"), Field("a", "text")], [[], []])
        with pytest.raises(ValueError, match=r"columns of different lengths: \{'a': 0, 'b': 1\}"):
            Frame([Field("a", "text"), Field("b", "real")], [[], [1]])
        with pytest.raises(ValueError, match="shorter"):
            Frame([Field("a", "text"), Field("b", "real")], [[]])
        with pytest.raises(
            ValueError, match="column 'a' is of unknown kind 'float'; allowed: text, integer, real, boolean"
        ):
            Frame([Field("a", "float")], [[]])
        with pytest.raises(OverflowError):
            Frame([Field("a", "integer")], [[2**63, None]])


class TestShown:
    def test_as_text(self):
        assert repr(FRAME).splitlines() == [
            "arm                        requests    wall  cold",
            "-------------  --------------------  ------  -----",
            "rust/thread                       1     0.1  True",
            "–              -9223372036854775808       –  False",
            "语言/回调 🦀·                     –  1e-300  –",
            "                9223372036854775807       3  True",
            "4 rows × 4 columns",
        ]
        assert repr(MANY).splitlines()[-1] == "… 99,990 more; 100,000 rows × 4 columns"
        assert repr(NO_ROWS).splitlines()[-1] == "0 rows × 4 columns"

    def test_a_terminal_shows_as_many_columns_as_it_has_room_for(self, monkeypatch):
        monkeypatch.setattr("aio_strategies.display.text.terminal_columns", lambda: 45)
        assert repr(FRAME).splitlines()[2:] == [
            "rust/thread                       1     0.1",
            "–              -9223372036854775808       –",
            "语言/回调 🦀·                     –  1e-300",
            "                9223372036854775807       3",
            "4 rows × 4 columns",
        ]
        monkeypatch.setattr("aio_strategies.display.text.terminal_columns", lambda: 5)
        assert repr(FRAME).splitlines()[2].split() == ["rust/th…"]

    def test_as_html(self):
        assert "… 99,980 more; 100,000 rows × 4 columns" in MANY._repr_html_()
        assert "more" not in FRAME._repr_html_()
        drawn = Frame([Field("<name>", "text")], [["<value>"]])._repr_html_()
        assert "&lt;name&gt;" in drawn
        assert "&lt;value&gt;" in drawn

    def test_html_is_small_whatever_the_size(self):
        text = "<&\x1b" * 1000
        wide = Frame([Field(f"column {number}", "text") for number in range(60)], [[text] * 1000] * 60)
        assert len(wide._repr_html_()) < 1_000_000
        assert "\x1b" not in repr(wide)
        million = Frame([Field("n", "integer")], [range(1_000_000)])
        assert len(million._repr_html_()) < 10_000


class TestCsv:
    def test_csv_reads_back(self):
        rows = list(csv.DictReader(io.StringIO(FRAME.to_csv(), newline="")))
        assert rows == [
            {
                "arm": row["arm"] or "",
                "requests": "" if row["requests"] is None else str(row["requests"]),
                "wall": "" if row["wall"] is None else repr(row["wall"]),
                "cold": {True: "true", False: "false", None: ""}[row["cold"]],
            }
            for row in FRAME
        ]

    def test_no_rows(self):
        assert NO_ROWS.to_csv() == "arm,requests,wall,cold\n"


@pytest.mark.parametrize("frame", [FRAME, NO_ROWS, MANY, NO_NULLS], ids=["nulls", "no rows", "many", "no nulls"])
class TestRoundTrips:
    def test_polars(self, frame):
        polars = pytest.importorskip("polars")
        table = frame.to_polars()
        assert table.schema == {
            "arm": polars.String(),
            "requests": polars.Int64(),
            "wall": polars.Float64(),
            "cold": polars.Boolean(),
        }
        assert table.to_dicts() == list(frame)
        assert table.equals(polars.DataFrame(frame))

    def test_pyarrow(self, frame):
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table(frame)
        table.validate(full=True)
        assert [str(field.type) for field in table.schema] == ["large_string", "int64", "double", "bool"]
        assert pyarrow.schema(frame) == table.schema
        assert table.to_pylist() == list(frame)

    def test_pyarrow_casts_to_a_schema_asked_for(self, frame):
        pyarrow = pytest.importorskip("pyarrow")
        schema = pyarrow.schema([("arm", "string"), ("requests", "int64"), ("wall", "float64"), ("cold", "bool")])
        assert pyarrow.RecordBatchReader.from_stream(frame).read_all().cast(schema).to_pylist() == list(frame)

    def test_duckdb(self, frame):
        duckdb = pytest.importorskip("duckdb")
        with duckdb.connect() as connection:
            # it finds the table by the name of the variable
            relation = connection.sql("from frame")
            assert [str(type_).upper() for type_ in relation.types] == ["VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN"]
            assert relation.fetchall() == [tuple(row.values()) for row in frame]
            (counts,) = connection.sql("select count(*), count(arm), sum(wall) from frame").fetchall()
        walls = [wall for wall in frame["wall"] if wall is not None]
        assert counts[:2] == (len(frame), sum(arm is not None for arm in frame["arm"]))
        assert (counts[2] or 0) == pytest.approx(sum(walls))

    def test_pandas(self, frame):
        pandas = pytest.importorskip("pandas", minversion="3")
        table = frame.to_pandas()
        nulls = {name for name in frame.columns if None in frame[name]}
        assert table.dtypes.astype(str).to_dict() == {
            "arm": "str",
            "requests": "Int64" if "requests" in nulls else "int64",
            "wall": "float64",
            "cold": "boolean" if "cold" in nulls else "bool",
        }
        assert _without_nan(pandas, table) == list(frame)

    def test_pandas_takes_the_stream(self, frame):
        pandas = pytest.importorskip("pandas", minversion="3")
        pytest.importorskip("pyarrow")
        table = pandas.DataFrame.from_arrow(frame)
        assert list(table.columns) == list(frame.columns)
        # it makes integers with nulls real, and so less exact
        exact = [name for name in frame.columns if name != "requests" or None not in frame[name]]
        assert _without_nan(pandas, table[exact]) == [{name: row[name] for name in exact} for row in frame]


def _without_nan(pandas, table):
    columns = {name: [None if pandas.isna(value) else value for value in table[name]] for name in table.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


class TestCapsules:
    def test_each_call_gives_a_stream_of_its_own(self):
        pyarrow = pytest.importorskip("pyarrow")
        first, second = FRAME.__arrow_c_stream__(), FRAME.__arrow_c_stream__(None)
        assert first is not second
        for capsule in (first, second):
            reader = pyarrow.RecordBatchReader._import_from_c_capsule(capsule)
            assert reader.read_all().to_pylist() == list(FRAME)
        assert pyarrow.table(FRAME) == pyarrow.table(FRAME)

    def test_a_stream_is_there_once(self):
        pyarrow = pytest.importorskip("pyarrow")
        capsule = FRAME.__arrow_c_stream__()
        pyarrow.RecordBatchReader._import_from_c_capsule(capsule).read_all()
        with pytest.raises(pyarrow.ArrowInvalid, match="released"):
            pyarrow.RecordBatchReader._import_from_c_capsule(capsule)

    def test_the_stream_outlives_its_frame_and_capsule(self):
        pyarrow = pytest.importorskip("pyarrow")
        frame = Frame([Field("n", "integer"), Field("t", "text")], [range(1000), map(str, range(1000))])
        reader = pyarrow.RecordBatchReader.from_stream(frame)
        del frame
        gc.collect()
        assert reader.read_all()["t"].to_pylist() == [str(number) for number in range(1000)]

    def test_names(self):
        assert '"arrow_array_stream"' in repr(FRAME.__arrow_c_stream__())
        assert '"arrow_schema"' in repr(FRAME.__arrow_c_schema__())

    @pytest.mark.slow
    def test_dropped_capsules_leave_nothing_behind(self):
        """A thousand streams of 1 MB, not read or read by half, and as many schemas."""
        program = """
            import sys, psutil
            from aio_strategies.frame import Field, Frame

            frame = Frame([Field("n", "integer"), Field("t", "text")], [range(40_000), ["ten bytes."] * 40_000])
            reader = None
            if "read" in sys.argv:
                import pyarrow
                reader = pyarrow.RecordBatchReader._import_from_c_capsule

            def drop(times):
                for _ in range(times):
                    capsule = frame.__arrow_c_stream__()
                    frame.__arrow_c_schema__()
                    if reader is not None:
                        reader(capsule)
                return psutil.Process().memory_info().rss

            before = drop(20)
            print(drop(1000) - before)
        """
        modes = [[]] + ([["read"]] if importlib.util.find_spec("pyarrow") else [])
        for mode in modes:
            command = [sys.executable, "-c", textwrap.dedent(program), *mode]
            grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            assert grown < 50_000_000

    def test_what_does_not_fit_is_an_exception(self):
        with pytest.raises(ValueError, match='"float" is no kind of column'):
            _native.arrow_schema([("a", "float")])
        with pytest.raises(TypeError):
            _native.arrow_stream([("a", "integer")], [["one"]])
        with pytest.raises(ValueError, match="same length"):
            _native.arrow_stream([("a", "integer"), ("b", "integer")], [[1], []])
        with pytest.raises(ValueError, match="number of columns"):
            _native.arrow_stream([("a", "integer"), ("b", "integer")], [[1]])
        # text of which UTF-8 knows nothing
        with pytest.raises(UnicodeEncodeError):
            Frame([Field("t", "text")], [["\ud800"]]).__arrow_c_stream__()


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_without_the_package_the_error_says_what_to_install(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"Frame.to_{package} needs {package}.*: pip install '{package}"):
        getattr(FRAME, f"to_{package}")()


def test_without_them_all_it_works():
    program = """
import sys
before = set(sys.modules)
from aio_strategies.frame import Field, Frame
frame = Frame([Field("a", "text")], [["x"]])
repr(frame), frame._repr_html_(), frame.to_csv(), frame.__arrow_c_stream__()
assert not {"numpy", "pandas", "polars", "pyarrow"} & (set(sys.modules) - before)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
