"""``python -m benchmarks.original JETS.pkl``: the original's network in the original's setting.

As in ``jet_by_jet_compression/fastai_AE_3D/fastai_AE_3D_200_no1cycle.ipynb`` of
https://github.com/erwulff/lth_thesis_project: 4-200-100-50-3 and back, learned, tanh; features less
their means, over their standard deviations; mean squared error; AdamW with a weight decay of 1e-6, a
constant learning rate of 1e-4, batches of 256. The notebook goes on at 1e-6, with trainings of 1,000
epochs that it stops; this is one of 1,000 epochs at 1e-4. Rows are split as in
``benchmarks.variants``.
"""

from __future__ import annotations

from typing import Any

import click

from atlasae import read_pickle
from benchmarks import machine
from benchmarks.output import write_json
from benchmarks.variants import measure

SETTING: dict[str, Any] = {
    "network": "original",
    "encoder": "learned",
    "scaling": "standard",
    "loss": "mse",
    "optimizer": "adamw",
    "weight_decay": 1e-6,
    "lr": 1e-4,
    "schedule": "constant",
    "jitter": 0.0,
    "batch_size": 256,
}


@click.command()
@click.argument("pickle", type=click.Path())
@click.option("--epochs", default=1000, show_default=True)
@click.option("--output", default="benchmarks/results/original.json", show_default=True)
def main(pickle: str, epochs: int, output: str) -> None:
    """Train on the jets of PICKLE and save the errors as JSON."""
    jets = read_pickle(pickle)
    run = measure(jets, SETTING | {"epochs": epochs})
    write_json(output, {"machine": machine.facts(), "epochs": epochs, "run": run})
    click.echo(f"RMSE {run['rmse']:.4f} in {run['seconds']:.0f} s")


if __name__ == "__main__":
    main()
