"""A small immutable table of columns, which polars, pyarrow, duckdb and pandas can read directly.

It needs none of them: ``frame["wall"]`` is a list, a row is a dict.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas
    import polars
    from typing_extensions import CapsuleType

    from .display.tables import Table

__all__ = ["Field", "Frame", "Kind", "Value"]

Kind = Literal["text", "integer", "real", "boolean"]
"""What a column's values are: ``str``, ``int`` of 64 bits, ``float`` or ``bool``; any of them may be None."""

Value = str | int | float | bool | None

_TYPES: dict[Kind, type | tuple[type, ...]] = {"text": str, "integer": int, "real": (int, float), "boolean": bool}
#: How ``array.array`` stores the numbers.
_TYPECODES: dict[Kind, Any] = {"integer": "q", "real": "d"}
_PANDAS: dict[Kind, str] = {"text": "str", "integer": "int64", "real": "float64", "boolean": "bool"}
#: Text and real numbers have their own value for None.
_PANDAS_WITH_NULLS = {**_PANDAS, "integer": "Int64", "boolean": "boolean"}

_SHOWN_AS_TEXT = 10
_SHOWN_AS_HTML = 20
#: The longest cell text to show, in characters.
_LONGEST_CELL = 60


@dataclass(frozen=True, slots=True)
class Field:
    """The head of a column.

    Attributes:
        name: the column's name.
        kind: what its values are: ``"text"``, ``"integer"``, ``"real"`` or ``"boolean"``.
        about: what the values mean, with their unit.
    """

    name: str
    kind: Kind
    about: str = ""


