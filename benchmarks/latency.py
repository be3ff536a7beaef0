"""``python -m benchmarks.latency``: the time from one jet to its latents, median and 99 %."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from atlasae import AutoencoderCodec, Codec
from benchmarks import machine
from benchmarks.output import table_console, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlasae.types import Float32s

_WARM_UP = 100  # untimed jets at first
_TRAINING = 2000  # jets; speed does not depend on how well a network is trained


@click.command()
@click.option("--output", default="benchmarks/results/latency.json", show_default=True)
@click.option("--jets", "number", default=10_000, show_default=True, type=click.IntRange(min=100))
def main(output: str, number: int) -> None:
    """Time the encoder 4-200-100-50-3 on one jet after another, scaling included, on one thread."""
    from rich.table import Table

    jets = _jets(number + _WARM_UP)
    rows = {name: _percentiles(call, jets) for name, call in _encoders().items()}
    facts = machine.facts()
    write_json(output, {"machine": facts, "jets": number, "microseconds": rows})
    table = Table("encoder", "median [µs]", "99 % [µs]", title=facts["processor"])
    for name, row in rows.items():
        table.add_row(name, f"{row['median']:.1f}", f"{row['99 %']:.1f}")
    table_console().print(table)


def _encoders() -> dict[str, Callable[[Float32s], Any]]:
    """Functions of one jet, shape (1, 4), by name."""
    import onnxruntime

    training = _jets(_TRAINING)
    names = ("m", "pt", "phi", "eta")
    columns = {name: training[:, i] for i, name in enumerate(names)}
    codec = Codec.autoencoder(encoder="learned", network="original", epochs=1).fit(
        columns, device="cpu"
    )
    integers = codec.quantized(columns, epochs=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        codec.export_onnx(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options)
    return {
        "numpy": _network(codec),
        "onnxruntime": lambda jet: session.run(None, {"features": jet}),
        "integers of 8 bits, numpy": _network(integers),
        "numpy, from a table of jets": lambda jet: codec.encode(
            {name: jet[:, i] for i, name in enumerate(names)}
        ),
    }


def _network(codec: Codec) -> Callable[[Float32s], Any]:
    """Scaling and network alone, without what looks at the jets before."""
    assert isinstance(codec, AutoencoderCodec)
    scaling, encoder = codec.scaling_, codec.model_.require_encoder()
    return lambda jet: encoder(scaling.forward(jet.astype(np.float64)))


def _jets(number: int) -> Float32s:
    """Generated jets, shape (number, 4)."""
    rng = np.random.default_rng(0)
    pt = 20 + rng.exponential(40, number)
    columns = (
        pt * rng.uniform(0.05, 0.3, number),
        pt,
        rng.uniform(-np.pi, np.pi, number),
        rng.normal(0, 2, number),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _percentiles(call: Callable[[Float32s], Any], jets: Float32s) -> dict[str, float]:
    """Median and 99 % of the microseconds of a call."""
    spent = []
    for i in range(len(jets)):
        jet = jets[i : i + 1]
        start = time.perf_counter_ns()
        call(jet)
        spent.append(time.perf_counter_ns() - start)
    median, most = np.percentile(spent[_WARM_UP:], (50, 99)) / 1e3
    return {"median": float(median), "99 %": float(most)}


if __name__ == "__main__":
    main()
