"""The exceptions of atlasae: one family, each also one of the built-in exceptions."""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class AtlasaeError(Exception):
    """Base class of all exceptions that atlasae raises on purpose."""


class InputError(AtlasaeError, ValueError):
    """An argument, or the data given, cannot be used."""


class CannotPackError(InputError):
    """Columns cannot be packed without loss."""


class MissingNameError(AtlasaeError, KeyError):
    """A tree, branch, feature or codec of this name does not exist."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would print the repr of the message

    @classmethod
    def of(cls, kind: str, name: str, where: str, names: Iterable[str]) -> MissingNameError:
        """An error that ``name`` is missing ``where``, with the nearest existing names."""
        return cls(f"no {kind} {name!r} in {where}{suggestion(name, names)}")


class NotFittedError(AtlasaeError, RuntimeError):
    """The codec must be fitted, or loaded, before it can do this."""


class FileError(AtlasaeError, OSError):
    """A file cannot be read or written."""


class MissingFileError(FileError, FileNotFoundError):
    """A file to read does not exist."""


class TargetExistsError(FileError, FileExistsError):
    """A file to write exists already."""


class LargerTargetError(FileError, ValueError):
    """A compressed file would be larger than its source, and nobody asked for that."""


class DamagedFileError(FileError, ValueError):
    """A file, or a codec stored in it, is damaged, or of a kind that atlasae cannot read."""


class VersionError(FileError, ValueError):
    """A file, or a codec stored in it, has a version that this atlasae cannot read."""


class UnsafePickleError(AtlasaeError, ValueError):
    """A pickle asks for something other than pieces of a numpy or pandas table."""


class MissingPackageError(AtlasaeError, ImportError):
    """An optional package is needed and not installed."""


def suggestion(name: str, names: Iterable[str], *, only_near: bool = False) -> str:
    """The end of an error message: the nearest of the existing names, else all of them.

    Args:
        name: that does not exist.
        names: that exist.
        only_near: whether the message names all of them already.

    Example:
        >>> suggestion("Jet_pT", ["Jet_pt", "MET_pt"])
        "; did you mean 'Jet_pt'?"
    """
    known = sorted(set(names))
    by_lower_case = {other.lower(): other for other in known}
    if name.lower() in by_lower_case:
        near = [by_lower_case[name.lower()]]
    else:
        near = [by_lower_case[key] for key in get_close_matches(name.lower(), by_lower_case, 3)]
    if near:
        return f"; did you mean {' or '.join(map(repr, near))}?"
    if not known or only_near:
        return ""
    shown = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    return f"; available: {shown}"


def require_choice(kind: str, name: str, names: Iterable[str]) -> None:
    """Raise InputError unless ``name`` is one of ``names``, the values that ``kind`` can have."""
    names = list(names)
    if not isinstance(name, str):
        raise InputError(f"{kind}={name!r} must be one of {', '.join(names)}")
    if name not in names:
        near = suggestion(name, names, only_near=True)
        raise InputError(f"{kind}={name!r} must be one of {', '.join(names)}{near}")


def require_bytes(value: object, what: str) -> None:
    """Raise InputError unless a value consists of bytes; the error calls it ``what``."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise InputError(f"{what} are bytes, not {type(value).__name__}")


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put the place of the data before the message of an error, unless the message names it."""
    try:
        yield
    except (InputError, MissingNameError, DamagedFileError, VersionError) as error:
        if where in str(error):
            raise
        raise type(error)(f"{where}: {error}") from error
