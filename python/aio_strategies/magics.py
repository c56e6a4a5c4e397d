"""``%aiotime`` and ``%%aiobench``, for ``%load_ext aio_strategies``.

A cell under ``%%aiobench`` is a program that names its own hosts and pages. It runs once so that its requests can be
counted; then it is compared with strategies that make the same number of requests. Cells that make the same number of
requests share one comparison.
"""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from . import argparse_types as arguments
from .catalogue import LANGUAGES
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
_AGAINST = ["blocking", "thread", "asyncio"]
_HOST, _TIMEOUT = "--host", "--timeout"


def _requests(help_: str) -> Any:
    return argument("-n", "--requests", type=arguments.requests, metavar="N", help=help_)


_rounds = argument(
    "-r",
    "--rounds",
    type=arguments.rounds,
    metavar="N",
    help="rounds to time (default: 10 to 60, until the intervals are narrow)",
)
_concurrency = argument(
    "-c",
    "--concurrency",
    type=arguments.concurrency,
    default=10,
    metavar="N",
    help="fetches in flight at once (default: 10)",
)
_latency = argument(
    "--latency",
    type=arguments.latency,
    default=0.02,
    metavar="TIME",
    help="delay before the lab answers (default: 20ms)",
)
_budget = argument(
    "--budget",
    type=arguments.budget,
    default=30.0,
    metavar="TIME",
    help="limit on the whole comparison, unless -r is given (default: 30s)",
)
_quiet = argument("-q", "--quiet", action="store_true", help="show nothing")
_output = argument("-o", "--output", action="store_true", help="return the Comparison")


def _language(default: str) -> Any:
    return argument(
        "--language",
        choices=[*LANGUAGES, "both"],
        default=default,
        help=f"implementation of the strategies (default: {default})",
    )


_lang = argument(
    "--lang",
    type=arguments.lang,
    default="en",
    metavar="en|zh",
    help="language of the table; zh shows the lecture's columns (default: en)",
)


@magics_class
class LabMagics(Magics):
    """The magics, and the cells compared so far."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._forget()

    def _forget(self) -> None:
        #: By cell: its source, and the hosts that it names; and the number of requests that each cell makes.
        self._sources: dict[str, str] = {}
        self._hosts: dict[str, list[Host]] = {}
        self._requests = 0

    @magic_arguments()
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
    @_language("both")
    @_lang
    @_latency
    @_budget
    @_quiet
    @_output
    @line_magic
    def aiotime(self, line: str) -> Comparison | None:
        """Time strategies against a lab server, for example ``%aiotime thread asyncio -n 100 -r 20``."""
        options = _parsed(self.aiotime, line)
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
    @argument("name", nargs="*", metavar="NAME", help=f"what to call the cell in the table (default: {_UNNAMED})")
    @_requests("requests that the cell must make, and the length of its `urls` (default: counted)")
    @_rounds
    @_concurrency
    @_language("python")
    @_lang
    @_latency
    @_budget
    @argument(
        _TIMEOUT,
        type=arguments.timeout,
        default=10.0,
        metavar="TIME",
        help="limit on each run of the cell, and on each fetch of a strategy (default: 10s)",
    )
    @argument(
        "--against",
        type=arguments.list_of(lambda key: key if key == "none" else arguments.strategy_key(key)),
        default=_AGAINST,
        metavar="A,B",
        help=f"strategies to compare the cell with, or none (default: {','.join(_AGAINST)})",
    )
    @argument(
        _HOST,
        type=arguments.host,
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="another host for the lab to stand in for; hosts that the cell's strings name with port 80 are found",
    )
    @argument(
        "--reset", action="store_true", help="forget the earlier cells; also works as %%aiobench --reset without a cell"
    )
    @_quiet
    @_output
    @line_cell_magic
    def aiobench(self, line: str, cell: str | None = None) -> Comparison | None:
        """Compare the cell with strategies, and with earlier cells, that make the same number of requests.

        The cell runs in its own interpreter, like a program: it must import and define everything that it uses. A lab
        server stands in for its public hosts; no other host can be reached. ``urls`` lists pages of the lab, if you
        want to fetch those. Top-level ``await`` is allowed. The latest cell's settings apply to all cells.
        """
        options = _parsed(self.aiobench, line)
        if options.reset:
            self._forget()
        if cell is None:
            if not options.reset:
                raise UsageError(
                    "%%aiobench times a cell: write %%aiobench on the cell's first line, and the code below it"
                )
            return None
        name = " ".join(options.name) or _UNNAMED
        try:
            comparison = self._compare_with(name, cell, options)
        except ComparisonError as error:
            raise _in_few_words(error) from None
        # The shell shows what a cell magic returns, in English: do not show it twice.
        return comparison if options.output and options.lang == "en" else _shown(comparison, options)

    def _compare_with(self, name: str, source: str, options: Namespace) -> Comparison:
        """Compare all cells so far and this one, and remember it if that went well."""
        try:
            hosts = {name: [*dict.fromkeys([*hosts_in(source), *options.host])]}
        except SyntaxError as error:
            raise UsageError(f"the cell is not valid Python: {error}") from None
        sources = {name: source}
        requests = self._count(_plan([], sources, hosts, options.requests or _REQUESTS, options), options)
        others = {other: text for other, text in self._sources.items() if other != name}
        if others and requests != self._requests:
            print(
                f"{name} makes {_count(requests)}, but {', '.join(others)} made {self._requests}: the work differs, so"
                " a new comparison begins.",
                file=sys.stderr,
            )
        else:
            sources = others | sources
            hosts = {other: self._hosts[other] for other in others} | hosts
        against = [key for key in options.against if key != "none"]
        plan = _plan(against, sources, hosts, requests, options)
        comparison = carry_out(plan, False if options.quiet else None)
        self._sources, self._hosts, self._requests = sources, hosts, requests
        return comparison

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


def _plan(
    against: Sequence[str],
    sources: dict[str, str],
    hosts: dict[str, list[Host]],
    requests: int,
    options: Namespace,
) -> Plan:
    all_hosts = tuple(dict.fromkeys(host for named in hosts.values() for host in named))
    try:
        return make_plan(
            against,
            _languages(options),
            programs=sources,
            baseline=None,
            urls=None,
            requests=requests,
            rate=None,
            timeout=options.timeout,
            seed=None,
            bounds=Bounds(all_hosts, host_option=_HOST, time_option=_TIMEOUT),
            **_settings(options),
        )
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from None


def _settings(options: Namespace) -> dict[str, Any]:
    """Return the arguments of a comparison that both magics have."""
    return {name: getattr(options, name) for name in ("concurrency", "latency", "rounds", "budget")}


def _languages(options: Namespace) -> Sequence[str]:
    return LANGUAGES if options.language == "both" else (options.language,)


def _parsed(magic: Any, line: str) -> Namespace:
    """Parse the line of a magic; options may stand before, after and between the words of a name."""
    try:
        words = shlex.split(line)
    except ValueError:  # an apostrophe
        words = line.split()
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
