"""Trees of questions: yes or no, whether a known integer is above a threshold, to a leaf."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.compiled import accelerated
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from atlasae.types import Classes, Integers, Integers32

MOST_LEAVES = 128  # so that nodes and leaves count in a byte
LEAF = -1
CELLS = 256  # that an input is cut into


@dataclass(frozen=True)
class Cut:
    """How an input is cut into cells: 2^shift integers each, the outer ones without an end.

    Attributes:
        input: its index among all inputs of the feature.
        start: the lowest integer of cell 0, but for all below.
        shift: log2 of the integers in a cell.
    """

    input: int
    start: int
    shift: int

    def cells(self, row: Integers32) -> Classes:
        """The cell of each integer, shape (n,), uint8.

        Example:
            >>> import numpy as np
            >>> Cut(0, 10, 2).cells(np.array([-9, 13, 14, 5000], np.int32))
            array([  0,   0,   1, 255], dtype=uint8)
        """
        cells = np.empty(len(row), np.uint8)
        cut_row(row, self.start, self.shift, cells)
        return cells


@accelerated("atlasae.density.kernels")
def cut_row(row: Integers32, start: int, shift: int, cells: Classes) -> None:
    """Fill in the cell of each integer of a row; see ``Cut``."""
    from_start = (row.astype(np.int64) - start) >> shift
    cells[:] = np.clip(from_start, 0, CELLS - 1)


@dataclass(frozen=True)
class Tree:
    """A tree whose nodes stand before those below them, those of "no" before those of "yes".

    Leaves are numbered in that order.

    Attributes:
        cuts: of the inputs that are asked about.
        inputs: index in ``cuts`` of the input that each node asks about, ``LEAF`` where it asks
            nothing, shape (nodes,), int64.
        thresholds: the cell of each node, uint8: yes is above.

    Example:
        >>> tree = Tree((Cut(4, 0, 0),), np.array([0, LEAF, LEAF]), np.array([10, 0, 0], np.uint8))
        >>> tree.leaf_count
        2
        >>> tree.find(np.array([[10, 11]], np.uint8))
        array([0, 1], dtype=uint8)
    """

    cuts: tuple[Cut, ...]
    inputs: Integers
    thresholds: Classes

    @classmethod
    def single(cls) -> Tree:
        """The tree without a question."""
        return cls((), np.full(1, LEAF), np.zeros(1, np.uint8))

    @cached_property
    def leaf_count(self) -> int:
        """Number of leaves."""
        return int(np.count_nonzero(self.inputs == LEAF))

    def find(self, cells: Classes) -> Classes:
        """The leaf of each column, given the cells of the inputs, shape (cuts, n), uint8."""
        found = np.zeros(cells.shape[1], np.uint8)
        asking, inputs, thresholds, no, yes, leaves = self.links
        find_leaves(cells, asking, inputs, thresholds, no, yes, leaves, found)
        return found

    @cached_property
    def links(self) -> tuple[Classes, Classes, Classes, Classes, Classes, Classes]:
        """The arguments of ``find_leaves`` that say how the nodes are linked.

        Raises:
            DamagedFileError: the nodes are not those of a tree.
        """
        no, yes = np.zeros(len(self.inputs), np.uint8), np.zeros(len(self.inputs), np.uint8)
        waiting: list[tuple[Classes, int]] = [(np.zeros(1, np.uint8), 0)]
        for node, index in enumerate(self.inputs.tolist()):
            if not waiting or node >= 2 * MOST_LEAVES or index >= len(self.cuts):
                raise DamagedFileError("the stored density is damaged: its questions are no tree")
            target, parent = waiting.pop()
            target[parent] = node
            if index != LEAF:
                waiting += [(yes, node), (no, node)]
        if waiting:
            raise DamagedFileError("the stored density is damaged: its questions are no tree")
        is_leaf = self.inputs == LEAF
        leaves = np.cumsum(is_leaf).astype(np.uint8) - is_leaf.astype(np.uint8)
        asking = np.flatnonzero(~is_leaf).astype(np.uint8)
        return asking, self.inputs.astype(np.uint8), self.thresholds, no, yes, leaves


@accelerated("atlasae.density.kernels")
def find_leaves(
    cells: Classes,
    asking: Classes,
    inputs: Classes,
    thresholds: Classes,
    no: Classes,
    yes: Classes,
    leaves: Classes,
    found: Classes,
) -> None:
    """Find the leaf of each column.

    Every question is put to every column, and moves those that stand at its node: without a branch,
    a processor treats many columns at once.

    Args:
        cells: of the inputs, shape (inputs, n).
        asking: the nodes that ask, each before those below it.
        inputs: the input of each node.
        thresholds: of each node.
        no: the node that this answer leads to.
        yes: the node that this answer leads to.
        leaves: the leaf of each node.
        found: zeros, shape (n,); to be filled with the leaves.
    """
    for node in asking:
        answer = np.where(cells[inputs[node]] > thresholds[node], yes[node], no[node])
        np.copyto(found, answer, where=found == node)
    found[:] = leaves[found]
