"""``%aiotime`` and ``%%aiobench``, for ``%load_ext aio_strategies``.

A cell under ``%%aiobench`` is a program that names its own hosts and pages. It runs once so that its requests can be
counted; then it is compared with strategies that make the same number of requests. ``%aiobench`` alone compares all
cells so far.
"""

from __future__ import annotations

import argparse
import inspect
import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, kwds, magic_arguments
from IPython.display import display

from . import argparse_types as arguments
from .catalogue import LANGUAGES, STRATEGIES, meant_by
from .comparison.comparison import Comparison
from .exceptions import ComparisonError
from .lab.hosts import Bounds, Host, hosts_in
from .measuring.comparing import carry_out, compare
from .measuring.plan import Plan, make_plan
from .measuring.trial import try_out

__all__ = ["LabMagics"]

_UNNAMED = "this cell"
#: The default number of URLs in a cell's ``urls``, and of pages that ``%aiotime`` fetches.
_REQUESTS = 10
#: The strategy whose Python version is the baseline of every cell.
_BASELINE = "blocking"
#: The default budgets in seconds: of ``%aiotime``, of a cell, and of all cells together.
_BUDGET, _CELL_BUDGET, _CELLS_BUDGET = 30.0, 8.0, 50.0
#: The defaults of options that ``%aiobench`` takes over from the latest cell.
_DEFAULTS = {"concurrency": 10, "latency": 0.02, "timeout": 10.0, "language": "both"}
_HOST, _TIMEOUT = "--host", "--timeout"


class _Cell(NamedTuple):
    """A cell that was compared.

    Attributes:
        source: its code.
        hosts: the hosts that it names.
        requests: the number of requests that it makes.
        options: those that it was compared with.
    """

    source: str
    hosts: Sequence[Host]
    requests: int
    options: Namespace


