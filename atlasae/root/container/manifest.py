"""What a compressed file holds beside the user's branches: codecs, and how to go back.

``atlasae/manifests`` has an entry for each compressed tree, ``atlasae/codecs`` one for each codec,
found by a hash of its bytes, and ``atlasae/blocks`` the jets. Files merged tree by tree hold one
after another what each held; which entries a manifest speaks of follows from their numbers.
"""

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
        name: of the collection, or what the branches have in common.
        features: what the codec calls them, to the branches they came from.
        codec: SHA-256 of the codec's bytes; empty for columns packed without one.
        number: of its blocks in the file.
        latents: the branches that stand for them; none where blocks do.
        flat: whether each entry is one jet.
        jets: how many there are; 0 for columns.
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
        changed: path or ``path:branch`` to what became different though no value did.
        left_out: path or ``path:branch`` to why it is not here.
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
        """The source's branches that stand in the compressed tree as they were."""
        return tuple(branch for branch in self.branches if branch.name not in self.compressed)

    def to_bytes(self) -> bytes:
        values = asdict(self)
        values["branches"] = [branch.to_json() for branch in self.branches]
        return json.dumps({"format": FORMAT, **values}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """The inverse of ``to_bytes``.

        Raises:
            DamagedFileError: these bytes are no manifest, or one of a newer format.
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
        """Raise DamagedFileError where it is not what ``compress`` writes."""
        types: dict[type, dict[str, Any]] = {
            kind: get_type_hints(kind) for kind in (Manifest, BranchInfo, Part)
        }
        for piece in (self, *self.branches, *self.parts):
            for name, kind in types[type(piece)].items():
                if not _is(getattr(piece, name), kind):
                    raise DamagedFileError(f"a manifest is damaged: {name} is no {kind}")
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
    """Whether a value is of the type an attribute is annotated with; numbers are not negative."""
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
