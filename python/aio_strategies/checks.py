"""All checks of arguments, with their error messages, shared by the functions, the magics and the command line.

A value of the wrong type raises TypeError, one out of range ValueError; both say what is allowed. A bool is not a
number.
"""

from __future__ import annotations

import math
import numbers
import operator
import os
import re
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar

from ._native import Locations, join_url
from .exceptions import InvalidURL

__all__ = [
    "COMPARISON_SUFFIXES",
    "DATA_SUFFIXES",
    "DEFAULT_BODY_SIZE",
    "DEFAULT_HEAD_TIMEOUT",
    "DEFAULT_LATENCY",
    "DEFAULT_LOG_LIMIT",
    "PAGE_SUFFIXES",
    "PICTURE_SUFFIXES",
    "REPORT_SUFFIX",
    "TOLD",
    "WARC_SUFFIXES",
    "Lang",
    "check_addresses",
    "check_all_of",
    "check_bandwidth",
    "check_baseline",
    "check_body_size",
    "check_budget",
    "check_choice",
    "check_concurrency",
    "check_connect_timeout",
    "check_count",
    "check_deadline",
    "check_encodable",
    "check_fault_number",
    "check_fault_settings",
    "check_fetchable_urls",
    "check_flag",
    "check_folder",
    "check_head_timeout",
    "check_headers",
    "check_host_names",
    "check_jitter",
    "check_lang",
    "check_latency",
    "check_limit",
    "check_log_limit",
    "check_name",
    "check_names",
    "check_number_of_urls",
    "check_output_file",
    "check_path",
    "check_pattern",
    "check_pause",
    "check_port",
    "check_probability",
    "check_program_name",
    "check_programs",
    "check_progress",
    "check_rate",
    "check_record_batch",
    "check_record_batches",
    "check_requests",
    "check_roots",
    "check_rounds",
    "check_script",
    "check_seed",
    "check_site_setting",
    "check_suffix",
    "check_text",
    "check_timeout",
    "check_url",
    "check_url_source",
    "check_urls",
    "check_verify",
    "settings_it_takes",
]

DEFAULT_LATENCY = 0.02
"""The default delay before a lab server answers, in seconds."""

DEFAULT_BODY_SIZE = 1024
"""The default size of a lab server's pages, in bytes."""

DEFAULT_HEAD_TIMEOUT = 10.0
"""How long a lab server waits for the head of a request by default, in seconds."""

DEFAULT_LOG_LIMIT = 1_000_000
"""The default number of records that a lab server's log keeps."""

DATA_SUFFIXES = (".json", ".json.gz")
"""What the name of a file with a comparison's data may end with."""

REPORT_SUFFIX = ".html"
"""What the name of a report ends with."""

COMPARISON_SUFFIXES = (*DATA_SUFFIXES, REPORT_SUFFIX)
"""What the name of a file may end with that a comparison is saved to."""

PICTURE_SUFFIXES = (".svg", ".html", ".png", ".pdf")
"""What the name of a picture's file may end with."""

WARC_SUFFIXES = (".warc", ".warc.gz")
"""What the name of a web archive ends with."""

PAGE_SUFFIXES = (".parquet", ".jsonl", *WARC_SUFFIXES)
"""What the name of a file may end with that a crawl's pages are written to."""

Lang = Literal["en", "zh"]
"""The reader's language: English or Chinese. (``language`` is the programming language: ``"python"`` or ``"rust"``.)"""

_T = TypeVar("_T")

#: The longest latency and jitter, in seconds: a day.
_LONGEST = 86_400.0


# --- URLs


def check_urls(urls: Iterable[str]) -> list[str]:
    """Return the URLs as a list.

    Raises:
        TypeError: not an iterable of strings.
        ValueError: it is empty, or a URL holds a lone surrogate (``InvalidURL``).
    """
    if isinstance(urls, str | bytes):
        raise TypeError(f"urls must be an iterable of strings, not a single {type(urls).__name__}: write [{urls!r}]")
    try:
        checked = list(urls)
    except TypeError:
        raise TypeError(f"urls must be an iterable of strings, not {type(urls).__name__}") from None
    with suppress(TypeError):  # not all are strings
        if checked and all(map(str.isascii, checked)):
            return checked
    for url in checked:
        check_encodable(check_url(url))
    if not checked:
        raise ValueError("urls is empty; at least one URL is needed")
    return checked


