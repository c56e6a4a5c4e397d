"""The notebooks run from top to bottom in a real kernel."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
OVERVIEW = Path(__file__).parent.parent / "notebooks" / "02_async_overview.ipynb"

# said by the kernel's own libraries, not by us
pytestmark = pytest.mark.filterwarnings("ignore:Proactor", "ignore::DeprecationWarning", "ignore::ResourceWarning")


def outputs(notebook: nbformat.NotebookNode, cell_source: str) -> str:
    """Everything that the cells with this text in them showed."""
    return "\n".join(
        str(output.get("data", output.get("text", "")))
        for cell in notebook.cells
        if cell.cell_type == "code" and cell_source in cell.source
        for output in cell.outputs
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()  # raises for a cell that raises
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
        shown_source = re.sub(r"<[^>]*>", "", outputs(notebook, f'source("{key}")'))
        assert f"def {key}_way(" in shown_source
        for language in ("python", "rust"):
            assert "10 responses" in outputs(notebook, f"aio.{language}.{key}_way(urls)")
    table = outputs(notebook, 'to_markdown(lang="zh")')
    assert re.search(r"\| asyncio +\| +0\.\d+ \| +0\.\d+ \| +– \|", table)
    assert "tr" in outputs(notebook, "comparison = aio.compare(")
