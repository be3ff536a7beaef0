"""What stands in a file beside its trees: histograms, graphs, notes."""

from __future__ import annotations

import io
from typing import Any

import uproot

from atlasae.root.source import first_line, reading

_DIRECTORIES = ("TDirectory", "TDirectoryFile")
_TREES = ("TTree", "ROOT::RNTuple")
_WRITABLE = ("TH1", "TH2", "TH3", "TProfile", "TObjString")


def directories_in(file: Any) -> list[str]:
    """Paths of the directories."""
    return [path for path, name in file.classnames(cycle=False).items() if name in _DIRECTORIES]


def objects_in(file: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Objects that can be written, by path, and why the others cannot."""
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for path, name in file.classnames(cycle=False).items():
        if name in (*_DIRECTORIES, *_TREES):
            continue
        refused[path] = f"class {name} cannot be written"
        if name.startswith(_WRITABLE):
            with reading(f"{file.file_path}: {name} {path!r}"):
                item = file[path]
            item = str(item) if name == "TObjString" else item
            try:
                with uproot.recreate(io.BytesIO()) as scratch:
                    scratch["x"] = item
            except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
                refused[path] += f": {first_line(error)}"
            else:
                found[path] = item
                del refused[path]
    return found, refused
