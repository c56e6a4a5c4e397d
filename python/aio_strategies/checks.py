"""Every check of an argument, with the words of its error."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["check_concurrency", "check_rate", "check_timeout", "check_urls"]


def check_urls(urls: Iterable[str]) -> list[str]:
    """Return the URLs as a list.

    Raises:
        TypeError: not an iterable of strings.
        ValueError: there are none.
    """
    if isinstance(urls, str | bytes):
        raise TypeError(f"urls must be an iterable of strings, not a single {type(urls).__name__}: write [{urls!r}]")
    try:
        checked = list(urls)
    except TypeError:
        raise TypeError(f"urls must be an iterable of strings, not {type(urls).__name__}") from None
    for url in checked:
        if not isinstance(url, str):
            raise TypeError(f"urls must hold strings, not {type(url).__name__}: {url!r}")
    if not checked:
        raise ValueError("urls is empty; at least one URL is needed")
    return checked


def check_concurrency(concurrency: int) -> int:
    """Return ``concurrency``.

    Raises:
        TypeError: not an integer.
        ValueError: below 1.
    """
    if not isinstance(concurrency, int) or isinstance(concurrency, bool):
        raise TypeError(f"concurrency must be an integer of at least 1, not {concurrency!r}")
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    return concurrency


def check_timeout(timeout: float) -> float:
    """Return ``timeout`` as a float.

    Raises:
        TypeError: not a number.
        ValueError: not finite, or not above 0.
    """
    if not isinstance(timeout, int | float) or isinstance(timeout, bool):
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}")
    if not 0 < timeout <= 1e9:
        raise ValueError(f"timeout must be a finite number of seconds above 0 (at most 1e9), not {timeout}")
    return float(timeout)


def check_rate(rate: float | None) -> float | None:
    """Return ``rate`` as a float, or None.

    Raises:
        TypeError: neither a number nor None.
        ValueError: not finite, or not above 0.
    """
    if rate is None:
        return None
    if not isinstance(rate, int | float) or isinstance(rate, bool):
        raise TypeError(f"rate must be a number of requests per second or None, not {rate!r}")
    if not 1e-6 <= rate <= 1e9:
        raise ValueError(f"rate must be a finite number of requests per second above 0 (1e-6 to 1e9), not {rate}")
    return float(rate)
