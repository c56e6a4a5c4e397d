"""What a crawl found: a row for each URL, and the classic's report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload
from urllib.parse import urlsplit

from ..frame import Field, Frame, Kind
from .page import Page

if TYPE_CHECKING:
    import pandas
    import polars
    from typing_extensions import CapsuleType

    from ..display.crawl_chart import Came
    from ..display.picture import Picture

__all__ = ["CrawlRow", "CrawlStatistics", "CrawlTotals"]

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
    ("start", "real", "when its last fetch began, in seconds after the crawl did"),
    ("end", "real", "when that ended"),
)


class CrawlRow(NamedTuple):
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
        start: when its last fetch began, in seconds after the crawl did, or None if an earlier crawl with this state
            fetched it.
        end: when that ended, or None.
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
    start: float | None
    end: float | None


class CrawlTotals(NamedTuple):
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


class CrawlStatistics(Sequence[CrawlRow]):
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
        self._rows: list[CrawlRow] = []

    def add(self, page: Page) -> None:
        """Add a page."""
        self.pages += 1
        self._rows.append(
            CrawlRow(
                page.url,
                page.next_url,
                page.status,
                page.exception,
                len(page.content),
                page.content_type,
                page.encoding,
                len(page.links),
                page.new_links,
                page.start,
                page.end,
            )
        )

    def extend(self, rows: Iterable[CrawlRow]) -> None:
        """Add rows."""
        self._rows.extend(rows)
        self.pages = len(self._rows)

    @overload
    def __getitem__(self, index: int) -> CrawlRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[CrawlRow]: ...
    def __getitem__(self, index: int | slice) -> CrawlRow | list[CrawlRow]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def frame(self) -> Frame:
        """The table, as it is now, with the columns of ``CrawlRow``."""
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

    def plot(self, *, interactive: bool = False, ax: Any = None) -> Picture | Any:
        """Draw how the crawl went over time: how many URLs came per second, and what they were; how many waited; how
        many fetches were in flight; and, if there are several hosts, how many URLs came from each of the largest.

        Args:
            interactive: return an altair chart that answers to the pointer, with times in ms (extra ``[plot]``).
            ax: draw on this matplotlib axis instead, with times in ms, and return it.

        Returns:
            a ``Picture``, unless an argument asks for another.

        Raises:
            ImportError: ``interactive``, and altair is not installed.
            ValueError: there is no row to draw, or both ``interactive`` and ``ax`` were given.
        """
        from ..display.crawl_chart import Fetch, crawl_chart
        from ..display.rendering import render, unit_for

        fetches = [
            Fetch(_came(row), urlsplit(row.url).netloc, row.num_new_urls, row.start, row.end)
            for row in self
            if row.start is not None and row.end is not None
        ]
        if not fetches:
            raise ValueError("there is nothing to draw: this crawl has fetched nothing, or keeps no rows (keep_pages)")
        chart = crawl_chart(fetches, self._speed(), unit_for(interactive=interactive, ax=ax))
        return render(chart, interactive=interactive, ax=ax)

    def report(self) -> str:
        """Return a line for each URL, the counts of each kind, and the speed."""
        return "\n".join([*map(_line, self), self.summary()])

    def summary(self) -> str:
        """Return the counts of each kind, and the speed."""
        kinds = Counter(map(_kind, self))
        lines = [f"{kind}: {number:,}" for kind, number in sorted(kinds.items())]
        for folder, number in Counter(map(_folder, self)).most_common(1):
            lines.append(f"largest folder: {folder} ({number:,})")
        return "\n".join([*lines, self._speed()])

    def _speed(self) -> str:
        told = f"{self.pages:,} URL{'s' * (self.pages != 1)}"
        if self.seconds:
            rate = self.pages / self.seconds / self._max_tasks
            told += f" in {self.seconds:.3f} s (max_tasks={self._max_tasks}), {rate:,.1f} URLs/s/task"
        return told


def _came(row: CrawlRow) -> Came:
    if row.exception is not None or row.status is None:
        return "error"
    if row.next_url is not None:
        return "redirect"
    return "page" if row.status < 400 else "status 4xx" if row.status < 500 else "status 5xx"


def _kind(row: CrawlRow) -> str:
    if row.exception is not None:
        return "error"
    if row.next_url is not None:
        return "redirect"
    return row.content_type or "other" if row.status == 200 else f"status {row.status}"


def _folder(row: CrawlRow) -> str:
    path = row.url.partition("?")[0]
    return path[: path.rindex("/") + 1]


def _line(row: CrawlRow) -> str:
    if row.exception is not None:
        return f"{row.url} error {row.exception}"
    if row.next_url is not None:
        return f"{row.url} redirect to {row.next_url}"
    if row.content_type in ("text/html", "application/xhtml+xml"):
        links = f"{row.num_new_urls} new of {row.num_urls} links"
        return f"{row.url} {row.status} {row.content_type} {row.size} bytes, {links}"
    return f"{row.url} {row.status} {row.content_type} {row.size} bytes"
