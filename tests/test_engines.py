"""Crawls by data engines in local mode, with the programs of docs/engines.md: each engine, if it is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import re
import sys
import threading
from collections import Counter
from pathlib import Path

import aio_strategies as aio
import psutil
import pytest
from test_crawling_batches import begun_by_host, peak

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

DOCUMENT = Path(__file__).parent.parent / "docs" / "engines.md"
ENGINES = {"Spark": "pyspark", "Ray Data": "ray", "Dask": "distributed"}


def program(engine):
    """The function that the document's section on this engine defines."""
    text = DOCUMENT.read_text(encoding="utf-8")
    fence = re.compile(r"^```python\n(.*?)^```$", re.M | re.S).search(text, text.index(f"\n## {engine}\n"))
    lines = "\n" * text.count("\n", 0, fence.start(1))
    namespace = {"__name__": "__main__"}  # so that workers are sent the functions themselves
    exec(compile(lines + fence[1], str(DOCUMENT), "exec"), namespace)
    return namespace["crawl"]


@pytest.fixture(params=[pytest.param(engine, id=module) for engine, module in ENGINES.items()], scope="module")
def crawl(request):
    """Each engine's program in turn, with two workers."""
    module = ENGINES[request.param]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    session = {"pyspark": spark, "ray": ray, "distributed": dask}[module]
    yield from session(program(request.param))


def spark(crawl):
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

    # two at a time; a task may fail three times, as on a cluster
    builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.sql.shuffle.partitions", "4")
    session = builder.config("spark.driver.memory", "1g").getOrCreate()
    try:
        yield lambda *arguments, **options: crawl(session, *arguments, **options)
    finally:
        session.stop()


def ray(crawl):
    import ray

    ray.init(num_cpus=2, object_store_memory=200 << 20, include_dashboard=False, log_to_driver=False)
    try:
        yield crawl
    finally:
        ray.shutdown()


def dask(crawl):
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        yield crawl


def reachable(site, root):
    """The status of each page that a crawl finds; None if its connection is cut."""
    pages = map(site.page, site.urls(root))
    return {page.url: None if page.cut else page.status for page in pages if page.depth is not None}


def stored(folder, site):
    """The pages of the site that a crawl has stored: the status of each."""
    import pyarrow.dataset

    rows = pyarrow.dataset.dataset(folder, partitioning="hive").to_table(columns=["url", "status"]).to_pylist()
    assert len(rows) == len({row["url"] for row in rows})
    return {row["url"]: row["status"] for row in rows if site.page(row["url"])}


SITE = aio.Site(pages=300, links=25, hosts=6, seed=3, redirects=True, broken=True)


#: A page that is broken is not tried again, so that all requests can be counted.
OPTIONS = {"shards": 4, "max_tasks_per_host": 2, "max_tries": 1}


def test_a_crawl_finds_the_graph(crawl, tmp_path):
    with aio.LabServer(latency=0.02, site=SITE) as lab:
        with Workers(lab) as workers:
            crawl([lab.site_url], str(tmp_path / "pages"), SITE.names, **OPTIONS, resolve=lab.hosts)
        assert stored(tmp_path / "pages", SITE) == reachable(SITE, lab.site_url)
        asked = Counter(record.path for record in lab.log())
        assert set(asked.values()) == {1}
        hosts = begun_by_host(lab)
    assert len(workers.pids) >= 2
    assert len(hosts) == 6
    assert all(peak(spans) <= 2 for spans in hosts.values())


def test_a_worker_killed_in_the_middle_loses_no_page(crawl, tmp_path):
    with aio.LabServer(latency=0.02, site=SITE) as lab:
        with Workers(lab, kill_after=150) as workers:
            crawl([lab.site_url], str(tmp_path / "pages"), SITE.names, **OPTIONS, resolve=lab.hosts)
        assert workers.killed is not None
        assert stored(tmp_path / "pages", SITE) == reachable(SITE, lab.site_url)
        asked = Counter(record.path for record in lab.log())
    assert sum(asked.values()) > len(asked)  # what it had in work was fetched again


class Workers(threading.Thread):
    """Watches which processes have connections to the lab; kills one of them, once the lab has served so many."""

    def __init__(self, lab, kill_after=math.inf):
        super().__init__(daemon=True)
        self.lab = lab
        self.kill_after = kill_after
        self.pids = set()
        self.killed = None
        self._ended = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()

    def run(self):
        while not self._ended.wait(0.005):
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it has just ended
                    self._look_at(process)

    def _look_at(self, process):
        peers = [connection.raddr for connection in process.net_connections("tcp")]
        if any(peer and peer.port == self.lab.port for peer in peers):
            self.pids.add(process.pid)
            if self.killed is None and self.lab.stats().served >= self.kill_after:
                process.kill()
                self.killed = process.pid
