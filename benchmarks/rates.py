"""``python -m benchmarks.rates JETS.pkl EVENTS.root``: bits a jet within a bound, beside the peers.

Rows of the pickle are shuffled with numpy.random.default_rng(0).permutation, the first 80 % train
and the rest are coded; events are taken in their order, four fifths to train and the rest coded.
"""

from __future__ import annotations

import json
import lzma
import os
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

# numpy's matrix library reads these once, when numpy is first imported
for _library in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np

from atlasae import read_pickle
from atlasae.atomic_write import atomic_write
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.coding.entropy import EntropyEncoder
from atlasae.jets.names import role
from atlasae.jets.table import Table, to_table
from atlasae.quantization.tolerance import Tolerance, abs_, rel
from benchmarks import machine, orders, peers, small

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

BARS = {"distance": 0.005, "encode": 4.0, "decode": 0.6}  # to the cross-entropy; times lzma's speed
TRAIN = 0.8  # of the rows or events
TIMED_JETS = 300_000
SMEAR = 1e-3  # relative, of the copies that are timed
NANOAOD = {"pt": 10, "m": 10, "eta": 12, "phi": 12}  # bits of mantissa
LEAK = (
    "the bar is a prototype's, which saw the leading jet's phi through its recoil; the same"
    " networks without that give 41.2"
)


@dataclass(frozen=True)
class Case:
    """Jets to train on and jets to code, float32; the bar is in bits a jet."""

    name: str
    train: Table
    test: Table
    tolerance: str | dict[str, float | Tolerance]
    bar: float
    note: str = ""


def cases(pickle: str, events: str) -> list[Case]:
    """All that is measured."""
    jets = to_table(read_pickle(pickle))
    shuffled = np.random.default_rng(0).permutation(len(jets))
    jets = Table({name: c.astype(np.float32) for name, c in jets.columns.items()}).rows(shuffled)
    dijets = _events(events)
    short = Table({n: peers.rounded(c, _bits(n)) for n, c in dijets.columns.items()}, dijets.counts)
    bars = {1e-3: 41.3, 1e-2: 28.3, 1e-4: 54.7}
    return [
        *(
            Case(f"pickle, {value:g}", *_split(jets), _tolerance(value, 1.0), bar)
            for value, bar in bars.items()
        ),
        Case("dijets, 0.001", *_split(dijets), _tolerance(1e-3, 1e-3), 39.2, LEAK),
        Case("dijets as in NanoAOD, lossless", *_split(short), "lossless", 48.5),
    ]


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Train, code, compare, time, and do the like with the peers."""
    codec = BoundedCodec(case.tolerance)
    start = time.perf_counter()
    codec.fit(case.train)
    seconds = time.perf_counter() - start
    coded = codec.encode(case.test)
    decoded = to_table(codec.decode(coded))
    worst = {
        name: peers.largest_error(values, decoded.columns[name], codec.tolerances_[name])
        for name, values in case.test.columns.items()
    }
    jets, counts = len(case.test), case.test.counts
    numbers, entropy, columns = _model_of(codec, case.test)
    bits = 8 * (len(coded) - numbers) / jets
    return {
        "name": case.name,
        "note": case.note,
        "jets": jets,
        "train_jets": len(case.train),
        "bar": case.bar,
        "bits": bits,
        "met": bits <= case.bar,
        "events": None if counts is None else len(counts),
        "numbers_bits_an_event": None if counts is None else 8 * numbers / len(counts),
        "cross_entropy_with_numbers": entropy / jets,
        "distance": 8 * len(coded) / entropy - 1,
        "codec_bytes": len(codec.to_bytes()),
        "seconds_to_train": round(seconds, 1),
        "worst": worst,
        "bound_kept": all(error <= 1 for error in worst.values())
        and (counts is None or counts.tolist() == np.asarray(decoded.counts).tolist()),
        "speed": _speed(codec, case, repeats),
        "peers": [asdict(rate) for rate in peers.rates(columns)],
    }


def _model_of(codec: BoundedCodec, table: Table) -> tuple[int, float, dict[str, peers.Column]]:
    """Bytes that the numbers of jets take, cross-entropy with them in bits, and the integers."""
    model = codec._density  # noqa: SLF001  (what it does not show to users)
    quantised = codec._quantize(table)  # noqa: SLF001
    assert model is not None
    entropy = sum(model.bits(quantised.integers, quantised.counts).values())
    numbers = 0
    if (counts := quantised.counts) is not None:
        writer = EntropyEncoder()
        model.code_counts(writer, counts, len(counts))
        numbers = len(writer.to_bytes())
        entropy += model.jets_per_event.bits(counts, np.ones((1, len(counts)), np.float32))
    columns = {
        name: peers.Column(
            table.columns[name],
            lattice.to_integers(table.columns[name]),
            lattice,
            codec.tolerances_[name],
        )
        for name, lattice in codec.quantizers_.items()
    }
    return numbers, entropy, columns


def _speed(codec: BoundedCodec, case: Case, repeats: int) -> dict[str, float]:
    """Megabytes of float32 a second of one thread, beside lzma's on the same bytes."""
    table = _enlarged(case)
    raw = b"".join(column.tobytes() for column in table.columns.values())
    seconds: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.thread_time()
        found = call(*arguments)
        seconds.setdefault(name, []).append(time.thread_time() - start)
        return found

    for _ in range(repeats):
        coded = timed("encode", codec.encode, table)
        packed = timed("lzma_encode", partial(lzma.compress, preset=9), raw)
        timed("decode", codec.decode, coded)
        timed("lzma_decode", lzma.decompress, packed)
    taken = {name: np.array(found) for name, found in seconds.items()}
    return {
        "jets": len(table),
        "repeats": repeats,
        "lzma_factor": len(raw) / len(packed),
        **{name: len(raw) / 1e6 / float(np.median(found)) for name, found in taken.items()},
        # repeat by repeat, since the machine's speed drifts
        "encode_ratio": float(np.median(taken["lzma_encode"] / taken["encode"])),
        "decode_ratio": float(np.median(taken["lzma_decode"] / taken["decode"])),
    }


