"""Fitting of conditional densities: bins, a table, and a network where that pays.

A network is trained in floats and then rounded to the integers that decode. It has the form of
``atlasae.density.networks.IntegerNetwork``, the same smooth last layer included, so that rounding
costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.density.bins import Bins
from atlasae.density.conditional import Conditional
from atlasae.density.networks import BIAS_UNIT, HIDDEN_LIMIT, OCTAVE, IntegerNetwork
from atlasae.density.serialization import stored_bits
from atlasae.density.training import Network, train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Float32s, Floats, Integers

WEIGHT_LIMIT, MIXING_LIMIT = 31, 127

_MIN_SAVING = 0.08  # bits per value that a network has to save, for the time it takes
_FEWEST_BINS = 3
_WEIGHT_BITS = 6.0  # that a weight of a network takes to store, roughly
_BIN_BITS = 14  # that a bin takes to store, roughly
_INPUT_UNIT = 128.0  # inputs of about +-300 become of order one
_ROUNDING_ROWS = 100_000  # whose activations set the scales of the integers


def fit_conditional(
    values: Integers,
    inputs: Float32s,
    *,
    bins: int,
    power: float,
    groups: int,
    units: int,
    weight_decay: float,
    epochs: int,
    seed: int,
    uses: float = 1.0,
) -> Conditional:
    """Learn the distribution of an integer, given inputs.

    A network is kept only where it saves more bits than it takes to store, and enough for the time
    it takes. The number of bins is chosen in the same way.

    Args:
        values: shape (n,).
        inputs: shape (1 + features, n), whole numbers, the first row one. Without features the
            result is a table.
        bins: most bins to use.
        power: power of the density whose integral the bins share equally; see ``Bins.fit``.
        groups: most groups of bins that a network tells apart; at least a quarter of the bins.
        units: units of each hidden layer; 0 for a table.
        weight_decay: decoupled weight decay of the matrices.
        epochs: passes over the values.
        seed: of the initial weights and the order of the values; the same seed gives the same
            density on one machine.
        uses: how many values will be coded for each value here.

    Returns:
        The density. ``network`` is None where a table does as well.

    Example:
        >>> values = np.random.default_rng(0).poisson(20, 1000)
        >>> density = fit_conditional(
        ...     values, np.ones((1, 1000), np.float32), bins=16, power=0.5, groups=16, units=0,
        ...     weight_decay=0.1, epochs=10, seed=0,
        ... )
        >>> density.network is None, len(density.bins) <= 16
        (True, True)
    """
    plain = _best_table(values, inputs, bins, power, uses)
    if units == 0 or len(inputs) == 1 or not np.ptp(inputs[1:], axis=1).any():
        return plain
    edges = Bins.fit(values, bins, power)
    table = edges.histogram(values)
    per_group = -(-len(edges) // groups)
    weights = np.add.reduceat(table, np.arange(0, len(table), per_group), dtype=np.float64)
    generator = np.random.default_rng(seed)
    network = Network(len(inputs) - 1, units, weights / weights.sum(), generator)
    rows = training_rows(inputs)
    storage = _WEIGHT_BITS * len(network.parameters) / (uses * len(values))
    pays = train(
        network,
        rows,
        edges.find(values) // per_group,
        weight_decay=weight_decay,
        epochs=epochs,
        generator=generator,
        required=max(_MIN_SAVING, storage) * float(np.log(2)),
    )
    if not pays:
        return plain
    learned = Conditional(edges, table, round_network(network, rows), len(inputs) - 1)
    saved = plain.bits(values, inputs) - learned.bits(values, inputs)
    stored = stored_bits(learned) - stored_bits(plain)
    worth_it = saved > _MIN_SAVING * len(values) and uses * saved > stored
    return learned if worth_it else plain


def worth_storing(
    learned: Conditional, stored: Conditional, values: Integers, inputs: Float32s, uses: float
) -> bool:
    """Whether a density saves more bits, compared with a stored one, than it takes to store."""
    saved = stored.bits(values, inputs) - learned.bits(values, inputs)
    return uses * saved > stored_bits(learned)


def _best_table(
    values: Integers, inputs: Float32s, bins: int, power: float, uses: float
) -> Conditional:
    """The table that should code new values best.

    Each bin is a fitted parameter, which costs 1/ln(2) bits. Source: Akaike, IEEE Transactions on
    Automatic Control 19, 1974.
    """
    tables, bin_cost = [], 1 / np.log(2) + _BIN_BITS / uses
    while bins >= _FEWEST_BINS:
        edges = Bins.fit(values, bins, power)
        tables.append(Conditional(edges, edges.histogram(values)))
        bins = bins * 3 // 4
    return min(tables, key=lambda t: t.bits(values, inputs) + bin_cost * len(t.bins))


def training_rows(inputs: Float32s) -> Float32s:
    """Whole-number inputs, shape (1 + features, n), as the rows that ``Network`` takes."""
    rows = np.ascontiguousarray(inputs.T)
    rows[:, 1:] /= _INPUT_UNIT
    return rows


def round_network(network: Network, rows: Float32s) -> IntegerNetwork:
    """Round a trained network to integers.

    Args:
        network: a trained network.
        rows: inputs that show how large each unit's activation gets, shape (n, 1 + inputs).
    """
    first_units, second_units = network.hidden(rows[:_ROUNDING_ROWS])
    layers = network.layers
    first, first_scale = _round_layer(layers.first, first_units[1:], 1 / _INPUT_UNIT)
    second, second_scale = _round_layer(layers.second, second_units[1:], 2.0**-first_scale)
    octaves = layers.mixing.T.astype(np.float64) / np.log(2) * 2.0 ** -second_scale[:, None]
    shift = int(np.clip(_exponent(MIXING_LIMIT / np.abs(octaves).max()) + 9 - 12, 1, 30))
    return IntegerNetwork(
        (first[0], second[0]),
        (first[1], second[1]),
        (first[2], second[2]),
        np.rint(octaves * 2.0**shift * OCTAVE / 512).astype(np.int16),
        shift,
        np.rint(layers.bias.astype(np.float64) / np.log(2) * 16).astype(np.int16),
    )


def _round_layer(
    layer: Float32s, activations: Float32s, input_unit: float | Floats
) -> tuple[tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int8]], Floats]:
    """Integer weights, biases and scales of a layer, and the power of two of its output.

    Args:
        layer: shape (units, 1 + inputs), the bias first.
        activations: shape (units, n).
        input_unit: what one means in the integers of each input.
    """
    weight, bias = layer[:, 1:].astype(np.float64) * input_unit, layer[:, 0].astype(np.float64)
    largest = np.quantile(activations.astype(np.float64), 0.9995, axis=1)
    output = _exponent(HIDDEN_LIMIT / np.maximum(largest, 1e-3))
    inner = _exponent(WEIGHT_LIMIT / np.maximum(np.abs(weight).max(axis=1), 1e-7))
    inner = np.minimum(inner, _exponent(2.0**21 / np.maximum(np.abs(bias), 1e-9)))
    live = activations.max(axis=1) > 0
    rounded = np.where(live[:, None], np.rint(weight * 2.0 ** inner[:, None]), 0)
    offsets = np.where(live, np.rint(bias * 2.0**inner / BIAS_UNIT), 0)
    scale = (output - inner).astype(np.int8)
    return (rounded.astype(np.int8), offsets.astype(np.int32), scale), output


def _exponent(value: Any) -> Any:
    """The exponent of the largest power of two that is not above a value."""
    return np.floor(np.log2(value))
