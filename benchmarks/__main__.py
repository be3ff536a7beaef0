"""``python -m benchmarks``: cycles a jet, as a table and as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

# numpy's matrix library reads these once, when numpy is first imported: it is imported below
for _library in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB"):
    for _name in ("NUM_THREADS", "MAXIMUM_THREADS"):
        os.environ[f"{_library}_{_name}"] = "1"


@click.command()
@click.option("--output", default="benchmarks/results/cycles.json", show_default=True)
@click.option("--repeats", default=11, show_default=True, type=click.IntRange(min=3))
@click.option(
    "--largest",
    default=100_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Jets in the largest batch.",
)
def main(output: str, repeats: int, largest: int) -> None:
    """Measure the cycles a jet of encoding and decoding, on one thread."""
    from rich.console import Console
    from rich.progress import track

    from atlasae.atomic_write import atomic_write
    from benchmarks import cycles_per_jet, machine, tables

    console = Console()
    if not console.is_terminal:
        console.width = 128  # the table's, which a file need not fold
    progress = Console(stderr=True)
    work = cycles_per_jet.work(largest)
    rows = [
        row
        for measured in track(work, "measuring", console=progress, transient=True)
        for row in measured.rows(cycles_per_jet.batches(largest), repeats)
    ]
    facts = machine.facts()
    result = {
        "machine": facts,
        "rows": [row.to_json() for row in rows],
        "bar": cycles_per_jet.bar(rows),
        "reference": cycles_per_jet.LUND_REFERENCE,
    }
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(output, force=True) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    tables.show(rows, facts, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
