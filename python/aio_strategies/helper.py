"""The native program that ships with this package: the lab server, and the workers of the Rust ``process``."""

import os
import sys

__all__ = ["PROGRAM"]

PROGRAM = os.path.join(os.path.dirname(__file__), "aio-strategies-helper" + (".exe" if sys.platform == "win32" else ""))
"""Its path; build.rs compiles it, and the wheel contains it."""
