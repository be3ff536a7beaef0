"""``python -m benchmarks.promises JETS.pkl EVENTS.root``: what promises beside the tolerance cost.

And whether ten million jets keep them; and what dither does to a spectrum.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.compiled import kernels
from atlasae.jets.table import to_table
from atlasae.quantization.tolerance import rel
from benchmarks import cases, machine, speed
from benchmarks.output import table_console, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from atlasae.jets.table import Table
    from atlasae.types import Floats, Values
    from benchmarks.cases import Case

CUT, BINS, ETA = 30.0, np.arange(20.0, 2000.0, 10.0), 2.4  # GeV
_ALONE = {"dither": False, "keep_order": False}
_ORDERED = {"dither": True, "keep_order": True}
_CUTS = {"pt": [CUT, *BINS.tolist()], "abs(eta)": [ETA]}
#: What a codec promises, by name; each has what the one before has, but where it says otherwise.
PROMISES: dict[str, dict[str, Any]] = {
    "the tolerance alone": _ALONE,
    "dither": {"dither": True, "keep_order": False},
    "the order of pt": _ORDERED,
    "one cut, pt > 30": _ORDERED | {"cuts": {"pt": [CUT]}},
    "198 bins of pt, abs(eta) < 2.4": _ORDERED | {"cuts": _CUTS},
    "m_jj within 2e-3": _ORDERED | {"cuts": _CUTS, "keep": {"m_jj": 2e-3}},
}
_FLAT = ("the tolerance alone", "dither")  # what jets without events can have
_COMB = 1e-2  # tolerance of pt whose comb is drawn
_LOW, _HIGH, _BINS_PER_STEP = 60.0, 66.0, 10  # GeV
_NARROW = np.arange(40.0, 141.0, 1.0)  # bins of a spectrum, GeV
_CHUNK = 2_000_000  # jets


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Bits per value and the mean of errors, by promise; for the first cases of a kind also speed."""
    names = list(PROMISES) if case.name == cases.DIJETS else list(_FLAT)
    codecs = {
        name: BoundedCodec(case.tolerance, **PROMISES[name]).fit(case.train) for name in names
    }
    is_timed = case.name in (cases.PICKLE, cases.DIJETS)
    return {
        "name": case.name,
        "bits": {name: _bits(codec, case) for name, codec in codecs.items()},
        "mean_error": {name: _mean_errors(codecs[name], case) for name in _FLAT},
        "nanoseconds": speed.of_codecs(codecs, case, repeats) if is_timed else None,
    }


def _bits(codec: BoundedCodec, case: Case) -> float:
    """Bits per value, with the numbers of jets per event."""
    values = len(case.test) * len(case.test.columns)
    return 8 * len(codec.encode(case.test)) / values


def _mean_errors(codec: BoundedCodec, case: Case) -> dict[str, float]:
    """The mean error of each feature in units of the tolerance, over its standard deviation."""
    decoded = to_table(codec.decode(codec.encode(case.test)))
    found = {}
    for name, column in case.test.columns.items():
        values = column.astype(np.float64)
        bound = codec.tolerances_[name].bound(values)
        error = (decoded.columns[name] - values)[bound > 0] / bound[bound > 0]
        found[name] = float(error.mean() * np.sqrt(3 * len(error)))
    return found


def of_many(case: Case, jets: int) -> dict[str, Any]:
    """What so many generated jets keep: with the tolerance alone, and with all but quantities."""
    found: dict[str, Any] = {"jets": 0, "events": 0}
    names = ("the tolerance alone", "198 bins of pt, abs(eta) < 2.4")
    codecs = {
        name: BoundedCodec(case.tolerance, **PROMISES[name]).fit(case.train) for name in names
    }
    for seed in count():
        if found["jets"] >= jets:
            break
        table = speed.enlarged(case, _CHUNK, seed)
        assert table.counts is not None
        found["jets"] += len(table)
        found["events"] += len(table.counts)
        for name, codec in codecs.items():
            decoded = to_table(codec.decode(codec.encode(table)))
            counts = _kept(codec, table, decoded)
            before = found.get(name, dict.fromkeys(counts, 0))
            found[name] = {key: before[key] + value for key, value in counts.items()}
    for name in names:
        old, new = (np.array(found[name].pop(key)) for key in ("before", "after"))
        found[name]["rms of 1 GeV bins"] = float(np.sqrt(np.mean((new / old - 1) ** 2)))
    return found


