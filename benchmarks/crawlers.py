"""Our crawlers and their peers, side by side: pages per second, CPU time per page, and peak memory.

    python benchmarks/crawlers.py [--rounds 7] [--sites SITE ...] [--arms ARM ...]

All crawl the same sites, within their host, with 64 fetches in flight (wget: one); nginx with one worker serves them
on the loopback interface. In every round each crawler runs once, in random order, as a process of its own. The clock
starts when all is imported, and stops when the crawl has ended; of wget, the whole process counts. A figure is relative
to our Rust crawler's (by `asyncio`) of the same round: the Hodges-Lehmann estimate over the rounds' log-ratios, with
its 95 % interval (which takes 6 rounds). How many pages a crawler found, nginx's log says: different paths of HTML
pages that were there. One that finds 2 % more or fewer than ours is left out.

Writes results/crawlers.json after each site. Needs nginx. Peers that are not installed are named as absent: scrapy,
crawlee, wget; and the crate spider, which is built here first (a few minutes, once) and needs cargo.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import aio_strategies as aio
from aio_strategies import _native
from aio_strategies.measuring.environment import describe
from crawler_peers import CRAWLERS, OURS, PEERS, Job
from nginx import Nginx, find, nginx, versions
from peers import figures_of, version
from ratios import rounded, told
from save import save
from sites import DOCUMENTATION, FOLDER, documentation, large_pages, package_version

BASELINE = "rust/asyncio"
IN_FLIGHT = 64
#: How long a crawl may take, in seconds.
PATIENCE = 300.0
#: By how much a crawler's number of pages may differ.
TOLERANCE = 0.02
#: In place of Python's site module, which at every start imports what any installed package wants (a peer's does).
ENVIRONMENT = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}
#: How often memory is looked at: every so many seconds.
LOOK = 0.01

LARGE = "500 pages of 240 KB over https"

SPIDER_SOURCE = Path(__file__).with_name("spider_peer.rs")
# Without the features by default that look at the machine's load, and wait, or keep things on disk.
SPIDER_MANIFEST = """
[package]
name = "spider-peer"
version = "0.0.0"
edition = "2024"

[dependencies]
spider = { version = "2", default-features = false, features = [
    "cookies", "encoding", "reqwest_native_tls", "string_interner_buffer_backend", "sync",
    "io_uring", "splice", "tcp_fastopen", "zero_copy",
] }
"""


# --- programs


def build_spider() -> bool:
    """Build the program around the crate, once; return whether it could be built."""
    cargo = shutil.which("cargo")
    if cargo is None:
        return False
    project = FOLDER / "spider"
    (project / "src").mkdir(parents=True, exist_ok=True)
    for path, content in (("Cargo.toml", SPIDER_MANIFEST), ("src/main.rs", SPIDER_SOURCE.read_text())):
        if not (project / path).exists() or (project / path).read_text() != content:
            (project / path).write_text(content)
    return subprocess.run([cargo, "build", "--release", "--quiet"], cwd=project, check=False).returncode == 0


def spider_version() -> str:
    lock = (FOLDER / "spider/Cargo.lock").read_text()
    match = re.search(r'name = "spider"\nversion = "([^"]+)"', lock)
    return match[1] if match else "unknown"


def command_of(job: Job) -> list[str]:
    """How a crawler is started."""
    if job.arm == "spider":
        return [str(FOLDER / "spider/target/release/spider-peer"), job.url, str(job.in_flight)]
    if job.arm == "wget":
        options = "--recursive --level=inf --delete-after --follow-tags=a,area --no-check-certificate --quiet"
        return ["wget", *options.split(), "-e", "robots=off", job.url]
    script = Path(__file__).with_name("crawler_peers.py")
    return [sys.executable, "-S", "-W", "ignore", str(script), json.dumps(asdict(job))]


# --- one run


def crawl(job: Job) -> dict[str, Any]:
    """Run a crawler, and return its seconds, its CPU time and its peak memory; why under ``failed`` if it failed."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            command_of(job), cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        stopper = threading.Timer(PATIENCE, process.kill)
        stopper.start()
        memory = peak_memory(process.pid)
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        stopper.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if job.arm == "wget":  # it ends with 8 if anything was not found
        came = {"seconds": seconds}
    elif process.returncode:
        return {"failed": f"it ended with {process.returncode}"}
    else:
        came = json.loads(output.splitlines()[-1])
    return {"user": usage.ru_utime, "system": usage.ru_stime, "memory": memory, **came}


