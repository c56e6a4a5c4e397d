"""Rows of pages, put together to record batches of a limited size."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Source", "StageBatches", "StageRow"]

ROW_BYTES = 56
"""What a row takes besides its texts, bodies and links: numbers, offsets, and bits that say what is null."""


class Source:
    """A batch of URLs, whose columns go with their pages."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.row_bytes: int = batch.nbytes // max(1, batch.num_rows) + 1


class StageRow(NamedTuple):
    """What came of one URL: a row of a record batch.

    Attributes:
        source: the batch that the URL is from.
        place: its row there.
        next_url: where it redirects to, or None.
        status: the status of the reply, or None.
        error: the error, as text, or None.
        content_type: the media type; empty if the reply does not say.
        encoding: the name of the encoding of its text, or None if there was no reply.
        content: the body.
        links: where the page's links lead.
        tries: how many times it was fetched.
    """

    source: Source
    place: int
    next_url: str | None = None
    status: int | None = None
    error: str | None = None
    content_type: str = ""
    encoding: str | None = None
    content: bytes = b""
    links: Sequence[str] = ()
    tries: int = 0


class StageBatches:
    """Makes record batches of rows; none has more rows or bytes than allowed, save that any has one row.

    Args:
        schema: of the batches of URLs.
        rows: the most rows of a batch.
        bytes: the most bytes of a batch.
        content: whether the batches have the bodies.

    Raises:
        ValueError: a column of the schema has the name of one that is added.
    """

    def __init__(self, schema: pa.Schema, rows: int, bytes: int, content: bool) -> None:
        import pyarrow as pa

        added = {
            "next_url": pa.string(),
            "status": pa.int64(),
            "error": pa.string(),
            "content_type": pa.string(),
            "encoding": pa.string(),
            "content": pa.binary(),
            "links": pa.list_(pa.string()),
            "tries": pa.int64(),
        }
        if not content:
            del added["content"]
        if taken := added.keys() & set(schema.names):
            raise ValueError(f"the batches have columns named as those that are added: {', '.join(sorted(taken))}")
        self._added = added
        self._schema = pa.schema([*schema, *added.items()])
        self._most_rows = rows
        self._most_bytes = bytes
        self._content = content
        self._rows: list[StageRow] = []
        self._bytes = 0
        self._full: deque[list[StageRow]] = deque()

    @property
    def has_full(self) -> bool:
        """Whether a batch is full."""
        return bool(self._full)

    def add(self, row: StageRow) -> None:
        """Add a row."""
        size = self._size(row)
        if self._rows and self._bytes + size > self._most_bytes:
            self._close()
        self._rows.append(row)
        self._bytes += size
        if len(self._rows) == self._most_rows:
            self._close()

    def full(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches that are full."""
        while self._full:
            yield self._batch(self._full.popleft())

    def rest(self) -> pa.RecordBatch | None:
        """Return a batch of the rows that are left, once ``full`` has yielded all; None if there are none."""
        rows, self._rows = self._rows, []
        return self._batch(rows) if rows else None

    def empty(self) -> pa.RecordBatch:
        """Return a batch without rows."""
        import pyarrow as pa

        return pa.RecordBatch.from_pylist([], schema=self._schema)

    def _close(self) -> None:
        self._full.append(self._rows)
        self._rows, self._bytes = [], 0

    def _size(self, row: StageRow) -> int:
        """Return how many bytes a row takes in Arrow's format."""
        texts = sum(_length(text) for text in (row.next_url, row.error, row.content_type, row.encoding) if text)
        links = sum(4 + _length(link) for link in row.links)
        body = len(row.content) if self._content else 0
        return ROW_BYTES + row.source.row_bytes + texts + links + body

    def _batch(self, rows: list[StageRow]) -> pa.RecordBatch:
        """Make the batch; the rows that come from the same batch stand side by side."""
        import pyarrow as pa

        groups: dict[Source, list[StageRow]] = {}
        for row in rows:
            groups.setdefault(row.source, []).append(row)
        given = [source.batch.take(pa.array([row.place for row in group])) for source, group in groups.items()]
        ordered = [row for group in groups.values() for row in group]
        columns = [
            pa.concat_arrays([batch.column(number) for batch in given]) for number in range(given[0].num_columns)
        ]
        columns += [pa.array([getattr(row, name) for row in ordered], kind) for name, kind in self._added.items()]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
