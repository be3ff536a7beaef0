"""The demonstration: the shipped sample through both codecs, restored and plotted."""

from __future__ import annotations

from pathlib import Path

import click

import atlasae
from atlasae.autoencoder import AutoencoderCodec
from atlasae.bounded import BoundedCodec
from atlasae.console import print_contents, print_files, print_residuals
from atlasae.files import make_directory
from atlasae.report import draw_comparison

EPOCHS = 40  # of the autoencoder: under a minute of training on one core


def run_demo(directory: Path) -> None:
    """Compress the sample with each codec, restore it, draw the figures, and say what came out.

    Args:
        directory: where everything is written; what an earlier run left there is replaced.
    """
    make_directory(directory)
    source = atlasae.sample("dijets")
    jets = atlasae.read_jets(source)
    autoencoder = AutoencoderCodec(latent=3, scaling="log")
    bounded = BoundedCodec(tolerance=1e-3)
    what: dict[Path, str] = {}
    for step, (name, codec) in enumerate(
        {"bounded": bounded, "autoencoder": autoencoder}.items(), start=1
    ):
        click.echo(f"{step}. {codec!r} on {source.name}: training, compressing, restoring, drawing")
        if codec is autoencoder:
            autoencoder.fit(jets, epochs=EPOCHS, progress=True)
        else:
            codec.fit(jets, progress=True)
        small, back = directory / f"{name}.root", directory / f"{name}-restored.root"
        codec_file, plots = directory / f"{name}.safetensors", directory / f"plots-{name}"
        codec.save(codec_file)
        contents = atlasae.compress(source, small, codec=codec, force=True)
        atlasae.decompress(small, back, force=True)
        results, figures = draw_comparison(source, small, plots)
        print_contents(contents)
        print_residuals(results)
        what |= {
            small: f"compressed: {contents.ratio:.2f} times smaller, codec included",
            back: "restored: original names, dtypes and counters",
            codec_file: "the trained codec, for Codec.load or compress --codec",
            plots: f"{len(figures)} figures as PNG and PDF",
        }
    array = directory / "reduced_features.npy"
    autoencoder.save_reduced_features(jets, array)
    what[array] = f"the autoencoder's jets: {', '.join(autoencoder.features_)}"
    print_files("files written", [(str(path), _size(path), text) for path, text in what.items()])


def _size(path: Path) -> int:
    """Bytes of a file, or of the files in a directory."""
    files = [path] if path.is_file() else path.iterdir()
    return sum(file.stat().st_size for file in files)
