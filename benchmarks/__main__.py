"""``python -m benchmarks``: cycles per jet, as a table and as JSON."""

from __future__ import annotations

import os

import click

# numpy's matrix library reads these once, when numpy is first imported, which is below
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
    """Measure the cycles per jet of encoding and decoding, on one thread."""
    from rich.console import Console
    from rich.progress import track

    from benchmarks import cycles_per_jet, cycles_table, machine
    from benchmarks.output import table_console, write_json

    console, progress = table_console(), Console(stderr=True)
    tasks = cycles_per_jet.tasks(largest)
    rows = [
        row
        for task in track(tasks, "measuring", console=progress, transient=True)
        for row in task.rows(cycles_per_jet.batches(largest), repeats)
    ]
    facts = machine.facts()
    result = {
        "machine": facts,
        "rows": [row.to_json() for row in rows],
        "target": cycles_per_jet.target(rows),
        "reference": cycles_per_jet.LUND_REFERENCE,
    }
    write_json(output, result)
    cycles_table.show(rows, facts, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
