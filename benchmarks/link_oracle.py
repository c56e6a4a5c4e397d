"""What our two crawlers find on a site, against what is there: its files, read by other parsers than ours.

    python benchmarks/link_oracle.py [--sites SITE ...] [--folder FOLDER]

The oracle fetches nothing. It reads the site's files from the root on: links are what Lexbor, a parser of HTML 5, sees
in ``a`` and ``area``; Ada joins them by the URL standard; the status is what nginx says of such a path. Our crawlers
crawl the same files, served by nginx; so does ``wget -r --spider``. Of ours, each page's links must be the oracle's,
in its order; of all, each URL and its status, by what they say and by nginx's log. lxml reads all pages, too: those
where it sees other links than Lexbor are told.

Besides documentation, there is a site of hostile markup, a page for each case, which only ours crawl.

Writes results/link_oracle.json. Needs ada-url, lxml, selectolax, nginx and wget.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

import ada_url
import aio_strategies as aio
import lxml.etree
import lxml.html
from hostile_markup import UNFETCHABLE, hostile_markup
from nginx import Nginx, mime_types, nginx, versions
from save import save
from selectolax.lexbor import LexborHTMLParser, LexborNode
from sites import DOCUMENTATION, documentation, package_version

HTML = "text/html"
XHTML = "application/xhtml+xml"
MAX_TASKS = 64
CRAWLERS: dict[str, Callable[..., Any]] = {
    "rust": partial(aio.rust.Crawler, max_tasks=MAX_TASKS, robots=False),
    "python": partial(aio.python.Crawler, max_tasks=MAX_TASKS),
}
#: What the encoding standard takes some labels for.
MEANT = {
    **dict.fromkeys(("iso-8859-1", "latin1", "us-ascii"), "cp1252"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be"), "utf-8"),
    "gb2312": "gb18030",
}
#: How many differences of a kind are told in full.
MOST_TOLD = 20


class Found(NamedTuple):
    """What is at a URL, and where its links lead."""

    status: int
    next_url: str | None
    links: list[str]
    referrer: str | None


# --- what a page's links are


def by_lexbor(page: bytes) -> tuple[str | None, list[str]]:
    """The first base, and the links as they are written."""
    found = LexborHTMLParser(decoded(page)).css("a[href], area[href], base[href]")
    found = [node for node in found if "href" in node.attributes]  # it finds xlink:href, too
    bases = [node.attributes["href"] or "" for node in found if node.tag == "base" and not is_drawn(node)]
    links = [node.attributes["href"] or "" for node in found if node.tag != "base"]
    return (bases[0] if bases else None), links


def is_drawn(node: LexborNode) -> bool:
    """Whether it is within a picture, where a base is none."""
    while node.parent is not None:
        node = node.parent
        if node.tag == "svg":
            return True
    return False


def by_lxml(page: bytes) -> tuple[str | None, list[str]]:
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    document = lxml.html.document_fromstring(decoded(page).encode() or b"<html></html>", parser)
    bases = [element.get("href") for element in document.iter("base")]
    links = [element.get("href") for element in document.iter("a", "area")]
    return next((base for base in bases if base is not None), None), [link for link in links if link is not None]


def by_lxml_as_xml(page: bytes) -> tuple[str | None, list[str]]:
    document = lxml.etree.fromstring(page)
    return None, [link for element in document.iter("{*}a", "{*}area") if (link := element.get("href")) is not None]


def decoded(page: bytes) -> str:
    return page.decode(encoding_of(page), "replace").removeprefix("\ufeff")


def encoding_of(page: bytes) -> str:
    """The page's encoding: by its byte order mark, or what its head says, or UTF-8."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le")):
        if page.startswith(mark):
            return encoding
    told = re.search(rb"<meta[^>]*charset\s*=\s*[\"']?\s*([\w-]+)", page[:1024], re.IGNORECASE)
    label = told[1].decode().lower() if told else "utf-8"
    return MEANT.get(label, label)


def joined(base: str, reference: str, encoding: str) -> str | None:
    """The URL that a link leads to, without its fragment; None if it cannot be fetched, or holds a user name."""
    before, mark, query = reference.partition("#")[0].partition("?")
    if mark and not encoding.startswith("utf"):  # a query is sent in the page's encoding
        reference = before + mark + re.sub(r"[^\0-\x7f]+", lambda match: encoded(match[0], encoding), query)
    try:
        url = ada_url.URL(reference, base)
    except ValueError:
        return None
    if url.protocol not in ("http:", "https:") or url.username or url.password or url.port == "0":
        return None
    url.hash = ""
    return url.href


def encoded(letters: str, encoding: str) -> str:
    return quote_from_bytes(letters.encode(encoding, "xmlcharrefreplace"))


def links_of(page: bytes, url: str, reader: Callable[[bytes], tuple[str | None, list[str]]]) -> list[str]:
    """Where the page's links lead, in their order, each once."""
    written_base, references = reader(page)
    base = url
    if written_base is not None:
        with contextlib.suppress(ValueError):
            meant = ada_url.URL(written_base, url)
            base = url if meant.protocol in ("data:", "javascript:") else meant.href
    encoding = encoding_of(page)
    links = (joined(base, reference, encoding) for reference in references)
    return list(dict.fromkeys(link for link in links if link))


