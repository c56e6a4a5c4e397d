"""Clients that users bring, held against the truth: what `compare` says of them, and what the raw log shows.

Six clients fetch 60 pages, 10 at a time, from a lab with a latency of 20 ms. For each, the table shows connections per
request, the peak in flight and the median service time, from `compare` and from the lab's raw log of a run of its own.
Writes results/clients.json. Needs httpx, aiohttp, requests and trio.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import aio_strategies as aio
from aio_strategies.lab.log import LogRecord
from aio_strategies.lab.server import private_entrance
from save import save

REQUESTS, CONCURRENCY, LATENCY = 60, 10, 0.02


def httpx_client(urls, concurrency):
    import httpx

    with httpx.Client() as client:
        return [client.get(url) for url in urls]


async def httpx_async_client(urls, concurrency):
    import asyncio

    import httpx

    limit = asyncio.Semaphore(concurrency)

    async def fetch(client, url):
        async with limit:
            return await client.get(url)

    async with httpx.AsyncClient() as client:
        return await asyncio.gather(*(fetch(client, url) for url in urls))


async def aiohttp_session(urls, concurrency):
    import asyncio

    import aiohttp

    async def fetch(session, url):
        async with session.get(url) as response:
            return await response.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        return await asyncio.gather(*(fetch(session, url) for url in urls))


def requests_in_threads(urls, concurrency):
    from concurrent.futures import ThreadPoolExecutor

    import requests

    with ThreadPoolExecutor(concurrency) as pool:
        return list(pool.map(requests.get, urls))


def trio_streams(urls, concurrency):
    from urllib.parse import urlsplit

    import trio

    bodies = {}

    async def fetch(url, limit):
        parts = urlsplit(url)
        async with limit, await trio.open_tcp_stream(parts.hostname, parts.port) as stream:
            request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
            await stream.send_all(request.encode())
            reply = b"".join([chunk async for chunk in stream])
            bodies[url] = reply.partition(b"\r\n\r\n")[2]

    async def fetch_all():
        limit = trio.CapacityLimiter(concurrency)
        async with trio.open_nursery() as nursery:
            for url in urls:
                nursery.start_soon(fetch, url, limit)

    trio.run(fetch_all)
    return [bodies[url] for url in urls]


def urllib_one_by_one(urls, concurrency):
    from urllib.request import urlopen

    bodies = []
    for url in urls:
        with urlopen(url) as reply:
            bodies.append(reply.read())
    return bodies


CLIENTS = [httpx_client, httpx_async_client, aiohttp_session, requests_in_threads, trio_streams, urllib_one_by_one]


def keep_logs(lab: aio.LabServer) -> list[list[LogRecord]]:
    """Return a list to which each log is added that a comparison reads."""
    entrance, kept = private_entrance(lab), []
    read = entrance.log

    def read_and_keep():
        kept.append(read())
        return kept[-1]

    entrance.log = read_and_keep
    return kept


def seen_in(log: Sequence[LogRecord]) -> tuple[int, int, list[float]]:
    """Return the connections, the peak in flight, and the service times in seconds.

    They are worked out anew: on a used connection, an exchange begins with its request.
    """
    first = {record.connection: record.id for record in sorted(log, key=lambda record: record.id, reverse=True)}
    spans = [
        (record.accepted if first[record.connection] == record.id else record.request, record.last_byte)
        for record in log
    ]
    changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    peak = max(itertools.accumulate(change for _, change in changes))
    return len(first), peak, [end - start for start, end in spans]


def main() -> None:
    programs = {client.__name__: client for client in CLIENTS}
    with aio.LabServer(latency=LATENCY) as lab:
        logs = keep_logs(lab)
        comparison = aio.compare(
            [], programs=programs, lab=lab, requests=REQUESTS, concurrency=CONCURRENCY, rounds=8, seed=1
        )
    # A comparison reads a log after each run of an arm; those of the gate came first, and the twin's is not read.
    runs = [run["arm"] for run in comparison.runs if not run["twin"]]
    truth = {}
    for name in programs:
        seen = [seen_in(log) for arm, log in zip(runs, logs[-len(runs) :], strict=True) if arm == name]
        connections, peaks, services = zip(*seen, strict=True)
        times = list(itertools.chain.from_iterable(services))
        truth[name] = (sum(connections) / len(times), median(peaks), median(times))
    print(f"{'':22}{'connections/request':>22}{'peak in flight':>18}{'service p50, ms':>20}   (compare / raw log)")
    results = {}
    for arm in comparison.arms:
        assert arm.latency is not None
        told = (arm.connections_per_request, arm.peak_in_flight, arm.latency.service[0.5])
        seen = truth[arm.name]
        print(
            f"{arm.name:22}{told[0]:13.3f} / {seen[0]:6.3f}{told[1]:11} / {seen[1]:4.0f}"
            f"{1e3 * told[2]:12.2f} / {1e3 * seen[2]:5.2f}"
        )
        results[arm.name] = {
            "compare": dict(zip(("connections", "peak", "service"), told, strict=True)),
            "raw_log": dict(zip(("connections", "peak", "service"), seen, strict=True)),
        }
    save(Path(__file__), {"requests": REQUESTS, "concurrency": CONCURRENCY, "latency": LATENCY, "clients": results})


if __name__ == "__main__":
    main()
