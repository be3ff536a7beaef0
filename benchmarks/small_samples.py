"""Small samples: bytes of a codec and the jets coded with it, next to pcodec.

pcodec packs the same integers, each column at its best settings, and the jet counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.quantization.quantizers import IntegerQuantizer
from atlasae.quantization.tolerance import LOSSLESS
from benchmarks import peers
from benchmarks.tools import PCODEC, Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from atlasae.jets.table import Table

SIZES = (1000, 2000, 3000, 5000, 10_000)
TOLERANCE = 1e-3


def measure(tables: Mapping[str, Table]) -> list[dict[str, Any]]:
    """Bytes for the first jets of each table; of grouped jets also without their events."""
    rows = []
    for name, table in tables.items():
        rows += [_row(name, _first(table, jets)) for jets in SIZES]
        if table.counts is not None:
            rows += [_row(f"{name}, flat", _first(table.flat(), jets)) for jets in SIZES]
    return rows


def _first(table: Table, jets: int) -> Table:
    """The first whole events with at least so many jets."""
    if table.counts is None:
        return table.span(0, jets)
    return table.span(0, int(np.searchsorted(np.cumsum(table.counts), jets)) + 1)


def _row(name: str, table: Table) -> dict[str, Any]:
    codec = BoundedCodec(TOLERANCE).fit(table, uses=1)
    columns = peers.columns_of(codec, table)
    if table.counts is not None:
        counts = np.asarray(table.counts, np.int64)
        columns["jet counts"] = Column(counts, counts, IntegerQuantizer("int64"), LOSSLESS)
    model, payload = len(codec.to_bytes()), len(codec.encode(table))
    pcodec = peers.rate(PCODEC, columns).bits
    return {
        "name": name,
        "jets": len(table),
        "codec_bytes": model,
        "payload_bytes": payload,
        "sum": model + payload,
        "pcodec_bytes": None if pcodec is None else round(pcodec * len(table) / 8),
    }


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print a table of sizes in bytes."""
    from rich.table import Table as PrintedTable

    printed = PrintedTable(title=f"Bytes of codec and coded jets, tolerance {TOLERANCE:g}")
    for column in ("jets", "", "codec", "coded jets", "sum", "pcodec", "sum/pcodec"):
        printed.add_column(column, justify="left" if not column else "right")
    for row in rows:
        pcodec = row["pcodec_bytes"]
        printed.add_row(
            f"{row['jets']:,}",
            row["name"],
            *(f"{row[key]:,}" for key in ("codec_bytes", "payload_bytes", "sum")),
            *(("-", "-") if pcodec is None else (f"{pcodec:,}", f"{row['sum'] / pcodec:.3f}")),
        )
    console.print(printed)
