"""Turns exceptions of uproot into errors that say where."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlasae.errors import AtlasaeError, DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def read_errors(what: str) -> Iterator[None]:
    """Turn any exception that uproot raises on damaged bytes into a DamagedFileError.

    Args:
        what: what is read, for the message: ``file.root: tree 'Events'``.
    """
    try:
        yield
    except (AtlasaeError, MemoryError):
        raise
    except Exception as error:  # zlib, struct, numpy and uproot raise many types
        raise DamagedFileError(f"{what} cannot be read: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """The first line of the message of an error, or its type if there is no message."""
    return str(error).strip().partition("\n")[0].rstrip(",:") or type(error).__name__


def cause_of(error: Exception) -> Exception:
    """What an error of atlasae was raised from: without the places that its message names."""
    while isinstance(error, AtlasaeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error
