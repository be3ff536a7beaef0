"""The demonstration: the shipped sample through both codecs, restored and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlasae.cli import options
from atlasae.cli.output import print_contents, print_files, print_panel
from atlasae.codecs.autoencoder.codec import AutoencoderCodec
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.directories import make_directory

if TYPE_CHECKING:
    from pathlib import Path

_WHEN_TO_PREFER = {
    "bounded": "for all that is analyzed, as it keeps its tolerance",
    "autoencoder": "to study latents, or for a fixed size per jet, as it keeps no bound",
}
EPOCHS = 40  # of the autoencoder: under a minute of training on one core


def run_demo(directory: Path, rates: str | None) -> None:
    """Compress the sample with each codec, restore it, and write the report of both.

    Args:
        directory: where everything is written; files of an earlier run are replaced.
        rates: of other tools, for the report.
    """
    # both extras are needed: says so before the first half of the work
    import atlasae.codecs.autoencoder.training
    import atlasae.plots

    make_directory(directory)
    source = atlasae.sample("dijets")
    jets = atlasae.read_jets(source)
    autoencoder = AutoencoderCodec(latent=3, epochs=EPOCHS)
    codecs = {"bounded": BoundedCodec(tolerance=1e-3), "autoencoder": autoencoder}
    descriptions: dict[Path, str] = {}
    compressed = []
    for step, (name, codec) in enumerate(codecs.items(), start=1):
        options.print_line(
            f"{step}. {codec.call} on {source.name}: training, compressing, restoring"
        )
        codec.fit(jets, progress=options.shows_progress())
        small, back = directory / f"{name}.root", directory / f"{name}-restored.root"
        codec_file = directory / f"{name}.safetensors"
        codec.save(codec_file)
        contents = atlasae.compress(source, small, codec=codec, force=True, allow_larger=True)
        atlasae.decompress(small, back, force=True)
        compressed.append(small)
        print_contents(contents)
        descriptions |= {
            small: f"compressed: {contents.ratio:.2f} times smaller, codec included",
            back: "restored: original names, dtypes and counters",
            codec_file: "the trained codec, for Codec.load or compress --codec",
        }
    array = directory / "reduced_features.npy"
    autoencoder.save_reduced_features(jets, array)
    descriptions[array] = f"the autoencoder's jets: {', '.join(autoencoder.features_)}"
    options.print_line(f"{len(codecs) + 1}. comparing them")
    report = atlasae.compare(
        source, compressed, directory / "report", rates=rates, progress=options.shows_progress()
    )
    for row, file in zip(report.summary["files"], report.comparison.files, strict=True):
        print_panel(row["name"], row["verdict"], row["panel"])
        pt = file.residuals["pt"]
        options.print_line(
            f"{file.name}: pt of the worst jet off by {pt.maximum:.2g}, of 68 % of the jets within"
            f" {pt.half_width:.2g}; {_WHEN_TO_PREFER[file.name]}"
        )
    descriptions[report.page] = (
        f"the report: {len(report.figures) // 2} figures, sizes and residuals"
    )
    print_files(
        "files written",
        [(str(path), path.stat().st_size, text) for path, text in descriptions.items()],
    )
