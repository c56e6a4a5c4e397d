"""The command line, ``aio-strategies compare | crawl | diff | run | serve | source | strategies``; also
``python -m aio_strategies``.

``compare`` and ``run`` take strategies, or Python files whose public hosts are answered by a lab server.

Exit status: 0 on success, 1 on failure, 2 for a wrong argument, 130 after Ctrl-C. ``diff`` has 1 for a slowdown only,
and 2 if an arm cannot be judged; ``crawl`` has 1 if nothing could be fetched.
"""

# Each command imports what it needs when it runs, so that --help and usage errors are answered at once.

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from . import argparse_types as arguments

if TYPE_CHECKING:
    from .catalogue import Strategy
    from .lab.hosts import Bounds, Host
    from .measuring.plan import Plan
    from .program_file import ProgramFile
    from .results import Response, Run

__all__ = ["main"]

_PROGRAM = "aio-strategies"
# What a shell reports for a process that a signal ended: 128 + SIGINT, 128 + SIGPIPE.
_INTERRUPTED = 130
_PIPE_CLOSED = 141
#: The default number of requests.
_REQUESTS = 10
#: What a crawler is given if the command line has it.
_OF_A_CRAWLER = (
    *("strategy", "exclude", "max_pages", "max_depth", "max_redirect", "max_tasks", "max_tries"),
    *("timeout", "connect_timeout", "headers"),
)
#: What only the one in Rust has.
_OF_A_RUST_CRAWLER = (
    *("include", "max_pages_per_folder", "max_tasks_per_host", "robots", "delay", "max_delay"),
    *("sitemaps", "nofollow", "state"),
)
#: Whether a shell wants to know how to complete a command line.
_COMPLETING = "_ARGCOMPLETE" in os.environ


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        words: the arguments after the program's name; None for those of this process.

    Raises:
        SystemExit: with 0 after ``--help`` and ``--version``, with 2 for a wrong argument.
    """
    from .exceptions import Error

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack Chinese characters
    try:
        try:
            return _run_command(sys.argv[1:] if words is None else words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone. The interpreter flushes once more at exit: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except (Error, OSError) as error:
        print(f"{_PROGRAM}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run_command(words: Sequence[str]) -> int:
    own, program_arguments = _split(words)
    parser = _parser()
    if _COMPLETING:
        with contextlib.suppress(ImportError):
            import argcomplete

            argcomplete.autocomplete(parser, always_complete_options=False)
    options = parser.parse_args(own)
    options.program_arguments = program_arguments
    status: int = options.command(options)
    return status


# --- the commands


def _failed(command: str, error: Exception | str, status: int) -> int:
    """Say why a command failed, and return the exit status."""
    print(f"{_PROGRAM} {command}: error: {error}", file=sys.stderr)
    return status


def _compare(options: argparse.Namespace) -> int:
    from .display.text import terminal_columns
    from .measuring.comparing import carry_out

    if options.costs and options.lang == "zh":
        return _failed("compare", "--costs is in English only: leave out --lang zh", 2)
    try:
        plan = _planned(options)
    except ValueError as error:  # what the parser cannot know, such as a baseline that is not one of the arms
        return _failed("compare", error, 2)
    comparison = carry_out(plan)
    unsaved = None
    if options.save:
        try:
            comparison.save(options.save)
        except OSError as error:  # the figures shall be shown all the same
            unsaved = error
    if options.json:
        print(comparison.to_json())
    elif options.csv:
        print(comparison.to_csv(), end="")
    elif options.markdown:
        print(comparison.to_markdown(options.lang))
    else:
        print(comparison.to_text(options.lang, columns=terminal_columns(), costs=options.costs))
    if unsaved is not None:
        raise unsaved
    if comparison.ended == "interrupted":
        return _INTERRUPTED
    return 1 if any(arm.errors for arm in comparison.arms) else 0


def _planned(options: argparse.Namespace) -> Plan:
    """Plan a comparison of strategies, and of Python files if there are any.

    Raises:
        ComparisonError: a file does not run, or makes another number of requests than the others.
        OSError: a file cannot be read.
        ValueError: the arguments do not go together.
    """
    from .measuring.plan import make_plan

    files = [word for word in options.arms if word.endswith(".py")]
    strategies = [word for word in options.arms if word not in files]
    plan = partial(
        make_plan,
        languages=options.languages,
        urls=options.url,
        site=options.site,
        concurrency=options.concurrency,
        latency=options.latency,
        rate=options.rate,
        keep_alive=options.keep_alive,
        https=options.https,
        timeout=options.timeout,
        rounds=options.rounds,
        budget=options.budget,
        seed=options.seed,
    )
    if not files:
        if options.as_host:
            raise ValueError("--as-host applies only to Python files")
        return plan(strategies or None, baseline=options.baseline, requests=options.requests or _REQUESTS)
    if options.url:
        raise ValueError("--url does not apply to Python files, which name their own pages")
    if options.site:
        raise ValueError("--site does not apply to Python files, which name their own pages")
    programs = _programs(files)
    plan = partial(plan, bounds=_bounds(programs, options.as_host))
    return plan(
        strategies,
        programs=programs,
        baseline=options.baseline or (next(iter(programs)) if options.arms[0] in files else None),
        requests=_requests_of(programs, options.requests, plan),
    )


def _programs(files: Sequence[str]) -> dict[str, ProgramFile]:
    """Read the files; each is known by its name, or by its path if several have the same name."""
    from .program_file import ProgramFile

    names = [os.path.basename(path) for path in files]
    return {
        name if names.count(name) == 1 else path: ProgramFile(path) for name, path in zip(names, files, strict=True)
    }


def _bounds(programs: Mapping[str, ProgramFile], hosts: Sequence[Host] | None) -> Bounds:
    """Let the lab stand in for the hosts that were given, and for those that the programs name."""
    from .lab.hosts import Bounds, hosts_in

    named = dict.fromkeys(hosts or ())
    for program in programs.values():
        try:
            named |= dict.fromkeys(hosts_in(program.source))
        except SyntaxError as error:
            raise ValueError(f"{program.path}, line {error.lineno}, is not valid Python: {error.msg}") from None
    return Bounds(tuple(named), host_option="--as-host", time_option="--timeout")


def _requests_of(programs: Mapping[str, ProgramFile], given: int | None, plan: Callable[..., Plan]) -> int:
    """Run each program once, and return how many requests it makes; all must make as many."""
    from .exceptions import ComparisonError
    from .measuring.trial import try_out

    expected, whose = given, "the number given by -n"
    for name, program in programs.items():
        trial = try_out(plan([], programs={name: program}, requests=given or _REQUESTS))
        if trial.error is not None:
            raise trial.error
        if expected is None:
            expected, whose = trial.requests, f"the number that {name} made"
        if trial.requests != expected:
            raise ComparisonError(name, None, f"it made {_count(trial.requests, 'request')}, not {expected}, {whose}")
    assert expected is not None
    return expected


def _diff(options: argparse.Namespace) -> int:
    from .comparison.comparison import Comparison
    from .comparison.loading import load
    from .display.text import terminal_columns
    from .exceptions import Error

    try:
        before, after = map(load, (options.before, options.after))
        if not isinstance(before, Comparison) or not isinstance(after, Comparison):
            raise ValueError("diff needs two comparisons, not sweeps")
        diff = before.diff(after, reference=options.reference, metric=options.metric)
    except (Error, OSError, ValueError) as error:  # not 1, which says that something is slower
        return _failed("diff", error, 2)
    print(diff.to_markdown() if options.markdown else diff.to_text(columns=terminal_columns()))
    if options.fail_if is None:
        return 0
    if diff.slower_than(options.fail_if):
        return 1
    if diff.unjudged:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in diff.unjudged.items())
        return _failed("diff", f"--fail-if cannot judge {reasons}", 2)
    return 0


def _run(options: argparse.Namespace) -> int:
    is_file = options.strategy.endswith(".py")
    if is_file != bool(options.as_host):
        what = "a Python file needs --as-host before it" if is_file else "--as-host applies only to a Python file"
        return _failed("run", f"{what}: run --as-host example.com:80 FILE.py", 2)
    return _run_file(options) if is_file else _run_strategy(options)


def _run_file(options: argparse.Namespace) -> int:
    import subprocess
    import time

    from .lab.server import LabServer

    open(options.strategy, "rb").close()  # raises OSError now, which is reported like any other
    with LabServer(latency=options.latency) as lab:
        program = "from aio_strategies.run_file import main; main()"
        words = [str(os.getpid()), str(lab.port), ",".join(map(str, options.as_host)), options.strategy]
        began = time.monotonic()
        with subprocess.Popen([sys.executable, "-c", program, *words, *options.program_arguments]) as process:
            while process.returncode is None:
                # A terminal's Ctrl-C reaches the program too: let it end in its own way.
                with contextlib.suppress(KeyboardInterrupt):
                    process.wait()
        wall = time.monotonic() - began
        log, stats = lab.log(), lab.stats()
    exchanged = max((r.last_byte or 0 for r in log), default=0) - min((r.accepted for r in log), default=0)
    print(
        f"{_PROGRAM}: the lab served {_count(stats.served, 'request')} as {' and '.join(map(str, options.as_host))},"
        f" at most {stats.peak_in_flight} in flight, in {1000 * max(exchanged, 0):.1f} ms;"
        f" the program ran for {wall:.2f} s",
        file=sys.stderr,
    )
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _run_strategy(options: argparse.Namespace) -> int:
    from .calling import run
    from .catalogue import find
    from .lab.server import LabServer

    def fetch(urls: Sequence[str]) -> Run:
        return run(
            options.strategy,
            urls,
            language=options.language,
            concurrency=options.concurrency,
            timeout=options.timeout,
            connect_timeout=options.connect_timeout,
            method="HEAD" if options.head else "GET",
            headers=options.headers,
            follow_redirects=options.follow_redirects,
            keep_alive=options.keep_alive,
            **_trust(options),
        )

    try:
        find(options.strategy, options.language)
    except ValueError as error:
        return _failed("run", error, 2)
    if options.urls:
        responses = fetch(options.urls)
    else:
        with LabServer(latency=options.latency) as lab:
            responses = fetch(lab.urls(options.requests or _REQUESTS))

    if options.json:
        _print_json(_run_as_dict(responses))
    else:
        for response in responses:
            print(_line(response))
        failed = f", {len(responses.errors)} failed" if responses.errors else ""
        print(
            f"{responses.language}/{responses.strategy}: {_count(len(responses), 'URL')}{failed}"
            f" in {1000 * responses.wall:.1f} ms, CPU {1000 * responses.cpu:.1f} ms"
        )
    return 1 if responses.errors else 0


def _crawl(options: argparse.Namespace) -> int:
    from .calling import crawler_class
    from .checks import PAGE_SUFFIXES, check_suffix

    names = (*_OF_A_CRAWLER, *_OF_A_RUST_CRAWLER)
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.language == "python" and (only := [name for name in _OF_A_RUST_CRAWLER if name in given]):
        option = "no-robots" if only[0] == "robots" else only[0].replace("_", "-")
        return _failed("crawl", f"only the crawler in Rust has --{option}", 2)
    if options.to is not None and options.state is not None:
        return _failed("crawl", "--to and --state exclude each other: a file holds pages back", 2)
    try:
        crawler = crawler_class(options.language)(options.urls, strict=not options.lenient, **given, **_trust(options))
    except ValueError as error:  # what the parser cannot know, such as a strategy that this language lacks
        return _failed("crawl", error, 2)
    ended = 0
    try:
        if options.to is None:
            crawler.crawl()
        else:
            kinds = (crawler.to_parquet, crawler.to_jsonl, crawler.to_warc, crawler.to_warc)
            dict(zip(PAGE_SUFFIXES, kinds, strict=True))[check_suffix(options.to, PAGE_SUFFIXES)](options.to)
    except ImportError as error:
        return _failed("crawl", error, 1)
    except KeyboardInterrupt:  # what there is shall be shown
        ended = _INTERRUPTED
    print(crawler.statistics.report() if options.to is None else crawler.statistics.summary())
    if options.plot is not None:
        try:
            crawler.statistics.plot().save(options.plot)
        except (ImportError, ValueError) as error:  # what it needs is not installed, or nothing was fetched
            return _failed("crawl", error, ended or 1)
    totals = crawler.totals()
    return ended or int(totals.pages == totals.errors)


def _serve(options: argparse.Namespace) -> int:
    import time

    from .lab.server import LabServer

    with LabServer(
        latency=options.latency,
        jitter=options.jitter,
        body_size=options.body_size,
        bandwidth=options.bandwidth,
        port=options.port,
        https=options.https,
    ) as lab:
        try:
            if options.json:
                _print_json({"url": lab.url, "port": lab.port, "ca_file": lab.ca_file}, indent=None)
            else:
                authority = f" (its authority's certificate: {lab.ca_file})" if lab.ca_file else ""
                print(f"{lab.url}{authority}", flush=True)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            stats = lab.stats()
    if options.json:
        _print_json(
            {
                "served": stats.served,
                "peak_in_flight": stats.peak_in_flight,
                "peak_connections": stats.peak_connections,
                "cpu_user": stats.cpu_user,
                "cpu_system": stats.cpu_system,
            },
            indent=None,
        )
    else:
        print(f"served {_count(stats.served, 'request')}, at most {stats.peak_in_flight} in flight")
    return 0


def _source(options: argparse.Namespace) -> int:
    from .catalogue import LANGUAGES
    from .sources import source

    languages = LANGUAGES if options.language == "both" else (options.language,)
    try:
        found = source(options.strategy, languages)
    except ValueError as error:  # the strategy is not written in this language
        return _failed("source", error, 2)
    print(found.to_terminal(whole=options.whole))
    return 0


def _strategies(options: argparse.Namespace) -> int:
    from .catalogue import strategies

    catalogue = strategies()
    if options.json:
        _print_json([_strategy_as_dict(strategy) for strategy in catalogue])
    else:
        print(catalogue)
    return 0


# --- what they print


def _line(response: Response) -> str:
    seconds = response.elapsed.total_seconds()
    if response.error is not None:
        return f"failed  {response.url}  {type(response.error).__name__}: {response.error.message}"
    return f"{response.status_code}  {len(response.content):>8} bytes  {1000 * seconds:>8.1f} ms  {response.url}"


def _run_as_dict(run: Run) -> dict[str, Any]:
    return {
        "strategy": run.strategy,
        "language": run.language,
        "wall": run.wall,
        "cpu_user": run.cpu.user,
        "cpu_system": run.cpu.system,
        "responses": [
            {
                "url": response.url,
                "status_code": response.status_code,
                "bytes": len(response.content),
                "elapsed": response.elapsed.total_seconds(),
                "error": None
                if response.error is None
                else {"type": type(response.error).__name__, "message": response.error.message},
            }
            for response in run
        ],
    }


def _strategy_as_dict(strategy: Strategy) -> dict[str, Any]:
    return {
        "key": strategy.key,
        "section": strategy.section,
        "title": strategy.title,
        "title_zh": strategy.title_zh,
        "lecture_seconds": strategy.lecture_seconds,
        "waits_by": dict(strategy.waits_by),
        "unavailable": dict(strategy.unavailable),
    }


def _print_json(value: object, *, indent: int | None = 2) -> None:
    import json

    print(json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False), flush=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


# --- the arguments


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split off what follows the Python file of ``run --as-host HOST file.py``: the program's own arguments."""
    for place, word in enumerate(words):
        if place and word.endswith(".py") and words[place - 1] != "--as-host":
            before = words[: place + 1]
            if before[0] == "run" and any(word.partition("=")[0] == "--as-host" for word in before):
                return list(before), list(words[place + 1 :])
            break
    return list(words), []


