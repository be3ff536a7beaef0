"""``python -m benchmarks.variants JETS.pkl``: errors of the autoencoder variants.

All are trained in the same way. Rows are shuffled with numpy.random.default_rng(0).permutation;
the first 80 % train and the others are measured. The RMSE is in units of the standard deviations
of the training jets.
"""

from __future__ import annotations

import time
from typing import Any

import click
import numpy as np

from atlasae import read_pickle
from atlasae.codecs.autoencoder.codec import AutoencoderCodec
from atlasae.jets.metrics import residuals, standard_rmse
from benchmarks import machine
from benchmarks.cycles_per_jet import VARIANTS
from benchmarks.output import write_json

EPOCHS = 500


def measure(jets: Any, options: dict[str, Any], epochs: int) -> dict[str, Any]:
    """Train one variant and measure the errors of decoded test jets."""
    order = np.random.default_rng(0).permutation(len(jets))
    cut = int(0.8 * len(jets))
    train, test = jets[order[:cut]], jets[order[cut:]]
    codec = AutoencoderCodec(**options, epochs=epochs)
    start = time.monotonic()
    codec.fit(train, valid=0.0, progress=True)
    seconds = time.monotonic() - start
    decoded = codec.decode(codec.encode(test))
    return {
        "codec": repr(codec),
        "epochs": epochs,
        "seconds": round(seconds, 1),
        "rmse": standard_rmse(test, decoded, train),
        "rmse_train": standard_rmse(train, codec.decode(codec.encode(train)), train),
        "half_widths": {
            name: result.half_width for name, result in residuals(test, decoded).items()
        },
    }


@click.command()
@click.argument("pickle", type=click.Path())
@click.option("--epochs", default=EPOCHS, show_default=True)
@click.option("--output", default="benchmarks/results/variants.json", show_default=True)
def main(pickle: str, epochs: int, output: str) -> None:
    """Train the variants on the jets of PICKLE and save their errors as JSON."""
    jets = read_pickle(pickle)
    rows = []
    for name, options in VARIANTS.items():
        rows.append({"name": name, **measure(jets, options, epochs)})
        click.echo(f"{name}: RMSE {rows[-1]['rmse']:.4f} in {rows[-1]['seconds']:.0f} s")
    result = {"machine": machine.facts(), "jets": len(jets), "rows": rows}
    write_json(output, result)


if __name__ == "__main__":
    main()
