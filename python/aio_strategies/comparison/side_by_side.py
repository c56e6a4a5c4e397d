"""Comparisons from several machines, side by side: only their ratios, never their seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..display.tables import Column, Table
from .findings import Findings
from .sequence import ARM, ComparisonSequence, stacked
from .settings import WORK
from .value_tables import contrasts

if TYPE_CHECKING:
    from ..frame import Frame

__all__ = ["Comparisons"]


class Comparisons(ComparisonSequence):
    """Several comparisons: a sequence, displayed as a table of the contrasts that each found on its own machine, with a
    row for each contrast and a column for each comparison.

    Args:
        comparisons: at least one.
        labels: a name for each; None for its CPU model, with a number if several have the same.

    Raises:
        ValueError: there are no comparisons, the number of labels differs, two labels are the same, or the comparisons
            were not about the same work.

    Attributes:
        labels: the names.
    """

    def __init__(self, comparisons: Sequence[Findings], labels: Sequence[str] | None = None) -> None:
        super().__init__(comparisons)
        if not self:
            raise ValueError("comparisons is empty; at least one comparison is needed")
        for name in WORK:
            if name == "urls":  # each machine may have a server of its own
                continue
            values = {getattr(comparison.settings, name) for comparison in self}
            if len(values) > 1:
                raise ValueError(f"these comparisons were not about the same work: {name} is {values}")
        self.labels = _labels(self) if labels is None else tuple(labels)
        if len(self.labels) != len(self):
            raise ValueError(f"{len(self)} comparisons need as many labels, not {len(self.labels)}")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"two labels are the same: {', '.join(self.labels)}")

    @cached_property
    def contrasts(self) -> Frame:
        """The declared contrasts of all comparisons; the column ``machine`` has the labels."""
        from ..frame import Field

        first = Field("machine", "text", "label of the comparison")
        return stacked(first, self.labels, [contrasts(comparison) for comparison in self])

    def _table(self) -> Table:
        found = [{(c.arm, c.base): c.brief() for c in comparison.contrasts} for comparison in self]
        pairs = list(dict.fromkeys(pair for contrasts in found for pair in contrasts))
        ratio = "how many times as fast as what it is compared with, in the comparison {} [95 % confidence interval]"
        columns = (
            ARM,
            Column("by", about="what it is compared with"),
            *(Column(label, about=ratio.format(label), short=label, shorten=1) for label in self.labels),
        )
        return Table(columns, tuple((*pair, *(contrasts.get(pair, "–") for contrasts in found)) for pair in pairs))

    def _names(self) -> tuple[str, ...]:
        return self.labels

    def _notes(self) -> list[str]:
        alone = [
            f"{label}: only {' and '.join(arm.name for arm in comparison.arms)} was timed, so there is no ratio to show"
            for label, comparison in zip(self.labels, self, strict=True)
            if not comparison.contrasts
        ]
        if alone:
            alone.append(
                "the times of different comparisons are not comparable: in each, also time an arm that is the same in"
                " all, such as python/blocking"
            )
        return alone + super()._notes()


def _labels(comparisons: Sequence[Findings]) -> tuple[str, ...]:
    models = [str(comparison.environment.get("cpu", "machine")) for comparison in comparisons]
    repeated = {model for model, count in Counter(models).items() if count > 1}
    return tuple(f"{model} #{number}" if model in repeated else model for number, model in enumerate(models, 1))
