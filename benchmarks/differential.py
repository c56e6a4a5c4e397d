"""A million replies, valid, broken and mutated, read by four parsers: our two exchanges, h11 and httptools (llhttp).

The two exchanges must agree in everything, words included. Where they differ from the other two, it counts each kind of
difference and keeps the shortest reply that shows it. Writes results/differential.json. Needs h11 and httptools.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import random
import re
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h11
import httptools
from save import save

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from both_exchanges import OPTIONS, mutated, pieces, python_outcome, reply, rust_outcome

#: A status and a body, or the words of an error.
Outcome = tuple[int, bytes] | str

CHUNK = 5_000


def ours(data: bytes) -> Outcome:
    outcome = rust_outcome([data, b""] if data else [b""])
    if isinstance(outcome[0], int):
        return outcome[0], outcome[4]
    return f"{outcome[0]}: {without_details(outcome[1])}"


def without_details(words: str) -> str:
    return re.sub(r"[\"(\[].*|b'.*|\d+", "…", words, flags=re.DOTALL)[:80].strip()


def of_h11(data: bytes) -> Outcome:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a.org")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data) if data else None
    status, body, ended = 0, [], False
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return status, b"".join(body)
            elif event is h11.NEED_DATA:
                if ended:
                    return "needs more"
                ended = True
                connection.receive_data(b"")
            elif event is h11.PAUSED:
                return "switches protocols"
            elif isinstance(event, h11.ConnectionClosed):
                return "closed"
    except h11.RemoteProtocolError as error:
        return without_details(str(error))


class Listener:
    """Takes what httptools reads, up to the end of the first response that is not interim."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.body: list[bytes] = []
        self.until_end = True
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status and name.lower() in (b"content-length", b"transfer-encoding"):
            self.until_end = False

    def on_headers_complete(self) -> None:
        if not self.status:
            status = self.parser.get_status_code()
            if 100 <= status < 200:
                self.until_end = True
            else:
                self.status = status

    def on_body(self, body: bytes) -> None:
        if not self.whole:
            self.body.append(body)

    def on_message_complete(self) -> None:
        self.whole |= self.status != 0


def of_httptools(data: bytes) -> Outcome:
    listener = Listener()
    words = "needs more"
    try:
        if data:
            listener.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        words = "switches protocols"
    except httptools.HttpParserError as error:
        words = without_details(str(error))
    # It is not told of the end of the stream.
    if listener.whole or (listener.status and listener.until_end and words == "needs more"):
        return listener.status, b"".join(listener.body)
    return words


def difference(ours: Outcome, theirs: Outcome) -> tuple[str, str] | None:
    """Return what the one and the other make of it, if that is not the same."""
    if isinstance(ours, str) and isinstance(theirs, str):
        return None
    if isinstance(ours, str):
        return ours, "accepted"
    if isinstance(theirs, str):
        return "accepted", theirs
    if ours[0] != theirs[0]:
        return "accepted", "accepted, with another status"
    return None if ours[1] == theirs[1] else ("accepted", "accepted, with another body")


def examine(start: int, seed: int) -> tuple[Counter, dict, list]:
    """Return the counts of a chunk of replies, the shortest examples, and those on which our two do not agree."""
    counts: Counter = Counter()
    examples: dict = {}
    disagreements = []
    rng = random.Random(f"{seed} {start}")
    for _ in range(CHUNK):
        data = mutated(reply(rng.choice), rng.choice)
        fed = pieces(data, rng.choice)
        options = rng.choice(OPTIONS)
        python, rust = python_outcome(fed, options), rust_outcome(fed, options)
        if python != rust:
            disagreements.append([repr(fed), repr(python), repr(rust)])
        # The others leave content encodings alone.
        data = re.sub(rb"(?i)content-encoding", b"Other-Encoding", data)
        own = ours(data)
        counts["accepted" if isinstance(own, tuple) else "refused"] += 1
        for name, other in (("h11", of_h11), ("httptools", of_httptools)):
            if found := difference(own, other(data)):
                counts[name, *found] += 1
                examples[name, *found] = min(examples.get((name, *found), data), data, key=len)
    return counts, examples, disagreements


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    counts: Counter = Counter()
    examples: dict = {}
    disagreements: list = []
    starts = range(0, arguments.replies, CHUNK)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for some_counts, some_examples, some in pool.map(examine, starts, [arguments.seed] * len(starts)):
            counts += some_counts
            for key, data in some_examples.items():
                examples[key] = min(examples.get(key, data), data, key=len)
            disagreements += some
    result = {
        "replies": len(starts) * CHUNK,
        "seed": arguments.seed,
        "accepted": counts["accepted"],
        "refused": counts["refused"],
        "python_and_rust": {"differences": len(disagreements), "examples": disagreements[:20]},
    }
    for name in ("h11", "httptools"):
        kinds = [(key, count) for key, count in counts.most_common() if key[0] == name]
        result[name] = {
            "version": importlib.metadata.version(name),
            "differences": sum(count for _, count in kinds),
            "kinds": [
                {"ours": key[1], "theirs": key[2], "count": count, "shortest": repr(examples[key])}
                for key, count in kinds
            ],
        }
    save(Path(__file__), result)
    sys.exit(bool(disagreements))


if __name__ == "__main__":
    main()
