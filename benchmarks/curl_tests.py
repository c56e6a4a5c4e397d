"""How many of curl's own tests end here as curl expects: ``curl_tests.py PATH_OF_A_CHECKOUT_OF_CURL``.

A case of its ``tests/data`` is applicable if curl is to fetch one URL from the plain HTTP server, by GET or HEAD, with
no options but those that this package has (``OPTIONS``), or that only change what curl prints (``PRINTING``). So there
are no proxies, credentials, cookies, uploads, ranges, retries, patterns of URLs, failing at a status (``--fail``),
HTTP/0.9, 1.0 or 2, or transfer codings other than chunked (``--tr-encoding``); and no case that needs a server, a
feature, an environment or a command of the server that is not handled here.

A server on the loopback interface sends the reply of the case as it is, in pieces of 20 bytes, as curl's server does;
it closes the connection afterwards if the case says so. One strategy in each language fetches it. The outcome agrees if
curl should fail and the error is of the kind that curl's exit code means (``KINDS``), or if curl should succeed and the
body is the one that it should print. The limits are the package's defaults, unless the case sets them.

Writes results/curl_tests.json and prints the share in each language, and what was thought of each difference.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import re
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_strategies as aio
from save import save

#: curl's options that this package has: how many values they take.
OPTIONS = {
    **dict.fromkeys(["-L", "--location", "--compressed", "-I", "--head"], 0),
    **dict.fromkeys(["--max-redirs", "-m", "--max-time", "--max-filesize", "-H", "--header", "-A", "-e"], 1),
    **dict.fromkeys(["--user-agent", "--referer"], 1),
}
#: Those that change only what curl prints or writes, or ask for what is the case here anyway.
PRINTING = {
    **dict.fromkeys(["-s", "-S", "-sS", "-i", "-v", "--silent", "--show-error", "--include", "--show-headers"], 0),
    **dict.fromkeys(["--no-progress-meter", "--no-include", "--globoff", "-4", "--http1.1"], 0),
    **dict.fromkeys(["-w", "--write-out", "-o", "--output", "-D", "--dump-header", "--output-dir"], 1),
}
#: The features of curl that it would be built with.
FEATURES = {"http", "libz", "brotli", "zstd", "headers-api", "large-size", "large-time", "Largefile"}
SERVER_COMMANDS = {"idle", "stream", "delay:", "writedelay:", "swsclose", "connection-monitor"}
#: The redirects that curl follows in a row, unless told otherwise.
MAX_REDIRECTS = 50
#: The limit on a fetch in seconds, unless the case sets one.
TIMEOUT = 5.0
#: What curl's exit codes mean, in this package's exceptions.
KINDS: dict[int, tuple[type[BaseException], ...]] = {
    1: (aio.UnsupportedProtocol, aio.RemoteProtocolError),  # curl 1: also HTTP/0.9, and a version that it does not know
    3: (aio.InvalidURL,),
    6: (aio.NameResolutionError,),
    7: (aio.ConnectError,),
    8: (aio.RemoteProtocolError,),
    18: (aio.RemoteProtocolError,),  # an end inside the head or the body (IncompleteBody)
    23: (aio.DecodingError,),
    28: (aio.TimeoutException,),
    43: (aio.RemoteProtocolError,),
    47: (aio.TooManyRedirects,),
    52: (aio.RemoteProtocolError,),
    56: (aio.ReadError, aio.RemoteProtocolError),
    61: (aio.DecodingError, aio.RemoteProtocolError),
    63: (aio.ResponseTooLarge,),
    100: (aio.HeadersTooLarge,),
}
#: What was thought of the cases that differ.
JUDGEMENTS: dict[int, str] = {
    **dict.fromkeys(
        [223, 315], "curl decodes as it reads; here the body is decoded when it is whole, and this server never ends it"
    ),
    **dict.fromkeys([393, 395], "a Content-Length beyond 64 bits is refused on purpose: it is no length"),
    772: "Location means something in a redirect only; here two of them in a 200 reply are as good as none",
    1473: "a first header line that begins with a blank is refused on purpose (RFC 9112, 2.2, allows it)",
    2305: "a gzip body of two members is decoded, as RFC 1952 has it; curl does not support it",
}


class NotApplicable(Exception):
    """The case needs something that is left out here; says what."""


@dataclass
class Case:
    """One of curl's tests."""

    number: int
    #: Its sections, by name: (attributes, content).
    sections: dict[str, tuple[str, bytes]]
    url: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        return int(self.sections.get("verify/errorcode", ("", b"0"))[1].split()[0])

    def reply(self, part: str = "") -> bytes:
        return self._lines(f"reply/data{part}")

    def expected_body(self) -> bytes | None:
        """Return the body that curl should print; None if the case does not say."""
        if "reply/datacheck" in self.sections:
            parts = [name for name in self.sections if re.fullmatch(r"reply/datacheck\d?", name)]
            printed = b"".join(self._lines(name) for name in sorted(parts))
        elif "nocheck" in self.sections["reply/data"][0]:
            return None
        else:
            printed = self.reply()
        # curl prints more: the heads of all replies on the way, and trailers, their lines ended by CR LF.
        while printed.startswith(b"HTTP/"):
            printed = re.split(rb"\r?\n\r?\n", printed, maxsplit=1)[-1] if re.search(rb"\n\r?\n", printed) else b""
        if trailers := re.search(rb"(?is)\ntransfer-encoding:.*chunked\r?\n.*\n0+\r?\n(.+\n)\r?\n\Z", self.reply()):
            printed = printed.removesuffix(re.sub(rb"\r?\n", b"\r\n", trailers[1]))
        return b"" if self.settings.get("method") == "HEAD" else printed

    def _lines(self, name: str) -> bytes:
        attributes, content = self.sections.get(name, ("", b""))
        if "nonewline" in attributes:
            content = content.removesuffix(b"\n")
        if "crlf=" not in attributes:
            return content
        lines, in_head = [], False
        for line in content.splitlines(keepends=True):
            is_head = re.match(rb"HTTP/(1.1|1.0|2|3) [1-59][^\r]*\Z|(?i:[a-z0-9_-]+: [^\r]*\Z)", line) is not None
            ends_head = in_head and line == b"\n"
            if is_head or ends_head or "headers" not in attributes:
                line = re.sub(rb"\r*\n\Z", b"\r\n", line)
            lines.append(line)
            in_head = is_head
        return b"".join(lines)


