"""Expands names of files, patterns and addresses, and the objects named in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from glob import escape as glob_escape
from glob import glob
from io import IOBase
from typing import Any, TypeAlias, TypeGuard

import fsspec

from atlasae.errors import FileError, InputError, MissingFileError
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
        files: ``"a*.root:Events"``, ``{"a*.root": "Events"}``, or a list of them. A directory stands
            for the ``.root`` files in it, at any depth.

    Raises:
        MissingFileError: no file matches.
        InputError: no file is given.
        FileError: a server does not list its files.

    Example:
        >>> expand_files(["a.root:Events", "b.root"])
        [('a.root', 'Events'), ('b.root', None)]
    """
    patterns = list(split_object(files))
    if not patterns:
        raise InputError("no file is given: name files, patterns of files or directories")
    expanded = [
        (match, object_path) for pattern, object_path in patterns for match in _matches(pattern)
    ]
    if not expanded:
        raise MissingFileError(f"no file matches {files!r}")
    return list(dict.fromkeys(expanded))


def one_file(files: Files) -> tuple[str, str | None] | None:
    """The file that a path names, and the object in it; None of a list, pattern or directory.

    Example:
        >>> one_file("events.root:Events"), one_file(["events.root"]), one_file("data/*.root")
        (('events.root', 'Events'), None, None)
    """
    if isinstance(files, Mapping) and len(files) != 1:
        return None
    if _is_several(files) and not isinstance(files, Mapping):
        return None
    ((path, object_path),) = split_object(files)
    return None if _is_pattern(path) or os.path.isdir(path) else (path, object_path)  # noqa: PTH112


def expand_paths(files: Files) -> list[str]:
    """Expand patterns and directories into files.

    Raises:
        MissingFileError: no file matches.
        InputError: an object in a file is named.

    Example:
        >>> expand_paths(["a.root", "b.root"])
        ['a.root', 'b.root']
    """
    expanded = expand_files(files)
    for path, object_path in expanded:
        if object_path is not None:
            raise InputError(f"{path}:{object_path} names an object in a file; give the file alone")
    return [path for path, _ in expanded]


def same_objects(files: Files) -> tuple[list[str], list[str] | None]:
    """The files, and the object named in each; None if none is.

    Raises:
        MissingFileError: no file matches.
        InputError: one is named for some of the files only.

    Example:
        >>> same_objects(["a.root:Events", "b.root:Events"])
        (['a.root', 'b.root'], ['Events', 'Events'])
    """
    expanded = expand_files(files)
    paths, objects = [path for path, _ in expanded], [name for _, name in expanded if name]
    if objects and len(objects) != len(paths):
        lacking = next(path for path, name in expanded if not name)
        raise InputError(f"name the tree of each file, or of none: {lacking}:{objects[0]}")
    return paths, objects or None


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
    elif _is_several(files):
        for entry in files:
            yield from split_object(entry)
    else:
        yield path_name(files), None


def _is_several(files: Files) -> TypeGuard[Iterable[Any]]:
    """Whether it is a list of files or the like; an open file is none."""
    return isinstance(files, Iterable) and not isinstance(files, str | bytes | IOBase)


def _is_pattern(path: str) -> bool:
    """Whether a path or address may stand for several; ? and [ are part of many addresses."""
    if "://" in path:
        return "*" in path
    return bool(_GLOB.search(path)) and not os.path.exists(path)  # noqa: PTH110


def _matches(pattern: str) -> list[str]:
    """Paths or addresses that match a glob; the pattern itself if it is not a glob."""
    if os.path.isdir(pattern):  # noqa: PTH112
        inside = glob(os.path.join(glob_escape(pattern), "**", "*.root"), recursive=True)  # noqa: PTH118, PTH207
        if not inside:
            raise MissingFileError(f"no ROOT file (*.root) in the directory {pattern!r}")
        return sorted(inside)
    if not _is_pattern(pattern):
        return [pattern]
    if "://" in pattern:
        return _remote_matches(pattern)
    return sorted(glob(os.path.expanduser(pattern), recursive=True))  # noqa: PTH111, PTH207  (relative paths stay relative)


def _remote_matches(pattern: str) -> list[str]:
    try:
        return [file.full_name for file in fsspec.open_files(pattern)]
    except ImportError as error:
        raise missing_for_address(pattern, error) from error
    except Exception as error:  # each package for a protocol has its own
        raise FileError(f"cannot list {pattern!r}: {error}; name each file") from error


def absolute_path(path: str) -> str:
    """A path that is the same in another working directory; an address as it is.

    Example:
        >>> absolute_path("https://cern.ch/events.root")
        'https://cern.ch/events.root'
    """
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100  (keeps links)
