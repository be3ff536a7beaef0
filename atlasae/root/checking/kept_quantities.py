"""Whether the quantities that codecs keep are within their tolerances, in two files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.jets.table import to_table
from atlasae.root.checking.column_comparison import read_both
from atlasae.root.checking.findings import DIFFERS, EXACT, WITHIN, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlasae.jets.table import Table
    from atlasae.quantization.quantities import Quantity
    from atlasae.root.container.manifest import Part
    from atlasae.root.container.restored_tree import RestoredTree
    from atlasae.root.io.tree import TreeReader


@dataclass
class _Comparison:
    """The errors of a quantity so far.

    Attributes:
        error: the largest, in units of the tolerance.
        first_bad: the first entry in which it is larger than that; None if there is none.
    """

    error: float = 0.0
    first_bad: int | None = None

    def add(self, first: int, before: Table, after: Table, quantity: Quantity) -> None:
        """Compare the next entries, from ``first`` on."""
        errors, of_events = quantity.errors(before, after)
        self.error = max(self.error, float(errors.max(initial=0.0)))
        broken = np.flatnonzero(errors > 1)
        if len(broken) and self.first_bad is None:
            ends = (
                np.arange(1, len(before) + 1) if before.counts is None else before.counts.cumsum()
            )
            in_entry = broken[0] if of_events else np.searchsorted(ends, broken[0], "right")
            self.first_bad = first + int(in_entry)

    def finding(self, path: str, name: str) -> Finding:
        if self.first_bad is not None:
            note = f"first in entry {self.first_bad}"
            return Finding(path, name, DIFFERS, note, self.error)
        return Finding(path, name, WITHIN if self.error else EXACT, error=self.error)


def kept_findings(
    old: TreeReader, new: RestoredTree, names: Mapping[str, str], step: int
) -> Iterator[Finding]:
    """What became of the quantities that the codecs of a tree keep.

    Args:
        old: the original tree.
        new: the compressed one.
        names: those of the branches in either.
        step: number of entries to read at a time.
    """
    comparisons: dict[str, _Comparison] = {}
    for segment in new.segments:
        for part in segment.manifest.parts:
            quantities = new.container.codec(part).quantities_ if part.codec else ()
            wanted = {name: names[name] for name in part.features.values() if name in names}
            if not quantities or len(wanted) < len(part.features):
                continue
            for first, *arrays in read_both(old, new, wanted, step, segment.start, segment.stop):
                before, after = (_table(part, chunk) for chunk in arrays)
                for quantity in quantities:
                    name = f"{quantity} of {part.name or 'jets'}"
                    comparison = comparisons.setdefault(name, _Comparison())
                    comparison.add(first, before, after, quantity)
    for name, comparison in comparisons.items():
        yield comparison.finding(old.path, name)


def _table(part: Part, arrays: Mapping[str, object]) -> Table:
    return to_table({feature: arrays[branch] for feature, branch in part.features.items()})