def cases(data: Path, port: int) -> Iterator[tuple[int, Case | str]]:
    """Yield the number of each of curl's tests, and the case, or why it is not applicable."""
    paths = [path for path in data.glob("test*") if path.name[4:].isdigit()]
    for path in sorted(paths, key=lambda path: int(path.name[4:])):
        number = int(path.name[4:])
        try:
            yield number, applicable(Case(number, sections(preprocessed(path.read_bytes(), number, port))), port)
        except NotApplicable as reason:
            yield number, str(reason)


def preprocessed(text: bytes, number: int, port: int) -> bytes:
    """Replace the variables and instructions, as docs/tests/FILEFORMAT.md in curl's repository describes them."""
    values = {b"HOSTIP": b"127.0.0.1", b"HTTPPORT": b"%d" % port, b"TESTNUMBER": b"%d" % number, b"VERSION": b"8.0.0"}
    for name, value in values.items():
        text = text.replace(b"%" + name, value)

    def bytes_of(text: bytes) -> bytes:
        return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text)

    text = re.sub(rb"(?s)%b64\[(.*?)\]b64%", lambda found: base64.b64encode(bytes_of(found[1])), text)
    text = re.sub(rb"(?s)%hex\[(.*?)\]hex%", lambda found: bytes_of(found[1]), text)
    text = re.sub(rb"(?s)%repeat\[(\d+) x (.*?)\]%", lambda found: int(found[1]) * bytes_of(found[2]), text)
    for name, value in {b"SP": b" ", b"TAB": b"\t", b"CR": b"\r", b"LT": b"<", b"GT": b">", b"AMP": b"&"}.items():
        text = text.replace(b"%" + name, value)
    lines, shows = [], [True]
    for line in text.splitlines(keepends=True):
        if found := re.match(rb" *%if (!?)([\w-]+)", line):
            shows.append(shows[-1] and (found[2].decode() in FEATURES) != bool(found[1]))
        elif re.match(rb" *%else", line):
            shows[-1] = shows[-2] and not shows[-1]
        elif re.match(rb" *%endif", line):
            shows.pop()
        elif shows[-1]:
            lines.append(line)
    return b"".join(lines)


