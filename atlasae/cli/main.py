"""The command ``atlasae``: thin commands over the library."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import atlasae
from atlasae.errors import AtlasaeError, InputError, located

if TYPE_CHECKING:
    from collections.abc import Callable

TOLERANCE_HELP = "Such as 1e-3, pt=1e-3,eta=1e-4, nanoaod or lossless."
STEP_SIZE_HELP = "How much to read at a time, such as '50 MB', or a number of entries."
PATTERNS = "the branches of these patterns, such as 'Jet_*,MET_*'."
PICKLE_SUFFIXES = (".pkl", ".pickle")


class _Group(click.Group):
    """Shows the package's errors as one line and ends with exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AtlasaeError as error:
            click.echo(f"atlasae: {error}", err=True)
            ctx.exit(2)


def _options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


_tree_options = _options(
    click.option("--tree", help="Path of the tree.  [default: Events, else the first with jets]"),
    click.option("--collection", help="Name of the collection.  [default: Jet, else the first]"),
)
_to = click.option(
    "--to", default="same", show_default=True, help="What to write: ttree, rntuple, or the same."
)
_drop_unwritable = click.option(
    "--drop-unwritable", is_flag=True, help="Leave out what cannot be written, rather than stop."
)
_write_options = _options(
    click.option("--step-size", default="100 MB", show_default=True, help=STEP_SIZE_HELP),
    click.option("--force", is_flag=True, help="Overwrite the target."),
)
_rates = click.option(
    "--rates",
    type=click.Path(path_type=Path),
    help="Rates of other tools to draw beside: JSON of benchmarks.rates.",
)
_source = click.argument("source", type=click.Path())
_target = click.argument("target", type=click.Path())


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(atlasae.__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Compress jet 4-vectors in ROOT files with learned codecs, and bring them back."""
    # a batch system that ends the job lets the half-written file be removed
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


@main.command()
@_source
@_target
@_tree_options
@click.option("--latent", default=3, show_default=True, help="Numbers to store a jet.")
@click.option("--activation", default="tanh", show_default=True)
@click.option("--hidden", default="200,100,50", show_default=True, help="Widths of the layers.")
@click.option("--regularisation", default="weight_decay", show_default=True)
@click.option("--weight-decay", default=1e-6, show_default=True)
@click.option("--scaling", default="standard", show_default=True)
@click.option("--loss", default="rmse", show_default=True)
@click.option("--latent-dtype", default="float32", show_default=True)
@click.option("--latent-tolerance", type=float, help="Code the latents within this error.")
@click.option("--unit", help="GeV or MeV.  [default: told from the size of pt]")
@click.option("--seed", default=0, show_default=True)
@click.option("--epochs", type=int, help="Passes over the jets.  [default: 10,000 steps' worth]")
@click.option("--lr", default=5e-3, show_default=True, help="Learning rate.")
@click.option("--schedule", default="one_cycle", show_default=True)
@click.option("--optimiser", default="soap", show_default=True)
@click.option("--jitter", default=0.5, show_default=True, help="In distances to a neighbour.")
@click.option("--batch-size", default=512, show_default=True)
@click.option("--force", is_flag=True, help="Overwrite the target.")
def train(
    source: str,
    target: str,
    tree: str | None,
    collection: str | None,
    hidden: str,
    epochs: int | None,
    lr: float,
    schedule: str,
    optimiser: str,
    jitter: float,
    batch_size: int,
    force: bool,
    **hyperparameters: Any,
) -> None:
    """Train an autoencoder on the jets of SOURCE (a ROOT file or a jet pickle).

    The codec is written to TARGET, for compress --codec. For a bounded one see fit.
    """
    from atlasae.atomic_write import check_target

    check_target(target, force=force)
    widths = _widths(hidden)
    codec = atlasae.Codec.autoencoder(hidden=widths, **hyperparameters)
    jets = _jets(source, tree, collection)
    with located(source):
        codec.fit(
            jets,
            epochs=epochs,
            lr=lr,
            schedule=schedule,
            optimiser=optimiser,
            jitter=jitter,
            batch_size=batch_size,
            progress=True,
        )
    codec.save(target, force=force)
    click.echo(f"{codec!r}: loss {codec.history_.kept_loss:.4f} on jets kept apart; {target}")


@main.command()
@_source
@_target
@_tree_options
@click.option("--tolerance", default="1e-3", show_default=True, help=TOLERANCE_HELP)
@click.option("--force", is_flag=True, help="Overwrite the target.")
def fit(
    source: str, target: str, tree: str | None, collection: str | None, tolerance: str, force: bool
) -> None:
    """Fit a bounded codec to the jets of SOURCE (a ROOT file or a jet pickle).

    The codec is written to TARGET, for compress --codec: one serves many files of one kind.
    """
    from atlasae.atomic_write import check_target

    check_target(target, force=force)
    codec = atlasae.Codec.bounded(tolerance=tolerance)
    jets = _jets(source, tree, collection)
    with located(source):
        codec.fit(jets, progress=True)
    codec.save(target, force=force)
    bits = sum(codec.bits_.values())
    click.echo(f"{codec!r}: {bits:.2f} bits a jet on jets kept apart; {target}")


@main.command()
@_source
@_target
@click.option("--codec", type=click.Path(), help="A trained codec, of atlasae fit or train.")
@click.option("--tolerance", help=f"{TOLERANCE_HELP}  [default: 1e-3; with --pack all lossless]")
@click.option("--order", default="preserved", show_default=True, help="free: entries may move.")
@click.option("--latent", type=int, help="Use an autoencoder with so many numbers a jet.")
@click.option("--tree", help="Path of the tree.  [default: all with collections]")
@click.option("--collection", default="", help="Names, such as Jet,Muon.  [default: all]")
@click.option("--branches", default="*", show_default=True, help=f"Compress only {PATTERNS}")
@click.option("--keep", default="", help=f"Do not compress {PATTERNS}")
@click.option("--drop", default="", help=f"Leave out {PATTERNS}")
@click.option(
    "--all-floats", is_flag=True, help="All floats of a collection, not its momenta alone."
)
@click.option("--pack", default="none", show_default=True, help="all: the other branches too.")
@_to
@_drop_unwritable
@click.option("--verify", is_flag=True, help="Compare the target with SOURCE at the end.")
@_write_options
def compress(
    source: str,
    target: str,
    codec: str | None,
    tolerance: str | None,
    order: str,
    latent: int | None,
    step_size: str,
    **options: Any,
) -> None:
    """Write a copy of SOURCE with the momenta of its collections compressed.

    By default every value keeps a tolerance. Without --codec, a codec is fitted to each
    collection first. It is stored in TARGET.
    """
    from atlasae.cli.tables import print_contents

    if sum(option is not None for option in (codec, tolerance, latent)) > 1:
        raise InputError("give one of --codec, --tolerance and --latent: each says which codec")
    ready: atlasae.Codec | str | None = codec
    if tolerance is not None or order != "preserved":
        unless_given = "lossless" if options["pack"] == "all" else "default"
        ready = atlasae.Codec.bounded(tolerance=tolerance or unless_given, order=order)
    if latent is not None:
        ready = atlasae.Codec.autoencoder(latent=latent)
    contents = atlasae.compress(
        source, target, codec=ready, step_size=_step_size(step_size), progress=True, **options
    )
    print_contents(contents)
    if options["verify"]:
        click.echo(f"verified against {source}: all as promised")


@main.command()
@_source
@_target
@_to
@_drop_unwritable
@_write_options
def decompress(source: str, target: str, step_size: str, **options: Any) -> None:
    """Restore the ROOT file that SOURCE was compressed from."""
    from atlasae.cli.tables import print_notes

    notes = atlasae.decompress(
        source, target, step_size=_step_size(step_size), progress=True, **options
    )
    print_notes(notes.changed, notes.left_out)
    click.echo(f"{target} written")


@main.command()
@_source
@click.option("--npy", default="reduced_features.npy", show_default=True, help="File to write.")
@click.option("--codec", type=click.Path(), help="For a SOURCE that is not compressed.")
@_tree_options
@click.option("--force", is_flag=True, help="Overwrite the target.")
def decode(
    source: str, npy: str, codec: str | None, tree: str | None, collection: str | None, force: bool
) -> None:
    """Write the decoded jets of SOURCE as a numpy array, a row a jet.

    SOURCE is a compressed file; or jets (a ROOT file or a jet pickle), which --codec takes
    through its latents and back.
    """
    from atlasae.jets.table import save_matrix

    if codec is None:
        atlasae.info(source)  # says so if it is not a compressed file
        jets = atlasae.read_jets(source)
    else:
        trained = atlasae.Codec.load(codec)
        jets = trained.decode(trained.encode(_jets(source, tree, collection)))
    table = save_matrix(jets, npy, force=force)
    click.echo(f"{npy}: {len(table)} jets, {', '.join(table.columns)}")


@main.command()
@click.argument("original", type=click.Path())
@click.argument("other", type=click.Path())
@click.option("--tolerance", help="Of the floats in collections, where OTHER is not compressed.")
@click.option("--step-size", default="100 MB", show_default=True, help=STEP_SIZE_HELP)
def check(original: str, other: str, tolerance: str | None, step_size: str) -> None:
    """Compare OTHER with the ORIGINAL it was made of, branch by branch.

    A compressed OTHER has to keep its own tolerances, any other every bit. Ends with exit code 1
    where something is missing or differs.
    """
    from atlasae.cli.tables import print_check

    result = atlasae.check(original, other, tolerance=tolerance, step_size=_step_size(step_size))
    print_check(result)
    sys.exit(0 if result.good else 1)


@main.command()
@click.argument("sources", type=click.Path(), nargs=-1, required=True)
@_target
@_write_options
def merge(sources: tuple[str, ...], target: str, step_size: str, force: bool) -> None:
    """Merge the compressed files SOURCES into TARGET, tree by tree, as hadd does.

    Histograms are summed; codecs that are the same are stored once.
    """
    from atlasae.cli.tables import print_contents

    print_contents(
        atlasae.merge(sources, target, step_size=_step_size(step_size), force=force, progress=True)
    )


@main.command()
@_source
def info(source: str) -> None:
    """Say what the compressed file SOURCE holds, and what each part costs."""
    from atlasae.cli.tables import print_contents

    print_contents(atlasae.info(source))


@main.command()
@click.argument("original", type=click.Path())
@click.argument("compressed", type=click.Path(), nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("report"), show_default=True
)
@_tree_options
@click.option("--features", help="Others of the collection to compare: btagDeepFlavB,area.")
@click.option("--experiment", default="ATLAS", show_default=True, help="Or CMS, LHCb or plain.")
@click.option("--label", default="Simulation Internal", show_default=True, help="Behind the name.")
@_rates
def compare(
    original: str,
    compressed: tuple[str, ...],
    output: Path,
    features: str | None,
    experiment: str,
    label: str,
    **options: Any,
) -> None:
    """Show what compression did to the jets of ORIGINAL: a page, figures, and their numbers.

    COMPRESSED are compressed or restored files, several side by side. By default the jets are
    compared that the first one has compressed.
    """
    from atlasae.cli.tables import print_residuals
    from atlasae.plots import Style

    style = Style(experiment, label)
    options |= {"features": features.split(",") if features else (), "style": style}
    report = atlasae.compare(original, compressed, output, progress=True, **options)
    for file in report.comparison.files:
        print_residuals(file.name, file.residuals)
    click.echo(f"{len(report.figures)} figures; {report.page}")


@main.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("atlasae-demo"),
    show_default=True,
)
@_rates
def demo(output: Path, rates: Path | None) -> None:
    """Compress, restore and compare the sample that ships with atlasae."""
    from atlasae.cli.demo import run_demo

    run_demo(output, rates)


def _jets(source: str, tree: str | None, collection: str | None) -> Any:
    if source.endswith(PICKLE_SUFFIXES):
        return atlasae.read_pickle(source)
    return atlasae.read_jets(source, tree=tree, collection=collection)


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise InputError(f"--hidden {text!r} is not a list of widths such as 200,100,50") from None


def _step_size(text: str) -> str | int:
    return int(text) if text.isdigit() else text
