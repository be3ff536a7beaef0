"""Compares jets with what they decode to, block by block, in any number of threads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from atlasae.errors import DamagedFileError, InputError
from atlasae.fidelity import changes
from atlasae.fidelity.measured import LARGEST, Errors, KeptQuantity, Measured, Shift, merged
from atlasae.jets.observables import OBSERVABLES, observables
from atlasae.jets.table import column_of
from atlasae.quantization.arithmetic import is_zero_of_other_sign
from atlasae.quantization.quantizer import bit_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlasae.jets.table import Table
    from atlasae.quantization.quantities import Quantity
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Floats, Integers, Values

    _Block: TypeAlias = tuple[Measured, Mapping[str, Integers]]
    Compare: TypeAlias = Callable[[Table], None]  # takes what a block decodes to

_QUANTILES = np.arange(1, 32) / 32  # where cumulative distributions are compared
_SAMPLE = 4096  # values of the first block, about, that the quantiles are of
_EVENTS = 1024  # of a block, in which observables are computed
_OBSERVABLES = ("m_jj", "h_t", "missing_h_t")


class Measurement:
    """Measures what jets decode to, block by block.

    What it finds does not depend on the number of threads, or on which is done first.

    Args:
        tolerances: by feature; others have none.
        cuts: edges by feature, ascending.
        quantities: that are kept.

    Example:
        >>> from atlasae.jets.table import to_table
        >>> measurement = Measurement({}, {"pt": (30.0,)})
        >>> compare = measurement.next(to_table({"pt": [29.0, 31.0]}))
        >>> compare(to_table({"pt": [29.5, 30.0]}))
        >>> measurement.result().migrations, measurement.result().errors["pt"].largest
        ({'pt': (1,)}, 1.0)
    """

    def __init__(
        self,
        tolerances: Mapping[str, Tolerance],
        cuts: Mapping[str, Sequence[float]],
        quantities: Sequence[Quantity] = (),
    ) -> None:
        self._tolerances = tolerances
        self._cuts = cuts
        self._quantities = quantities
        self._quantiles: dict[str, Values] | None = None
        self._blocks: list[_Block | None] = []

    def next(self, before: Table) -> Compare:
        """A function to be called once with what the next block decodes to, by any thread."""
        if self._quantiles is None:
            self._quantiles = {name: _quantiles(v) for name, v in before.columns.items()}
        quantiles, place = self._quantiles, len(self._blocks)
        self._blocks.append(None)

        def compare(after: Table) -> None:
            found = self._compared(before, after)
            self._blocks[place] = found, _passed(before, after, quantiles)

        return compare

    def _compared(self, before: Table, after: Table) -> Measured:
        """What became of a block."""
        if len(before) != len(after):
            raise DamagedFileError(f"{len(before)} jets were coded, and {len(after)} decoded")
        errors, migrations = {}, {}
        for name, values in before.columns.items():
            decoded = after.columns[name].astype(values.dtype, copy=False)
            errors[name] = errors_of(values, decoded, self._tolerances.get(name))
            if name in self._cuts:
                dtype = values.dtype if values.dtype.kind == "f" else np.float64
                edges = np.array(self._cuts[name], dtype)
                migrations[name] = tuple(changes.migrations(values, decoded, edges).tolist())
        pt = column_of("pt", before), column_of("pt", after)
        neighbors = leading = None
        if pt[0] is not None and pt[1] is not None and before.counts is not None:
            neighbors, leading = (
                changes.changes_of_order(pt[0], pt[1], rows(pt[0], before.counts))
                for rows in (changes.neighbors, changes.leading_two)
            )
        shifts = _observables(before, after)
        kept = {str(one): _kept(one.errors(before, after)[0]) for one in self._quantities}
        return Measured(errors, migrations, neighbors, leading, shifts, kept)

    def result(self) -> Measured:
        """What was measured of all blocks; of none, zeros for all that is promised."""
        blocks = [block for block in self._blocks if block is not None]
        nothing = Measured(
            {name: Errors() for name in self._tolerances},
            {name: (0,) * len(edges) for name, edges in self._cuts.items()},
            quantities={str(quantity): KeptQuantity() for quantity in self._quantities},
        )
        found = merged([nothing, *(measured for measured, _ in blocks)])
        errors = {}
        for name, one in found.errors.items():
            moved = np.abs(sum(moved[name] for _, moved in blocks)).max(initial=0)
            errors[name] = replace(one, ks=float(moved) / max(one.values, 1))
        return replace(found, errors=errors)


def _quantiles(values: Values) -> Values:
    some = values[:: -(-len(values) // _SAMPLE) or 1]
    finite = np.sort(some[np.isfinite(some)])
    places = (_QUANTILES * len(finite)).astype(np.int64)
    return np.unique(finite[places] if len(finite) else finite)


def errors_of(before: Values, after: Values, tolerance: Tolerance | None) -> Errors:
    """Errors of the values of a feature; their KS distance is not measured here.

    Args:
        before: the originals, shape (n,).
        after: decoded, of the same dtype.
        tolerance: of the feature; None if it has none.

    Example:
        >>> from atlasae.quantization.tolerance import abs_
        >>> found = errors_of(np.array([1.0, 2.0, np.nan]), np.array([1.1, 2.3, 0.0]), abs_(0.2))
        >>> found.beyond, round(found.share, 3)
        (2, 1.5)
    """
    number, is_finite = len(before), np.isfinite(before)
    special = number - int(np.count_nonzero(is_finite))
    is_changed = bit_patterns(before) != bit_patterns(after)
    if not is_changed.any():
        return Errors(number, special)
    beyond = 0
    is_finite &= np.isfinite(after)
    if not is_finite.all():
        beyond = int(np.count_nonzero(is_changed & ~is_finite))
        before, after = before[is_finite], after[is_finite]
    originals = before.astype(np.float64)
    error = _difference(after.astype(np.float64), originals)
    _, _, largest = _spread(error)
    if tolerance is not None and (tolerance.kind == "lossless" or before.dtype.kind != "f"):
        beyond = int(np.count_nonzero(is_changed))
    elif tolerance is not None:
        allowed = tolerance.bound(originals)
        breaks = np.abs(error) > allowed
        breaks |= is_zero_of_other_sign(before, after)
        beyond += int(np.count_nonzero(breaks))
        error = _quotient(error, allowed)
    mean, width, share = _spread(error)
    return Errors(number, special, beyond, largest, share, mean, width)


def _difference(after: Floats, before: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        return after - before


def _quotient(error: Floats, unit: Floats) -> Floats:
    """An error in units that are positive; the error itself where they are not."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.divide(error, unit, out=error.copy(), where=unit > 0)


