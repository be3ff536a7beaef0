"""Numbers in the stored form of codecs, through the coder of the jets.

Each function goes one way whether it writes or reads, as those of ``atlasae.density.event_context`` do: it is
given what there is to write, or None, and gives what it wrote or read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.types import Integers


LENGTHS = 64  # of integers, in binary digits


def part(known: object | None, name: str, key: Any = None) -> Any:
    """An attribute of what is written, or an item of it; None to read it."""
    if known is None:
        return None
    found = getattr(known, name)
    return found if key is None else found[key]


def one(coder: EntropyCoder, value: int | None, size: int) -> int:
    """One integer from 0 to below ``size``."""
    values = None if value is None else np.array([value], np.int64)
    return int(coder.uniform(values, np.array([size]))[0])


def code_float(coder: EntropyCoder, value: float | None) -> float:
    """A float by its words of 16 bits, but for those at the low end that are zero."""
    words = None if value is None else np.array([value], ">f8").view(">u2").astype(np.int64)
    count = None if words is None else int(np.max(np.flatnonzero(words) + 1, initial=0))
    count = one(coder, count, 5)
    found = np.zeros(4, ">u2")
    found[:count] = coder.uniform(
        words if words is None else words[:count], np.full(count, 1 << 16)
    )
    return float(found.view(">f8")[0])


def code_array(
    coder: EntropyCoder, values: NDArray[Any] | None, shape: tuple[int, ...], dtype: str
) -> NDArray[Any]:
    """An array of integers of this shape and dtype."""
    flat, info = None if values is None else values.ravel().astype(np.int64), np.iinfo(dtype)
    found = code_range(coder, flat, int(np.prod(shape)), 1 << info.bits, int(info.min))
    return found.astype(dtype).reshape(shape)


def code_range(
    coder: EntropyCoder, values: Integers | None, count: int, size: int, lowest: int
) -> Integers:
    """Integers from ``lowest`` to below ``lowest + size``, by the range that they fill."""
    low = one(coder, None if values is None else int(values.min()) - lowest, size)
    above = None if values is None else values - lowest - low
    return code_up_to(coder, above, count, size - low) + (lowest + low)


def code_up_to(coder: EntropyCoder, values: Integers | None, count: int, size: int) -> Integers:
    """Integers from 0 to below ``size``, by the largest of them."""
    if not count:
        return np.zeros(0, np.int64)
    most = one(coder, None if values is None else int(values.max()), size)
    return np.array([most]) if count == 1 else coder.uniform(values, np.full(count, most + 1))


def code_integers(
    coder: EntropyCoder, values: Integers | None, count: int, *, signed: bool = True
) -> Integers:
    """Integers below 2^62 in size: how many binary digits each has, then those."""
    if values is not None and signed:
        values = (values << 1) ^ (values >> 63)  # the sign becomes the lowest digit
    lengths = None if values is None else np.searchsorted(_POWERS, values, side="right")
    lengths = code_up_to(coder, lengths, count, LENGTHS)
    tops = _POWERS[np.maximum(lengths - 1, 0)] * (lengths > 0)
    rest = None if values is None else values - tops
    found = coder.uniform(rest, np.maximum(tops, 1)) + tops
    return (found >> 1) ^ -(found & 1) if signed else found


_POWERS = 1 << np.arange(63)  # an integer has as many digits as there are of these up to it
