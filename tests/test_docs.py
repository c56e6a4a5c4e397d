"""The README and the documents do what they say: their Python runs block by block, and so do their commands.

A block behind the comment ``<!-- not run -->``, which no reader sees, is left out.
"""

from __future__ import annotations

import dataclasses
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import aio_strategies as aio
import pytest
from aio_strategies import cli
from lecture_programs import PROGRAMS
from quick import quicken, show_all

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = "<!-- not run -->"


class Block(NamedTuple):
    """A fenced block of a document, and the number of its first line."""

    language: str
    text: str
    line: int


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks of a document that are to be run, in their order."""
    found = []
    for fence in re.finditer(r"^```(\w*)\n(.*?)^```$", document, re.M | re.S):
        before = document[: fence.start()]
        if not before.rstrip().endswith(NOT_RUN):
            found.append(Block(fence[1], fence[2], before.count("\n") + 2))
    return found


def read(path: Path, language: str) -> list[Block]:
    return [block for block in blocks(path.read_text(encoding="utf-8")) if block.language == language]


def commands() -> list[str]:
    """The commands of all documents, without their comments."""
    lines = [line for path in DOCUMENTS for block in read(path, "sh") for line in block.text.splitlines()]
    return [without_comment(line) for line in lines]


def without_comment(line: str) -> str:
    return line.partition("  #")[0].strip()


def our_commands(document: str) -> list[str]:
    """The command lines of this package in a document: also those that are not run, and those within a sentence."""
    return [
        without_comment(line) for line in re.findall(r"^aio-strategies .*$|(?<=`)aio-strategies [^`]*", document, re.M)
    ]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty folder as the current one, and quick comparisons."""
    monkeypatch.chdir(tmp_path)
    quicken(monkeypatch)
    return tmp_path


def test_a_marked_block_is_left_out():
    text = f"```sh\none\n```\n\n{NOT_RUN}\n\n```python\ntwo\n```\n```\nthree\n```\n"
    assert blocks(text) == [Block("sh", "one\n", 2), Block("", "three\n", 11)]


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if read(path, "python")], ids=lambda path: path.name)
@pytest.mark.slow
def test_python(path, elsewhere):
    """A document's blocks have one namespace, as if they were typed in one after another."""
    namespace = {"__name__": "__main__"}
    for block in read(path, "python"):
        show_all(block.text, namespace, str(path), block.line)
    if path.name == "README.md":
        # what its blocks have left behind
        assert len(namespace["run"]) == 10
        assert len(aio.load(elsewhere / "mine.json.gz").arm("mine").runs) == 1


