"""The lecture's assignment as students do it: its seven programs as cells of one notebook, beside both languages.

Runs the notebook in a real kernel with the magic's own budgets; prints the seconds and the verdicts, and writes
results/seven_cells.json. With a path as argument, the notebook is kept there.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from save import save

PROGRAMS = Path(__file__).parents[1] / "tests" / "lecture_programs"
CELLS = {
    "blocking": "blocking",
    "process": "process_pool",
    "thread": "thread_pool",
    "nonblocking": "non_blocking",
    "callback": "callbacks",
    "generator": "generators",
    "yield_from": "yield_from",
}
CONTRASTS = """
import json
print(json.dumps([[c.arm, c.base, c.verdict, c.ratio, c.low, c.high, c.rounds] for c in comparison.contrasts]))
"""


def main() -> None:
    notebook = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell
    notebook.cells.append(cell("%load_ext aio_strategies"))
    for name, program in CELLS.items():
        source = (PROGRAMS / f"{program}.py").read_text(encoding="utf-8")
        notebook.cells.append(cell(f"%%aiobench {name}\n{source}"))
    notebook.cells += [cell("comparison = %aiobench -o"), cell(CONTRASTS)]
    began = time.monotonic()
    NotebookClient(notebook, timeout=300).execute()
    seconds = time.monotonic() - began
    if sys.argv[1:]:
        nbformat.write(notebook, sys.argv[1])
    contrasts = json.loads(notebook.cells[-1].outputs[0].text)
    pairs = {}
    for arm, base, verdict, ratio, low, high, rounds in contrasts:
        print(f"{arm:18} {base:20} {verdict:14} {ratio:.3f} [{low:.3f}, {high:.3f}] {rounds} rounds")
        if arm.partition("/")[2] == base.partition("/")[2] or arm in CELLS:
            pairs[f"{arm} to {base}"] = {"verdict": verdict, "ratio": ratio, "interval": [low, high], "rounds": rounds}
    print(f"{seconds:.0f} s in all")
    save(Path(__file__), {"seconds": seconds, "contrasts": pairs})


if __name__ == "__main__":
    main()
