"""The Python and the Rust version of a strategy, side by side, with the lines that wait marked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _native
from .catalogue import LANGUAGES, Strategy, by_key
from .checks import check_name, check_names
from .display.code import COLOURS, Colour, Listing, Mark, html_listings, terminal_listings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions
    from rich.text import Text

__all__ = ["ASLEEP", "PAUSED", "SPINNING", "WAITS", "Sources", "source"]

ASLEEP = Mark("●", Colour("#b06f00", "yellow"), "the thread sleeps here until there is something to do")
SPINNING = Mark(
    "↻",
    Colour("#d0453a", "red"),
    "busy waiting: nothing is ready yet, so the thread asks again at once, without sleeping",
)
PAUSED = Mark("○", COLOURS["Name.Function"], "this fetch pauses here, and the thread continues with others")

# No marks in the sources themselves, which should read as lecture code. Waiting until a request is due (`rate`) is not
# marked: it does not wait for the network.
WAITS: Mapping[tuple[str, str], Sequence[tuple[Mark, str]]] = {
    ("python", "blocking_way"): [(ASLEEP, r"sock\.(connect|send|recv)\(")],
    ("rust", "blocking_way"): [(ASLEEP, r"channel\.(connect|write|read)\(")],
    ("python", "process_way"): [(ASLEEP, r"idle\.take\(\)")],
    ("rust", "process_way"): [
        (ASLEEP, r"= in_threads\("),
        (ASLEEP, r"receive\(&mut self\.output\)"),
        (ASLEEP, r"= fetch\(&assignment"),
    ],
    ("python", "thread_way"): [(ASLEEP, r"future\.result\(\)")],
    ("rust", "thread_way"): [(ASLEEP, r"^ +in_threads\("), (ASLEEP, r"blocking_way\(work, cancellation\)")],
    ("python", "nonblocking_way"): [(SPINNING, r"sock\.(connect_ex|send|recv)\(")],
    ("rust", "nonblocking_way"): [(SPINNING, r"if !ready \{\n +spin_loop\(\)")],
    ("python", "callback_way"): [(ASLEEP, r"event_loop\.run\("), (PAUSED, r"event_loop\.call_when_ready\(")],
    ("rust", "callback_way"): [(ASLEEP, r"event_loop\.run\("), (PAUSED, r"event_loop\.call_when_ready\(")],
    ("python", "generator_way"): [(ASLEEP, r"event_loop\.run\("), (PAUSED, r"call_when_ready\(.*\n +yield future")],
    ("rust", "generator_way"): [(ASLEEP, r"event_loop\.run\("), (PAUSED, r"yield_\(ready\(")],
    ("python", "yield_from_way"): [
        (ASLEEP, r"event_loop\.run\("),
        (PAUSED, r"yield from (?!future)"),
        (PAUSED, r"call_when_ready\(.*\n +yield from future"),
    ],
    ("rust", "yield_from_way"): [(ASLEEP, r"event_loop\.run\("), (PAUSED, r"^(?! *//)(?!.*\bwoken\().*\.await")],
    ("python", "asyncio_way"): [(PAUSED, r"await (?!woken)")],
    ("rust", "asyncio_way"): [
        (PAUSED, r"^(?! *//)(?!.*\b(woken|notified|join_next|tick)\().*\.await"),
        (ASLEEP, r"event_loop\.block_on\("),
    ],
    ("rust", "uring_way"): [(ASLEEP, r"ring\.wait\("), (PAUSED, r"ring\.(connect|send|receive)\(")],
    ("python", "event_loop"): [(ASLEEP, r"_selector\.select\(")],
    ("rust", "event_loop"): [(ASLEEP, r"self\.poll\.poll\(")],
    ("rust", "ring"): [(ASLEEP, r"submit_with_args\(")],
    ("python", "executor"): [(PAUSED, r"yield self")],
    ("rust", "executor"): [(PAUSED, r"YIELDED\.set\(.*\n +Poll::Pending")],
}
"""For each language and file: the kinds of waiting, each with a pattern; the line on which a match ends is marked."""

#: What a strategy uses besides its own file: an event loop, the executor of its coroutines, or another strategy. The
#: Python version tells for both languages, if there is one.
_BUILDS_UPON = {
    "python": re.compile(r"^from \.(event_loop|executor|\w+_way) import", re.MULTILINE),
    "rust": re.compile(r"^use crate::(ring)::", re.MULTILINE),
}


@dataclass(frozen=True)
class Sources:
    """The source code of a strategy: side by side, with highlighting, in a notebook and in a terminal.

    A Python prompt in a terminal and ``rich.print`` show colours; ``print`` does not.

    Attributes:
        strategy: the strategy.
        languages: the languages that are shown: ``"python"``, ``"rust"`` or both.
        parts: first the strategy's own file, then each file that it builds on; a listing in each language.
    """

    strategy: Strategy
    languages: tuple[str, ...]
    parts: tuple[tuple[Listing, ...], ...]

    @property
    def python(self) -> str:
        """The text of the Python version's own file. A ValueError says if there is none."""
        _check_written(self.strategy, "python")
        return _text("python", f"{self.strategy.key}_way")

    @property
    def rust(self) -> str:
        """The text of the Rust version's own file, as it was when this package was built."""
        return _text("rust", f"{self.strategy.key}_way")

    def to_text(self, *, columns: int | None = None, whole: bool = False) -> str:
        """Return the sources as text without colours: side by side if there is room, otherwise one below the other.

        Args:
            columns: the width in characters; None for the width of the terminal.
            whole: whether to include the files that the strategy builds on; otherwise they are only named.
        """
        return self.to_rich(columns=columns, whole=whole).plain

    def to_rich(self, *, columns: int | None = None, whole: bool = False) -> Text:
        """Return the same as ``to_text``, in colours, for ``rich.print``."""
        shown = self.parts if whole else self.parts[:1]
        text = terminal_listings(shown, _terminal_columns() if columns is None else columns)
        for part in self.parts[len(shown) :]:
            text.append(f"\n  builds on {', '.join(listing.title for listing in part)}", "dim")
        return text

    def to_terminal(self, *, whole: bool = False) -> str:
        """Return the same as ``to_text``, with escape sequences for colours if standard output is a terminal."""
        import sys

        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        return _coloured(self.to_rich(whole=whole)) if is_terminal else self.to_text(whole=whole)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_terminal()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield self.to_rich(columns=options.max_width)

    def _repr_html_(self) -> str:
        return html_listings(self.parts)


