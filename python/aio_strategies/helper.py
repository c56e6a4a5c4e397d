"""The native program beside this package: the lab server, and the workers of the Rust ``process``."""

import sys
from pathlib import Path

__all__ = ["PROGRAM"]

PROGRAM = Path(__file__).with_name("aio-strategies-helper" + (".exe" if sys.platform == "win32" else ""))
"""Where it is: build.rs compiles it, and the wheel brings it."""
