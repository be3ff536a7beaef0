"""``python -m benchmarks.reading EVENTS.root``: a branch read in a new process, beside uproot.

The events are repeated, and written by uproot with LZMA. uproot reads this file, and atlasae the
same compressed. The time is from the opening of the file until the array is there, after the import of
what opens it: atlasae imports uproot when ``atlasae.open`` is first asked for, and so before. What
compiling the kernels takes is measured too.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import uproot

import atlasae
from benchmarks import fresh, machine
from benchmarks.output import table_console, write_json

COPIES = 5
SOME, ALL = "entries 1,000 to 2,000", "all entries"
_PARTS = {SOME: (1000, 2000), ALL: (None, None)}
_READ = """
import json, sys, time
from {package} import open as open_file
start = time.perf_counter()
with open_file(sys.argv[1]) as file:
    file["Events"]["Jet_pt"].array(entry_start={start}, entry_stop={stop})
print(json.dumps(time.perf_counter() - start))
"""
_COMPILE = """
import json, time
from atlasae import machine_code
start = time.process_time()
machine_code.compile_program(machine_code.read_program().text)
print(json.dumps(time.process_time() - start))
"""


def measure(events: Path, repeats: int) -> dict[str, Any]:
    """Least seconds to read each part of the branch, of the whole process, and to compile kernels."""
    with TemporaryDirectory() as folder:
        original, small = Path(folder) / "events.root", Path(folder) / "small.root"
        entries = fresh.repeated(events, original, COPIES, uproot.LZMA(9))
        atlasae.compress(original, small)
        files = {"uproot": original, "atlasae": small}
        rows = [_row(name, part, files, repeats) for name, part in _PARTS.items()]
        sizes = {package: path.stat().st_size for package, path in files.items()}
    compiling = min(fresh.run(_COMPILE)[0] for _ in range(repeats))
    return {
        "entries": entries,
        "bytes": sizes,
        "repeats": repeats,
        "rows": rows,
        "compile_seconds": compiling,
    }


def _row(
    name: str, part: tuple[int | None, int | None], files: dict[str, Path], repeats: int
) -> dict[str, Any]:
    times: dict[str, list[tuple[float, float]]] = {package: [] for package in files}
    for _ in range(repeats):
        for package, path in files.items():
            code = _READ.format(package=package, start=part[0], stop=part[1])
            times[package].append(fresh.run(code, str(path)))
    read, process = (
        {package: min(seconds[i] for seconds in times[package]) for package in files}
        for i in range(2)
    )
    return {
        "name": name,
        "read": read,
        "process": process,
        "ratio": read["atlasae"] / read["uproot"],
    }


@click.command()
@click.argument("events", type=click.Path(path_type=Path))
@click.option("--output", default="benchmarks/results/reading.json", show_default=True)
@click.option("--repeats", default=7, show_default=True, type=click.IntRange(min=1))
def main(events: Path, output: str, repeats: int) -> None:
    """Read Jet_pt of EVENTS, repeated, by atlasae and by uproot."""
    result = {"machine": machine.facts(), **measure(events, repeats)}
    write_json(output, result)
    console = table_console()
    for row in result["rows"]:
        console.print(
            f"Jet_pt, {row['name']} of {result['entries']:,}: {row['ratio']:.2f} times uproot's time"
            f" ({row['read']['atlasae']:.3f} s; the whole process {row['process']['atlasae']:.2f} s,"
            f" uproot's {row['process']['uproot']:.2f} s)"
        )
    console.print(f"kernels compiled in {result['compile_seconds']:.1f} s of CPU")
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