class Frame:
    """An immutable table of columns: ``frame["wall"]`` is a column, ``frame.row(0)`` a row.

    ``len(frame)`` is the number of rows, and iteration yields them as dicts. ``polars.DataFrame(frame)``,
    ``pyarrow.table(frame)``, ``pandas.DataFrame.from_arrow(frame)`` and ``duckdb.sql("from frame")`` read it directly
    (through the Arrow PyCapsule interface).

    Args:
        fields: the heads of the columns, at least one.
        columns: each column's values, in the order of the fields; None where there is no value.

    Raises:
        TypeError: a value is not of its column's kind.
        ValueError: the fields and columns do not fit together: no fields, two of the same name, a different number of
            columns, or columns of different lengths.
        OverflowError: an integer does not fit into 64 bits.
    """

    __slots__ = ("_columns", "_fields")

    def __init__(self, fields: Iterable[Field], columns: Iterable[Iterable[Value]]) -> None:
        self._fields = tuple(fields)
        if not self.fields:
            raise ValueError("fields is empty; a frame needs at least one column")
        self._columns = tuple(_stored(field, values) for field, values in zip(self.fields, columns, strict=True))
        if len(set(self.columns)) < len(self.fields):
            raise ValueError(f"two columns of the same name: {', '.join(self.columns)}")
        lengths = {field.name: len(column) for field, column in zip(self.fields, self._columns, strict=True)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of different lengths: {lengths}")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The heads of the columns."""
        return self._fields

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(field.name for field in self.fields)

    def row(self, number: int) -> dict[str, Value]:
        """Return the row of this number, from 0; a negative number counts from the end.

        Raises:
            IndexError: there are not that many rows.
        """
        return {field.name: column[number] for field, column in zip(self.fields, self._columns, strict=True)}

    def rows(self) -> Iterator[dict[str, Value]]:
        """Iterate over the rows, as dicts by column name."""
        names = self.columns
        return (dict(zip(names, values, strict=True)) for values in zip(*self._columns, strict=True))

    def where(self, **equal: Value) -> Frame:
        """Return a frame of the rows whose columns have these values, for example ``where(language="rust")``.

        Raises:
            KeyError: there is no column of that name.
        """
        chosen = [True] * len(self)
        for name, wanted in equal.items():
            chosen = [so_far and value == wanted for so_far, value in zip(chosen, self[name], strict=True)]
        return Frame(self.fields, [compress(column, chosen) for column in self._columns])

    def __len__(self) -> int:
        return len(self._columns[0])

    def __getitem__(self, name: str) -> list[Any]:
        """Return the values of a column.

        Raises:
            KeyError: there is no column of that name.
        """
        if name not in self.columns:
            raise KeyError(f"no column {name!r}; the columns are {', '.join(self.columns)}")
        return list(self._columns[self.columns.index(name)])

    def __iter__(self) -> Iterator[dict[str, Value]]:
        return self.rows()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and self.fields == other.fields and self._columns == other._columns

    __hash__ = None  # type: ignore[assignment]

    def __arrow_c_schema__(self) -> CapsuleType:
        """Return the columns' names and types, by the Arrow PyCapsule interface."""
        from ._native import arrow_schema

        return arrow_schema(self._heads())

    def __arrow_c_stream__(self, requested_schema: CapsuleType | None = None) -> CapsuleType:
        """Return a copy of the table, by the Arrow PyCapsule interface.

        Args:
            requested_schema: ignored, as the interface allows; a caller who wants other types can cast.
        """
        from ._native import arrow_stream

        return arrow_stream(self._heads(), self._columns)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a pandas DataFrame.

        In columns of real numbers and of text, None becomes NaN. A column of integers or booleans that contains None
        gets the nullable dtype ``Int64`` or ``boolean``, which keeps the values exact.

        Raises:
            ImportError: pandas 3 is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(_needs("to_pandas", "pandas>=3")) from error
        if not hasattr(pandas.DataFrame, "from_arrow"):
            raise ImportError(f"{_needs('to_pandas', 'pandas>=3')} (this is {pandas.__version__})")
        columns = {}
        for field, values in zip(self.fields, self._columns, strict=True):
            dtypes = _PANDAS_WITH_NULLS if None in values else _PANDAS
            columns[field.name] = pandas.Series(list(values), dtype=dtypes[field.kind])
        return pandas.DataFrame(columns)

    def to_polars(self) -> polars.DataFrame:
        """Return a polars DataFrame; None becomes null.

        Raises:
            ImportError: polars is not installed.
        """
        try:
            import polars
        except ImportError as error:
            raise ImportError(_needs("to_polars", "polars")) from error
        return polars.DataFrame(self)

    def to_csv(self) -> str:
        """Return CSV text with a header row of column names.

        None is an empty cell, a boolean is ``true`` or ``false``, and numbers are written in full.
        """
        import csv
        import io

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        booleans: dict[Value, str] = {True: "true", False: "false"}
        columns = [
            map(booleans.get, column) if field.kind == "boolean" else column
            for field, column in zip(self.fields, self._columns, strict=True)
        ]
        writer.writerows(zip(*columns, strict=True))
        return text.getvalue()

    def __repr__(self) -> str:
        from .display.text import terminal_columns

        return f"{self._head(_SHOWN_AS_TEXT).to_text(terminal_columns())}\n{self._extent(_SHOWN_AS_TEXT)}"

    def _repr_html_(self) -> str:
        from .display.notebook import html_notes, html_table

        return html_table(self._head(_SHOWN_AS_HTML)) + html_notes([self._extent(_SHOWN_AS_HTML)])

    def _heads(self) -> list[tuple[str, str]]:
        return [(field.name, field.kind) for field in self.fields]

    def _head(self, rows: int) -> Table:
        from .display.tables import Column, Table

        count = len(self.fields)
        columns = tuple(
            # where there is no room for all, the last ones go first, and the first one stays
            Column(field.name, right=field.kind in ("integer", "real"), about=field.about, drop=(count - place) % count)
            for place, field in enumerate(self.fields)
        )
        cells = [[_shown(value) for value in column[:rows]] for column in self._columns]
        return Table(columns, tuple(zip(*cells, strict=True)))

    def _extent(self, shown: int) -> str:
        more = len(self) - shown
        size = f"{len(self):,} row{'s' * (len(self) != 1)} × {len(self.fields)} column{'s' * (len(self.fields) != 1)}"
        return f"… {more:,} more; {size}" if more > 0 else size


def _stored(field: Field, values: Iterable[Value]) -> Sequence[Value]:
    """Check the values, and return them in as little memory as possible."""
    if field.kind not in _TYPES:
        raise ValueError(f"column {field.name!r} is of unknown kind {field.kind!r}; allowed: {', '.join(_TYPES)}")
    values = tuple(values)
    for given in set(map(type, values)) - {NoneType}:
        # a bool is an int, too
        if not issubclass(given, _TYPES[field.kind]) or (given is bool and field.kind != "boolean"):
            raise TypeError(f"column {field.name!r} is of kind {field.kind}: it cannot hold a {given.__name__}")
    if field.kind not in _TYPECODES:
        return values
    numbers: array[Any] = array(_TYPECODES[field.kind], (value for value in values if value is not None))
    if len(numbers) == len(values):
        return numbers
    rest = iter(numbers)
    return tuple(None if value is None else next(rest) for value in values)


def _shown(value: Value) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "".join(character if character.isprintable() else "·" for character in str(value)[: _LONGEST_CELL + 1])
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def _needs(method: str, package: str) -> str:
    return f"Frame.{method} needs {package}: pip install '{package}'"
