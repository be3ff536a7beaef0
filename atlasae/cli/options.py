"""Arguments and options that several commands share."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

import atlasae
from atlasae.errors import InputError
from atlasae.source_files import is_pickle
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlasae.quantization.cuts import CutSpec

    Decorator = Callable[[Any], Any]

TOLERANCE_HELP = "Largest error: 1e-3, pt=1e-3,eta=1e-4, resolution, nanoaod or lossless."
COST_OF_LATENTS = (
    "Its error has no bound: 3 cost about 2 % on the mass, and some jets come back far off. Prefer it to"
    " study latents, or for a fixed size per jet; else --tolerance, which bounds the error."
)
_VERBOSITY = f"{__name__}.verbosity"  # which of the two is given, in the context of a command
_LEVELS = {"quiet": logging.WARNING, "verbose": logging.DEBUG}
_PATTERNS = "Patterns of branches, such as 'Jet_*,MET_*', "
STEP_SIZE_HELP = "Amount to read at a time: '50 MB', or a number of entries."


def combined(*decorators: Decorator) -> Decorator:
    """Several options as one decorator, in this order in the help."""

    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


class Command(click.Command):
    """A command that refuses options without a value, which would look as if they were left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for parameter in [] if ctx.resilient_parsing else self.params:  # which completes a line
            name = parameter.name or ""
            given = ctx.params.get(name)
            values = given if isinstance(given, tuple) else (given,)
            is_given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
            if is_given and any(isinstance(v, str) and not v.strip() for v in values):
                raise click.UsageError(_without_value(parameter), ctx)
        return rest


def _without_value(parameter: click.Parameter) -> str:
    """What to say of an option or argument without a value."""
    if isinstance(parameter, click.Option):
        what = " ".join((parameter.help or "").split())
        return f"{parameter.opts[-1]} has no value: leave it out, or give what it takes. {what}"
    return f"{(parameter.name or '').upper()} has no value: give the name of a file."


def command(help_line: str, *examples: str) -> Decorator:
    """A command, with its line in the list of all, and examples at the end of its help."""
    epilog = "\b\nExample:\n" + "\n".join(f"  {line}" for line in examples)
    return click.command(cls=Command, short_help=help_line, epilog=epilog)


def choice(name: str, choices: tuple[str, ...], default: str, text: str) -> Decorator:
    """An option with a fixed set of values."""
    return click.option(
        name, type=click.Choice(choices), default=default, show_default=True, help=text
    )