def sections(text: bytes) -> dict[str, tuple[str, bytes]]:
    """Return the sections as ``"reply/data"``: their attributes, and their content."""
    found = {}
    for part in re.finditer(rb"(?ms)^<(info|reply|client|verify)>\n(.*?)^</\1>", text):
        for section in re.finditer(rb"(?ms)^<(\w+)([^>\n]*)>\n(.*?)^</\1>", part[2]):
            found[f"{part[1].decode()}/{section[1].decode()}"] = section[2].decode(), section[3]
    return found


def applicable(case: Case, port: int) -> Case:
    """Read what curl is to do; raise ``NotApplicable`` if it is something else."""

    def words(name: str) -> list[str]:
        return case.sections.get(name, ("", b""))[1].decode("latin-1").split()

    if words("client/server") != ["http"]:
        raise NotApplicable("another server, or several")
    if "client/tool" in case.sections or "client/command" not in case.sections:
        raise NotApplicable("a program that uses libcurl")
    for name in ("client/setenv", "client/precheck", "client/stdin"):
        if name in case.sections:
            raise NotApplicable(name)
    if unknown := set(words("client/features")) - FEATURES:
        raise NotApplicable(f"features {' '.join(sorted(unknown))}")
    for line in case.sections.get("reply/servercmd", ("", b""))[1].decode().splitlines():
        if line.split()[0] not in SERVER_COMMANDS:
            raise NotApplicable(f"server command {line}")
    if "reply/data" not in case.sections:
        raise NotApplicable("no reply")
    if re.search(rb"%(include|days)", b"".join(content for _, content in case.sections.values())):
        raise NotApplicable("an instruction of its files")
    attributes, command = case.sections["client/command"]
    if "type=" in attributes:
        raise NotApplicable("not a command line")
    try:
        arguments = iter(shlex.split(command.decode("latin-1")))
    except ValueError:
        raise NotApplicable("not a command line") from None
    urls = []
    for argument in arguments:
        name, has_value, value = argument.partition("=") if argument.startswith("--") else (argument, "", "")
        if not argument.startswith("-"):
            urls.append(argument)
        elif name in OPTIONS:
            option(case, name, (value if has_value else next(arguments)) if OPTIONS[name] else "")
        elif name in PRINTING:
            if PRINTING[name] and not has_value:
                next(arguments)
        else:
            raise NotApplicable(f"option {name[:2] if name[1] != '-' else name}")
    if len(urls) != 1:
        raise NotApplicable("several URLs")
    case.url = urls[0] if "://" in urls[0] else f"http://{urls[0]}"
    if f"://127.0.0.1:{port}" not in case.url:
        raise NotApplicable("another host, or credentials")
    if set(case.url) & set("{}[]\\"):
        raise NotApplicable("a pattern of URLs")
    return case


def option(case: Case, name: str, value: str) -> None:
    """Take an option of curl's."""
    settings = case.settings
    match name:
        case "-L" | "--location":
            settings |= {"follow_redirects": True, "max_redirects": settings.get("max_redirects", MAX_REDIRECTS)}
        case "--max-redirs":
            settings["max_redirects"] = int(value)
        case "-I" | "--head":
            settings["method"] = "HEAD"
        case "-m" | "--max-time":
            settings["timeout"] = float(value)
        case "--max-filesize":
            settings["max_body_bytes"] = int(value)
        case "--compressed":
            settings.setdefault("headers", {})["Accept-Encoding"] = "deflate, gzip, br, zstd"
        case "-A" | "--user-agent":
            settings.setdefault("headers", {})["User-Agent"] = value
        case "-e" | "--referer":
            settings.setdefault("headers", {})["Referer"] = value
        case _:
            header, colon, content = value.partition(":")
            if not colon or not content.strip():
                raise NotApplicable("a header field that is empty, or not sent")
            settings.setdefault("headers", {})[header] = content.strip()


