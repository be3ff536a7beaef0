"""What uproot raises, as errors that say where."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlasae.errors import AtlasaeError, DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def read_errors(what: str) -> Iterator[None]:
    """Turn whatever uproot raises on damaged bytes into a DamagedFileError that says where."""
    try:
        yield
    except (AtlasaeError, MemoryError):
        raise
    except Exception as error:  # zlib, struct, numpy and uproot raise what they like
        raise DamagedFileError(f"{what} cannot be read: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its kind where it has none."""
    return str(error).strip().partition("\n")[0].rstrip(",:") or type(error).__name__
