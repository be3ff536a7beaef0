"""Conditional distributions of integers, the same on every machine.

Questions about integers that are known by now lead to a leaf of a tree. The leaf has a table of
bins. An integer is coded as its bin, by that table, and its offset in the bin, as plain bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from atlasae.density.trees import Tree, cut_row
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.bins import Bins
    from atlasae.density.leaf_tables import LeafTables
    from atlasae.types import Classes, Floats, Integers32


class Inputs(Protocol):
    """Integers that are known before the values of a feature are: one row for each input."""

    def __len__(self) -> int:
        """Number of inputs."""

    def row(self, index: int) -> Integers32:
        """One of the inputs, shape (n,), int32."""


class Coin:
    """The distribution of a sign, 0 or 1, of which nothing is known: a plain bit."""

    @staticmethod
    def code(
        coder: EntropyCoder,
        values: Integers32 | None,
        count: int,
        inputs: Inputs,  # noqa: ARG004
    ) -> Integers32:
        """Code signs; as for ``Conditional``."""
        return coder.uniform(1, count, values)

    @staticmethod
    def code_lengths(values: Integers32, inputs: Inputs) -> Floats:  # noqa: ARG004
        """One bit for each sign, shape (n,)."""
        return np.ones(len(values))


@dataclass(frozen=True)
class Conditional:
    """The distribution of an integer, given inputs.

    Attributes:
        bins: ranges of integers.
        tree: of questions about the inputs.
        leaves: probabilities of the bins at each leaf.
    """

    bins: Bins
    tree: Tree
    leaves: LeafTables

    def __post_init__(self) -> None:
        shape = (self.tree.leaf_count, len(self.bins))
        if self.leaves.differences.shape != shape:
            raise DamagedFileError("the stored density is damaged: a leaf has no table")

    def code(
        self, coder: EntropyCoder, values: Integers32 | None, count: int, inputs: Inputs
    ) -> Integers32:
        """Code integers.

        Args:
            coder: encoder or decoder.
            values: the integers, shape (count,); None to decode them.
            count: number of integers.
            inputs: what is known of them.
        """
        known = None if values is None else self.bins.find(values)
        found = coder.symbols(self.leaves.tables, self.find_leaves(count, inputs), known)
        return coder.bits(found, self.bins.kinds, values)

    def find_leaves(self, count: int, inputs: Inputs) -> Classes:
        """The leaf of each integer."""
        cells = np.empty((len(self.tree.cuts), count), np.uint8)
        for row, cut in zip(cells, self.tree.cuts, strict=True):
            cut_row(inputs.row(cut.input), cut.start, cut.shift, row)
        return self.tree.find(cells)

    def code_lengths(self, values: Integers32, inputs: Inputs) -> Floats:
        """What coding each integer should take, in bits, shape (n,): -log2 of its probability."""
        bins, leaves = self.bins.find(values), self.find_leaves(len(values), inputs)
        lengths: Floats = -np.log2(self.leaves.tables.shares())[leaves, bins]
        lengths += self.bins.kinds.widths[bins]
        return lengths

    def shares(self, inputs: Inputs) -> Floats:
        """Probabilities of the bins for a single column of inputs; they sum to one, exactly."""
        shares: Floats = self.leaves.tables.shares()[self.find_leaves(1, inputs)[0]]
        return shares

    def without_questions(self) -> Conditional:
        """The distribution that knows nothing of the inputs."""
        return self._plain if self.tree.cuts else self

    @cached_property
    def _plain(self) -> Conditional:  # its tables are made once, not for each block
        return Conditional(self.bins, Tree.single(), self.leaves.mean())
