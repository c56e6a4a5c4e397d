"""Showing: text, Markdown and HTML tables, and how far a comparison is. Nothing here knows what it shows.

- ``text.py``: text as wide as it looks
- ``tables.py``: a table, as aligned text or as Markdown
- ``notebook.py``: a table, as HTML that an untrusted notebook keeps
- ``progress.py``: how far it is, in a terminal or in a notebook
"""
