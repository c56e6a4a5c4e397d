"""The pages of a lab server: their paths and URLs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsIndex, overload

__all__ = ["PageUrls", "path_of"]


def path_of(index: int) -> str:
    """Return the path of the page with this index."""
    return f"/{index or ''}"


class PageUrls(Sequence[str]):
    """The URLs of a server's first pages, made when they are asked for: there may be a million.

    Args:
        roots: the URLs of the servers that take turns, without the final slash.
        count: the number of pages.
    """

    __slots__ = ("_count", "_roots")

    def __init__(self, roots: Sequence[str], count: int) -> None:
        self._roots = tuple(roots)
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> str | list[str]:
        roots = self._roots
        chosen = range(self._count)[index]
        if isinstance(chosen, range):
            return [f"{roots[place % len(roots)]}{path_of(place)}" for place in chosen]
        return f"{roots[chosen % len(roots)]}{path_of(chosen)}"
