"""The strategies in Python, plain as lecture code: one file each, behind the faces in ``aio_strategies.python``.

``exchange`` is HTTP without I/O; ``attempt`` is one try at one URL, and says what it wants next; ``work`` is where
assignments come from and responses go; ``event_loop`` is what ``callback``, ``generator`` and ``yield_from`` share, and
``executor`` drives the coroutines of the latter two. The strategies differ in how they wait, and nothing else: ``diff``
two neighbours.
"""
