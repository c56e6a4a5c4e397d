"""The clients of benchmarks/peers.py: each fetches a list of URLs, so many at once, and returns what came.

Run as a program, it is a worker: it reads jobs, a line of JSON each, and answers each with the seconds it took.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import select
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import aio_strategies as aio

#: Of one exchange, in seconds, for clients that take one.
TIMEOUT = 60.0
CLOSE = {"Connection": "close"}


@dataclass(frozen=True)
class Job:
    """What to fetch: ``count`` times the same page of ``size`` bytes; over https if there is a ``ca_file`` to trust."""

    arm: str
    url: str
    size: int
    count: int
    concurrency: int
    keep_alive: bool
    ca_file: str | None

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """What most clients take: whom to trust. Over http nobody, so that none loads a store that it does not need."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else False

    @property
    def headers(self) -> dict[str, str]:
        """What makes a client without a setting for it open a connection for each request."""
        return {} if self.keep_alive else CLOSE


class Came(NamedTuple):
    """What came of a request; kept until the end, as a ``Run`` keeps its responses."""

    status_code: int
    content: bytes


def our_options(job: Job) -> dict[str, Any]:
    """What each of ours is called with."""
    return {
        "concurrency": job.concurrency,
        "timeout": TIMEOUT,
        "verify": job.ca_file or True,
        "keep_alive": job.keep_alive,
    }


def strategy(key: str, language: str, job: Job) -> Sequence[aio.Response]:
    """One of ours."""
    return aio.run(key, [job.url] * job.count, language=language, **our_options(job))


