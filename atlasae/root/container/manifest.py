"""The manifest of a compressed tree: which branches it had, and how they are stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from atlasae.errors import DamagedFileError, VersionError
from atlasae.root.io.branch import KINDS, BranchInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
_LARGEST = 1 << 62  # of the numbers in a manifest


@dataclass(frozen=True)
class Part:
    """Branches of a tree that were compressed together.

    Attributes:
        name: of the collection, or the prefix that the branches share.
        features: name that the codec knows to name of the branch.
        codec: SHA-256 of the codec's bytes; empty for columns packed without one.
        number: of its blocks in the file.
        latents: names of the branches with their latents; empty if they are stored in blocks.
        flat: whether each entry is one jet.
        jets: number of jets; 0 for columns.
    """

    name: str
    features: dict[str, str]
    codec: str = ""
    number: int = 0
    latents: tuple[str, ...] = ()
    flat: bool = False
    jets: int = 0


@dataclass(frozen=True)
class Manifest:
    """How one tree was compressed.

    Attributes:
        tree: its path.
        kind: ``ttree`` or ``rntuple``, as it was in the source.
        entries: of the tree.
        branches: of the source tree, in its order.
        parts: what was compressed.
        changed: path or ``path:branch`` to what changed other than values.
        left_out: path or ``path:branch`` to why it was left out.
        source: name of the source file.
        source_bytes: size of the source file.
    """

    tree: str
    kind: str
    entries: int
    branches: tuple[BranchInfo, ...]
    parts: tuple[Part, ...]
    changed: dict[str, str]
    left_out: dict[str, str]
    source: str
    source_bytes: int

    @cached_property
    def compressed(self) -> dict[str, Part]:
        """The part that each compressed branch is in."""
        return {branch: part for part in self.parts for branch in part.features.values()}

    @property
    def kept(self) -> tuple[BranchInfo, ...]:
        """The branches of the source that are stored in the tree as they were."""
        return tuple(branch for branch in self.branches if branch.name not in self.compressed)

    def to_bytes(self) -> bytes:
        values = asdict(self)
        values["branches"] = [branch.to_json() for branch in self.branches]
        return json.dumps({"format": FORMAT, **values}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """The inverse of ``to_bytes``.

        Raises:
            DamagedFileError: these bytes are not a manifest.
            VersionError: it has a newer format.
        """
        try:
            values = json.loads(data)
            _check_format(values["format"])
            known = {field.name: values[field.name] for field in fields(cls)}
            known["branches"] = tuple(map(BranchInfo.from_json, known["branches"]))
            known["parts"] = tuple(
                Part(**{**part, "latents": tuple(part["latents"])}) for part in known["parts"]
            )
            manifest = cls(**known)
        except VersionError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"a manifest is damaged: {error!r}") from error
        manifest._check()
        return manifest

    def _check(self) -> None:
        """Raise DamagedFileError if it is not what ``compress`` writes."""
        types: dict[type, dict[str, Any]] = {
            kind: get_type_hints(kind) for kind in (Manifest, BranchInfo, Part)
        }
        for piece in (self, *self.branches, *self.parts):
            for name, kind in types[type(piece)].items():
                if not _is(getattr(piece, name), kind):
                    raise DamagedFileError(f"a manifest is damaged: {name} is not a {kind}")
        names = {branch.name: branch for branch in self.branches}
        twice = len(names) < len(self.branches)
        twice |= len(self.compressed) < sum(len(part.features) for part in self.parts)
        if self.kind not in KINDS or twice:
            raise DamagedFileError(f"a manifest is damaged: its {self.kind} or branches")
        for name, part in self.compressed.items():
            if name not in names or (part.codec and names[name].dtype is None):
                raise DamagedFileError(f"a manifest is damaged: no branch {name!r} for a codec")


def _check_format(written: int) -> None:
    if written > FORMAT:
        raise VersionError(
            f"compressed in format {written}, this atlasae reads up to {FORMAT}:"
            " upgrade with pip install -U atlasae"
        )


def _is(value: Any, kind: Any) -> bool:
    """Whether a value has the type that an attribute is annotated with; numbers are not negative."""
    inner = get_args(kind)
    if get_origin(kind) is UnionType:
        return any(_is(value, one) for one in inner)
    if get_origin(kind) is dict:
        pairs = value.items() if isinstance(value, dict) else [(None, None)]
        return all(_is(key, inner[0]) and _is(item, inner[1]) for key, item in pairs)
    if get_origin(kind) is tuple:
        return all(_is(item, inner[0]) for item in value)
    return type(value) is kind and (kind is not int or 0 <= value < _LARGEST)


def notes_of(path: str, notes: Mapping[str, str]) -> dict[str, str]:
    """Notes on branches, under the path of their tree."""
    return {f"{path}:{name}": note for name, note in notes.items()}
