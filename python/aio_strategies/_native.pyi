"""The native half of aio_strategies; the package's Python modules are its only users."""

from os import PathLike
from typing import final

from .exceptions import RequestError
from .targets import Target

__all__ = ["Running", "build_info", "parse_urls", "run"]

_Outcome = tuple[int | None, str, int, list[tuple[bytes, bytes]], bytes, float, float, RequestError | None]

def parse_urls(urls: list[str]) -> list[tuple[str, int, str, str]]: ...
def run(
    strategy: str, targets: list[Target], concurrency: int, timeout: float, helper: str | PathLike[str]
) -> list[_Outcome]: ...
def build_info() -> dict[str, str]: ...

@final
class Running:
    def __new__(cls, targets: list[Target], concurrency: int, timeout: float) -> Running: ...
    def fileno(self) -> int: ...
    def cancel(self) -> None: ...
    def outcomes(self) -> list[_Outcome]: ...