class _Help(argparse.RawDescriptionHelpFormatter):
    """Writes plain text; IPython's own formatter writes reStructuredText."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "" if prefix is None else prefix)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return super()._fill_text(inspect.cleandoc(text), width, indent)


def _requests(help_: str) -> Any:
    return argument("-n", "--requests", type=arguments.requests, metavar="N", help=help_)


_rounds = argument(
    "-r",
    "--rounds",
    type=arguments.rounds,
    metavar="N",
    help="rounds to time, however long they take (default: 10 to 60, until the intervals are narrow)",
)
_concurrency = argument(
    "-c",
    "--concurrency",
    type=arguments.concurrency,
    metavar="N",
    help="fetches that a strategy has in flight at once (default: 10)",
)
_latency = argument(
    "--latency", type=arguments.latency, metavar="TIME", help="delay before the lab answers (default: 20ms)"
)
_language = argument(
    "--language", choices=[*LANGUAGES, "both"], help="implementation of the strategies (default: both)"
)
_lang = argument(
    "--lang",
    type=arguments.lang,
    default="en",
    metavar="en|zh",
    help="language of the table; zh shows the lecture's columns (default: en)",
)
_quiet = argument("-q", "--quiet", action="store_true", help="show nothing")
_output = argument("-o", "--output", action="store_true", help="return the Comparison")
_help = argument("-h", "--help", action="store_true", help="show this help")


def _budget(default: str) -> Any:
    return argument(
        "--budget",
        type=arguments.budget,
        metavar="TIME",
        help=f"limit on the whole comparison, unless -r is given (default: {default})",
    )


@magics_class
class LabMagics(Magics):
    """The magics, and the cells compared so far."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        #: By name, the latest last.
        self._cells: dict[str, _Cell] = {}

    @magic_arguments()
    @kwds(usage="%%aiotime KEY [KEY ...] [options]", formatter_class=_Help)
    @argument(
        "keys",
        nargs="+",
        type=arguments.strategy_key,
        metavar="KEY",
        help="strategies, such as thread; see aio.strategies()",
    )
    @_requests("number of lab pages to fetch (default: 10)")
    @_rounds
    @_concurrency
    @_language
    @_lang
    @_latency
    @_budget("30s")
    @_quiet
    @_output
    @_help
    @line_magic
    def aiotime(self, line: str) -> Comparison | None:
        """Time strategies against a lab server.

        For example: %aiotime thread asyncio -n 100 -r 20
        """
        options = _parsed(self.aiotime, line)
        if options is None:
            return None
        _fill_in(options, _BUDGET)
        try:
            comparison = compare(
                options.keys,
                _languages(options),
                requests=options.requests or _REQUESTS,
                progress=False if options.quiet else None,
                **_settings(options),
            )
        except ComparisonError as error:
            raise _in_few_words(error) from None
        except (ValueError, TypeError) as error:
            raise UsageError(str(error)) from None
        return _shown(comparison, options)

    @magic_arguments()
    @kwds(
        usage="%%%%aiobench [NAME] [options]      on the first line of a cell: compare the cell\n"
        "%%aiobench [options]              on a line of its own: compare all cells so far",
        formatter_class=_Help,
    )
    @argument("name", nargs="*", metavar="NAME", help=f"what to call the cell in the table (default: {_UNNAMED})")
    @_requests(
        "requests that the cell must make, and the length of its `urls` (default: counted); without a cell, compare"
        " only those that make N"
    )
    @_rounds
    @_concurrency
    @_language
    @_lang
    @_latency
    @_budget(f"{_CELL_BUDGET:g}s, and {_CELLS_BUDGET:g}s for all cells")
    @argument(
        _TIMEOUT,
        type=arguments.timeout,
        metavar="TIME",
        help="limit on each run of a cell, and on each fetch of a strategy (default: 10s)",
    )
    @argument(
        "-s",
        "--strategies",
        type=arguments.list_of(lambda key: key if key == "none" else arguments.strategy_key(key)),
        metavar="A,B",
        help=f"strategies to compare with, or none (default: {_BASELINE}, and the one whose name the cell goes by)",
    )
    @argument(
        _HOST,
        type=arguments.host,
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="another host for the lab to stand in for; hosts that the cell's strings name with port 80 are found",
    )
    @argument("--reset", action="store_true", help="forget the earlier cells")
    @_quiet
    @_output
    @_help
    @line_cell_magic
    def aiobench(self, line: str, cell: str | None = None) -> Comparison | None:
        """Compare a cell with strategies that make as many requests.

        A cell that goes by the name of a strategy (its key, its title, its section in the lecture, or another usual
        name: thread, my threads, thread pool, 2.2.3) is compared with that strategy in both languages.

        The cell runs in its own interpreter, like a program: it must import and define everything that it uses. A lab
        server stands in for its public hosts. TCP connections that Python code opens to other hosts are refused; other
        programs that it starts (curl), UDP and native code are not stopped. `urls` lists pages of the lab, if you want
        to fetch those. Top-level `await` is allowed.

        Without a cell, all cells so far that make the same number of requests are compared in one table, with the
        latest cell's --concurrency, --latency, --timeout and --language, unless you give others.
        """
        options = _parsed(self.aiobench, line)
        if options is None:
            return None
        if options.reset:
            self._cells.clear()
        try:
            if cell is not None:
                comparison = self._compare_cell(" ".join(options.name) or _UNNAMED, cell, options)
            elif options.name or not (self._cells or options.reset):
                raise UsageError(
                    "%%aiobench times a cell: write %%aiobench on the cell's first line, and the code below it; then"
                    " %aiobench alone compares all cells so far"
                )
            elif self._cells:
                comparison = self._compare_cells(options)
            else:
                return None
        except ComparisonError as error:
            raise _in_few_words(error) from None
        # The shell shows what a cell magic returns, in English: do not show it twice.
        if cell is not None and options.output and options.lang == "en":
            return comparison
        return _shown(comparison, options)

    def _compare_cell(self, name: str, source: str, options: Namespace) -> Comparison:
        """Compare a cell with the baseline and its own strategy, and remember it if that went well."""
        _fill_in(options, _CELL_BUDGET)
        try:
            hosts = [*dict.fromkeys([*hosts_in(source), *options.host])]
        except SyntaxError as error:
            raise UsageError(f"the cell is not valid Python: {error}") from None
        cell = _Cell(source, hosts, options.requests or _REQUESTS, options)
        cell = cell._replace(requests=self._count(_plan([], {name: cell}, options), options))
        comparison = carry_out(
            _plan(_strategies({name: cell}, options), {name: cell}, options), False if options.quiet else None
        )
        self._cells.pop(name, None)
        self._cells[name] = cell
        return comparison

    def _compare_cells(self, options: Namespace) -> Comparison:
        """Compare the cells that make the same number of requests: the one that most of them make, or ``-n``."""
        counts = [cell.requests for cell in self._cells.values()]
        # of several, the latest cell's
        requests = options.requests or max(reversed(counts), key=counts.count)
        cells = {name: cell for name, cell in self._cells.items() if cell.requests == requests}
        if not cells:
            raise UsageError(f"no cell makes {_count(requests)}; the cells make {', '.join(map(str, set(counts)))}")
        others = [f"{name} ({cell.requests})" for name, cell in self._cells.items() if name not in cells]
        if others:
            print(f"left out, as they do not make {_count(requests)}: {', '.join(others)}", file=sys.stderr)
        _fill_in(options, _CELLS_BUDGET, [*cells.values()][-1].options)
        return carry_out(_plan(_strategies(cells, options), cells, options), False if options.quiet else None)

    def _count(self, plan: Plan, options: Namespace) -> int:
        """Run a cell once, show what it prints, and return how many requests it makes."""
        (arm,) = plan.arms
        trial = try_out(plan)
        if trial.printed and not options.quiet:
            print(trial.printed, end="" if trial.printed.endswith("\n") else "\n")
        if trial.error is not None:
            raise trial.error
        if options.requests not in (None, trial.requests):
            raise ComparisonError(
                arm.name,
                None,
                f"it made {_count(trial.requests)}, not {options.requests}: leave -n out to compare it as it is",
            )
        return trial.requests


