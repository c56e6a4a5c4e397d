"""Parses the arguments of the command line and of the magics, and checks them by ``checks.py``, as the functions do.

Every parser raises ``argparse.ArgumentTypeError``, whose message is shown to the user.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import checks
from .catalogue import LANGUAGES, STRATEGIES
from .units import byte_count, seconds

if TYPE_CHECKING:
    from .lab.hosts import Host
    from .lab.site import Site

__all__ = [
    "bandwidth",
    "body_size",
    "budget",
    "concurrency",
    "delay",
    "exclude",
    "host",
    "include",
    "jitter",
    "lang",
    "language_name",
    "latency",
    "limit",
    "list_of",
    "max_delay",
    "max_depth",
    "max_pages",
    "max_pages_per_folder",
    "max_redirect",
    "max_tasks",
    "max_tasks_per_host",
    "max_tries",
    "output_file",
    "pages_file",
    "picture_file",
    "port",
    "rate",
    "requests",
    "root",
    "rounds",
    "seed",
    "site",
    "state",
    "strategy_key",
    "strategy_or_file",
    "timeout",
    "url",
]

T = TypeVar("T")
U = TypeVar("U")


def strategy_key(text: str) -> str:
    """Read the key of a strategy."""
    return _checked(lambda key: checks.check_name("strategy", key, STRATEGIES), text)


def strategy_or_file(text: str) -> str:
    """Read the key of a strategy, or the name of a Python file."""
    return text if text.endswith(".py") else strategy_key(text)


def output_file(text: str) -> str:
    """Read the path of a file for a comparison, which it must be possible to write."""
    return _checked(lambda path: checks.check_output_file(path, checks.COMPARISON_SUFFIXES), text)


def pages_file(text: str) -> str:
    """Read the path of a file for the pages of a crawl, which it must be possible to write."""
    return _checked(lambda path: checks.check_output_file(path, checks.PAGE_SUFFIXES), text)


def language_name(text: str) -> str:
    """Read the name of a programming language."""
    return _checked(lambda name: checks.check_name("language", name, LANGUAGES), text)


def lang(text: str) -> str:
    """Read the language of the table: ``en`` or ``zh``."""
    if text in LANGUAGES:
        raise argparse.ArgumentTypeError(
            f"must be en or zh, the language of the table; for the strategies' language, write --language {text}"
        )
    return _checked(checks.check_lang, text)


def url(text: str) -> str:
    """Read a URL that can be fetched."""
    return _checked(lambda one: checks.check_fetchable_urls([one])[0], text)


def root(text: str) -> str:
    """Read a URL where a crawl begins; ``http://`` may be left out."""
    return _checked(lambda one: checks.check_roots(one)[0], text)


def picture_file(text: str) -> str:
    """Read the path of a file for a picture, which it must be possible to write."""
    return _checked(lambda path: checks.check_output_file(path, checks.PICTURE_SUFFIXES), text)


def host(text: str) -> Host:
    """Read a host, such as ``example.com:80``."""
    from .lab.hosts import read_host

    return _checked(read_host, text)


def site(text: str) -> Site:
    """Read the settings of a site, such as ``pages=300,hosts=3,broken``."""
    from dataclasses import fields

    from .lab.site import Site

    def setting(word: str) -> tuple[str, Any]:
        name, equals, value = word.strip().partition("=")
        checks.check_name("setting of a site", name, [field.name for field in fields(Site)])
        if not equals:
            return name, True
        return name, int(value) if value.isdecimal() else _number(value)

    return _checked(lambda words: Site(**dict(map(setting, words.split(",")))), text)


def list_of(reader: Callable[[str], str]) -> Callable[[str], list[str]]:
    """Return a function that reads a comma-separated list."""

    def read(text: str) -> list[str]:
        return [reader(item.strip()) for item in text.split(",")]

    return read


def header(text: str) -> tuple[str, str]:
    """Read a header field, ``Name: value``."""
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"a header field is written 'Name: value', not {text!r}")
    [field] = _checked(checks.check_headers, [(name, value.strip())])
    return field


def _reader(read: Callable[[str], T], check: Callable[[T], U]) -> Callable[[str], U]:
    return lambda text: _checked(check, _checked(read, text))


def _checked(check: Callable[[T], U], value: T) -> U:
    try:
        return check(value)
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def _share(text: str) -> float:
    number, percent, rest = text.partition("%")
    if not percent or rest:
        raise ValueError(f"{text!r} is not a share: write it as 5%")
    return _number(number) / 100


def _count(name: str, least: int = 1) -> Callable[[str], int]:
    return _reader(_whole, lambda number: checks.check_count(name, number, least))


def _pause(name: str) -> Callable[[str], float]:
    return _reader(seconds, lambda pause: checks.check_pause(name, pause))


def _pattern(name: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        checks.check_pattern(name, text)
        return text

    return _reader(str, check)


requests = _reader(_whole, checks.check_requests)
concurrency = _reader(_whole, checks.check_concurrency)
rounds = _reader(_whole, checks.check_rounds)
port = _reader(_whole, checks.check_port)
seed = _reader(_whole, checks.check_seed)
rate = _reader(_number, checks.check_rate)
limit = _reader(_share, checks.check_limit)
latency = _reader(seconds, checks.check_latency)
jitter = _reader(seconds, checks.check_jitter)
timeout = _reader(seconds, checks.check_timeout)
connect_timeout = _reader(seconds, checks.check_connect_timeout)
certificates = _reader(str, checks.check_verify)
budget = _reader(seconds, checks.check_budget)
body_size = _reader(byte_count, checks.check_body_size)
bandwidth = _reader(byte_count, checks.check_bandwidth)
delay = _pause("delay")
max_delay = _pause("max_delay")
max_depth = _count("max_depth", 0)
max_pages = _count("max_pages")
max_pages_per_folder = _count("max_pages_per_folder")
max_redirect = _count("max_redirect", 0)
max_tasks = _count("max_tasks")
max_tasks_per_host = _count("max_tasks_per_host")
max_tries = _count("max_tries")
include = _pattern("include")
exclude = _pattern("exclude")
state = _reader(str, lambda path: checks.check_folder("state", path))
