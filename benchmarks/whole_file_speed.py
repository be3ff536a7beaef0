"""Time and memory to compress, read and restore a whole file, on one core, beside zlib and uproot.

Times are of the processor, and all of one process, so that ratios hold on a busy machine. atlasae packs
from the source to the file: fitting, coding and verifying. The time to read the source is taken off,
because zlib starts from the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import fresh, nanoaod_like

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

_START = """
import json, os, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import atlasae
from atlasae import Codec
lossless = {"codec": Codec.bounded(tolerance="lossless"), "threads": 1}
source, small, back = sys.argv[1:]
seconds = {}
def timed(name, call):
    start = time.process_time()
    result = call()
    seconds[name] = time.process_time() - start
    return result
"""
_TIMES = (
    _START
    + """
import zlib
import uproot
from atlasae.lossless.columns import CollectedBuffers
with atlasae.open(source) as file:
    arrays = timed("read the source", lambda: file["Events"].arrays())
columns = {name: arrays[name] for name in arrays.fields}
block = CollectedBuffers(columns).buffers
slots = [slot for slot in range(len(block.slots)) if block.source(slot) == slot]
raw = [block.buffer(slot).tobytes() for slot in slots]
packed = timed("zlib packs", lambda: [zlib.compress(data, 6) for data in raw])
timed("zlib reads", lambda: [zlib.decompress(data) for data in packed])
atlasae.compress(atlasae.sample(), small, force=True)  # the kernels are loaded
timed("atlasae packs", lambda: atlasae.compress(source, small, force=True, **lossless))
seconds["atlasae packs"] -= seconds["read the source"]
with atlasae.open(small, threads=1) as file:
    timed("atlasae reads", lambda: file["Events"].arrays())
timed("atlasae restores", lambda: atlasae.decompress(small, back, threads=1, force=True))
def write():
    types = {name: values.type.content for name, values in columns.items()}
    with uproot.open(source) as file:
        compression = file.file.compression
    with uproot.recreate(back, compression=compression) as out:
        tree = out.mktree("Events", types, counter_name=lambda name: "n" + name.split("_")[0])
        for start in range(0, len(arrays), PIECE):
            tree.extend({name: values[start : start + PIECE] for name, values in columns.items()})
timed("uproot writes", write)
print(json.dumps({"seconds": seconds, "raw_bytes": sum(map(len, raw))}))
"""
)
_MEMORY = (
    _START
    + """
import resource
def peak():
    if os.path.exists("/proc/self/status"):  # ru_maxrss would be that of the parent, if it is larger
        with open("/proc/self/status") as status:
            return 1024 * int(status.read().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
atlasae.compress(source, small, force=True, **lossless)
print(json.dumps([before, peak()]))
"""
)


def measure(source: Path, events: int, folder: Path) -> dict[str, Any]:
    """Seconds of each step, and the peak of the memory over the start with a third and all events."""
    fewer = folder / "fewer.root"
    nanoaod_like.write(fewer, events // 3)
    targets = [str(folder / name) for name in ("small.root", "back.root")]
    memory = []
    for path in (fewer, source):
        (before, peak), _ = fresh.run(_MEMORY, str(path), *targets)
        memory.append({"source_bytes": path.stat().st_size, "before": before, "peak": peak})
    code = _TIMES.replace("PIECE", str(nanoaod_like.CLUSTER))
    times, _ = fresh.run(code, str(source), *targets)
    seconds = times["seconds"]
    return {
        **times,
        "pack_ratio": seconds["zlib packs"] / seconds["atlasae packs"],
        "read_ratio": seconds["zlib reads"] / seconds["atlasae reads"],
        "restore_ratio": seconds["atlasae restores"] / seconds["uproot writes"],
        "memory": memory,
    }


def show(speed: dict[str, Any], console: Console) -> None:
    """Print the speeds, and the memory."""
    raw = speed["raw_bytes"] / 1e6
    console.print(f"{raw:,.0f} MB of values, one core:")
    for name, seconds in speed["seconds"].items():
        console.print(f"  {name}: {seconds:.1f} s, {raw / seconds:,.1f} MB/s")
    for row in speed["memory"]:
        console.print(
            f"compress {row['source_bytes'] / 1e6:,.0f} MB:"
            f" {(row['peak'] - row['before']) / 1e6:,.0f} MB of memory over the start,"
            f" {row['peak'] / 1e6:,.0f} MB in all"
        )
