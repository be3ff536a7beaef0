"""What a traversal of the features asks of the encoder, the decoder and fitting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from atlasae.density.conditional import Inputs
    from atlasae.density.event_context import EventContext
    from atlasae.types import Integers32


OTHERS = "others"  # the group of the features that are not part of a momentum
SIGN = "sign of eta"  # of the leading jet, coded before its size


class Visitor(Protocol):
    """What is done with each feature: encode, decode, record, or compute its cross-entropy."""

    def visit(
        self, group: str, feature: str, values: Integers32 | None, count: int, inputs: Inputs
    ) -> Integers32:
        """Return the coordinates of a feature for jets with these inputs.

        Args:
            group: of the jets.
            feature: its name.
            values: the coordinates, shape (count,); None to decode them.
            count: number of jets.
            inputs: what is known of the jets.
        """

    def visit_ranks(
        self,
        group: str,
        feature: str,
        members: range,
        context: EventContext,
        given: Integers32 | None,
    ) -> None:
        """Visit a feature of the momentum for a group of jets, and add it to the context.

        Args:
            group: of the jets.
            feature: its name.
            members: the ranks in the group.
            context: what is known of the events; the integers are added to it.
            given: the integers of all jets in the order by rank; None to decode them.
        """
