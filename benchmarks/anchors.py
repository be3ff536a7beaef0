"""``python -m benchmarks.anchors EVENTS.root``: what compressors promise, what they keep, and what it costs.

All code the same jets within the same tolerance, some with promises beside it: no jet crosses a cut on
pt, or an edge of bins of 10 GeV. The codec of atlasae is fitted to the jets that it codes, and its bytes
count.
"""

from __future__ import annotations

import os
import resource
import subprocess
import zlib
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import click

# the matrix libraries, and LC, read these once
for _library in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np

from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.compiled import kernels
from atlasae.errors import MissingPackageError
from atlasae.jets.table import Table, joined, to_table
from atlasae.quantization.tolerance import restricted
from benchmarks import cases, machine, peers, speed
from benchmarks.anchor_tools import BINS, CUT, PROMISES, anchor_versions, bound_tools, safeguarded
from benchmarks.output import table_console, write_json
from benchmarks.rates import density_of
from benchmarks.tools import NotApplicableError, largest_error, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from numpy.typing import NDArray
    from rich.console import Console

    from atlasae.quantization.tolerance import ToleranceSpec
    from atlasae.types import Values
    from benchmarks.anchor_tools import Tool
    from benchmarks.tools import Column, Trial

    Calls = tuple[Callable[[], Any], Callable[[Any], Any]]  # to pack, to unpack

ATLASAE = "atlasae"
SAFEGUARDS = "compression-safeguards"
TOLERANCE = 1e-3  # of pt, relative
#: What is promised, and the options of the codec for it.
VARIANTS: dict[str, dict[str, Any]] = {
    "bound": {"dither": False, "keep_order": False},
    "bound, order": {"dither": False},
    "bound, order, dither": {},
    "bound, order, pt > 30": {"dither": False, "cuts": {"pt": CUT}},
    "bound, order, 10 GeV bins": {"dither": False, "cuts": {"pt": BINS}},
    "bound, order, 10 GeV bins, dither": {"cuts": {"pt": BINS}},
}
_FINE_BINS = np.arange(40, 141.0)  # GeV, of pt, with some hundred jets or more
TIMED_JETS = 1_000_000
DIRECTIONS = ("encode", "decode")
_ENOUGH_SECONDS = 20  # a tool that took so long is not timed again


@dataclass(frozen=True)
class Anchor:
    """One tool with one promise, measured.

    Attributes:
        name: of the tool.
        promise: what it keeps: the bound, and maybe more.
        row: figures, ready for JSON.
        calls: code the jets that are timed, and decode them: pt alone, and all four features; none
            if nothing was measured.
    """

    name: str
    promise: str
    row: dict[str, Any]
    calls: Mapping[str, Calls] = field(default_factory=dict)


def effects(original: Values, decoded: Values, counts: Values) -> dict[str, float]:
    """What became of pt: jets that crossed edges, pairs that lost their order, bins, and the error.

    Args:
        original: pt of all jets, shape (n,), in GeV.
        decoded: the same after decoding.
        counts: jets of each event, whose pt descends.
    """
    bound = TOLERANCE * original.astype(np.float64)
    first = np.cumsum(counts)[counts >= 2] - counts[counts >= 2]
    lost = (original[first] > original[first + 1]) & (decoded[first] <= decoded[first + 1])
    gained = (original[first] == original[first + 1]) & (decoded[first] != decoded[first + 1])
    before, after = (np.histogram(pt, _FINE_BINS)[0] for pt in (original, decoded))
    moved = (after - before) / np.maximum(before, 1)
    return {
        "across_cut": int(np.count_nonzero((original > CUT) != (decoded > CUT))),
        "across_edges": int(
            np.count_nonzero(np.digitize(original, BINS) != np.digitize(decoded, BINS))
        ),
        "pairs": int(np.count_nonzero(lost | gained)),
        "distinct": len(np.unique(decoded)),
        "fine_bins": float(np.sqrt(np.mean(moved**2))),
        "mean_error": float(np.mean((decoded - original.astype(np.float64)) / bound)),
    }


