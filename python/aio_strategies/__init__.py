"""A laboratory for I/O concurrency: every classic way to wait for the network, in Python and in Rust, side by side.

>>> import aio_strategies as aio
>>> with aio.LabServer(latency=0.02) as lab:
...     run = aio.rust.thread_way(lab.urls(10))
>>> len(run), run[0].status_code
(10, 200)

``aio.rust`` and ``aio.python`` hold the strategies; ``aio.run`` calls one by its key; ``aio.compare`` times them all;
``aio.strategies()`` lists them, and ``aio.source`` shows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _native, python, rust
from .calling import arun, run
from .catalogue import strategies
from .exceptions import *  # noqa: F403
from .exceptions import __all__ as _exceptions
from .measuring.comparing import acompare, compare, last_comparison
from .results import Headers, Response, Run

if TYPE_CHECKING:
    from .comparison.comparison import Comparison
    from .comparison.contrasts import Contrast
    from .comparison.loading import load
    from .comparison.sweep import Scaling
    from .frame import Frame
    from .lab.server import LabServer
    from .measuring.sweeping import scaling
    from .sources import Sources, source

__version__: str = _native.build_info()["version"]

# Imported when they are first asked for: a caller who only fetches should not wait for them.
_LATER = {
    "Comparison": ".comparison.comparison",
    "Contrast": ".comparison.contrasts",
    "Frame": ".frame",
    "LabServer": ".lab.server",
    "Scaling": ".comparison.sweep",
    "Sources": ".sources",
    "load": ".comparison.loading",
    "scaling": ".measuring.sweeping",
    "source": ".sources",
}

__all__ = [
    "Comparison",
    "Contrast",
    "Frame",
    "Headers",
    "LabServer",
    "Response",
    "Run",
    "Scaling",
    "Sources",
    "acompare",
    "arun",
    "compare",
    "last_comparison",
    "load",
    "python",
    "run",
    "rust",
    "scaling",
    "source",
    "strategies",
    *_exceptions,
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        value = getattr(import_module(_LATER[name], __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """Do what ``%load_ext aio_strategies`` asks for: make ``%aiotime`` and ``%%aiobench`` known."""
    from .magics import LabMagics

    ipython.register_magics(LabMagics)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