def check_url(url: str) -> str:
    """Return the URL.

    Raises:
        TypeError: it is no string.
    """
    if not isinstance(url, str):
        raise TypeError(f"urls must hold strings, not {type(url).__name__}: {url!r}")
    return url


def check_url_source(urls: Iterable[str] | AsyncIterable[str]) -> Iterator[str] | AsyncIterator[str]:
    """Return an iterator over the URLs, which are checked one by one.

    Raises:
        TypeError: it is no iterable, or a single string.
    """
    if isinstance(urls, str | bytes):
        raise TypeError(f"urls must be an iterable of strings, not a single {type(urls).__name__}: write [{urls!r}]")
    if isinstance(urls, AsyncIterable):
        return aiter(urls)
    try:
        return iter(urls)
    except TypeError:
        raise TypeError(f"urls must be an iterable of strings, not {type(urls).__name__}") from None


def check_encodable(url: str) -> None:
    """Check that the URL holds no lone surrogate.

    Raises:
        InvalidURL: it does.
    """
    try:
        url.encode()
    except UnicodeEncodeError:
        raise InvalidURL(f"{url!r} is no URL that can be fetched: it holds half of a character (a surrogate)") from None


def check_record_batches(batches: Iterable[Any]) -> None:
    """Check that these can be record batches, which are checked one by one.

    Raises:
        TypeError: it is a single one, or a table; or no iterable.
    """
    import pyarrow as pa

    if isinstance(batches, pa.RecordBatch):
        raise TypeError("batches must be an iterable of RecordBatches, not a single one: write [batch]")
    if isinstance(batches, pa.Table):
        raise TypeError("batches must be an iterable of RecordBatches, not a Table: write table.to_batches()")
    if not isinstance(batches, Iterable):
        raise TypeError(f"batches must be an iterable of RecordBatches, not {type(batches).__name__}")


def check_record_batch(batch: Any, schema: Any) -> None:
    """Check a batch of URLs.

    Args:
        batch: the batch.
        schema: that of the batches before; None if it is the first.

    Raises:
        TypeError: it is no RecordBatch.
        ValueError: it has no column ``url`` of strings, or another schema.
    """
    import pyarrow as pa

    if not isinstance(batch, pa.RecordBatch):
        raise TypeError(f"batches must hold RecordBatches, not {type(batch).__name__}")
    if schema is not None and not batch.schema.equals(schema):
        raise ValueError(f"batches must have one schema; after {schema} came {batch.schema}")
    if batch.schema.names.count("url") != 1:
        raise ValueError(f"the batches need a column url; they have {', '.join(batch.schema.names) or 'none'}")
    kind = batch.schema.field("url").type
    if str(kind) not in ("string", "large_string", "string_view"):
        raise ValueError(f"the column url must be of strings, not {kind}")


def check_addresses(resolve: Mapping[str, tuple[str, int]] | None) -> dict[str, tuple[str, int]]:
    """Return the address and port of each host name.

    Raises:
        TypeError: not a mapping, or not of names to pairs of an address and a port.
        ValueError: an address is no IP address, or a port is not 1 to 65535.
    """
    import ipaddress

    wrong = "resolve must map host names to addresses, such as {'a.site.test': ('127.0.0.1', 8000)}, not "
    if resolve is None:
        return {}
    if not isinstance(resolve, Mapping):
        raise TypeError(f"{wrong}{resolve!r}")
    addresses = {}
    for name, given in resolve.items():
        try:
            address, port = given
            if not isinstance(name, str) or not isinstance(address, str):
                raise TypeError
        except (TypeError, ValueError):
            raise TypeError(f"{wrong}{name!r} to {given!r}") from None
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ValueError(f"{wrong}{name!r} to {address!r}, which is no IP address") from None
        addresses[name] = address, check_port(port, least=1)
    return addresses


def check_fetchable_urls(urls: Iterable[str]) -> list[str]:
    """Return the URLs as a list, if all of them can be fetched.

    Raises:
        TypeError: not an iterable of strings.
        ValueError: it is empty, or a URL is malformed (``InvalidURL``) or has a scheme other than ``http``
            (``UnsupportedProtocol``).
    """
    checked = check_urls(urls)
    Locations(checked)
    return checked


