"""Corrections of decoded values, which keep the sides of cuts and the order of jets.

A correction finds from decoded values alone which of them may be wrong. A few stored bits say the rest.
The encoder applies the same correction, and stores exactly the values that it does not mend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from atlasae.quantization.exceptions import (
    add_differences,
    breaks,
    differences,
    restore_exceptions,
)
from atlasae.quantization.quantizer import bit_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import BitPatterns, Integers, Values

    Exact: TypeAlias = tuple[Integers, BitPatterns]  # rows, ascending, and what they hold


class Coded(NamedTuple):
    """What a correction has to do to decoded values.

    Attributes:
        data: what ``Correction.move`` needs to know of the original values.
        broken: gives the rows that have to be exact, of values that were moved on: the correction
            does not mend them.
    """

    data: bytes
    broken: Callable[[Values], Integers]


class Correction(ABC):
    """Moves decoded values of one feature, and keeps them within its tolerance."""

    @abstractmethod
    def code(self, values: Values, decoded: Values, counts: Integers | None) -> Coded:
        """Correct decoded values, and tell what it takes to do so again.

        Args:
            values: the originals, shape (jets,).
            decoded: within the tolerance of them; changed in place.
            counts: number of jets per event; None for jets without events.
        """

    @abstractmethod
    def move(self, decoded: Values, counts: Integers | None, coded: bytes) -> None:
        """Correct decoded values.

        Args:
            decoded: within the tolerance of the originals, shape (jets,); changed in place.
            counts: number of jets per event; None for jets without events.
            coded: from ``code``, for the same values.

        Raises:
            DamagedFileError: the bytes are those of other values.
        """


class Corrected:
    """Decoded values of a feature after its corrections, and those that are stored exactly.

    Args:
        corrections: of the feature.
        values: the originals, shape (jets,).
        decoded: within the tolerance of them.
        counts: number of jets per event; None for jets without events.
        tolerance: of the feature.
        exceptions: rows of decoded values that are the originals, ascending.

    Attributes:
        data: what each correction needs to know.
        values: what decoding gives, shape (jets,).
        exact: rows that no correction mends, ascending; apart from exceptions.
    """

    def __init__(
        self,
        corrections: Sequence[Correction],
        values: Values,
        decoded: Values,
        counts: Integers | None,
        tolerance: Tolerance,
        exceptions: Integers,
    ) -> None:
        self._originals = values
        self._coded: list[Coded] = []
        moved = decoded.copy() if corrections else decoded
        with np.errstate(all="ignore"):
            for correction in corrections:
                self._coded.append(correction.code(values, moved, counts))
        if corrections:
            restore_exceptions(moved, exceptions, bit_patterns(values)[exceptions])
        self.data = tuple(one.data for one in self._coded)
        self.values = self._moved = moved
        self.exact: Integers = np.zeros(0, np.int64)
        if corrections:
            self.make_exact(np.union1d(self._beyond(decoded, tolerance), self._broken()))

    def make_exact(self, rows: Integers) -> bool:
        """Store more values exactly, and those whose order they break; whether there are any of these."""
        rounds = 0
        patterns = bit_patterns(self._originals)
        while len(rows := rows[bit_patterns(self.values)[rows] != patterns[rows]]):
            self.exact = np.union1d(self.exact, rows)
            if self.values is self._moved:
                self.values = self._moved.copy()
            restore_exceptions(self.values, rows, patterns[rows])
            rows = self._broken()
            rounds += 1
        return rounds > 1

    @property
    def overrides(self) -> Exact:
        """The exact values: rows, and how their bit patterns differ from those without them."""
        exact, near = (bit_patterns(of)[self.exact] for of in (self._originals, self._moved))
        return self.exact, differences(exact, near)

    def _beyond(self, decoded: Values, tolerance: Tolerance) -> Integers:
        """Rows that corrections move beyond the tolerance, or away from a zero."""
        patterns = bit_patterns(self._moved)
        changed = np.flatnonzero(patterns != bit_patterns(decoded))
        old, new = self._originals[changed], self._moved[changed]
        with np.errstate(all="ignore"):
            is_lost_zero = (old == 0) & (bit_patterns(new) != bit_patterns(old))
            beyond: Integers = changed[breaks(old, new, tolerance) | is_lost_zero]
        return beyond

    def _broken(self) -> Integers:
        """Rows that have to be exact besides those that are."""
        return np.concatenate(
            [np.zeros(0, np.int64), *(c.broken(self.values) for c in self._coded)]
        )


def overrides_of(corrected: Mapping[str, Corrected]) -> dict[str, Exact]:
    """The exact values by feature, of those that have any."""
    return {name: one.overrides for name, one in corrected.items() if len(one.exact)}


def restore(
    corrections: Sequence[Correction],
    coded: Sequence[bytes],
    decoded: Values,
    counts: Integers | None,
    exceptions: Exact | None,
    overrides: Exact | None,
) -> Values:
    """The values of a feature.

    Args:
        corrections: of the feature.
        coded: from ``Corrected.data``.
        decoded: what its integers stand for, shape (jets,); changed in place.
        counts: number of jets per event; None for jets without events.
        exceptions: the values that no quantizer holds; None if there are none.
        overrides: from ``Corrected.overrides``; None if there are none.

    Raises:
        DamagedFileError: the bytes are those of other values.
        InputError: an exact value lies outside the values.
    """
    if exceptions is not None:
        restore_exceptions(decoded, *exceptions)
    with np.errstate(all="ignore"):
        for correction, data in zip(corrections, coded, strict=True):
            correction.move(decoded, counts, data)
    if exceptions is not None and corrections:
        restore_exceptions(decoded, *exceptions)
    return decoded if overrides is None else add_differences(decoded, *overrides)
