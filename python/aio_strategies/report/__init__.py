"""Showing: tables, sources in colours, timelines as files for viewers, and how far a comparison is.

Nothing here knows what a table shows, or where a timeline comes from.

- ``text.py``: text as wide as it looks
- ``tables.py``: a table, as aligned text or as Markdown
- ``notebook.py``: a table, as HTML that an untrusted notebook keeps
- ``code.py``: sources, highlighted and with marked lines, in a terminal or in a notebook
- ``progress.py``: how far it is, in a terminal or in a notebook
- ``timeline.py``: what happened when in a batch
- ``trace.py``: timelines, as Chrome trace JSON
- ``har.py``: timelines, as an HTTP Archive
"""
