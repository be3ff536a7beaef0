"""How branches of a TTree are to be read, where uproot reads other values than ROOT."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot
from uproot.interpretation.identify import UnknownInterpretation
from uproot.interpretation.strings import StringArray

from atlasae.root.io.errors import first_line
from atlasae.root.io.reduced_floats import Encoding, fixed_shape, reduced_float
from atlasae.root.io.typenames import VECTOR_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_NUMBERS = {  # classes of leaves
    "TLeafO": "?",
    "TLeafB": ">i1",
    "TLeafS": ">i2",
    "TLeafI": ">i4",
    "TLeafG": ">i8",
    "TLeafL": ">i8",
    "TLeafF": ">f4",
    "TLeafD": ">f8",
}
_CLASS_HEADER = np.dtype(  # of objects of a class without a version
    [("@num_bytes", ">u4"), ("@instance_version", ">u2"), ("@checksum", ">u4")]
)
_SIZED = {"Double32_t": Encoding(), "Float16_t": Encoding(bits=12)}  # those that uproot reads


class AsWrittenStrings(uproot.AsStrings):  # type: ignore[misc]  # has no types
    """Interprets strings by their own lengths: ROOT writes no byte for an empty ``/C`` string."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()  # uproot's state cannot be pickled

    def basket_array(self, data: Any, byte_offsets: Any, *context: Any) -> Any:
        if byte_offsets is None:  # each has a length
            return super().basket_array(data, byte_offsets, *context)
        starts, stops = byte_offsets[:-1] + self.header_bytes, byte_offsets[1:]
        filled = starts < stops
        first = data[starts[filled]]
        starts[filled] += np.where(first == 255, 5, 1) if self.length_bytes == "1-5" else 4
        counts = stops - starts
        if counts.min(initial=0) < 0:
            raise ValueError("strings end before their lengths")
        inside = np.zeros(len(data) + 1, np.int64)
        np.add.at(inside, starts, 1)
        np.add.at(inside, stops, -1)
        offsets = np.append(0, np.cumsum(counts))
        return StringArray(offsets, data[np.cumsum(inside[:-1]) > 0].tobytes())


def correct_interpretations(tree: Any) -> None:
    """Give branches of a TTree the interpretations of ROOT, where those of uproot differ.

    A branch that cannot be interpreted gets an exception in place of it, as in uproot.
    """
    # found for the first branch of objects: to read the descriptions of all classes takes long
    misread = cache(lambda: misread_classes(tree.file.streamers))
    branches = list(tree.itervalues(recursive=True))
    for branch in reversed(branches):  # parents after their members, which theirs depend on
        try:
            interpretation = (
                reduced_float(branch) or _of_leaves(branch) or _of_objects(branch, misread)
            )
        except Exception as error:
            path = branch.file.file_path
            interpretation = UnknownInterpretation(first_line(error), path, branch.object_path)
        if type(interpretation) is uproot.AsStrings:  # cannot be pickled: uproot makes it anew
            interpretation = None
        branch._interpretation = interpretation  # noqa: SLF001  (uproot has no other way)


def _of_leaves(branch: Any) -> Any:
    """The interpretation of a ``char*`` or of several numbers; None for any other branch."""
    leaves = branch.member("fLeaves")
    classes = [leaf.classname for leaf in leaves]
    if classes == ["TLeafC"]:
        return AsWrittenStrings()
    is_list = len(leaves) > 1 and _NUMBERS.keys() >= set(classes)
    if not is_list or any(leaf.member("fLeafCount") is not None for leaf in leaves):
        return None
    return uproot.AsDtype(np.dtype(list(map(_field, leaves))))


def _field(leaf: Any) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """A leaf as a field of a numpy dtype."""
    dtype = np.dtype(_NUMBERS[leaf.classname])
    if dtype.kind == "i" and leaf.member("fIsUnsigned"):
        dtype = np.dtype(f">u{dtype.itemsize}")
    return leaf.member("fName"), dtype, fixed_shape(leaf.member("fTitle"), leaf.member("fLen"))


def _of_objects(branch: Any, misread: Callable[[], Collection[str]]) -> Any:
    """The interpretation of a branch of objects, or any other.

    ROOT writes a header into objects of classes without a version; uproot takes it for values.

    Raises:
        ValueError: uproot reads other values than ROOT.
    """
    objects, is_vector = branch.interpretation, False
    if isinstance(objects, uproot.AsObjects) and names_one(branch.typename, misread()):
        raise ValueError(
            f"{branch.typename} has a Double32_t or Float16_t that uproot reads to other values"
        )
    if isinstance(objects, uproot.AsJagged) and objects.header_bytes == VECTOR_HEADER:
        objects, is_vector = objects.content, True
    if not isinstance(objects, uproot.AsStridedObjects) or not branch.num_baskets:
        return branch.interpretation
    basket, size = branch.basket(0), objects.from_dtype.itemsize
    if basket.byte_offsets is None:
        return branch.interpretation
    sizes, counts = np.diff(basket.byte_offsets), np.ones(1, np.int64)
    if is_vector:  # its header ends with the number of elements
        sizes -= VECTOR_HEADER
        last = basket.byte_offsets[:-1, np.newaxis] + np.arange(VECTOR_HEADER - 4, VECTOR_HEADER)
        counts = basket.data[last].view(">i4")[:, 0]
    if (sizes == counts * size).all():
        return branch.interpretation
    if not is_vector and (sizes == size + _CLASS_HEADER.itemsize).all():
        headers = basket.data.reshape(len(sizes), -1)[:, : _CLASS_HEADER.itemsize]
        if (headers == headers[0]).all() and not headers[0, 4:6].any():  # version 0
            return uproot.AsStridedObjects(objects.model, [*_CLASS_HEADER.descr, *objects.members])
    raise ValueError(f"{branch.typename} has headers that uproot reads as values")


def misread_classes(streamers: Mapping[str, Mapping[int, Any]]) -> frozenset[str]:
    """The classes whose objects uproot reads to other values than ROOT, if they are not split.

    It takes all Double32_t for floats of 4 bytes, and Float16_t for those of 3 bytes.

    Args:
        streamers: of a file, by class and version.
    """
    elements = {
        name: [element for info in versions.values() for element in info.elements]
        for name, versions in streamers.items()
    }
    misread: set[str] = set()
    found = {name for name, members in elements.items() if any(map(_is_misread, members))}
    while found:
        misread |= found
        found = {
            name
            for name, members in elements.items()
            if name not in misread
            and any(names_one(f"{member.typename} {member.name}", misread) for member in members)
        }
    return frozenset(misread)


def _is_misread(element: Any) -> bool:
    name, pointer, _ = element.typename.partition("*")
    sized = _SIZED.get(name.strip())
    return sized is not None and (
        bool(pointer) or element.array_length > 0 or Encoding.of(element.title, name) != sized
    )


def names_one(typename: str, classes: Collection[str]) -> bool:
    """Whether a C++ type is made of one of these classes.

    Example:
        >>> names_one("std::vector<Hit>", ["Hit"]), names_one("HitMap", ["Hit"])
        (True, False)
    """
    names = "|".join(re.escape(name) for name in classes)
    return bool(classes) and re.search(rf"(?<![\w:])({names})(?![\w:])", typename) is not None
