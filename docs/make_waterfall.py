"""Measures anew, and draws, the picture in the README: docs/waterfall.svg."""

from pathlib import Path

import aio_strategies as aio

ARMS = ["python/blocking", "python/process", "python/thread", "python/asyncio", "rust/asyncio"]

comparison = aio.compare(["blocking", "process", "thread", "asyncio"], requests=10, latency=0.02, budget=20, seed=1)
comparison.waterfall(ARMS).save(Path(__file__).with_name("waterfall.svg"))