def in_memory() -> str | None:
    """A folder that is no disk, for what wget writes."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def peak_memory(pid: int) -> int:
    """Wait until a process has ended, and return the most bytes that it and its children had in memory, summed."""
    peaks: dict[int, int] = {}
    while True:
        look(pid, peaks)
        # without reaping it, as its CPU time is asked for later
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return sum(peaks.values())
        time.sleep(LOOK)


def look(pid: int, peaks: dict[int, int]) -> None:
    with contextlib.suppress(OSError):
        match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        if match:  # one that has ended has none
            peaks[pid] = 1024 * int(match[1])
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                look(int(child), peaks)


# --- a site


@contextlib.contextmanager
def served(site: str) -> Iterator[tuple[Nginx, Job]]:
    """A site, and the job to crawl it, but for by whom."""
    is_large = site == LARGE
    folder = large_pages(count=500, size=240_000, links=40) if is_large else documentation(site)
    for path in folder.rglob("*"):
        if path.is_file():
            path.read_bytes()  # into the page cache
    with nginx(site=folder, https=is_large) as server:
        yield server, Job("", server.root("https" if is_large else "http"), IN_FLIGHT, server.ca_file)


def measure(site: str, arms: list[str], rounds: int) -> dict[str, Any]:
    """Measure the crawlers on a site."""
    runs: dict[str, list[dict[str, Any]]] = {arm: [] for arm in arms}
    failed: dict[str, str] = {}
    with served(site) as (server, job):

        def run(arm: str) -> dict[str, Any]:
            server.requests()
            busy = server.cpu()
            came = crawl(replace(job, arm=arm))
            if "failed" in came:
                return came
            came["server"] = server.cpu() - busy
            requests = server.requests()
            pages = {each.path for each in requests if each.status == 200 and each.content_type.startswith("text/html")}
            came |= {"requests": len(pages), "all": len(requests)}
            return came

        expected = run(BASELINE).get("requests", 0)
        for number in range(rounds):
            order = [arm for arm in arms if arm not in failed]
            random.shuffle(order)
            for arm in order:
                came = run(arm)
                if "failed" not in came and abs(came["requests"] - expected) > TOLERANCE * expected:
                    came["failed"] = f"it found {came['requests']} pages, not {expected}"
                if "failed" in came:
                    failed[arm] = came["failed"]
                    print(f"  {arm}: {came['failed']}", flush=True)
                else:
                    runs[arm].append(came)
            print(f"  round {number + 1} of {rounds}", flush=True)
    if BASELINE in failed:
        sys.exit("all is relative to our Rust crawler, which failed")
    figures = {}
    for arm in arms:
        if arm not in failed:
            figures[arm] = figures_of(runs[arm], runs[BASELINE])
            figures[arm]["memory_median"] = rounded(_native.median([float(each["memory"]) for each in runs[arm]])[0])
            figures[arm]["pages"] = figures[arm].pop("requests")
            figures[arm]["requests"] = runs[arm][0]["all"]
    return {"pages": expected, "arms": figures, "failed": failed}


def show(result: dict[str, Any]) -> None:
    """Print a site's table."""
    titles = f"{'pages/s':>9}{'to ours':>24}{'CPU ms/page':>12}{'to ours':>24}{'MB':>7}{'server':>8}"
    print(f"  {'':24}{'pages':>6}{'requests':>9}{titles}")
    by_rate = sorted(result["arms"].items(), key=lambda item: -item[1]["rate_ratio"][0])
    for arm, figures in by_rate:
        print(
            f"  {arm:24}{figures['pages']:6}{figures['requests']:9}{figures['rate_median']:9,.0f}"
            f"{told(figures['rate_ratio']):>24}{figures['cpu_median'][0] / 1000:12.3f}{told(figures['cpu_ratio']):>24}"
            f"{figures['memory_median'] / 1e6:7.0f}{figures['server_median']:8.0%}"
        )


def can_run(arm: str) -> bool:
    """Whether the strategy of one of ours is on this system."""
    language, key = arm.partition(",")[0].split("/")
    return any(each.key == key and language in each.languages for each in aio.strategies())


def installed(wanted: list[str]) -> dict[str, str | None]:
    """The versions of the peers that are wanted, None of those that are absent."""
    found = {name: version(name) for name in PEERS if name in wanted}
    if "wget" in wanted:
        words = (
            subprocess.run(["wget", "--version"], capture_output=True, text=True, check=True) if find("wget") else None
        )
        found["wget"] = words.stdout.split()[2] if words else None
    if "spider" in wanted:
        found["spider"] = spider_version() if build_spider() else None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    all_arms, all_sites = [*CRAWLERS, "spider", "wget"], [*DOCUMENTATION, LARGE]
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sites", nargs="+", choices=all_sites, default=all_sites)
    parser.add_argument(
        "--arms", nargs="+", choices=all_arms, default=all_arms, metavar="ARM", help=", ".join(all_arms)
    )
    parser.add_argument("--seed", type=int, default=1, help="of the order within the rounds")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # inherited by nginx and all crawlers

    began = time.monotonic()
    random.seed(options.seed)
    found = installed(options.arms)
    absent = [name for name, told_version in found.items() if told_version is None]
    absent += [arm for arm in OURS if not can_run(arm)]
    arms = [arm for arm in all_arms if arm == BASELINE or (arm in options.arms and arm not in absent)]
    result: dict[str, Any] = {
        "rounds": options.rounds,
        "seed": options.seed,
        "in_flight": IN_FLIGHT,
        "environment": describe(),
        "nginx": versions()["nginx"].removeprefix("nginx/"),
        "versions": {name: told_version for name, told_version in found.items() if told_version},
        "absent": absent,
        "sites": {},
    }
    for site in options.sites:
        print(f"{site} (after {time.monotonic() - began:.0f} s)", flush=True)
        measured = measure(site, arms, options.rounds)
        show(measured)
        if site in DOCUMENTATION:
            result["versions"][site] = package_version(site)
        result["sites"][site] = measured
        save(Path(__file__), result)
    print(f"{time.monotonic() - began:.0f} s; absent: {', '.join(absent) or 'none'}")


if __name__ == "__main__":
    main()
