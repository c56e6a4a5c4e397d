"""Makes docs/faults.md: the rows of the fault matrix (tests/fault_rows.py), and beside each what other clients make of
it, as benchmarks/other_clients.py measured it; and who is right where other parsers differ from ours, as often as
benchmarks/differential.py counted it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from fault_rows import LEFT_OUT, ROWS, Row

HERE = Path(__file__).parent
PAGE = HERE / "faults.md"
RESULTS = HERE.parent / "benchmarks" / "results"
MEASURED = RESULTS / "other_clients.json"
COUNTED = RESULTS / "differential.json"

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


class Judgement(NamedTuple):
    """Who is right where other parsers differ.

    Attributes:
        reply: what the replies have in common.
        is_read: whether they are read here; the others refuse them then, and else it is the other way round.
        kinds: the words of the errors, by the parser that differs.
        right: who is right by the RFCs, and why; sections are those of RFC 9112.
    """

    reply: str
    is_read: bool
    kinds: dict[str, list[str]]
    right: str


PARSERS = ("h11", "httptools")
JUDGEMENTS = [
    Judgement(
        "lines of the head that end with LF alone",
        True,
        {
            "httptools": [
                "Missing expected CR after response line",
                "Missing expected CR after header value",
                "Invalid header field char",
                "Invalid header value char",
                "Invalid response status",
            ]
        },
        "Both: a recipient may take LF for the end of such a line (2.2).",
    ),
    Judgement(
        "a line of the head that is continued on the next",
        True,
        {"httptools": ["Unexpected whitespace after header value"]},
        "Here: a client must read the two as one, with blanks between them (5.2).",
    ),
    Judgement(
        "a status line with a control character, or of another version; a status below 100",
        False,
        {name: ["RemoteProtocolError: the response's head is malformed: invalid status line …"] for name in PARSERS},
        "Here, about control characters (4), though nothing depends on them, and about HTTP/5.1. The other,"
        " about HTTP/1.2, which should be read like 1.1, and about the status, which should count as a 5xx (RFC"
        " 9110, 2.5 and 15).",
    ),
    Judgement(
        "an empty line before the status line",
        False,
        {"httptools": ["RemoteProtocolError: the server's answer is not HTTP: …"]},
        "Here: only a server is to pass over one, before a request (2.2).",
    ),
    Judgement(
        "a control character in a field's value",
        False,
        {"h11": ["RemoteProtocolError: the response's head is malformed: invalid header …"]},
        "Both: it is invalid, and may be kept where that is safe (RFC 9110, 5.5).",
    ),
    Judgement(
        "`Content-Length` with the same number twice (`5, 5`, or `5` and `05`), or behind many zeros; also any of a 204"
        " or 304",
        True,
        {
            "h11": ["bad Content-Length", "conflicting Content-Length headers"],
            "httptools": ["Duplicate Content-Length", "Invalid character in Content-Length"],
        },
        "Here: numbers that are all the same count (6.3, rule 5), and may have any number of digits (RFC 9110, 8.6). A"
        " 204 or 304 ends with its head, whatever the fields say (6.3, rule 1).",
    ),
    Judgement(
        "a 204 or 304 with another malformed `Content-Length`, or an empty `Transfer-Encoding`",
        True,
        {"httptools": ["Content-Length overflow", "Empty Content-Length", "Empty Transfer-Encoding"]},
        "Here, for the same reason.",
    ),
    Judgement(
        "`Content-Length` beside `Transfer-Encoding`",
        True,
        {
            "httptools": [
                "Content-Length can't be present with Transfer-Encoding",
                "Transfer-Encoding can't be present with Content-Length",
            ]
        },
        "Both: the latter counts, and whoever fears an attack refuses it (6.3, rule 3). Here, such a connection is not"
        " used again.",
    ),
    Judgement(
        "`Content-Length` out of range beside `Transfer-Encoding`",
        False,
        {"h11": ["RemoteProtocolError: invalid Content-Length …"]},
        "Both, for the same reason.",
    ),
    Judgement(
        "`Transfer-Encoding` with `identity`, or twice `chunked`; also any of a 204 or 304",
        True,
        {"h11": ["Only Transfer-Encoding: chunked is supported", "multiple Transfer-Encoding headers"]},
        "The other may refuse it: no sender may send it (6.1, 7), though some proxies do. Here, such a connection is"
        " not used again. About a 204 or 304: here (6.3, rule 1).",
    ),
    Judgement(
        "`Transfer-Encoding: identity` alone",
        True,
        {"httptools": ["needs more"]},
        "Here: without `chunked`, the body ends with the connection (6.3, rule 4), of which the benchmark cannot tell"
        " httptools.",
    ),
    Judgement(
        "an unknown coding before `chunked`",
        False,
        {"httptools": ["RemoteProtocolError: unknown transfer coding …"]},
        "Both: where the body ends is known (6.3, rule 4), but not what it says.",
    ),
    Judgement(
        "chunks whose lines all end with LF alone; for h11, also a blank between a size and its extension",
        True,
        {
            "h11": ["illegal chunk header: bytearray…", "peer unexpectedly closed connection"],
            "httptools": ["Missing expected CR after chunk size", "Missing expected CR after chunk extension name"],
        },
        "The other: chunks need CRLF (7.1). They are read here because servers send them (see above). About the blank:"
        " here (7.1.1).",
    ),
    Judgement(
        "LF alone behind the last line of chunks that end with CRLF",
        False,
        {"h11": ["RemoteProtocolError: bare line feed in a chunked body after …"]},
        "The other may read it, like a line of the head (2.2).",
    ),
    Judgement(
        "a chunk's size of more than 15 digits, or a control character in its extension",
        False,
        {name: ["RemoteProtocolError: invalid chunk size …"] for name in PARSERS},
        "The other, about digits that are zeros; a limit there must be (7.1). Here, about the character (7.1.1).",
    ),
    Judgement(
        "a blank behind a chunk's size, or an extension without a name",
        True,
        {"httptools": ["Invalid character in chunk size", "Invalid character in chunk extensions"]},
        "Here, about a blank before an extension. The other, about one without (7.1.1).",
    ),
    Judgement(
        "an interim reply of HTTP/1.0, and another reply after it",
        True,
        {"httptools": ["Data after `Connection: close`"]},
        "Here: the final reply is still to come (RFC 9110, 15.2).",
    ),
]

JUDGED = """\
## Where other parsers differ

