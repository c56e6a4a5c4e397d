"""Showing: tables, sources in colours, timelines as files for viewers, pictures, and how far a comparison is.

Nothing here knows what a table shows, or where a timeline or a picture's values come from.

- ``text.py``: text as wide as it looks
- ``tables.py``: a table, as aligned text or as Markdown
- ``notebook.py``: a table, as HTML that an untrusted notebook keeps
- ``code.py``: sources, highlighted and with marked lines, in a terminal or in a notebook
- ``progress.py``: how far it is, in a terminal or in a notebook
- ``timeline.py``: what happened when in a batch
- ``trace.py``: timelines, as Chrome trace JSON
- ``har.py``: timelines, as an HTTP Archive
- ``charts.py``: the charts; ``density.py``: the map of more exchanges than can be drawn one by one; ``axis.py``: their
  scales; ``svg.py``: their shapes; ``colours.py``: their colours
- ``interactive.py``, ``axes.py``: the charts by altair and on matplotlib's axes; ``choosing.py``: which of them
- ``picture.py``: what a chart is when it is drawn
"""
