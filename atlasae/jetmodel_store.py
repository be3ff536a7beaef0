"""The stored form of lattices and of a jet model: their numbers, through the coder of the jets.

Each function goes one way whether it writes or reads, as those of ``atlasae.context`` do: it is
given what there is to write, or None, and gives what it wrote or read.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.context import GROUPS, SIGN
from atlasae.density import OUTERMOST, SHARES, Bins, Conditional, IntegerNetwork
from atlasae.entropy import Writer
from atlasae.errors import DamagedFileError, choose
from atlasae.jetmodel import MOST_NUMBERS, JetModel, Scale, number_bins, numbers_table
from atlasae.quantise import LATTICES, Lattice
from atlasae.walk import ALL_GROUPS, OTHERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlasae.context import Layout
    from atlasae.entropy import Coder

    Integers = NDArray[np.int64]

_MOST = 1 << 12  # bins or inputs: above any that are made
_MOST_UNITS = 1 << 8
_LENGTHS = 64  # of integers, in binary digits


def code_lattices(
    coder: Coder, lattices: Sequence[Lattice] | None, dtypes: Sequence[str]
) -> list[Lattice]:
    """Write lattices of columns with these dtypes, or read them.

    Raises:
        InputError: a dtype is not one that its lattice can have.
    """
    kinds = list(LATTICES)
    found: list[Lattice] = []
    for i, dtype in enumerate(dtypes):
        known = None if lattices is None else lattices[i]
        same = None if known is None else found.index(known) if known in found else len(found)
        same = _one(coder, same, len(found) + 1)
        if same < len(found):
            found.append(found[same])
            continue
        which = None if known is None else kinds.index(known.kind)
        kind = LATTICES[kinds[_one(coder, which, len(kinds))]]
        choose("dtype", dtype, kind.dtypes)
        numbers: list[Any] = []
        for field in fields(kind)[1:]:  # the first is the dtype
            value = _part(known, field.name)
            if field.type == "float":
                numbers.append(_code_float(coder, value))
            else:
                wrapped = None if value is None else np.array([value])
                numbers.append(int(_code_integers(coder, wrapped, 1)[0]))
        found.append(kind(dtype, *numbers))
    return found


def code_model(coder: Coder, model: JetModel | None, layout: Layout) -> JetModel:
    """Write a model without its layout, or read it.

    Raises:
        DamagedFileError: what is read is no model with this layout.
    """
    signs = [(GROUPS[0], SIGN)] if layout.eta else []
    keys = [(group, feature) for group in GROUPS for feature in layout.momentum] + signs
    keys += [(OTHERS, feature) for feature in layout.others]
    flags = None
    if model is not None:
        present = [key in model.conditionals for key in keys]
        flags = np.array([model.in_events, *present], np.int64)
    flags = coder.uniform(flags, np.full(1 + len(keys), 2))
    conditionals = {
        key: _code_conditional(coder, _part(model, "conditionals", key))
        for key, there in zip(keys, flags[1:], strict=True)
        if there
    }
    scales = {}
    for group in ALL_GROUPS:
        inputs = [c.inputs for (of, _), c in conditionals.items() if of == group]
        if max(inputs, default=0):
            scales[group] = _code_scale(coder, _part(model, "scales", group), max(inputs))
    numbers = numbers_table(None)
    if flags[0]:
        numbers = _code_numbers(coder, _part(model, "numbers"))
    return JetModel(layout, scales, conditionals, numbers, bool(flags[0]))


def stored_bits(conditional: Conditional) -> int:
    """What a conditional takes in the stored form."""
    writer = Writer()
    _code_conditional(writer, conditional)
    return 8 * len(writer.to_bytes())


def _code_conditional(coder: Coder, known: Conditional | None) -> Conditional:
    inner = None if known is None else known.bins.edges[1:-1]
    count = _one(coder, inner if inner is None else len(inner), _MOST)
    grain = None
    if inner is not None:  # the low digits that are zero in all edges
        bits = int(np.bitwise_or.reduce(inner))
        grain = (bits & -bits).bit_length() - 1 if bits else 0
    grain = _one(coder, grain, _LENGTHS)
    first = _code_integers(coder, inner if inner is None else inner[:1] >> grain, 1)
    steps = None if inner is None else (np.diff(inner) >> grain) - 1
    steps = _code_integers(coder, steps, count - 1, signed=False) + 1
    inner = np.append(first, first + np.cumsum(steps)) << grain
    edges = np.concatenate([[-OUTERMOST], inner, [OUTERMOST]])
    if not (np.diff(edges) > 0).all():
        raise DamagedFileError("the stored density is damaged: its bins are out of order")
    table = _code_table(coder, _part(known, "table"), count + 1)
    inputs = _one(coder, _part(known, "inputs"), _MOST)
    network = _code_network(coder, _part(known, "network"), inputs) if inputs else None
    return Conditional(Bins(edges), table, network, inputs)


def _code_table(coder: Coder, table: NDArray[np.uint16] | None, count: int) -> NDArray[np.uint16]:
    below = None if table is None else len(SHARES) - 1 - np.searchsorted(SHARES, table)
    # the outer bins are mostly empty, far less than the others
    outer = coder.uniform(below if below is None else below[[0, -1]], np.full(2, len(SHARES)))
    inner = _code_up_to(coder, below if below is None else below[1:-1], count - 2, len(SHARES))
    places = len(SHARES) - 1 - np.concatenate([outer[:1], inner, outer[1:]])
    found: NDArray[np.uint16] = SHARES[places]
    return found


def _code_network(coder: Coder, known: IntegerNetwork | None, inputs: int) -> IntegerNetwork:
    sizes = None if known is None else np.array([*known.mixing.shape, len(known.logits)])
    units, order, bins = coder.uniform(sizes, np.full(3, _MOST_UNITS)).tolist()
    weights, biases, scales = [], [], []
    for i, width in enumerate((inputs, units)):
        weights.append(_code_array(coder, _part(known, "weights", i), (units, width), "i1"))
        bias = None if known is None else known.biases[i].astype(np.int64)
        biases.append(_code_integers(coder, bias, units).astype(np.int32))
        scales.append(_code_array(coder, _part(known, "scales", i), (units,), "i1"))
    return IntegerNetwork(
        (weights[0], weights[1]),
        (biases[0], biases[1]),
        (scales[0], scales[1]),
        _code_array(coder, _part(known, "mixing"), (units, order), "i2"),
        _one(coder, _part(known, "mixing_shift"), _LENGTHS),
        _code_array(coder, _part(known, "logits"), (bins,), "i2"),
    )


def _code_scale(coder: Coder, known: Scale | None, rows: int) -> Scale:
    exponents = centers = None
    if known is not None:  # powers of two by their exponent; 0 as -64
        exponents = np.where(known.factors == 0, -64, np.frexp(known.factors)[1] - 1)
        centers = known.centers.astype(np.int64)
    exponents = _code_range(coder, exponents, rows, 128, -64)
    powers = np.ldexp(np.float32(1), exponents.astype(np.int32))
    factors = np.where(exponents == -64, np.float32(0), powers)
    return Scale(factors, _code_integers(coder, centers, rows).astype(np.float32))


def _code_numbers(coder: Coder, known: Conditional | None) -> Conditional:
    """The distribution of the numbers of jets, whose bins their number tells."""
    most = None if known is None else len(known.bins) - len(number_bins(0))
    most = _one(coder, most, MOST_NUMBERS + 1)
    bins = number_bins(most)
    return Conditional(bins, _code_table(coder, _part(known, "table"), len(bins)))


def _part(known: object | None, name: str, key: Any = None) -> Any:
    """An attribute of what is written, or an item of it; None to read it."""
    if known is None:
        return None
    found = getattr(known, name)
    return found if key is None else found[key]


def _one(coder: Coder, value: int | None, size: int) -> int:
    """One integer from 0 to below ``size``."""
    values = None if value is None else np.array([value], np.int64)
    return int(coder.uniform(values, np.array([size]))[0])


def _code_float(coder: Coder, value: float | None) -> float:
    """A float by its words of 16 bits, but for those at the low end that are zero."""
    words = None if value is None else np.array([value], ">f8").view(">u2").astype(np.int64)
    count = None if words is None else int(np.max(np.flatnonzero(words) + 1, initial=0))
    count = _one(coder, count, 5)
    found = np.zeros(4, ">u2")
    found[:count] = coder.uniform(
        words if words is None else words[:count], np.full(count, 1 << 16)
    )
    return float(found.view(">f8")[0])


def _code_array(
    coder: Coder, values: NDArray[Any] | None, shape: tuple[int, ...], dtype: str
) -> NDArray[Any]:
    flat, info = None if values is None else values.ravel().astype(np.int64), np.iinfo(dtype)
    found = _code_range(coder, flat, int(np.prod(shape)), 1 << info.bits, int(info.min))
    return found.astype(dtype).reshape(shape)


def _code_range(
    coder: Coder, values: Integers | None, count: int, size: int, lowest: int
) -> Integers:
    """Integers from ``lowest`` to below ``lowest + size``, by the range that they fill."""
    low = _one(coder, None if values is None else int(values.min()) - lowest, size)
    above = None if values is None else values - lowest - low
    return _code_up_to(coder, above, count, size - low) + (lowest + low)


def _code_up_to(coder: Coder, values: Integers | None, count: int, size: int) -> Integers:
    """Integers from 0 to below ``size``, by the largest of them."""
    if not count:
        return np.zeros(0, np.int64)
    most = _one(coder, None if values is None else int(values.max()), size)
    return np.array([most]) if count == 1 else coder.uniform(values, np.full(count, most + 1))


def _code_integers(
    coder: Coder, values: Integers | None, count: int, *, signed: bool = True
) -> Integers:
    """Integers below 2^62 in size: how many binary digits each has, then those."""
    if values is not None and signed:
        values = (values << 1) ^ (values >> 63)  # the sign becomes the lowest digit
    lengths = None if values is None else np.searchsorted(_POWERS, values, side="right")
    lengths = _code_up_to(coder, lengths, count, _LENGTHS)
    tops = _POWERS[np.maximum(lengths - 1, 0)] * (lengths > 0)
    rest = None if values is None else values - tops
    found = coder.uniform(rest, np.maximum(tops, 1)) + tops
    return (found >> 1) ^ -(found & 1) if signed else found


_POWERS = 1 << np.arange(63)  # an integer has as many digits as there are of these up to it