def check_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> tuple[tuple[str, str], ...]:
    """Return the header fields of a request as pairs of name and value.

    Raises:
        TypeError: neither a mapping, nor an iterable of pairs, nor None; or a name or a value is not a string.
        ValueError: a name or a value has characters that are not allowed, or the name is one that is not the caller's
            to set.
    """
    if headers is None:
        return ()
    wrong = TypeError("headers must be a mapping of names to values, or pairs of them, all of them strings")
    if isinstance(headers, str | bytes):
        raise wrong
    try:
        fields = tuple((name, value) for name, value in (headers.items() if isinstance(headers, Mapping) else headers))
    except (TypeError, ValueError):
        raise wrong from None
    for name, value in fields:
        if not isinstance(name, str) or not isinstance(value, str):
            raise wrong
        if not re.fullmatch(_TOKEN, name):
            raise ValueError(f"the name of a header must be ASCII letters, digits or !#$%&'*+-.^_`|~, not {name!r}")
        if name.lower() in _NOT_THE_CALLERS:
            raise ValueError(f"headers must not set {name}, which says how this connection is used")
        if not re.fullmatch(_VALUE, value):  # which may be a secret: the message does not quote it
            raise ValueError(f"the value of the header {name} must be without CR, LF, NUL and surrogates")
    return fields


# patterns, compiled when they are used: that takes long, and few calls have headers
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = r"[^\r\n\0\ud800-\udfff]*"
_NOT_THE_CALLERS = {"connection", "content-length", "transfer-encoding"}


def check_number_of_urls(n: int) -> int:
    """Return ``n``, the number of a lab's URLs, as an int of at least 0."""
    return _integer("n", n, 0, sys.maxsize)


# --- how much, and how fast


def check_count(name: str, value: int, least: int = 1, most: int | None = None) -> int:
    """Return a count as an int.

    Raises:
        TypeError: not an integer.
        ValueError: below ``least``, or above ``most``.
    """
    return _integer(name, value, least, most)


def check_pattern(name: str, pattern: str | None) -> re.Pattern[str] | None:
    """Return a regular expression, compiled.

    Raises:
        TypeError: it is no text.
        ValueError: it is malformed.
    """
    if pattern is None:
        return None
    if not isinstance(pattern, str):
        raise TypeError(f"{name} must be a regular expression as text, or None, not {pattern!r}")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{name}={pattern!r} is no regular expression: {error}") from None


def check_roots(roots: str | Iterable[str]) -> list[str]:
    """Return the URLs where a crawl begins, as they are written in full; ``http://`` is added where there is no scheme.

    Raises:
        TypeError: they are no strings.
        ValueError: there is none, or one cannot be fetched (``InvalidURL``, ``UnsupportedProtocol``).
    """
    urls = check_urls([roots] if isinstance(roots, str) else roots)
    whole = [url if "://" in url else f"http://{url}" for url in urls]
    Locations(whole)
    return [join_url(url, "") for url in whole]


def check_concurrency(concurrency: int) -> int:
    """Return ``concurrency``, at least 1."""
    return check_count("concurrency", concurrency)


def check_requests(requests: int) -> int:
    """Return ``requests``, at least 1."""
    return check_count("requests", requests)


def check_rounds(rounds: int | None) -> int | None:
    """Return ``rounds``, at least 1, or None."""
    return None if rounds is None else check_count("rounds", rounds)


def check_timeout(timeout: float) -> float:
    """Return ``timeout`` in seconds, above 0 and finite.

    Raises:
        TypeError: not a number.
        ValueError: not finite, or not above 0.
    """
    return _seconds("timeout", timeout)


def check_deadline(deadline: float | None) -> float | None:
    """Return ``deadline`` in seconds, above 0 and finite, or None."""
    return None if deadline is None else _seconds("deadline", deadline)


def check_connect_timeout(connect_timeout: float | None) -> float | None:
    """Return ``connect_timeout`` in seconds, above 0 and finite, or None."""
    return None if connect_timeout is None else _seconds("connect_timeout", connect_timeout)


