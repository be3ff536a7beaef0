"""Commands that make codecs: fit and train."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import atlasae
from atlasae.atomic_write import check_target
from atlasae.cli import many_files, options
from atlasae.codecs.autoencoder.deployment import PARTS, Part
from atlasae.codecs.autoencoder.hyperparameters import CHOICES, UNITS
from atlasae.errors import InputError, located
from atlasae.source_files import is_pickle
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_logger = logging.getLogger(__name__)


@options.command(
    "Fit codecs to files, or one codec to the jets of a file.",
    "atlasae fit A.root B.root codecs.safetensors --tolerance 1e-3",
    "atlasae compress C.root small.root --codec codecs.safetensors",
)
@click.argument("sources", type=click.Path(), nargs=-1)
@options.target
@many_files.FROM
@options.one_collection
@many_files.seed
@click.option("--tolerance", default="1e-3", show_default=True, help=options.TOLERANCE_HELP)
@options.promises
@options.force
def fit(
    sources: tuple[str, ...],
    target: str,
    lists: tuple[str, ...],
    seed: int,
    tree: str | None,
    collection: str | None,
    tolerance: str,
    force: bool,
    **more: Any,
) -> None:
    """Learn codecs of all collections and columns from SOURCES, ROOT files of one kind.

    SOURCES are names, patterns, or directories; of more than 20 files a sample is drawn. The codecs
    are written to TARGET. With compress --codec they serve many files, and nothing is trained. With --collection, or from a pickle of jets, one bounded codec is fitted to the jets of one file.
    """
    from atlasae.campaign.learning import SAMPLE_FILES, sample_files
    from atlasae.campaign.sources import find_files
    from atlasae.jets.table import to_table

    promises = options.taken_promises(more)
    template = atlasae.BoundedCodec(tolerance=tolerance, **promises)
    files = list(find_files(many_files.listed(sources, lists)))
    if len(files) > SAMPLE_FILES:
        files = sample_files(files, seed)
        options.print_line(f"learning from {len(files)} of the files: {', '.join(files)}")
    for source in files:
        options.require_jets(source)
    check_target(target, force=force, sources=files)
    if collection is None and not any(map(is_pickle, files)):
        _fit_files(files, target, tree, template, force=force)
        return
    if len(files) > 1:
        raise InputError(
            f"one codec is fitted to one file, not {len(files)}: without --collection, codecs of"
            " all collections are fitted to many ROOT files"
        )
    jets = options.read_jets(files[0], tree, collection)
    with located(files[0]):
        names, where = list(to_table(jets).columns), collection or "Jet"
        template.require_features({where: names}, {where: names}, names)
    config = template.for_collection(where, names).get_config()
    codec = atlasae.BoundedCodec.from_config(config | {"features": None})  # a momentum, or all
    codec.collection = collection or ""
    _fit(codec, jets, files[0])
    codec.save(target, force=force)
    options.print_line(f"{target}: {_rate(codec)}")


def _fit_files(
    sources: Sequence[str],
    target: str,
    tree: str | None,
    template: atlasae.BoundedCodec,
    *,
    force: bool,
) -> None:
    codecs = atlasae.FileCodecs.fit(
        sources,
        codec=template,
        select=atlasae.Selection(tree),
        progress=options.shows_progress(),
    )
    codecs.save(target, force=force)
    for path, learned in codecs.trees.items():
        for name, one in learned.collections.items():
            options.print_line(f"{path}: {name}: {_rate(one)}")
        if learned.columns:
            options.print_line(f"{path}: {len(learned.columns):,} other branches learned")
    options.print_line(f"{target} written")


def _rate(codec: atlasae.Codec) -> str:
    assert isinstance(codec, atlasae.BoundedCodec)
    return f"{codec.call}, {sum(codec.bits_.values()):.2f} bits per jet on held-out jets"


def _fit(codec: atlasae.Codec, jets: Any, source: str) -> None:
    with located(source):
        table = codec.select_features(jets)
        codec.sources = (Path(source).name,)
        where = printable(source)
        _logger.info("fitting %s to %s jets of %s", codec.call, f"{len(table):,}", where)
        codec.fit(table, progress=options.shows_progress())


def _choice(name: str, default: str, text: str) -> options.Decorator:
    return options.choice(f"--{name.replace('_', '-')}", CHOICES[name], default, text)


@options.command(
    "Train an autoencoder on the jets of a file.",
    "atlasae train events.root latents.safetensors --latent 3 --epochs 100",
    "atlasae compress events.root small.root --codec latents.safetensors",
)
@options.source
@options.target
@options.one_collection
@click.option("--latent", default=3, show_default=True, help="Numbers stored per jet.")
@_choice("activation", "tanh", "Activation between the layers.")
@click.option(
    "--network",
    default="small",
    show_default=True,
    help="Hidden layers: small, original or larger, or widths such as 200,100,50.",
)
@_choice("regularization", "weight_decay", "Decoupled weight decay, or L2 in the loss.")
@click.option(
    "--weight-decay", default=1e-6, show_default=True, help="Strength of the regularization."
)
@_choice("encoder", "auto", "Learned, or constructed (wound) where that can be.")
@_choice("scaling", "physics", "Scaling of the features.")
@_choice("loss", "rmse", "Loss of the scaled features.")
@_choice("latent_dtype", "float32", "Dtype of the latents.")
@click.option("--latent-tolerance", type=float, help="Code the latents within this error.")
@click.option("--tolerance", help=f"{options.TOLERANCE_HELP} [default: no bound]")
@click.option("--unit", type=click.Choice(UNITS), help="[default: guessed from the median pt]")
@click.option("--seed", default=0, show_default=True, help="Random seed of the training.")
@click.option("--epochs", type=int, help="Passes over the jets.  [default: 10,000 steps]")
@click.option("--lr", default=5e-3, show_default=True, help="Learning rate.")
@_choice("schedule", "one_cycle", "Schedule of the learning rate.")
@_choice("optimizer", "soap", "Optimizer.")
@click.option(
    "--jitter",
    default=0.5,
    show_default=True,
    help="Random shift of the jets, in distances to their fourth neighbor.",
)
@click.option("--batch-size", default=512, show_default=True, help="Jets per step.")
@options.force
def train(
    source: str,
    target: str,
    tree: str | None,
    collection: str | None,
    network: str,
    force: bool,
    **hyperparameters: Any,
) -> None:
    """Train an autoencoder on the jets of SOURCE (a ROOT file or a pickle of jets).

    The codec is written to TARGET, for compress --codec. Without --tolerance its error has no
    bound: three latents cost about 2 % on the mass, and some jets come back far off. Prefer it to
    study latents, or for a fixed size per jet. With --tolerance every value is within it; the
    codec that fit makes keeps the same promise in fewer bytes.
    """
    codec = atlasae.AutoencoderCodec(network=options.parse_network(network), **hyperparameters)
    codec.collection = collection or ""
    options.require_jets(source)
    check_target(target, force=force, sources=[source])
    jets = options.read_jets(source, tree, collection)
    _fit(codec, jets, source)
    codec.save(target, force=force)
    assert codec.history_ is not None
    found = f"loss {codec.history_.kept_loss:.4f}"
    if residuals := codec.residual_bits_:
        found += f" and {sum(residuals.values()):.2f} bits of residuals per jet"
    options.print_line(f"{target}: {codec.call}, {found} on held-out jets")


@options.command(
    "Write an autoencoder as an ONNX model.",
    "atlasae export-onnx trained.safetensors encoder.onnx --part encoder",
)
@click.argument("codec", type=click.Path())
@options.target
@options.choice("--part", PARTS, "encoder", "What to write.")
@options.force
def export_onnx(codec: str, target: str, part: Part, force: bool) -> None:
    """Write the network of CODEC, which train wrote, to TARGET: an ONNX model, with the scaling.

    The encoder gives latents of features, the decoder features of latents.
    """
    loaded = atlasae.Codec.load(codec)
    if not isinstance(loaded, atlasae.AutoencoderCodec):
        raise InputError(f"{codec} has no network: it is {loaded.call}; train makes autoencoders")
    check_target(target, force=force, sources=[codec])
    loaded.export_onnx(target, part, force=force)
    options.print_line(f"{target}: {part} of {', '.join(loaded.features_)}")
