"""What a crawler makes of its pages: Arrow, files, a table. Read back by those whom they are for."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from urllib.parse import urlsplit

import aio_strategies as aio
import brotli
import duckdb
import polars
import pyarrow
import pytest
import zstandard
from aio_strategies.calling import crawler_class
from aio_strategies.crawling.outputs import Outputs
from aio_strategies.crawling.postponement import Postponement
from aio_strategies.display import progress as display
from aio_strategies.display.crawl_chart import Fetch, crawl_chart
from matplotlib import pyplot
from pyarrow import parquet
from warcio.archiveiterator import ArchiveIterator

LANGUAGES = ["python", "rust"]
COLUMNS = [
    *("url", "next_url", "referrer", "depth", "status", "error", "content_type", "encoding", "content", "links"),
    *("tries", "start", "end"),
]
#: What does not depend on the order in which pages come.
CERTAIN = ["url", "next_url", "status", "error", "content_type", "encoding", "content", "links"]
SUFFIXES = [".parquet", ".jsonl", ".warc", ".warc.gz"]


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture(scope="module")
def site():
    """A generated site with redirects and broken pages, and its lab, which answers under its name."""
    truth = aio.Site(pages=80, seed=5, redirects=True, broken=True)
    with aio.LabServer(latency=0, site=truth) as lab, lab.as_host(truth.names[0], lab.port):
        yield lab


@pytest.fixture
def crawler(site, language):
    return crawler_class(language)(site.site_url, max_tries=1)


def reply(content: bytes, *fields: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    head = [f"HTTP/{version} {status}", *fields]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + content


def linking(*paths: str) -> bytes:
    return reply("".join(f"<a href='{path}'>" for path in paths).encode(), "Content-Type: text/html")


@contextlib.contextmanager
def serving(site: aio.Site, **settings):
    """A lab that answers under the names of a generated site's hosts."""
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(aio.LabServer(**{"latency": 0, **settings}, site=site))
        for name, (_, port) in lab.hosts.items():
            stack.enter_context(lab.as_host(name, port))
        yield lab


@contextlib.contextmanager
def lab_of(replies: dict[str, bytes], **settings):
    """A lab whose root links to these paths, which it answers so."""
    with aio.LabServer(**{"latency": 0, **settings}) as lab:
        for path, answer in {"/": linking(*replies), **replies}.items():
            lab.reply(path, answer)
        yield lab


def rows(crawler: Outputs) -> dict[str, dict]:
    """Return what another crawl finds, as the columns of a batch."""
    found = {}
    for page in crawler:
        error = None if page.error is None else f"{type(page.error).__name__}: {page.error.message}"
        row = {name: getattr(page, name) for name in CERTAIN} | {"error": error, "links": list(page.links)}
        found[page.url] = row
    return found


def certain(table: pyarrow.Table) -> dict[str, dict]:
    return {row["url"]: row for row in table.select(CERTAIN).to_pylist()}


def path_of(url: str) -> str:
    return urlsplit(url).path


def files_in(folder) -> list[str]:
    return sorted(os.listdir(folder))


class TestPage:
    def test_headers_and_encoding(self, language):
        replies = {
            "/a": reply(b"\xe4", "Content-Type: text/plain; charset=latin1", "X-Many: 1", "x-many: 2"),
            "/b": reply(b"<meta charset=gbk>\xc4\xe3", "Content-Type: text/html"),
            "/c": reply(b"\xff\xfea\0", "Content-Type: text/plain"),
        }
        with lab_of({**replies, "/d": b"no HTTP"}) as lab:
            pages = {path_of(page.url): page for page in crawler_class(language)(lab.url)}
        assert [pages[path].encoding for path in ("/", "/a", "/b", "/c", "/d")] == [
            *("utf-8", "windows-1252", "gbk", "utf-16le", None)
        ]
        assert [pages[path].text[-1:] for path in ("/a", "/b", "/c", "/d")] == ["ä", "你", "a", ""]
        assert isinstance(pages["/a"].headers, aio.Headers)
        assert pages["/a"].headers["X-MANY"] == "1, 2"
        assert (pages["/a"].reason_phrase, pages["/a"].http_version) == ("OK", "HTTP/1.1")
        assert len(pages["/d"].headers) == 0
        assert pages["/d"].http_version == ""
        assert pages["/d"].exception.startswith("RemoteProtocolError: ")


