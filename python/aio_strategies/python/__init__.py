"""The Python strategies: ``aio.python.<key>_way``. One file each, plain as lecture code.

``exchange`` is HTTP without I/O, ``attempt`` one try at one URL, ``event_loop`` what ``callback``, ``generator`` and
``yield_from`` share. The strategies differ in how they wait, and nothing else: ``diff`` two neighbours.
"""

from ..strategy_function import async_strategy_function, strategy_function
from . import (
    asyncio_way as _asyncio_way,
)
from . import (
    blocking_way as _blocking_way,
)
from . import (
    callback_way as _callback_way,
)
from . import (
    generator_way as _generator_way,
)
from . import (
    nonblocking_way as _nonblocking_way,
)
from . import (
    process_way as _process_way,
)
from . import (
    thread_way as _thread_way,
)
from . import (
    yield_from_way as _yield_from_way,
)

__all__ = [
    "asyncio_way",
    "blocking_way",
    "callback_way",
    "generator_way",
    "nonblocking_way",
    "process_way",
    "thread_way",
    "yield_from_way",
]

blocking_way = strategy_function("blocking", "python", _blocking_way.blocking_way)
process_way = strategy_function("process", "python", _process_way.process_way)
thread_way = strategy_function("thread", "python", _thread_way.thread_way)
nonblocking_way = strategy_function("nonblocking", "python", _nonblocking_way.nonblocking_way)
callback_way = strategy_function("callback", "python", _callback_way.callback_way)
generator_way = strategy_function("generator", "python", _generator_way.generator_way)
yield_from_way = strategy_function("yield_from", "python", _yield_from_way.yield_from_way)
asyncio_way = async_strategy_function("asyncio", "python", _asyncio_way.asyncio_way)