# --- what nginx says of a path


class Files:
    """A site's files, as nginx serves them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        words = re.sub(r"#.*", "", mime_types().read_text())
        kinds = re.findall(r"([\w.+-]+/[\w.+-]+)\s+([^;{}]+);", words)
        self._kinds = {extension: kind for kind, extensions in kinds for extension in extensions.split()}

    def at(self, url: str, root: str) -> tuple[int, str | None, str, bytes]:
        """The status, the redirect, the media type and the content that a URL has; 0 if it is not on the site."""
        if not url.startswith(root):
            return 0, None, "", b""
        parsed = ada_url.URL(url)
        names: list[bytes] = []
        parts = unquote_to_bytes(parsed.pathname).split(b"/")
        if re.search(r"%(?![0-9A-Fa-f]{2})", parsed.pathname) or b"\0" in b"".join(parts):
            return 400, None, HTML, b""
        for part in parts:
            if part == b".." and not names:
                return 400, None, HTML, b""
            if part == b"..":
                names.pop()
            elif part not in (b"", b"."):
                names.append(part)
        path = Path(str(self._folder), *(name.decode("utf-8", "surrogateescape") for name in names))
        ends_in_slash = parts[-1] in (b"", b".", b"..")
        try:
            if path.is_dir() and not ends_in_slash:
                return 301, f"{parsed.origin}{parsed.pathname}/{parsed.search}", HTML, b""
            if path.is_dir():
                path /= "index.html"
                if not path.exists():
                    return 403, None, HTML, b""
            elif ends_in_slash or not path.exists():
                return 404, None, HTML, b""
        except OSError:  # a name that is too long
            return 404, None, HTML, b""
        return 200, None, self._kinds.get(path.suffix[1:].lower(), "text/plain"), path.read_bytes()


def expected(files: Files, root: str) -> tuple[dict[str, Found], list[str]]:
    """What there is on the site, by URL; and the URLs where lxml sees other links."""
    host = ada_url.URL(root).hostname
    found: dict[str, Found] = {}
    queue: deque[tuple[str, str | None]] = deque([(root, None)])
    seen = {root}
    disputed = []
    while queue:
        url, referrer = queue.popleft()
        status, next_url, kind, content = files.at(url, root)
        links = []
        if status == 200 and kind == XHTML:
            links = links_of(content, url, by_lxml_as_xml)
        elif status == 200 and kind == HTML:
            links = links_of(content, url, by_lexbor)
            if links_of(content, url, by_lxml) != links:
                disputed.append(url)
        found[url] = Found(status, next_url, links, referrer)
        for link in [next_url] if next_url else links:
            if link not in seen and ada_url.URL(link).hostname == host:
                seen.add(link)
                queue.append((link, url))
    return found, disputed


# --- what crawlers say


def crawled(make: Callable[..., Any], server: Nginx) -> tuple[dict[str, Found], str | None]:
    """What one of ours found; and how it failed, if it had to begin again without the page that it fails on."""
    try:
        return whole_crawl(make(server.root())), None
    except aio.RequestError as error:
        failed = f"{type(error).__name__}: {error}"
    server.requests()  # they do not count
    return whole_crawl(make(server.root(), exclude=UNFETCHABLE)), failed


def whole_crawl(crawler: Any) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for page in crawler:
        assert page.url not in found, f"{page.url} came twice"
        found[page.url] = Found(page.status or 0, page.next_url, list(page.links), page.referrer)
    rows = {row.url: (row.status or 0, row.next_url, row.num_urls) for row in crawler.statistics}
    assert rows == {url: (each.status, each.next_url, len(each.links)) for url, each in found.items()}
    return found


def wget(root: str) -> None:
    """Have wget crawl the site; what it asked for is in nginx's log."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--recursive", "--level=inf", "--spider", "--follow-tags=a,area", "-e", "robots=off", "--no-verbose"]
        subprocess.run(["wget", *options, root], cwd=folder, capture_output=True, check=False)


def asked(server: Nginx) -> tuple[dict[str, int], int]:
    """What nginx was asked for: the last status by URL, as Ada writes it, and how many requests for each there were."""
    requests = [request for request in server.requests() if request.path]  # some it could not read
    root = server.root()
    statuses = {ada_url.URL(request.path, root).href: request.status for request in requests}
    gets = Counter(request.path for request in requests if request.method == "GET")
    return statuses, sum(count - 1 for count in gets.values())


# --- comparing


