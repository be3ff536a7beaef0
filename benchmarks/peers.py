"""Other compressors on the same jets, column by column, at the best settings in tolerance."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from atlasae.codecs.bounded.codec import BoundedCodec
    from atlasae.jets.table import Table
    from atlasae.quantization.quantizers import Quantizer
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Values


PACKAGES = ("pcodec", "pysz", "zfpy", "zstandard", "uproot")
PCODEC = "pcodec on the same integers"
MANTISSA = 23  # bits, of float32


@dataclass(frozen=True)
class Column:
    """One feature of the jets to compress.

    Attributes:
        values: shape (n,).
        integers: the values quantized by atlasae, shape (n,), int64.
        quantizer: gives values for integers.
        tolerance: the largest error allowed.
    """

    values: Values
    integers: Values
    quantizer: Quantizer
    tolerance: Tolerance


@dataclass(frozen=True)
class Trial:
    """One column compressed with some settings: bytes, and the restored values."""

    settings: str
    size: int
    restored: Values


@dataclass(frozen=True)
class Rate:
    """What a tool needs for the jets.

    Attributes:
        name: of the tool.
        bits: per jet; None if it was not measured, for the reason in ``note``.
        worst: the largest error, in units of the tolerance.
        settings: by feature.
        note: why it was not measured.
    """

    name: str
    bits: float | None
    worst: float | None
    settings: dict[str, str]
    note: str


class NotApplicableError(Exception):
    """A tool cannot compress these jets within the tolerance."""


def columns_of(codec: BoundedCodec, jets: Table) -> dict[str, Column]:
    """The jets as the columns to compress, quantized as by a fitted codec."""
    return {
        name: Column(
            jets.columns[name],
            quantizer.to_integers(jets.columns[name]),
            quantizer,
            codec.tolerances_[name],
        )
        for name, quantizer in codec.quantizers_.items()
    }


def rates(columns: Mapping[str, Column]) -> list[Rate]:
    """The rate of every tool on these columns."""
    return [rate(name, columns) for name in TOOLS]


def versions() -> dict[str, str]:
    """Versions of the installed packages among the tools'."""
    installed = {}
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


def rate(name: str, columns: Mapping[str, Column]) -> Rate:
    """The rate of one tool on these columns, at the best setting of each."""
    size, worst, settings = 0, 0.0, {}
    try:
        for feature, column in columns.items():
            in_tolerance = [
                (trial.size, trial.settings, error)
                for trial in TOOLS[name](column)
                if (error := largest_error(column.values, trial.restored, column.tolerance)) <= 1
            ]
            if not in_tolerance:
                raise NotApplicableError(f"no setting keeps the tolerance of {feature}")  # noqa: TRY301
            best, settings[feature], error = min(in_tolerance)
            size, worst = size + best, max(worst, error)
    except (MissingPackageError, NotApplicableError) as error:
        return Rate(name, None, None, {}, f"not measured: {error}")
    jets = len(next(iter(columns.values())).values)
    return Rate(name, 8 * size / jets, worst, settings, "")


def _pcodec(column: Column) -> Iterator[Trial]:
    pcodec = package("pcodec")
    whole = column.integers.astype(np.int32)
    deltas = {"no delta": pcodec.DeltaSpec.no_op(), "auto delta": pcodec.DeltaSpec.auto()}
    modes = {"classic": pcodec.ModeSpec.classic(), "auto mode": pcodec.ModeSpec.auto()}
    for level, mode, delta in product((8, 10, 12), modes, deltas):
        config = pcodec.ChunkConfig(level, modes[mode], deltas[delta])
        data = pcodec.standalone.simple_compress(whole, config)
        restored = np.asarray(pcodec.standalone.simple_decompress(data), np.int64)
        settings = f"level {level}, {mode}, {delta}"
        yield Trial(settings, len(data), column.quantizer.to_values(restored))


