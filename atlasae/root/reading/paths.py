"""Expands names of files, patterns and addresses, and the objects named in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from typing import Any, TypeAlias

import fsspec

from atlasae.errors import MissingFileError
from atlasae.optional import missing_for_address
from atlasae.source_files import path_name
from atlasae.types import PathLike

Files: TypeAlias = PathLike | Mapping[str, str | None] | Iterable[Any]

_WITH_OBJECT = re.compile(
    r"(?P<file>.+\.root(\.\d+)?):(?P<object>[^:]*)(?P<rest>::.*)?", re.IGNORECASE
)
_GLOB = re.compile(r"[*?\[]")


def expand_files(files: Files) -> list[tuple[str, str | None]]:
    """Expand patterns into files, each with the path of the object in it, if one is named.

    Args:
        files: ``"a*.root:Events"``, ``{"a*.root": "Events"}``, or a list of them.

    Raises:
        MissingFileError: no file matches.

    Example:
        >>> expand_files(["a.root:Events", "b.root"])
        [('a.root', 'Events'), ('b.root', None)]
    """
    expanded = [
        (match, object_path)
        for pattern, object_path in split_object(files)
        for match in _matches(pattern)
    ]
    if not expanded:
        raise MissingFileError(f"no file matches {files!r}")
    return list(dict.fromkeys(expanded))


def split_object(files: Files) -> Iterator[tuple[str, str | None]]:
    """Split files, or patterns, from the path of the object in each; None if none is named.

    Example:
        >>> list(split_object("events.root:more/Runs"))
        [('events.root', 'more/Runs')]
    """
    if isinstance(files, Mapping):
        yield from ((os.fspath(name), object_path) for name, object_path in files.items())
    elif isinstance(files, str) and (match := _WITH_OBJECT.fullmatch(files)):
        yield match["file"] + (match["rest"] or ""), match["object"].strip("/ ") or None
    elif isinstance(files, bytes) or not isinstance(files, Iterable):
        yield path_name(files), None
    elif isinstance(files, str):
        yield files, None
    else:
        for entry in files:
            yield from split_object(entry)


def _matches(pattern: str) -> list[str]:
    """Paths or addresses that match a glob; the pattern itself if it is not a glob."""
    if "://" in pattern:  # ? and [ are part of many addresses
        return _remote_matches(pattern) if "*" in pattern else [pattern]
    if not _GLOB.search(pattern):
        return [pattern]
    return sorted(glob(os.path.expanduser(pattern)))  # noqa: PTH111, PTH207  (relative paths stay relative)


def _remote_matches(pattern: str) -> list[str]:
    try:
        return [file.full_name for file in fsspec.open_files(pattern)]
    except ImportError as error:
        raise missing_for_address(pattern, error) from error


def absolute_path(path: str) -> str:
    """A path that is the same in another working directory; an address as it is.

    Example:
        >>> absolute_path("https://cern.ch/events.root")
        'https://cern.ch/events.root'
    """
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100  (keeps links)
