"""Collections of generated events: flat columns beside the number of rows of each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.types import Values

_MANTISSA = 23  # bits of a float32


class Rows:
    """Columns of the rows of all events, in each event by falling pt.

    Args:
        event: the event of each row, in any order.
        number: of events.
        columns: by name; ``pt`` is among them.
    """

    def __init__(self, event: Values, number: int, columns: Mapping[str, Values]) -> None:
        order = np.lexsort((-columns["pt"], event))
        self.event = event[order]
        self.counts = np.bincount(event, minlength=number)
        self.columns = {name: values[order] for name, values in columns.items()}

    def __len__(self) -> int:
        return len(self.event)

    def __getitem__(self, name: str) -> Values:
        return self.columns[name]

    @property
    def starts(self) -> Values:
        """Index of each event's first row."""
        return np.cumsum(self.counts) - self.counts

    @property
    def rank(self) -> Values:
        """Index of each row in its event."""
        return np.arange(len(self)) - self.starts[self.event]

    def sums(self, values: Values) -> Values:
        """Sum of a value of each row over the rows of each event."""
        return np.bincount(self.event, weights=values, minlength=len(self.counts))

    def of_rank(self, name: str, rank: int) -> Values:
        """A column's value in one row of each event; 0 where the event has fewer rows."""
        found = np.zeros(len(self.counts), self[name].dtype)
        chosen = self.rank == rank
        found[self.event[chosen]] = self[name][chosen]
        return found

    def jagged(self) -> ak.Array:
        """Records by event; columns whose name begins with ``_`` are left out."""
        shown = {name: self[name] for name in self.columns if not name.startswith("_")}
        return ak.unflatten(ak.zip(shown), self.counts)


def rounded(values: Values, bits: int) -> Values:
    """Values as float32 with so many bits of mantissa, rounded to nearest as NanoAOD does."""
    dropped = _MANTISSA - bits
    patterns = values.astype(np.float32).view(np.uint32)
    kept = (patterns + np.uint32(1 << (dropped - 1))) & np.uint32(-(1 << dropped) % 2**32)
    return kept.view(np.float32)


def momentum_sum(rows: Rows) -> Values:
    """Sum in x and y of the momenta in each event; shape (2, events)."""
    return np.stack([rows.sums(rows["pt"] * turn(rows["phi"])) for turn in (np.cos, np.sin)])


def wrapped(angles: Values) -> Values:
    """Angles between -pi and pi."""
    return (angles + np.pi) % (2 * np.pi) - np.pi
