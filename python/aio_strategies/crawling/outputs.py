"""What all crawlers give besides their pages one by one: Arrow, files, the statistics."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from ..checks import WARC_SUFFIXES, check_count, check_progress, check_suffix
from ..display.progress import SECONDS_BETWEEN, Show, shown
from .page import Page
from .postponement import Postponement
from .record_batches import BYTES, ROWS, record_batches, schema
from .statistics import CrawlStatistics, CrawlTotals

if TYPE_CHECKING:
    import pyarrow
    from typing_extensions import CapsuleType

    from .page_files import PageFile

__all__ = ["Outputs"]


class Outputs(ABC):
    """The base of the crawlers: they yield pages, and this makes the rest of them.

    Each method below begins a crawl of its own.

    Attributes:
        statistics: a row for each URL, of the latest crawl.
    """

    statistics: CrawlStatistics
    state: str | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[Page]:
        """Begin a crawl, and return an iterator over its pages as they come."""

    @abstractmethod
    def totals(self) -> CrawlTotals:
        """Return how the latest crawl stands."""

    def crawl(self, *, progress: bool | Show | None = None) -> CrawlStatistics:
        """Crawl to the end, and return the statistics.

        Args:
            progress: True to show progress; False not to; None to show it in a notebook or terminal only; or a function
                that is called with the pages so far, how many URLs are known, and a text about the speed.
        """
        with self._shown(progress) as update:
            for _ in self:
                update()
        return self.statistics

    def report(self) -> str:
        """Return what the latest crawl found, as text: a line for each URL, and a summary."""
        return self.statistics.report()

    # --- Arrow

    def batches(self, *, rows: int = ROWS, bytes: int = BYTES) -> Iterator[pyarrow.RecordBatch]:
        """Crawl, and yield Arrow record batches of the pages as they come.

        Their columns are ``url``, ``next_url``, ``referrer``, ``depth``, ``status``, ``error`` (as text),
        ``content_type``, ``encoding``, ``content``, ``links``, ``tries``, ``start`` and ``end``, each as in ``Page``.

        Args:
            rows: the most rows of a batch.
            bytes: the most bytes of content of a batch; a larger page is a batch by itself.

        Raises:
            ImportError: pyarrow is not installed.
            TypeError: an argument is of the wrong type.
            ValueError: an argument is out of range, or the crawler has a ``state``.
        """
        self._check_holding()
        _require("pyarrow", "batches")
        return record_batches(self, check_count("rows", rows), check_count("bytes", bytes))

    def __arrow_c_schema__(self) -> CapsuleType:
        """Return the columns' names and types, by the Arrow PyCapsule interface."""
        _require("pyarrow", "__arrow_c_schema__")
        capsule: CapsuleType = schema().__arrow_c_schema__()
        return capsule

    def __arrow_c_stream__(self, requested_schema: CapsuleType | None = None) -> CapsuleType:
        """Return a stream of batches, by the Arrow PyCapsule interface: pages are crawled while it is read."""
        _require("pyarrow", "__arrow_c_stream__")
        import pyarrow

        reader = pyarrow.RecordBatchReader.from_batches(schema(), self.batches())
        capsule: CapsuleType = reader.__arrow_c_stream__(requested_schema)
        return capsule

    def to_arrow(self) -> pyarrow.Table:
        """Crawl to the end, and return the pages as an Arrow table, which holds them all in memory.

        Raises:
            ImportError: pyarrow is not installed.
        """
        _require("pyarrow", "to_arrow")
        import pyarrow

        return pyarrow.Table.from_batches(self.batches(), schema())

    # --- files

    def to_parquet(self, path: str | os.PathLike[str], *, progress: bool | Show | None = None) -> CrawlStatistics:
        """Crawl to the end, write the pages to a Parquet file as they come, and return the statistics.

        Its columns are those of ``batches``.

        While the crawl goes on, the file has another name, which ends in ``.part``. However the crawl ends, by Ctrl-C
        or an exception, too, the file is completed then, and holds all pages that have come.

        Args:
            path: the file; one that is there is replaced.
            progress: as in ``crawl``.

        Raises:
            ImportError: pyarrow is not installed.
            OSError: the file cannot be written; what was written keeps the other name.
            ValueError: the crawler has a ``state``.
        """
        _require("pyarrow", "to_parquet")
        from .page_files import ParquetFile

        return self._write_to(lambda: ParquetFile(path), progress)

    def to_jsonl(self, path: str | os.PathLike[str], *, progress: bool | Show | None = None) -> CrawlStatistics:
        """Crawl to the end, write the pages to a file as they come, a line of JSON for each, and return the statistics.

        Each has the columns of ``batches``, but for the content: ``size`` is its number of bytes, and ``text`` the
        text, or None if it is none by its media type.

        Arguments, exceptions, and what happens to the file are as in ``to_parquet``. No package is needed.
        """
        from .page_files import JsonLinesFile

        return self._write_to(lambda: JsonLinesFile(path), progress)

    def to_warc(self, path: str | os.PathLike[str], *, progress: bool | Show | None = None) -> CrawlStatistics:
        """Crawl to the end, write the replies to a web archive as they come, and return the statistics.

        The file is a WARC 1.1, with a response record for each reply; URLs that got none are left out. Bodies are
        written decoded: header fields that told of the encoding and of another length begin with ``X-Crawler-``.

        Arguments, exceptions, and what happens to the file are as in ``to_parquet``, save for these:

        Args:
            path: the file; its name ends in ``.warc``, or in ``.warc.gz``: then each record is compressed.

        Raises:
            ImportError: warcio is not installed.
            ValueError: the file's name ends in neither.
        """
        check_suffix(path, WARC_SUFFIXES)
        _require("warcio", "to_warc")
        from .page_files import WarcFile

        return self._write_to(lambda: WarcFile(path), progress)

    def _check_holding(self) -> None:
        """Raise ValueError if pages may not be held back when the next is asked for, as batches and files do."""
        if self.state is not None:
            raise ValueError(
                "with state=, a page is done when the next is asked for, but batches and files hold pages back, which a"
                " kill would lose: write the pages in a loop of your own"
            )

    def _write_to(self, opened: Callable[[], PageFile], progress: bool | Show | None) -> CrawlStatistics:
        self._check_holding()
        with self._shown(progress) as update, Postponement() as postponement:
            file = opened()
            try:
                for page in self:
                    with postponement.span():
                        file.write(page)
                    update()
            finally:
                with postponement.span():
                    file.close()
        return self.statistics

    @contextmanager
    def _shown(self, progress: bool | Show | None) -> Iterator[Callable[[], None]]:
        """Show how a crawl gets on during the block; yield what is to be called now and then."""
        check_progress(progress)
        began = drawn = time.monotonic()

        def update() -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - drawn >= SECONDS_BETWEEN:
                drawn = now
                draw()

        def draw() -> None:
            totals = self.totals()
            rate = totals.pages / max(time.monotonic() - began, 1e-9)
            hosts = f"{totals.hosts:,} host{'s' * (totals.hosts != 1)}"
            text = f"pages, {rate:,.0f}/s, {totals.queued:,} queued, {totals.errors:,} failed, {hosts}"
            if totals.pages:
                show(totals.pages, totals.pages + totals.queued + totals.in_flight, text)

        with shown(progress, foretells=False) as show:
            yield update
            draw()


def _require(package: str, method: str) -> None:
    """Raise ImportError, with what to install, if a package is missing."""
    try:
        import_module(package)
    except ImportError as error:
        raise ImportError(f"Crawler.{method} needs {package}: pip install 'aio-strategies[crawl]'") from error
