"""Other compressors of one column of jets, each with the settings that are tried, fast ones first."""

from __future__ import annotations

import lzma
import zlib
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlasae.quantization.quantizer import Quantizer
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Values

    Layouts = dict[str, tuple[bytes, Callable[[Any], Values]]]

PACKAGES = ("pcodec", "openzl", "pysz", "zfpy", "zstandard")
PCODEC = "pcodec on the same integers"
MANTISSA = 23  # bits, of float32


@dataclass(frozen=True)
class Column:
    """One feature of the jets to compress.

    Attributes:
        values: shape (n,), float32.
        integers: the values quantized by atlasae, shape (n,), int64.
        quantizer: gives values for integers.
        tolerance: the largest error allowed.
    """

    values: Values
    integers: Values
    quantizer: Quantizer
    tolerance: Tolerance


def number_of_bytes(data: Any) -> int:
    """Of an object that shows its bytes."""
    return memoryview(data).nbytes


@dataclass(frozen=True)
class Trial:
    """One column and one way to compress it.

    Attributes:
        settings: of the tool.
        pack: gives the compressed bytes.
        unpack: takes these bytes.
        restore: makes the values of the column from what ``unpack`` gives.
        size: bytes of what ``pack`` gives.
    """

    settings: str
    pack: Callable[[], Any]
    unpack: Callable[[Any], Any]
    restore: Callable[[Any], Values]
    size: Callable[[Any], int] = number_of_bytes


class NotApplicableError(Exception):
    """A tool cannot compress these jets within the tolerance."""


def versions() -> dict[str, str]:
    """Versions of zlib and of the installed packages among the tools'."""
    installed = {"zlib": zlib.ZLIB_RUNTIME_VERSION}
    for name in PACKAGES:
        try:
            package(name)
        except MissingPackageError:
            continue
        installed[name] = version(name)
    return installed


def package(name: str) -> Any:
    """Import an optional package; raises MissingPackageError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f"{name} is not installed: pip install 'atlasae[bench]'"
        ) from error


def largest_error(originals: Values, restored: Values, tolerance: Tolerance) -> float:
    """The largest error in units of the tolerance; if lossless, 0 or infinity."""
    if tolerance.kind == "lossless":
        return 0.0 if originals.tobytes() == restored.tobytes() else np.inf
    values = originals.astype(np.float64)
    errors = np.abs(restored.astype(np.float64) - values)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(errors > 0, errors / tolerance.bound(values), 0.0)
    return float(shares.max(initial=0.0))  # a NaN stays, and fails every comparison


def rounded(values: Values, keep: int) -> Values:
    """float32 values rounded to ``keep`` bits of mantissa."""
    drop = MANTISSA - keep
    patterns = values.view(np.uint32) + np.uint32((1 << drop) >> 1)
    patterns &= ~np.uint32((1 << drop) - 1)
    return patterns.view(np.float32)


def _pcodec(column: Column) -> Iterator[Trial]:
    pcodec = package("pcodec")
    whole = column.integers.astype(np.int32)
    deltas = {"no delta": pcodec.DeltaSpec.no_op(), "auto delta": pcodec.DeltaSpec.auto()}
    modes = {"classic": pcodec.ModeSpec.classic(), "auto mode": pcodec.ModeSpec.auto()}
    for level, mode, delta in product((8, 10, 12), modes, deltas):
        config = pcodec.ChunkConfig(level, modes[mode], deltas[delta])
        yield Trial(
            f"level {level}, {mode}, {delta}",
            partial(pcodec.standalone.simple_compress, whole, config),
            pcodec.standalone.simple_decompress,
            lambda restored: column.quantizer.to_values(restored.astype(np.int64)),
        )


def _openzl(column: Column) -> Iterator[Trial]:
    narrow, back = _narrow(column)
    for trial in openzl_trials(narrow):
        yield Trial(trial.settings, trial.pack, trial.unpack, back)


def openzl_trials(words: Values) -> Iterator[Trial]:
    """Graphs that suit integers without repetitions, and the tool's own choice."""
    zl = package("openzl.ext")

    def pack(name: str, level: int) -> bytes:
        compressor = zl.Compressor()
        compressor.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
        compressor.set_parameter(zl.CParam.CompressionLevel, level)
        compressor.select_starting_graph(_openzl_graph(zl, compressor, name))
        context = zl.CCtx()
        context.ref_compressor(compressor)
        return context.compress([zl.Input(zl.Type.Numeric, words)])  # type: ignore[no-any-return]

    def unpack(data: bytes) -> Values:
        return np.asarray(zl.DCtx().decompress(data)[0].content.as_nparray())

    graphs = ("bytes apart", "tokens") if words.itemsize > 1 else ()
    for name, level in [*((name, 1) for name in graphs), ("generic", 1), ("generic", 9)]:
        yield Trial(f"{name}, level {level}", partial(pack, name, level), unpack, np.asarray)


