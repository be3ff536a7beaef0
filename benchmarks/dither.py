"""``python -m benchmarks.dither JETS.pkl EVENTS.root``: what dither costs, and what it does to a spectrum."""

from __future__ import annotations

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

    from benchmarks.cases import Case

_TIMED = (cases.PICKLE, cases.DIJETS)
_COMB = 1e-2  # tolerance of pt whose comb is drawn
_LOW, _HIGH, _BINS_PER_STEP = 60.0, 66.0, 10  # GeV


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Bits per value, errors and speed with and without dither."""
    codecs = {
        name: BoundedCodec(case.tolerance, dither=name == "dither").fit(case.train)
        for name in ("plain", "dither")
    }
    timed = speed.of_codecs(codecs, case, repeats) if case.name in _TIMED else None
    return {
        "name": case.name,
        "bits": {name: _bits(codec, case) for name, codec in codecs.items()},
        "mean_error": {name: _mean_errors(codec, case) for name, codec in codecs.items()},
        "nanoseconds": timed,
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


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print what dither costs."""
    for row in rows:
        plain, dithered = row["bits"]["plain"], row["bits"]["dither"]
        console.print(f"[bold]{row['name']}[/bold]: {dithered - plain:+.4f} bits per value")
        for direction in row["nanoseconds"]["plain"] if row["nanoseconds"] else ():
            before, after = (row["nanoseconds"][name][direction] for name in ("plain", "dither"))
            console.print(
                f"  {direction}: {before:.1f} to {after:.1f} ns per jet, {after / before - 1:+.1%}"
            )


@click.command()
@click.argument("pickle", type=click.Path())
@click.argument("events", type=click.Path())
@click.option("--output", default="benchmarks/results/dither.json", show_default=True)
@click.option("--repeats", default=7, show_default=True, type=click.IntRange(min=1))
def main(pickle: str, events: str, output: str, repeats: int) -> None:
    """Measure what dither costs on the jets of PICKLE and EVENTS."""
    every = {case.name: case for case in cases.all_cases(pickle, events)}
    with kernels(use=True):
        rows = [measure(case, repeats) for name, case in every.items() if name != cases.NANOAOD]
    result = {
        "machine": machine.facts(),
        "rows": rows,
        "spectrum": spectrum(every[cases.DIJETS]),
    }
    write_json(output, result)
    console = table_console()
    show(rows, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