def check_pause(name: str, pause: float) -> float:
    """Return a pause in seconds, at least 0 and finite.

    Raises:
        TypeError: not a number.
        ValueError: negative, or not finite.
    """
    seconds = _real(name, pause, "a number of seconds")
    if not 0 <= seconds <= 1e9:
        raise ValueError(f"{name} must be a finite number of seconds from 0 to 1e9, not {pause}")
    return seconds


def check_rate(rate: float | None) -> float | None:
    """Return ``rate`` in requests per second, or None.

    Raises:
        TypeError: neither a number nor None.
        ValueError: not finite, or not above 0.
    """
    if rate is None:
        return None
    per_second = _real("rate", rate, "a number of requests per second or None")
    if not 1e-6 <= per_second <= 1e9:
        raise ValueError(f"rate must be a finite number of requests per second above 0 (1e-6 to 1e9), not {rate}")
    return per_second


def check_budget(budget: float) -> float:
    """Return ``budget`` in seconds, at least 0; infinity is no limit.

    Raises:
        TypeError: not a number.
        ValueError: negative, or not a number (nan).
    """
    seconds = _real("budget", budget, "a number of seconds")
    if not seconds >= 0:  # written this way, it also refuses nan
        raise ValueError(f"budget must be a number of seconds of at least 0 (inf for no limit), not {budget}")
    return seconds


def check_limit(limit: float) -> float:
    """Return ``limit``, the share of the time that may be added, such as 0.05 for 5 %.

    Raises:
        TypeError: not a number.
        ValueError: negative, or not finite.
    """
    share = _real("limit", limit, "a share, such as 0.05 for 5 %")
    if not 0 <= share < math.inf:
        raise ValueError(f"limit must be a finite share of at least 0, such as 0.05 for 5 %, not {limit}")
    return share


# --- what to ask of an exchange


def check_flag(name: str, value: bool) -> bool:
    """Return ``value``, True or False.

    Raises:
        TypeError: it is neither.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def check_verify(verify: bool | str | os.PathLike[str]) -> bool | str:
    """Return ``verify``: True, False, or the path of a file or folder that exists.

    Raises:
        TypeError: it is neither a bool nor a path.
        ValueError: there is nothing at this path.
    """
    if isinstance(verify, bool):
        return verify
    if not isinstance(verify, str | os.PathLike):
        raise TypeError(f"verify must be True, False, or the path of certificates, not {verify!r}")
    path = os.path.abspath(os.fspath(verify))
    if not os.path.exists(path):
        raise ValueError(f"verify must be True, False, or the path of a file or folder of certificates; {path} is none")
    return path


# --- the lab server


def check_latency(latency: float) -> float:
    """Return ``latency`` in seconds, 0 to a day."""
    return _between("latency", latency, 0, _LONGEST, "seconds")


def check_jitter(jitter: float) -> float:
    """Return ``jitter`` in seconds, 0 to a day."""
    return _between("jitter", jitter, 0, _LONGEST, "seconds")


def check_bandwidth(bandwidth: float | None) -> float | None:
    """Return ``bandwidth`` in bytes per second, 1 to 1e15, or None."""
    return None if bandwidth is None else _between("bandwidth", bandwidth, 1, 1e15, "bytes per second, or None")


def check_body_size(body_size: int) -> int:
    """Return ``body_size`` in bytes, 0 to 2**40."""
    return _integer("body_size", body_size, 0, 1 << 40)


def check_port(port: int, *, least: int = 0) -> int:
    """Return ``port``, from ``least`` to 65535."""
    return _integer("port", port, least, 65535)


def check_seed(seed: int) -> int:
    """Return ``seed``, 0 to 2**64 - 1."""
    return _integer("seed", seed, 0, (1 << 64) - 1)


def check_log_limit(log_limit: int) -> int:
    """Return ``log_limit``, 1 to 2**32 - 1."""
    return _integer("log_limit", log_limit, 1, (1 << 32) - 1)


def check_head_timeout(head_timeout: float) -> float:
    """Return ``head_timeout`` in seconds, 0.001 to a day."""
    return _between("head_timeout", head_timeout, 0.001, _LONGEST, "seconds")


def check_host_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return ``names``, the further hosts of a certificate: ASCII names and IP addresses.

    Raises:
        TypeError: not an iterable of strings.
        ValueError: one is empty, has spaces or is not ASCII.
    """
    if isinstance(names, str | bytes):
        raise TypeError(f"names must be an iterable of strings, not a single {type(names).__name__}: write [{names!r}]")
    try:
        checked = tuple(names)
    except TypeError:
        raise TypeError(f"names must be an iterable of strings, not {type(names).__name__}") from None
    for name in checked:
        if not isinstance(name, str):
            raise TypeError(f"names must hold strings, not {type(name).__name__}: {name!r}")
        if not name or not name.isascii() or not name.isprintable() or " " in name:
            raise ValueError(f"names must hold ASCII host names (xn--… for others) and IP addresses, not {name!r}")
    return checked