def test_every_command_is_tried():
    """Those of make by their names only, as they do what the tests do, or run them."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    tried = 0
    for command in commands():
        program, first, *_ = shlex.split(command)
        if program == "make":
            assert first in targets
        elif program == "pip":
            assert first == "install"  # as the Makefile does
        else:
            assert command in COMMANDS
            tried += 1
    assert tried == len(COMMANDS), "one of them is in no document"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_parser_knows_every_command(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where files can be written
    for command in our_commands(path.read_text(encoding="utf-8")):
        assert is_known(shlex.split(command)[1:]), command


def is_known(words):
    try:
        return cli._parser().parse_args(cli._split(words)[0]).command is not None
    except SystemExit as ended:
        return ended.code == 0  # as of --help


def test_commands_are_found_wherever_they_are():
    text = (
        f"{NOT_RUN}\n\n```sh\naio-strategies one  # two\n```\n\n`aio-strategies compare -r 3`, not `aio-strategies`.\n"
    )
    assert our_commands(text) == ["aio-strategies one", "aio-strategies compare -r 3"]


#: The commands, and what each shows.
COMMANDS = {
    "aio-strategies run --as-host example.com:80 program.py": "10 pages",
    "aio-strategies compare": "yield_from (2.3.2.2)",
    "aio-strategies compare thread asyncio -n 10 -r 20": "asyncio (2.3.4)",
    "aio-strategies compare program.py other.py thread": "other.py",
    "aio-strategies run thread http://127.0.0.1:8000/ --language rust": "200",
    "aio-strategies crawl http://127.0.0.1:8000/": "http://127.0.0.1:8000/ 200 ",
    "aio-strategies crawl http://127.0.0.1:8000/ --delay 1s --state state --plot crawl.svg": "1 URL in ",
    "aio-strategies crawl http://127.0.0.1:8000/ --to pages.jsonl": "1 URL in ",
    "aio-strategies crawl http://127.0.0.1:8000/ --to pages.parquet": "1 URL in ",
    "aio-strategies serve --latency 20ms": "http://127.0.0.1:",
    "aio-strategies strategies": "2.3.2.2",
    "aio-strategies source thread": "fn thread_way(",
}


@pytest.mark.parametrize("command", [command for command in COMMANDS if " serve " not in command])
@pytest.mark.slow
def test_commands(command, elsewhere, capfd, monkeypatch):
    shutil.copy(PROGRAMS / "thread_pool.py", elsewhere / "program.py")
    shutil.copy(PROGRAMS / "process_pool.py", elsewhere / "other.py")
    with aio.LabServer(latency=0.001) as lab, lab.as_host("127.0.0.1", 8000):
        assert cli.main(shlex.split(command)[1:]) == 0
    assert COMMANDS[command] in capfd.readouterr().out


def test_serving():
    command = next(command for command in COMMANDS if " serve " in command)
    arguments = [sys.executable, "-m", "aio_strategies", *shlex.split(command)[1:]]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as serving:
        url = serving.stdout.readline().strip()
        assert url.startswith(COMMANDS[command])
        assert aio.rust.blocking_way([url])[0].status_code == 200
        serving.send_signal(signal.SIGINT)
        assert serving.stdout.readline().startswith("served 1 request")
    assert serving.returncode == 0


def test_the_measuring_protocol_quotes_the_latest_figures():
    """docs/make_measuring.py puts them in; if they are to change, the benchmarks come first."""
    made = runpy.run_path(str(ROOT / "docs" / "make_measuring.py"))
    text = made["PAGE"].read_text(encoding="utf-8")
    assert made["page"](text) == text
    with pytest.raises(ValueError, match="no place for the evidence"):
        made["page"](text.replace("<!-- end of the evidence -->\n", ""))


def records() -> list[type]:
    """The public classes whose attributes are their fields."""
    classes = [each for each in (getattr(aio, name) for name in aio.__all__) if isinstance(each, type)]
    return [each for each in classes if fields_of(each)]


def fields_of(record):
    if dataclasses.is_dataclass(record):
        return [field.name for field in dataclasses.fields(record)]
    return getattr(record, "_fields", ()) if issubclass(record, tuple) else ()


@pytest.mark.parametrize("record", records(), ids=lambda record: record.__name__)
def test_help_describes_every_field(record):
    public = [name for name in fields_of(record) if not name.startswith("_")]
    assert [name for name in public if not re.search(rf"\b{name}\b.*:", record.__doc__)] == []


#: A shell takes the place of __main__, so it has a process of its own.
SHELL = """
import sys
import pytest
from quick import quicken

quicken(pytest.MonkeyPatch())
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
sys.exit(not all(shell.run_cell(line).success for line in sys.argv[1:]))
"""


@pytest.mark.slow
def test_the_magics_of_the_readme(tmp_path):
    pytest.importorskip("IPython")
    tried = []
    for block in read(ROOT / "README.md", ""):
        if block.text.startswith("%%"):
            tried.append(block.text)
        else:
            tried += [line.partition("  #")[0].strip() for line in block.text.splitlines()]
    assert [cell.split()[0] for cell in tried] == ["%load_ext", "%aiotime", "%%aiobench", "%aiobench"]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"IPYTHONDIR": str(tmp_path), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", SHELL, *tried], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "asyncio (2.3.4)" in done.stdout
    assert done.stdout.count("your code: my threads") == 2  # of two comparisons
