"""Compressors whose promises are compared with atlasae's: one column of jets, the settings that are tried.

- compression-safeguards corrects what another compressor restores, until a promise holds.
- The reduced floats of ROOT's RNTuple, Real32Trunc and Real32Quant, written and read by ROOT itself.
- LC, a framework that generates compressors, from a copy of https://github.com/burtscher/LC-framework.
- Rounded mantissas, as in CMS NanoAOD, by a general compressor.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import count, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.optional import needs_extra
from benchmarks.tools import (
    PCODEC,
    TOOLS,
    NotApplicableError,
    Trial,
    number_of_bytes,
    package,
    truncated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Values
    from benchmarks.tools import Column

    Tool = Callable[[Column], Iterator[Trial]]

CUT = 30.0  # GeV, of pt
BINS = np.arange(20, 2001, 10.0)  # GeV, of pt
# of each two neighbors in the column, whether or not they are of one event
_NEIGHBORS = [{"axis": 0, "before": 0, "after": 1, "boundary": "valid"}]
_EXACTLY = {"type": "abs", "eb": 0}
_ORDER = {
    "kind": "qoi_eb_stencil",
    "qoi": "sign(X[1] - X[0])",
    "neighbourhood": _NEIGHBORS,  # a name of the library
    **_EXACTLY,
}
_BINS = {"kind": "qoi_eb_pw", "qoi": "floor(x / 10)", **_EXACTLY}
#: What is promised of pt, and the safeguards for it beside that of the bound.
PROMISES: dict[str, list[dict[str, Any]]] = {
    "bound": [],
    "bound, order": [_ORDER],
    "bound, pt > 30": [{"kind": "sign", "offset": CUT}],
    "bound, 10 GeV bins": [_BINS],
    "bound, order, 10 GeV bins": [_ORDER, _BINS],
}

_MEMORY = Path("/dev/shm")  # a file system in memory
_NUMBERS = count()  # of files
_SIGN_AND_EXPONENT = 9  # bits, of float32
_COMPRESSIONS = {"ZSTD-5": 505, "LZMA-7": 207}  # the default of RNTuple, and what ROOT does best
#: Pipelines of LC by the kind of the bound: the best of all with three components, the last a reducer, on
#: pt and m, and on eta and phi of the dijets (``lc DATA CR "QUANT_REL_0_f32(0.001)" ".+ .+ R.+|C.+|H.+"``).
_PIPELINES = {
    "relative": ("BIT_4 HCLOG_8 RZE_1",),
    "absolute": ("BIT_4 RZE_2", "TUPL6_8 TUPL6_8 RAZE_4"),
}
_COMPILER = [
    "g++",
    "-O3",
    "-march=native",
    "-fopenmp",
    "-mno-fma",
    "-ffp-contract=off",
    "-I.",
    "-std=c++17",
]
_ROOT_CODE = """
#include <ROOT/RField.hxx>
#include <ROOT/RNTupleInspector.hxx>
#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleReader.hxx>
#include <ROOT/RNTupleWriteOptions.hxx>
#include <ROOT/RNTupleWriter.hxx>
namespace atlasae_anchors {
void write(const char *path, const float *values, std::size_t n, int bits, float low, float high,
           int compression) {
  auto model = ROOT::RNTupleModel::Create();
  auto field = std::make_unique<ROOT::RField<std::vector<float>>>("x");
  auto &item = dynamic_cast<ROOT::RField<float> &>(*field->GetMutableSubfields()[0]);
  if (low < high) item.SetQuantized(bits, {low, high}); else item.SetTruncated(bits);
  model->AddField(std::move(field));
  ROOT::RNTupleWriteOptions options;
  options.SetCompression(compression);
  auto writer = ROOT::RNTupleWriter::Recreate(std::move(model), "Events", path, options);
  auto entry = writer->CreateEntry();
  auto list = entry->GetPtr<std::vector<float>>("x");
  for (std::size_t i = 0; i < n; i += 4096) {
    list->assign(values + i, values + std::min(i + 4096, n));
    writer->Fill(*entry);
  }
}
void read(const char *path, float *values) {
  auto reader = ROOT::RNTupleReader::Open("Events", path);
  auto view = reader->GetView<std::vector<float>>("x");
  for (auto i : reader->GetEntryRange()) {
    auto &list = view(i);
    values = std::copy(list.begin(), list.end(), values);
  }
}
std::size_t bytes(const char *path) {
  return ROOT::Experimental::RNTupleInspector::Create("Events", path)->GetCompressedSize();
}
}
"""


def safeguarded(promise: str) -> Tool:
    """compression-safeguards around SZ3, and alone, with a promise beside the bound."""

    def trials(column: Column) -> Iterator[Trial]:
        api, lossless = (
            package("compression_safeguards.api"),
            package("numcodecs_safeguards.lossless"),
        )
        guards = api.Safeguards(safeguards=[_bound(column.tolerance), *PROMISES[promise]])
        coders = {
            "default": lossless.Lossless().for_corrections,
            "ZSTD-22": package("numcodecs").Zstd(level=22),
        }
        inner = [*TOOLS["SZ3"](column), _nothing(column)]
        for (name, coder), trial in product(coders.items(), inner):
            yield _corrected(column.values, trial, guards, coder, f"{trial.settings}, {name}")

    return trials


def _bound(tolerance: Tolerance) -> dict[str, Any]:
    relative = {"kind": "eb", "type": "rel", "eb": tolerance.value}
    if tolerance.kind == "absolute":
        return relative | {"type": "abs"}
    if not tolerance.floor:
        return relative
    absolute = {"kind": "eb", "type": "abs", "eb": tolerance.value * tolerance.floor}
    return {"kind": "any", "safeguards": [relative, absolute]}


def _nothing(column: Column) -> Trial:
    """A compressor that keeps nothing, so that all is corrected."""
    return Trial("alone", bytes, bytes, lambda _: np.zeros_like(column.values))


def _corrected(values: Values, trial: Trial, guards: Any, coder: Any, settings: str) -> Trial:
    """A compressor, and the corrections of what it restores."""

    def pack() -> tuple[Any, bytes]:
        data = trial.pack()
        correction = guards.compute_correction(values, trial.restore(trial.unpack(data)))
        return data, bytes(coder.encode(correction)) if correction.any() else b""

    def unpack(packed: tuple[Any, bytes]) -> Values:
        data, corrections = packed
        restored = trial.restore(trial.unpack(data))
        if not corrections:
            return restored
        correction = np.frombuffer(coder.decode(corrections), np.uint32)
        corrected: Values = guards.apply_correction(restored, correction)
        return corrected

    return Trial(
        settings, pack, unpack, np.asarray, lambda packed: sum(map(number_of_bytes, packed))
    )


def truncated_by_root(compression: str) -> Tool:
    """Real32Trunc: the first bits of each float."""

    def trials(column: Column) -> Iterator[Trial]:
        for bits in range(_SIGN_AND_EXPONENT + 9, _SIGN_AND_EXPONENT + 15):
            yield _by_root(column, bits, compression)

    return trials


def quantized_by_root(compression: str) -> Tool:
    """Real32Quant: steps of one size from the least value to the largest."""

    def trials(column: Column) -> Iterator[Trial]:
        limits = float(column.values.min()), float(column.values.max())
        for bits in range(11, 33):
            yield _by_root(column, bits, compression, limits)

    return trials


def _by_root(
    column: Column, bits: int, compression: str, limits: tuple[float, float] = (0.0, 0.0)
) -> Trial:
    """Written as an RNTuple, in lists of 4,096 values; its size is that of the compressed pages."""
    root = _root()
    path = str(_folder() / f"{next(_NUMBERS)}.root")

    def pack() -> str:
        values = np.ascontiguousarray(column.values)
        root.write(path, values, len(values), bits, *limits, _COMPRESSIONS[compression])
        return path

    def unpack(packed: str) -> Values:
        restored = np.empty_like(column.values)
        root.read(packed, restored)
        return restored

    return Trial(f"{bits} bits", pack, unpack, np.asarray, lambda packed: int(root.bytes(packed)))


@cache
def _root() -> Any:
    with needs_extra("root", "an RNTuple of reduced floats"):
        root = import_module("ROOT")
    if not root.gInterpreter.Declare(_ROOT_CODE):
        raise NotApplicableError("ROOT cannot compile the program that writes its reduced floats")
    return root.atlasae_anchors


def lc(source: str | None) -> Tool:
    """LC, generated and compiled from a copy of its repository; one thread."""

    def trials(column: Column) -> Iterator[Trial]:
        if source is None:
            raise NotApplicableError("no copy of LC is given, with --lc")
        kind = column.tolerance.kind
        quantizer = {"relative": "QUANT_REL_0_f32", "absolute": "QUANT_ABS_0_f32"}[kind]
        for pipeline in _PIPELINES[kind]:
            programs = _generated(source, f"{quantizer}({column.tolerance.value:g})", pipeline)
            yield Trial(
                pipeline,
                partial(_run, programs["compress"], column.values.tobytes()),
                partial(_run, programs["decompress"]),
                lambda data: np.frombuffer(data, np.float32)[: len(column.values)],
            )

    return trials


@cache
def _generated(source: str, quantizer: str, pipeline: str) -> dict[str, str]:
    """Programs that compress and decompress by a pipeline of LC."""
    generator = "generate_standalone_CPU_compressor_decompressor.py"
    subprocess.run(
        [sys.executable, generator, quantizer, pipeline],
        cwd=source,
        check=True,
        capture_output=True,
    )
    programs = {}
    for name in ("compress", "decompress"):
        program = str(_folder() / f"{name} {quantizer} {pipeline}")
        code = f"{name}or-standalone.cpp"
        subprocess.run([*_COMPILER, "-o", program, code], cwd=source, check=True)
        programs[name] = program
    return programs


def _run(program: str, data: bytes) -> bytes:
    before, after = (_folder() / name for name in ("before", "after"))
    before.write_bytes(data)
    subprocess.run([program, before, after], check=True, capture_output=True)
    return after.read_bytes()


@cache
def _temporary() -> TemporaryDirectory[str]:
    return TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)


def _folder() -> Path:
    """A folder for files of this process, in memory where the system has such."""
    return Path(_temporary().name)


def _zlib_6(values: Values) -> Iterator[Trial]:
    yield Trial(
        "as in a basket of ROOT",
        partial(zlib.compress, values.astype(">f4").tobytes(), 6),
        zlib.decompress,
        lambda restored: np.frombuffer(restored, ">f4").astype(np.float32),
    )


def bound_tools(lc_source: str | None) -> dict[str, Tool]:
    """The tools that keep a bound and no more."""
    return {
        PCODEC: TOOLS[PCODEC],
        "SZ3": TOOLS["SZ3"],
        "LC": lc(lc_source),
        "zfp": TOOLS["zfp"],
        **{f"ROOT Real32Quant, {name}": quantized_by_root(name) for name in _COMPRESSIONS},
        **{f"ROOT Real32Trunc, {name}": truncated_by_root(name) for name in _COMPRESSIONS},
        "rounded mantissa, LZMA-9": TOOLS["mantissa truncation, LZMA-9"],
        "rounded mantissa, ZLIB-6": truncated(_zlib_6),
    }


def anchor_versions(lc_source: str | None) -> dict[str, str]:
    """Versions of the packages here that are installed, and the commit of LC."""
    found = {}
    for name in ("compression-safeguards", "root"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    if lc_source is not None:
        git = ["git", "rev-parse", "--short=12", "HEAD"]
        found["LC"] = subprocess.run(
            git, cwd=lc_source, check=True, capture_output=True, text=True
        ).stdout.strip()
    return found
