"""Handing out targets one by one, each no earlier than it is due: for the strategies whose caller waits itself."""

from collections.abc import Callable, Iterable, Iterator

from ..targets import Target


def when_due(targets: Iterable[Target], wait: Callable[[float], object]) -> Iterator[Target]:
    """Iterate over the targets; ``wait`` is handed the seconds by which the next one is early, until it is no more."""
    for target in targets:
        while early := target.early():
            wait(early)
        yield target


def spin(seconds: float) -> None:
    """Wait like ``time.sleep``, but awake: return at once, and be asked again."""
