"""Measures the README's comparison anew, and puts in its picture (docs/waterfall.svg) and its table."""

from pathlib import Path

import aio_strategies as aio

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- made by docs/make_readme.py: the table -->\n", "<!-- end of the table -->\n"

comparison = aio.compare(["blocking", "thread", "asyncio"])
comparison.waterfall().save(HERE / "waterfall.svg")

paragraphs = comparison.to_markdown().split("\n\n")
table, notes = paragraphs[0], [paragraph for paragraph in paragraphs[1:] if not paragraph.startswith("|")]
machine = comparison.environment
where = f"{machine['cores']} cores, {machine['os']} {str(machine['kernel']).split('-')[0]}, CPython {machine['python']}"
text = README.read_text(encoding="utf-8")
before, after = text.split(BEGIN)[0], text.split(END)[1]
README.write_text(f"{before}{BEGIN}\n{table}\n\n{' · '.join([*notes, where])}\n\n{END}{after}", encoding="utf-8")
