"""What a lab server does wrong on purpose."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields

from ..checks import check_choice, check_fault_number, check_fault_settings, check_path, check_probability

__all__ = ["Fault"]

#: What each kind takes besides path and probability; a question mark follows what may be missing.
_TAKES = {
    "latency": "seconds",
    "bandwidth": "rate",
    "slow_close": "seconds",
    "timeout": "seconds?",
    "reset_peer": "seconds?",
    "slicer": "size seconds",
    "limit_data": "size",
    "hiccup": "at seconds",
    "ramp": "at until seconds",
    "pauses": "every seconds",
    "saturation": "limit",
}
#: These are of the whole server: all requests meet them.
_OF_THE_SERVER = ("hiccup", "ramp", "pauses", "saturation")
#: Seconds here, nanoseconds in the server's program.
_TIMES = ("seconds", "at", "until", "every")


@dataclass(frozen=True, slots=True, repr=False)
class Fault:
    """Something that a lab server does wrong on purpose: ``LabServer(faults=[Fault("latency", seconds=0.5)])``.

    Faults of single exchanges, named as in toxiproxy. Several may strike the same exchange:

    - ``latency``: the reply comes ``seconds`` later.
    - ``bandwidth``: the body comes at ``rate`` bytes per second.
    - ``slow_close``: the connection is closed ``seconds`` after the last byte, if it is not kept alive.
    - ``timeout``: no reply comes; the connection is closed after ``seconds``, or never (None).
    - ``reset_peer``: no reply comes; the connection is reset after ``seconds``, or at once.
    - ``slicer``: the reply comes in pieces of ``size`` bytes, ``seconds`` apart.
    - ``limit_data``: the connection is closed after ``size`` bytes of the reply, head included.

    Faults of the whole server. Their times count from the first request after its start or ``reset()``:

    - ``hiccup``: it stands still once, ``at`` this second, for ``seconds``.
    - ``ramp``: from second ``at`` to second ``until``, the latency rises steadily by ``seconds``, and stays there.
    - ``pauses``: ``every`` so many seconds it stands still for ``seconds``, like a program that collects garbage.
    - ``saturation``: at most ``limit`` requests are served at once, each for its latency; the others wait in a queue.

    A server that stands still sends no byte of any reply. It accepts connections and reads requests, and logs when they
    came.

    Args:
        kind: one of the above.
        path: which requests may meet it: those of this path, or of all that begin like it, if it ends with ``*``; None
            for all. Not for faults of the whole server.
        probability: how many of these meet it, from 0 to 1. Which ones depends only on the server's seed, the path, and
            how often this path was asked for since the start or ``reset()``; so every client meets the same faults.
        seconds, rate, size, at, until, every, limit: what this kind takes.

    Raises:
        TypeError: a value is of the wrong type, is missing, or is not for this kind.
        ValueError: a value is out of range.
    """

    kind: str
    _: KW_ONLY
    path: str | None = None
    probability: float = 1.0
    seconds: float | None = None
    rate: float | None = None
    size: int | None = None
    at: float | None = None
    until: float | None = None
    every: float | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, tuple(_TAKES))
        check_fault_settings(self.kind, _TAKES[self.kind].split(), self._given("kind", "path", "probability"))
        for name, value in self._given("kind", "path", "probability").items():
            object.__setattr__(self, name, check_fault_number(self.kind, name, value))
        if self.at is not None and self.until is not None and self.until < self.at:
            raise ValueError(f"until must be at least at ({self.at:g}), not {self.until:g}")
        if self.every is not None and self.seconds is not None and self.seconds >= self.every:
            raise ValueError(f"seconds must be less than every ({self.every:g}), not {self.seconds:g}")
        object.__setattr__(self, "probability", check_probability(self.probability))
        if self.path is not None:
            check_path(self.path)
        if self.kind in _OF_THE_SERVER and (self.path is not None or self.probability != 1):
            raise ValueError(f"path and probability must be None and 1 for {self.kind}, which is of the whole server")

    def __repr__(self) -> str:
        given = "".join(
            f", {name}={value!r}"
            for name, value in self._given("kind").items()
            if (name, value) != ("probability", 1.0)
        )
        return f"{type(self).__name__}({self.kind!r}{given})"

    def _given(self, *but: str) -> dict[str, object]:
        """Return the values that are not None, but for some."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None and name not in but}

    def option(self) -> str:
        """Return the fault as the server's program reads it."""
        words = [self.kind, f"probability={self.probability!r}"]
        if self.path is not None:
            words.append(f"path={self.path.encode().hex()}")
        for name, value in self._given("kind", "path", "probability").items():
            assert isinstance(value, int | float)
            words.append(f"{name}={round(value * 1e9 if name in _TIMES else value)}")
        return " ".join(words)
