"""Display: tables, highlighted sources, timelines as files for viewers, charts, and the progress of a comparison.

Nothing here knows what a table shows, or where the values of a timeline or a chart come from.

- ``text.py``: the displayed width of text
- ``tables.py``: a table, as aligned text or as Markdown
- ``notebook.py``: a table, as HTML that works in an untrusted notebook
- ``code.py``: source code, highlighted and with marked lines, in a terminal or in a notebook
- ``progress.py``: progress, in a terminal or in a notebook
- ``timeline.py``: what happened when in a batch
- ``trace.py``: timelines, as Chrome trace JSON
- ``har.py``: timelines, as an HTTP Archive
- ``marks.py``: what a chart is: axes, panels, layers of marks, a legend; ``scale.py``: scales, ticks and units of time;
  ``colours.py``: all colours
- ``batch.py``: the exchanges of a batch; ``density.py``: a density map of too many to be drawn one by one
- ``batch_charts.py``, ``interval_charts.py``, ``latency_chart.py``: the six charts, each described once
- ``rendering.py``: chooses a renderer; ``svg_renderer.py``, ``altair_renderer.py``, ``matplotlib_renderer.py``:
  the three renderers, which know marks but no particular chart; ``interactive_chart.py``: an altair chart that needs no
  network
- ``svg.py``: the shapes of an SVG file; ``picture.py``: a chart that has been drawn; ``page.py``: a whole page
"""