def output(default: str) -> Decorator:
    """The directory that a command writes."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(),
        default=default,
        show_default=True,
        help="Directory to write.",
    )


source = click.argument("source", type=click.Path())
target = click.argument("target", type=click.Path())
force = click.option("--force", is_flag=True, help="Overwrite the target.")
step_size = click.option("--step-size", default="100 MB", show_default=True, help=STEP_SIZE_HELP)
threads = click.option(
    "--threads", type=int, help="Blocks to code at a time.  [default: one for each core]"
)
writing = combined(step_size, force)
one_collection = combined(
    click.option("--tree", help="Path of the tree.  [default: Events, else the first with jets]"),
    click.option("--collection", help="Name of the collection.  [default: Jet, else the first]"),
)
selection = combined(
    click.option("--tree", help="Path of the tree.  [default: all with collections]"),
    click.option("--collection", default="", help="Names, such as Jet,Muon.  [default: all]"),
    click.option("--branches", default="*", show_default=True, help=f"{_PATTERNS}to compress."),
    click.option("--keep-branches", default="", help=f"{_PATTERNS}to keep as they are."),
    click.option("--drop", default="", help=f"{_PATTERNS}to leave out."),
    click.option("--all-floats", is_flag=True, help="Compress all floats of a collection."),
)
to = choice("--to", ("same", "ttree", "rntuple"), "same", "Kind of tree to write.")
writer = choice(
    "--writer",
    ("uproot", "root"),
    "uproot",
    "root: what is kept is copied by ROOT, of any class, as it is.",
)
drop_unwritable = click.option(
    "--drop-unwritable",
    is_flag=True,
    help="Leave out what cannot be read or written, instead of an error.",
)


def _once(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> str | None:
    """The value of an option that is a list in itself; of two values one would be lost."""
    if len(given) > 1:
        raise click.BadParameter(f"it is given {len(given)} times: give one list, with commas")
    return given[0] if given else None


def _cuts(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> CutSpec:
    """Cuts as text, or those in the file of this name."""
    from atlasae.quantization.cuts import read_cuts

    text = _once(context, parameter, given)
    is_name = text is not None and text.strip() and not set(text) & set("<>=:")
    return read_cuts(text) if text is not None and is_name else text


dither = click.option(
    "--dither/--no-dither",
    default=None,
    help="Errors that do not depend on the value: spectra have no comb.  [default: dither, unless"
    " --order free]",
)
cuts = click.option(
    "--cuts",
    callback=_cuts,
    multiple=True,
    help="Cuts that no value crosses: 'Jet_pt>30, abs(Jet_eta)<2.4', or a file of edges.",
)
bins = click.option(
    "--bins",
    callback=_cuts,
    multiple=True,
    help="Bins whose jets are counted before and after: 'pt: 30, 50, 100', or a file of edges.",
)
keep_order = click.option(
    "--keep-order/--no-keep-order",
    default=True,
    show_default=True,
    help="Jets that are sorted by pt stay sorted, and equal only where they are.",
)
keep = click.option(
    "--keep",
    callback=_once,
    multiple=True,
    help="Quantities with tolerances of their own: 'm_jj: 2e-3, HT: 1e-3, max(pt) > 500'.",
)
promises = combined(dither, cuts, keep_order, keep)  # of a bounded codec, beside its tolerance
_PROMISES = ("dither", "cuts", "keep_order", "keep")


def taken_promises(given: dict[str, Any]) -> dict[str, Any]:
    """The promises that were asked for on the command line; they are taken out of what was given."""
    source = click.get_current_context().get_parameter_source
    values = {name: given.pop(name) for name in _PROMISES}
    return {name: v for name, v in values.items() if source(name) is ParameterSource.COMMANDLINE}


rates = click.option(
    "--rates",
    type=click.Path(),
    help="Rates of other tools to draw beside: JSON written by benchmarks.rates.",
)


def shows_progress() -> bool:
    """Whether phases and bars are shown, unless --quiet."""
    return logging.getLogger("atlasae").isEnabledFor(logging.INFO)


def _set_level(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    if not given:
        return
    name = parameter.name or ""
    if context.meta.setdefault(_VERBOSITY, name) != name:
        raise click.UsageError("-q (--quiet) and -v (--verbose) exclude each other.", context)
    logging.getLogger("atlasae").setLevel(_LEVELS[name])


verbosity = combined(
    click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_set_level,
                 help="Show results and errors only."),
    click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=_set_level,
                 help="Show more of what is done."),
)  # fmt: skip


def print_line(text: str) -> None:
    """Print one line, whatever characters the names in it hold."""
    click.echo(printable(text))


def parse_step_size(text: str) -> str | int:
    """A number of entries, or a size such as ``50 MB``."""
    return int(text) if text.isdigit() else text


def parse_network(text: str) -> str | tuple[int, ...]:
    """The name of a network, or the widths of its layers from a list with commas."""
    if not text[:1].isdigit():
        return text
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise InputError(
            f"--network {text!r} is neither a name nor a list of widths such as 200,100,50"
        ) from None


def require_jets(path: str) -> None:
    """Raise the errors of a file that is neither a ROOT file nor a pickle, before it is read."""
    from atlasae.root.io.file import open_root

    if not is_pickle(path):
        open_root(path).close()


def read_jets(path: str, tree: str | None, collection: str | None) -> Any:
    """Jets from a ROOT file or a pickle."""
    if is_pickle(path):
        return atlasae.read_pickle(path)
    return atlasae.read_jets(path, tree=tree, collection=collection)