def _enlarged(case: Case) -> Table:
    """About TIMED_JETS like the coded ones: copies, each in another order and smeared.

    In plain copies lzma would find the repetitions, which no table of jets has.
    """
    generator = np.random.default_rng(0)
    test = case.test
    number = len(test) if test.counts is None else len(test.counts)
    copies = max(1, round(TIMED_JETS / len(test)))
    many = test.events(np.concatenate([generator.permutation(number) for _ in range(copies)]))
    columns = {}
    for name, values in many.columns.items():
        smeared = values * generator.normal(1, SMEAR, len(values)).astype(np.float32)
        smeared = np.clip(smeared, test.columns[name].min(), test.columns[name].max())
        columns[name] = peers.rounded(smeared, _bits(name)) if _is_short(case) else smeared
    return Table(columns, many.counts)


def _is_short(case: Case) -> bool:
    return case.tolerance == "lossless"


def _bits(name: str) -> int:
    return NANOAOD[role(name) or name]


def _events(path: str) -> Table:
    import uproot

    names = ("mass", "pt", "phi", "eta")
    with uproot.open(path) as file:
        arrays = file["Events"].arrays([f"Jet_{name}" for name in names])
    return to_table({name: arrays[f"Jet_{name}"] for name in names})


def _split(table: Table) -> tuple[Table, Table]:
    number = len(table) if table.counts is None else len(table.counts)
    cut = int(TRAIN * number)
    return table.span(0, cut), table.span(cut, number)


def _tolerance(value: float, floor: float) -> dict[str, float | Tolerance]:
    return {
        "pt": rel(value, floor),
        "m": rel(value, floor),
        "eta": abs_(value),
        "phi": abs_(value),
    }


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print bits a jet by tool and case, then what became of the bars."""
    from rich.table import Table as Printed

    printed = Printed(title="Bits a jet within the bound; raw float32: 128")
    printed.add_column("tool", no_wrap=True)
    for row in rows:
        printed.add_column(row["name"], justify="right")
    printed.add_row("atlasae", *(f"{row['bits']:.2f}" for row in rows), style="bold")
    for of_tool in zip(*(row["peers"] for row in rows), strict=True):
        printed.add_row(of_tool[0]["name"], *(_cell(rate) for rate in of_tool))
    console.print(printed)
    for row in rows:
        speed, missed = row["speed"], row["bits"] - row["bar"]
        console.print(
            f"[bold]{row['name']}[/bold]: {row['bits']:.3f} bits a jet, bar {row['bar']}"
            f" {'met' if row['met'] else 'missed'} by {abs(missed):.3f};"
            f" {row['distance']:+.2%} from the cross-entropy"
            f" ({_met(row['distance'] <= BARS['distance'])} {BARS['distance']:.1%});"
            f" encode {speed['encode']:.1f} MB/s, {speed['encode_ratio']:.2f} times lzma's"
            f" ({_met(speed['encode_ratio'] >= BARS['encode'])} {BARS['encode']:g});"
            f" decode {speed['decode']:.1f} MB/s, {speed['decode_ratio']:.2f} times"
            f" ({_met(speed['decode_ratio'] >= BARS['decode'])} {BARS['decode']:g});"
            f" codec {row['codec_bytes']:,} bytes, trained in {row['seconds_to_train']:.0f} s;"
            f" bound {'kept' if row['bound_kept'] else 'BROKEN'},"
            f" largest error {max(row['worst'].values()):.4f} of it"
        )
        if row["events"]:
            console.print(f"  numbers of jets: {row['numbers_bits_an_event']:.3f} bits an event")
        if row["note"]:
            console.print(f"  {row['note']}")
    rates = [rate for row in rows for rate in row["peers"] if rate["note"]]
    for note in dict.fromkeys(f"{rate['name']}: {rate['note']}" for rate in rates):
        console.print(note)


def _met(met: bool) -> str:
    return "meets the bar of" if met else "misses the bar of"


def _cell(rate: dict[str, Any]) -> str:
    return "not measured" if rate["bits"] is None else f"{rate['bits']:.2f}"


@click.command()
@click.argument("pickle", type=click.Path())
@click.argument("events", type=click.Path())
@click.option("--output", default="benchmarks/results/rates.json", show_default=True)
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=1))
def main(pickle: str, events: str, output: str, repeats: int) -> None:
    """Measure the bounded codec on the jets of PICKLE and EVENTS, and the peers with it."""
    from rich.console import Console
    from rich.progress import track

    console = Console()
    if not console.is_terminal:
        console.width = 128
    measured = cases(pickle, events)
    work = track(measured, "measuring", console=Console(stderr=True), transient=True)
    rows = [measure(case, repeats) for case in work]
    few = small.measure(
        {case.name.split(",")[0]: case.train for case in (measured[0], measured[3])}
    )
    free = orders.measure(measured[0], measured[3])
    result = {
        "machine": machine.facts(),
        "versions": peers.versions(),
        "bars": BARS,
        "rows": rows,
        "small": few,
        "orders": free,
    }
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(output, force=True) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(rows, console)
    small.show(few, console)
    orders.show(free, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