def differences(of_oracle: dict[str, Found], of_crawler: dict[str, Found]) -> Iterator[dict[str, Any]]:
    """In what a crawler differs."""
    for url in of_oracle.keys() | of_crawler.keys():
        mine, theirs = of_oracle.get(url), of_crawler.get(url)
        if mine is None or theirs is None:
            whose = theirs or mine
            assert whose
            kind = "missed" if theirs is None else "too much"
            yield {"kind": kind, "url": url, "status": whose.status, "page": whose.referrer}
            continue
        if mine.status != theirs.status:
            yield {"kind": "status", "url": url, "oracle": mine.status, "crawler": theirs.status}
        if mine.next_url != theirs.next_url:
            yield {"kind": "redirect", "url": url, "oracle": mine.next_url, "crawler": theirs.next_url}
        if mine.links != theirs.links:
            pairs = zip_longest(mine.links, theirs.links)
            first = next((pair for pair in pairs if pair[0] != pair[1]), None)
            yield {
                "kind": "links",
                "page": url,
                "missed": [link for link in mine.links if link not in theirs.links][:MOST_TOLD],
                "too much": [link for link in theirs.links if link not in mine.links][:MOST_TOLD],
                "first of another order": first,
            }


def status_differences(of_oracle: dict[str, Found], statuses: dict[str, int]) -> Iterator[dict[str, Any]]:
    """In what the requests that nginx saw differ."""
    for url in of_oracle.keys() | statuses.keys():
        mine, theirs = of_oracle.get(url), statuses.get(url)
        if theirs is None and mine:
            if mine.status in (0, 400):
                continue  # it is not on the site, or nginx does not say what it was
            yield {"kind": "missed", "url": url, "status": mine.status, "page": mine.referrer}
        elif mine is None:
            yield {"kind": "too much", "url": url, "status": theirs}
        elif mine.status != theirs:
            yield {"kind": "status", "url": url, "oracle": mine.status, "crawler": theirs}


def summary(found: Iterable[dict[str, Any]], root: str) -> dict[str, Any]:
    """How many differences of each kind there are, and the first of them; without the port, which differs each time."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for each in sorted(found, key=lambda each: str(each.get("url") or each.get("page"))):
        kinds.setdefault(each["kind"], []).append(without_root(each, root))
    counts = {kind: len(them) for kind, them in kinds.items()}
    return {"counts": counts, "differences": [each for them in kinds.values() for each in them[:MOST_TOLD]]}


def without_root(value: Any, root: str) -> Any:
    """What was found, with paths instead of the site's URLs."""
    if isinstance(value, str):
        return value.replace(root, "/")
    if isinstance(value, dict):
        return {key: without_root(each, root) for key, each in value.items()}
    return [without_root(each, root) for each in value] if isinstance(value, list | tuple) else value


def examine(folder: Path, with_wget: bool = True) -> dict[str, Any]:
    """Compare all crawlers with the oracle on one site."""
    with nginx(site=folder) as server:
        root = server.root()
        began = time.monotonic()
        of_oracle, disputed = expected(Files(folder), root)
        result: dict[str, Any] = {
            "urls": len(of_oracle),
            "statuses": dict(Counter(str(each.status) for each in of_oracle.values())),
            "links": sum(len(each.links) for each in of_oracle.values()),
            "seconds": round(time.monotonic() - began, 1),
            "lxml_differs": without_root(disputed[:MOST_TOLD], root),
            "crawlers": {},
        }
        print(f"  {told(result, 'urls', 'statuses', 'links', 'lxml_differs')}", flush=True)
        for name, make in CRAWLERS.items():
            of_crawler, failed = crawled(make, server)
            compared = summary(differences(of_oracle, of_crawler), root)
            statuses, repeated = asked(server)
            compared["log"] = summary(status_differences(of_oracle, statuses), root)
            result["crawlers"][name] = {
                "urls": len(of_crawler),
                "failed": failed,
                "requests_repeated": repeated,
                **compared,
            }
        if with_wget:
            wget(root)
            statuses, repeated = asked(server)
            compared = summary(status_differences(of_oracle, statuses), root)
            result["crawlers"]["wget"] = {"urls": len(statuses), "requests_repeated": repeated, **compared}
    for name, figures in result["crawlers"].items():
        print(f"  {name}: {told(figures, 'urls', 'requests_repeated', 'counts')}", flush=True)
        if figures.get("failed"):
            print(f"    it failed: {figures['failed']}")
        for each in figures["differences"][:MOST_TOLD]:
            print(f"    {each}")
        if figures.get("log", {}).get("counts"):
            print(f"    nginx's log: {figures['log']}")
    return result


def told(figures: dict[str, Any], *names: str) -> str:
    return ", ".join(f"{name} {figures[name]}" for name in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", nargs="*", default=[*DOCUMENTATION, "hostile markup"], help="of these, which")
    parser.add_argument("--folder", type=Path, help="and the site of these files, which is not written into results")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "versions": {name: importlib.metadata.version(name) for name in ("ada-url", "lxml", "selectolax")} | versions(),
        "sites": {},
    }
    for name in options.sites:
        print(name, flush=True)
        if name in DOCUMENTATION:
            result["versions"][name] = package_version(name)
            result["sites"][name] = examine(documentation(name))
        else:
            with hostile_markup() as folder:
                result["sites"][name] = examine(folder, with_wget=False)  # it has rules of its own
    if options.folder:
        print(options.folder)
        examine(options.folder.resolve())
    if options.sites:
        save(Path(__file__), result)


if __name__ == "__main__":
    sys.exit(main())