def _strategies(cells: Mapping[str, _Cell], options: Namespace) -> list[str]:
    if options.strategies is not None:
        return [key for key in options.strategies if key != "none"]
    named = {_BASELINE, *map(meant_by, cells)}
    return [key for key in STRATEGIES if key in named]


def _plan(strategies: Sequence[str], cells: Mapping[str, _Cell], options: Namespace) -> Plan:
    """Plan to compare cells, all of which make the same number of requests."""
    hosts = tuple(dict.fromkeys(host for cell in cells.values() for host in (*cell.hosts, *options.host)))
    try:
        return make_plan(
            strategies,
            _languages(options),
            programs={name: cell.source for name, cell in cells.items()},
            requests=next(iter(cells.values())).requests,
            timeout=options.timeout,
            bounds=Bounds(hosts, host_option=_HOST, time_option=_TIMEOUT),
            **_settings(options),
        )
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from None


def _fill_in(options: Namespace, budget: float, like: Namespace | None = None) -> None:
    """Replace what is None by what the other options say, or by the default."""
    for name, default in _DEFAULTS.items():
        if getattr(options, name, None) is None:
            setattr(options, name, getattr(like, name, default))
    if options.budget is None:
        options.budget = budget


def _settings(options: Namespace) -> dict[str, Any]:
    """Return the arguments of a comparison that both magics have."""
    return {name: getattr(options, name) for name in ("concurrency", "latency", "rounds", "budget")}


def _languages(options: Namespace) -> Sequence[str]:
    return LANGUAGES if options.language == "both" else (options.language,)


def _parsed(magic: Any, line: str) -> Namespace | None:
    """Parse the line of a magic, or show its help and return None.

    Options may stand before, after and between the words of a name.
    """
    try:
        words = shlex.split(line)
    except ValueError:  # an apostrophe
        words = line.split()
    if "-h" in words or "--help" in words:
        print(magic.__doc__)
        return None
    options: Namespace = magic.parser.parse_intermixed_args(words)
    return options


def _shown(comparison: Comparison, options: Namespace) -> Comparison | None:
    if options.lang != "en" and not options.quiet:
        texts = {"text/plain": comparison.to_text(options.lang), "text/markdown": comparison.to_markdown(options.lang)}
        display(texts, raw=True)
    elif not options.quiet:
        display(comparison)
    return comparison if options.output else None


def _count(requests: int) -> str:
    return f"{requests} request{'s' * (requests != 1)}"


def _in_few_words(error: ComparisonError) -> ComparisonError:
    """Return the error so that the shell shows it without a traceback through this package, which is not at fault."""
    words = str(error)
    if "NameError" in error.difference:
        words += "\nThe cell runs in its own interpreter: it must import and define everything that it uses."
    error._render_traceback_ = words.splitlines  # type: ignore[attr-defined]
    return error
