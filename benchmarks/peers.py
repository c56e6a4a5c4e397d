"""Our strategies and their peers, side by side: requests per second and CPU time per request, relative to wrk's.

    python benchmarks/peers.py [--rounds 7] [--full] [--settings PATTERN ...] [--keep] [--arms ARM ...]

The common ground is nginx with one worker on the loopback interface; where replies are to be late, it is our lab, as
nginx cannot wait. In each setting, each arm has a worker process of its own, which is warmed up and finds out how many
requests take it --seconds. Then every round runs each arm once, in random order. A figure is relative to wrk's of the
same round: the Hodges-Lehmann estimate over the rounds' log-ratios, with its 95 % interval (which takes 6 rounds).
An arm counts only if all its replies are 200 and of the right size.

Writes results/peers.json after each setting; docs/make_performance.py makes docs/performance.md from it. The default
settings take about 12 minutes with 7 rounds. Needs nginx and wrk; peers that are not installed are named as absent.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import math
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import aio_strategies as aio
from aio_strategies import _native
from aio_strategies.measuring.crew import KEEPS_MEMORY
from aio_strategies.measuring.environment import describe
from nginx import Nginx, find, nginx, versions
from peer_clients import CLIENTS, OURS, PEERS, Job, line_of
from ratios import estimate, ratio, rounded, told
from save import save

RESULT = Path(__file__).parent / "results" / "peers.json"
BASELINE = "wrk"
#: How long a worker may take for a job, in seconds.
PATIENCE = 120.0
#: How often a worker is tried, at most, to find out how many requests take it as long as a run should.
CALIBRATIONS = 6
#: How many requests a connection serves, at least, where it is kept.
FEWEST_WAVES = 5
#: The replies of a run are held until it ends: at most this many bytes of bodies.
MOST_BYTES = 256_000_000


class Setting(NamedTuple):
    """What is fetched, and how; ``latency`` in milliseconds, 0 from nginx, others from the lab."""

    scheme: str
    keep_alive: bool
    size: int
    concurrency: int
    latency: int = 0

    @property
    def name(self) -> str:
        """What it is called, here and in the JSON."""
        mode = "keep-alive" if self.keep_alive else "close"
        size = {10_000: "10KB", 1_000_000: "1MB"}.get(self.size, f"{self.size}B")
        late = f"-{self.latency}ms" if self.latency else ""
        return f"{self.scheme}-{mode}-{size}-c{self.concurrency}{late}"


SIZES = (100, 10_000, 1_000_000)

DEFAULT = [
    Setting("http", False, 100, 1),
    Setting("http", False, 100, 100),
    Setting("http", False, 100, 1000),
    Setting("http", True, 100, 100),
    Setting("http", True, 10_000, 100),
    Setting("http", True, 1_000_000, 10),
    Setting("https", False, 100, 100),
    Setting("https", True, 100, 10),
    Setting("http", False, 100, 10, 5),
    Setting("http", True, 100, 100, 50),
]

FULL = [
    *(
        Setting(scheme, keep_alive, size, concurrency)
        for scheme in ("http", "https")
        for keep_alive in (False, True)
        for size in SIZES
        for concurrency in (1, 10, 100, 1000, 10_000)
        if size * concurrency <= MOST_BYTES and (concurrency < 10_000 or (scheme == "http" and size == 100))
    ),
    *(
        Setting("http", keep_alive, 100, concurrency, latency)
        for keep_alive in (False, True)
        for latency in (5, 50)
        for concurrency in (1, 10, 100, 1000, 10_000)
    ),
]


def opening(setting: Setting) -> float:
    """About how many seconds it takes to open as many connections as may be in flight."""
    return setting.concurrency * (0.0005 if setting.scheme == "https" else 0.00002)


def run_seconds(setting: Setting, least: float) -> float:
    """How long a run takes: where connections are kept, twice as long, or as long as wrk's if opening them matters."""
    if setting.concurrency == 10_000:
        return 4.0  # they do not all fit into the queue of connections to be accepted
    if not setting.keep_alive:
        return least
    return 2 * least if opening(setting) <= 0.01 else min(4.0, math.ceil(10 * opening(setting)))


def wrk_seconds(setting: Setting, least: float) -> int:
    """How long wrk runs: whole seconds, and long enough that the last replies, which it does not await, are few."""
    unfinished = setting.latency / 1000 + (0.0 if setting.keep_alive else opening(setting))
    return math.ceil(run_seconds(setting, least)) + round(40 * unfinished)


#: With more in flight than this, an arm is left out: it would take minutes.
MOST_IN_FLIGHT = {
    "python/thread": 1000,
    **dict.fromkeys(("httpx", "httpx2", "niquests", "primp"), 1000),
}
ONE_AT_A_TIME = {
    f"{language}/{each.key}" for each in aio.strategies() if each.one_at_a_time for language in each.languages
}