class TestArrow:
    def test_batches_have_all_pages(self, crawler):
        batches = list(crawler.batches(rows=7))
        assert all(batch.schema.names == COLUMNS for batch in batches)
        assert {batch.num_rows for batch in batches[:-1]} == {7}
        assert sum(batch.num_rows for batch in batches) == len(crawler.statistics)
        assert certain(pyarrow.Table.from_batches(batches)) == rows(crawler)
        starts = [start for batch in batches for start in batch["start"].to_pylist()]
        assert all(0 <= start < crawler.statistics.seconds + 60 for start in starts)

    def test_and_are_true(self, site, crawler):
        table = crawler.to_arrow()
        assert table.schema == pyarrow.schema(crawler)
        truth = {url: site.site.page(url) for url in site.site.urls(site.site_url)}
        known = {url: row for url, row in certain(table).items() if url in truth}
        assert known.keys() == {url for url, page in truth.items() if page.depth is not None}
        for url, row in known.items():
            page = truth[url]
            assert row["status"] == (None if page.cut else page.status), url
            if row["status"] == 200:
                assert row["links"] == list(dict.fromkeys(site.site.links_of(url))), url

    def test_the_bytes_of_a_batch_are_limited(self, language):
        sizes = [400, 300, 300, 5000, 1000, 1, 0, 0]
        replies = {f"/{number}": reply(b"x" * size, "X: y") for number, size in enumerate(sizes)}
        with lab_of(replies) as lab:
            crawler = crawler_class(language)(lab.url, max_tasks=1)
            batches = [batch["content"].to_pylist() for batch in crawler.batches(bytes=1000)]
        assert sum(map(len, batches)) == 1 + len(sizes)
        for batch in batches:
            assert sum(map(len, batch)) <= 1000 or len(batch) == 1
        assert len(batches) < 1 + len(sizes)

    @pytest.mark.parametrize(
        ("limits", "error"),
        [
            ({"rows": 0}, ValueError),
            ({"bytes": 0}, ValueError),
            ({"rows": 1.5}, TypeError),
            ({"bytes": "1"}, TypeError),
        ],
    )
    def test_bad_limits_are_told_at_once(self, limits, error):
        with pytest.raises(error, match=next(iter(limits))):
            aio.Crawler("a.invalid").batches(**limits)

    def test_pages_are_crawled_while_the_stream_is_read(self, language):
        # so slow that no pause of a busy machine is as long as the whole crawl
        with lab_of({f"/{number}": reply(b"", "X: y") for number in range(200)}, latency=0.02) as lab:
            crawler = crawler_class(language)(lab.url, max_tasks=2)
            batches = crawler.batches(rows=10)
            stream = pyarrow.RecordBatchReader.from_stream(crawler)
            assert lab.stats().served == 0
            next(batches)
            assert 10 <= lab.stats().served < 150
            batches.close()
            assert len(crawler.statistics) < 150
            assert stream.read_all().num_rows == 201

    def test_polars_and_duckdb_read_it(self, crawler):
        expected = rows(crawler)
        frame = polars.DataFrame(crawler)
        assert frame.columns == COLUMNS
        assert {row["url"]: row for row in frame.select(CERTAIN).to_dicts()} == expected
        counts = duckdb.sql("select status, count(*), sum(octet_length(content)) from crawler group by all").fetchall()
        assert sum(count for _, count, _ in counts) == len(expected)
        assert sum(size for _, _, size in counts) == sum(len(row["content"]) for row in expected.values())

    def test_a_reader_that_has_enough_ends_the_crawl(self, language):
        before = threading.active_count()
        with lab_of({f"/{number}": reply(b"", "X: y") for number in range(100)}) as lab:
            reader = pyarrow.RecordBatchReader.from_stream(crawler_class(language)(lab.url, strategy="thread"))
            reader.close()
            iterator = crawler_class(language)(lab.url, strategy="thread").batches(rows=1)
            next(iterator)
            del iterator
            assert lab.stats().served < 100
        assert threading.active_count() == before

    def test_nothing_found_is_an_empty_table(self):
        crawler = aio.Crawler("http://a.invalid", exclude=".")
        assert crawler.to_arrow().num_rows == 0
        assert list(crawler.batches()) == []
        assert polars.DataFrame(crawler).columns == COLUMNS


