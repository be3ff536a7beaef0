"""The demonstration: the shipped sample compressed, restored and plotted."""

from __future__ import annotations

from pathlib import Path

import click

import atlasae
from atlasae.autoencoder import AutoencoderCodec
from atlasae.console import print_contents, print_files, print_residuals
from atlasae.files import make_directory
from atlasae.report import draw_comparison

EPOCHS = 40  # under a minute of training on two cores


def run_demo(directory: Path) -> None:
    """Train on the sample, compress it, restore it, draw the figures, and say what came out.

    Args:
        directory: where everything is written; what an earlier run left there is replaced.
    """
    make_directory(directory)
    source = atlasae.sample("dijets")
    small, back = directory / "small.root", directory / "back.root"
    codec_file, array = directory / "codec.safetensors", directory / "reduced_features.npy"
    jets = atlasae.read_jets(source)
    codec = AutoencoderCodec(latent=3, scaling="log")
    click.echo(f"1. training {codec!r} on {source.name}")
    codec.fit(jets, epochs=EPOCHS, progress=True).save(codec_file)
    click.echo(f"2. compressing to {small}")
    contents = atlasae.compress(source, small, codec=codec, force=True)
    print_contents(contents)
    click.echo(f"3. restoring to {back}")
    atlasae.decompress(small, back, force=True)
    codec.save_reduced_features(jets, array)
    click.echo(f"4. drawing figures in {directory / 'plots'}")
    results, figures = draw_comparison(source, small, directory / "plots")
    print_residuals(results)
    what = {
        small: f"compressed, {contents.ratio:.2f} times smaller with the codec inside",
        back: "restored: original names, dtypes and counters",
        codec_file: "the trained codec, for Codec.load or compress --codec",
        array: f"decoded jets as an array, columns {', '.join(codec.features_)}",
    }
    rows = [(str(path), path.stat().st_size, text) for path, text in what.items()]
    size = sum(path.stat().st_size for path in figures)
    rows.append((str(directory / "plots"), size, f"{len(figures)} figures as PNG and PDF"))
    print_files("files written", rows)
