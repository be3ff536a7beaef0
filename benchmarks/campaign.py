"""``python -m benchmarks.campaign``: twenty files of half a million jets, as a campaign would have them.

They are compressed, checked, merged and read by one command each: by one process, by two, and by two
workers of Dask. One run is killed half-way and resumed.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import uproot

from benchmarks import fresh, generated_jets, machine
from benchmarks.output import table_console, write_json

JETS_PER_EVENT = 6  # of the generator, about
_CHUNK = 20_000  # events
_HOW = {
    "one job": ("--jobs", "1"),
    "two jobs": ("--jobs", "2"),
    "Dask, two workers": ("--dask", "local", "--jobs", "2"),
}
_READ = """
import json, sys
import awkward as ak
import atlasae
jets = sum(int(ak.sum(ak.num(chunk["Jet_pt"]))) for chunk in atlasae.iterate(sys.argv[1] + ":Events"))
print(json.dumps(jets))
"""


def write(path: Path, jets: int, seed: int) -> int:
    """Write generated jets as a TTree; gives their number."""
    events, written = jets // JETS_PER_EVENT, 0
    with uproot.recreate(path, compression=uproot.ZLIB(1)) as file:
        for first in range(0, events, _CHUNK):
            number = min(_CHUNK, events - first)
            rows = generated_jets.at_generator(np.random.default_rng((seed, first)), number)
            numbers = (first + np.arange(number)).astype(np.uint64)
            columns = {"Jet": rows.jagged(), "event": numbers}
            if not first:
                types = {"Jet": columns["Jet"].type.content, "event": numbers.dtype}
                file.mktree("Events", types)
            file["Events"].extend(columns)
            written += len(rows)
    return written


def measure(folder: Path, files: int, jets: int) -> dict[str, Any]:
    """What each command takes, and what comes of a run that is killed.

    Args:
        folder: to work in.
        files: how many.
        jets: of all files.
    """
    data, codecs = folder / "data", folder / "codecs.safetensors"
    data.mkdir()
    written = sum(write(data / f"{i:02}.root", jets // files, i) for i in range(files))
    seconds = {"fit": _command("fit", data, codecs)}
    runs = []
    for name, how in _HOW.items():
        out = folder / name.replace(" ", "-")
        taken = _command("compress", data, "-o", out, "--codec", codecs, "--threads", "1", *how)
        summary = json.loads((out / "summary.json").read_text())
        runs.append(_run(name, taken, summary) | {"digest": _digest(out)})
    small = folder / "two-jobs"
    seconds["check"] = _command("check", data, small, "--jobs", "2", "--threads", "1")
    seconds["merge"] = _command("merge", *sorted(small.glob("*.root")), folder / "whole.root")
    read, seconds["read"] = fresh.run(_READ, str(small / "*.root"))
    return {
        "files": files,
        "jets": written,
        "jets_read": read,
        "seconds": seconds,
        "runs": runs,
        "resumed": _killed_and_resumed(data, folder / "resumed", codecs, files // 3),
    }


def _command(*arguments: str | Path) -> float:
    """Run a command of atlasae that must go well; gives the seconds."""
    start = time.perf_counter()
    subprocess.run(_line(*arguments), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _line(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "atlasae", *map(str, arguments)]


def _run(name: str, seconds: float, summary: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "seconds": seconds,  # with the start of the processes
        "source_bytes": summary["source_bytes"],
        "target_bytes": summary["target_bytes"],
        "memory": max(file["memory"] for file in summary["files"]),
    }


def _killed_and_resumed(data: Path, out: Path, codecs: Path, done: int) -> dict[str, Any]:
    """Kill a run when some files are done, and give the same command again."""
    line = _line("compress", data, "-o", out, "--codec", codecs, "--jobs", "2", "--threads", "1")
    process = subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and len(list(out.glob("*.root"))) < done:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    summary = json.loads((out / "summary.json").read_text())
    return {"counts": summary["counts"], "digest": _digest(out)}


def _digest(folder: Path) -> str:
    """A hash of the compressed files of a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.root")):
        found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


@click.command()
@click.option("--files", default=20, show_default=True, type=click.IntRange(min=3))
@click.option("--jets", default=10_000_000, show_default=True, help="Of all files.")
@click.option("--output", default="benchmarks/results/campaign.json", show_default=True)
def main(files: int, jets: int, output: str) -> None:
    """Compress, check, merge and read generated files; takes minutes."""
    with TemporaryDirectory() as folder:
        result = measure(Path(folder), files, jets)
    write_json(output, {"machine": machine.facts(), **result})
    console = table_console()
    for run in result["runs"]:
        console.print(
            f"{run['name']}: {run['seconds']:.1f} s, {run['memory'] / 1e6:.0f} MB,"
            f" {run['target_bytes'] / run['source_bytes']:.3f} of the sources"
        )
    for name, seconds in result["seconds"].items():
        console.print(f"{name}: {seconds:.1f} s")
    console.print(f"resumed: {result['resumed']['counts']}")
    same = {result["resumed"]["digest"], *(run["digest"] for run in result["runs"])}
    console.print("the same bytes" if len(same) == 1 else "OTHER BYTES")
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