class TestFiles:
    def test_parquet(self, crawler, tmp_path):
        path = tmp_path / "pages.parquet"
        path.write_bytes(b"an earlier file")
        assert crawler.to_parquet(path) is crawler.statistics
        assert files_in(tmp_path) == ["pages.parquet"]
        table = parquet.read_table(path)
        assert table.schema == pyarrow.schema(crawler)
        assert certain(table) == rows(crawler)
        [(count, links)] = duckdb.sql(f"select count(*), sum(len(links)) from '{path}'").fetchall()
        assert (count, links) == (table.num_rows, sum(map(len, table["links"].to_pylist())))
        assert polars.read_parquet(path).height == count
        group = parquet.read_metadata(path).row_group(0)
        columns = {one.path_in_schema: one for one in map(group.column, range(group.num_columns))}
        assert {name for name, one in columns.items() if one.is_stats_set} == {*COLUMNS} - {"content", "links"}
        assert all("DICTIONARY" in str(columns[name].encodings) for name in ("referrer", "links.list.element"))

    def test_jsonl(self, crawler, tmp_path):
        path = tmp_path / "pages.jsonl"
        assert crawler.to_jsonl(str(path)) is crawler.statistics
        assert files_in(tmp_path) == ["pages.jsonl"]
        found = {row["url"]: row for row in map(json.loads, path.read_bytes().splitlines())}
        expected = rows(crawler)
        assert found.keys() == expected.keys()
        for url, row in expected.items():
            content = row.pop("content")
            row |= {"size": len(content), "text": None if row["status"] is None else content.decode()}
            assert {name: found[url][name] for name in row} == row
        assert len(duckdb.sql(f"select url from read_json('{path}')").fetchall()) == len(found)

    def test_jsonl_has_no_text_of_what_is_none(self, tmp_path):
        replies = {
            "/gbk": reply("你\u2028\n".encode("gb18030"), "Content-Type: text/plain; charset=gb18030"),
            "/data": reply(b"{}", "Content-Type: application/ld+json; x=y"),
            "/picture": reply(b"\x89PNG", "Content-Type: image/png"),
            "/drawing": reply(b"<svg>", "Content-Type: image/svg+xml"),
            "/unknown": reply(b"what", "X: y"),
        }
        with lab_of(replies) as lab:
            aio.Crawler(lab.url).to_jsonl(tmp_path / "p")
            lines = (tmp_path / "p").read_text(encoding="utf-8").split("\n")[:-1]
            texts = {path_of(row["url"]): row["text"] for row in map(json.loads, lines)}
        del texts["/"]
        assert texts == {"/gbk": "你\u2028\n", "/data": "{}", "/picture": None, "/drawing": "<svg>", "/unknown": "what"}

    @pytest.mark.parametrize("suffix", [".warc", ".warc.gz"])
    def test_warc(self, crawler, tmp_path, suffix):
        path = tmp_path / f"pages{suffix}"
        began = time.time()
        assert crawler.to_warc(path) is crawler.statistics
        assert files_in(tmp_path) == [path.name]
        expected = {url: row for url, row in rows(crawler).items() if row["status"] is not None}
        records, ids = {}, set()
        with open(path, "rb") as file:
            info, *others = ((record, record.content_stream().read()) for record in ArchiveIterator(file))
        assert info[0].rec_type == "warcinfo"
        assert info[0].rec_headers["WARC-Filename"] == path.name
        assert f"software: aio_strategies/{aio.__version__}".encode() in info[1]
        for record, content in others:
            assert record.rec_type == "response"
            assert record.rec_headers["WARC-Warcinfo-ID"] == info[0].rec_headers["WARC-Record-ID"]
            ids.add(record.rec_headers["WARC-Record-ID"])
            written = time.strptime(record.rec_headers["WARC-Date"].partition(".")[0], "%Y-%m-%dT%H:%M:%S")
            assert began - 2 < time.mktime(written) - time.timezone < time.time() + 2
            url = record.rec_headers["WARC-Target-URI"]
            assert record.http_headers.get_statuscode() == str(expected[url]["status"])
            assert record.http_headers["Content-Length"] == str(len(content))
            records[url] = content
        assert records == {url: row["content"] for url, row in expected.items()}
        assert len(ids) == len(records)
        if suffix == ".warc.gz":
            assert members(path.read_bytes()) == 1 + len(records)
        checking = [sys.executable, "-m", "warcio.cli", "check", str(path)]
        assert subprocess.run(checking, capture_output=True, timeout=60).returncode == 0

    def test_warc_of_encoded_bodies(self, tmp_path):
        body = b"<p>words words words \xe4\xf6\xfc</p>" * 20
        chunked = b"5\r\n<p>ab\r\n0\r\n\r\n"
        coded = {
            "/gzip": (gzip.compress(body), "gzip"),
            "/x-gzip": (gzip.compress(body), "X-GZIP"),
            "/deflate": (zlib.compress(body), "deflate"),
            "/br": (brotli.compress(body), "br"),
            "/zstd": (zstandard.compress(body), "zstd"),
            "/two": (gzip.compress(zlib.compress(body)), "deflate, gzip"),
            "/none": (body, "identity"),
            "/unknown": (b"coded", "mystery"),
            "/partly": (gzip.compress(b"coded"), "mystery, gzip"),
        }
        replies = {
            path: reply(sent, f"Content-Encoding: {encoding}", f"Content-Length: {len(sent)}", "X: \xe9")
            for path, (sent, encoding) in coded.items()
        }
        replies["/chunked"] = reply(chunked, "transfer-encoding: chunked", "Set-Cookie: a=1", "set-cookie: b=2")
        replies["/old"] = reply(b"old", status="404 ", version="1.0")
        replies["/empty"] = reply(b"", "Content-Encoding: gzip", "Content-Length: 0")
        with lab_of(replies) as lab:
            crawler = aio.Crawler(lab.url)
            crawler.to_warc(tmp_path / "p.warc.gz")
            contents = {path_of(page.url): page.content for page in crawler}
            records = {}
            with open(tmp_path / "p.warc.gz", "rb") as file:
                for record in ArchiveIterator(file):
                    if record.rec_type == "response":
                        path = path_of(record.rec_headers["WARC-Target-URI"])
                        assert record.raw_stream.read() == contents[path], path
                        records[path] = record.http_headers
        assert records.keys() == {"/", *replies}
        for path, (sent, encoding) in coded.items():
            headers = records[path]
            kept = encoding if "mystery" in encoding else None
            assert headers.get_header("Content-Encoding") == kept, path
            assert headers.get_header("X-Crawler-Content-Encoding") == (None if kept else encoding), path
            content = contents[path]
            assert headers.get_header("Content-Length") == str(len(content))
            changed = content != sent
            assert headers.get_header("X-Crawler-Content-Length") == (str(len(sent)) if changed else None)
        chunks = records["/chunked"]
        assert chunks.headers == [
            ("X-Crawler-transfer-encoding", "chunked"),
            ("Set-Cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("Content-Length", "5"),
        ]
        old = records["/old"]
        assert (old.protocol, old.statusline.strip(), old["Content-Length"]) == ("HTTP/1.0", "404", "3")

    def test_a_web_archive_must_be_named_as_one(self, tmp_path):
        with pytest.raises(ValueError, match=r"must end with .warc or .warc.gz, not 'p.gz'"):
            aio.Crawler("a.invalid").to_warc(tmp_path / "p.gz")
        assert files_in(tmp_path) == []

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_stop_completes_the_file(self, language, tmp_path, suffix):
        with aio.LabServer(latency=0.002) as lab:
            lab.reply("/", linking(*(f"/{number}" for number in range(1, 5_000))))
            crawler = crawler_class(language)(lab.url)

            def stop():
                while lab.stats().served < 50:
                    time.sleep(0.001)
                crawler.stop()

            stopping = threading.Thread(target=stop)
            stopping.start()
            statistics = written(crawler, tmp_path / f"p{suffix}")
            stopping.join()
        assert 0 < len(statistics) < 5_000
        assert files_in(tmp_path) == [f"p{suffix}"]
        assert count_in(tmp_path / f"p{suffix}") == len(statistics)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_so_does_an_exception(self, tmp_path, suffix):
        def told(done, total, label):
            raise RuntimeError("enough")

        with lab_of({"/1": reply(b"one", "X: y")}) as lab, pytest.raises(RuntimeError, match="enough"):
            written(aio.Crawler(lab.url), tmp_path / f"p{suffix}", progress=told)
        assert files_in(tmp_path) == [f"p{suffix}"]
        assert count_in(tmp_path / f"p{suffix}") == 2

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no file that is always full")
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_a_full_disk_leaves_the_earlier_file(self, tmp_path, suffix):
        path = tmp_path / f"p{suffix}"
        path.write_bytes(b"an earlier file")
        (tmp_path / f"p{suffix}.part").symlink_to("/dev/full")
        with lab_of({"/1": reply(os.urandom(1_000_000), "X: y")}) as lab, pytest.raises(OSError, match="No space left"):
            written(aio.Crawler(lab.url), path)
        assert path.read_bytes() == b"an earlier file"

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            aio.Crawler("a.invalid").to_jsonl(tmp_path / "missing" / "p.jsonl")

    def test_what_is_missing_is_named(self, monkeypatch, tmp_path):
        crawler = aio.Crawler("a.invalid")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.setitem(sys.modules, "warcio", None)
        for call in (crawler.batches, crawler.to_arrow, crawler.__arrow_c_stream__, crawler.__arrow_c_schema__):
            words = rf"Crawler\.{call.__name__} needs pyarrow: pip install 'aio-strategies\[crawl\]'"
            with pytest.raises(ImportError, match=words):
                call()
        with pytest.raises(ImportError, match="to_parquet needs pyarrow"):
            crawler.to_parquet(tmp_path / "p")
        with pytest.raises(ImportError, match="to_warc needs warcio"):
            crawler.to_warc(tmp_path / "p.warc")
        assert files_in(tmp_path) == []


def written(crawler: Outputs, path, **settings):
    """Write the pages as the name of the file says."""
    kind = {"parquet": crawler.to_parquet, "jsonl": crawler.to_jsonl}.get(path.name.rpartition(".")[2], crawler.to_warc)
    return kind(path, **settings)


def count_in(path) -> int:
    """Return how many pages a file has, after reading it as a whole."""
    if path.name.endswith(".parquet"):
        return parquet.read_table(path).num_rows
    if path.name.endswith(".jsonl"):
        return len([json.loads(line) for line in path.read_bytes().splitlines()])
    with open(path, "rb") as file:
        records = [record.rec_type for record in ArchiveIterator(file, check_digests="raise")]
    if path.name.endswith(".gz"):
        assert members(path.read_bytes()) == len(records)
    return records.count("response")


def members(data: bytes) -> int:
    """Return how many gzip members there are, each complete."""
    count = 0
    while data:
        member = zlib.decompressobj(zlib.MAX_WBITS + 16)
        member.decompress(data)
        assert member.eof
        count, data = count + 1, member.unused_data
    return count


INTERRUPTED = """
import json, os, signal, sys
from aio_strategies.calling import crawler_class

signal.signal(signal.SIGINT, signal.default_int_handler)
language, root, path = sys.argv[1:]
crawler = crawler_class(language)(root)
to = {"parquet": crawler.to_parquet, "jsonl": crawler.to_jsonl}.get(path.rpartition(".")[2], crawler.to_warc)
try:
    to(path)
except KeyboardInterrupt:
    print(json.dumps([len(crawler.statistics), os.path.exists(path + ".part")]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
@pytest.mark.slow
@pytest.mark.alone
class TestInterrupted:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_ctrl_c_completes_the_file(self, language, tmp_path, suffix):
        path = tmp_path / f"p{suffix}"
        with aio.LabServer(latency=0.01) as lab:
            lab.reply("/", linking(*(f"/{number}" for number in range(1, 20_000))))
            command = [sys.executable, "-c", INTERRUPTED, language, lab.url, str(path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                while lab.stats().served < 100:
                    assert process.poll() is None
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        came, has_part = json.loads(out)
        assert not has_part
        # one may have come, and be on its way
        assert came - count_in(path) in (0, 1)
        assert 0 < came < 19_000

    def test_one_that_comes_while_something_is_written_waits(self):
        done = []

        def interrupt(word):
            os.kill(os.getpid(), signal.SIGINT)
            done.append(word)

        def write(*words):
            with postponement.span():
                for word in words:
                    interrupt(word)

        with Postponement() as postponement:
            with pytest.raises(KeyboardInterrupt):
                write("first", "second")
            write()
            with pytest.raises(KeyboardInterrupt):
                interrupt("never")
        assert done == ["first", "second"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_other_threads_have_no_ctrl_c(self, tmp_path):
        with lab_of({"/1": reply(b"", "X: y")}) as lab:
            handler = signal.getsignal(signal.SIGINT)
            seen = []

            def work():
                aio.Crawler(lab.url).to_jsonl(
                    tmp_path / "p", progress=lambda *_: seen.append(signal.getsignal(signal.SIGINT))
                )

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert seen == [handler]


BOUNDED = """
import resource, sys
from aio_strategies.calling import crawler_class

language, root, path = sys.argv[1:]
crawler = crawler_class(language)(root)
crawler.to_parquet(path)
print(len(crawler.statistics), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, the peak has another unit, or is not told")
@pytest.mark.slow
def test_memory_stays_bounded(language, tmp_path):
    """1.5 GB are crawled, and written, in less than half of it, Python and pyarrow included."""
    with aio.LabServer(latency=0, body_size=1_000_000) as lab:
        lab.reply("/", linking(*(f"/{number}" for number in range(1, 1501))))
        command = [sys.executable, "-c", BOUNDED, language, lab.url, str(tmp_path / "p.parquet")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.stderr == ""
    count, peak = map(int, done.stdout.split())
    assert count == 1501
    assert peak * 1024 < 700e6
    metadata = parquet.read_metadata(tmp_path / "p.parquet")
    assert metadata.num_rows == 1501
    assert metadata.num_row_groups > 10


class TestStatistics:
    def test_it_is_a_table(self, crawler):
        statistics = crawler.crawl()
        columns = ["url", "next_url", "status", "exception", "size", "content_type", "encoding", "num_urls"]
        columns += ["num_new_urls", "start", "end"]
        frame = polars.DataFrame(statistics)
        assert frame.columns == columns == list(statistics[0]._fields)
        assert frame.rows() == [tuple(row) for row in statistics]
        assert pyarrow.table(statistics).num_rows == len(statistics)
        assert duckdb.sql("select count(*) from statistics").fetchall() == [(len(statistics),)]
        assert statistics.to_polars().equals(frame)
        assert list(statistics.to_pandas().columns) == columns
        assert statistics.to_csv().count("\n") == 1 + len(statistics)
        assert statistics[0].url in repr(statistics)
        assert f"{len(statistics)} rows × 11 columns" in repr(statistics)
        assert statistics._repr_html_().startswith("<")
        assert {row.encoding for row in statistics if row.exception is None} == {"utf-8"}

    def test_without_rows(self):
        statistics = aio.Crawler("a.invalid", exclude=".").crawl()
        assert polars.DataFrame(statistics).height == 0
        assert "0 rows × 11 columns" in repr(statistics)
        assert statistics.report().startswith("0 URLs")

    def test_the_summary_is_the_end_of_the_report(self, crawler):
        statistics = crawler.crawl()
        assert statistics.report().endswith("\n" + statistics.summary())
        assert statistics.report().count("\n") == len(statistics) + statistics.summary().count("\n")

    @pytest.mark.slow
    def test_when_each_was_fetched(self, language):
        with serving(aio.Site(pages=40, seed=4), latency=0.02) as lab:
            crawler = crawler_class(language)(lab.site_url, max_tasks=2)
            crawled = crawler.crawl()
            assert len(list(crawler)) == len(crawled)
            for statistics in (crawled, crawler.statistics):
                assert all(0 <= row.start < row.end <= statistics.seconds for row in statistics)
                assert all(row.end - row.start >= 0.02 for row in statistics)
                # two at a time, and nothing before the root's links were known
                starts, ends = (sorted(getattr(row, name) for row in statistics) for name in ("start", "end"))
                assert all(end <= start for end, start in zip(ends, starts[2:], strict=False))
                assert starts[1] >= ends[0]

    def test_of_an_earlier_crawl_times_are_unknown(self, tmp_path):
        with serving(aio.Site(pages=40, seed=4)) as lab:
            kept = {"state": tmp_path / "state"}
            assert len(aio.Crawler(lab.site_url, max_pages=10, **kept).crawl()) == 10
            both = aio.Crawler(lab.site_url, **kept).crawl()
        assert [row.start is None for row in both] == [row.end is None for row in both] == [True] * 10 + [False] * 30
        assert "30 URLs" in both.plot().svg


class TestPlot:
    @pytest.mark.slow
    def test_what_it_shows(self, language):
        site = aio.Site(pages=60, links=3, hosts=3, redirects=True, broken=True, seed=4)
        with serving(site, latency=0.01) as lab:
            statistics = crawler_class(language)(lab.site_url, strict=False, max_tries=1, max_tasks=4).crawl()
        picture = statistics.plot()
        panels = dict(line.split(": ", 1) for line in picture.sketch.splitlines())
        assert list(panels)[:3] == ["URLs per second", "URLs waiting", "fetches in flight"]
        counts = {title: int(facts.split()[0]) for title, facts in panels.items() if facts.split()[1] == "URLs,"}
        assert counts.pop("URLs per second") == len(statistics)
        assert counts == Counter(urlsplit(row.url).netloc for row in statistics)
        assert panels["fetches in flight"].startswith("at most 4, ")
        kinds = ("page", "redirect", "status 4xx", "status 5xx", "error")
        assert [kind for kind in kinds if f">{kind}</text>" in picture.svg] == list(kinds)
        assert not re.search(r"nan|inf[^o]", picture.svg)

    def test_how_many_waited(self):
        """The root leads to three pages, the second of which leads to two more; fetched one by one."""
        found = (3, 0, 2, 0, 0, 0)
        fetches = [
            Fetch("page", "a.org", count, 0.1 * number, 0.1 * number + 0.1) for number, count in enumerate(found)
        ]
        panel = crawl_chart(fetches).panels[1]
        [points] = [layer.points for layer in panel.layers if layer.name == "waiting"]
        after = {round(point.x): point.y for point in points}  # in ms; of two at a time, the later one
        assert after == {0: 0, 100: 2, 200: 1, 300: 2, 400: 1, 500: 0}
        assert points[0] == (0, 1)  # the root
        assert panel.facts == "at most 2, at 100.0 ms"

    def test_the_largest_hosts_have_a_panel(self):
        fetches = [Fetch("page", f"{min(number, 7)}.org", 0, 0.0, 1.0) for number in range(12)]
        chart = crawl_chart(fetches)
        assert [panel.title for panel in chart.panels[3:]] == ["7.org", "0.org", "1.org", "2.org", "3.org"]
        assert chart.panels[3].facts == "5 URLs, at most 250/s"
        assert chart.notes[1:] == ["the largest 5 of 8 hosts have a panel"]

    def test_nothing_to_draw(self, language):
        nothing = crawler_class(language)("a.invalid", exclude=".").crawl()
        with pytest.raises(ValueError, match="there is nothing to draw: this crawl has fetched nothing"):
            nothing.plot()

    def test_other_renderers(self):
        with serving(aio.Site(pages=40, hosts=2, seed=4)) as lab:
            statistics = aio.Crawler(lab.site_url, strict=False).crawl()
        [panels, *_] = statistics.plot(interactive=True).to_dict()["vconcat"]
        assert len(panels["vconcat"]) == 5
        figure, ax = pyplot.subplots()
        assert statistics.plot(ax=ax) is ax
        pyplot.close(figure)
        with pytest.raises(ValueError, match="not both"):
            statistics.plot(interactive=True, ax=ax)


class TestProgress:
    def test_a_function_is_told(self, language):
        told = []
        with lab_of({f"/{number}": reply(b"", "X: y") for number in range(9)}) as lab:
            statistics = aio.crawl(lab.url, language=language, progress=lambda *state: told.append(state))
        assert len(statistics) == 10
        assert told[-1][:2] == (10, 10)
        assert all(done <= total for done, total, _ in told)
        assert "0 queued, 0 failed, 1 host" in told[-1][2]

    def test_it_is_shown_if_asked_for(self, language, capfd, monkeypatch):
        monkeypatch.setattr(display, "_SOONEST", 0)
        with lab_of({f"/{number}": [reply(b"", "X: y"), 0.05, "close"] for number in range(8)}) as lab:
            crawler = crawler_class(language)(lab.url, max_tasks=2)
            crawler.crawl(progress=True)
            shown = capfd.readouterr().err
            crawler.crawl()
            assert capfd.readouterr().err == ""
        assert " pages, " in shown
        assert "left" not in shown, "nobody knows how much is to come"

    def test_bad_ones_are_refused(self, tmp_path):
        for call in (aio.Crawler("a.invalid").crawl, lambda **how: aio.Crawler("a.invalid").to_jsonl(tmp_path, **how)):
            with pytest.raises(TypeError, match="progress must be True, False, None or a callable, not 3"):
                call(progress=3)


def test_crawl(site, language):
    statistics = aio.crawl(site.site_url, language=language, max_tries=1, max_pages=5)
    assert len(statistics) == 5
    with pytest.raises(ValueError, match="no language 'go'; allowed: python, rust"):
        aio.crawl(site.site_url, language="go")
    with pytest.raises(TypeError, match="max_page"):
        aio.crawl(site.site_url, max_page=5)


def test_totals(language):
    replies = {f"/{number}": reply(b"x" * 100, "Content-Type: text/plain") for number in range(49)}
    with lab_of({**replies, "/bad": b"no HTTP"}) as lab:
        crawler = crawler_class(language)(lab.url, max_tasks=5, max_tries=1)
        assert set(crawler.totals()) == {0}
        size = 0
        for number, page in enumerate(crawler, 1):
            totals = crawler.totals()
            assert number <= totals.pages  # there may be some that the loop has not got yet
            assert totals.pages + totals.queued + totals.in_flight <= 51
            size += len(page.content)
        assert crawler.totals() == (51, 1, 0, 0, 1, size)
