"""A laboratory for I/O concurrency: every classic way to wait for the network, in Python and in Rust, side by side.

>>> import aio_strategies as aio
>>> with aio.LabServer(latency=0.02) as lab:
...     run = aio.rust.thread_way(lab.urls(10))
>>> len(run), run[0].status_code
(10, 200)

``aio.rust`` and ``aio.python`` hold the strategies; ``aio.run`` calls one by its key; ``aio.compare`` times them all;
``aio.strategies()`` lists them, and ``aio.source`` shows one. ``aio.crawl`` and ``aio.Crawler`` find the pages of a
site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _native, python, rust
from .calling import arun, crawl, run, stream
from .catalogue import Catalogue, Strategy, strategies
from .checks import Lang
from .exceptions import *  # noqa: F403
from .exceptions import __all__ as _exceptions
from .measuring.comparing import acompare, compare, last_comparison
from .response_stream import ResponseStream
from .results import CPUTime, Headers, Response, Run

if TYPE_CHECKING:
    from .comparison.arm_times import ArmTimes, Latency, TimedRun
    from .comparison.comparison import Comparison
    from .comparison.conditions import Conditions
    from .comparison.costs import Costs
    from .comparison.difference import Change, Diff
    from .comparison.explanation import Explanation
    from .comparison.findings import Ending
    from .comparison.kept_exchanges import KeptBatch, KeptExchanges
    from .comparison.loading import load
    from .comparison.rules import Breach
    from .comparison.settings import Arm, Settings
    from .comparison.side_by_side import Comparisons
    from .comparison.sweep import Parameter, Scaling
    from .comparison.verdicts import Contrast, Metric, Verdict
    from .comparison.warnings import Caveat
    from .crawling.batches import crawl_batches
    from .crawling.page import Page
    from .crawling.rust_crawler import Crawler
    from .crawling.statistics import CrawlRow, CrawlStatistics, CrawlTotals
    from .display.code import Colour, Listing, Mark
    from .display.picture import Picture
    from .display.timeline import Exchange
    from .frame import Field, Frame
    from .lab.fault import Fault
    from .lab.log import ExchangeLog, LogRecord
    from .lab.server import LabServer, LabStats
    from .lab.site import Site, SitePage
    from .measuring.sweeping import scaling
    from .sources import Sources, source

__version__: str = _native.build_info()["version"]

# Imported on first use: a caller who only fetches should not wait for them.
_LATER = {
    "Arm": ".comparison.settings",
    "ArmTimes": ".comparison.arm_times",
    "Breach": ".comparison.rules",
    "Caveat": ".comparison.warnings",
    "Change": ".comparison.difference",
    "Colour": ".display.code",
    "Comparison": ".comparison.comparison",
    "Comparisons": ".comparison.side_by_side",
    "Conditions": ".comparison.conditions",
    "Contrast": ".comparison.verdicts",
    "Costs": ".comparison.costs",
    "CrawlRow": ".crawling.statistics",
    "CrawlStatistics": ".crawling.statistics",
    "CrawlTotals": ".crawling.statistics",
    "Crawler": ".rust",
    "Diff": ".comparison.difference",
    "Ending": ".comparison.findings",
    "Exchange": ".display.timeline",
    "ExchangeLog": ".lab.log",
    "Explanation": ".comparison.explanation",
    "Fault": ".lab.fault",
    "Field": ".frame",
    "Frame": ".frame",
    "KeptBatch": ".comparison.kept_exchanges",
    "KeptExchanges": ".comparison.kept_exchanges",
    "LabServer": ".lab.server",
    "LabStats": ".lab.server",
    "Latency": ".comparison.arm_times",
    "Listing": ".display.code",
    "LogRecord": ".lab.log",
    "Mark": ".display.code",
    "Metric": ".comparison.verdicts",
    "Page": ".crawling.page",
    "Parameter": ".comparison.sweep",
    "Picture": ".display.picture",
    "Scaling": ".comparison.sweep",
    "Settings": ".comparison.settings",
    "Site": ".lab.site",
    "SitePage": ".lab.site",
    "Sources": ".sources",
    "TimedRun": ".comparison.arm_times",
    "Verdict": ".comparison.verdicts",
    "crawl_batches": ".crawling.batches",
    "load": ".comparison.loading",
    "scaling": ".measuring.sweeping",
    "source": ".sources",
}

__all__ = [
    "Arm",
    "ArmTimes",
    "CPUTime",
    "Catalogue",
    "Breach",
    "Caveat",
    "Change",
    "Colour",
    "Comparison",
    "Comparisons",
    "Conditions",
    "Contrast",
    "Costs",
    "CrawlRow",
    "CrawlStatistics",
    "CrawlTotals",
    "Crawler",
    "Diff",
    "Ending",
    "Exchange",
    "ExchangeLog",
    "Explanation",
    "Fault",
    "Field",
    "Frame",
    "Headers",
    "KeptBatch",
    "KeptExchanges",
    "LabServer",
    "LabStats",
    "Lang",
    "Latency",
    "Listing",
    "LogRecord",
    "Mark",
    "Metric",
    "Page",
    "Parameter",
    "Picture",
    "Response",
    "ResponseStream",
    "Run",
    "Scaling",
    "Settings",
    "Site",
    "SitePage",
    "Sources",
    "Strategy",
    "TimedRun",
    "Verdict",
    "acompare",
    "arun",
    "compare",
    "crawl",
    "crawl_batches",
    "last_comparison",
    "load",
    "python",
    "run",
    "rust",
    "scaling",
    "source",
    "strategies",
    "stream",
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
    """Register ``%aiotime`` and ``%%aiobench``; IPython calls this for ``%load_ext aio_strategies``."""
    from .magics import LabMagics

    ipython.register_magics(LabMagics)


def __dir__() -> list[str]:
    return sorted(__all__)
