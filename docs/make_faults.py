"""Makes docs/faults.md: the rows of the fault matrix (tests/fault_rows.py), and beside each what other clients make of
it, as benchmarks/other_clients.py measured it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from fault_rows import LEFT_OUT, ROWS, Row

HERE = Path(__file__).parent
PAGE = HERE / "faults.md"
MEASURED = HERE.parent / "benchmarks" / "results" / "other_clients.json"

SECTIONS = {
    "Connecting": range(1, 10),
    "No reply, or not all of it": range(10, 20),
    "Status line and header fields": [*range(20, 34), *range(41, 46)],
    "Chunked bodies": range(34, 41),
    "Replies before the reply, without a body, and early": range(46, 52),
    "Encoded bodies": range(52, 57),
    "Redirects": range(57, 62),
    "TLS": range(62, 63),
}

TOP = """\
# Faults, and what comes of them

What a server can do wrong, and what you then get: a response, or an exception in `Response.error`. All
implementations (eight strategies in two languages, and `uring`) do the same, in the same words, within their deadline;
and the other URLs of the same call are delivered whole. `tests/test_fault_matrix.py` shows it, for {count} cases.

Beside it stands what four other clients do with the same servers:
{versions}.

- A number alone is the status of a response. Where its body is another than *here*, its size follows.
- **Bold**: a response, where there is an error here. The client is *laxer*: its caller may take half a page for a
  whole one.
- *Italic*: an error, where there is a response here. The client is *stricter*.
- *goes on*: it had not ended after {limit:g} s, though its timeout was {timeout:g} s. httpx and requests have
  timeouts for single reads only: a server that sends a byte now and then holds them for as long as it likes.
- An empty cell: not measured, as it takes names or routes that the test makes up.

In one line each, of the {measured} cases measured:

{summaries}

Each client has its own defaults, and is told what the row is about: to follow redirects, or whom to trust. Every one
asks for encoded bodies. Rows 19 and 54 set `max_body_bytes` to 1 MB here; it is 256 MiB unless you say otherwise, and
the others have no such limit unless they are given one. Some cases of rows 11 and 51 need a request of 16 MB, which is
more than curl sends.
"""

DECISIONS = """\
## What was decided

- A line of the *head* may end with LF alone, and the reason may be missing: many servers do that, and it can be read in
  one way only. Around *chunks* all lines may, if the first one does: that, too, can be read in one way only. A
  mixture is an error: it may hide a wrong size. Such a connection is not used again, as a proxy in between may see
  another end of the body. The same goes for `Transfer-Encoding: chunked` sent twice (by a server and its proxy), which
  is chunked once, and for the coding `identity`.
- The body of a redirect that is followed is not needed. It is read only to keep the connection, and only if it is
  short.
- A body is whole only if its end was announced: by a length, by the last chunk, by the server's closing the connection,
  and over TLS by its closing message. All else is an error, with the number of bytes that came.
- A URL that cannot be right raises `InvalidURL` at the call, before anything is fetched, and so for all its URLs:
  that is a mistake in the program, not in a server.
- A whole reply counts, even if it comes before the request is sent and the server then breaks the connection.
- A redirect that leads to no place, or to two, is itself the result.
"""


def page() -> str:
    """Return the page."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    clients: dict[str, str] = measured["versions"]
    versions = [f"{name} {version}" for name, version in clients.items()]
    top = TOP.format(
        count=len(ROWS),
        versions=f"{', '.join(versions[:-1])} and {versions[-1]}",
        limit=measured["limit"],
        timeout=measured["timeout"],
        measured=len(measured["outcomes"]),
        summaries="\n".join(f"- {_summary(name, measured['outcomes'])}" for name in clients),
    )
    return "\n".join([top, *(_section(*each, measured) for each in SECTIONS.items()), DECISIONS, _left_out()])


def _section(title: str, numbers: Iterable[int], measured: dict) -> str:
    clients = list(measured["versions"])
    lines = [f"| row | case | here | {' | '.join(clients)} |", "| --: | --- | --- |" + " --- |" * len(clients)]
    for row in ROWS:
        if row.number in numbers:
            outcomes = measured["outcomes"].get(row.case, {})
            cells = [_cell(row, outcomes[name]) if outcomes else "" for name in clients]
            lines.append(f"| {row.number} | {row.case} | {_here(row)} | {' | '.join(cells)} |")
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def _here(row: Row) -> str:
    outcome = str(row.outcome) if isinstance(row.outcome, int) else f"`{row.outcome}`"
    return f"{outcome}: {row.remark}" if row.remark else outcome


def _kind(row: Row, outcome: dict) -> str:
    """How a client's outcome compares with ours."""
    delivered = isinstance(row.outcome, int)
    if not outcome["ended"]:
        return "goes on"
    if "error" in outcome:
        return "stricter" if delivered else "same"
    if not delivered:
        return "laxer"
    return "same" if (outcome["status"], outcome["size"]) == (row.outcome, len(row.body)) else "other"


def _cell(row: Row, outcome: dict) -> str:
    found = _kind(row, outcome)
    if found == "goes on":
        return "*goes on*"
    if "error" in outcome:
        words = outcome["error"] if outcome["error"][0].isdigit() else f"`{outcome['error']}`"
        return f"*{words}*" if found == "stricter" else words
    size = outcome["size"]
    words = f"{outcome['status']}" + (f", {size:,} byte{'s' * (size != 1)}" if found != "same" else "")
    return f"**{words}**" if found == "laxer" else words


DIFFERENCES = {
    "laxer": "laxer",
    "stricter": "stricter",
    "other": "another response",
    "goes on": "goes on",
}


def _summary(name: str, outcomes: dict) -> str:
    """Where a client differs, in one line."""
    parts = []
    for which, words in DIFFERENCES.items():
        cases = [row for row in ROWS if row.case in outcomes and _kind(row, outcomes[row.case][name]) == which]
        numbers = sorted({row.number for row in cases})
        if numbers:
            label = "row" if len(numbers) == 1 else "rows"
            parts.append(f"{words} in {len(cases)} ({label} {', '.join(map(str, numbers))})")
    return f"**{name}**: {'; '.join(parts)}."


def _left_out() -> str:
    lines = [f"- {row.number}, {row.case}: {row.why}." for row in LEFT_OUT]
    return "## Left out\n\nRows of the matrix that are not in these tables:\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
