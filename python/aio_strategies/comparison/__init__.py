"""What the figures mean: a comparison, its contrasts, warnings, explanations, tables and files.

No process is started here, and nothing is read or written but the files that a reader asks for.

- ``settings.py``: what was compared: the arms and the settings
- ``arm_times.py``, ``costs.py``, ``conditions.py``, ``kept_exchanges.py``: what was measured of it
- ``findings.py``: all of that together, and the contrasts between the arms
- ``contrasts.py``: the rule that calls an arm faster, slower or equivalent
- ``caveats.py``: what speaks against the figures; ``explanation.py``: why each arm took as long as it did
- ``typical_runs.py``: which run of an arm stands for the others
- ``tables.py``, ``value_tables.py``, ``views.py``: to be read, computed with and looked at
- ``archive.py``, ``loading.py``: kept in a file, and read back
- ``comparison.py``: what ``compare`` returns: the findings and all these views of them
- ``sweep.py``, ``side_by_side.py``: comparisons over a parameter, and of several machines; ``sequence.py``: what
  both have in common
"""
