"""The crawlers of benchmarks/crawlers.py: each crawls a whole site, within its host, and says what that took.

Run as a program, it does one job, which is its argument, and prints what came of it: both JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

#: Of one fetch, in seconds, for crawlers that take one.
TIMEOUT = 60.0


@dataclass(frozen=True)
class Job:
    """Which site to crawl, with how many fetches in flight; over https if there is a ``ca_file`` to trust."""

    arm: str
    url: str
    in_flight: int
    ca_file: str | None


#: What is timed, after all is imported and made: it returns how many pages there were, by the crawler's own count.
Crawl = Callable[[], int]


def ours(language: str, strategy: str, face: str, job: Job) -> Crawl:
    """One of ours, run to its end by ``crawl()``, or by ``async for``."""
    import aio_strategies as aio

    settings: dict[str, Any] = {"robots": False} if language == "rust" else {}
    crawler = getattr(aio, language).Crawler(
        job.url,
        max_tasks=job.in_flight,
        strategy=strategy,
        timeout=TIMEOUT,
        verify=job.ca_file or True,
        **settings,
    )

    if face == "crawl":
        return lambda: len(crawler.crawl())

    import asyncio

    async def iterate() -> int:
        return len([page.status async for page in crawler])

    return lambda: asyncio.run(iterate())


def scrapy(job: Job) -> Crawl:
    from scrapy import Spider
    from scrapy.crawler import CrawlerProcess
    from scrapy.http import HtmlResponse, Request
    from scrapy.linkextractors import LinkExtractor

    links = LinkExtractor(allow_domains=[urlsplit(job.url).netloc], deny_extensions=[])
    visited = 0

    class Site(Spider):
        name = "site"
        start_urls = (job.url,)

        def parse(self, response: Any) -> Any:
            nonlocal visited
            visited += 1
            if isinstance(response, HtmlResponse):
                for link in links.extract_links(response):
                    yield Request(link.url)

    settings = {
        "CONCURRENT_REQUESTS": job.in_flight,
        "CONCURRENT_REQUESTS_PER_DOMAIN": job.in_flight,
        "DOWNLOAD_DELAY": 0,
        "DOWNLOAD_TIMEOUT": TIMEOUT,
        "ROBOTSTXT_OBEY": False,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_ENABLED": False,
    }
    process = CrawlerProcess(settings)

    def crawl() -> int:
        process.crawl(Site)
        process.start()
        return visited

    return crawl


def crawlee(job: Job) -> Crawl:
    """Its leanest crawler, which leaves parsing to its user: lxml does it here."""
    import asyncio
    import logging
    from datetime import timedelta

    import lxml.html
    from crawlee import ConcurrencySettings
    from crawlee.crawlers import HttpCrawler, HttpCrawlingContext
    from crawlee.http_clients import ImpitHttpClient
    from crawlee.storage_clients import MemoryStorageClient

    logging.disable(logging.CRITICAL)
    host = urlsplit(job.url).netloc
    many = job.in_flight
    visited = 0

    async def handle(context: HttpCrawlingContext) -> None:
        nonlocal visited
        visited += 1
        if "text/html" not in (context.http_response.headers.get("content-type") or ""):
            return
        url = context.request.loaded_url or context.request.url
        document = lxml.html.fromstring(await context.http_response.read())
        links = {urljoin(url, href).partition("#")[0] for href in document.xpath("//a/@href | //area/@href")}
        await context.add_requests([link for link in links if urlsplit(link).netloc == host])

    async def crawl() -> int:
        crawler = HttpCrawler(
            request_handler=handle,
            http_client=ImpitHttpClient(verify=False),
            storage_client=MemoryStorageClient(),
            concurrency_settings=ConcurrencySettings(
                min_concurrency=many, desired_concurrency=many, max_concurrency=many
            ),
            use_session_pool=False,
            request_handler_timeout=timedelta(seconds=TIMEOUT),
            configure_logging=False,
        )
        await crawler.run([job.url])
        return visited

    return lambda: asyncio.run(crawl())


STRATEGIES = ("asyncio", "callback", "thread", "uring")
OURS: dict[str, Callable[[Job], Crawl]] = {
    **{f"rust/{key}": partial(ours, "rust", key, "crawl") for key in STRATEGIES},
    **{f"rust/{key}, async for": partial(ours, "rust", key, "async for") for key in STRATEGIES},
    "python/asyncio": partial(ours, "python", "asyncio", "crawl"),
}
PEERS: dict[str, Callable[[Job], Crawl]] = {"scrapy": scrapy, "crawlee": crawlee}
CRAWLERS = OURS | PEERS


def cpu_seconds() -> tuple[float, float]:
    """This process's CPU time, in user mode and in the kernel."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_stime


def measure(job: Job) -> dict[str, Any]:
    crawl = CRAWLERS[job.arm](job)
    user, system = cpu_seconds()
    began = time.perf_counter()
    pages = crawl()
    seconds = time.perf_counter() - began
    user_after, system_after = cpu_seconds()
    return {"pages": pages, "seconds": seconds, "user": user_after - user, "system": system_after - system}


if __name__ == "__main__":
    print(json.dumps(measure(Job(**json.loads(sys.argv[1])))), flush=True)
