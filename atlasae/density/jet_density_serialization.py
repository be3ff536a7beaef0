"""The stored form of lattices and of a jet model; see ``atlasae.coding.stored_numbers``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.stored_numbers import code_integers, code_range, one, part
from atlasae.density.conditional import Conditional
from atlasae.density.event_context import GROUPS, SIGN
from atlasae.density.jet_density import (
    MOST_COUNTS,
    InputScale,
    JetDensity,
    count_bins,
    count_density,
)
from atlasae.density.serialization import code_conditional, code_table
from atlasae.density.traversal import ALL_GROUPS, OTHERS

if TYPE_CHECKING:
    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.event_context import FeatureLayout


def code_jet_density(
    coder: EntropyCoder, model: JetDensity | None, layout: FeatureLayout
) -> JetDensity:
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
    numbers = count_density(None)
    if flags[0]:
        numbers = _code_numbers(coder, part(model, "numbers"))
    return JetDensity(layout, scales, conditionals, numbers, bool(flags[0]))


def _code_scale(coder: EntropyCoder, known: InputScale | None, rows: int) -> InputScale:
    exponents = centers = None
    if known is not None:  # powers of two by their exponent; 0 as -64
        exponents = np.where(known.factors == 0, -64, np.frexp(known.factors)[1] - 1)
        centers = known.centers.astype(np.int64)
    exponents = code_range(coder, exponents, rows, 128, -64)
    powers = np.ldexp(np.float32(1), exponents.astype(np.int32))
    factors = np.where(exponents == -64, np.float32(0), powers)
    return InputScale(factors, code_integers(coder, centers, rows).astype(np.float32))


def _code_numbers(coder: EntropyCoder, known: Conditional | None) -> Conditional:
    """The distribution of the numbers of jets, whose bins their number tells."""
    most = None if known is None else len(known.bins) - len(count_bins(0))
    most = one(coder, most, MOST_COUNTS + 1)
    bins = count_bins(most)
    return Conditional(bins, code_table(coder, part(known, "table"), len(bins)))
