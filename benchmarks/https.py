"""The cost of https: CPU time per request of every arm over http and over https, with curl and httpx beside them.

Every fetch opens a connection and makes a whole handshake, curl's and httpx's too. 500 requests, 50 in flight, no
latency. Writes results/https.json and prints the table. Needs curl and httpx.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from statistics import median

import aio_strategies as aio
from save import save

REQUESTS, CONCURRENCY = 500, 50


def curl(urls, concurrency):
    import subprocess

    outputs = [word for url in urls for word in ("-o", "/dev/null", url)]
    command = ["curl", "-sS", "--parallel", "--parallel-max", str(concurrency), "--parallel-immediate"]
    subprocess.run([*command, "--header", "Connection: close", *outputs], check=True)


async def httpx_client(urls, concurrency):
    import asyncio
    import ssl

    import httpx

    limit = asyncio.Semaphore(concurrency)

    async def fetch(client, url):
        async with limit:
            return await client.get(url, headers={"Connection": "close"})

    async with httpx.AsyncClient(verify=ssl.create_default_context(), timeout=30) as client:
        return await asyncio.gather(*(fetch(client, url) for url in urls))


def microseconds(comparison) -> dict[str, float]:
    return {
        arm.name: 1e6 * median(u + s for u, s in zip(arm.cpu_user, arm.cpu_system, strict=True)) / REQUESTS
        for arm in comparison.arms
    }


def main() -> None:
    settings = {"requests": REQUESTS, "concurrency": CONCURRENCY, "latency": 0, "rounds": 7, "seed": 1}
    programs = {"curl": curl, "httpx": httpx_client}
    found = {
        scheme: microseconds(aio.compare(programs=programs, https=scheme == "https", **settings))
        for scheme in ("http", "https")
    }
    print(f"{'CPU µs/request':22}{'http':>10}{'https':>10}{'handshake':>12}")
    for name, over_http in found["http"].items():
        over_https = found["https"][name]
        print(f"{name:22}{over_http:10.0f}{over_https:10.0f}{over_https - over_http:12.0f}")
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    save(Path(__file__), {**settings, "curl": version, "microseconds_per_request": found})


if __name__ == "__main__":
    main()