def check_fault_settings(kind: str, takes: Collection[str], given: Collection[str]) -> None:
    """Check the names of a fault's settings.

    Args:
        kind: the kind of fault.
        takes: what it takes; a question mark follows what may be missing.
        given: what it was given.

    Raises:
        TypeError: one is missing, or is not for this kind.
    """
    names = [name.rstrip("?") for name in takes]
    for name in given:
        if name not in names:
            raise TypeError(f"{kind} takes {' and '.join(names)}, not {name}")
    for name in takes:
        if not name.endswith("?") and name not in given:
            raise TypeError(f"{kind} needs {name}=")


def check_fault_number(kind: str, name: str, value: Any) -> float:
    """Return a setting of a fault: a time in seconds (up to a day), a size in bytes, a rate in bytes/s, or a limit."""
    if name in ("size", "limit"):
        least = 0 if kind == "limit_data" else 1
        return _integer(name, value, least, (1 << 40) if name == "size" else sys.maxsize)
    if name == "rate":
        return _between(name, value, 1, 1e15, "bytes per second")
    return _between(name, value, 0, _LONGEST, "seconds")


_SITE_NUMBERS = {
    "pages": (1, 10**12),
    "links": (1, 100_000),
    "depth": (0, 10**12),
    "size": (0, 1 << 26),
    "hosts": (1, 10_000),
    "wide": (0, 1_000_000),
    "throttled": (0, 10**9),
    "retry_after": (0, 10**9),
    "unavailable": (0, 10**9),
}
"""The least and the greatest values of a site's numbers."""


def check_site_setting(name: str, value: Any) -> float:
    """Return a setting of a site: a whole number, its seed, a share, a time in seconds (up to a day), or a flag."""
    if name in _SITE_NUMBERS:
        return _integer(name, value, *_SITE_NUMBERS[name])
    if name == "seed":
        return check_seed(value)
    if name == "hot":
        return _share(name, value)
    if name in ("slow", "crawl_delay"):
        return _between(name, value, 0, _LONGEST, "seconds")
    return check_flag(name, value)


def check_path(path: str) -> str:
    """Return the path of a URL, which begins with a slash.

    Raises:
        TypeError: it is not text.
        ValueError: it does not begin with a slash.
    """
    if not check_text("path", path).startswith("/"):
        raise ValueError(f"path must begin with '/', not {path!r}")
    return path


def check_all_of(name: str, values: Iterable[_T], kind: type[_T]) -> tuple[_T, ...]:
    """Return the values as a tuple, if all of them are of a kind.

    Raises:
        TypeError: not an iterable, or one is of another kind.
    """
    if not isinstance(values, Iterable):
        raise TypeError(f"{name} must be an iterable of {kind.__name__}s, not {values!r}")
    checked = tuple(values)
    for value in checked:
        if not isinstance(value, kind):
            raise TypeError(f"{name} must hold {kind.__name__}s, not {value!r}")
    return checked


def check_probability(probability: float) -> float:
    """Return ``probability``, 0 to 1.

    Raises:
        TypeError: not a number.
        ValueError: below 0, above 1, or not a number (nan).
    """
    return _share("probability", probability)


