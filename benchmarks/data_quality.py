"""Measure how often the monitor of examples/data_quality.py finds an effect in 1,000 jets.

python -m benchmarks.data_quality EVENTS writes benchmarks/results/data_quality.json.
"""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

import atlasae
from atlasae.jets.table import Table, to_table
from benchmarks.output import table_console, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

WIDTHS = (0.1, 0.2, 0.3, 0.4)  # of dead regions, rad
SHIFTS = (-5, -2, -1, -0.5, 0.5, 1, 2, 5)  # of the energies, percent
PT_CUT = 25.0  # GeV, of jets that are selected after the shift
LARGE_SHIFTS = (-10, -5, 5, 10)  # of the energies of these
HEADINGS = ("effect", "windows with an alarm", "clearest in", "mean significance")


@click.command()
@click.argument("events", type=click.Path(exists=True))
@click.option("--output", default="benchmarks/results/data_quality.json", show_default=True)
def main(events: str, output: str) -> None:
    """Monitor windows of the jets of EVENTS, good ones and others."""
    jets = to_table(atlasae.read_jets(events)).flat()
    monitor, others = monitored(jets, lambda table: table)
    rows = [row(monitor, "none", others)]
    rows += [row(monitor, f"dead region, {w} rad of phi", dead(others, w)) for w in WIDTHS]
    rows += [row(monitor, f"energies {s:+g} %", scaled(others, s)) for s in SHIFTS]
    monitor, others = monitored(jets, selected)
    rows.append(row(monitor, f"none, pt > {PT_CUT:g} GeV", selected(others)))
    rows += [
        row(monitor, f"energies {s:+g} %, then pt > {PT_CUT:g} GeV", selected(scaled(others, s)))
        for s in LARGE_SHIFTS
    ]
    result = {"window": example()["WINDOW"], "alarm": example()["ALARM"], "rows": rows}
    write_json(output, result)
    show(rows, table_console())
    print(f"written: {output}")


@cache
def example() -> dict[str, Any]:
    """What the example defines."""
    return runpy.run_path(str(Path(__file__).parents[1] / "examples" / "data_quality.py"))


def monitored(jets: Table, select: Callable[[Table], Table]) -> tuple[Any, Table]:
    """A monitor that learned from some selected jets, and the other jets, unselected."""
    good, others = map(jets.rows, np.array_split(np.arange(len(jets)), 2))
    return example()["Monitor"](select(good)), others


def selected(jets: Table) -> Table:
    """The jets above PT_CUT."""
    return jets.rows(np.flatnonzero(jets.columns["pt"] > PT_CUT))


def dead(jets: Table, width: float) -> Table:
    """Without a region of phi."""
    made: Table = example()["dead"](jets, width)
    return made


def scaled(jets: Table, percent: float) -> Table:
    """With energies that are so much higher."""
    made: Table = example()["scaled"](jets, 1 + percent / 100)
    return made


def row(monitor: Any, effect: str, jets: Table) -> dict[str, Any]:
    """How many windows of jets give an alarm, and where most of the significance is."""
    found = np.array([monitor.significance(window) for window in example()["windows"](jets)])
    largest, mean = found.max(axis=(1, 2)), found.mean(axis=0)
    question, feature = np.unravel_index(mean.argmax(), mean.shape)
    return {
        "effect": effect,
        "windows": len(found),
        "alarms": int(np.sum(largest > example()["ALARM"])),
        "feature": monitor.features[feature],
        "question": example()["QUESTIONS"][question],
        "significance": round(float(mean.max()), 1),
    }


def cells(rows: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The rows as text."""
    for one in rows:
        clear = one["significance"] >= 2
        yield (
            one["effect"],
            f"{one['alarms']} of {one['windows']}",
            f"{one['feature']}, {one['question']}" if clear else "",
            f"{one['significance']:.1f}" if clear else "",
        )


def table(result: dict[str, Any]) -> str:
    """The rows as a table of a document."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *cells(result["rows"])]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print a row for each effect."""
    from rich.table import Table as PrintedTable

    printed = PrintedTable(title=f"Alarms in windows of {example()['WINDOW']:,} jets")
    for heading in HEADINGS:
        printed.add_column(heading)
    for one in cells(rows):
        printed.add_row(*one)
    console.print(printed)


if __name__ == "__main__":
    main()
