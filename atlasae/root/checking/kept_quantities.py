"""Whether the quantities that codecs keep are within their tolerances, in two files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.jets.table import to_table
from atlasae.root.checking.findings import DIFFERS, EXACT, WITHIN, Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from atlasae.jets.table import Table
    from atlasae.quantization.quantities import Quantity
    from atlasae.root.container.manifest import Part
    from atlasae.root.container.restored_tree import RestoredTree
    from atlasae.root.io.branch import Arrays


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


class KeptQuantities:
    """Compares the quantities that the codecs of a tree keep.

    Args:
        tree: a compressed tree.
        names: of the branches that are compared.
    """

    def __init__(self, tree: RestoredTree, names: Collection[str]) -> None:
        self._path = tree.path
        self._parts = [
            (segment, part, quantities)
            for segment in tree.segments
            for part in segment.manifest.parts
            if part.codec and {*part.features.values()} <= {*names}
            if (quantities := tree.container.codec(part).quantities_)
        ]
        self._comparisons: dict[str, _Comparison] = {}

    def add(self, first: int, before: Arrays, after: Arrays) -> None:
        """Compare the next entries of one segment, from ``first`` on."""
        for segment, part, quantities in self._parts:
            if not segment.start <= first < segment.stop:
                continue
            old, new = (jets_of(part, arrays) for arrays in (before, after))
            for quantity in quantities:
                name = f"{quantity} of {part.name or 'jets'}"
                comparison = self._comparisons.setdefault(name, _Comparison())
                comparison.add(first, old, new, quantity)

    def findings(self) -> Iterator[Finding]:
        """What became of each of them."""
        for name, comparison in self._comparisons.items():
            yield comparison.finding(self._path, name)


def jets_of(part: Part, arrays: Arrays) -> Table:
    """The jets of a part, whose branches are among some arrays."""
    return to_table({feature: arrays[branch] for feature, branch in part.features.items()})
