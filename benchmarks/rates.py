"""``python -m benchmarks.rates JETS.pkl EVENTS.root``: bits per jet within a tolerance, and speed.

Other tools code the same jets within the same tolerance; see ``benchmarks.cases`` for the jets.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

# numpy's matrix library reads these once, when numpy is first imported
for _library in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np

from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.coding.entropy import EntropyEncoder
from atlasae.density.event_inputs import ColumnInputs
from atlasae.jets.table import Table, to_table
from benchmarks import cases, free_order, machine, peers, small_samples, speed
from benchmarks.output import table_console, write_json
from benchmarks.tools import largest_error, versions

if TYPE_CHECKING:
    from rich.console import Console

    from benchmarks.tools import Column

TIMED = (cases.PICKLE, cases.DIJETS)
_FITS = 3  # the first of a process may compile or load kernels


def measure(case: cases.Case, repeats: int) -> dict[str, Any]:
    """Rate, error and speed of the codec on one case, and of other tools."""
    codec, seconds = _fitted(case)
    coded = codec.encode(case.test)
    decoded = to_table(codec.decode(coded))
    worst = {
        name: largest_error(values, decoded.columns[name], codec.tolerances_[name])
        for name, values in case.test.columns.items()
    }
    jets, counts = len(case.test), case.test.counts
    count_bytes, cross_entropy, columns = density_of(codec, case.test)
    rates = peers.rates(columns)
    return {
        "name": case.name,
        "jets": jets,
        "train_jets": len(case.train),
        "bits": 8 * (len(coded) - count_bytes) / jets,
        "events": None if counts is None else len(counts),
        "count_bits_per_event": None if counts is None else 8 * count_bytes / len(counts),
        "cross_entropy_with_counts": cross_entropy / jets,
        "excess": 8 * len(coded) / cross_entropy - 1,
        "codec_bytes": len(codec.to_bytes()),
        "seconds_to_fit": seconds,
        "worst": worst,
        "bound_kept": all(error <= 1 for error in worst.values())
        and (counts is None or counts.tolist() == np.asarray(decoded.counts).tolist()),
        "speed": speed.measure(codec, case, rates, repeats) if case.name in TIMED else None,
        "peers": [asdict(rate) for rate in rates],
    }


def _fitted(case: cases.Case) -> tuple[BoundedCodec, float]:
    """A codec fitted to the training jets, and the least time of some fits, in seconds."""
    seconds = []
    for _ in range(_FITS):
        start = time.perf_counter()
        codec = BoundedCodec(case.tolerance).fit(case.train)
        seconds.append(time.perf_counter() - start)
    return codec, min(seconds)


def density_of(codec: BoundedCodec, table: Table) -> tuple[int, float, dict[str, Column]]:
    """Bytes of the jet counts, cross-entropy in bits with the counts, and the integers."""
    coder = codec._fitted  # noqa: SLF001  (not public)
    density, quantized = coder.density, coder.quantize(table)
    lengths = density.code_lengths(quantized.integers, quantized.counts)
    cross_entropy = float(sum(of.sum() for of in lengths.values()))
    count_bytes = 0
    if (counts := quantized.counts) is not None:
        writer = EntropyEncoder()
        density.code_counts(writer, counts, len(counts))
        count_bytes = len(writer.to_bytes())
        numbers = counts.astype(np.int32)
        of_counts = density.jets_per_event.code_lengths(numbers, ColumnInputs([]))
        cross_entropy += float(of_counts.sum())
    return count_bytes, cross_entropy, peers.columns_of(codec, table)


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print the bits per jet by tool and case, then each case in detail."""
    from rich.table import Table as PrintedTable

    printed = PrintedTable(title="Bits per jet within the tolerance; raw float32: 128")
    printed.add_column("tool", no_wrap=True)
    for row in rows:
        printed.add_column(row["name"], justify="right")
    printed.add_row("atlasae", *(f"{row['bits']:.2f}" for row in rows), style="bold")
    for rates_of_tool in zip(*(row["peers"] for row in rows), strict=True):
        printed.add_row(rates_of_tool[0]["name"], *map(_cell, rates_of_tool))
    console.print(printed)
    for row in rows:
        _show_case(row, console)
    rates = [rate for row in rows for rate in row["peers"] if rate["note"]]
    for note in dict.fromkeys(f"{rate['name']}: {rate['note']}" for rate in rates):
        console.print(note, markup=False)


def _show_case(row: dict[str, Any], console: Console) -> None:
    console.print(
        f"[bold]{row['name']}[/bold]: {row['bits']:.3f} bits per jet,"
        f" {row['excess']:+.2%} above the cross-entropy;"
        f" codec {row['codec_bytes']:,} bytes, fitted in {row['seconds_to_fit']:.2f} s;"
        f" tolerance {'kept' if row['bound_kept'] else 'BROKEN'},"
        f" largest error {max(row['worst'].values()):.4f} of it"
    )
    if row["events"]:
        console.print(f"  jet counts: {row['count_bits_per_event']:.3f} bits per event")
    for name, speeds in row["speed"]["tools"].items() if row["speed"] else ():
        console.print(
            f"  {name}: encode {speeds['encode']:,.1f} MB/s, decode {speeds['decode']:,.1f} MB/s"
        )


def _cell(rate: dict[str, Any]) -> str:
    return "not measured" if rate["bits"] is None else f"{rate['bits']:.2f}"


@click.command()
@click.argument("pickle", type=click.Path())
@click.argument("events", type=click.Path())
@click.option("--output", default="benchmarks/results/rates.json", show_default=True)
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=1))
def main(pickle: str, events: str, output: str, repeats: int) -> None:
    """Measure the bounded codec and other tools on the jets of PICKLE and EVENTS."""
    from rich.console import Console
    from rich.progress import track

    console = table_console()
    to_measure = {case.name: case for case in cases.all_cases(pickle, events)}
    work = track(to_measure.values(), "measuring", console=Console(stderr=True), transient=True)
    rows = [measure(case, repeats) for case in work]
    jets, dijets = to_measure[cases.PICKLE], to_measure[cases.DIJETS]
    small = small_samples.measure({"pickle": jets.train, "dijets": dijets.train})
    free = free_order.measure(jets, dijets)
    result = {
        "machine": machine.facts(),
        "versions": versions(),
        "rows": rows,
        "small_samples": small,
        "free_order": free,
    }
    write_json(output, result)
    show(rows, console)
    small_samples.show(small, console)
    free_order.show(free, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