`benchmarks/differential.py` has {replies:,} replies, valid, broken and mutated, read by both exchanges here, by h11
{h11} and by httptools {httptools} (llhttp). The two here differ in {own}. The others differ from them in
{h11_differences:,} and {httptools_differences:,}; this is who is right by RFC 9112, whose sections are in brackets.

| reply | here | differ | right |
| --- | --- | --- | --- |
{rows}
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
    tables = [_section(*each, measured) for each in SECTIONS.items()]
    counted = json.loads(COUNTED.read_text(encoding="utf-8"))
    return "\n".join([top, *tables, DECISIONS, judged(counted), _left_out()])


def judged(counted: dict) -> str:
    """Return the judgements, with how often each was met.

    Raises:
        ValueError: there are differences of a kind that is not judged.
    """
    counts = {name: {_words(kind): kind["count"] for kind in counted[name]["kinds"]} for name in PARSERS}
    rows = []
    for judgement in JUDGEMENTS:
        met = {name: sum(counts[name].pop(words, 0) for words in kinds) for name, kinds in judgement.kinds.items()}
        cells = [
            judgement.reply,
            "read" if judgement.is_read else "refused",
            ", ".join(f"{name} {count:,}" for name, count in met.items()),
            judgement.right,
        ]
        rows.append(f"| {' | '.join(cells)} |")
    if unjudged := [f"{name}: {words}" for name, left in counts.items() for words in left]:
        raise ValueError(f"not judged: {'; '.join(unjudged)}")
    parsers = {name: counted[name]["version"] for name in counts}
    differences = {f"{name}_differences": counted[name]["differences"] for name in counts}
    own = counted["python_and_rust"]["differences"] or "none"
    return JUDGED.format(replies=counted["replies"], own=own, rows="\n".join(rows), **parsers, **differences)


def _words(kind: dict) -> str:
    """The words of the one that refuses the reply."""
    return kind["ours"] if kind["theirs"] == "accepted" else kind["theirs"]


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
