"""The cycles per jet as a table on the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from benchmarks.cycles_per_jet import LUND_REFERENCE, Row, target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

_MIN_SHARE = 0.95  # of the time on a processor; below, the cycles include other processes


def show(rows: Sequence[Row], facts: dict[str, Any], console: Console) -> None:
    """Print the table, the counter of its cycles, and whether the target is met."""
    sizes = sorted({row.batch for row in rows})
    table = Table(
        title="Cycles per jet on one thread, by batch size: median, and distance of the quartiles",
        caption=f"cycles: {facts['source_description']}; {facts['processor']};"
        f" numpy {facts['numpy']}, {facts['blas']} ({facts['blas_kernel']})",
    )
    for heading in ("variant", "what"):
        table.add_column(heading, no_wrap=True)
    for size in sizes:
        table.add_column(f"{size:,}", justify="right", no_wrap=True)
    by_key = {(row.name, row.path, row.direction, row.batch): row for row in rows}
    previous = ""
    for name, path, direction in dict.fromkeys((r.name, r.path, r.direction) for r in rows):
        if previous and name != previous:
            table.add_section()
        cells = [_cell(by_key[name, path, direction, size]) for size in sizes]
        table.add_row("" if name == previous else name, f"{path}, {direction}", *cells)
        previous = name
    console.print(table)
    low, high = LUND_REFERENCE["cycles"]
    console.print(
        f"{LUND_REFERENCE['name']}: {low:,} to {high:,} for the round trip, {LUND_REFERENCE['source']}"
    )
    console.print(verdict(rows))
    if shared := [row for row in rows if row.processor_share < _MIN_SHARE]:
        console.print(
            f"{len(shared)} of {len(rows)} measurements shared the processor for more than"
            f" {1 - _MIN_SHARE:.0%} of the time, so their cycles are too many"
        )


def verdict(rows: Sequence[Row]) -> str:
    """Whether the target is met, and by how much."""
    result = target(rows)
    verdicts = []
    for path, value in result["measured"].items():
        difference = abs(value - result["cycles"])
        word = "met" if result["met"][path] else "missed"
        verdicts.append(f"{path} {value:,.0f} ({word} by {difference:,.0f})")
    return (
        f"target: {result['cycles']:,} cycles per jet to encode with the tanh network in batches"
        f" of {result['batch']:,}: {', '.join(verdicts)}"
    )


def _cell(row: Row) -> str:
    lower, upper = (
        100 * (quartile / row.cycles - 1)
        for quartile in (row.cycles_lower_quartile, row.cycles_upper_quartile)
    )
    return f"{row.cycles:,.0f}\n[dim]{lower:+.0f} {upper:+.0f} %[/dim]"
