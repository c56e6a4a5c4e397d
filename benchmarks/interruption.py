"""How long Ctrl-C takes: for each strategy in both languages, in each situation in which it may wait, and for compare.

Writes results/interruption.json and prints the table: the longest of all rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

import aio_strategies as aio
from interrupted_call import SITUATIONS
from save import save

COMPARE = """
import json, os, signal, sys, threading, time
import aio_strategies as aio
import psutil

here = psutil.Process()
signal.signal(signal.SIGINT, signal.default_int_handler)
sent = 0.0

def interrupt():
    global sent
    sent = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)

before = here.num_fds(), here.num_threads()
timer = threading.Timer(float(sys.argv[1]), interrupt)
timer.start()
try:
    aio.compare(latency=0.5, progress=False, budget=60)
except KeyboardInterrupt:
    pass
took = time.monotonic() - sent
timer.join()
deadline = time.monotonic() + 5
while (after := (here.num_fds(), here.num_threads())) != before and time.monotonic() < deadline:
    time.sleep(0.01)
left = [process.cmdline() for process in here.children(recursive=True)]
print(json.dumps({"seconds": took, "left behind": left or (after != before and [before, after])}))
"""


def output(*arguments: object) -> str:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    program = Path(__file__).with_name("interrupted_call.py")
    print(f"{'the longest of':20}" + "".join(f"{situation:>12}" for situation in SITUATIONS))
    print(f"{f'{options.rounds} rounds, ms':20}")
    arms = {}
    for strategy in aio.strategies():
        for language in strategy.languages:
            seen = [json.loads(output(program, strategy.key, language)) for _ in range(options.rounds)]
            for situation in SITUATIONS:
                for found in seen:
                    assert found[situation]["outcome"] == "KeyboardInterrupt", (strategy.key, language, found)
                    assert not found[situation]["left behind"], (strategy.key, language, found)
            seconds = {situation: [found[situation]["seconds"] for found in seen] for situation in SITUATIONS}
            arms[f"{language}/{strategy.key}"] = seconds
            row = "".join(f"{1000 * max(times):12.0f}" for times in seconds.values())
            print(f"{language}/{strategy.key:13}{row}", flush=True)
    seen = [json.loads(output("-c", COMPARE, random.uniform(1, 8))) for _ in range(options.rounds)]
    assert not any(found["left behind"] for found in seen), seen
    compare = [found["seconds"] for found in seen]
    print(f"compare: {1000 * max(compare):.0f} ms")
    save(Path(__file__), {"situations": SITUATIONS, "seconds": arms, "compare": compare})


if __name__ == "__main__":
    main()
