"""Pages as records of a WARC file, version 1.1 (ISO 28500): what web archives keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import BinaryIO

from .. import _native
from .page import Page

__all__ = ["WarcRecords"]

#: The content encodings that are undone before anybody sees the body, as in src/exchange/decoding.rs.
_UNDONE = {"", "identity", "gzip", "x-gzip", "deflate", "br", "zstd"}
#: The prefix of the header fields that do not describe what is written, as in the archives of Common Crawl.
_AS_RECEIVED = "X-Crawler-"


class WarcRecords:
    """Writes pages as response records, behind a record that describes the file.

    Args:
        file: where to write.
        name: the file's name.
        compressed: whether each record is a gzip member of its own.
    """

    def __init__(self, file: BinaryIO, name: str, *, compressed: bool) -> None:
        from warcio.warcwriter import WARCWriter

        self._began = datetime.now(UTC)
        self._writer = WARCWriter(file, gzip=compressed, warc_version="1.1")
        info = self._writer.create_warcinfo_record(
            name,
            {
                "software": f"aio_strategies/{_native.build_info()['version']}",
                "format": "WARC File Format 1.1",
                "conformsTo": "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
            },
        )
        self._info_id = info.rec_headers.get_header("WARC-Record-ID")
        self._writer.write_record(info)

    def write(self, page: Page) -> None:
        """Write a page that got a reply."""
        from warcio.statusandheaders import StatusAndHeaders

        fetched = self._began + timedelta(seconds=page.start)
        record = self._writer.create_warc_record(
            page.url,
            "response",
            payload=BytesIO(page.content),
            length=len(page.content),
            warc_headers_dict={
                "WARC-Type": "response",
                "WARC-Date": f"{fetched:%Y-%m-%dT%H:%M:%S.%fZ}",
                "WARC-Warcinfo-ID": self._info_id,
            },
            http_headers=StatusAndHeaders(
                f"{page.status} {page.reason_phrase}", _fields(page), protocol=page.http_version
            ),
        )
        self._writer.write_record(record)


def _fields(page: Page) -> list[tuple[str, str]]:
    """Return the header fields of the body as it is: whole, and without the encodings that were undone.

    Fields that told of it as it was received get another name.
    """
    length = str(len(page.content))
    encodings = ",".join(page.headers.get_list("content-encoding")).split(",")
    untrue = {"transfer-encoding"}
    if {encoding.strip().lower() for encoding in encodings} <= _UNDONE:
        untrue.add("content-encoding")
    if page.headers.get_list("content-length") != [length]:
        untrue.add("content-length")
    fields = []
    for name, value in ((_text(name), _text(value)) for name, value in page.headers.raw):
        fields.append((f"{_AS_RECEIVED}{name}" if name.lower() in untrue else name, value))
    if "content-length" in untrue:
        fields.append(("Content-Length", length))
    return fields


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
