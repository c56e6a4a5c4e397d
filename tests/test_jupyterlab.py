"""The quickstart in JupyterLab, in a browser without a network: while it runs, and reopened where it is not trusted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")

from browser import Page, browser, free_port, running, wait_for

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parent.parent
QUICKSTART = PROJECT / "notebooks" / "01_quickstart.ipynb"
SETTINGS = {
    # cells that are not in sight are in the page, too
    "notebook-extension/tracker": {"windowingMode": "none"},
    # nobody is asked for news
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
#: A kernel's first words: what is tested is what is seen, not what was measured.
HURRY = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import quick; quick.hurry(); del sys, quick"
PANEL = f"[...window.jupyterapp.shell.widgets('main')].find(panel => panel.title.label === '{QUICKSTART.name}')"
CELLS = f"[...({PANEL}).content.model.cells].filter(cell => cell.type === 'code')"
#: Of each code cell's output, what is seen: the text; how many rows, titles with an explanation, rules and bars of
#: tables; the pictures' sizes.
OUTPUTS = f"""
    [...({PANEL}).node.querySelectorAll(".jp-CodeCell .jp-Cell-outputWrapper")].map(output => {{
        const seen = selector => [...output.querySelectorAll(selector)].filter(element => element.checkVisibility());
        const style = element => getComputedStyle(element);
        return {{
            text: output.innerText,
            rows: seen("tbody tr").length,
            explained: seen("th").filter(cell => cell.title).length,
            rules: seen("td:first-child").filter(cell => style(cell).borderTopStyle === "solid").length,
            bars: seen("td > div > div").filter(bar => style(bar).backgroundColor !== "rgba(0, 0, 0, 0)").length,
            pictures: seen("img").map(picture => [picture.naturalWidth, picture.naturalHeight]),
        }};
    }})
"""


@contextlib.contextmanager
def jupyterlab(folder: Path, home: Path) -> Iterator[str]:
    """Run JupyterLab as somebody who trusts only what was run from this home, and give the notebook's address."""
    for plugin, settings in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings))
    port = free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
        *("--ServerApp.port_retries=0", "--IdentityProvider.token=secret", f"--ServerApp.root_dir={folder}"),
        *(f"--LabApp.user_settings_dir={home / 'settings'}", f"--LabApp.workspaces_dir={home / 'workspaces'}"),
        *("--LabApp.expose_app_in_browser=True", *(["--allow-root"] if os.geteuid() == 0 else [])),
    ]
    homes = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    homes["IPYTHONDIR"] = str(home / "ipython")
    startup = home / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "hurry.py").write_text(HURRY)
    with running(*command, env=os.environ | homes):
        address = f"http://127.0.0.1:{port}/lab/tree/{QUICKSTART.name}?token=secret"
        wait_for("JupyterLab", lambda: urllib.request.urlopen(address, timeout=5).status == 200)
        yield address


@contextlib.contextmanager
def opened(folder: Path, home: Path) -> Iterator[Page]:
    """Open the notebook of this folder in JupyterLab, and give the page once its kernel is ready."""
    with jupyterlab(folder, home) as address, browser(home) as page:
        page.call("Page.navigate", url=address)
        kernel = f"window.jupyterapp && ({PANEL})?.sessionContext.kernelDisplayStatus"
        wait_for("kernel", lambda: page.evaluate(kernel) == "idle")
        page.evaluate(f"window.jupyterapp.shell.activateById(({PANEL}).id)")
        execute(page, "application:toggle-left-area")
        yield page
        assert page.exceptions == []
        hosts = {urlsplit(url).hostname for url in page.requested if not url.startswith(("about:", "blob:", "data:"))}
        assert hosts == {"127.0.0.1"}


def execute(page: Page, command: str, **arguments: object) -> None:
    """Begin a command of JupyterLab, as from its menu."""
    page.evaluate(f"window.jupyterapp.commands.execute({json.dumps(command)}, {json.dumps(arguments)}); null")


