"""What a crawl found: a row for each URL, and the classic's report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

from ..frame import Field, Frame, Kind
from .page import Page

if TYPE_CHECKING:
    import pandas
    import polars
    from typing_extensions import CapsuleType

__all__ = ["Row", "Statistics", "Totals"]

_COLUMNS: tuple[tuple[str, Kind, str], ...] = (
    ("url", "text", "the URL"),
    ("next_url", "text", "where it redirects to"),
    ("status", "integer", "status of the reply"),
    ("exception", "text", "why there was none"),
    ("size", "integer", "bytes of the body, decoded"),
    ("content_type", "text", "media type"),
    ("encoding", "text", "encoding of the text"),
    ("num_urls", "integer", "links that it has"),
    ("num_new_urls", "integer", "how many of them, or of its redirect, were seen for the first time"),
)


class Row(NamedTuple):
    """What came of one URL.

    Attributes:
        url: the URL.
        next_url: where it redirects to, or None.
        status: the status of the reply, or None.
        exception: the error, as text, or None.
        size: bytes of the body, decoded.
        content_type: the media type.
        encoding: the name of the encoding of its text, or None if there was no reply.
        num_urls: how many links it has.
        num_new_urls: how many of them, or of its redirect, were seen for the first time.
    """

    url: str
    next_url: str | None
    status: int | None
    exception: str | None
    size: int
    content_type: str
    encoding: str | None
    num_urls: int
    num_new_urls: int


class Totals(NamedTuple):
    """How a crawl stands.

    Attributes:
        pages: URLs that are done.
        errors: those of them that failed.
        queued: URLs that wait.
        in_flight: fetches in flight.
        hosts: hosts that were met.
        bytes: bytes of all bodies.
    """

    pages: int = 0
    errors: int = 0
    queued: int = 0
    in_flight: int = 0
    hosts: int = 0
    bytes: int = 0


class Statistics(Sequence[Row]):
    """The rows of a crawl, in the order in which the URLs came: a sequence, and a table.

    It is shown as a table, and ``polars.DataFrame(statistics)``, ``pyarrow.table(statistics)``,
    ``pandas.DataFrame.from_arrow(statistics)`` and ``duckdb.sql("from statistics")`` read it directly.

    Attributes:
        seconds: how long the crawl took; 0 while it goes on.
        pages: how many URLs are done: as many as there are rows, unless the crawl keeps none.
    """

    def __init__(self, max_tasks: int) -> None:
        self.seconds = 0.0
        self.pages = 0
        self._max_tasks = max_tasks
        self._rows: list[Row] = []

    def add(self, page: Page) -> None:
        """Add a page."""
        self.pages += 1
        self._rows.append(
            Row(
                page.url,
                page.next_url,
                page.status,
                page.exception,
                len(page.content),
                page.content_type,
                page.encoding,
                len(page.links),
                page.new_links,
            )
        )

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        self._rows.extend(rows)
        self.pages = len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def frame(self) -> Frame:
        """The table, as it is now, with the columns of ``Row``."""
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(_COLUMNS)
        return Frame([Field(*head) for head in _COLUMNS], columns)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a pandas DataFrame, as ``Frame.to_pandas`` does."""
        return self.frame.to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """Return a polars DataFrame, as ``Frame.to_polars`` does."""
        return self.frame.to_polars()

    def to_csv(self) -> str:
        """Return CSV text, as ``Frame.to_csv`` does."""
        return self.frame.to_csv()

    def __arrow_c_schema__(self) -> CapsuleType:
        """Return the columns' names and types, by the Arrow PyCapsule interface."""
        return self.frame.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: CapsuleType | None = None) -> CapsuleType:
        """Return a copy of the table, by the Arrow PyCapsule interface; see ``Frame``."""
        return self.frame.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return repr(self.frame)

    def _repr_html_(self) -> str:
        return self.frame._repr_html_()

    def report(self) -> str:
        """Return a line for each URL, the counts of each kind, and the speed."""
        return "\n".join([*map(_line, self), self.summary()])

    def summary(self) -> str:
        """Return the counts of each kind, and the speed."""
        kinds = Counter(map(_kind, self))
        lines = [f"{kind}: {number:,}" for kind, number in sorted(kinds.items())]
        for folder, number in Counter(map(_folder, self)).most_common(1):
            lines.append(f"largest folder: {folder} ({number:,})")
        last = f"{self.pages:,} URL{'s' * (self.pages != 1)}"
        if self.seconds:
            rate = self.pages / self.seconds / self._max_tasks
            last += f" in {self.seconds:.3f} s (max_tasks={self._max_tasks}), {rate:,.1f} URLs/s/task"
        return "\n".join([*lines, last])


def _kind(row: Row) -> str:
    if row.exception is not None:
        return "error"
    if row.next_url is not None:
        return "redirect"
    return row.content_type or "other" if row.status == 200 else f"status {row.status}"


def _folder(row: Row) -> str:
    path = row.url.partition("?")[0]
    return path[: path.rindex("/") + 1]


def _line(row: Row) -> str:
    if row.exception is not None:
        return f"{row.url} error {row.exception}"
    if row.next_url is not None:
        return f"{row.url} redirect to {row.next_url}"
    if row.content_type in ("text/html", "application/xhtml+xml"):
        links = f"{row.num_new_urls} new of {row.num_urls} links"
        return f"{row.url} {row.status} {row.content_type} {row.size} bytes, {links}"
    return f"{row.url} {row.status} {row.content_type} {row.size} bytes"
