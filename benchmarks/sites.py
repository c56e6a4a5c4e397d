"""Sites to crawl: documentation, as Debian packs it, and pages that are made here."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

#: Where they are kept until the next time.
FOLDER = Path(tempfile.gettempdir()) / "aio-strategies-sites"

#: The packages, and where their pages are.
DOCUMENTATION = {
    "postgresql-doc-15": "usr/share/doc/postgresql-doc-15/html",
    "python3.11-doc": "usr/share/doc/python3.11/html",
}

WORDS = ("a", "page", "of", "many", "words", "and", "links", "that", "lead", "on", "until", "the", "end")


def documentation(package: str) -> Path:
    """Return the folder of a package's pages, which is installed, or downloaded once."""
    pages = DOCUMENTATION[package]
    if (Path("/") / pages).exists():
        return Path("/") / pages
    folder = FOLDER / package
    if not (folder / pages).exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-q", "download", package], cwd=folder, check=True, stdout=sys.stderr)
        [archive] = folder.glob("*.deb")
        subprocess.run(["dpkg", "-x", archive, folder], check=True)
    return folder / pages


def package_version(package: str) -> str:
    """Return the version of what ``documentation`` returned."""
    archives = list((FOLDER / package).glob("*.deb"))
    query = ["dpkg-deb", "-f", str(archives[0]), "Version"] if archives else ["dpkg-query", "-Wf${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()


def large_pages(count: int, size: int, links: int) -> Path:
    """Make a site of so many pages of ``size`` bytes, each with as many links to others, and return its folder."""
    folder = FOLDER / f"{count}-pages-of-{size}"
    if not folder.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=folder.name, dir=FOLDER))
        unfinished.chmod(0o755)  # nginx's worker runs as another user when this runs as root
        dice = random.Random(1)
        for number in range(count):
            (unfinished / page_name(number)).write_text(large_page(dice, number, count, size, links))
        unfinished.rename(folder)
    return folder


def page_name(number: int) -> str:
    return f"{number}.html" if number else "index.html"


def large_page(dice: random.Random, number: int, count: int, size: int, links: int) -> str:
    """A page with a link to the next, so that all are found, and the other links anywhere, all evenly spread."""
    others = [(number + 1) % count, *(dice.randrange(count) for _ in range(links - 1))]
    between = size // links - 240  # with room for the link, and for the last sentence to be too long
    parts = [f"<!DOCTYPE html><html><head><title>Page {number}</title></head><body>"]
    for other in others:
        words, length = [], 0
        while length < between:
            sentence = "<p class='text'>" + " ".join(dice.choices(WORDS, k=30)) + "</p>\n"
            words.append(sentence)
            length += len(sentence)
        parts += [*words, f'<div><a href="/{page_name(other)}" title="the next">page {other}</a></div>\n']
    whole = "".join(parts)[: size - 14]
    return whole + " " * (size - 14 - len(whole)) + "</body></html>"
