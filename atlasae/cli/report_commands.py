"""Commands that show what compression did: compare and demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import atlasae
from atlasae.cli import many_files, options


@options.command(
    "Draw what compression did to the jets.",
    "atlasae compare events.root small.root -o report/",
    "atlasae compare data/ small/ -o report/",
)
@many_files.takes("ORIGINAL COMPRESSED... | ORIGINALS... FOLDER", options.output("report"))
@options.one_collection
@click.option("--features", help="More features to compare: btagDeepFlavB,area.")
@options.bins
@click.option("--weight", help="Branch with the weight of an event, such as genWeight.")
@options.choice("--experiment", ("plain", "ATLAS", "CMS", "LHCb"), "plain", "Style of the figures.")
@click.option(
    "--label",
    default="",
    help="Text after the name of the experiment: 'Simulation Internal'.",
)
@options.rates
def compare(
    paths: many_files.Paths,
    features: str | None,
    experiment: str,
    label: str,
    **more: Any,
) -> None:
    """Show what compression did to the jets of ORIGINAL: a page, its figures, their numbers.

    COMPRESSED are compressed or restored files, drawn side by side. By default the jets are
    compared that the first of them has compressed.

    If the last path is a FOLDER, each of the ORIGINALS is compared with the file there that has the
    name that compress and decompress -o give it, on a page of its own.
    """
    from atlasae.cli.output import print_panel
    from atlasae.plots import Style

    assert paths.output is not None
    more |= {
        "features": features.split(",") if features else (),
        "style": Style(experiment, label),
        "progress": options.shows_progress(),
    }
    if many := paths.with_folder():
        originals, folder = many
        more |= paths.running
        many_files.finish(atlasae.compare_files(originals, folder, paths.output, **more))
    paths.require_one(many_files.BESIDE_FOLDER)
    if len(paths.given) < 2:
        missing = ["ORIGINAL", "COMPRESSED..."][len(paths.given)]
        raise click.UsageError(f"Missing argument '{missing}'.")
    report = atlasae.compare(paths.given[0], paths.given[1:], paths.output, **more)
    for file in report.summary["files"]:
        print_panel(file["name"], file["verdict"], file["panel"])
    options.print_line(f"{len(report.figures)} figures; {report.page}")


@options.command("Compress, restore and compare the sample file.", "atlasae demo -o atlasae-demo/")
@options.output("atlasae-demo")
@options.rates
def demo(output: str, rates: str | None) -> None:
    """Compress, restore and compare the sample file that comes with atlasae."""
    from atlasae.cli.demo import run_demo

    run_demo(Path(output), rates)
