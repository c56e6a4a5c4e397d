"""Ends and forks: exits with 200 exchanges pending, children forked after calls, and callers that are killed.

All of it is repeated with each interpreter that is named. One that is not this one needs psutil and the package; a .pth
file with the path of python/ will do, as the extension is for the stable ABI. Writes results/exits.json.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from killed_caller import PROGRAMS, Caller
from pending_exit import STATUS
from save import save

HERE = Path(__file__).parent
#: The seconds after which nothing of a killed caller may be left.
PATIENCE = 2.0


def run(python: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    # Python 3.12 and later warn of every fork in a process with threads.
    command = [python, "-W", "ignore::DeprecationWarning", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def exits(python: str, how: str, language: str, times: int) -> dict:
    """Count the exits that print nothing and have the right status."""
    unclean = []
    for _ in range(times):
        done = run(python, HERE / "pending_exit.py", how, language)
        if (done.returncode, done.stdout, done.stderr) != (STATUS[how], "", ""):
            unclean.append([done.returncode, done.stdout, done.stderr])
    return {"exits": times, "clean": times - len(unclean), "unclean": unclean}


def forks(python: str, language: str, children: int) -> dict:
    """Count the children that could fetch."""
    done = run(python, HERE / "forked_children.py", language, children)
    assert (done.returncode, done.stderr) == (0, ""), done
    return {"children": children, "good": int(done.stdout)}


def kills(python: str, program: str, times: int) -> dict:
    """Measure how long it takes until nothing of a killed caller is left."""
    seconds, left = [], 0
    for _ in range(times):
        caller = Caller(program, python)
        caller.wait_until_at_work()
        took, behind = caller.kill(PATIENCE)
        seconds.append(round(took, 3))
        left += bool(behind)
    return {"kills": times, "something left": left, "seconds": seconds}


def of(python: str, options: argparse.Namespace) -> dict:
    languages: Sequence[str] = ("python", "rust")
    found: dict[str, dict] = {"exits": {}, "forks": {}, "kills": {}}
    for language in languages:
        for how in STATUS:
            seen = found["exits"][f"{language}, {how}"] = exits(python, how, language, options.exits)
            print(f"  {language}, {how}: {seen['clean']} of {seen['exits']} exits were clean", flush=True)
    for language in languages:
        seen = found["forks"][language] = forks(python, language, options.children)
        print(f"  {language}: {seen['good']} of {seen['children']} forked children fetched", flush=True)
    for program in PROGRAMS:
        seen = found["kills"][program] = kills(python, program, options.kills)
        print(f"  {program}, killed: gone after at most {max(seen['seconds'])} s,", end=" ")
        print(f"something left in {seen['something left']} of {seen['kills']}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="*", default=[sys.executable], help="interpreters")
    parser.add_argument("--exits", type=int, default=100, help="of each kind")
    parser.add_argument("--children", type=int, default=300, help="in each language")
    parser.add_argument("--kills", type=int, default=10, help="of each kind")
    options = parser.parse_args()
    found = {}
    for python in options.python:
        version = run(python, "-c", "import platform; print(platform.python_version())").stdout.strip()
        print(f"CPython {version}", flush=True)
        found[version] = of(python, options)
        save(Path(__file__), found)


if __name__ == "__main__":
    main()