def _lzma_integers(column: Column) -> Iterator[Trial]:
    lowest = column.integers.min()
    positive = column.integers - lowest
    narrow = positive.astype(np.min_scalar_type(positive.max()))
    for trial in _lzma(narrow):
        whole = trial.restored.astype(np.int64) + lowest
        yield Trial(trial.settings, trial.size, column.quantizer.to_values(whole))


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
        data, _ = pysz.sz.compress(axis.values, config)
        restored, _ = pysz.sz.decompress(data, np.float32, axis.values.shape)
        yield Trial(algorithm, data.nbytes, axis.back(restored))


def _zfp(column: Column) -> Iterator[Trial]:
    zfpy = package("zfpy")
    if column.tolerance.kind == "lossless":
        data = zfpy.compress_numpy(column.values)
        yield Trial("reversible", len(data), zfpy.decompress_numpy(data))
        return
    axis = _Axis(column)
    for times in (1, 2, 4, 8):  # its errors stay well below the tolerance it is given
        data = zfpy.compress_numpy(axis.values, tolerance=times * axis.bound)
        restored = axis.back(zfpy.decompress_numpy(data))
        yield Trial(f"tolerance times {times}", len(data), restored)


def _truncated(compress: Callable[[Values], Iterator[Trial]]) -> Callable[..., Iterator[Trial]]:
    """The shortest mantissa in tolerance, then a compressor."""

    def trials(column: Column) -> Iterator[Trial]:
        for keep in range(1, MANTISSA + 1):
            short = rounded(column.values, keep)
            if largest_error(column.values, short, column.tolerance) <= 1:
                for trial in compress(short):
                    settings = f"{keep} bits, {trial.settings}"
                    yield Trial(settings, trial.size, trial.restored)
                return

    return trials


def _root(compression: str, levels: tuple[int, ...]) -> Callable[[Column], Iterator[Trial]]:
    """A branch of a TTree: the size of its compressed baskets in a file."""

    def trials(column: Column) -> Iterator[Trial]:
        uproot = package("uproot")
        for level in levels:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "jets.root"
                with uproot.recreate(path, compression=getattr(uproot, compression)(level)) as file:
                    file.mktree("jets", {"column": np.float32}).extend({"column": column.values})
                with uproot.open(path) as file:
                    branch = file["jets/column"]
                    restored = branch.array(library="np").astype(np.float32)
                    size = int(branch.compressed_bytes)
            yield Trial(f"level {level}", size, restored)

    return trials


def _lzma(values: Values) -> Iterator[Trial]:
    width = values.itemsize.bit_length() - 1
    for layout, (data, back) in _layouts(values).items():
        for lc, lp, pb in {(3, 0, 2), (0, 0, 0), (0, width, width)}:
            chain = [{"id": lzma.FILTER_LZMA1, "preset": 9, "lc": lc, "lp": lp, "pb": pb}]
            coded = lzma.compress(data, lzma.FORMAT_ALONE, filters=chain)
            restored = back(lzma.decompress(coded))
            yield Trial(f"{layout}, lc={lc} lp={lp} pb={pb}", len(coded), restored)


def _zstd(values: Values) -> Iterator[Trial]:
    zstandard = package("zstandard")
    for layout, (data, back) in _layouts(values).items():
        for level in (5, 22):
            coded = zstandard.compress(data, level)
            restored = back(zstandard.decompress(coded))
            yield Trial(f"{layout}, level {level}", len(coded), restored)


def _layouts(values: Values) -> dict[str, tuple[bytes, Callable[[bytes], Values]]]:
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
    "LZMA-9 on the same integers": _lzma_integers,
    "SZ3": _sz3,
    "zfp": _zfp,
    "mantissa truncation, LZMA-9": _truncated(_lzma),
    "mantissa truncation, ZSTD": _truncated(_zstd),
    "ROOT, lossless, LZMA-9": _root("LZMA", (9,)),
    "ROOT, lossless, ZSTD": _root("ZSTD", (5, 9, 19)),
}