def _parser() -> argparse.ArgumentParser:
    from .catalogue import LANGUAGES

    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Time I/O-concurrency strategies side by side, in Python and in Rust.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Command)
    add = partial(commands.add_parser, allow_abbrev=False)  # --lang must not abbreviate --language

    compare = add(
        "compare",
        help="time strategies and Python files side by side",
        usage=f"{_PROGRAM} compare [STRATEGY | FILE.py ...] [options]",
        description="Time strategies and Python files side by side, in random order, round after round. All do the same"
        " work: they fetch pages of a lab server, or the URLs that you give, or crawl a site of the lab. The table fits"
        " the terminal: a narrow one has fewer columns.",
    )
    compare.set_defaults(command=_compare)
    _add_strategy(
        compare,
        "arms",
        nargs="*",
        default=[],
        type=arguments.strategy_or_file,
        metavar="STRATEGY | FILE.py",
        help="what to time (default: all strategies). A lab server stands in for the hosts that a file names; all files"
        " must make as many requests",
    )
    compare.add_argument(
        "--as-host",
        type=arguments.host,
        action="append",
        metavar="HOST[:PORT]",
        help="another host for the lab to stand in for",
    )
    compare.add_argument(
        "--languages",
        type=arguments.list_of(arguments.language_name),
        default=LANGUAGES,
        metavar="A,B",
        help="languages of the strategies: python, rust (default: both)",
    )
    compare.add_argument(
        "--url",
        type=arguments.url,
        nargs="+",
        action="extend",
        metavar="URL",
        help="URLs to fetch instead of the lab's pages",
    )
    compare.add_argument(
        "--site",
        type=arguments.site,
        metavar="pages=N,...",
        help="compare whole crawls of a site of the lab, such as pages=300,hosts=3; what aio.Site takes",
    )
    _add_requests(compare, f"{_REQUESTS}, or as many as the files fetch, or the pages of --site")
    _add_concurrency(compare)
    _add_latency(compare)
    _add_timeout(compare)
    compare.add_argument(
        "--baseline",
        metavar="ARM",
        help="what to compare the others with, such as rust/thread or FILE.py (default: the first)",
    )
    _add_keep_alive(compare)
    compare.add_argument("--https", action="store_true", help="fetch the lab's pages over https")
    compare.add_argument(
        "--rate", type=arguments.rate, metavar="N", help="requests due per second (default: all at once)"
    )
    compare.add_argument(
        "-r",
        "--rounds",
        type=arguments.rounds,
        metavar="N",
        help="rounds to time (default: 10 to 60, until the intervals are narrow)",
    )
    compare.add_argument(
        "--budget",
        type=arguments.budget,
        default=30.0,
        metavar="TIME",
        help="limit on the comparison, unless -r is given (default: 30s)",
    )
    compare.add_argument(
        "--seed", type=arguments.seed, metavar="N", help="seed of the random run order (default: drawn)"
    )
    compare.add_argument(
        "--lang",
        type=arguments.lang,
        default="en",
        metavar="en|zh",
        help="language of the table; zh shows the lecture's columns (default: en)",
    )
    compare.add_argument(
        "--save",
        type=arguments.output_file,
        metavar="FILE",
        help="also save it: as FILE.json or FILE.json.gz, for aio.load, or as a report, FILE.html",
    )
    compare.add_argument(
        "--costs", action="store_true", help="also show the table of costs and latencies (in English only)"
    )
    output = compare.add_mutually_exclusive_group()
    output.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    output.add_argument("--csv", action="store_true", help="print the summary as comma-separated values")
    output.add_argument("--json", action="store_true", help="print settings, environment and raw times as JSON")

    crawl = add(
        "crawl",
        help="find the pages of a site by their links",
        usage=f"{_PROGRAM} crawl URL [URL ...] [options]",
        description="Find the pages of a site by their links, from the URLs on, within their hosts. At the end, print a"
        " line for each page, and a summary; with --to, the summary only. After Ctrl-C, that is about what had come"
        " until then, and a file holds it. The exit status is 1 if nothing could be fetched.",
    )
    crawl.set_defaults(command=_crawl)
    crawl.add_argument("urls", type=arguments.root, nargs="+", metavar="URL", help="where to begin")
    crawl.add_argument(
        "--to",
        type=arguments.pages_file,
        metavar="FILE",
        help="file to write the pages to: FILE.parquet, FILE.jsonl, FILE.warc or FILE.warc.gz",
    )
    crawl.add_argument("--language", choices=LANGUAGES, default="rust", help="implementation to run (default: rust)")
    _add_strategy(
        crawl,
        "--strategy",
        type=arguments.strategy_key,
        metavar="STRATEGY",
        help="what fetches (default: asyncio); see: aio-strategies strategies",
    )
    crawl.add_argument(
        "--exclude",
        type=arguments.exclude,
        metavar="REGEX",
        help="regular expression; URLs in which it is found are not fetched",
    )
    crawl.add_argument(
        "--lenient", action="store_true", help="also go to the other hosts of the site (by the public suffix list)"
    )
    crawl.add_argument("--max-pages", type=arguments.max_pages, metavar="N", help="most URLs to fetch (default: all)")
    crawl.add_argument(
        "--max-depth", type=arguments.max_depth, metavar="N", help="most links to follow in a row (default: any number)"
    )
    crawl.add_argument(
        "--max-redirect",
        type=arguments.max_redirect,
        metavar="N",
        help="most redirects to follow in a row (default: 10)",
    )
    crawl.add_argument(
        "--max-tasks", type=arguments.max_tasks, metavar="N", help="fetches in flight at once (default: 10)"
    )
    crawl.add_argument(
        "--max-tries", type=arguments.max_tries, metavar="N", help="most tries to fetch a URL (default: 4)"
    )
    crawl.add_argument(
        "--plot",
        type=arguments.picture_file,
        metavar="FILE",
        help="file to draw in how the crawl went over time: FILE.svg or FILE.html; with the extra [plot], .png or .pdf",
    )
    _add_timeout(crawl)
    _add_connect_timeout(crawl)
    _add_header(crawl)
    _add_trust(crawl)
    rust = crawl.add_argument_group("options of the crawler in Rust")
    rust.add_argument(
        "--include",
        type=arguments.include,
        metavar="REGEX",
        help="regular expression; only URLs in which it is found are fetched",
    )
    rust.add_argument(
        "--no-robots",
        dest="robots",
        action="store_const",
        const=False,
        help="fetch what robots.txt closes, too, and ignore its Crawl-delay",
    )
    rust.add_argument(
        "--delay",
        type=arguments.delay,
        metavar="DURATION",
        help="least pause between fetches from a host, such as 1s",
    )
    rust.add_argument(
        "--max-delay",
        type=arguments.max_delay,
        metavar="DURATION",
        help="longest pause that a host may ask for (default: 300s)",
    )
    rust.add_argument(
        "--max-tasks-per-host",
        type=arguments.max_tasks_per_host,
        metavar="N",
        help="fetches in flight to one host (default: all)",
    )
    rust.add_argument(
        "--max-pages-per-folder",
        type=arguments.max_pages_per_folder,
        metavar="N",
        help="most URLs to fetch that differ only after the last slash of their paths (default: all)",
    )
    rust.add_argument(
        "--sitemaps", action="store_const", const=True, help="begin with the URLs of the hosts' sitemaps, too"
    )
    rust.add_argument(
        "--nofollow", action="store_const", const=True, help='do not follow links that are marked rel="nofollow"'
    )
    rust.add_argument(
        "--state",
        type=arguments.state,
        metavar="FOLDER",
        help="keep in this folder what is needed to go on after the crawl was killed: by the same command",
    )

    diff = add(
        "diff",
        help="hold a saved comparison against an earlier one",
        description="Hold a saved comparison against an earlier one of the same work, arm by arm, each relative to an"
        " arm that has not changed. The exit status is 1 if --fail-if applies, and 2 if the two cannot be compared, or"
        " --fail-if cannot judge an arm of the earlier one: it is missing from the later one, either has its times or"
        " those of the arm that has not changed projected or against the rules, or there are too few rounds.",
    )
    diff.set_defaults(command=_diff)
    diff.add_argument("before", metavar="BEFORE", help="file of the earlier comparison, as --save wrote it")
    diff.add_argument("after", metavar="AFTER", help="file of the later one")
    diff.add_argument(
        "--fail-if",
        type=arguments.limit,
        metavar="SHARE",
        help="exit with status 1 if an arm is proven to be slower by more than this, such as 5%%; with 2 if that cannot"
        " be judged",
    )
    diff.add_argument("--reference", metavar="ARM", help="arm that has not changed (default: the baseline of both)")
    diff.add_argument("--metric", choices=["wall", "cpu"], default="wall", help="time to compare (default: wall)")
    diff.add_argument("--markdown", action="store_true", help="print the table in Markdown")

    run = add(
        "run",
        help="fetch URLs with one strategy, or run a Python file offline",
        usage=f"{_PROGRAM} run STRATEGY [URL ...] [options]\n"
        f"       {_PROGRAM} run --as-host HOST[:PORT] [--latency TIME] FILE.py [ARGUMENT ...]",
        description="Fetch URLs with one strategy; without URLs, fetch pages of a lab server. The exit status is 1 if a"
        " fetch failed. With --as-host, run a Python file instead, while a lab server stands in for the hosts that you"
        " name (all others are reached as ever): a summary of the requests goes to stderr, and the exit status is the"
        " program's.",
    )
    run.set_defaults(command=_run)
    run.add_argument(
        "--as-host",
        type=arguments.host,
        action="append",
        metavar="HOST",
        help="host to stand in for, such as example.com:80",
    )
    _add_strategy(
        run,
        "strategy",
        type=arguments.strategy_or_file,
        metavar="STRATEGY | FILE.py",
        help="see: aio-strategies strategies",
    )
    run.add_argument(
        "urls",
        type=arguments.url,
        nargs="*",
        default=[],
        metavar="URL",
        help="URLs to fetch (default: the lab's pages)",
    )
    run.add_argument("--language", choices=LANGUAGES, default="rust", help="implementation to run (default: rust)")
    _add_requests(run)
    _add_concurrency(run)
    _add_latency(run)
    _add_timeout(run)
    _add_connect_timeout(run)
    _add_keep_alive(run)
    run.add_argument("-L", "--follow-redirects", action="store_true", help="go where redirects lead")
    run.add_argument("-I", "--head", action="store_true", help="send HEAD instead of GET")
    _add_header(run)
    _add_trust(run)
    run.add_argument("--json", action="store_true", help="print the results as JSON, without the bodies")

    serve = add(
        "serve",
        help="start a lab server",
        description="Start a lab server, print its URL and serve until Ctrl-C.",
    )
    serve.set_defaults(command=_serve)
    serve.add_argument(
        "--port", type=arguments.port, default=0, metavar="N", help="port to listen on (default: a free one)"
    )
    _add_latency(serve)
    serve.add_argument(
        "--jitter",
        type=arguments.jitter,
        default=0.0,
        metavar="TIME",
        help="upper bound of a random extra delay (default: 0)",
    )
    serve.add_argument(
        "--body-size", type=arguments.body_size, default=1024, metavar="BYTES", help="size of each page (default: 1KiB)"
    )
    serve.add_argument("--bandwidth", type=arguments.bandwidth, metavar="BYTES", help="per second (default: unlimited)")
    serve.add_argument("--https", action="store_true", help="serve over https")
    serve.add_argument("--json", action="store_true", help="print a line of JSON at the start and one at the end")

    source = add(
        "source",
        help="show the source code of a strategy",
        description="Show the Python and the Rust version of a strategy, with the lines that wait marked; side by side"
        " if the terminal is wide enough.",
    )
    source.set_defaults(command=_source)
    _add_strategy(
        source, "strategy", type=arguments.strategy_key, metavar="STRATEGY", help="see: aio-strategies strategies"
    )
    source.add_argument(
        "--language", choices=[*LANGUAGES, "both"], default="both", help="version to show (default: both)"
    )
    source.add_argument("--whole", action="store_true", help="also show the files that it builds on")

    strategies = add("strategies", help="list the strategies", description="List the strategies.")
    strategies.set_defaults(command=_strategies)
    strategies.add_argument("--json", action="store_true", help="print them as JSON, with every detail")
    return parser


