"""The lab: the server that every strategy is timed against, and that logs what happened when.

- ``server.py``: the server, a native program in its own process
- ``fault.py``: what it does wrong on purpose
- ``site.py``: a site that it serves to crawlers, and the truth about it
- ``log.py``: its log of every exchange
- ``redirect.py``: redirects connections from a public host to the lab
- ``hosts.py``: which public hosts a program names, and which limits it has
"""
