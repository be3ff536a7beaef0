"""``python -m benchmarks.scale EVENTS.root``: time and memory to compress 5 and 15 million jets.

The events are repeated in a file, and each file is compressed in a process of its own.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import uproot

from benchmarks import fresh, machine
from benchmarks.output import table_console, write_json

MILLIONS = (5, 15)
# Linux starts a process with the peak memory of its parent, which is below 100 MB here
_COMPRESS = """
import json, resource, sys, time
import atlasae
start = time.perf_counter()
atlasae.compress(sys.argv[1], sys.argv[2], force=True)
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps([seconds, peak]))
"""


def measure(events: Path, repeats: int) -> list[dict[str, Any]]:
    """Least seconds and largest memory of some repeats, by number of jets."""
    with uproot.open(events) as file:
        jets = int(file["Events"]["nJet"].array(library="np").sum())
    copies = [round(1e6 * millions / jets) for millions in MILLIONS]
    with TemporaryDirectory() as folder:
        sources = [Path(folder) / f"{count}.root" for count in copies]
        for source, count in zip(sources, copies, strict=True):
            fresh.repeated(events, source, count, uproot.ZLIB(1))
        runs = [[_compressed(source) for source in sources] for _ in range(repeats)]
    times = np.array(runs)  # (repeat, size, seconds and bytes)
    return [
        {"jets": count * jets, "seconds": seconds, "peak_bytes": int(peak)}
        for count, seconds, peak in zip(
            copies, times[..., 0].min(axis=0).tolist(), times[..., 1].max(axis=0), strict=True
        )
    ]


def _compressed(source: Path) -> list[float]:
    (seconds, peak), _ = fresh.run(_COMPRESS, str(source), f"{source}.small.root")
    return [seconds, peak]


@click.command()
@click.argument("events", type=click.Path(path_type=Path))
@click.option("--output", default="benchmarks/results/scale.json", show_default=True)
@click.option("--repeats", default=2, show_default=True, type=click.IntRange(min=1))
def main(events: Path, output: str, repeats: int) -> None:
    """Compress EVENTS, repeated to millions of jets."""
    rows = measure(events, repeats)
    write_json(output, {"machine": machine.facts(), "repeats": repeats, "rows": rows})
    console = table_console()
    for row in rows:
        console.print(
            f"{row['jets']:,} jets: {row['seconds']:.1f} s, at most {row['peak_bytes'] / 1e6:.0f} MB"
        )
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
