"""The gate before the timing: only arms that do the same work are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..comparison.settings import Arm
from ..exceptions import ComparisonError, RequestError
from ..lab.log import LogRecord
from ..lab.page_urls import path_of
from .crawled_site import CrawledSite
from .messages import Found, Outcome

__all__ = ["CrawlGate", "Gate", "trouble_with"]


class Gate:
    """Compares what every arm got for each URL with what the first arm got for it."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._expected: dict[int, tuple[Arm, Outcome]] = {}

    def check(self, arm: Arm, outcomes: Sequence[Outcome], count: int) -> None:
        """Check what an arm got for the first ``count`` URLs.

        Raises:
            ComparisonError: a URL failed, or got a different status or different content; or there are too few or too
                many results.
        """
        if len(outcomes) != count:
            raise ComparisonError(arm.name, None, f"it returned {_counted(len(outcomes), 'result')}, not {count}")
        for index, outcome in enumerate(outcomes):
            url = self._urls[index]
            if isinstance(outcome, BaseException):
                raise ComparisonError(arm.name, url, _told(outcome)) from outcome
            first, wanted = self._expected.setdefault(index, (arm, outcome))
            if difference := _difference(outcome, wanted):
                raise ComparisonError(arm.name, url, f"{difference} for {first}")

    def check_log(self, arm: Arm, records: Sequence[LogRecord], count: int) -> None:
        """Check what an arm fetched, by the lab server's log.

        Raises:
            ComparisonError: it did not fetch each of the first ``count`` URLs exactly once and completely.
        """
        fetched: dict[str, list[LogRecord]] = {}
        for record in records:
            fetched.setdefault(record.path, []).append(record)
        for index, url in enumerate(self._urls[:count]):
            mine = fetched.get(path_of(index), [])
            if len(mine) != 1:
                raise ComparisonError(
                    arm.name, url, f"the lab server saw {_counted(len(mine), 'request')} for it, not 1"
                )
            _, wanted = self._expected.get(index, (None, None))
            if mine[0].status != 200 or (isinstance(wanted, tuple) and mine[0].size != wanted[1]):
                raise ComparisonError(
                    arm.name, url, f"the lab server sent it status {mine[0].status} and {mine[0].size} bytes of content"
                )

    def check_own_work(self, arm: Arm, records: Sequence[LogRecord], count: int) -> None:
        """Check an arm that names its own pages, by the lab server's log.

        Raises:
            ComparisonError: it did not make ``count`` requests, or one of them got no complete reply.
        """
        if trouble := trouble_with(records, count):
            raise ComparisonError(arm.name, None, trouble)


class CrawlGate:
    """Compares what every arm found in its crawl with the truth about the site, and with what the first arm found."""

    def __init__(self, crawled: CrawledSite) -> None:
        self._crawled = crawled
        self._expected: dict[str, tuple[Arm, Outcome]] = {}

    def check(self, arm: Arm, found: Found) -> None:
        """Check what an arm returned.

        Raises:
            ComparisonError: it left out a URL, or has one that no crawl comes to; or one failed, or got a different
                status or different content.
        """
        for url, page in self._crawled.pages.items():
            if url not in found:
                raise ComparisonError(arm.name, url, "its crawl did not come to it")
            outcome = found[url]
            if isinstance(outcome, BaseException):
                if not page.cut:
                    raise ComparisonError(arm.name, url, _told(outcome)) from outcome
                continue
            if page.cut or outcome[0] != page.status:
                sent = "a page that ends too early" if page.cut else page.status
                raise ComparisonError(arm.name, url, f"status {outcome[0]}, but the lab server sends {sent}")
            first, wanted = self._expected.setdefault(url, (arm, outcome))
            if difference := _difference(outcome, wanted):
                raise ComparisonError(arm.name, url, f"{difference} for {first}")
        self._refuse_others(arm, found)

    def check_log(self, arm: Arm, records: Sequence[LogRecord]) -> None:
        """Check what an arm fetched, by the lab server's log.

        Raises:
            ComparisonError: it did not fetch each URL exactly once, and as a whole, or it fetched others.
        """
        fetched: dict[str, list[LogRecord]] = {}
        for record in records:
            fetched.setdefault(record.path, []).append(record)
        self._refuse_others(arm, fetched)
        for url, page in self._crawled.pages.items():
            mine = fetched.get(url, [])
            if len(mine) != 1:
                raise ComparisonError(
                    arm.name, url, f"the lab server saw {_counted(len(mine), 'request')} for it, not 1"
                )
            if mine[0].status != page.status or (mine[0].last_byte is None and not page.cut):
                sent = f"status {mine[0].status} and {mine[0].size} bytes of content"
                raise ComparisonError(arm.name, url, f"the lab server sent it {sent}, and not all of the page")

    def _refuse_others(self, arm: Arm, urls: Iterable[str]) -> None:
        for url in urls:
            if url not in self._crawled.pages:
                raise ComparisonError(arm.name, url, "it fetched this, where no link of the site leads")


def trouble_with(records: Sequence[LogRecord], count: int | None = None) -> str | None:
    """Say what is wrong with the requests of an arm that names its own pages; None if nothing is.

    Args:
        records: the lab server's log of its requests.
        count: how many there must be; None for at least one.
    """
    failed = sum(record.status != 200 or record.last_byte is None for record in records)
    if not records:
        return "the lab server saw no request from it"
    if failed:
        return (
            f"{failed} of the {len(records)} requests that the lab server saw from it got no complete reply"
            " with status 200"
        )
    if count not in (None, len(records)):
        return f"the lab server saw {_counted(len(records), 'request')} from it, not {count}"
    return None


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _told(error: BaseException) -> str:
    words = error.message if isinstance(error, RequestError) else str(error)
    return f"{type(error).__name__}: {words}"


def _difference(outcome: Outcome, wanted: Outcome) -> str | None:
    """Say how an outcome differs from the wanted one, or return None."""
    assert isinstance(outcome, tuple)
    assert isinstance(wanted, tuple)
    (status, size, digest), (wanted_status, wanted_size, wanted_digest) = outcome, wanted
    if status != wanted_status and None not in (status, wanted_status):
        return f"status {status}, but {wanted_status}"
    if size != wanted_size:
        return f"{size} bytes of content, but {wanted_size}"
    if digest != wanted_digest:
        return f"{size} bytes of content that differ from those"
    return None
