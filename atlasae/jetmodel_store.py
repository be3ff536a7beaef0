"""The stored form of a jet model: its arrays, one after another, compressed."""

from __future__ import annotations

import lzma
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.context import GROUPS, SIGN
from atlasae.density import OUTERMOST, Bins, Conditional, IntegerNetwork
from atlasae.errors import DamagedFileError
from atlasae.jetmodel import JetModel, Scale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from atlasae.context import Layout

_DTYPES = ("<i1", "<i2", "<i4", "<i8", "<u2", "<u4", "<f4")
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9}]
_LARGEST = 1 << 24  # bytes that a stored model may unpack to


def to_blob(model: JetModel) -> bytes:
    """The arrays of a model as bytes, without the layout, which is stored apart."""
    arrays: list[NDArray[Any]] = []
    keys = _keys(model.layout)
    present = [key in model.conditionals for key in keys]
    arrays.append(np.packbits([model.in_events, *present]).view(np.int8))
    for group in GROUPS:
        if group in model.scales:
            scale = model.scales[group]
            arrays += [_exponents(scale.factors), scale.centers]
    for key in keys:
        if key in model.conditionals:
            arrays += _from_conditional(model.conditionals[key])
    arrays += _from_conditional(model.numbers)
    packed = b"".join(_packed(array) for array in arrays)
    return lzma.compress(packed, lzma.FORMAT_RAW, filters=_FILTERS)


def from_blob(layout: Layout, blob: bytes) -> JetModel:
    """The inverse of ``to_blob``.

    Raises:
        DamagedFileError: the bytes are not those of a model with this layout.
    """
    try:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
        arrays = _unpacked(decompressor.decompress(blob, _LARGEST))
        keys = _keys(layout)
        flags = np.unpackbits(next(arrays).view(np.uint8), count=1 + len(keys)).astype(bool)
        in_events, present = bool(flags[0]), flags[1:]
        chosen = [key for key, there in zip(keys, present, strict=True) if there]
        scales = {
            group: Scale(_powers(next(arrays)), next(arrays).astype(np.float32))
            for group in GROUPS
            if any(of == group for of, _ in chosen)
        }
        conditionals = {key: _to_conditional(arrays) for key in chosen}
        return JetModel(layout, scales, conditionals, _to_conditional(arrays), in_events)
    except (
        lzma.LZMAError,
        struct.error,
        StopIteration,
        ValueError,
        IndexError,
        TypeError,
    ) as error:
        raise DamagedFileError(f"the stored density is damaged: {error!r}") from error


def _keys(layout: Layout) -> list[tuple[str, str]]:
    signs = [(GROUPS[0], SIGN)] if layout.eta else []
    return [(group, feature) for group in GROUPS for feature in layout.lattices] + signs


def _from_conditional(conditional: Conditional) -> list[NDArray[Any]]:
    inner = conditional.bins.edges[1:-1]
    arrays: list[NDArray[Any]] = [inner[:1], _narrowest(np.diff(inner)), conditional.table]
    network = conditional.network
    if network is None:
        return [*arrays, np.zeros(0, np.int8)]
    shape = np.array([conditional.inputs, network.mixing_shift], np.int8)
    layers = [
        array
        for i in (0, 1)
        for array in (network.weights[i], network.biases[i], network.scales[i])
    ]
    return [*arrays, shape, *layers, network.mixing, network.logits]


def _to_conditional(arrays: Iterator[NDArray[Any]]) -> Conditional:
    first, steps, table, shape = [next(arrays) for _ in range(4)]  # no generator: it may end
    inner = np.append(first, first + np.cumsum(steps.astype(np.int64)))
    edges = np.concatenate([[-OUTERMOST], inner, [OUTERMOST]]).astype(np.int64)
    bins = Bins(edges)
    if len(table) != len(bins) or not (np.diff(edges) > 0).all() or not table.all():
        raise DamagedFileError("the stored density is damaged: its bins are out of order")
    if not len(shape):
        return Conditional(bins, table)
    weights, biases, scales = [], [], []
    for _ in (0, 1):
        weights.append(next(arrays))
        biases.append(next(arrays))
        scales.append(next(arrays))
    network = IntegerNetwork(
        (weights[0], weights[1]),
        (biases[0], biases[1]),
        (scales[0], scales[1]),
        next(arrays),
        int(shape[1]),
        next(arrays),
    )
    return Conditional(bins, table, network, int(shape[0]))


def _exponents(factors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Powers of two by their exponent; 0 as -128."""
    exponents = np.frexp(factors)[1] - 1
    return np.where(factors == 0, -128, exponents).astype(np.int8)


def _powers(exponents: NDArray[np.int8]) -> NDArray[np.float32]:
    powers = np.ldexp(np.float32(1), exponents.astype(np.int32))
    return np.where(exponents == -128, np.float32(0), powers)


def _narrowest(steps: NDArray[np.int64]) -> NDArray[Any]:
    for dtype in ("<u2", "<u4"):
        if not len(steps) or steps.max() <= np.iinfo(dtype).max:
            return steps.astype(dtype)
    return steps


def _packed(array: NDArray[Any]) -> bytes:
    """An array as bytes: dtype, dimensions, then values with their bytes sorted by weight."""
    code = _DTYPES.index(array.dtype.newbyteorder("<").str.replace("|", "<"))
    head = struct.pack(f"<BB{array.ndim}H", code, array.ndim, *array.shape)
    raw = np.ascontiguousarray(array.astype(_DTYPES[code])).view(np.uint8)
    return head + raw.reshape(-1, array.dtype.itemsize).T.tobytes()


def _unpacked(data: bytes) -> Iterator[NDArray[Any]]:
    at = 0
    while at < len(data):
        code, dimensions = struct.unpack_from("<BB", data, at)
        shape = struct.unpack_from(f"<{dimensions}H", data, at + 2)
        at += 2 + 2 * dimensions
        dtype = np.dtype(_DTYPES[code])
        size = int(np.prod(shape)) * dtype.itemsize
        raw = np.frombuffer(data[at : at + size], np.uint8).reshape(dtype.itemsize, -1)
        at += size
        yield np.ascontiguousarray(raw.T).view(dtype).reshape(shape).astype(dtype.newbyteorder("="))
