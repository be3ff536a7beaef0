"""How commands end: an exit code, and one line on the error stream where something went wrong."""

from __future__ import annotations

import errno
import re
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from atlasae.errors import AtlasaeError, LargerTargetError
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGER = 1  # not a mistake: the answer is no
ERROR = 2
INTERRUPTED = 130  # as shells do it: 128, and the number of the signal, here SIGINT
BROKEN_PIPE = 141  # of SIGPIPE
_IN_PYTHON = re.compile(r"(--[a-z-]+(?: \w+)?) \(\w+=[^)]*\)")  # --force (force=True)


@contextmanager
def exits(context: click.Context) -> Iterator[None]:
    """Turn what ends a command early into an exit code, with at most one line.

    Where nobody reads the standard output any more, as after ``| head -1``, nothing is said.
    """
    try:
        _flush()
        yield
        _flush()
    except AtlasaeError as error:
        code = LARGER if isinstance(error, LargerTargetError) else ERROR
        message = in_command_words(str(error))
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "atlasae"
        what = _no_such_option(error) if isinstance(error, click.NoSuchOption) else ""
        code, message = ERROR, f"{what or error.format_message()} See {where} --help"
    except KeyboardInterrupt:
        code, message = INTERRUPTED, "interrupted"
    except BrokenPipeError:
        code, message = BROKEN_PIPE, ""
    except OSError as error:  # of printing: those of files are AtlasaeErrors
        where = error.filename or "the standard output"
        code, message = ERROR, f"cannot write to {where}: {error.strerror or error}"
    else:
        return
    if message:
        with suppress(OSError):  # the code says it where the error stream fails too
            click.echo(f"atlasae: {printable(message)}", err=True)
    context.exit(code)


def _no_such_option(error: click.NoSuchOption) -> str:
    """Which other commands have an option that one does not have; empty if none has."""
    own = error.ctx
    group = own.parent.command if own and own.parent else None
    commands = group.commands.items() if isinstance(group, click.Group) else ()
    having = [
        name
        for name, command in commands
        if any(error.option_name in (*one.opts, *one.secondary_opts) for one in command.params)
    ]
    if own is None or not having:
        return ""
    *others, last = having
    which = f"{', '.join(others)} and {last} have" if others else f"{last} has"
    return f"{own.info_name} has no option {error.option_name}; {which} it."


def in_command_words(text: str) -> str:
    """A message without what its options are called in Python.

    Example:
        >>> in_command_words("it exists; overwrite it with --force (force=True)")
        'it exists; overwrite it with --force'
    """
    return _IN_PYTHON.sub(r"\1", text)


def _flush() -> None:
    """Raise the OSError of a standard output that cannot be written to."""
    if sys.stdout is None:  # Python found it closed
        raise OSError(errno.EBADF, "it is closed")
    sys.stdout.flush()
