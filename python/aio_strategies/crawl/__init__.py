"""Crawling: finding the pages of a site by their links."""