def _openzl_graph(zl: Any, compressor: Any, name: str) -> Any:
    generic = zl.graphs.Compress()(compressor)
    if name == "generic":
        return generic
    lanes = zl.nodes.TransposeSplit()(compressor, zl.graphs.Entropy()(compressor))
    bytes_apart = zl.nodes.ConvertNumToStructLE()(compressor, lanes)
    if name == "bytes apart":
        return bytes_apart
    alphabet = zl.nodes.DeltaInt()(compressor, generic)
    return zl.nodes.TokenizeNumeric(sort=True)(compressor, alphabet, bytes_apart)


def _lzma_integers(column: Column) -> Iterator[Trial]:
    narrow, back = _narrow(column)
    for trial in lzma_trials(narrow):
        yield Trial(trial.settings, trial.pack, trial.unpack, _after(trial.restore, back))


def _narrow(column: Column) -> tuple[Values, Callable[[Values], Values]]:
    """The integers less the lowest in the smallest type that holds them, and the way back."""
    lowest = column.integers.min()
    positive = column.integers - lowest
    narrow = positive.astype(np.min_scalar_type(positive.max()))
    return narrow, lambda whole: column.quantizer.to_values(whole.astype(np.int64) + lowest)


def _sz3(column: Column) -> Iterator[Trial]:
    pysz = package("pysz")
    if column.tolerance.kind == "lossless":
        raise NotApplicableError("SZ3 is lossy")
    axis = _Axis(column)
    for algorithm in ("INTERP_LORENZO", "INTERP", "LORENZO_REG", "NOPRED"):
        config = pysz.szConfig(len(axis.values))
        config.errorBoundMode = pysz.szErrorBoundMode.ABS
        config.absErrorBound = axis.bound
        config.cmprAlgo = getattr(pysz.szAlgorithm, algorithm)
        yield Trial(
            algorithm,
            lambda config=config: pysz.sz.compress(axis.values, config)[0],  # type: ignore[misc]
            lambda data: pysz.sz.decompress(data, np.float32, axis.values.shape)[0],
            axis.back,
        )


def _zfp(column: Column) -> Iterator[Trial]:
    zfpy = package("zfpy")
    if column.tolerance.kind == "lossless":
        pack = partial(zfpy.compress_numpy, column.values)
        yield Trial("reversible", pack, zfpy.decompress_numpy, np.asarray)
        return
    axis = _Axis(column)
    for times in (1, 2, 4, 8):  # its errors stay well below the tolerance it is given
        pack = partial(zfpy.compress_numpy, axis.values, tolerance=times * axis.bound)
        yield Trial(f"tolerance times {times}", pack, zfpy.decompress_numpy, axis.back)


def truncated(compress: Callable[[Values], Iterator[Trial]]) -> Callable[..., Iterator[Trial]]:
    """The shortest mantissa in tolerance, then a compressor."""

    def trials(column: Column) -> Iterator[Trial]:
        for keep in range(1, MANTISSA + 1):
            short = rounded(column.values, keep)
            if largest_error(column.values, short, column.tolerance) <= 1:
                yield from compress(short)
                return

    return trials


