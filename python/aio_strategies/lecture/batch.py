"""The work of one call: which URL is next, and what came of those before."""

from collections.abc import Iterator

from ..results import Response
from ..targets import Target


class Batch:
    """Shared by all who fetch: iterate over it for the next URL, put back what came of it."""

    def __init__(self, targets: list[Target], timeout: float) -> None:
        self.timeout = timeout
        self._todo = iter(enumerate(targets))
        self._unfinished = len(targets)
        self._responses: dict[int, Response] = {}

    def __iter__(self) -> Iterator[tuple[int, Target]]:
        """Give URLs that nobody has; each comes once, whoever asks."""
        return self._todo

    def put(self, index: int, response: Response) -> None:
        """Note what came of a URL."""
        self._responses[index] = response
        self._unfinished -= 1

    def is_done(self) -> bool:
        """Tell whether every URL has its response."""
        return not self._unfinished

    def responses(self) -> list[Response]:
        """Return all responses, in the order of the URLs."""
        return [self._responses[index] for index in sorted(self._responses)]
