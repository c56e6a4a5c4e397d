"""The lab: the server that every strategy is timed against, and that sees what happened when.

- ``server.py``: the server, a native program in a process of its own
- ``log.py``: its log of every exchange
- ``redirect.py``: connections to a public host reach the lab instead
- ``hosts.py``: which public hosts a program names, and what it is held to
"""