def check_script(reply: bytes | Iterable[bytes | float | str]) -> list[bytes | float | str]:
    """Return a raw reply as a list of its steps: bytes, seconds to wait, ``"close"``, ``"reset"`` or ``"hang"``.

    Raises:
        TypeError: a step is none of these types, or the reply is text.
        ValueError: a time is out of range, or a word is unknown.
    """
    if isinstance(reply, bytes | bytearray | memoryview):
        return [bytes(reply)]
    if isinstance(reply, str) or not isinstance(reply, Iterable):
        raise TypeError(f"reply must be bytes, a sequence of steps, or None, not {reply!r}")
    steps: list[bytes | float | str] = []
    for step in reply:
        if isinstance(step, bytes | bytearray | memoryview):
            steps.append(bytes(step))
        elif isinstance(step, str):
            steps.append(check_choice("a step", step, ("close", "reset", "hang")))
        elif isinstance(step, numbers.Real) and not isinstance(step, bool):
            steps.append(_between("a wait", float(step), 0, _LONGEST, "seconds"))
        else:
            raise TypeError(f"a step must be bytes, seconds to wait, 'close', 'reset' or 'hang', not {step!r}")
    return steps


def check_text(name: str, value: str) -> str:
    """Return the value, if it is text.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    return value


# --- names


def check_name(kind: str, name: str, known: Collection[str]) -> str:
    """Return the name of a ``"strategy"`` or a ``"language"``, if it is known.

    Raises:
        TypeError: it is not text.
        ValueError: it is not known.
    """
    check_text(kind, name)
    if name not in known:
        raise ValueError(f"no {kind} {name!r}; allowed: {', '.join(known)}")
    return name


def check_names(
    argument: str, kind: str, given: str | Sequence[str] | None, known: Collection[str], *, may_be_none: bool = False
) -> tuple[str, ...]:
    """Return the names without duplicates; a single name may be given by itself, and None stands for all.

    Raises:
        TypeError: not a sequence of strings.
        ValueError: one is not known, or there are none and ``may_be_none`` is false.
    """
    if given is None:
        return tuple(known)
    try:
        names = [given] if isinstance(given, str) else list(given)
    except TypeError:
        raise TypeError(f"{argument} must be a name or a sequence of names, not {given!r}") from None
    if not names and not may_be_none:
        raise ValueError(f"{argument} is empty; allowed: {', '.join(known)}")
    return tuple(dict.fromkeys(check_name(kind, name, known) for name in names))


def check_baseline(baseline: str, arms: Sequence[str]) -> str:
    """Return the name of the baseline, if it is one of the arms.

    Raises:
        ValueError: it is not.
    """
    if baseline not in arms:
        raise ValueError(f"baseline {baseline!r} is not one of the arms: {', '.join(arms)}")
    return baseline


def check_programs(programs: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the programs by their names.

    Raises:
        TypeError: it is not a mapping, or a callable takes other arguments than the URLs and, by name, settings.
    """
    if programs is None:
        return {}
    if not isinstance(programs, Mapping):
        raise TypeError(f"programs must be a mapping of names to programs, such as {{'mine': mine}}, not {programs!r}")
    for name, program in programs.items():
        if callable(program):
            _check_takes_urls(name, program)
    return programs


def _check_takes_urls(name: str, program: Callable[..., Any]) -> None:
    import inspect

    try:
        signature = inspect.signature(program)
    except ValueError:  # some built-in functions have none
        return
    try:
        signature.bind([], **dict.fromkeys(settings_it_takes(program)))
    except TypeError:
        called = getattr(program, "__name__", "it")
        raise TypeError(
            f"programs[{name!r}] must take one argument, the list of URLs (and may take {', '.join(TOLD)} by name),"
            f" unlike {called}{signature}"
        ) from None


TOLD = ("concurrency", "rate", "keep_alive", "timeout")
"""The settings of a comparison that strategies and programs are told."""


def settings_it_takes(program: Callable[..., Any]) -> list[str]:
    """Return which of these settings a program takes by name, besides the URLs.

    What ``functools.partial`` has bound is the author's choice, and left out.
    """
    import functools
    import inspect

    bound = program.keywords if isinstance(program, functools.partial) else {}
    try:
        parameters = list(inspect.signature(program).parameters.values())[1:]
    except (TypeError, ValueError):  # some built-in functions have no signature
        return []
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [parameter.name for parameter in parameters if parameter.kind in by_name]
    return [name for name in TOLD if name in named and name not in bound]


