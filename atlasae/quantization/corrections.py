"""Corrections of decoded values, which keep the sides of cuts and the order of jets.

A correction finds from decoded values alone which of them may be wrong. A few stored bits say the rest.
The encoder applies the same correction, and stores exactly the values that it does not mend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from atlasae.quantization.exceptions import breaks, restore_exceptions
from atlasae.quantization.quantizer import bit_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import BitPatterns, Integers, Values

    Exact: TypeAlias = tuple[Integers, BitPatterns]  # rows, ascending, and what they hold


class Coded(NamedTuple):
    """What a correction has to do to decoded values.

    Attributes:
        data: what ``Correction.moved`` needs to know of the original values.
        moved: what it gives then.
        broken: gives the rows that have to be exact, of values that were moved on: the correction
            does not mend them.
    """

    data: bytes
    moved: Values
    broken: Callable[[Values], Integers]


class Correction(ABC):
    """Moves decoded values of one feature, and keeps them within its tolerance."""

    @abstractmethod
    def code(self, values: Values, decoded: Values, counts: Integers | None) -> Coded:
        """What has to be done to decoded values.

        Args:
            values: the originals, shape (jets,).
            decoded: within the tolerance of them.
            counts: number of jets per event; None for jets without events.
        """

    @abstractmethod
    def moved(self, decoded: Values, counts: Integers | None, coded: bytes) -> Values:
        """The corrected values.

        Args:
            decoded: within the tolerance of the originals, shape (jets,).
            counts: number of jets per event; None for jets without events.
            coded: from ``code``, for the same values.

        Raises:
            DamagedFileError: the bytes are those of other values.
        """


def code(
    corrections: Sequence[Correction],
    values: Values,
    decoded: Values,
    counts: Integers | None,
    tolerance: Tolerance,
    exceptions: Integers,
) -> tuple[tuple[bytes, ...], Integers]:
    """What corrections need to know of a feature, and the rows that they do not mend.

    These rows are to be stored exactly.

    Args:
        corrections: of the feature.
        values: the originals, shape (jets,).
        decoded: within the tolerance of them, apart from the exceptions.
        counts: number of jets per event; None for jets without events.
        tolerance: of the feature.
        exceptions: rows whose originals are stored in any case, ascending.
    """
    patterns = bit_patterns(values)
    before = restore_exceptions(decoded, exceptions, patterns[exceptions])
    moved, coded = before, []
    with np.errstate(all="ignore"):
        for correction in corrections:
            coded.append(correction.code(values, moved, counts))
            moved = coded[-1].moved
    exact, moved = exceptions, restore_exceptions(moved, exceptions, patterns[exceptions])
    changed = np.flatnonzero(bit_patterns(moved) != bit_patterns(before))
    old, new = values[changed], moved[changed]
    with np.errstate(all="ignore"):
        is_lost_zero = (old == 0) & (bit_patterns(new) != patterns[changed])
        broken = [changed[breaks(old, new, tolerance) | is_lost_zero]]
    while True:  # until what is exact no longer breaks the order of others
        broken += [one.broken(moved) for one in coded]
        more = np.union1d(exact, np.concatenate(broken))
        if len(more) == len(exact):
            rows: Integers = np.setdiff1d(exact, exceptions, assume_unique=True)
            return tuple(one.data for one in coded), rows
        exact, broken = more, []
        moved = restore_exceptions(moved, exact, patterns[exact])


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
        coded: from ``code``.
        decoded: what its integers stand for, shape (jets,).
        counts: number of jets per event; None for jets without events.
        exceptions: the values that no quantizer holds; None if there are none.
        overrides: those that no correction mends; None if there are none.

    Raises:
        DamagedFileError: the bytes are those of other values.
        InputError: an exact value lies outside the values.
    """
    values = decoded if exceptions is None else restore_exceptions(decoded, *exceptions)
    with np.errstate(all="ignore"):
        for correction, data in zip(corrections, coded, strict=True):
            values = correction.moved(values, counts, data)
    for exact in (exceptions, overrides):
        if exact is not None and corrections:
            values = restore_exceptions(values, *exact)
    return values
