"""Measuring: every arm (a strategy in a language, or a program of yours) does the same work, in turns, and is timed.

- ``comparing.py``: ``compare`` and ``acompare``; ``sweeping.py``: ``scaling``, the same over a parameter
- ``plan.py``: what was asked for, checked, and the order of the runs; ``programs.py``: how a program gets to its worker
- ``session.py``: the coordinator: gate, costs, timed rounds, the budget; ``sizes.py``: how much is done at a time
- ``gate.py``: every arm must do the same work before any is timed
- ``trial.py``: a program's first run, which shows how much work it does
- ``crew.py``: starts and ends a process for each arm; ``worker.py``: what runs in it; ``messages.py``: what they say to
  each other
- ``watching.py``: memory, threads and system calls of a worker
- ``machine.py``, ``environment.py``: what else the machine did; which machine and builds the times belong to

The protocol is explained in docs/measuring.md. What the figures mean is judged in ``comparison/``.
"""
