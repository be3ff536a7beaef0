"""The stored form of quantizers."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.coding.stored_numbers import code_float, code_integers, one, part
from atlasae.errors import require_choice
from atlasae.quantization.quantizers import QUANTIZERS, Quantizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.coding.entropy import EntropyCoder


def code_quantizers(
    coder: EntropyCoder, lattices: Sequence[Quantizer] | None, dtypes: Sequence[str]
) -> list[Quantizer]:
    """Write lattices of columns with these dtypes, or read them.

    Raises:
        InputError: a dtype is not one that its lattice can have.
    """
    kinds = list(QUANTIZERS)
    found: list[Quantizer] = []
    for i, dtype in enumerate(dtypes):
        known = None if lattices is None else lattices[i]
        same = None if known is None else found.index(known) if known in found else len(found)
        same = one(coder, same, len(found) + 1)
        if same < len(found):
            found.append(found[same])
            continue
        which = None if known is None else kinds.index(known.kind)
        kind = QUANTIZERS[kinds[one(coder, which, len(kinds))]]
        require_choice("dtype", dtype, kind.dtypes)
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
