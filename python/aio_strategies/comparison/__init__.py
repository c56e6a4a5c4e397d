"""What the figures mean: a comparison, its contrasts, warnings, explanations, tables and files.

This package starts no process, and reads and writes only the files that the caller names.

- ``settings.py``: what was compared: the arms and the settings
- ``arm_times.py``, ``costs.py``, ``conditions.py``, ``kept_exchanges.py``: what was measured of it
- ``findings.py``: all of that together, and the contrasts between the arms
- ``verdicts.py``: the rule that calls an arm faster, slower or equivalent
- ``warnings.py``: warnings about the figures; ``explanation.py``: why each arm took as long as it did
- ``typical_runs.py``: which run represents an arm
- ``tables.py``: tables to read; ``value_tables.py``: tables to compute with; ``views.py``: charts; ``report.py``: a
  page with all of that
- ``archive.py``, ``loading.py``: saves a comparison to a file, and loads it
- ``comparison.py``: what ``compare`` returns: the findings and all these views of them
- ``sweep.py``, ``side_by_side.py``: comparisons over a parameter, and of several machines
- ``difference.py``: a comparison before and one after a change; ``rank_sum.py``: its estimators
- ``sequence.py``: what these three share
"""
