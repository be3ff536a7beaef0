"""Commands that write files: compress, decompress, export, decode and merge."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from typing import Any, NoReturn

import click

import atlasae
from atlasae.atomic_write import check_target
from atlasae.cli import many_files, options
from atlasae.codecs.bounded.codec import ORDERS
from atlasae.errors import InputError, located
from atlasae.text import printable

_logger = logging.getLogger(__name__)
_TO_FOLDER = "give a folder to write into, with -o"
_PACK_HELP = (
    "Other branches to pack without loss. none leaves them to plain ROOT: they do not shrink, and"
    " may take more than in SOURCE."
)


@options.command(
    "Write a compressed copy of a file.",
    "atlasae compress events.root small.root --tolerance pt=1e-3,eta=1e-4",
    "atlasae compress events.root small.root --tolerance lossless --verify",
    "atlasae compress events.root --dry-run",
    "atlasae compress data/*.root -o small/ --jobs 8",
)
@many_files.takes("SOURCE TARGET | FILES... -o FOLDER", many_files.OUTPUT)
@click.option(
    "--codec",
    type=click.Path(),
    help="File of atlasae fit or train, a compressed file, or pretrained:dijets: no codec is trained.",
)
@click.option("--tolerance", help=f"{options.TOLERANCE_HELP}  [default: 1e-3]")
@options.choice("--order", ORDERS, "preserved", "free: the order of the entries may change.")
@options.promises
@click.option(
    "--latent",
    type=int,
    help=f"Train an autoencoder with this many numbers per jet. {options.COST_OF_LATENTS}",
)
@options.selection
@options.choice("--pack", ("none", "all"), "all", _PACK_HELP)
@options.to
@options.writer
@options.drop_unwritable
@click.option("--verify", is_flag=True, help="Compare the target with SOURCE at the end.")
@options.threads
@options.writing
@click.option("--allow-larger", is_flag=True, help="Write TARGET if it is larger than SOURCE, too.")
@click.option(
    "--dry-run", is_flag=True, help="Write nothing: say what would be done, and the size."
)
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print JSON, for scripts.")
@many_files.shared_codec
@many_files.seed
def compress(
    paths: many_files.Paths,
    codec: str | None,
    tolerance: str | None,
    order: str,
    latent: int | None,
    tree: str | None,
    collection: str,
    branches: str,
    keep_branches: str,
    drop: str,
    all_floats: bool,
    step_size: str,
    dry_run: bool,
    as_json: bool,
    seed: int,
    shared_codec: bool,
    **more: Any,
) -> None:
    """Write a compressed copy of SOURCE to TARGET, or of many FILES into FOLDER.

    The momenta of its collections keep the tolerance, every other branch keeps every bit. Without
    --codec, a codec is first fitted to each collection; it is stored in TARGET, which needs no
    other file to be read. Exits with code 1 if TARGET would be larger than SOURCE.

    FILES are ROOT files of one kind: names, patterns, addresses, or directories. Their codecs are
    learned from a sample of them, and kept in FOLDER/codecs.safetensors for more. A target that is
    there is skipped if it is what would be written, so after an interruption the same command goes
    on. Exits with code 1 if a file failed; FOLDER/summary.json says what came of each.
    """
    if as_json and not dry_run:
        raise InputError("--json says what --dry-run finds; atlasae info --json describes a file")
    if sum(option is not None for option in (codec, tolerance, latent)) > 1:
        raise InputError("give only one of --codec, --tolerance and --latent")
    if order != "preserved" and (codec is not None or latent is not None):
        raise InputError(f"--order {order} cannot be combined with --codec or --latent")
    promises = options.taken_promises(more)
    if promises and (codec is not None or latent is not None):
        option = next(iter(promises)).replace("_", "-")
        other = "--codec has promises of its own" if latent is None else "--latent makes none"
        raise InputError(
            f"--{option} is a promise of the bounded codec that is fitted without --codec and"
            f" --latent: {other}"
        )
    template: atlasae.Codec | str | None = codec
    if tolerance is not None or order != "preserved" or promises:
        template = atlasae.BoundedCodec(
            tolerance="default" if tolerance is None else tolerance, order=order, **promises
        )
    if latent is not None:
        template = atlasae.AutoencoderCodec(latent=latent)
    select = atlasae.Selection(tree, collection, branches, keep_branches, drop, all_floats)
    more |= {"codec": template, "select": select, "progress": options.shows_progress()}
    if dry_run:
        _plan(paths, as_json=as_json, **more)
    more["step_size"] = options.parse_step_size(step_size)
    if paths.output is not None:
        more |= {"seed": seed, "shared_codec": shared_codec, **paths.running}
        many_files.finish(atlasae.compress_files(paths.every, paths.output, **more))
    if shared_codec:
        raise InputError(f"--shared-codec is for many files: {_TO_FOLDER}")
    _compress(*paths.pair("SOURCE", "TARGET", _TO_FOLDER), **more)


def _compress(source: str, target: str, **more: Any) -> None:
    from atlasae.cli.output import print_contents

    print_contents(atlasae.compress(source, target, **more))
    if more["verify"]:
        options.print_line(f"verified against {source}: every value is as promised")


def _plan(paths: many_files.Paths, *, as_json: bool, allow_larger: bool, **more: Any) -> NoReturn:
    """Print what would be done; exits with code 1 if the target would be refused as too large."""
    from atlasae.cli.output import print_plan

    paths.require_one("--dry-run looks at one")
    if not 1 <= len(paths.given) <= 2 or paths.output is not None:
        raise click.UsageError("Give one file to --dry-run: SOURCE.")
    if more["writer"] != "uproot":
        raise InputError("--dry-run does not know what ROOT would write: leave out --writer")
    unasked = ("verify", "force", "writer")
    asked = {name: value for name, value in more.items() if name not in unasked}
    plan = atlasae.plan(paths.given[0], **asked)
    if as_json:
        click.echo(json.dumps(asdict(plan) | {"ratio": plan.ratio}, indent=2))
    else:
        print_plan(plan)
    sys.exit(0 if plan.ratio >= 1 or allow_larger else 1)


@options.command(
    "Restore the file that was compressed.",
    "atlasae decompress small.root restored.root",
    "atlasae decompress small/ -o restored/ --jobs 8",
)
@many_files.takes("SOURCE TARGET | FILES... -o FOLDER", many_files.OUTPUT)
@options.to
@options.writer
@options.drop_unwritable
@options.threads
@options.writing
def decompress(paths: many_files.Paths, step_size: str, **more: Any) -> None:
    """Restore to TARGET the ROOT file that SOURCE was compressed from, or many FILES into FOLDER.

    FILES are names, patterns, addresses, or directories. A target that is there is skipped if it
    holds every value. Exits with code 1 if a file failed.
    """
    from atlasae.cli.output import print_notes

    more["step_size"] = options.parse_step_size(step_size)
    more["progress"] = options.shows_progress()
    if paths.output is not None:
        files, more = paths.every, more | paths.running
        many_files.finish(atlasae.decompress_files(files, paths.output, **more))
    source, target = paths.pair("SOURCE", "TARGET", _TO_FOLDER)
    notes = atlasae.decompress(source, target, **more)
    print_notes(notes.changed, notes.left_out)
    options.print_line(f"{target} written")


@options.command(
    "Write an ordinary file with rounded values.",
    "atlasae export events.root rounded.root --tolerance pt=1e-3,eta=1e-4",
)
@options.source
@options.target
@click.option("--tolerance", default="1e-3", show_default=True, help=options.TOLERANCE_HELP)
@options.selection
@options.to
@options.drop_unwritable
@options.threads
@options.writing
def export(
    source: str,
    target: str,
    tree: str | None,
    collection: str,
    branches: str,
    keep_branches: str,
    drop: str,
    all_floats: bool,
    step_size: str,
    **more: Any,
) -> None:
    """Write SOURCE to TARGET as an ordinary ROOT file that any program reads, without atlasae.

    The momenta of collections are rounded to the fewest bits that keep the tolerance, so that they
    take less room; all other values stay as they are. SOURCE may be compressed; what that has lost
    comes on top. Every value is read back and compared before TARGET appears.
    """
    from atlasae.cli.output import print_branches, print_notes

    exported = atlasae.export(
        source,
        target,
        select=atlasae.Selection(tree, collection, branches, keep_branches, drop, all_floats),
        step_size=options.parse_step_size(step_size),
        progress=options.shows_progress(),
        **more,
    )
    print_branches(exported.rounded)
    print_notes({}, exported.left_out)
    options.print_line(
        f"{target}: {exported.file_bytes:,} bytes, {source}: {exported.source_bytes:,};"
        " every value is within its tolerance"
    )


@options.command(
    "Write the decoded jets as a numpy array.",
    "atlasae decode small.root --npy reduced_features.npy",
)
@options.source
@click.option("--npy", default="reduced_features.npy", show_default=True, help="File to write.")
@click.option("--codec", type=click.Path(), help="Codec to use if SOURCE is not compressed.")
@options.one_collection
@options.force
def decode(
    source: str, npy: str, codec: str | None, tree: str | None, collection: str | None, force: bool
) -> None:
    """Write the decoded jets of SOURCE as a numpy array, a row per jet.

    SOURCE is a compressed file; or, with --codec, a ROOT file or a pickle of jets, which are
    encoded and decoded.
    """
    from atlasae.jets.table import save_matrix
    from atlasae.root.container.container import open_as
    from atlasae.root.fitting.codec_files import load_codecs
    from atlasae.root.fitting.file_codecs import FileCodecs

    read = [source] if codec is None else [source, codec]
    if codec is None:
        open_as(source, compressed=True).close()
    else:
        options.require_jets(source)
    check_target(npy, force=force, sources=read)
    _logger.info("reading the jets of %s", printable(source))
    jets = options.read_jets(source, tree, collection)
    if codec is not None:
        loaded = load_codecs(codec)
        trained = loaded.codec(collection) if isinstance(loaded, FileCodecs) else loaded
        _logger.info("encoding and decoding them with %s", trained.call)
        with located(source):
            jets = trained.decode(trained.encode(jets))
    table = save_matrix(jets, npy, force=force, sources=read)
    options.print_line(f"{npy}: {len(table)} jets, {', '.join(table.columns)}")


@options.command("Merge compressed files.", "atlasae merge part1.root part2.root whole.root")
@click.argument("sources", type=click.Path(), nargs=-1, required=True)
@options.target
@options.writing
def merge(sources: tuple[str, ...], target: str, step_size: str, force: bool) -> None:
    """Merge the compressed files SOURCES into TARGET, tree by tree, as hadd does.

    Histograms are summed. Equal codecs are stored once.
    """
    from atlasae.cli.output import print_contents

    size = options.parse_step_size(step_size)
    print_contents(
        atlasae.merge(
            sources, target, step_size=size, force=force, progress=options.shows_progress()
        )
    )
