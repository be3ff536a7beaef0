"""What stands in a file beside its trees: histograms, graphs, notes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

from atlasae.errors import InputError
from atlasae.root.io.errors import first_line, read_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIRECTORIES = ("TDirectory", "TDirectoryFile")
_TREES = ("TTree", "ROOT::RNTuple")
_WRITABLE = ("TH1", "TH2", "TH3", "TProfile", "TObjString")
# what uproot raises at histograms that it cannot write (KeyError: members that old versions lack)
_NOT_WRITTEN = (AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
_ARRAYS = ("fSumw2", "fBinEntries", "fBinSumw2")  # of histograms and profiles, beside the contents


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
            with read_errors(f"{file.file_path}: {name} {path!r}"):
                item = file[path]
            item = str(item) if name == "TObjString" else item
            try:
                with uproot.recreate(io.BytesIO()) as scratch:
                    scratch["x"] = item
            except _NOT_WRITTEN as error:
                refused[path] += f": {first_line(error)}"
            else:
                found[path] = item
                del refused[path]
    return found, refused


def bins_of(histogram: Any) -> list[bytes]:
    """Edges and labels of its axes: the same where the bins are."""
    return [
        np.asarray(array).tobytes()
        for axis in histogram.axes
        for array in (axis.edges(flow=True), axis.labels() or ())
    ]


def add_histogram(total: Any, other: Any) -> None:
    """Add a histogram or profile to another, in place, as hadd does.

    Raises:
        InputError: they are of different classes, bins or weights.
    """
    if total.classname != other.classname:
        raise InputError(f"it is a {other.classname} where another file has a {total.classname}")
    if bins_of(total) != bins_of(other):
        raise InputError("it has other bins than in another file")
    _add_members(total, other)


def _added(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Two arrays added in the dtype they have; integers stop at its largest, as in ROOT."""
    if one.dtype.kind == "i":
        limits = np.iinfo(one.dtype)
        total: NDArray[Any] = np.add(one, other, dtype=np.int64).clip(limits.min, limits.max)
    else:
        total = np.add(one, other)
    return total.astype(one.dtype, copy=False)


def _add_members(total: Any, other: Any) -> None:
    """Add contents and sums of an object and of what it is based on."""
    for one, two in zip(total.bases, other.bases, strict=True):
        _add_members(one, two)
    if isinstance(total, uproot.models.TArray.Model_TArray):
        if len(total) != len(other):
            raise InputError("it has weights in one file and none in another")
        # uproot offers no other way to change what it read and keep titles, labels and sums
        total._data = _added(np.asarray(total), np.asarray(other))  # noqa: SLF001
    for name, value in total.members.items():
        if name in _ARRAYS:
            _add_members(value, other.members[name])
        elif name == "fEntries" or name.startswith("fTsum"):
            total.members[name] = value + other.members[name]
