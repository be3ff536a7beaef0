"""``python -m benchmarks.scale EVENTS.root``: time and memory to compress 10^5 to 10^8 jets.

The events are repeated in a file, and each file is compressed in a process of its own.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import uproot

from benchmarks import fresh, machine
from benchmarks.output import table_console, write_json

JETS = (10**5, 10**6, 10**7, 10**8)
_REPEATED = 10**7  # larger files are compressed once
# Linux starts a process with the peak memory of its parent, which is below 100 MB here
_COMPRESS = """
import json, resource, sys, time
import atlasae
start = time.perf_counter()
atlasae.compress(sys.argv[1], sys.argv[2], force=True)
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps([seconds, time.process_time(), peak]))
"""


def measure(events: Path, repeats: int, largest: int) -> list[dict[str, Any]]:
    """Least seconds and largest memory of some repeats, by number of jets."""
    with uproot.open(events) as file:
        jets = int(file["Events"]["nJet"].array(library="np").sum())
    return [
        _measured(events, max(number // jets, 1), jets, repeats if number <= _REPEATED else 1)
        for number in JETS
        if number <= largest
    ]


def _measured(events: Path, copies: int, jets: int, repeats: int) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.root", Path(folder) / "small.root"
        fresh.repeated(events, source, copies, uproot.ZLIB(1))
        runs = [fresh.run(_COMPRESS, str(source), str(target))[0] for _ in range(repeats)]
        seconds, core_seconds, _ = min(runs)
        return {
            "jets": copies * jets,
            "seconds": seconds,
            "core_seconds": core_seconds,  # with the start of the process
            "peak_bytes": max(run[2] for run in runs),
            "source_bytes": source.stat().st_size,
            "target_bytes": target.stat().st_size,
        }


@click.command()
@click.argument("events", type=click.Path(path_type=Path))
@click.option("--output", default="benchmarks/results/scale.json", show_default=True)
@click.option("--repeats", default=2, show_default=True, type=click.IntRange(min=1))
@click.option("--largest", default=JETS[-1], show_default=True, help="Number of jets.")
def main(events: Path, output: str, repeats: int, largest: int) -> None:
    """Compress EVENTS, repeated to up to 10^8 jets."""
    rows = measure(events, repeats, largest)
    write_json(output, {"machine": machine.facts(), "repeats": repeats, "rows": rows})
    console = table_console()
    for row in rows:
        console.print(
            f"{row['jets']:,} jets: {row['seconds']:.1f} s, at most {row['peak_bytes'] / 1e6:.0f} MB"
        )
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
