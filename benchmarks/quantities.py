"""``python -m benchmarks.quantities EVENTS.root``: what it costs to keep quantities of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.compiled import kernels
from benchmarks import cases, machine, speed
from benchmarks.output import table_console, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from benchmarks.cases import Case

KEPT = (
    "HT: 1e-3",
    "m_jj: 2e-3",
    "m_jj: 2e-3, HT: 1e-3, MHT: abs 0.5",
    "m_jj: 1e-3",
    "m_jj: 5e-4",
    "MHT: 1e-3",
    "max(pt) > 100",
)


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Bits per jet, events with exact values, and time to encode, without and with quantities."""
    codecs = {
        keep or "none": BoundedCodec(case.tolerance, keep=keep).fit(case.train)
        for keep in (None, *KEPT)
    }
    timed = speed.of_codecs(codecs, case, repeats)
    rows = []
    for name, codec in codecs.items():
        blocks = list(codec.encode_blocks(case.test))
        rows.append(
            {
                "keep": name,
                "bits": 8 * sum(len(block.payload) for block in blocks) / len(case.test),
                "exact_events": sum(block.cost.events for block in blocks),
                "exact_bytes": sum(block.cost.bytes for block in blocks),
                "nanoseconds": timed[name],
            }
        )
    assert case.test.counts is not None
    return {
        "name": case.name,
        "events": len(case.test.counts),
        "jets": len(case.test),
        "rows": rows,
    }


def show(result: dict[str, Any], console: Console) -> None:
    """Print what each quantity costs."""
    none = result["rows"][0]
    for row in result["rows"]:
        share = row["exact_events"] / result["events"]
        slower = row["nanoseconds"]["encode"] / none["nanoseconds"]["encode"]
        console.print(
            f"{row['keep']}: {row['bits']:.2f} bits per jet, {share:.2%} of the events,"
            f" {slower:.1f} times the time to encode"
        )


@click.command()
@click.argument("events", type=click.Path())
@click.option("--output", default="benchmarks/results/quantities.json", show_default=True)
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=1))
def main(events: str, output: str, repeats: int) -> None:
    """Measure what it costs to keep quantities of the events of EVENTS."""
    with kernels(use=True):
        result = measure(cases.dijet_case(events), repeats)
    write_json(output, {"machine": machine.facts(), **result})
    console = table_console()
    show(result, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
