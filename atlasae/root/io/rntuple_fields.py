"""What an RNTuple says of its fields: what they hold, and what changes when they are written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from atlasae.datashape import contents_of, parse_datashape
from atlasae.root.io.branch import RNTUPLE, BranchInfo, free_name
from atlasae.root.io.typenames import typename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CARDINALITY = "ROOT::RNTupleCardinality"
_VECTOR = "ROOT::VecOps::RVec<"  # written and read like a std::vector
_BITS = {"float": 32, "double": 64}

_REFUSED = re.compile(r"[./\\\s\x00-\x1f\x7f-\x9f]|^$")  # by ROOT, in the name of a field


def is_field_name(name: str) -> bool:
    """Whether ROOT takes a field, or an RNTuple, of this name."""
    return not _REFUSED.search(name)


def field_names(names: Iterable[str]) -> dict[str, str]:
    """Names of the fields that branches are written to: those that ROOT refuses get colons.

    ATLAS writes its branches to RNTuples in this way.

    Example:
        >>> field_names(["AnalysisJetsAuxDyn.pt", "run"])
        {'AnalysisJetsAuxDyn.pt': 'AnalysisJetsAuxDyn:pt', 'run': 'run'}
    """
    names = list(names)
    taken = set(filter(is_field_name, names))
    written = {}
    for name in sorted(set(names) - taken):  # in any order the same
        written[name] = free_name(_REFUSED.sub(":", name), taken)
        taken.add(written[name])
    return {name: written.get(name, name) for name in names}


class FieldRecords:
    """The fields of an RNTuple and those below them.

    Args:
        ntuple: as uproot opened it.
    """

    def __init__(self, ntuple: Any) -> None:
        self._records = ntuple.field_records
        self._shown = {record.source_field_id for record in self._records}
        self._children: dict[int, list[int]] = {}
        for field, record in enumerate(self._records):
            if record.parent_field_id != field:
                self._children.setdefault(record.parent_field_id, []).append(field)
        self._bits = {column.field_id: column.nbits for column in ntuple.column_records}

    def all_shown(self, field: int) -> bool:
        """Whether other fields show all values of a field and of those below it."""
        return all(one in self._shown for one in self._below(field) if one not in self._children)

    def typename(self, field: int) -> str:
        """The C++ type of a field."""
        return str(self._records[field].type_name.replace(_VECTOR, "std::vector<"))

    def described_below(self) -> Iterator[str]:
        """Names of the fields below others that have a description of their own."""
        names = [record.field_name for record in self._records]
        for parent, children in self._children.items():  # parents come first
            for child in children:
                own = self._records[child]
                names[child] = f"{names[parent]}.{own.field_name}".replace("._0", "")
                if own.field_desc not in ("", self._records[parent].field_desc):
                    yield names[child]

    def change(self, field: int, branch: BranchInfo) -> str:
        """How a field changes when it is written; empty if it does not."""
        name = self.typename(field)
        if not name:  # a record, or a list of records, that never had a class
            return "; ".join(dict.fromkeys(self._changes_below(field, branch)))
        written = branch.type if name.startswith(CARDINALITY) else typename(branch, RNTUPLE, ())
        if "{" in written or "(" in written:
            return f"{name} becomes records without a class"
        if name != written:
            return f"{name} becomes {written}"
        return "; ".join(dict.fromkeys(self._shortened(field)))

    def _changes_below(self, field: int, branch: BranchInfo) -> Iterator[str]:
        """How the fields below one change."""
        contents = contents_of(parse_datashape(branch.type))
        # a union has its fields elsewhere, and is not written
        for child, content in zip(self._children.get(field, ()), contents, strict=False):
            if note := self.change(child, BranchInfo(branch.name, str(content))):
                yield note

    def _shortened(self, field: int) -> Iterator[str]:
        """What takes fewer bits in the source than it will."""
        for one in self._below(field):
            name = self._records[one].type_name
            bits = self._bits.get(one, 64)
            if bits < _BITS.get(name, 0):
                yield f"{name} of {bits} bits becomes {name} of {_BITS[name]}"

    def _below(self, field: int) -> Iterator[int]:
        """A field and all those below it."""
        yield field
        for child in self._children.get(field, ()):
            yield from self._below(child)