# --- programs, which tell what they did


class Told(NamedTuple):
    """What a program says of its run."""

    requests: int
    right: int
    seconds: float


#: How wrk tells its figures. It has no part in the exchanges: wrk calls it when all are over.
WRK_SCRIPT = Path(__file__).with_name("wrk_tells.lua")


def wrk(job: Job, seconds: int) -> tuple[list[str], Callable[[str], Told]]:
    options = ["-t1", f"-c{job.concurrency}", f"-d{seconds}s", "--timeout", "30s", "-s", str(WRK_SCRIPT)]

    def read(output: str) -> Told:
        match = re.search(r"TOLD (\d+) (\d+) (\d+) (\d+)", output)
        assert match, output
        requests, failed, micros, received = map(int, match.groups())
        right = requests - failed if received >= requests * job.size else 0
        return Told(requests, right, micros / 1e6)

    close = [] if job.keep_alive else ["-H", "Connection: close"]
    return [*options, *close, job.url], read


def ab(job: Job, _seconds: int) -> tuple[list[str], Callable[[str], Told]]:
    def read(output: str) -> Told:
        def figure(label: str) -> float:
            match = re.search(rf"{label}:\s+([\d.]+)", output)
            return float(match[1]) if match else 0.0

        requests = int(figure("Complete requests"))
        wrong = int(figure("Failed requests") + figure("Non-2xx responses"))
        right = requests - wrong if figure("Document Length") == job.size else 0
        return Told(requests, right, figure("Time taken for tests"))

    options = ["-q", "-n", str(job.count), "-c", str(job.concurrency), *(["-k"] if job.keep_alive else [])]
    return [*options, job.url], read


def oha(job: Job, _seconds: int) -> tuple[list[str], Callable[[str], Told]]:
    def read(output: str) -> Told:
        told = json.loads(output)
        statuses = told["statusCodeDistribution"]
        right = statuses.get("200", 0) if told["summary"]["sizePerRequest"] == job.size else 0
        return Told(sum(statuses.values()), right, told["summary"]["total"])

    options = ["--no-tui", "--output-format", "json", "-n", str(job.count), "-c", str(job.concurrency)]
    options += [] if job.keep_alive else ["--disable-keepalive"]
    options += ["--cacert", job.ca_file] if job.ca_file else []
    return [*options, job.url], read


PROGRAMS = {"wrk": wrk, "ab": ab, "oha": oha}


def run_program(job: Job, seconds: int) -> dict[str, Any]:
    """Run a program; its CPU time is that of the whole process, as the system counts it."""
    options, read = PROGRAMS[job.arm](job, seconds)
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [find(job.arm) or job.arm, *options], stdout=output, stderr=subprocess.DEVNULL, start_new_session=True
        )
        stopper = threading.Timer(PATIENCE, process.kill)
        stopper.start()
        _, status, usage = os.wait4(process.pid, 0)
        stopper.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        return {"failed": f"it ended with {process.returncode}"}
    return {**read(text)._asdict(), "user": usage.ru_utime, "system": usage.ru_stime}


# --- workers, for what is called from Python


class Worker:
    """A process for one arm in one setting, which does what it is told."""

    def __init__(self, wrk_seconds: int) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._wrk_seconds = wrk_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()

    def do(self, job: Job) -> dict[str, Any]:
        """Return what came of the job, with why under ``failed`` if it did not come to its end."""
        if job.arm in PROGRAMS:
            return run_program(job, self._wrk_seconds)
        if self._process is None:
            command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("peer_clients.py"))]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=KEEPS_MEMORY | os.environ,
            )
        assert self._process.stdin
        assert self._process.stdout
        stopper = threading.Timer(PATIENCE, self._process.kill)
        stopper.start()
        try:
            self._process.stdin.write(line_of(job))
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        finally:
            stopper.cancel()
        return json.loads(line) if line else {"failed": f"its process ended, or took more than {PATIENCE:g} s"}


# --- a setting


class Ground(NamedTuple):
    """A server to fetch from."""

    url: str
    ca_file: str | None
    cpu: Callable[[], float]
    #: How many times it has gone to sleep; not known of the lab.
    sleeps: Callable[[], float]


@contextlib.contextmanager
def ground_for(setting: Setting, server: Nginx) -> Iterator[Ground]:
    """nginx, or the lab if the replies are to be late."""
    if not setting.latency:
        ca_file = server.ca_file if setting.scheme == "https" else None
        yield Ground(server.url(setting.size, setting.scheme), ca_file, server.cpu, server.sleeps)
        return
    https = setting.scheme == "https"
    with aio.LabServer(latency=setting.latency / 1000, body_size=setting.size, https=https) as lab:

        def cpu() -> float:
            stats = lab.stats()
            lab.reset()  # its log would grow
            return stats.cpu_user + stats.cpu_system

        yield Ground(lab.urls(1)[0], lab.ca_file if https else None, cpu, lambda: math.nan)


