"""The conditions under which the runs were made: what else the machine did.

Where a system does not tell (anything but Linux), that condition is not watched, and nothing is said of it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Conditions"]


@dataclass(slots=True)
class Conditions:
    """What was seen while arms were timed, in seconds that add up over all timed runs.

    Attributes:
        wall: how long it was watched.
        pressure: how long some task was ready to run but had no processor (PSI ``some``); None if unknown.
        steal: processor time that the hypervisor gave to others; None if unknown.
        busy: processor time that all processes of the machine used; None if unknown.
        own: processor time that the arms, the lab server and the coordinator used.
    """

    wall: float = 0.0
    pressure: float | None = None
    steal: float | None = None
    busy: float | None = None
    own: float = 0.0

    def add(self, other: Conditions) -> None:
        """Add what was seen in another stretch of time."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if theirs is not None:
                setattr(self, field.name, theirs + (mine or 0.0))

    @property
    def foreign(self) -> float | None:
        """Processor time that processes with no part in the comparison used; None if unknown."""
        return None if self.busy is None else max(0.0, self.busy - self.own)

    def share(self, seconds: float | None) -> float:
        """Return the seconds as a share of the time that was watched; 0 if they are unknown."""
        return seconds / self.wall if seconds is not None and self.wall else 0.0