def outputs(page: Page) -> list[dict]:
    """Return what is seen of the outputs, with all pictures loaded."""
    loaded = f"[...({PANEL}).node.querySelectorAll('img')].every(picture => picture.complete)"
    wait_for("pictures", lambda: page.evaluate(loaded))
    return page.evaluate(OUTPUTS)


def keep_screenshot(page: Page, name: str, cell: int) -> None:
    """Keep a picture of what is seen when this code cell is scrolled to."""
    page.evaluate(f"({PANEL}).node.querySelectorAll('.jp-CodeCell')[{cell}].scrollIntoView()")
    page.keep_screenshot(name)


def check_outputs(page: Page) -> list[dict]:
    run, comparison, waterfall, explanation, with_mine = shown = outputs(page)
    assert "rust / thread · 10 responses" in run["text"]
    # the table, and below it, folded, what it costs
    assert "wall, ms [95\xa0%]" in comparison["text"]
    assert len(re.findall(r"rust\s+[\d.,]+ \[[\d.,]+, [\d.,]+\]", comparison["text"])) == 3
    assert (comparison["rows"], comparison["rules"], comparison["bars"]) == (6, 3, 6)
    assert comparison["explained"] == 7  # when pointed at
    assert comparison["pictures"] == []
    [(width, height)] = waterfall["pictures"]
    assert min(width, height) > 500
    assert "one exchange in flight at a time" in explanation["text"]
    assert explanation["rows"] == 6
    assert "mine" in with_mine["text"]
    assert (with_mine["rows"], with_mine["bars"]) == (3, 3)
    return shown


@pytest.mark.timeout(300)
def test_the_quickstart_runs_and_is_reopened_untrusted(tmp_path):
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()
    notebook = nbformat.read(QUICKSTART, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, mine / QUICKSTART.name)

    with opened(mine, tmp_path / "my_home") as page:
        assert page.evaluate(f"({PANEL}).sessionContext.session.kernel.name") == "python3"
        assert [output["text"] for output in outputs(page)] == [""] * 5
        execute(page, "notebook:run-all-cells")
        step = r"([1-9]\d+)/(\d+)\s+\w+"
        progress = wait_for("progress", lambda: re.search(step, page.evaluate(OUTPUTS)[1]["text"]))
        keep_screenshot(page, "quickstart-progress", cell=1)
        assert int(progress[1]) <= int(progress[2])
        ran = f"{CELLS}.every(cell => cell.executionCount && cell.executionState === 'idle')"
        wait_for("end of the notebook", lambda: page.evaluate(ran), seconds=120)
        shown = check_outputs(page)
        # the result stands in the progress's place
        assert not any(re.search(step, output["text"]) for output in shown)
        for name, cell in (("table", 1), ("waterfall", 2), ("explanation", 3), ("mine", 4)):
            keep_screenshot(page, f"quickstart-{name}", cell)
        execute(page, "docmanager:save")
        wait_for("saving", lambda: page.evaluate(f"!({PANEL}).context.model.dirty"))
        execute(page, "application:close")
        wait_for("closing", lambda: page.evaluate(f"!({PANEL})"))

    shutil.copy(mine / QUICKSTART.name, theirs)
    with opened(theirs, tmp_path / "their_home") as page:
        assert page.evaluate(f"{CELLS}.map(cell => cell.trusted)") == [False] * 5
        assert check_outputs(page) == shown
        for name, cell in (("table", 1), ("waterfall", 2)):
            keep_screenshot(page, f"untrusted-{name}", cell)
        execute(page, "apputils:change-theme", theme="JupyterLab Dark")
        dark = "document.body.dataset.jpThemeLight === 'false' && !document.querySelector('#jupyterlab-splash')"
        wait_for("dark theme", lambda: page.evaluate(dark))
        for name, cell in (("table", 1), ("waterfall", 2)):
            keep_screenshot(page, f"untrusted-dark-{name}", cell)
