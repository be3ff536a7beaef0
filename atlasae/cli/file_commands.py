"""Commands on ROOT files: compress, decompress, info, check, merge and decode."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from typing import Any

import click

import atlasae
from atlasae.atomic_write import check_target
from atlasae.cli import options
from atlasae.codecs.bounded.codec import ORDERS
from atlasae.errors import InputError, located
from atlasae.text import printable

_logger = logging.getLogger(__name__)
_PACK_HELP = (
    "Other branches to pack without loss. none leaves them to plain ROOT: they do not shrink, and"
    " may take more than in SOURCE."
)


@options.command(
    "Write a compressed copy of a file.",
    "atlasae compress events.root small.root --tolerance pt=1e-3,eta=1e-4",
    "atlasae compress events.root small.root --tolerance lossless --verify",
    "atlasae compress events.root --dry-run",
)
@options.source
@click.argument("target", type=click.Path(), required=False)
@click.option(
    "--codec",
    type=click.Path(),
    help="File of atlasae fit or train, or a compressed file: its codecs are used, none is trained.",
)
@click.option("--tolerance", help=f"{options.TOLERANCE_HELP}  [default: 1e-3]")
@options.choice("--order", ORDERS, "preserved", "free: the order of the entries may change.")
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
def compress(
    source: str,
    target: str | None,
    codec: str | None,
    tolerance: str | None,
    order: str,
    latent: int | None,
    tree: str | None,
    collection: str,
    branches: str,
    keep: str,
    drop: str,
    all_floats: bool,
    step_size: str,
    dry_run: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Write a compressed copy of SOURCE to TARGET.

    The momenta of its collections keep the tolerance, every other branch keeps every bit. Without
    --codec, a codec is first fitted to each collection; it is stored in TARGET, which needs no
    other file to be read. Exits with code 1 if TARGET would be larger than SOURCE.
    """
    from atlasae.cli.output import print_contents

    if target is None and not dry_run:
        raise click.UsageError(
            "Missing argument 'TARGET'; or ask what would be done with --dry-run."
        )
    if as_json and not dry_run:
        raise InputError("--json says what --dry-run finds; atlasae info --json describes a file")
    if sum(option is not None for option in (codec, tolerance, latent)) > 1:
        raise InputError("give only one of --codec, --tolerance and --latent")
    if order != "preserved" and (codec is not None or latent is not None):
        raise InputError(f"--order {order} cannot be combined with --codec or --latent")
    template: atlasae.Codec | str | None = codec
    if tolerance is not None or order != "preserved":
        template = atlasae.BoundedCodec(
            tolerance="default" if tolerance is None else tolerance, order=order
        )
    if latent is not None:
        template = atlasae.AutoencoderCodec(latent=latent)
    select = atlasae.Selection(tree, collection, branches, keep, drop, all_floats)
    if target is None or dry_run:
        _plan(source, template, select, as_json=as_json, **more)
        return
    contents = atlasae.compress(
        source,
        target,
        codec=template,
        select=select,
        step_size=options.parse_step_size(step_size),
        progress=options.shows_progress(),
        **more,
    )
    print_contents(contents)
    if more["verify"]:
        options.print_line(f"verified against {source}: every value is as promised")


def _plan(
    source: str,
    codec: atlasae.Codec | str | None,
    select: atlasae.Selection,
    *,
    as_json: bool,
    allow_larger: bool,
    **more: Any,
) -> None:
    """Print what would be done; exits with code 1 if the target would be refused as too large."""
    from atlasae.cli.output import print_plan

    asked = {name: more[name] for name in ("pack", "to", "drop_unwritable", "threads")}
    plan = atlasae.plan(
        source, codec=codec, select=select, progress=options.shows_progress(), **asked
    )
    if as_json:
        click.echo(json.dumps(asdict(plan) | {"ratio": plan.ratio}, indent=2))
    else:
        print_plan(plan)
    sys.exit(0 if plan.ratio >= 1 or allow_larger else 1)


@options.command(
    "Restore the file that was compressed.", "atlasae decompress small.root restored.root"
)
@options.source
@options.target
@options.to
@options.writer
@options.drop_unwritable
@options.threads
@options.writing
def decompress(source: str, target: str, step_size: str, **more: Any) -> None:
    """Restore to TARGET the ROOT file that SOURCE was compressed from."""
    from atlasae.cli.output import print_notes

    notes = atlasae.decompress(
        source,
        target,
        step_size=options.parse_step_size(step_size),
        progress=options.shows_progress(),
        **more,
    )
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
    keep: str,
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
        select=atlasae.Selection(tree, collection, branches, keep, drop, all_floats),
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
    from atlasae.root.file_codecs import FileCodecs, load_codecs

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


@options.command(
    "Compare a file with its original, branch by branch.", "atlasae check events.root small.root"
)
@click.argument("original", type=click.Path())
@click.argument("other", type=click.Path())
@click.option(
    "--tolerance",
    help=f"Of collection floats, if OTHER is not compressed. {options.TOLERANCE_HELP}",
)
@options.choice("--judge", ("uproot", "root"), "uproot", "root: ROOT reads both files, too.")
@options.threads
@options.step_size
def check(original: str, other: str, step_size: str, **more: Any) -> None:
    """Compare OTHER with the ORIGINAL it was made from, branch by branch.

    A compressed OTHER must keep its own tolerances, any other file every bit. Exits with code 1
    if something is missing or differs.
    """
    from atlasae.cli.output import print_check

    size = options.parse_step_size(step_size)
    result = atlasae.check(original, other, step_size=size, **more)
    print_check(result)
    sys.exit(0 if result.good else 1)


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


@options.command("Show what a compressed file holds.", "atlasae info small.root --json")
@options.source
@click.option("--branches", is_flag=True, help="The size of each branch too; reads all blocks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--columns", is_flag=True, help="Show how each column is coded, and given what.")
def info(source: str, branches: bool, columns: bool, as_json: bool) -> None:
    """Show what the compressed file SOURCE holds, and the size of each part."""
    from atlasae.cli.output import print_branches, print_columns, print_contents
    from atlasae.root.branch_sizes import branch_sizes
    from atlasae.root.container.container import open_as

    open_as(source, compressed=True).close()
    _logger.info("reading %s", printable(source))
    contents = atlasae.info(source)
    sizes = branch_sizes(source) if branches else []
    if as_json:
        by_branch = {"branches": [asdict(size) for size in sizes]} if branches else {}
        values = asdict(contents) | {"ratio": contents.ratio} | by_branch
        click.echo(json.dumps(values, indent=2))
        return
    print_contents(contents)
    if branches:
        print_branches(sizes)
    if columns:
        print_columns(contents.columns)
