"""Commands that look into compressed files: info and check."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

import atlasae
from atlasae.cli import many_files, options
from atlasae.codecs.pretrained import PREFIX
from atlasae.errors import AtlasaeError, InputError
from atlasae.source_files import CODEC, file_kind
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.root.inspecting.info import Contents

_logger = logging.getLogger(__name__)


@options.command(
    "Compare a file with its original, branch by branch.",
    "atlasae check events.root small.root",
    "atlasae check events.root small.root --card",
    "atlasae check data/ small/",
)
@many_files.takes("ORIGINAL OTHER | ORIGINALS... FOLDER")
@click.option(
    "--tolerance",
    help=f"Of collection floats, if OTHER is not compressed. {options.TOLERANCE_HELP}",
)
@options.choice("--judge", ("uproot", "root"), "uproot", "root: ROOT reads both files, too.")
@click.option(
    "--card", is_flag=True, help="Measure again what the card of OTHER says, and compare."
)
@options.threads
@options.step_size
def check(paths: many_files.Paths, step_size: str, **more: Any) -> None:
    """Compare OTHER with the ORIGINAL it was made from, branch by branch.

    A compressed OTHER must keep its own tolerances, any other file every bit. Exits with code 1
    if something is missing or differs, the card with --card too.

    If the last path is a FOLDER, each of the ORIGINALS, which are names, patterns or directories,
    is compared with the file there that has the name that compress and decompress -o give it.
    """
    from atlasae.cli.output import print_check

    size = options.parse_step_size(step_size)
    asked: dict[str, Any] = more | {"step_size": size}
    if many := paths.with_folder():
        asked |= paths.running | {"progress": options.shows_progress()}
        many_files.finish(atlasae.check_files(*many, **asked))
    result = atlasae.check(*paths.pair("ORIGINAL", "OTHER", many_files.BESIDE_FOLDER), **asked)
    print_check(result)
    sys.exit(0 if result.good else 1)


@options.command(
    "Show what a compressed file holds, or the model card of a codec.",
    "atlasae info small.root --card",
    "atlasae info codec.safetensors",
    "atlasae info small.root --json",
    "atlasae info small/",
)
@click.argument("files", type=click.Path(), nargs=-1)
@many_files.FROM
@click.option("--branches", is_flag=True, help="The size of each branch too; reads all blocks.")
@click.option(
    "--card",
    is_flag=True,
    help="Show what was promised, and what was measured when the file was written, instead.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--columns", is_flag=True, help="Show how each column is coded, and given what.")
def info(
    files: tuple[str, ...],
    lists: tuple[str, ...],
    branches: bool,
    columns: bool,
    card: bool,
    as_json: bool,
) -> None:
    """Show what the compressed FILES hold, and the size of each part.

    Of a file of codecs, which fit and train write, or of pretrained:dijets, it shows the model
    cards: what each codec was fitted to, and how well it does where.

    FILES are names, patterns, or directories. Of several files there is a row for each; a file
    that cannot be read is named at the end, and the exit code is 1.
    """
    from atlasae.campaign.sources import find_files

    if card and (branches or columns):
        raise InputError("--card is shown alone: leave out --branches and --columns")
    given = list(many_files.listed(files, lists))
    if len(given) == 1 and (given[0].startswith(PREFIX) or file_kind(given[0]) is CODEC):
        if branches or columns or card:
            raise InputError(
                "--branches, --columns and --card describe compressed files;"
                f" {given[0]} holds codecs, whose model cards are shown without them"
            )
        _codecs(given[0], as_json=as_json)
        return
    found = list(find_files(given))
    if card and len(found) == 1:
        _card(found[0], as_json=as_json)
        return
    if len(found) == 1:
        _info(found[0], branches=branches, columns=columns, as_json=as_json)
        return
    if branches or columns or card:
        raise InputError(f"--branches, --columns and --card describe one file, not {len(found)}")
    _info_of_many(found, as_json=as_json)


def _card(source: str, *, as_json: bool) -> None:
    from atlasae.cli.card_output import print_card

    card = atlasae.card(source)
    if as_json:
        click.echo(json.dumps(card.to_json(), indent=2))
    else:
        print_card(card)


def _codecs(source: str, *, as_json: bool) -> None:
    from atlasae.cli.model_card_output import described, print_codec
    from atlasae.root.fitting.codec_files import codecs_by_name

    codecs = codecs_by_name(source)
    if as_json:
        values = {name: described(codec) for name, codec in codecs.items()}
        click.echo(json.dumps({"path": source, "codecs": values}, indent=2))
        return
    for name, codec in codecs.items():
        print_codec(f"{source}: {name}" if name else source, codec)


def _info_of_many(files: Sequence[str], *, as_json: bool) -> None:
    from atlasae.cli.output import print_contents_of_many

    found = {path: _contents(path) for path in files}
    contents = [one for one in found.values() if not isinstance(one, str)]
    errors = {path: one for path, one in found.items() if isinstance(one, str)}
    if as_json:
        described = [asdict(one) | {"ratio": one.ratio} for one in contents]
        click.echo(json.dumps({"files": described, "errors": errors}, indent=2))
    else:
        print_contents_of_many(contents)
    for message in errors.values():
        click.echo(f"atlasae: {printable(message)}", err=True)
    sys.exit(1 if errors else 0)


def _contents(path: str) -> Contents | str:
    """What a file holds, or why it cannot be read."""
    try:
        return atlasae.info(path)
    except AtlasaeError as error:
        return str(error)


def _info(source: str, *, branches: bool, columns: bool, as_json: bool) -> None:
    from atlasae.cli.output import print_branches, print_columns, print_contents
    from atlasae.root.container.container import open_as
    from atlasae.root.inspecting.branch_sizes import branch_sizes

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