def uvloop(job: Job) -> Sequence[aio.Response]:
    """Our Python ``asyncio``, on uvloop's event loop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(aio.arun("asyncio", [job.url] * job.count, language="python", **our_options(job)))


async def by_tasks(job: Job, fetch: Callable[[], Awaitable[Came]]) -> list[Came]:
    """As many tasks as there may be requests in flight; each makes one request after another."""
    came: list[Came] = []
    tickets = iter(range(job.count))

    async def worker() -> None:
        for _ in tickets:
            came.append(await fetch())

    async with asyncio.TaskGroup() as group:
        for _ in range(min(job.concurrency, job.count)):
            group.create_task(worker())
    return came


def aiohttp(job: Job) -> list[Came]:
    import aiohttp

    async def fetch_all() -> list[Came]:
        connector = aiohttp.TCPConnector(limit=job.concurrency, force_close=not job.keep_alive, ssl=job.verify)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def fetch() -> Came:
                async with session.get(job.url) as response:
                    return Came(response.status, await response.read())

            return await by_tasks(job, fetch)

    return asyncio.run(fetch_all())


def of_httpx(package: str, job: Job) -> list[Came]:
    """httpx, or its successor with the same interface."""
    httpx = __import__(package)

    async def fetch_all() -> list[Came]:
        limits = httpx.Limits(
            max_connections=job.concurrency, max_keepalive_connections=job.concurrency if job.keep_alive else 0
        )
        settings = {"headers": job.headers, "limits": limits, "timeout": TIMEOUT, "trust_env": False}
        async with httpx.AsyncClient(verify=job.verify, **settings) as client:

            async def fetch() -> Came:
                response = await client.get(job.url)
                return Came(response.status_code, response.content)

            return await by_tasks(job, fetch)

    return asyncio.run(fetch_all())


def niquests(job: Job) -> list[Came]:
    import niquests

    async def fetch_all() -> list[Came]:
        async with niquests.AsyncSession(
            pool_connections=1, pool_maxsize=job.concurrency, headers=job.headers, timeout=TIMEOUT
        ) as session:
            session.trust_env = False
            if job.ca_file:
                session.verify = job.ca_file

            async def fetch() -> Came:
                response = await session.get(job.url)
                return Came(response.status_code or 0, response.content or b"")

            return await by_tasks(job, fetch)

    return asyncio.run(fetch_all())


def primp(job: Job) -> list[Came]:
    import primp

    async def fetch_all() -> list[Came]:
        client = primp.AsyncClient(headers=job.headers, ca_cert_file=job.ca_file, timeout=TIMEOUT, cookie_store=False)

        async def fetch() -> Came:
            response = await client.get(job.url)
            return Came(response.status_code, response.content)

        return await by_tasks(job, fetch)

    return asyncio.run(fetch_all())


def pycurl(job: Job) -> list[Came]:
    """A multi handle whose sockets epoll watches: its own ``select`` takes no more than 1,024 descriptors."""
    import pycurl

    multi, watched = pycurl.CurlMulti(), select.epoll()
    timer_at: list[float] = [0.0]
    registered: set[int] = set()

    def watch(what: int, socket: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            registered.discard(socket)
            with contextlib.suppress(OSError):  # closed, and so gone
                watched.unregister(socket)
            return
        events = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (select.EPOLLOUT if what & pycurl.POLL_OUT else 0)
        if socket in registered:
            watched.modify(socket, events)
        else:
            registered.add(socket)
            watched.register(socket, events)

    def set_timer(milliseconds: int) -> None:
        timer_at[0] = time.monotonic() + milliseconds / 1000 if milliseconds >= 0 else float("inf")

    multi.setopt(pycurl.M_SOCKETFUNCTION, watch)
    multi.setopt(pycurl.M_TIMERFUNCTION, set_timer)
    multi.setopt(pycurl.M_MAXCONNECTS, job.concurrency)
    bodies: dict[Any, list[bytes]] = {}

    def begin(curl: Any) -> None:
        pieces: list[bytes] = []
        bodies[curl] = pieces
        curl.setopt(pycurl.WRITEFUNCTION, pieces.append)
        multi.add_handle(curl)

    came: list[Came] = []
    left = job.count
    handles = []
    for _ in range(min(job.concurrency, job.count)):
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, job.url)
        curl.setopt(pycurl.TIMEOUT, int(TIMEOUT))
        curl.setopt(pycurl.NOSIGNAL, 1)
        if not job.keep_alive:
            curl.setopt(pycurl.FORBID_REUSE, 1)
            curl.setopt(pycurl.HTTPHEADER, ["Connection: close"])
        if job.ca_file:
            curl.setopt(pycurl.CAINFO, job.ca_file)
            curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
        handles.append(curl)
        begin(curl)
        left -= 1
    while bodies:
        for socket, events in watched.poll(max(0.0, min(1.0, timer_at[0] - time.monotonic()))):
            seen = (pycurl.CSELECT_IN if events & ~select.EPOLLOUT else 0) | (
                pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0
            )
            multi.socket_action(socket, seen)
        if time.monotonic() >= timer_at[0]:
            timer_at[0] = float("inf")
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        queued = 1
        while queued:
            queued, done, failed = multi.info_read()
            if failed:
                raise OSError(failed[0][2])
            for curl in done:
                came.append(Came(curl.getinfo(pycurl.RESPONSE_CODE), b"".join(bodies.pop(curl))))
                multi.remove_handle(curl)
                if left:
                    left -= 1
                    begin(curl)
    for curl in handles:
        curl.close()
    multi.close()
    watched.close()
    return came


#: In Python, these three: one after another would tell nothing new.
PYTHON_KEYS = ("thread", "callback", "asyncio")
#: What would only repeat another arm: `nonblocking` burns a core while it waits, `process` is many `blocking` ones.
LEFT_OUT = ("process", "nonblocking")

OURS: dict[str, Callable[[Job], Sequence[Any]]] = {
    f"{language}/{each.key}": partial(strategy, each.key, language)
    for language, keys in (("rust", None), ("python", PYTHON_KEYS))
    for each in aio.strategies()
    if each.key not in LEFT_OUT and language in each.languages and (keys is None or each.key in keys)
}
PEERS: dict[str, Callable[[Job], Sequence[Any]]] = {
    "pycurl": pycurl,
    "aiohttp": aiohttp,
    "httpx": partial(of_httpx, "httpx"),
    "httpx2": partial(of_httpx, "httpx2"),
    "niquests": niquests,
    "primp": primp,
    "uvloop": uvloop,
}
CLIENTS = OURS | PEERS


def cpu_seconds() -> tuple[float, float]:
    """This process's CPU time and its children's, in user mode and in the kernel."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime for usage in both), sum(usage.ru_stime for usage in both)


def measure(job: Job) -> dict[str, Any]:
    """Do a job: how long it took, and how many replies were right, which is looked up when the clock has stopped."""
    user, system = cpu_seconds()
    began = time.perf_counter()
    came = CLIENTS[job.arm](job)
    seconds = time.perf_counter() - began
    user_after, system_after = cpu_seconds()
    right = sum(each.status_code == 200 and len(each.content) == job.size for each in came)
    return {
        "requests": job.count,
        "right": right,
        "seconds": seconds,
        "user": user_after - user,
        "system": system_after - system,
    }


def main() -> None:
    for line in sys.stdin:
        try:
            answer = measure(Job(**json.loads(line)))
        except Exception as error:  # whatever a client raises
            errors = getattr(error, "exceptions", [error])
            answer = {"failed": f"{type(errors[0]).__name__}: {errors[0]}"[:200]}
        print(json.dumps(answer), flush=True)


def line_of(job: Job) -> str:
    """A job as a worker reads it."""
    return json.dumps(asdict(job)) + "\n"


if __name__ == "__main__":
    main()
