"""``python -m benchmarks.precision JETS.pkl``: errors of autoencoders that compute or store fewer bits.

Latents rounded to fewer bits, of a wound and of a learned encoder; and learned encoders that compute
with integers. Rows are split as in ``benchmarks.variants``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from atlasae import read_pickle
from atlasae.codecs.autoencoder.codec import AutoencoderCodec
from atlasae.codecs.autoencoder.latent_dtypes import LATENT_DTYPES, rounded_latents
from benchmarks import machine
from benchmarks.output import write_json
from benchmarks.variants import errors, split

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCHS = 60
BITS = (4, 5, 6, 8, 10, 12)


def rows(jets: Any, epochs: int) -> Iterator[dict[str, Any]]:
    """Errors by encoder, dtype of the latents, and bits of the integers; None for floats."""
    train, test = split(jets)
    for encoder in ("wound", "learned"):
        codec = AutoencoderCodec(encoder=encoder, epochs=epochs).fit(train, valid=0.0)
        latents = codec.model_.encode(codec.select_fitted(test))
        for dtype in LATENT_DTYPES:
            decoded = codec.decode(rounded_latents(latents, dtype))
            yield _row(encoder, dtype, None, errors(test, decoded, train))
    for bits in BITS:
        integers = codec.quantized(train, bits, valid=0.0)
        decoded = integers.decode(integers.encode(test))
        yield _row("learned", "float32", bits, errors(test, decoded, train))


def _row(encoder: str, dtype: str, bits: int | None, found: dict[str, Any]) -> dict[str, Any]:
    return {"encoder": encoder, "latent_dtype": dtype, "bits": bits, **found}


@click.command()
@click.argument("pickle", type=click.Path())
@click.option("--epochs", default=EPOCHS, show_default=True)
@click.option("--output", default="benchmarks/results/precision.json", show_default=True)
def main(pickle: str, epochs: int, output: str) -> None:
    """Train on the jets of PICKLE and save the errors as JSON."""
    jets = read_pickle(pickle)
    found = []
    for row in rows(jets, epochs):
        found.append(row)
        bits = f", {row['bits']} bits" if row["bits"] else ""
        click.echo(f"{row['encoder']}, {row['latent_dtype']}{bits}: RMSE {row['rmse']:.4f}")
    write_json(output, {"machine": machine.facts(), "epochs": epochs, "rows": found})


if __name__ == "__main__":
    main()
