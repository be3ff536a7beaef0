"""The stored form of lattices and of a jet model; see ``atlasae.stored``."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.context import GROUPS, SIGN
from atlasae.density import Conditional
from atlasae.density_store import code_conditional, code_table
from atlasae.errors import choose
from atlasae.jetmodel import MOST_NUMBERS, JetModel, Scale, number_bins, numbers_table
from atlasae.quantise import LATTICES, Lattice
from atlasae.stored import code_float, code_integers, code_range, one, part
from atlasae.walk import ALL_GROUPS, OTHERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlasae.context import Layout
    from atlasae.entropy import Coder

    Integers = NDArray[np.int64]


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
        same = one(coder, same, len(found) + 1)
        if same < len(found):
            found.append(found[same])
            continue
        which = None if known is None else kinds.index(known.kind)
        kind = LATTICES[kinds[one(coder, which, len(kinds))]]
        choose("dtype", dtype, kind.dtypes)
        alike = next((lattice for lattice in reversed(found) if isinstance(lattice, kind)), None)
        numbers: list[Any] = []
        for field in fields(kind)[1:]:  # the first is the dtype
            value, before = part(known, field.name), part(alike, field.name)
            if alike is not None and one(coder, None if value is None else int(value == before), 2):
                numbers.append(before)
            elif field.type == "float":
                numbers.append(code_float(coder, value))
            else:
                wrapped = None if value is None else np.array([value])
                numbers.append(int(code_integers(coder, wrapped, 1)[0]))
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
        key: code_conditional(coder, part(model, "conditionals", key))
        for key, there in zip(keys, flags[1:], strict=True)
        if there
    }
    scales = {}
    for group in ALL_GROUPS:
        inputs = [c.inputs for (of, _), c in conditionals.items() if of == group]
        if max(inputs, default=0):
            scales[group] = _code_scale(coder, part(model, "scales", group), max(inputs))
    numbers = numbers_table(None)
    if flags[0]:
        numbers = _code_numbers(coder, part(model, "numbers"))
    return JetModel(layout, scales, conditionals, numbers, bool(flags[0]))


def _code_scale(coder: Coder, known: Scale | None, rows: int) -> Scale:
    exponents = centers = None
    if known is not None:  # powers of two by their exponent; 0 as -64
        exponents = np.where(known.factors == 0, -64, np.frexp(known.factors)[1] - 1)
        centers = known.centers.astype(np.int64)
    exponents = code_range(coder, exponents, rows, 128, -64)
    powers = np.ldexp(np.float32(1), exponents.astype(np.int32))
    factors = np.where(exponents == -64, np.float32(0), powers)
    return Scale(factors, code_integers(coder, centers, rows).astype(np.float32))


def _code_numbers(coder: Coder, known: Conditional | None) -> Conditional:
    """The distribution of the numbers of jets, whose bins their number tells."""
    most = None if known is None else len(known.bins) - len(number_bins(0))
    most = one(coder, most, MOST_NUMBERS + 1)
    bins = number_bins(most)
    return Conditional(bins, code_table(coder, part(known, "table"), len(bins)))
