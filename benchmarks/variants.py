"""``python -m benchmarks.variants JETS.pkl``: errors of the autoencoder variants.

All are trained in the same way, each from several seeds. Rows are shuffled with
numpy.random.default_rng(0).permutation; the first 80 % train and the others are measured. The RMSE
is in units of the standard deviations of the training jets.
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

EPOCHS = 230  # 10,000 steps on the 27,945 jets of the study
OTHERS: dict[str, dict[str, Any]] = {
    "tanh, huber loss": {"loss": "huber"},
    "tanh, learned encoder": {"encoder": "learned"},
}


def split(jets: Any) -> tuple[Any, Any]:
    """The jets to train on, and those to measure."""
    order = np.random.default_rng(0).permutation(len(jets))
    cut = int(0.8 * len(jets))
    return jets[order[:cut]], jets[order[cut:]]


def errors(original: Any, decoded: Any, train: Any) -> dict[str, Any]:
    """Errors of decoded jets; the RMSE in units of the standard deviations of ``train``."""
    found = residuals(original, decoded)
    return {
        "rmse": standard_rmse(original, decoded, train),
        "half_widths": {name: result.half_width for name, result in found.items()},
        "largest": {name: result.maximum for name, result in found.items()},
    }


def measure(jets: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Train one variant and measure the errors of decoded test jets."""
    train, test = split(jets)
    codec = AutoencoderCodec(**options)
    start = time.monotonic()
    codec.fit(train, valid=0.0, progress=True)
    seconds = time.monotonic() - start
    return {
        "codec": repr(codec),
        "seconds": round(seconds, 1),
        "rmse_train": standard_rmse(train, codec.decode(codec.encode(train)), train),
    } | errors(test, codec.decode(codec.encode(test)), train)


@click.command()
@click.argument("pickle", type=click.Path())
@click.option("--epochs", default=EPOCHS, show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--output", default="benchmarks/results/variants.json", show_default=True)
def main(pickle: str, epochs: int, seeds: int, output: str) -> None:
    """Train the variants on the jets of PICKLE and save their errors as JSON."""
    jets = read_pickle(pickle)
    variants = VARIANTS | OTHERS
    rows: list[dict[str, Any]] = [{"name": name, "runs": []} for name in variants]
    start, done = time.monotonic(), 0
    for seed in range(seeds):
        for row in rows:
            options = variants[row["name"]] | {"epochs": epochs, "seed": seed}
            row["runs"].append(run := measure(jets, options))
            done += 1
            left = (time.monotonic() - start) / done * (seeds * len(rows) - done)
            click.echo(
                f"{row['name']}, seed {seed}: RMSE {run['rmse']:.4f} in {run['seconds']:.0f} s;"
                f" about {left / 60:.0f} minutes left"
            )
    facts = machine.facts()
    write_json(output, {"machine": facts, "jets": len(jets), "epochs": epochs, "rows": rows})


if __name__ == "__main__":
    main()
