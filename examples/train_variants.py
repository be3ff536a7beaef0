"""Train the original study's variants: python examples/train_variants.py tanh softmax."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import atlasae
from atlasae import Codec, plots
from atlasae.jets import metrics
from atlasae.jets.table import to_table

VARIANTS: dict[str, dict[str, Any]] = {
    "tanh": {"activation": "tanh"},
    "relu": {"activation": "relu"},
    "sigmoid": {"activation": "sigmoid"},
    "softmax": {"activation": "softmax"},
    "l2": {"regularization": "l2"},
}


def show(name: str, train: Any, test: Any, epochs: int, output: Path) -> None:
    """Train one variant; print and draw its residuals on held-out jets."""
    codec = Codec.autoencoder(**VARIANTS[name], epochs=epochs).fit(train, progress=True)
    print(f"{name}: loss {codec.history_.kept_loss:.4f}")
    figures = {"losses": partial(plots.training, codec.history_)}
    for feature, result in metrics.residuals(test, codec.decode(codec.encode(test))).items():
        print(f"  {feature:5} 68 % within {result.half_width:.4f}, 95 % {result.half_width_95:.4f}")
        figures[feature] = partial(plots.residual, result)
    with plots.PLAIN.context():
        for what, draw in figures.items():
            draw()
            plt.savefig(output / f"{name}_{what}.png")
            plt.close()


def main() -> None:
    """Train each variant on 80 % of the jets, and show its residuals on the others."""
    parser = argparse.ArgumentParser(description="Train autoencoders by name.")
    parser.add_argument("variants", nargs="*", default=list(VARIANTS))
    parser.add_argument("--jets", default=atlasae.sample(), help="ROOT file")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("-o", "--output", type=Path, default=".")
    arguments = parser.parse_args()
    jets = to_table(atlasae.read_jets(arguments.jets)).flat()
    order = np.random.default_rng(0).permutation(len(jets))
    train, test = (jets.rows(rows) for rows in np.split(order, [4 * len(jets) // 5]))
    for name in arguments.variants:
        show(name, train, test, arguments.epochs, arguments.output)


if __name__ == "__main__":
    main()
