"""The conditions during the timed runs: what else the machine and the lab server did.

Only Linux reports what the machine did; elsewhere, nothing is watched or said about it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Conditions"]


@dataclass(slots=True)
class Conditions:
    """What was seen while arms were timed: seconds, summed over all timed runs, and a count.

    Attributes:
        wall: how long the machine was watched.
        pressure: how long some task was ready to run but had no processor (PSI ``some``); None if unknown.
        steal: CPU time that the hypervisor gave to other virtual machines; None if unknown.
        busy: CPU time that all processes of the machine used; None if unknown.
        own: CPU time that the arms, the lab server and the coordinator used.
        strangers: how many requests of others the lab server answered, from the first arm's to the last one's.
    """

    wall: float = 0.0
    pressure: float | None = None
    steal: float | None = None
    busy: float | None = None
    own: float = 0.0
    strangers: int = 0

    def add(self, other: Conditions) -> None:
        """Add what was seen in another period."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if theirs is not None:
                setattr(self, field.name, theirs + (mine or 0.0))

    @property
    def foreign(self) -> float | None:
        """CPU time that processes outside the comparison used; None if unknown."""
        return None if self.busy is None else max(0.0, self.busy - self.own)

    def share(self, seconds: float | None) -> float:
        """Return the seconds as a share of the time that was watched; 0 if they are unknown."""
        return seconds / self.wall if seconds is not None and self.wall else 0.0
