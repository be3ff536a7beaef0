"""What a traversal of the features asks of the encoder, the decoder and training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from atlasae.types import Float32s, Integers


RANK_GROUPS = ("first", "second", "later")  # jets by their rank in the event
OTHERS = "others"  # the group of the features that are not part of a momentum
ALL_GROUPS = (*RANK_GROUPS, OTHERS)
SIGN = "sign of eta"  # of the leading jet, coded before its size


def rank_group(rank: int) -> str:
    """The group of the jets of a rank, counted from 0.

    Example:
        >>> [rank_group(rank) for rank in (0, 1, 2, 3)]
        ['first', 'second', 'later', 'later']
    """
    return RANK_GROUPS[min(rank, 2)]


class Inputs(Protocol):
    """The inputs of some jets; each coded feature adds rows."""

    def add(self, rows: list[Float32s]) -> None:
        """Add rows, each of shape (n,)."""


class Visitor(Protocol):
    """What is done with each feature: encode, decode, record, or compute its cross-entropy."""

    def inputs(self, group: str, count: int) -> Inputs:
        """Empty inputs for ``count`` jets of a group."""

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Inputs) -> Integers:
        """Return the coordinates of a feature for jets with these inputs; None to decode them."""
