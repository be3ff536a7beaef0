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
    """What an error says, in one line, without what only uproot's code knows of itself."""
    if type(error) is AttributeError:
        return "uproot does not know how"
    if type(error) is KeyError:
        return f"there is no {error.args[0]!r}" if error.args else "something is missing"
    message = getattr(error, "message", str(error))  # what uproot puts before it is its own path
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    text = " ".join(lines[: 2 if lines and lines[0].endswith("because") else 1])
    return text.partition(" MetaData(")[0].rstrip(",:") or type(error).__name__


def cause_of(error: Exception) -> Exception:
    """What an error of atlasae was raised from: without the places that its message names."""
    while isinstance(error, AtlasaeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error
