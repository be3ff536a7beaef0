"""Arguments of the commands that take one file or many, and how these end."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from atlasae.cli import options
from atlasae.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.campaign.summary import Summary

BESIDE_FOLDER = "give ORIGINALS, then the folder that has a file of the same name for each"
FROM = click.option(
    "--from",
    "lists",
    type=click.Path(),
    multiple=True,
    help="Text file that names more FILES, one a line.",
)
_BELOW = click.option(
    "--below",
    type=click.Path(),
    help="Directory that FILES are in, below which they keep their paths.",
)
_JOBS = click.option(
    "--jobs",
    type=int,
    help="Files to work on at a time, each in a process.  [default: one for each core]",
)
_DASK = click.option(
    "--dask",
    metavar="local|ADDRESS",
    help="Work by Dask: local, or the scheduler, such as tcp://HOST:8786.",
)
_SUMMARY = click.option("--summary", type=click.Path(), help="Write what came of FILES, as JSON.")
seed = click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Of the choice of the files that codecs are learned from.",
)
shared_codec = click.option(
    "--shared-codec",
    is_flag=True,
    help="Keep the codecs of many small files once, in FOLDER: the files cannot be read without.",
)
OUTPUT = click.option(
    "-o", "--output", type=click.Path(), help="Folder to write many files into, with their names."
)


def listed(given: Sequence[str], lists: Sequence[str]) -> list[str]:
    """The paths that are given, and those in lists."""
    from atlasae.campaign.sources import read_list

    return [*given, *(path for one in lists for path in read_list(one))]


@dataclass(frozen=True)
class Paths:
    """The files of a command, and how to work on many.

    Attributes:
        given: as arguments.
        lists: text files that name more.
        output: folder to write many files into; None for one file.
        running: arguments of functions that work on many files.
    """

    given: tuple[str, ...]
    lists: tuple[str, ...]
    output: str | None
    running: dict[str, Any]

    @property
    def every(self) -> list[str]:
        """All paths, those in lists too."""
        return listed(self.given, self.lists)

    def pair(self, first: str, second: str, how: str) -> tuple[str, str]:
        """The two files of a command that works on one.

        Args:
            first: what the first is called.
            second: what the second is called.
            how: to give many files.
        """
        self.require_one(how)
        if len(self.given) > 2:
            raise click.UsageError(f"Got {len(self.given)} files: {how}.")
        missing = [first, second][len(self.given) :]
        if missing:
            raise click.UsageError(f"Missing argument '{missing[0]}'; for many files {how}.")
        return self.given[0], self.given[1]

    def require_one(self, how: str) -> None:
        """Raise InputError if an option is given that is of use for many files only."""
        used = {f"--{name}": value for name, value in self.running.items()} | {"--from": self.lists}
        if names := [name for name, value in used.items() if value]:
            raise InputError(f"{names[0]} is for many files: {how}")

    def with_folder(self) -> tuple[list[str], str] | None:
        """Files, and the folder that is named after them; None if the last path is no folder."""
        if not self.given or not Path(self.given[-1]).is_dir():
            return None
        files = [path for path in self.every if path != self.given[-1]]
        if not files:
            raise click.UsageError(f"There is only the folder {self.given[-1]}: {BESIDE_FOLDER}.")
        return files, self.given[-1]


def takes(metavar: str, *output: options.Decorator) -> options.Decorator:
    """Let a command take ``Paths`` as its first argument.

    Args:
        metavar: how its help calls them.
        output: the option for a folder to write, if it has one.
    """

    def decorate(function: Callable[..., None]) -> Any:
        @wraps(function)
        def call(
            files: tuple[str, ...],
            lists: tuple[str, ...],
            output: str | None = None,
            **rest: Any,
        ) -> None:
            running = {name: rest.pop(name) for name in ("below", "jobs", "dask", "summary")}
            function(Paths(files, lists, output, running), **rest)

        given = click.argument("files", type=click.Path(), nargs=-1, metavar=metavar)
        return options.combined(given, *output, FROM, _BELOW, _JOBS, _DASK, _SUMMARY)(call)

    return decorate


def finish(summary: Summary) -> NoReturn:
    """Print what came of many files, and exit: with code 1 if something went wrong."""
    from atlasae.cli.output import print_summary

    print_summary(summary)
    sys.exit(0 if summary.good else 1)
