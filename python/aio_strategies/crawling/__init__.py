"""Crawling: finding the pages of a site by their links.

- ``crawler.py``: the lecture's crawler
- ``links.py``: the links of a page
- ``page.py``, ``statistics.py``: what comes of it
- ``outputs.py``: what both languages' crawlers make of their pages
- ``record_batches.py``, ``page_files.py``, ``warc_records.py``: Arrow, files, web archives
- ``postponement.py``: lets no Ctrl-C break off what is being written
"""