def _spread(values: Floats) -> tuple[float, float, float]:
    """Mean, standard deviation, and the largest absolute value; zeros without any."""
    if not len(values):
        return 0.0, 0.0, 0.0
    values = np.clip(values, -LARGEST, LARGEST)
    return float(values.mean()), float(values.std()), float(np.abs(values).max())


def _passed(before: Table, after: Table, quantiles: Mapping[str, Values]) -> dict[str, Integers]:
    """By feature, how many more values are below each quantile than were before."""
    found = {}
    for name, edges in quantiles.items():
        old, new = before.columns[name], after.columns[name]
        differences = (
            np.count_nonzero(new < edge) - np.count_nonzero(old < edge) for edge in edges
        )
        found[name] = np.array([*differences], np.int64)
    return found


def _kept(errors: Floats) -> KeptQuantity:
    """What became of a quantity, given its errors in units of the allowed one."""
    share = float(errors.max(initial=0.0))
    return KeptQuantity(len(errors), int(np.count_nonzero(errors > 1)), min(share, LARGEST))


def _observables(before: Table, after: Table) -> dict[str, Shift]:
    """How observables changed; none without events or a momentum."""
    if before.counts is None:
        return {}
    several = np.flatnonzero(before.counts > 1)
    some = several[:: max(-(-len(several) // _EVENTS), 1)]
    try:
        with np.errstate(all="ignore"):
            old, new = (observables(table.events(some), unit="GeV") for table in (before, after))
    except InputError:
        return {}
    return {name: _shift(old[name], new[name], OBSERVABLES[name].energy) for name in _OBSERVABLES}


def _shift(before: Floats, after: Floats, relative: bool) -> Shift:
    change = _difference(after, before)
    if relative:
        change = _quotient(change, before)
    change = change[np.isfinite(change)]
    return Shift(len(change), *_spread(change))
