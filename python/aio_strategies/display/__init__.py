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
- ``chart.py``: what a chart is: axes, panels, layers of marks, a legend; ``scale.py``: scales, ticks and units of time;
  ``colours.py``: the colours of all that is shown
- ``batch.py``, ``density.py``: the exchanges of a batch, counted; too many to be drawn one by one, as a map
- ``batch_charts.py``, ``interval_charts.py``: the four charts, each described once
- ``rendering.py``: which way a chart is drawn; ``svg_renderer.py``, ``altair_renderer.py``, ``matplotlib_renderer.py``:
  the three ways, which know marks and no chart
- ``svg.py``: the shapes of an SVG file; ``picture.py``: what a chart is when it is drawn
"""
