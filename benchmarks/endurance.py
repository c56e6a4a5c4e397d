"""Whether an interpreter grows: 50,000 requests with each strategy in both languages, each in its own process.

Writes results/endurance.json and prints the growth since the first 10,000 requests: of the memory, and of what is open.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import aio_strategies as aio
from save import save

THINGS = ("descriptors", "threads", "children")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--warm-up", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=1_000, help="requests of one call")
    options = parser.parse_args()
    program = Path(__file__).with_name("many_requests.py")
    numbers = [str(number) for number in (options.requests, options.warm_up, options.each)]
    found = {}
    print(f"{'growth':22}" + "".join(f"{thing:>13}" for thing in THINGS) + f"{'RSS, MB':>13}")
    for strategy in aio.strategies():
        for language in strategy.languages:
            command = [sys.executable, program, strategy.key, language, *numbers]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            arm = found[f"{language}/{strategy.key}"] = json.loads(done.stdout)
            grown = {name: arm["after"][name] - value for name, value in arm["before"].items()}
            row = "".join(f"{grown[thing]:13}" for thing in THINGS)
            print(f"{language}/{strategy.key:15}{row}{grown['rss'] / 1e6:13.2f}", flush=True)
    save(Path(__file__), {"requests": options.requests, "warm_up": options.warm_up, "arms": found})


if __name__ == "__main__":
    main()
