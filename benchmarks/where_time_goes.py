"""Where the CPU time of each Rust strategy goes, as perf sees it: it looks 5,000 times a second at what runs.

    PYTHONPATH=target/with_symbols/site python benchmarks/where_time_goes.py

Each strategy fetches pages of 100 bytes from nginx, 100 in flight, in a process of its own, of which perf looks at
nothing but the call. The kernel's time is told apart by system call, or by the operation of io_uring; user time by
where the code is. Writes results/where_time_goes.json, from which docs/make_performance.py makes a table. Needs perf
and nginx, and a build with symbols, as `make bench` makes it: without, no function of ours is named.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aio_strategies as aio
from nginx import nginx
from save import save

IN_FLIGHT = 100
BODY_SIZE = 100
#: The modes, and how many requests each takes.
REQUESTS = {"close": 60_000, "keep-alive": 300_000}
FREQUENCY = 5000
#: How many functions are named.
MOST_NAMED = 8

PROGRAM = f"""
import resource, sys
import aio_strategies as aio

key, count, keep_alive, url, control, acknowledged = sys.argv[1:]

def tell_perf(what):
    with open(control, "w") as fifo:
        fifo.write(what)
    with open(acknowledged) as fifo:
        fifo.readline()

def fetch(count):
    return aio.run(key, [url] * count, language="rust", concurrency={IN_FLIGHT}, keep_alive=keep_alive == "keep-alive")

def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

fetch(1000).raise_for_errors()
tell_perf("enable")
before = cpu()
run = fetch(int(count))
after = cpu()
tell_perf("disable")
run.raise_for_errors()
print(after - before)
"""

#: The groups of system calls, and of what io_uring does, by the name of a function of the kernel's.
KERNEL = {
    "socket": ("socket", "setsockopt", "fcntl"),
    "connect": ("connect", "getpeername", "getsockopt"),
    "send": ("send", "sendto", "sendmsg"),
    "receive": ("recv", "recvfrom", "recvmsg"),
    "close": ("close",),
    "wait": ("epoll_wait", "epoll_pwait", "epoll_ctl", "futex", "io_uring_enter", "write", "read", "ppoll", "poll"),
}
GROUP = {name: group for group, names in KERNEL.items() for name in names}
CALL = re.compile(r"__(?:x64|arm64)_sys_(\w+)$|__do_sys_(io_uring_enter)$|^io_(connect|send|recv)$")
#: The groups, in the order of a table's columns.
GROUPS = (*KERNEL, "other_kernel", "ours", "c_library", "clock", "python")


def place(frames: list[tuple[str, str]]) -> tuple[str, str]:
    """The group of a sample, and the function that ran; ``frames`` are functions and files, the innermost first."""
    function, file = frames[0]
    if "kernel" in file or file == "":
        for name, _ in frames:
            if (found := CALL.search(name)) and (call := next(filter(None, found.groups()))) in GROUP:
                return GROUP[call], function
        return "other_kernel", function
    if "_native" in file:
        return "ours", function
    if "vdso" in file:
        return "clock", function
    return ("python" if "python" in file else "c_library"), function


def samples(recorded: str) -> Iterator[list[tuple[str, str]]]:
    """The frames of each sample."""
    command = ["perf", "script", "--input", recorded, "--fields", "ip,sym,dso"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for block in printed.split("\n\n"):
        lines = re.findall(r"^\s*[0-9a-f]+ (.*) \((.*)\)$", block, re.MULTILINE)
        if lines:
            yield [(re.sub(r"\+0x[0-9a-f]+$", "", name), file) for name, file in lines]


def looked_at(key: str, mode: str, url: str) -> dict:
    """The CPU time of a request in microseconds, by group; and the functions of our own that take most of it."""
    count = REQUESTS[mode]
    with tempfile.TemporaryDirectory() as directory:
        recorded, control, acknowledged = (
            os.path.join(directory, name) for name in ("data", "control", "acknowledged")
        )
        os.mkfifo(control)
        os.mkfifo(acknowledged)
        perf = ["perf", "record", "--event", "cpu-clock", "--freq", str(FREQUENCY), "-g", "--output", recorded]
        perf += ["--delay", "-1", "--control", f"fifo:{control},{acknowledged}", "--"]
        program = [sys.executable, "-c", PROGRAM, key, str(count), mode, url, control, acknowledged]
        ended = subprocess.run([*perf, *program], check=True, capture_output=True, text=True, timeout=120)
        seconds = float(ended.stdout.split()[0])
        groups: Counter[str] = Counter()
        functions: Counter[str] = Counter()
        for frames in samples(recorded):
            group, function = place(frames)
            groups[group] += 1
            if group == "ours" and function != "[unknown]":
                functions[function] += 1
    each = 1e6 * seconds / count / groups.total()
    return {
        "us": round(1e6 * seconds / count, 2),
        "groups": {group: round(each * groups[group], 2) for group in GROUPS},
        "functions": {name: round(each * seen, 3) for name, seen in functions.most_common(MOST_NAMED)},
    }


def main() -> None:
    keys = [strategy.key for strategy in aio.strategies() if "rust" in strategy.languages and strategy.key != "process"]
    found: dict[str, dict[str, dict]] = {}
    with nginx([BODY_SIZE]) as server:
        url = server.url(BODY_SIZE)
        for mode in REQUESTS:
            print(f"{mode:18}{'µs':>7}" + "".join(f"{group:>13}" for group in GROUPS))
            found[mode] = {}
            for key in keys:
                figures = found[mode][f"rust/{key}"] = looked_at(key, mode, url)
                print(
                    f"rust/{key:13}{figures['us']:7.2f}" + "".join(f"{us:13.2f}" for us in figures["groups"].values())
                )
                print(f"    {figures['functions']}", flush=True)
    save(Path(__file__), {"in_flight": IN_FLIGHT, "frequency": FREQUENCY, "modes": found})


if __name__ == "__main__":
    main()
