"""Jets ordered by their rank in the event: all leading jets, then all second jets, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from atlasae.compiled import accelerated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Integers, Integers32

RANK_GROUPS = ("first", "second", "later")  # jets by their rank in the event
MOST_RANKS = 64  # a larger event counts as several events of this size


@dataclass(frozen=True)
class JetRanks:
    """The order of jets by rank. Within a rank, events with more jets come first.

    So the events that have a jet of a rank are the first ones of those that have one of any
    earlier rank.

    Attributes:
        counts: number of jets per event in that order, int32; None for jets without events.
        offsets: where the jets of each rank start, and the number of jets.
        rows: position of each jet in its file, shape (jets,); None if the order is the same.
        leading: which jets of rank 0 lead an event, and not a later piece of a large one; None if
            all do.

    Example:
        >>> import numpy as np

    from atlasae.compiled import accelerated
        >>> ranks = JetRanks.of(np.array([1, 3, 0]), 4)
        >>> ranks.rows, ranks.counts, ranks.offsets
        (array([1, 0, 2, 3], dtype=int32), array([3, 1, 0], dtype=int32), [0, 2, 3, 4])
    """

    counts: Integers32 | None
    offsets: list[int]
    rows: Integers32 | None
    leading: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, counts: Integers | None, jets: int) -> JetRanks:
        """The ranks of jets in events with these counts; None for jets without events."""
        if counts is None:
            return cls(None, [0, jets], None)
        is_split = int(counts.max(initial=0)) > MOST_RANKS
        if is_split:
            pieces = np.maximum(-(-counts // MOST_RANKS), 1)
            counts = _split_large_events(counts, pieces)
        events = np.bincount(counts, minlength=1)[::-1].cumsum()[::-1]  # with i jets or more
        offsets = np.cumsum([0, *events[1:]])
        ordered, rows = np.empty(len(counts), np.int32), np.empty(offsets[-1], np.int32)
        rank_jets(counts.astype(np.int64), offsets, np.append(events[1:], 0), ordered, rows)
        leading = None
        if is_split:
            starts_event = np.zeros(len(counts), bool)
            starts_event[np.cumsum(pieces) - pieces] = True
            leading = starts_event[_falling(counts)][: events[1]]
        return cls(ordered, offsets.tolist(), rows, leading)

    @property
    def jets(self) -> int:
        """Number of jets."""
        return self.offsets[-1]

    @cached_property
    def number(self) -> int:
        """Number of ranks that have jets."""
        return len(self.offsets) - 1 if self.jets else 0

    def count(self, rank: int) -> int:
        """Number of jets of a rank."""
        return self.offsets[rank + 1] - self.offsets[rank]

    def groups(self) -> list[tuple[str, range]]:
        """The groups of jets that there are, and the ranks in each."""
        edges = [*range(len(RANK_GROUPS)), max(self.number, len(RANK_GROUPS))]
        groups = zip(RANK_GROUPS, edges[:-1], edges[1:], strict=True)
        return [(group, range(a, b)) for group, a, b in groups if a < min(b, self.number)]

    def at(self, rank: int, of: int | None = None) -> slice:
        """Where the jets of a rank are; those alone whose events have a jet of the rank ``of``."""
        start = self.offsets[rank]
        return slice(start, start + self.count(rank if of is None else of))

    def by_rank(self, column: Integers32) -> Integers32:
        """A column of the file in the order by rank."""
        if self.rows is None:
            return column
        ordered = np.empty(len(self.rows), np.int32)
        gather(column, self.rows, ordered)
        return ordered

    def in_file(self, column: Integers32) -> Integers32:
        """A column in the order by rank in the order of the file."""
        if self.rows is None:
            return column
        unordered = np.empty(len(self.rows), np.int32)
        scatter(column, self.rows, unordered)
        return unordered


def rank_group(rank: int) -> str:
    """The group of the jets of a rank, counted from 0.

    Example:
        >>> [rank_group(rank) for rank in (0, 1, 2, 3)]
        ['first', 'second', 'later', 'later']
    """
    return RANK_GROUPS[min(rank, 2)]


@accelerated("atlasae.density.kernels")
def rank_jets(
    counts: Integers, offsets: Integers, places: Integers, ordered: Integers32, rows: Integers32
) -> None:
    """Order jets by rank; see ``JetRanks``.

    Args:
        counts: number of jets per event in the file, shape (events,), int64.
        offsets: where the jets of each rank start, and the number of jets.
        places: where the events with each number of jets start in the order by rank; afterwards,
            where they end.
        ordered: to be filled with the counts in that order, shape (events,).
        rows: to be filled with the positions of jets, shape (jets,).
    """
    order = _falling(counts)
    ordered[:] = counts[order]
    starts = (np.cumsum(counts) - counts)[order]
    for rank, (start, stop) in enumerate(pairwise(offsets.tolist())):
        rows[start:stop] = starts[: stop - start] + rank
    places += np.bincount(counts, minlength=len(places))


def _falling(counts: Integers) -> Integers:
    """The order of falling counts, those that are equal in their own order."""
    return np.argsort((MOST_RANKS - counts).astype(np.uint8), kind="stable")


@accelerated("atlasae.density.kernels")
def gather(column: Integers32, rows: Integers32, gathered: Integers32) -> None:
    """Fill in a column at some rows."""
    gathered[:] = column[rows]


@accelerated("atlasae.density.kernels")
def scatter(column: Integers32, rows: Integers32, scattered: Integers32) -> None:
    """Fill in a column whose values stand at these rows."""
    scattered[rows] = column


def _split_large_events(counts: Integers, pieces: Integers) -> Integers:
    """Number of jets per event, where large events are split into several pieces."""
    split = np.full(pieces.sum(), MOST_RANKS)
    split[np.cumsum(pieces) - 1] = counts - (pieces - 1) * MOST_RANKS
    return split
