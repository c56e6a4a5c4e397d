"""Programs to be timed. Apart from the tests, as each worker that runs one imports this file."""

from urllib.request import urlopen

import aio_strategies as aio


def contents(urls):
    return [urlopen(url).read() for url in urls]


def contents_at_once(urls):
    """Fetch all URLs at the same time."""
    aio.rust.callback_way(urls, concurrency=len(urls))
