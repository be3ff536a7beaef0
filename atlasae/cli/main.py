"""The command ``atlasae``: thin commands over the library."""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import suppress
from typing import Any

import click

import atlasae
from atlasae.cli import options
from atlasae.cli.codec_commands import export_onnx, fit, train
from atlasae.cli.exits import exits, in_command_words
from atlasae.cli.file_commands import compress, decode, decompress, export, merge
from atlasae.cli.inspection_commands import check, info
from atlasae.cli.report_commands import compare, demo
from atlasae.text import printable


class _Group(click.Group):
    """Prints each error as one line; see ``exits`` for the codes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:
            return super().parse_args(ctx, args)  # shows the help
        with exits(ctx):
            try:
                return super().parse_args(ctx, args)
            except click.NoSuchOption as error:
                raise click.UsageError(
                    f"No option {error.option_name} before the command; those of a command come"
                    f" after it: atlasae compress {error.option_name} ..."
                ) from error

    def invoke(self, ctx: click.Context) -> Any:
        with exits(ctx):
            return super().invoke(ctx)


class _Phases(logging.Handler):
    """Prints what the library logs on the error stream."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # no reason to give up the work
            click.echo(printable(in_command_words(record.getMessage())), err=True)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command has help of its own: atlasae compress --help",
)
@click.version_option(atlasae.__version__, message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Compress jets, and the ROOT files they come in, within an error that you state."""
    # if a batch system ends the job, the unfinished target is removed
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    logger, phases = logging.getLogger("atlasae"), _Phases()
    logger.setLevel(logging.INFO)
    logger.addHandler(phases)
    context.call_on_close(lambda: logger.removeHandler(phases))


for command in (
    compress, decompress, info, check, compare, fit, train, merge, export, export_onnx, decode, demo,
):  # fmt: skip
    main.add_command(options.verbosity(command))