def why_not(arm: str, setting: Setting) -> str | None:
    """Why an arm is not in a setting."""
    if setting.concurrency > MOST_IN_FLIGHT.get(arm, setting.concurrency):
        return f"more than {MOST_IN_FLIGHT[arm]:,} in flight"
    if setting.latency and setting.concurrency > 1 and arm in ONE_AT_A_TIME:
        return "one at a time, it only waits"
    return None


def measure(setting: Setting, arms: list[str], server: Nginx, options: argparse.Namespace) -> dict[str, Any] | None:
    """Measure the arms in a setting; None if wrk, to which all is relative, failed."""
    left_out = {arm: why for arm in arms if (why := why_not(arm, setting))}
    taking_part = [arm for arm in arms if arm not in left_out]
    runs: dict[str, list[dict[str, Any]]] = {arm: [] for arm in taking_part}
    failed: dict[str, str] = {}
    with ground_for(setting, server) as ground, contextlib.ExitStack() as stack:
        seconds = wrk_seconds(setting, options.seconds)
        workers = {arm: stack.enter_context(Worker(seconds)) for arm in taking_part}

        def run(arm: str, count: int) -> dict[str, Any]:
            job = Job(arm, ground.url, setting.size, count, setting.concurrency, setting.keep_alive, ground.ca_file)
            busy, slept = ground.cpu(), ground.sleeps()
            came = workers[arm].do(job)
            if "failed" not in came:
                came["server"], came["sleeps"] = ground.cpu() - busy, ground.sleeps() - slept
                if came["right"] != came["requests"] or not came["requests"]:
                    came["failed"] = f"{came['right']} of {came['requests']} replies were right"
            if "failed" in came:
                failed[arm] = came["failed"]
                print(f"  {arm}: {came['failed']}", flush=True)
            return came

        counts = {}
        for arm in taking_part:
            unit = 1 if arm in ONE_AT_A_TIME else setting.concurrency
            most = max(unit, MOST_BYTES // setting.size // unit * unit)
            fewest = FEWEST_WAVES if setting.keep_alive else 1
            count, full = max(fewest * unit, 10), run_seconds(setting, options.seconds)
            # not at one go: what a run costs once, such as opening connections, would be taken for the requests' time
            for _ in range(CALIBRATIONS):
                came = run(arm, count)
                took = max(came.get("seconds", full), 0.001)  # what ab can tell
                if "failed" not in came:
                    # whole waves, so that no run ends with a few that wait alone
                    waves = max(fewest, round(min(10.0, full / took) * came["requests"] / unit))
                    count = min(waves * unit, most)
                if took >= full / 2 or came.get("requests") == most:
                    break
            counts[arm] = count
            if BASELINE in failed:  # it comes first
                return None
        for _ in range(options.rounds):
            order = [arm for arm in taking_part if arm not in failed]
            random.shuffle(order)
            for arm in order:
                came = run(arm, counts[arm])
                if "failed" not in came:
                    runs[arm].append(came)
    if BASELINE in failed:
        return None
    whole = {arm: found for arm, found in runs.items() if arm not in failed}
    figures = {arm: figures_of(found, whole[BASELINE]) for arm, found in whole.items()}
    return {**setting._asdict(), "arms": figures, "failed": failed, "left_out": left_out}


def figures_of(runs: list[dict[str, Any]], baseline: list[dict[str, Any]]) -> dict[str, Any]:
    """An arm's medians, its ratios to the baseline of the same round, and the values of all rounds."""
    values = {name: [] for name in ("rate", "cpu", "user", "system", "server", "sleeps")}
    for run in runs:
        for name, value in each_figure(run).items():
            values[name].append(value)
    others = [each_figure(run) for run in baseline]
    figures: dict[str, Any] = {"requests": runs[0]["requests"] if runs else 0}
    for name in ("rate", "cpu"):
        figures[f"{name}_ratio"] = ratio(values[name], [theirs[name] for theirs in others])
    figures["cpu_median"] = estimate(_native.median(values["cpu"]))
    for name in ("rate", "user", "system", "server", "sleeps"):
        known = not any(map(math.isnan, values[name]))
        figures[f"{name}_median"] = rounded(_native.median(values[name])[0]) if known else None
    figures["rounds"] = {name: " ".join(f"{value:.5g}" for value in found) for name, found in values.items()}
    return figures


def each_figure(run: dict[str, Any]) -> dict[str, float]:
    """Requests per second; CPU time per request in µs, and its parts; how busy the server was, how often it slept."""
    micros = {part: 1e6 * run[part] / run["requests"] for part in ("user", "system")}
    return {
        "rate": run["requests"] / run["seconds"],
        "cpu": max(sum(micros.values()), 1e-3),  # never 0: it has a logarithm
        **micros,
        "server": run["server"] / run["seconds"],
        "sleeps": run["sleeps"] / run["requests"],
    }


# --- all of them


def installed() -> tuple[dict[str, str], list[str]]:
    """The versions of the peers that are here; the names of those that are not, and of ours that cannot run here."""
    found: dict[str, str | None] = {name: version(name) for name in PEERS}
    found |= {name: program_version(name) for name in PROGRAMS}
    absent = [name for name, told in found.items() if not told]
    absent += [f"rust/{each.key}" for each in aio.strategies() if "rust" not in each.languages]
    return {name: told for name, told in found.items() if told}, absent


def version(package: str) -> str | None:
    """The version of an installed package; None if it is absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def program_version(name: str) -> str | None:
    if find(name) is None:
        return None
    if name == "wrk":
        return versions()["wrk"].removeprefix("wrk ")
    command = [find(name) or name, {"ab": "-V", "oha": "--version"}[name]]
    words = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    match = re.search(r"\d+(\.\d+)+", words)
    return match[0] if match else "unknown"


def show(result: dict[str, Any]) -> None:
    """Print a setting's table."""
    print(f"  {'':18}{'requests/s, by wrk':>24}{'CPU/request, by wrk':>24}{'requests/s':>12}{'CPU µs':>9}{'server':>8}")
    by_rate = sorted(result["arms"].items(), key=lambda item: -item[1]["rate_ratio"][0])
    for arm, figures in by_rate:
        ratios = "".join(f"{told(figures[name]):>24}" for name in ("rate_ratio", "cpu_ratio"))
        print(
            f"  {arm:18}{ratios}{figures['rate_median']:12,.0f}{figures['cpu_median'][0]:9.1f}"
            f"{figures['server_median']:8.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--seconds", type=float, default=0.25, help="of each run, but for wrk's, which has whole seconds"
    )
    parser.add_argument("--full", action="store_true", help=f"all {len(FULL)} settings; by default {len(DEFAULT)}")
    parser.add_argument(
        "--settings", nargs="+", metavar="PATTERN", help="regular expressions; of --full's, those found"
    )
    parser.add_argument("--keep", action="store_true", help="keep the last figures of settings that are not measured")
    parser.add_argument("--arms", nargs="+", metavar="ARM", help="such as rust/thread or pycurl; wrk takes part anyway")
    parser.add_argument("--seed", type=int, default=1, help="of the order within the rounds")
    parser.add_argument("--list", action="store_true", help="name the settings and the arms, and end")
    options = parser.parse_args()
    chosen = FULL if options.full or options.settings else DEFAULT
    if options.settings:
        chosen = [each for each in chosen if any(re.search(pattern, each.name) for pattern in options.settings)]
    present, absent = installed()
    arms = [arm for arm in (*PROGRAMS, *CLIENTS) if arm in OURS or arm in present]
    if options.arms:
        arms = [arm for arm in arms if arm in options.arms or arm == BASELINE]
    if options.list:
        print("\n".join([*(each.name for each in chosen), "", *arms]))
        return
    for program in ("nginx", BASELINE):
        if find(program) is None:
            sys.exit(f"{program} is missing: it is what all are measured with")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # inherited by nginx, the lab and all arms

    began = time.monotonic()
    random.seed(options.seed)
    result: dict[str, Any] = {
        **{name: getattr(options, name) for name in ("rounds", "seconds", "seed")},
        "environment": describe(),
        "nginx": versions()["nginx"].removeprefix("nginx/"),
        "versions": present,
        "absent": absent,
        "ours": [arm for arm in arms if arm in OURS],
        "settings": json.loads(RESULT.read_text())["settings"] if options.keep else {},
    }
    with nginx(SIZES, https=any(each.scheme == "https" for each in chosen)) as server:
        for number, setting in enumerate(chosen, 1):
            print(f"{setting.name} ({number} of {len(chosen)}, after {time.monotonic() - began:.0f} s)", flush=True)
            found = measure(setting, arms, server, options)
            if found is None:
                print("  left out, as all is relative to wrk")
                continue
            show(found)
            result["settings"][setting.name] = found
            save(Path(__file__), result)
    print(f"{time.monotonic() - began:.0f} s; absent: {', '.join(absent) or 'none'}")


if __name__ == "__main__":
    main()
