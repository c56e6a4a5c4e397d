"""A comparison as a report: one page with everything that a reader needs to judge the figures and to cite them."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace

from ..display.notebook import html_notes, html_table, html_warnings
from ..display.page import html_page
from ..display.picture import Picture
from ..display.tables import Column, Table
from . import views
from .explanation import explain
from .findings import Findings
from .tables import cost_notes, notes, tables
from .verdicts import Contrast, figure
from .warnings import caveats

__all__ = ["to_html_page"]

_HOW = (
    "Each arm had a process of its own, and all took turns: in a round, every arm ran once, in random order, with both"
    " languages of a strategy next to each other. Before the timing, all arms had to return the same pages.",
    "A time is the median of its runs, with the binomial 95 % interval. A ratio is the Hodges–Lehmann estimate of the"
    " ratios within the rounds, with the 95 % interval that inverts Wilcoxon's signed-rank test. <i>Faster</i> and"
    " <i>slower</i> mean by more than 3 %, at 95 % for all ratios together (Holm); <i>equivalent</i> means that the"
    " interval lies within ±5 %. Nothing was dropped as an outlier.",
    "System calls, memory and threads were counted in a separate pass. Timelines and exchanges per second are those of"
    " the run whose wall time is nearest to the arm's median. Latencies are of all exchanges that were kept.",
    "Milliseconds belong to this machine. Only ratios may be compared with those of another.",
)

_UNITS = {
    **dict.fromkeys(("latency", "jitter", "timeout", "budget"), ", s"),
    **{"rate": ", requests/s", "body_size": ", bytes", "bandwidth": ", bytes/s"},
}


def to_html_page(comparison: Findings) -> str:
    """Return the report as a page of HTML that loads nothing: tables, pictures, explanations, costs, settings, the
    machine, how it was measured and how to cite it.
    """
    arms, requests = len(comparison.arms), comparison.settings.requests
    verb = "fetch" if comparison.settings.site is None else "crawl"
    title = f"{_count(arms, 'way')} to {verb} {_count(requests, 'page')}, compared"
    return html_page(title, "\n".join(_parts(comparison, title)))


def _parts(findings: Findings, title: str) -> Iterator[str]:
    environment = findings.environment
    date = str(environment.get("date", "date unknown")).replace("T", " ").replace("+00:00", " UTC")
    when = f"aio_strategies {environment.get('package', '?')}, {date}"
    yield f"<h1>{html.escape(title)}</h1>"
    yield f'<p class="faint">{html.escape(views.conditions(findings))}<br>{html.escape(when)}</p>'
    warnings = [str(warning) for warning in caveats(findings)]
    yield html_warnings(warnings) or '<p class="faint">No warnings.</p>'

    times, *costs = tables(findings, "en")
    yield _heading("Times")
    yield html_table(_wrapping(times))
    yield html_notes([note for note in notes(findings, "en") if not note.startswith("warning: ")])
    yield _heading("Pictures")
    yield f'<div class="pictures">{"".join(map(_figure, _pictures(findings)))}</div>'
    yield _heading("Why each took its time")
    yield explain(findings)._repr_html_()
    if costs:
        yield _heading("Costs and latencies")
        yield from map(html_table, costs)
        yield html_notes(cost_notes(findings))

    yield _heading("How it was measured")
    yield from (f"<p>{paragraph}</p>" for paragraph in _HOW)
    yield _heading("How to cite it")
    yield f"<blockquote>{html.escape(_citation(findings, warnings))}</blockquote>"
    yield "<p>Publish the file that <code>comparison.save(…)</code> writes as JSON with it: it holds every run.</p>"
    yield _heading("Settings")
    given = {field.name: getattr(findings.settings, field.name) for field in fields(findings.settings)}
    settings = {f"{name}{_UNITS.get(name, '')}": value for name, value in given.items()}
    yield _facts({**settings, "seed": findings.seed, "rounds timed": findings.rounds})
    yield _heading("Machine and builds")
    yield _facts(environment)


def _wrapping(table: Table) -> Table:
    """Return the table with its verdicts wrapped where the page is narrow."""
    columns = [replace(column, wraps=place > 1 and not column.right) for place, column in enumerate(table.columns)]
    return replace(table, columns=tuple(columns))


def _pictures(findings: Findings) -> Iterator[Picture]:
    yield views.wall_times(findings)
    if len(findings.kept_exchanges):
        for draw in (views.latencies, views.throughput, views.in_flight, views.waterfall):
            yield draw(findings)


def _figure(picture: Picture) -> str:
    return f"<figure>{picture.svg}</figure>"


def _heading(text: str) -> str:
    return f"<h2>{text}</h2>"


def _facts(values: Mapping[str, object]) -> str:
    """Return names and their values as a table; what is None or empty is left out."""
    rows = [(name, _text(value)) for name, value in values.items() if value is not None and value != ()]
    return html_table(Table((Column("name"), Column("value", wraps=True)), tuple(rows)))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        # there may be thousands of URLs
        return ", ".join(map(str, value[:20])) + (f", … ({len(value):,} in all)" if len(value) > 20 else "")
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- how to cite it


def _citation(findings: Findings, warnings: Iterable[str]) -> str:
    """Return a sentence about the first ratio, with everything that a citation needs."""
    environment, check = findings.environment, findings.aa_check
    told = [*map(_contrast, findings.contrasts[:1])]
    told += [
        f"aio_strategies {environment.get('package', '?')} ({environment.get('build_profile', '?')} build)",
        f"{environment.get('implementation', 'Python')} {environment.get('python', '?')}",
        f"{environment.get('os', '?')} {environment.get('kernel', '?')}",
        f"{environment.get('cpu', '?')}, {_count(int(environment.get('cores', 1)), 'core')}",
        f"seed {findings.seed}",
        f"warnings: {'; '.join(warnings) or 'none'}",
    ]
    if check is not None and check.low > 0:
        told.append(f"A/A check {check.ratio:.3f} [{check.low:.3f}, {check.high:.3f}]")
    return f"{views.conditions(findings)}: {'; '.join(told)}."


def _contrast(contrast: Contrast) -> str:
    told = contrast.inverse() if contrast.verdict == "slower" else contrast
    if told.verdict == "incomparable":
        return (
            f"there is no verdict on {told.arm} against {told.base}, as one of them did not keep to the rules, or its"
            f" times are projected (a ratio of about {figure(told.ratio)})"
        )
    ratio = {
        "faster": f"{told.arm} was {figure(told.ratio)} times as fast as {told.base}",
        "equivalent": f"{told.arm} and {told.base} were equivalent, with a ratio of {figure(told.ratio)}",
    }.get(told.verdict, f"{told.arm} against {told.base} was undecided, with a ratio of {figure(told.ratio)}")
    interval = f" (95 % interval {figure(told.low)} to {figure(told.high)})" if math.isfinite(told.high) else ""
    return f"{ratio}{interval}; {_count(told.rounds, 'round')}, Hodges–Lehmann estimate of the paired log-ratios"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
