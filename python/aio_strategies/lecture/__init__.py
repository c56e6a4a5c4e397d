"""The strategies in Python, plain as lecture code: one file each, behind the faces in ``aio_strategies.python``.

``exchange`` is HTTP without I/O, ``attempt`` one try at one URL, ``arrivals`` how the caller's thread waits until a URL
is due, ``event_loop`` what ``callback``, ``generator`` and ``yield_from`` share. The strategies differ in how they
wait, and nothing else: ``diff`` two neighbours.
"""