def _root(name: str, **options: int) -> Callable[[Column], Iterator[Trial]]:
    """The values as in the baskets of a branch, in order and big-endian, by a general compressor."""

    def trials(column: Column) -> Iterator[Trial]:
        module = package(name)
        pack = partial(module.compress, column.values.astype(">f4").tobytes(), **options)
        yield Trial(
            ", ".join(f"{option} {value}" for option, value in options.items()),
            pack,
            module.decompress,
            lambda restored: np.frombuffer(restored, ">f4").astype(np.float32),
        )

    return trials


def lzma_trials(values: Values) -> Iterator[Trial]:
    """Layouts of the bytes and parameters of LZMA-9."""
    width = values.itemsize.bit_length() - 1
    for layout, (data, back) in _layouts(values).items():
        window = max(len(data), 1 << 12)  # that of the preset takes 700 MB
        preset = {"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": window}
        for lc, lp, pb in {(3, 0, 2), (0, 0, 0), (0, width, width)}:
            chain = [preset | {"lc": lc, "lp": lp, "pb": pb}]
            pack = partial(lzma.compress, data, lzma.FORMAT_ALONE, filters=chain)
            yield Trial(f"{layout}, lc={lc} lp={lp} pb={pb}", pack, lzma.decompress, back)


def _zstd(values: Values) -> Iterator[Trial]:
    zstandard = package("zstandard")
    for layout, (data, back) in _layouts(values).items():
        for level in (5, 22):
            pack = partial(zstandard.compress, data, level)
            yield Trial(f"{layout}, level {level}", pack, zstandard.decompress, back)


def _layouts(values: Values) -> Layouts:
    """The bytes of an array in order, and transposed: all first bytes, all second bytes, ..."""
    matrix = values.view(np.uint8).reshape(len(values), values.itemsize)

    def plain(data: bytes) -> Values:
        return np.frombuffer(data, values.dtype)

    def transposed(data: bytes) -> Values:
        columns = np.frombuffer(data, np.uint8).reshape(values.itemsize, -1)
        return np.ascontiguousarray(columns.T).view(values.dtype)[:, 0]

    return {
        "plain": (matrix.tobytes(), plain),
        "transposed": (np.ascontiguousarray(matrix.T).tobytes(), transposed),
    }


def _after(
    first: Callable[[Any], Values], second: Callable[[Values], Values]
) -> Callable[[Any], Values]:
    return lambda data: second(first(data))


class _Axis:
    """A column transformed so that its bound is absolute: linear below the floor, else log."""

    def __init__(self, column: Column) -> None:
        tolerance = column.tolerance
        self.floor = 0.0
        self.values, self.bound = column.values, tolerance.value
        if tolerance.kind == "relative":
            sizes = np.abs(column.values.astype(np.float64))
            self.floor = tolerance.floor or float(sizes[sizes > 0].min())
            sizes /= self.floor
            axis = np.where(sizes < 1, sizes, 1 + np.log(np.maximum(sizes, 1)))
            self.values = np.copysign(axis, column.values).astype(np.float32)
            # less what rounding to float32 loses, on this axis and back
            self.bound = np.log1p(tolerance.value) - 2.0**-24 * (axis.max() + 1)

    def back(self, restored: Values) -> Values:
        """The column from restored values on this axis."""
        if not self.floor:
            return restored
        sizes = np.abs(restored.astype(np.float64))
        sizes = np.where(sizes < 1, sizes, np.exp(np.maximum(sizes, 1) - 1)) * self.floor
        return np.copysign(sizes, restored).astype(np.float32)


TOOLS: dict[str, Callable[[Column], Iterator[Trial]]] = {
    PCODEC: _pcodec,
    "OpenZL on the same integers": _openzl,
    "LZMA-9 on the same integers": _lzma_integers,
    "SZ3": _sz3,
    "zfp": _zfp,
    "mantissa truncation, LZMA-9": truncated(lzma_trials),
    "mantissa truncation, ZSTD": truncated(_zstd),
    "ROOT, lossless, LZMA-9": _root("lzma", preset=9),
    "ROOT, lossless, ZSTD-5": _root("zstandard", level=5),
    "ROOT, lossless, ZLIB-6": _root("zlib", level=6),
}
