"""The notebooks run from top to bottom in a real kernel."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from aio_strategies.comparison.sweep import Scaling
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from quick import quicken, show_all
from test_comparison import around, made

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
OVERVIEW = Path(__file__).parent.parent / "notebooks" / "02_async_overview.ipynb"
WHY = Path(__file__).parent.parent / "notebooks" / "04_why_it_differs.ipynb"

HURRY = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import quick; quick.hurry()"

# said by the kernel's own libraries, not by us
said_by_the_kernel = pytest.mark.filterwarnings(
    "ignore:Proactor", "ignore::DeprecationWarning", "ignore::ResourceWarning"
)
pytestmark = [said_by_the_kernel, pytest.mark.slow]


def outputs(notebook: nbformat.NotebookNode, cell_source: str) -> str:
    """Everything that the cells with this text in them showed."""
    return "\n".join(
        str(output.get("data", output.get("text", "")))
        for cell in notebook.cells
        if cell.cell_type == "code" and cell_source in cell.source
        for output in cell.outputs
    )


async def execute(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Run a notebook from top to bottom; a cell that raises raises here."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.insert(0, nbformat.v4.new_code_cell(HURRY))
    resources = {"metadata": {"path": str(folder)}}
    return await NotebookClient(notebook, timeout=240, kernel_name="python3", resources=resources).async_execute()


@pytest.mark.timeout(600)
def test_all_run_from_top_to_bottom(tmp_path_factory):
    """All at the same time: what is tested is that they run, not what they measure."""

    async def execute_all():
        runs = (execute(path, tmp_path_factory.mktemp(path.stem)) for path in NOTEBOOKS)
        return await asyncio.gather(*runs, return_exceptions=True)

    for path, notebook in zip(NOTEBOOKS, asyncio.run(execute_all()), strict=True):
        if isinstance(notebook, BaseException):
            notebook.add_note(f"in {path.name}")
            raise notebook
        for cell in notebook.cells:
            if cell.cell_type == "code":
                assert not [o for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"], cell.source
        if path == OVERVIEW:
            check_overview(notebook)


def test_the_saved_overview_has_its_outputs():
    check_overview(nbformat.read(OVERVIEW, as_version=4))


def check_overview(notebook: nbformat.NotebookNode) -> None:
    headings = re.findall(
        r"^#+ (2\.[\d.]+)", "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown"), re.M
    )
    sections = ["2.2.1", "2.2.2", "2.2.3", "2.2.4", "2.2.5", "2.3.2.1", "2.3.2.2", "2.3.4"]
    assert [heading for heading in headings if heading in sections] == sections
    assert headings == sorted(headings)
    for key in ("blocking", "process", "thread", "nonblocking", "callback", "generator", "yield_from", "asyncio"):
        shown_source = re.sub(r"<[^>]*>", "", outputs(notebook, f'aio.source("{key}")'))
        assert f"def {key}_way(" in shown_source
        assert f"fn {key}_way(" in shown_source
        for language in ("python", "rust"):
            assert "10 responses" in outputs(notebook, f"aio.{language}.{key}_way(urls)")
    table = outputs(notebook, 'to_markdown(lang="zh")')
    assert re.search(r"\| asyncio +\| +≈?0\.\d+ \| +≈?0\.\d+ \| [^|]*\d 倍速[^|]*\| +– \|", table)
    assert "tr" in outputs(notebook, "comparison = aio.compare(")
    assert outputs(notebook, "python.waterfall()").count("<img ") == 8
    assert "<img " in outputs(notebook, "comparison.plot()")
    assert "同时在途" in outputs(notebook, "comparison.explain(")


def test_costs_that_cannot_be_measured_are_dashes(monkeypatch, tmp_path, capsys):
    """A machine without strace has no system calls to tell; one round of everything is enough to see it."""
    quicken(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    namespace = {"__name__": "__main__"}
    for number, cell in enumerate(nbformat.read(WHY, as_version=4).cells):
        if cell.cell_type == "code":
            show_all(cell.source, namespace, f"{WHY}, cell {number}")
    costs = [line for line in capsys.readouterr().out.splitlines() if "switches per request" in line]
    assert [line.split()[0] for line in costs] == [arm.name for arm in namespace["c"].arms]
    assert all("– system calls" in line for line in costs)


def test_little_s_law_is_checked_by_measured_times_only():
    walls = {"python/thread": around(0.01), "rust/thread": around(0.01)}
    few, many = made(walls), made(walls, requests=1000, concurrency=1000, timed={"rust/thread": 500})
    (source,) = [cell.source for cell in nbformat.read(WHY, as_version=4).cells if "/ arm.median_wall" in cell.source]
    *statements, last = source.splitlines()
    namespace = {"s": Scaling("requests", [10, 1000], [few, many])}
    exec("\n".join([*statements, f"found = {last}"]), namespace)
    assert namespace["found"] == {
        "python/thread": "100,000/s (1,000 requests)",
        "rust/thread": "1,000/s (10 requests)",
    }


@pytest.mark.alone
@pytest.mark.parametrize(("call", "status"), [("aio.compare", "ok"), ("await aio.acompare", "error")])
def test_interrupting_the_kernel_ends_a_comparison_and_keeps_it(call, status):
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        kernel = psutil.Process(manager.provisioner.pid)
        interrupted_at = 0.0
        printed = ""

        def watch(message):
            nonlocal interrupted_at, printed
            printed += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
            if not interrupted_at and "round 3" in printed:
                interrupted_at = time.monotonic()
                manager.interrupt_kernel()

        settings = "latency=0.1, rounds=500, progress=lambda done, total, label: print(label)"
        code = f"import aio_strategies as aio\nc = {call}(['thread'], {settings})"
        reply = client.execute_interactive(code, output_hook=watch, timeout=60)
        seconds = time.monotonic() - interrupted_at
        assert interrupted_at
        assert seconds < 1.5  # 1 s, and what the kernel takes to pass it on
        # compare() returns it; a cancelled coroutine cannot return anything
        assert reply["content"]["status"] == status
        assert not [child for child in kernel.children(recursive=True) if "worker" in " ".join(child.cmdline())]

        printed = ""
        check = "last = aio.last_comparison(); print(last.ended, last.rounds)"
        client.execute_interactive(check, output_hook=watch, timeout=60)
        assert printed in ("interrupted 2\n", "interrupted 3\n")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
