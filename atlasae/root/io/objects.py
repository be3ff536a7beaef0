"""The objects of a file that are not trees: histograms, graphs, strings."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

from atlasae.errors import InputError
from atlasae.root.io.errors import first_line

if TYPE_CHECKING:
    from atlasae.types import Values

_DIRECTORIES = ("TDirectory", "TDirectoryFile")
_TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")
_WRITABLE = ("TH1", "TH2", "TH3", "TProfile", "TObjString")
# what uproot raises for histograms that it cannot write (KeyError: members that old versions lack)
_NOT_WRITTEN = (AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
_ARRAYS = (
    "fSumw2",
    "fBinEntries",
    "fBinSumw2",
)  # of histograms and profiles, in addition to the contents


def directories_in(file: Any) -> list[str]:
    """Paths of the directories of a file."""
    return [path for path, name in file.classnames(cycle=False).items() if name in _DIRECTORIES]


def objects_in(file: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The objects of a file that can be written, and why the others cannot, both by path."""
    writable: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for path, name in file.classnames(cycle=False).items():
        if name in (*_DIRECTORIES, *_TREES):
            continue
        refused[path] = f"class {name} cannot be written"
        if name.startswith(_WRITABLE):
            try:
                item = file[path]
            except Exception as error:  # uproot raises anything
                refused[path] = f"class {name} cannot be read: {first_line(error)}"
                continue
            item = str(item) if name == "TObjString" else item
            try:
                with uproot.recreate(io.BytesIO()) as scratch:
                    scratch["x"] = item
            except _NOT_WRITTEN as error:
                refused[path] += f": {first_line(error)}"
            else:
                writable[path] = item
                del refused[path]
    return writable, refused


def bins_of(histogram: Any) -> list[bytes]:
    """Edges and labels of the axes of a histogram; equal if the bins are equal."""
    return [
        np.asarray(array).tobytes()
        for axis in histogram.axes
        for array in (axis.edges(flow=True), axis.labels() or ())
    ]


def add_histogram(total: Any, other: Any) -> None:
    """Add a histogram or profile to another, in place, as hadd does.

    Where only one has sums of squared weights, the other's are its contents: each entry counts 1.

    Raises:
        InputError: they differ in class or binning.
    """
    if total.classname != other.classname:
        raise InputError(f"it is a {other.classname}, in another file it is a {total.classname}")
    if bins_of(total) != bins_of(other):
        raise InputError("its bins differ from those in another file")
    for one, like in ((total, other), (other, total)):
        _square_weights(one, like)
    _add_members(total, other)


def _square_weights(histogram: Any, like: Any) -> None:
    """Give a histogram or profile the sums of squared weights that another has."""
    members, others = histogram.all_members, like.all_members
    sources = {"fSumw2": _contents(histogram), "fBinSumw2": members.get("fBinEntries")}
    for name, source in sources.items():
        if name in members and len(members[name]) < len(others[name]):
            members[name]._data = np.abs(np.asarray(source)).astype(">f8")  # noqa: SLF001
            members[name].members["fN"] = len(source)


def _contents(item: Any) -> Any:
    """The array that a histogram is derived from; None for its other base classes."""
    if isinstance(item, uproot.models.TArray.Model_TArray):
        return item
    return next(filter(None, map(_contents, item.bases)), None)


def _sum(first: Values, second: Values) -> Values:
    """The sum of two arrays in the dtype of the first; integers saturate, as in ROOT."""
    if first.dtype.kind == "i":
        limits = np.iinfo(first.dtype)
        total: Values = np.add(first, second, dtype=np.int64).clip(limits.min, limits.max)
    else:
        total = np.add(first, second)
    return total.astype(first.dtype, copy=False)


def _add_members(total: Any, other: Any) -> None:
    """Add contents and sums of an object and of its base classes."""
    for base, other_base in zip(total.bases, other.bases, strict=True):
        _add_members(base, other_base)
    if isinstance(total, uproot.models.TArray.Model_TArray):
        # uproot offers no other way to change contents and keep titles, labels and sums
        total._data = _sum(np.asarray(total), np.asarray(other))  # noqa: SLF001
    for name, value in total.members.items():
        if name in _ARRAYS:
            _add_members(value, other.members[name])
        elif name == "fEntries" or name.startswith("fTsum"):
            total.members[name] = value + other.members[name]