def of_tool(
    promise: str,
    name: str,
    tools: Mapping[str, Tool],
    columns: Mapping[str, Column],
    timed: Mapping[str, Column],
    counts: Values,
) -> Anchor:
    """Measure a tool, by feature, on the columns of the jets."""
    try:
        best = {
            feature: peers.best(tools[feature](column), feature, column)
            for feature, column in columns.items()
        }
    except (MissingPackageError, NotApplicableError, subprocess.CalledProcessError) as error:
        return Anchor(name, promise, {"note": f"not measured: {error}"})
    trial = best["pt"].trial
    decoded = trial.restore(trial.unpack(trial.pack()))
    row = {
        "settings": {feature: one.trial.settings for feature, one in best.items()},
        "bytes": {"pt": best["pt"].size, "all": sum(one.size for one in best.values())},
        "worst": max(one.error for one in best.values()),
        **effects(columns["pt"].values, decoded, counts),
    }
    calls = {
        feature: _same_trial(tools[feature](column), best[feature].trial.settings)
        for feature, column in timed.items()
    }
    every = partial(_pack_all, calls.values()), partial(_unpack_all, calls.values())
    return Anchor(name, promise, row, {"pt": calls["pt"], "all": every})


def _same_trial(trials: Iterator[Trial], settings: str) -> Calls:
    trial = next(trial for trial in trials if trial.settings == settings)
    return trial.pack, trial.unpack


def _pack_all(calls: Collection[Calls]) -> list[Any]:
    return [pack() for pack, _ in calls]


def _unpack_all(calls: Collection[Calls], packed: list[Any]) -> None:
    for (_, unpack), data in zip(calls, packed, strict=True):
        unpack(data)


def of_codec(
    promise: str,
    options: Mapping[str, Any],
    jets: Table,
    timed: Table,
    tolerance: ToleranceSpec,
) -> Anchor:
    """Measure the bounded codec on the jets."""
    tables, timed_tables = (
        {"pt": Table({"pt": of.columns["pt"]}, of.counts), "all": of} for of in (jets, timed)
    )
    codecs = {name: _fitted(options, table, tolerance) for name, table in tables.items()}
    decoded = to_table(codecs["all"].decode(codecs["all"].encode(jets))).columns
    errors = [
        largest_error(values, decoded[name], codecs["all"].tolerances_[name])
        for name, values in jets.columns.items()
    ]
    row = {
        "settings": {},
        "bytes": {name: _stored(codec, tables[name]) for name, codec in codecs.items()},
        "worst": max(errors),
        **effects(jets.columns["pt"], decoded["pt"], np.asarray(jets.counts)),
    }
    calls = {
        name: (
            partial(codec.encode, timed_tables[name], threads=1),
            partial(codec.decode, threads=1),
        )
        for name, codec in codecs.items()
    }
    return Anchor(ATLASAE, promise, row, calls)


def _fitted(options: Mapping[str, Any], jets: Table, tolerance: ToleranceSpec) -> BoundedCodec:
    names = tuple(jets.columns)
    return BoundedCodec(restricted(tolerance, names), features=names, **options).fit(jets)


def _stored(codec: BoundedCodec, jets: Table) -> int:
    """Bytes of the coded jets and of the codec, less those of the numbers of jets in events."""
    count_bytes, *_ = density_of(codec, jets)
    return len(codec.encode(jets)) + len(codec.to_bytes()) - count_bytes


def measured(
    jets: Table, timed: Table, tolerance: ToleranceSpec, lc_source: str | None
) -> list[Anchor]:
    """All tools and promises on the same jets."""
    plain = _fitted(VARIANTS["bound"], jets, tolerance)
    columns, timed_columns = (peers.columns_of(plain, table) for table in (jets, timed))
    guarded = dict.fromkeys(columns, safeguarded("bound"))
    tools = [
        *(("bound", name, dict.fromkeys(columns, t)) for name, t in bound_tools(lc_source).items()),
        *((promise, SAFEGUARDS, {**guarded, "pt": safeguarded(promise)}) for promise in PROMISES),
    ]
    counts = np.asarray(jets.counts)
    return [
        *(
            of_codec(promise, options, jets, timed, tolerance)
            for promise, options in VARIANTS.items()
        ),
        *(of_tool(*tool, columns, timed_columns, counts) for tool in tools),
    ]


