"""What a crawl found: a row for each URL, and the classic's report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, overload

from .page import Page

__all__ = ["Row", "Statistics"]


class Row(NamedTuple):
    """What came of one URL.

    Attributes:
        url: the URL.
        next_url: where it redirects to, or None.
        status: the status of the reply, or None.
        exception: the error, as text, or None.
        size: bytes of the body, decoded.
        content_type: the media type.
        num_urls: how many links it has.
        num_new_urls: how many of them, or of its redirect, were seen for the first time.
    """

    url: str
    next_url: str | None
    status: int | None
    exception: str | None
    size: int
    content_type: str
    num_urls: int
    num_new_urls: int


class Statistics(Sequence[Row]):
    """The rows of a crawl, in the order in which the URLs came.

    Attributes:
        seconds: how long the crawl took; 0 while it goes on.
    """

    def __init__(self, max_tasks: int) -> None:
        self.seconds = 0.0
        self._max_tasks = max_tasks
        self._rows: list[Row] = []

    def add(self, page: Page) -> None:
        """Add a page."""
        error = None if page.error is None else f"{type(page.error).__name__}: {page.error.message}"
        size, links = len(page.content), len(page.links)
        row = Row(page.url, page.next_url, page.status, error, size, page.content_type, links, page.new_links)
        self._rows.append(row)

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        self._rows.extend(rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def report(self) -> str:
        """Return a line for each URL, the counts of each kind, and the speed."""
        lines = [_line(row) for row in self]
        kinds = Counter(map(_kind, self))
        lines += [f"{kind}: {number:,}" for kind, number in sorted(kinds.items())]
        summary = f"{len(self):,} URLs"
        if self.seconds:
            rate = len(self) / self.seconds / self._max_tasks
            summary += f" in {self.seconds:.3f} s (max_tasks={self._max_tasks}), {rate:,.1f} URLs/s/task"
        return "\n".join([*lines, summary])


def _kind(row: Row) -> str:
    if row.exception is not None:
        return "error"
    if row.next_url is not None:
        return "redirect"
    return row.content_type or "other" if row.status == 200 else f"status {row.status}"


def _line(row: Row) -> str:
    if row.exception is not None:
        return f"{row.url} error {row.exception}"
    if row.next_url is not None:
        return f"{row.url} redirect to {row.next_url}"
    if row.content_type in ("text/html", "application/xhtml+xml"):
        links = f"{row.num_new_urls} new of {row.num_urls} links"
        return f"{row.url} {row.status} {row.content_type} {row.size} bytes, {links}"
    return f"{row.url} {row.status} {row.content_type} {row.size} bytes"
