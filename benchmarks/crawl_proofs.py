"""What is promised of crawls, on sites of the lab. Writes results/crawl_proofs_<part>.json.

- exact: both crawlers, by every strategy, find exactly the true graph of 10,000 pages on 3 hosts, with redirects,
  loops, broken and slow pages, and a page of 400 links
- killed: a crawl of 5,000 pages with a state, killed at 20 random moments
- memory: the first 300,000 pages of a million, evenly spread over three hosts, or nine tenths on one; with and without
  a state: the memory over time
- throttled: what the pages of three hosts take, alone, and beside a fourth that refuses all for as long
"""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aio_strategies as aio
from save import save

#: How many columns of the statistics are alike by all strategies: all before those that depend on what came first.
ALIKE = aio.CrawlRow._fields.index("num_new_urls")
#: A crawl with a state, which writes each page's URL to a file when its loop has it.
PROGRAM = """
import sys
import aio_strategies as aio
from aio_strategies.lab.redirect import redirect_for_good
port, state, seen = int(sys.argv[1]), sys.argv[2], sys.argv[3]
redirect_for_good([("a.site.test", port)], ("127.0.0.1", port))
crawler = aio.Crawler(f"http://a.site.test:{port}/", robots=False, state=state, max_tasks=10)
with open(seen, "a", buffering=1) as file:
    for page in crawler:
        print(page.url, file=file)
"""


@contextlib.contextmanager
def served(site: aio.Site, latency: float = 0) -> Iterator[aio.LabServer]:
    with aio.LabServer(latency=latency, site=site) as lab, contextlib.ExitStack() as stack:
        for name, (_, port) in lab.hosts.items():
            stack.enter_context(lab.as_host(name, port))
        yield lab


def exact() -> dict:
    site = aio.Site(10_000, 10, hosts=3, redirects=True, broken=True, slow=0.01, wide=400, seed=12)
    rows: dict[str, list] = {}
    results = {}
    with served(site) as lab:
        truth = {url: site.page(url) for url in site.urls(lab.site_url)}
        expected = {url: None if page.cut else page.status for url, page in truth.items() if page.depth is not None}
        for strategy in aio.strategies():
            for language in strategy.languages:
                settings = {"strict": False, "strategy": strategy.key, "max_tries": 1, "max_tasks": 32}
                if language == "rust":
                    settings["robots"] = False
                crawler = getattr(aio, language).Crawler(lab.site_url, **settings)
                crawler.crawl(progress=False)
                found = {row.url: row.status for row in crawler.statistics}
                name = f"{language}/{strategy.key}"
                rows[name] = sorted(row[:ALIKE] for row in crawler.statistics if row.exception is None)
                results[name] = {
                    "seconds": crawler.statistics.seconds,
                    "rows": len(crawler.statistics),
                    "exact": found == expected and len(crawler.statistics) == len(expected),
                    "as_the_first": rows[name] == next(iter(rows.values())),
                }
                print(name, results[name], flush=True)
    return {"pages": len(expected), "crawls": results}


def killed() -> dict:
    pages, kills = 5_000, 20
    site = aio.Site(pages, 5, size=500, seed=9)
    draw = random.Random(20)
    folder = Path(tempfile.mkdtemp())
    again = []
    with served(site, latency=0.001) as lab:
        arguments = [sys.executable, "-c", PROGRAM, str(lab.port), str(folder / "state"), str(folder / "seen")]
        for _ in range(kills):
            wanted = lab.stats().served + draw.randrange(1, pages // kills)
            with subprocess.Popen(arguments) as process:
                while lab.stats().served < wanted and process.poll() is None:
                    time.sleep(draw.random() * 0.005)
                process.kill()
            fetched = Counter(record.path for record in lab.log())
            again.append(sum(fetched.values()) - len(fetched))
        subprocess.run(arguments, check=True)
        fetched = Counter(record.path for record in lab.log())
    seen = Counter((folder / "seen").read_text().split())
    return {
        "pages": pages,
        "kills": kills,
        "found": len(seen),
        "exact": seen.keys() == set(site.urls(lab.site_url)),
        "fetched_twice_after_each": again,
        "fetched_twice": sum(fetched.values()) - len(fetched),
        "handed_out_twice": sum(seen.values()) - len(seen),
    }


def memory() -> dict:
    return {
        name: _memory(hot, state)
        for name, hot, state in (
            ("even", None, False),
            ("one hot host", 0.9, False),
            ("even, with a state", None, True),
            ("one hot host, with a state", 0.9, True),
        )
    }


def _memory(hot: float | None, state: bool) -> dict:
    """Crawl in a process of its own, whose memory is its own."""
    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import crawl_proofs, json
print(json.dumps(crawl_proofs.crawl_a_million({hot!r}, {state!r})))
"""
    output = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, text=True).stdout
    result = json.loads(output)
    print(hot, state, result["curve"][-1], flush=True)
    return result


def crawl_a_million(hot: float | None, state: bool) -> dict:
    site = aio.Site(1_000_000, 10, size=500, hosts=3, hot=hot, seed=1)
    curve = []
    with served(site) as lab, tempfile.TemporaryDirectory() as folder:
        crawler = aio.Crawler(
            lab.site_url,
            strict=False,
            robots=False,
            keep_pages=False,
            max_pages=300_000,
            max_tasks=64,
            strategy="callback",
            state=folder if state else None,
        )
        began = time.monotonic()
        done = threading.Event()

        def watch() -> None:
            while True:
                ended = done.wait(2)
                status = Path("/proc/self/status").read_text()
                peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
                totals = crawler.totals()
                curve.append((round(time.monotonic() - began, 1), totals.pages, totals.queued, peak / 1024))
                if ended:
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        crawler.crawl(progress=False)
        done.set()
        watcher.join()
    return {"curve": curve, "columns": ["seconds", "pages", "queued", "peak MiB"]}


def throttled() -> dict:
    """A host that always refuses, with a pause of a second, beside three that serve."""
    site = aio.Site(3_000, 10, hosts=3, seed=4)
    refusing = aio.Site(2_000, 10, throttled=10**6, retry_after=1)
    ratios = []
    with served(site, latency=0.002) as lab, aio.LabServer(latency=0.002, site=refusing) as other:
        roots = [lab.site_url, *(f"http://{name}:{lab.port}/" for name in site.names[1:])]
        with other.as_host("a.site.test", other.port):
            refused = [f"{other.site_url}p/{number}" for number in range(1, 50)]
            for _ in range(5):
                alone = _rate(roots, lab)
                beside = _rate([*roots, *refused], lab)
                ratios.append(beside / alone)
                print(ratios[-1], flush=True)
    return {"throughput_beside_to_alone": ratios, "median": statistics.median(ratios)}


def _rate(roots: list[str], lab: aio.LabServer) -> float:
    """Return the pages per second of the hosts that serve, by their log."""
    lab.reset()
    aio.Crawler(roots, robots=False, max_tasks=10, max_tries=2, strategy="callback").crawl(progress=False)
    log = lab.log()
    return len(log) / (max(record.last_byte for record in log) - min(record.begun for record in log))


PARTS = {"exact": exact, "killed": killed, "memory": memory, "throttled": throttled}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        print("---", part)
        save(Path(__file__).with_stem(f"crawl_proofs_{part}"), PARTS[part]())
