"""RNTuples being written by uproot, with a checksum after each page, as ROOT writes them.

uproot writes none, and ROOT merges no pages without them: hadd would abort.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

import uproot
from uproot.writing import _cascadentuple as uproot_writing

if TYPE_CHECKING:
    import awkward as ak

_CHECKSUM_BYTES = 8


def new_rntuple(out: Any, path: str, form: ak.forms.RecordForm, description: str) -> Any:
    """Create an empty RNTuple in a file being written, which uproot extends.

    Args:
        out: the file.
        path: of the RNTuple.
        form: of its entries.
        description: of the RNTuple.

    Example:
        >>> import awkward as ak, io, numpy as np, uproot
        >>> form = ak.forms.RecordForm([ak.forms.NumpyForm("float32")], ["x"])
        >>> with uproot.recreate(io.BytesIO()) as out:
        ...     ntuple = new_rntuple(out, "Events", form, "")
        ...     ntuple.extend({"x": np.ones(3, "f4")})
        ...     out["Events"].num_entries
        3
    """
    ntuple = out.mkrntuple(path, form, description=description)
    ntuple._cascading.__class__ = _CheckedNTuple  # noqa: SLF001  (uproot offers no other way)
    return ntuple


class _CheckedPage(uproot_writing.NTuple_PageDescription):  # type: ignore[misc]  # has no types
    """A page that is followed by its checksum: its number of elements is stored as negative."""

    def serialize(self) -> bytes:
        number = uproot.models.RNTuple._rntuple_page_num_elements_format.pack(-self.num_entries)  # noqa: SLF001
        return bytes(number + self.locator.serialize())


class _CheckedNTuple(uproot_writing.NTuple):  # type: ignore[misc]  # has no types
    """What uproot writes RNTuples with, and a checksum after each of their pieces."""

    # uproot's own, with pages that have checksums
    extend = FunctionType(
        uproot_writing.NTuple.extend.__code__,
        {**vars(uproot_writing), "NTuple_PageDescription": _CheckedPage},
    )

    def add_rblob(self, sink: Any, raw_data: Any, uncompressed_bytes: int) -> Any:
        data = bytes(raw_data)
        checksum = uproot_writing.xxhash.xxh3_64_intdigest(data)
        data += checksum.to_bytes(_CHECKSUM_BYTES, "little")
        return super().add_rblob(sink, data, uncompressed_bytes + _CHECKSUM_BYTES)
