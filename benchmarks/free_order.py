"""What order='free' saves: next to the same jets in order, and to what the order is worth."""

from __future__ import annotations

from math import lgamma, log
from typing import TYPE_CHECKING, Any

from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.jets.table import joined

if TYPE_CHECKING:
    from rich.console import Console

    from atlasae.jets.table import Table
    from benchmarks.cases import Case


def measure(jets: Case, events: Case) -> list[dict[str, Any]]:
    """The test jets of a case without events, and all events of another."""
    return [_row(jets, jets.test), _row(events, joined([events.train, events.test]))]


def _row(case: Case, table: Table) -> dict[str, Any]:
    bits = {}
    for order in ("preserved", "free"):
        codec = BoundedCodec(case.tolerance, order=order).fit(case.train)
        bits[order] = 8 * len(codec.encode(table))
    total = len(table) if table.counts is None else len(table.counts)
    empty = 0 if table.counts is None else int((table.counts == 0).sum())
    return {
        "name": case.name,
        "unit": "jet" if table.counts is None else "event",
        "total": total,
        "bits": bits["free"] / len(table),
        "saved": (bits["preserved"] - bits["free"]) / total,
        # log2 of the number of distinct orders: empty events are all alike
        "order_bits": (lgamma(total + 1) - lgamma(empty + 1)) / log(2) / total,
    }


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print what is saved per jet or event."""
    for row in rows:
        console.print(
            f"[bold]{row['name']}, order='free'[/bold]: {row['bits']:.3f} bits per jet;"
            f" {row['saved']:.3f} bits saved per {row['unit']} ({row['total']:,} in all), of"
            f" {row['order_bits']:.3f} that the order takes"
        )
