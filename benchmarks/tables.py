"""The measurements as a table to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from benchmarks.cycles_per_jet import LUND_REFERENCE, Row, bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

_ALONE = 0.95  # of the time on a processor: less, and the row counts others' cycles


def show(rows: Sequence[Row], facts: dict[str, Any], console: Console) -> None:
    """Print the table, the source of its cycles, and what became of the bar."""
    sizes = sorted({row.batch for row in rows})
    table = Table(
        title="Cycles a jet, one thread: the median, and how far off the quartiles are, by jets in a batch",
        caption=f"cycles: {facts['source_description']}; {facts['processor']};"
        f" numpy {facts['numpy']}, {facts['blas']} ({facts['blas_kernel']})",
    )
    for heading in ("variant", "what"):
        table.add_column(heading, no_wrap=True)
    for size in sizes:
        table.add_column(f"{size:,}", justify="right", no_wrap=True)
    found = {(row.name, row.path, row.direction, row.batch): row for row in rows}
    previous = ""
    for name, path, direction in dict.fromkeys((r.name, r.path, r.direction) for r in rows):
        if previous and name != previous:
            table.add_section()
        cells = [_cell(found[name, path, direction, size]) for size in sizes]
        table.add_row("" if name == previous else name, f"{path}, {direction}", *cells)
        previous = name
    console.print(table)
    low, high = LUND_REFERENCE["cycles"]
    console.print(
        f"{LUND_REFERENCE['name']}: {low:,} to {high:,} there and back, {LUND_REFERENCE['source']}"
    )
    console.print(verdict(rows))
    if shared := [row for row in rows if row.processor_share < _ALONE]:
        console.print(
            f"other processes had the processor for more than {1 - _ALONE:.0%} of the time in"
            f" {len(shared)} of {len(rows)} measurements, whose cycles are therefore too many"
        )


def verdict(rows: Sequence[Row]) -> str:
    """Whether the bar is met, and by how much or not."""
    result = bar(rows)
    parts = []
    for path, value in result["found"].items():
        difference = abs(value - result["cycles"])
        word = "met" if result["met"][path] else "missed"
        parts.append(f"{path} {value:,.0f} ({word} by {difference:,.0f})")
    return (
        f"bar: {result['cycles']:,} cycles to encode a jet with the tanh network in batches of"
        f" {result['batch']:,}: {', '.join(parts)}"
    )


def _cell(row: Row) -> str:
    lower, upper = (
        100 * (quartile / row.cycles - 1)
        for quartile in (row.cycles_lower_quartile, row.cycles_upper_quartile)
    )
    return f"{row.cycles:,.0f}\n[dim]{lower:+.0f} {upper:+.0f} %[/dim]"
