"""Pages as Arrow record batches, which have a limit on their rows and on their bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .page import Page

if TYPE_CHECKING:
    import pyarrow

__all__ = ["BYTES", "ROWS", "record_batches", "schema"]

ROWS = 1_000
"""The most rows of a batch, unless the caller says otherwise."""

BYTES = 32 * 1024 * 1024
"""The most bytes of content of a batch, unless the caller says otherwise."""


def schema() -> pyarrow.Schema:
    """Return the columns: a page's attributes."""
    import pyarrow

    return pyarrow.schema(
        [
            pyarrow.field("url", pyarrow.string(), nullable=False),
            ("next_url", pyarrow.string()),
            ("referrer", pyarrow.string()),
            pyarrow.field("depth", pyarrow.int64(), nullable=False),
            ("status", pyarrow.int64()),
            ("error", pyarrow.string()),
            pyarrow.field("content_type", pyarrow.string(), nullable=False),
            ("encoding", pyarrow.string()),
            pyarrow.field("content", pyarrow.binary(), nullable=False),
            pyarrow.field("links", pyarrow.list_(pyarrow.string()), nullable=False),
            pyarrow.field("tries", pyarrow.int64(), nullable=False),
            pyarrow.field("start", pyarrow.float64(), nullable=False),
            pyarrow.field("end", pyarrow.float64(), nullable=False),
        ]
    )


def record_batches(pages: Iterable[Page], rows: int, size: int) -> Iterator[pyarrow.RecordBatch]:
    """Yield the pages as batches of at most so many rows and bytes of content; one page may have more bytes."""
    batch = PageBatch(rows, size)
    for page in pages:
        if not batch.has_room_for(page):
            yield batch.take()
        batch.add(page)
    if batch:
        yield batch.take()


class PageBatch:
    """Pages on their way into a record batch.

    Args:
        most_rows: the most rows of a batch.
        most_bytes: the most bytes of content of a batch, but for one of a single page.
    """

    def __init__(self, most_rows: int = ROWS, most_bytes: int = BYTES) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._schema = schema()
        self._rows: list[tuple[object, ...]] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def has_room_for(self, page: Page) -> bool:
        """Return whether the page fits in, too."""
        within = len(self) < self._most_rows and self._bytes + len(page.content) <= self._most_bytes
        return within or not self._rows

    def add(self, page: Page) -> None:
        """Add a page."""
        self._rows.append(
            (
                page.url,
                page.next_url,
                page.referrer,
                page.depth,
                page.status,
                page.exception,
                page.content_type,
                page.encoding,
                page.content,
                page.links,
                page.tries,
                page.start,
                page.end,
            )
        )
        self._bytes += len(page.content)

    def take(self) -> pyarrow.RecordBatch:
        """Return the pages, at least one, and begin anew."""
        import pyarrow

        columns = zip(self._schema, zip(*self._rows, strict=True), strict=True)
        arrays = [pyarrow.array(values, field.type) for field, values in columns]
        self._rows, self._bytes = [], 0
        return pyarrow.RecordBatch.from_arrays(arrays, schema=self._schema)