def check_program_name(name: str, languages: Collection[str]) -> str:
    """Return the name of a program, which must not look like a strategy's or a twin's.

    Raises:
        ValueError: it is not text, is blank, or is reserved.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name of a program must be a non-blank string, not {name!r}")
    if name.endswith("(twin)"):
        raise ValueError(f"programs[{name!r}]: names that end with (twin) are reserved")
    if "/" in name and name.partition("/")[0] in languages:
        raise ValueError(
            f"programs[{name!r}]: names that begin with {' or '.join(f'{x}/' for x in languages)} are reserved"
        )
    return name


def check_choice(name: str, value: str, allowed: Sequence[str]) -> str:
    """Return the value, if it is allowed.

    Raises:
        ValueError: it is not.
    """
    if value not in allowed:
        *others, last = map(repr, allowed)
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, not {value!r}")
    return value


def check_lang(lang: str) -> str:
    """Return the reader's language.

    Raises:
        ValueError: it is neither ``"en"`` nor ``"zh"``.
    """
    return check_choice("lang", lang, ("en", "zh"))


def check_progress(progress: Any) -> None:
    """Check the ``progress`` argument.

    Raises:
        TypeError: not True, False, None or a callable.
    """
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise TypeError(f"progress must be True, False, None or a callable, not {progress!r}")


# --- files


def check_folder(name: str, path: str | os.PathLike[str]) -> str:
    """Return the path of a folder, whether it exists or not.

    Raises:
        TypeError: it is no path.
        ValueError: there is something else.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} must be the path of a folder, or None, not {path!r}")
    whole = os.path.abspath(os.fspath(path))
    if os.path.exists(whole) and not os.path.isdir(whole):
        raise ValueError(f"{name}={str(path)!r} is no folder")
    return whole


def check_suffix(path: str | os.PathLike[str], allowed: Sequence[str]) -> str:
    """Return which of the allowed suffixes the file name ends with, in lower or upper case.

    Raises:
        TypeError: it is not a path.
        ValueError: it ends with none of them.
    """
    name = os.path.basename(os.fspath(path))
    for suffix in allowed:
        if name.lower().endswith(suffix):
            return suffix
    *others, last = allowed
    raise ValueError(f"the name of the file must end with {', '.join(others)} or {last}, not {name!r}")


def check_output_file(path: str, allowed: Sequence[str]) -> str:
    """Return the path of a file that is to be written later, if that can be expected to work.

    Raises:
        ValueError: its name ends with none of the allowed suffixes, its directory does not exist, or it cannot be
            written.
    """
    check_suffix(path, allowed)
    directory = os.path.dirname(path) or os.curdir
    if not os.path.isdir(directory):
        raise ValueError(f"cannot write {path!r}: there is no directory {directory!r}")
    if os.path.isdir(path):
        raise ValueError(f"cannot write {path!r}: it is a directory")
    if not os.access(path if os.path.exists(path) else directory, os.W_OK):
        raise ValueError(f"cannot write {path!r}: permission denied")
    return path


# --- numbers


def _seconds(name: str, value: float) -> float:
    seconds = _real(name, value, "a number of seconds")
    if not 0 < seconds <= 1e9:
        raise ValueError(f"{name} must be a finite number of seconds above 0 (at most 1e9), not {value}")
    return seconds


def _integer(name: str, value: int, low: int, high: int | None = None) -> int:
    """Return the number as an int, or say what is wrong with it."""
    allowed = f"at least {low}" if high is None else f"{low} to {high}"
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        of_range = " of " if high is None else ", "
        raise TypeError(f"{name} must be an integer{of_range}{allowed}, not {value!r}") from None
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be {allowed}, not {value!r}")
    return number


def _real(name: str, value: float, what: str) -> float:
    """Return the number as a float; infinity, if it is too large for one."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {what}, not {value!r}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _share(name: str, value: float) -> float:
    share = _real(name, value, "a number from 0 to 1")
    if not 0 <= share <= 1:
        raise ValueError(f"{name} must be 0 to 1, not {value!r}")
    return share


def _between(name: str, value: float, low: float, high: float, unit: str) -> float:
    """Return the number as a float, or say what is wrong with it."""
    number = _real(name, value, f"a number of {unit}")
    if not low <= number <= high:
        raise ValueError(f"{name} must be {low:g} to {high:g} {unit}, not {value!r}")
    return number
