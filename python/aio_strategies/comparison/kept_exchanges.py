"""When each exchange of the timed runs began, was served and ended: the raw material of latencies and timelines."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..lab.log import LogRecord

__all__ = ["Exchange", "Exchanges"]


class Exchange(NamedTuple):
    """One exchange; times are seconds from the start of its batch, None where nobody saw it.

    Attributes:
        run: the index of the timed run.
        batch: the number of the batch within the run, from 0.
        request: the index of the URL.
        start: when the client began, before it connected. (Of a user's arm: when the lab server accepted.)
        service: seconds from then to the end. (Of a user's arm: until the lab server had sent the last byte.)
        accepted: when the lab server accepted the connection.
        asked: when the whole request had reached it.
        first_byte: when the first byte of its reply left.
        last_byte: when the last byte had left.
        closed: when it saw the connection closed.
        status: the status of the reply.
        size: bytes of the reply's body.
        error: what went wrong.
    """

    run: int
    batch: int
    request: int
    start: float | None
    service: float | None
    accepted: float | None
    asked: float | None
    first_byte: float | None
    last_byte: float | None
    closed: float | None
    status: int | None
    size: int | None
    error: str | None


_WHOLE = ("run", "batch", "request")
_TIMES = ("start", "service", "accepted", "asked", "first_byte", "last_byte", "closed")
_COUNTS = ("status", "size")
#: The server's times, and where a LogRecord has them.
_SERVER = {
    "accepted": "accepted",
    "asked": "request",
    "first_byte": "first_byte",
    "last_byte": "last_byte",
    "closed": "closed",
}


class Exchanges(Sequence[Exchange]):
    """The exchanges that were kept, in columns. A column is None-free: nan and -1 stand for what is not known."""

    def __init__(self) -> None:
        self._columns: dict[str, array[Any]] = {
            # in the order of Exchange
            **{name: array("q") for name in _WHOLE},
            **{name: array("d") for name in _TIMES},
            **{name: array("q") for name in _COUNTS},
        }
        self._errors: dict[int, str] = {}
        self._batches: dict[tuple[int, int], list[int]] = {}
        self._indexed = 0

    def add(
        self,
        run: int,
        batch: int,
        began: float,
        clients: Sequence[tuple[float, float]] | None,
        records: Sequence[LogRecord | None],
        errors: Mapping[int, str],
    ) -> None:
        """Add a batch.

        Args:
            run: the index of the timed run.
            batch: the number of the batch within the run.
            began: when the batch's clock began, on the clock of the lab's log.
            clients: start (from ``began``) and service time of each exchange, by the client; None if it does not tell.
            records: the lab server's record of each, or None where it has none.
            errors: what went wrong, by the URL's index.
        """
        count = len(records)
        first = len(self)
        self._errors.update({first + request: error for request, error in errors.items()})
        add = self._columns
        add["run"].extend([run] * count)
        add["batch"].extend([batch] * count)
        add["request"].extend(range(count))
        for name, field in _SERVER.items():
            seen = [record and getattr(record, field) for record in records]
            add[name].extend([math.nan if time is None else time - began for time in seen])
        for name in _COUNTS:
            seen = [record and getattr(record, name) for record in records]
            add[name].extend([-1 if value is None else value for value in seen])
        if clients is not None:
            add["start"].extend([start for start, _ in clients])
            add["service"].extend([service for _, service in clients])
        else:
            accepted, last_byte = add["accepted"][first:], add["last_byte"][first:]
            add["start"].extend(accepted)
            add["service"].extend([end - start for start, end in zip(accepted, last_byte, strict=True)])

    def __len__(self) -> int:
        return len(self._columns["run"])

    def __getitem__(self, index: Any) -> Any:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        return self._at(places)

    def __iter__(self) -> Iterator[Exchange]:
        return map(Exchange, *map(self.column, Exchange._fields))

    def column(self, name: str) -> list[Any]:
        """Return a column by the name of ``Exchange``'s attribute."""
        if name == "error":
            return list(map(self._errors.get, range(len(self))))
        return _all_known(name, self._columns[name])

    def rows_of(self, run: int, batch: int | None = None) -> list[Exchange]:
        """Return the exchanges of a run, or of one batch of it."""
        batches = [kept for index, kept in self._index() if index == run] if batch is None else [batch]
        return [self._at(place) for number in batches for place in self.places(run, number)]

    @property
    def kept_runs(self) -> set[int]:
        """The indexes of the runs that exchanges were kept of."""
        return {run for run, _ in self.kept_batches}

    @property
    def kept_batches(self) -> list[tuple[int, int]]:
        """The batches that exchanges were kept of: each one's run, and its number within the run."""
        return list(self._index())

    def places(self, run: int, batch: int) -> Sequence[int]:
        """Return the places of a batch's exchanges in this sequence."""
        return self._index().get((run, batch), ())

    def span(self, place: int) -> tuple[float, float]:
        """Return an exchange's start and end; nan where nobody saw it."""
        start: float = self._columns["start"][place]
        return start, start + self._columns["service"][place]

    def request(self, place: int) -> int:
        """Return the index of an exchange's URL."""
        request: int = self._columns["request"][place]
        return request

    def failed(self, place: int) -> bool:
        """Return whether an exchange failed."""
        return place in self._errors

    def _index(self) -> dict[tuple[int, int], list[int]]:
        """Return the places of each batch: found once, since there may be a million exchanges."""
        for place in range(self._indexed, len(self)):
            batch = self._columns["run"][place], self._columns["batch"][place]
            self._batches.setdefault(batch, []).append(place)
        self._indexed = len(self)
        return self._batches

    def to_dict(self) -> dict[str, Any]:
        """Return the columns as lists."""
        return {name: self.column(name) for name in Exchange._fields}

    @classmethod
    def from_dict(cls, columns: Mapping[str, Iterable[Any]]) -> Exchanges:
        """Make it of what ``to_dict`` returned."""
        exchanges = cls()
        for name in (*_WHOLE, *_COUNTS):
            exchanges._columns[name].extend(-1 if value is None else value for value in columns[name])
        for name in _TIMES:
            exchanges._columns[name].extend(math.nan if value is None else value for value in columns[name])
        exchanges._errors = {place: error for place, error in enumerate(columns["error"]) if error is not None}
        return exchanges

    def _at(self, place: int) -> Exchange:
        values = [_known(name, column[place]) for name, column in self._columns.items()]
        return Exchange._make([*values, self._errors.get(place)])


def _known(name: str, value: Any) -> Any:
    return _all_known(name, (value,))[0]


def _all_known(name: str, column: Iterable[Any]) -> list[Any]:
    # written out for each kind, as there may be a million
    if name in _TIMES:
        return [None if value != value else value for value in column]
    if name in _COUNTS:
        return [None if value < 0 else value for value in column]
    return list(column)