def _add_requests(parser: argparse.ArgumentParser, default: str = str(_REQUESTS)) -> None:
    parser.add_argument(
        "-n",
        "--requests",
        type=arguments.requests,
        metavar="N",
        help=f"number of lab pages to fetch (default: {default})",
    )


def _add_keep_alive(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-alive", action="store_true", help="use connections again")


def _add_concurrency(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--concurrency",
        type=arguments.concurrency,
        default=10,
        metavar="N",
        help="fetches in flight at once (default: 10)",
    )


def _add_latency(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--latency",
        type=arguments.latency,
        default=0.02,
        metavar="TIME",
        help="delay before the lab answers (default: 20ms)",
    )


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=arguments.timeout, default=30.0, metavar="TIME", help="limit on each fetch (default: 30s)"
    )


def _add_connect_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--connect-timeout",
        type=arguments.connect_timeout,
        metavar="TIME",
        help="limit on connecting, TLS handshake included (default: that of --timeout)",
    )


def _add_header(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-H",
        "--header",
        type=arguments.header,
        action="append",
        dest="headers",
        metavar="FIELD",
        help="header field to send, such as 'Accept-Language: de'",
    )


def _add_trust(parser: argparse.ArgumentParser) -> None:
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument(
        "--ca-file", type=arguments.certificates, metavar="PATH", help="certificates to trust instead of the system's"
    )
    trust.add_argument("-k", "--insecure", action="store_true", help="do not verify certificates")


def _trust(options: argparse.Namespace) -> dict[str, Any]:
    return {"verify": not options.insecure and (options.ca_file or True)}


def _add_strategy(parser: argparse.ArgumentParser, name: str, **how: Any) -> None:
    """Add an argument that names a strategy, for which shells know what to complete."""
    parser.add_argument(name, **how).completer = _strategies_and_files  # type: ignore[attr-defined]


def _strategies_and_files(prefix: str, **_: object) -> list[str]:
    from glob import glob

    from .catalogue import STRATEGIES

    return [*STRATEGIES, *glob(f"{prefix}*.py"), *glob(f"{prefix}*/")]


class _Command(argparse.ArgumentParser):
    """Lets options stand before, between and after the other arguments."""

    _within = _COMPLETING  # which must see the arguments as they come

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._within:  # it is called again for each kind of argument
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False


class _Version(argparse.Action):
    """Prints the version, which is looked up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from ._native import build_info

        print(_PROGRAM, build_info()["version"])
        parser.exit()
