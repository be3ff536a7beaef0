"""What a traversal of the features visits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlasae.density.event_context import EventContext
    from atlasae.types import Integers32

OTHERS = "others"  # the group of the features that are not part of a momentum
SIGN = "sign of eta"  # of the leading jet, coded before its size


@dataclass(frozen=True)
class Visit:
    """A feature of the momentum for a group of jets.

    Attributes:
        group: of the jets.
        feature: its name.
        members: the ranks in the group.
        context: what is known of the events; the integers are added to it.
        given: the integers of all jets in the order by rank; None to decode them.
    """

    group: str
    feature: str
    members: range
    context: EventContext
    given: Integers32 | None
