"""What leaving the order free saves: beside the same jets in order, and what there is to save."""

from __future__ import annotations

from math import lgamma, log
from typing import TYPE_CHECKING, Any

from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.jets.table import joined

if TYPE_CHECKING:
    from rich.console import Console

    from atlasae.jets.table import Table
    from benchmarks.rates import Case


def measure(jets: Case, events: Case) -> list[dict[str, Any]]:
    """Jets not trained on, a row each, and all events of a file."""
    both = joined([events.train, events.test])
    return [
        _row(jets, jets.test, bar_bits=30.7, bar_saved=None),
        _row(events, both, bar_bits=None, bar_saved=14.4),
    ]


def _row(
    case: Case, table: Table, *, bar_bits: float | None, bar_saved: float | None
) -> dict[str, Any]:
    sizes = {}
    for order in ("preserved", "free"):
        codec = BoundedCodec(case.tolerance, order=order).fit(case.train)
        sizes[order] = 8 * len(codec.encode(table))
    number = len(table) if table.counts is None else len(table.counts)
    filled = number if table.counts is None else int((table.counts > 0).sum())
    return {
        "name": case.name,
        "orders_of": number,
        "bits": sizes["free"] / len(table),
        "bar_bits": bar_bits,
        "saved": (sizes["preserved"] - sizes["free"]) / number,
        "bar_saved": bar_saved,
        # those without a jet are all alike, so that their order is nothing to be saved
        "there_is": (lgamma(number + 1) - lgamma(number - filled + 1)) / log(2) / number,
    }


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print what is saved a jet or an event, and what became of the bars."""
    for row in rows:
        bars = []
        if (bar := row["bar_bits"]) is not None:
            bars.append(f"bar {bar} bits {_met(row['bits'] <= bar)}")
        if (bar := row["bar_saved"]) is not None:
            bars.append(f"bar {bar} saved {_met(row['saved'] >= bar)}")
        console.print(
            f"[bold]{row['name']}, order free[/bold]: {row['bits']:.3f} bits a jet;"
            f" {row['saved']:.3f} bits saved for each of {row['orders_of']:,}, of"
            f" {row['there_is']:.3f} that there are; {', '.join(bars)}"
        )


def _met(met: bool) -> str:
    return "met" if met else "missed"