def _kept(codec: BoundedCodec, table: Table, decoded: Table) -> dict[str, Any]:
    """Numbers of values that break what could be promised, and two spectra.

    They are counted here in plain numpy, and not by what makes or measures the promises.
    """
    pt, eta = ((table.columns[name], decoded.columns[name]) for name in ("pt", "eta"))
    beyond = sum(
        int(np.count_nonzero(_errors(codec, name, table, decoded) > 1)) for name in table.columns
    )
    assert table.counts is not None
    event = np.repeat(np.arange(len(table.counts)), table.counts)
    falls, ties = zip(*((a[1:] < a[:-1], a[1:] == a[:-1]) for a in pt), strict=True)
    is_lost = (falls[0] & ~falls[1]) | (ties[0] & ~ties[1])
    return {
        "beyond the tolerance": beyond,
        "across pt = 30": _crossed(pt, np.array([CUT])),
        "in another bin of pt": _crossed(pt, BINS),
        "across abs(eta) = 2.4": _crossed(eta, np.array([-ETA, ETA])),
        "neighbors in another order, or equal": int(
            np.count_nonzero(is_lost & (event[1:] == event[:-1]))
        ),
        "before": np.histogram(pt[0], _NARROW)[0],
        "after": np.histogram(pt[1], _NARROW)[0],
    }


def _errors(codec: BoundedCodec, name: str, table: Table, decoded: Table) -> Floats:
    """Errors in units of the tolerance."""
    values = table.columns[name].astype(np.float64)
    error = np.abs(decoded.columns[name] - values)
    tolerance = codec.tolerances_[name]
    size = np.maximum(np.abs(values), tolerance.floor)
    bound = tolerance.value * (size if tolerance.kind == "relative" else np.ones(len(values)))
    return np.divide(error, bound, out=np.where(error > 0, np.inf, 0.0), where=bound > 0)


def _crossed(pair: tuple[Values, Values], edges: Floats) -> int:
    edges = edges.astype(pair[0].dtype)
    moved = np.zeros(len(pair[0]), bool)
    for side in ("left", "right"):  # below an edge, at it, or above
        before, after = (np.searchsorted(edges, values, side) for values in pair)
        moved |= before != after
    return int(np.count_nonzero(moved))


def spectrum(case: Case) -> dict[str, Any]:
    """Counts of pt in bins of a tenth of a step: original, without and with dither."""
    edges = np.arange(_LOW, _HIGH, 2 * _COMB * _LOW / _BINS_PER_STEP)
    pt = {"original": case.train.columns["pt"]}
    for name in ("plain", "dither"):
        codec = BoundedCodec({"pt": rel(_COMB)}, features=["pt"], dither=name == "dither")
        codec.fit({"pt": pt["original"]})
        decoded = codec.decode(codec.encode({"pt": pt["original"]}))
        pt[name] = to_table(decoded).columns["pt"]
    counts = {name: np.histogram(values, edges)[0].tolist() for name, values in pt.items()}
    return {"edges": edges.tolist(), "tolerance": _COMB, "counts": counts}


def show(result: dict[str, Any], console: Console) -> None:
    """Print what promises cost, and what many jets keep."""
    for row in result["rows"]:
        first = row["bits"]["the tolerance alone"]
        console.print(f"[bold]{row['name']}[/bold]: {first:.4f} bits per value")
        for name, bits in row["bits"].items():
            console.print(f"  {name}: {bits - first:+.4f} {_ratios(row['nanoseconds'], name)}")
    for name, counts in result["many"].items():
        console.print(name, counts)


def _ratios(timed: dict[str, dict[str, float]] | None, name: str) -> str:
    if timed is None:
        return ""
    first = timed["the tolerance alone"]
    return ", ".join(f"{way} {timed[name][way] / first[way]:.2f}" for way in first)


@click.command()
@click.argument("pickle", type=click.Path())
@click.argument("events", type=click.Path())
@click.option("--output", default="benchmarks/results/promises.json", show_default=True)
@click.option("--repeats", default=7, show_default=True, type=click.IntRange(min=1))
@click.option("--jets", default=10_000_000, show_default=True, type=click.IntRange(min=_CHUNK))
def main(pickle: str, events: str, output: str, repeats: int, jets: int) -> None:
    """Measure what promises cost on the jets of PICKLE and EVENTS."""
    every = {case.name: case for case in cases.all_cases(pickle, events)}
    with kernels(use=True):
        result = {
            "machine": machine.facts(),
            "rows": [measure(c, repeats) for name, c in every.items() if name != cases.NANOAOD],
            "many": of_many(every[cases.DIJETS], jets),
            "spectrum": spectrum(every[cases.DIJETS]),
        }
    write_json(output, result)
    console = table_console()
    show(result, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
