"""When each exchange of the timed runs began, was served and ended: the raw data for latencies and timelines.

There may be a million, so they are kept in columns. ``typical_runs.py`` converts one to an ``Exchange``.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..display.timeline import Exchange
from ..lab.log import LogRecord

__all__ = ["KeptBatch", "KeptExchanges"]

_WHOLE = ("run", "batch", "request")
_TIMES = ("start", "service", "begun", "accepted", "secured", "asked", "first_byte", "last_byte", "closed")
_COUNTS = ("status", "size")
#: The server's times, and their names in a LogRecord.
_SERVER = {
    "begun": "begun",
    "accepted": "accepted",
    "secured": "secured",
    "asked": "request",
    "first_byte": "first_byte",
    "last_byte": "last_byte",
    "closed": "closed",
}


class KeptExchanges:
    """The exchanges that were kept, in columns. ``len()`` is their number; each is at a place, from 0.

    The columns are those of a saved comparison. Times are in seconds from the start of the batch.

    - ``run``: the index of the timed run; ``batch``: the number of the batch within the run, from 0
    - ``request``: the index of the URL
    - ``start``, ``service``: when the client began, before it connected, and the seconds from then to the end; unknown
      for a program
    - ``begun``, ``accepted``, ``secured``, ``asked``, ``first_byte``, ``last_byte``, ``closed``: as in ``LogRecord``
      (``asked`` is its ``request``)
    - ``status`` and ``size`` of the reply; ``error``: what went wrong

    Unknown values are None.
    """

    def __init__(self) -> None:
        # No None: nan and -1 stand for unknown values.
        self._columns: dict[str, array[Any]] = {
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
        requests: Sequence[int] | None = None,
    ) -> None:
        """Add a batch.

        Args:
            run: the index of the timed run.
            batch: the number of the batch within the run.
            began: when the batch's clock started, by the clock of the lab's log.
            clients: start (from ``began``) and service time of each exchange, from the client; None if unknown.
            records: the lab server's record of each exchange, or None if it has none.
            errors: what went wrong, by the URL's index.
            requests: the index of each exchange's URL; None if all have been fetched in their order.
        """
        count = len(records)
        first = len(self)
        requests = range(count) if requests is None else requests
        known = ((place, errors.get(request)) for place, request in enumerate(requests, first))
        self._errors.update({place: error for place, error in known if error is not None})
        add = self._columns
        add["run"].extend([run] * count)
        add["batch"].extend([batch] * count)
        add["request"].extend(requests)
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
            add["start"].extend([math.nan] * count)
            add["service"].extend([math.nan] * count)

    def __len__(self) -> int:
        return len(self._columns["run"])

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return (*self._columns, "error")

    def column(self, name: str, places: Sequence[int] | None = None) -> list[Any]:
        """Return a column, or only its values at the given places."""
        if name == "error":
            return list(map(self._errors.get, range(len(self)) if places is None else places))
        column = self._columns[name]
        return _all_known(name, column if places is None else [column[place] for place in places])

    def exchange(self, place: int, *, url: str, intended: float) -> Exchange | None:
        """Return an exchange as a record; None if its start or end is unknown.

        Args:
            place: its place.
            url: its URL, which is not stored here.
            intended: when it was due, in seconds from the batch's start.
        """
        start, end = self.span(place)
        if math.isnan(start) or math.isnan(end):
            return None
        names = ("accepted", "secured", "asked", "first_byte", "last_byte", "closed", *_COUNTS)
        known = {name: _all_known(name, (self._columns[name][place],))[0] for name in names}
        error = self._errors.get(place)
        return Exchange(url, intended, start, end, **known, error=error, request=self.request(place))

    @property
    def batches(self) -> list[KeptBatch]:
        """The batches whose exchanges were kept."""
        return [KeptBatch(self, run, number) for run, number in self._index()]

    @property
    def kept_runs(self) -> set[int]:
        """The indexes of the runs whose exchanges were kept."""
        return {run for run, _ in self._index()}

    def errors_of(self, run: int) -> list[str]:
        """Return the errors of a run, one for each exchange that failed."""
        runs = self._columns["run"]
        return [error for place, error in self._errors.items() if runs[place] == run]

    def places(self, run: int, batch: int) -> Sequence[int]:
        """Return the places of a batch's exchanges."""
        return self._index().get((run, batch), ())

    def span(self, place: int) -> tuple[float, float]:
        """Return an exchange's start and end, nan where they are unknown.

        They are those that the lab server saw, for every arm alike; the client's, if the server did not see both.
        """
        return self.spans((place,))[0]

    def spans(self, places: Sequence[int] | None = None) -> list[tuple[float, float]]:
        """Return what ``span`` does for all exchanges, or only for those at the given places."""
        columns = [self._columns[name] for name in ("begun", "last_byte", "start", "service")]
        if places is not None:
            columns = [array("d", [column[place] for place in places]) for column in columns]
        # a nan is not equal to itself; written out, as there may be a million exchanges
        return [
            (begun, end) if begun == begun and end == end else (start, start + service)
            for begun, end, start, service in zip(*columns, strict=True)
        ]

    def run(self, place: int) -> int:
        """Return the index of an exchange's run."""
        run: int = self._columns["run"][place]
        return run

    def request(self, place: int) -> int:
        """Return the index of an exchange's URL."""
        request: int = self._columns["request"][place]
        return request

    def failed(self, place: int) -> bool:
        """Return whether an exchange failed."""
        return place in self._errors

    def _index(self) -> dict[tuple[int, int], list[int]]:
        """Return the places of each batch; computed only once, as there may be a million exchanges."""
        for place in range(self._indexed, len(self)):
            batch = self._columns["run"][place], self._columns["batch"][place]
            self._batches.setdefault(batch, []).append(place)
        self._indexed = len(self)
        return self._batches

    def to_dict(self) -> dict[str, Any]:
        """Return the columns as lists."""
        return {name: self.column(name) for name in self.columns}

    @classmethod
    def from_dict(cls, columns: Mapping[str, Collection[Any]]) -> KeptExchanges:
        """Restore what ``to_dict`` returned."""
        exchanges = cls()
        for name in (*_WHOLE, *_COUNTS):
            exchanges._columns[name].extend(-1 if value is None else value for value in columns[name])
        # Older files have no ``begun``: each of their exchanges is taken to have its own connection. None has TLS.
        columns = {"begun": columns["accepted"], "secured": [None] * len(columns["run"]), **columns}
        for name in _TIMES:
            exchanges._columns[name].extend(math.nan if value is None else value for value in columns[name])
        exchanges._errors = {place: error for place, error in enumerate(columns["error"]) if error is not None}
        return exchanges


class KeptBatch:
    """The exchanges of one batch, as a view of the columns. Unknown values are None.

    Attributes:
        run: the index of the timed run.
        number: the number of the batch within the run, from 0.
    """

    __slots__ = ("_exchanges", "_places", "number", "run")

    def __init__(self, exchanges: KeptExchanges, run: int, number: int) -> None:
        self._exchanges = exchanges
        self._places = exchanges.places(run, number)
        self.run = run
        self.number = number

    def __len__(self) -> int:
        return len(self._places)

    def spans(self) -> list[tuple[float, float]]:
        """Return the start and the end of each exchange, as ``KeptExchanges.span`` does."""
        return self._exchanges.spans(self._places)

    def column(self, name: str) -> list[Any]:
        """Return the values of a column of ``KeptExchanges``, for this batch."""
        return self._exchanges.column(name, self._places)


def _all_known(name: str, column: Iterable[Any]) -> list[Any]:
    # a separate loop for each kind, as there may be a million values
    if name in _TIMES:
        return [None if value != value else value for value in column]
    if name in _COUNTS:
        return [None if value < 0 else value for value in column]
    return list(column)
