"""Measuring: every arm (a strategy in a language, or a program of yours) takes turns to do the same work, and is timed.

- ``comparing.py``: ``compare`` and ``acompare``; ``sweeping.py``: ``scaling``, the same over a parameter
- ``plan.py``: the checked arguments and the order of the runs; ``programs.py``: how a program gets to its worker
- ``session.py``: the coordinator: gate, costs, timed rounds, the budget; ``sizes.py``: the sizes of batches and runs
- ``gate.py``: every arm must do the same work before any is timed
- ``trial.py``: a program's first run, which shows how much work it does
- ``crew.py``: starts and ends a process for each arm; ``worker.py``: what runs in it; ``messages.py``: the messages
  between the two; ``confinement.py``: the limits on a program that names its own pages;
  ``failing.py``: what its author reads if it fails
- ``watching.py``: memory, threads and system calls of a worker
- ``machine.py``: what else the machine did; ``environment.py``: which machine and builds the times come from

docs/measuring.md explains the protocol. ``comparison/`` judges what the figures mean.
"""
