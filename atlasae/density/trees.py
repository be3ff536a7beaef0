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
        found = np.empty(cells.shape[1], np.uint8)
        find_leaves(cells, *self.links, found)
        return found

    @cached_property
    def links(self) -> tuple[Classes, Classes, Classes, Classes]:
        """The arguments of ``find_leaves`` that say what is asked and where answers lead.

        Raises:
            DamagedFileError: the nodes are not those of a tree.
        """
        asks = self.inputs != LEAF
        places = np.where(asks, self.leaf_count + np.cumsum(asks) - 1, np.cumsum(~asks) - 1)
        no, yes = np.zeros(len(asks), np.uint8), np.zeros(len(asks), np.uint8)
        waiting: list[tuple[Classes, int]] = [(np.zeros(1, np.uint8), 0)]
        for node, index in enumerate(self.inputs.tolist()):
            if not waiting or node >= 2 * MOST_LEAVES or index >= len(self.cuts):
                raise DamagedFileError("the stored density is damaged: its questions are no tree")
            target, parent = waiting.pop()
            target[parent] = places[node]
            if index != LEAF:
                waiting += [(yes, node), (no, node)]
        if waiting:
            raise DamagedFileError("the stored density is damaged: its questions are no tree")
        return self.inputs[asks].astype(np.uint8), self.thresholds[asks], no[asks], yes[asks]


@accelerated("atlasae.density.kernels")
def find_leaves(
    cells: Classes, inputs: Classes, thresholds: Classes, no: Classes, yes: Classes, found: Classes
) -> None:
    """Find the leaf of each column.

    Every question is put to every column, and moves those that stand at it: without a branch, a
    processor treats many columns at once. Places are the leaves, then the questions.

    Args:
        cells: of the inputs, shape (inputs, n).
        inputs: the input of each question, each before those below it.
        thresholds: of each question.
        no: the place that this answer leads to.
        yes: the place that this answer leads to.
        found: to be filled with the leaves, shape (n,).
    """
    leaves = len(inputs) + 1
    found[:] = leaves if len(inputs) else 0
    for place, (index, threshold, *answers) in enumerate(
        zip(inputs, thresholds, no, yes, strict=True), leaves
    ):
        answer = np.where(cells[index] > threshold, answers[1], answers[0])
        np.copyto(found, answer, where=found == place)
