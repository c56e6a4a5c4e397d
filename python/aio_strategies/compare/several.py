"""Comparisons of several machines, side by side: their ratios, never their seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..report.tables import Column, Table
from .comparison import Comparison
from .frames import contrasts

if TYPE_CHECKING:
    from ..frame import Frame

__all__ = ["Comparisons"]


class Comparisons(Sequence[Comparison]):
    """Several comparisons: a sequence, and a table of the contrasts that each of them found within its machine.

    Args:
        comparisons: at least one.
        labels: a name for each; None for the model of its processor, with a number where several have the same.

    Raises:
        ValueError: there is no comparison, not as many labels, two labels are the same, or the comparisons were not
            about the same work.

    Attributes:
        labels: the names.
    """

    def __init__(self, comparisons: Sequence[Comparison], labels: Sequence[str] | None = None) -> None:
        self._comparisons = tuple(comparisons)
        if not self._comparisons:
            raise ValueError("there is no comparison to lay side by side")
        for name in ("requests", "concurrency", "latency", "rate"):
            values = {getattr(comparison.settings, name) for comparison in self._comparisons}
            if len(values) > 1:
                raise ValueError(f"these comparisons were not about the same work: {name} is {values}")
        self.labels = _labels(self._comparisons) if labels is None else tuple(labels)
        if len(self.labels) != len(self._comparisons):
            raise ValueError(f"{len(self._comparisons)} comparisons need as many labels, not {len(self.labels)}")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"two labels are the same: {', '.join(self.labels)}")

    @cached_property
    def contrasts(self) -> Frame:
        """The declared contrasts of each comparison, with its label in the column ``machine``."""
        from ..frame import Field, Frame

        frames = [contrasts(comparison) for comparison in self]
        machines = [label for label, frame in zip(self.labels, frames, strict=True) for _ in range(len(frame))]
        heads = frames[0].fields
        return Frame(
            [Field("machine", "text", "label of the comparison"), *heads],
            [machines, *([value for frame in frames for value in frame[head.name]] for head in heads)],
        )

    def to_text(self) -> str:
        """Return a row for each contrast and a column for each comparison, as aligned text."""
        return "\n".join([self._table().to_text(), "", *self._notes()])

    def to_markdown(self) -> str:
        """Return the same in Markdown."""
        return "\n\n".join([self._table().to_markdown(), *self._notes()])

    def _table(self) -> Table:
        found = [{(c.arm, c.base): c.brief() for c in comparison.contrasts} for comparison in self]
        pairs = list(dict.fromkeys(pair for contrasts in found for pair in contrasts))
        columns = (Column("arm"), Column("by"), *(Column(label) for label in self.labels))
        return Table(columns, tuple((*pair, *(contrasts.get(pair, "–") for contrasts in found)) for pair in pairs))

    def _notes(self) -> list[str]:
        return [
            f"warning: {label}: {warning}"
            for label, comparison in zip(self.labels, self, strict=True)
            for warning in comparison.warnings
        ]

    def __getitem__(self, index: Any) -> Any:
        return self._comparisons[index]

    def __len__(self) -> int:
        return len(self._comparisons)

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from ..report.notebook import html_notes, html_table

        return html_table(self._table()) + html_notes(self._notes())


def _labels(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    models = [str(comparison.environment.get("cpu", "machine")) for comparison in comparisons]
    repeated = {model for model, count in Counter(models).items() if count > 1}
    return tuple(f"{model} #{number}" if model in repeated else model for number, model in enumerate(models, 1))