def source(key: str, languages: Sequence[str] = LANGUAGES) -> Sources:
    """Return the Python and the Rust version of a strategy: side by side, with the lines that wait marked.

    Args:
        key: the key of the strategy, such as ``"thread"``; see ``strategies()``.
        languages: ``"python"``, ``"rust"`` or both, in the order to show them. A version that does not exist is not
            shown, unless there is no other.

    Raises:
        ValueError: there is no such strategy, language or version.
    """
    strategy = by_key(key)
    spoken = check_names("languages", "language", languages, LANGUAGES)
    if len(spoken) == 1:
        _check_written(strategy, spoken[0])
    spoken = tuple(language for language in spoken if language in strategy.waits_by)
    own = f"{key}_way"
    tells = next(iter(strategy.waits_by))
    files = [own, *_BUILDS_UPON[tells].findall(_text(tells, own))]
    return Sources(strategy, spoken, tuple(tuple(_listing(language, file) for language in spoken) for file in files))


def _check_written(strategy: Strategy, language: str) -> None:
    check_name(f"version of {strategy.key!r} in the language", language, strategy.waits_by)


def _listing(language: str, file: str) -> Listing:
    text = _text(language, file)
    return Listing(_path(language, file), language, text, dict(_marked(language, file, text)))


def _marked(language: str, file: str, text: str) -> Iterator[tuple[int, Mark]]:
    for mark, pattern in WAITS[language, file]:
        for match in re.finditer(pattern, text, re.MULTILINE):
            yield text.count("\n", 0, match.end()) + 1, mark


def _path(language: str, file: str) -> str:
    """Return where the file is in the repository, below ``python/aio_strategies`` or ``src``."""
    if language == "python":
        return f"lecture/{file}.py"
    return f"strategies/{file}.rs" if file.endswith("_way") else f"{file}.rs"


def _text(language: str, file: str) -> str:
    path = _path(language, file)
    if language == "rust":
        return _native.rust_source(path)
    from importlib.resources import files

    return files(__package__).joinpath(path).read_text(encoding="utf-8")


def _terminal_columns() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns


def _coloured(text: Text) -> str:
    """Return the text with escape sequences for the terminal, unless the terminal or the user wants no colours."""
    from rich.console import Console

    console = Console(width=_terminal_columns())
    with console.capture() as capture:
        console.print(text, soft_wrap=True, end="")
    return capture.get()
