"""Files that pages are written to as they come: Parquet, JSON Lines, WARC.

A file has a temporary name until it is closed, so that there is never an incomplete one under its own.
"""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any

from ..checks import WARC_SUFFIXES, check_suffix
from .page import Page
from .record_batches import PageBatch, schema
from .warc_records import WarcRecords

__all__ = ["JsonLinesFile", "PageFile", "ParquetFile", "WarcFile"]

#: What the temporary name ends with.
_PART = ".part"
#: The media types of text; if the reply names none, it may be text.
_TEXT = re.compile(r"|text/.*|.+[/+](json|xml|javascript)")


class PageFile(ABC):
    """A file of pages. If a page cannot be written, the file keeps its temporary name.

    Args:
        path: the name that it gets when it is closed; a file of that name is replaced then.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)  # wherever the working directory will be
        self._part = self._path + _PART
        self._is_whole = True

    def write(self, page: Page) -> None:
        """Write a page."""
        self._is_whole = False
        self._write(page)
        self._is_whole = True

    def close(self) -> None:
        """End the file, and give it its name."""
        self._close()
        if self._is_whole:
            os.replace(self._part, self._path)

    @abstractmethod
    def _write(self, page: Page) -> None:
        """Write a page."""

    @abstractmethod
    def _close(self) -> None:
        """Write what a file of this kind ends with, and close it."""


class ParquetFile(PageFile):
    """Pages as the rows of a Parquet file, whose row groups are the batches of ``Crawler.batches``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from pyarrow.parquet import ParquetWriter

        super().__init__(path)
        columns = schema()
        # A dictionary is of use where many rows have the same; the least and the greatest value where they are short.
        repeated = ["next_url", "referrer", "error", "content_type", "encoding", "links.list.element"]
        self._batch = PageBatch()
        self._writer = ParquetWriter(
            self._part,
            columns,
            compression="zstd",
            use_dictionary=repeated,
            write_statistics=[name for name in columns.names if name not in ("content", "links")],
        )

    def _write(self, page: Page) -> None:
        if not self._batch.has_room_for(page):
            self._writer.write_batch(self._batch.take())
        self._batch.add(page)

    def _close(self) -> None:
        try:
            if self._batch and self._is_whole:
                self._is_whole = False
                self._writer.write_batch(self._batch.take())
                self._is_whole = True
        finally:
            self._writer.close()


class JsonLinesFile(PageFile):
    """Pages as lines of JSON: the columns of ``Crawler.batches``, with ``size`` and ``text`` instead of ``content``.

    What is no text, by its media type, has None in ``text``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._file = open(self._part, "w", encoding="utf-8", newline="\n")  # noqa: SIM115, it is closed with this

    def _write(self, page: Page) -> None:
        self._file.write(json.dumps(_as_dict(page), ensure_ascii=False) + "\n")

    def _close(self) -> None:
        self._file.close()


class WarcFile(PageFile):
    """Pages as the response records of a WARC file; if its name ends in ``.gz``, each record is compressed by itself.

    What got no reply is left out.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        compressed = check_suffix(path, WARC_SUFFIXES).endswith(".gz")
        super().__init__(path)
        self._file = open(self._part, "wb")  # noqa: SIM115, it is closed with this
        try:
            self._records = WarcRecords(self._file, os.path.basename(self._path), compressed=compressed)
        except BaseException:
            with suppress(OSError):
                self._file.close()
            raise

    def _write(self, page: Page) -> None:
        if page.status is not None:
            self._records.write(page)

    def _close(self) -> None:
        self._file.close()


def _as_dict(page: Page) -> dict[str, Any]:
    is_text = page.status is not None and _TEXT.fullmatch(page.content_type)
    return {
        "url": page.url,
        "next_url": page.next_url,
        "referrer": page.referrer,
        "depth": page.depth,
        "status": page.status,
        "error": page.exception,
        "content_type": page.content_type,
        "encoding": page.encoding,
        "size": len(page.content),
        "text": page.text if is_text else None,
        "links": page.links,
        "tries": page.tries,
        "start": page.start,
        "end": page.end,
    }
