"""``python -m benchmarks.autoencoder_bound JETS.pkl``: what it takes to bound an autoencoder's error.

One network is trained; its latents are stored in several ways, with residuals beside them, and the
bounded codec codes the same jets. ``benchmarks.cases`` has the jets.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

# numpy's matrix library reads these once, when numpy is first imported
for _library in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np

from atlasae.codecs.autoencoder.codec import AutoencoderCodec
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.compiled import kernels
from benchmarks import cases, machine
from benchmarks.output import write_json
from benchmarks.tools import largest_error

if TYPE_CHECKING:
    from atlasae.codecs.base import Codec
    from atlasae.jets.table import Table

TOLERANCES = (1e-2, 1e-3)
STORED: dict[str, dict[str, Any]] = {
    "float32": {},
    "float16": {"latent_dtype": "float16"},
    "within 1e-3": {"latent_tolerance": 1e-3},
    "within 1e-2": {"latent_tolerance": 1e-2},
}


def measure(codec: Codec, jets: Table, repeats: int) -> dict[str, Any]:
    """Bits and processor time per jet, and the largest error in tolerances."""
    encode, decode = [], []
    for _ in range(repeats):
        start = time.process_time()
        blocks = list(codec.encode_blocks(jets, threads=1))
        middle = time.process_time()
        decoded = codec.decode_blocks(iter(blocks), threads=1)
        decode.append(time.process_time() - middle)
        encode.append(middle - start)
    return {
        "bits": 8 * sum(len(block.payload) for block in blocks) / len(jets),
        "nanoseconds": {
            way: 1e9 * min(seconds) / len(jets)
            for way, seconds in (("encode", encode), ("decode", decode))
        },
        "codec_bytes": len(codec.decoder_bytes()),
        "largest_error": max(
            largest_error(values, decoded.columns[name], codec.tolerances_[name])
            for name, values in jets.columns.items()
        ),
    }


def latent_bits(codec: AutoencoderCodec, case: cases.Case) -> float:
    """Bits that the latents of a jet take."""
    alone = codec.stored_as(case.train, tolerance=None)
    encoded = alone.encode(case.test)
    size = len(encoded) if isinstance(encoded, bytes) else np.asarray(encoded).nbytes
    return 8 * size / len(case.test)


@click.command()
@click.argument("pickle", type=click.Path())
@click.option("--epochs", type=int, help="Passes over the jets.  [default: 10,000 steps]")
@click.option("--repeats", default=7, show_default=True, type=click.IntRange(min=1))
@click.option("--output", default="benchmarks/results/autoencoder_bound.json", show_default=True)
def main(pickle: str, epochs: int | None, repeats: int, output: str) -> None:
    """Train an autoencoder on the jets of PICKLE, and bound its error."""
    of_pickle = {case.name: case for case in cases.pickle_cases(pickle)}
    trained, rows = None, []
    with kernels(use=True):
        for tolerance in TOLERANCES:
            case = of_pickle[f"pickle, {tolerance:g}"]
            trained = trained or AutoencoderCodec(epochs=epochs).fit(case.train, progress=True)
            bounded = BoundedCodec(case.tolerance).fit(case.train)
            row = measure(bounded, case.test, repeats)
            rows.append({"tolerance": tolerance, "latents": "", "latent_bits": 0.0, **row})
            for name, settings in STORED.items():
                codec = trained.stored_as(case.train, tolerance=case.tolerance, **settings)
                row = measure(codec, case.test, repeats)
                bits = latent_bits(codec, case)
                rows.append({"tolerance": tolerance, "latents": name, "latent_bits": bits, **row})
                click.echo(f"{tolerance:g}, {name}: {row}")
    assert trained is not None
    result = {"machine": machine.facts(), "codec": trained.call, "rows": rows}
    write_json(output, result)


if __name__ == "__main__":
    main()
