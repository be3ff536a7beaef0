"""Which files are meant, and which object in each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from typing import Any, TypeAlias

import fsspec

from atlasae.errors import MissingFileError
from atlasae.optional import missing_for_address
from atlasae.types import PathLike

Files: TypeAlias = PathLike | Mapping[str, str | None] | Iterable[Any]

_WITH_OBJECT = re.compile(
    r"(?P<file>.+\.root(\.\d+)?):(?P<object>[^:]*)(?P<rest>::.*)?", re.IGNORECASE
)
_GLOB = re.compile(r"[*?\[]")


def expand_files(files: Files) -> list[tuple[str, str | None]]:
    """The files that are meant, and the tree in each."""
    found = [(match, wanted) for name, wanted in split_object(files) for match in _matching(name)]
    if not found:
        raise MissingFileError(f"no file matches {files!r}")
    return list(dict.fromkeys(found))


def split_object(files: Files) -> Iterator[tuple[str, str | None]]:
    """Files, or patterns of them, and what is wanted in each."""
    if isinstance(files, Mapping):
        yield from ((os.fspath(name), wanted) for name, wanted in files.items())
    elif isinstance(files, str) and (match := _WITH_OBJECT.fullmatch(files)):
        yield match["file"] + (match["rest"] or ""), match["object"].strip("/ ") or None
    elif isinstance(files, (str, os.PathLike)):
        yield os.fspath(files), None
    else:
        for one in files:
            yield from split_object(one)


def _matching(pattern: str) -> list[str]:
    """Paths or addresses that match a glob; the pattern itself where it is none."""
    if "://" in pattern:  # where ? and [ need be no glob
        return _remote_matches(pattern) if "*" in pattern else [pattern]
    if not _GLOB.search(pattern):
        return [pattern]
    return sorted(glob(os.path.expanduser(pattern)))  # noqa: PTH111, PTH207  (as it was given)


def _remote_matches(pattern: str) -> list[str]:
    try:
        return [file.full_name for file in fsspec.open_files(pattern)]
    except ImportError as error:
        raise missing_for_address(pattern, error) from error