def add_speeds(anchors: list[Anchor], timed: Table, repeats: int) -> dict[str, dict[str, float]]:
    """Put megabytes of jets per second into the rows, and return those of zlib-6; all take turns."""
    of_zlib: dict[str, dict[str, float]] = {}
    for what in ("pt", "all"):
        data = [c.tobytes() for name, c in timed.columns.items() if what in (name, "all")]
        every = [(partial(zlib.compress, one, 6), zlib.decompress) for one in data]
        calls: list[Calls] = [(partial(_pack_all, every), partial(_unpack_all, every))]
        calls += [one.calls[what] for one in anchors if one.calls]
        rows = [of_zlib, *(one.row.setdefault("speed", {}) for one in anchors if one.calls)]
        megabytes = sum(map(len, data)) / 1e6
        for row, seconds in zip(rows, _least_seconds(calls, repeats), strict=True):
            row[what] = dict(zip(DIRECTIONS, (megabytes / seconds).tolist(), strict=True))
    return of_zlib


def _least_seconds(calls: list[Calls], repeats: int) -> list[NDArray[np.float64]]:
    """Least processor time of each call in some repeats, in seconds."""
    seconds: list[list[tuple[float, float]]] = [[] for _ in calls]
    for _ in range(repeats):
        for (pack, unpack), times in zip(calls, seconds, strict=True):
            if sum(map(sum, times)) > _ENOUGH_SECONDS:
                continue
            start = _processor_seconds()
            packed = pack()
            middle = _processor_seconds()
            unpack(packed)
            times.append((middle - start, _processor_seconds() - middle))
    return [np.min(times, axis=0) for times in seconds]


def _processor_seconds() -> float:
    """Processor time of this process, and of the programs that it ran."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def show(result: dict[str, Any], console: Console) -> None:
    """Print a line for each tool and promise."""
    for row in result["rows"]:
        name = f"{row['tool']} ({row['promise']})"
        if "note" in row:
            console.print(f"{name}: {row['note']}", markup=False)
            continue
        sizes = " and ".join(f"{size / result['jets']:.3f}" for size in row["bytes"].values())
        speeds = ", ".join(
            f"{row['speed'][what][way] / result['zlib-6'][what][way]:.2f}"
            for what, way in product(row["speed"], DIRECTIONS)
        )
        console.print(
            f"{name}: {sizes} bytes per jet, {speeds} of zlib-6, error {row['worst']:.4f},"
            f" {row['across_cut']} across the cut, {row['across_edges']} across edges,"
            f" {row['pairs']} pairs, {row['distinct']:,} distinct, mean {row['mean_error']:+.4f};"
            f" {row['settings']}",
            markup=False,
        )


@click.command()
@click.argument("events", type=click.Path())
@click.option("--lc", "lc_source", type=click.Path(), help="A copy of the repository of LC.")
@click.option("--output", default="benchmarks/results/anchors.json", show_default=True)
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=1))
def main(events: str, lc_source: str | None, output: str, repeats: int) -> None:
    """Measure what compressors keep of the jets of EVENTS."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    case = cases.dijet_case(events)
    jets = joined([case.train, case.test])
    timed = speed.enlarged(case, TIMED_JETS)
    with kernels(use=True):
        anchors = measured(jets, timed, case.tolerance, lc_source)
        zlib_6 = add_speeds(anchors, timed, repeats)
    rows = [{"tool": one.name, "promise": one.promise, **one.row} for one in anchors]
    result = {
        "machine": machine.facts(),
        "versions": versions() | anchor_versions(lc_source),
        "jets": len(jets),
        "timed_jets": len(timed),
        "tolerance": TOLERANCE,
        "zlib-6": zlib_6,
        "rows": rows,
    }
    write_json(output, result)
    console = table_console()
    show(result, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