class Server:
    """Serves one case at a time, as curl's own server does."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.case: Case | None = None
        #: Whether the last reply says that the next one has the next number; and that number.
        self._bounces, self._part = False, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def serve(self, case: Case) -> None:
        self.case, self._bounces, self._part = case, False, 0

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer, args=(connection, self.case), daemon=True).start()

    def _answer(self, connection: socket.socket, case: Case) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(2 * TIMEOUT)
            commands = case.sections.get("reply/servercmd", ("", b""))[1].decode()
            delays = {name: int(value) / 1000 for name, value in re.findall(r"(\w+): (\d+)", commands)}
            time.sleep(delays.get("delay", 0))
            head = b""
            while b"\r\n\r\n" not in head:
                data = connection.recv(65536)
                if not data:
                    return
                head += data
            if "idle" in commands:
                connection.recv(1)
            while "stream" in commands:
                connection.sendall(b"a line without an end in sight\n")
            # The last part of the path may name a part of the case: 10002 is the second of the first.
            found = re.match(rb"\w+ \S*/(\d+)", head)
            part = int(found[1]) % 10000 if found and int(found[1]) > 10000 else 0
            part = self._part = self._part + 1 if self._bounces else part
            reply = case.reply(str(part or ""))
            self._bounces = b"swsbounce" in reply
            for start in range(0, len(reply), 20) if len(reply) < 100_000 else ():
                connection.sendall(reply[start : start + 20])
                time.sleep(delays.get("writedelay", 0))
            if len(reply) >= 100_000:
                connection.sendall(reply)
            if wait := re.search(rb"wait (\d+)", case.sections.get("reply/postcmd", ("", b""))[1]):
                time.sleep(int(wait[1]))
            if reply and b"swsclose" not in reply and "swsclose" not in commands:
                while connection.recv(65536):  # as long as the client does not close it
                    pass


def outcome(case: Case, strategy: str, language: str) -> BaseException | bytes:
    """Fetch it; return the error, or the body."""
    try:
        [response] = aio.run(strategy, [case.url], language=language, **{"timeout": TIMEOUT, **case.settings})
    except (aio.Error, ValueError) as error:
        return error
    return response.content if response.error is None else response.error


def judge(case: Case, found: BaseException | bytes) -> str | None:
    """Say how the outcome differs from curl's; None if it does not."""
    if case.exit_code:
        if isinstance(found, bytes):
            return f"curl fails with {case.exit_code}; here it is a body of {len(found)} bytes"
        if not isinstance(found, KINDS.get(case.exit_code, ())):
            return f"curl fails with {case.exit_code}; here it is {type(found).__name__}: {found}"
        return None
    if isinstance(found, BaseException):
        return f"curl succeeds; here it is {type(found).__name__}: {found}"
    wanted = case.expected_body()
    if wanted is not None and found != wanted:
        return f"curl prints a body of {len(wanted)} bytes; here it has {len(found)}, or others"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--strategy", default="callback")
    parser.add_argument("--case", type=int, help="only this one")
    parser.add_argument("--left-out", action="store_true", help="say why cases are not applicable")
    options = parser.parse_args()
    server = Server()
    agreed, differences, applied = {"python": 0, "rust": 0}, {}, []
    for number, case in cases(options.checkout / "tests" / "data", server.port):
        if options.case not in (None, number):
            continue
        if isinstance(case, str):
            if options.left_out or options.case:
                print(number, case)
            continue
        applied.append(number)
        for language in agreed:
            server.serve(case)
            difference = judge(case, outcome(case, options.strategy, language))
            agreed[language] += difference is None
            if difference is not None:
                judgement = JUDGEMENTS.get(number, "not judged")
                differences.setdefault(number, {"judgement": judgement})[language] = difference.replace(
                    str(server.port), "PORT"
                )
    for number, words in differences.items():
        print(number, words)
    for language, count in agreed.items():
        print(f"{language}: {count} of {len(applied)} end as curl expects")
    if options.case is None:
        revision = subprocess.run(
            ["git", "-C", options.checkout, "rev-parse", "HEAD"], capture_output=True, text=True
        ).stdout.strip()
        found = {"curl": revision, "strategy": options.strategy, "cases": applied, "agreed": agreed}
        save(Path(__file__), {**found, "differences": differences})


if __name__ == "__main__":
    main()
