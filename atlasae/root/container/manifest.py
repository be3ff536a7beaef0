"""The manifest of a compressed tree: which branches it had, and how they are stored."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from atlasae.errors import DamagedFileError, VersionError
from atlasae.fidelity.measured import Measured
from atlasae.root.io.branch import KINDS, BranchInfo
from atlasae.root.io.tree_metadata import TreeMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
REORDERED = "the order of its entries changed, as requested by order='free'"
_MAGIC = b"atm"  # then the format as a byte, and the digest of what follows
_DIGEST_BYTES = 16  # of SHA-256: protects against damage, not against forgery
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
        residuals: whether there are blocks beside the latents, which bound their error.
        flat: whether each entry is one jet.
        jets: number of jets; 0 for columns.
        counter: name of the branch with the number of jets of each entry; empty if none has it.
        model: SHA-256 of the bytes of the models of columns; empty if each is packed alone.
        exact_events: number of entries with values that are exact so that quantities are kept.
        exact_bytes: that these values take.
        measured: what was measured of what a codec gives back; None if nothing was.
    """

    name: str
    features: dict[str, str]
    codec: str = ""
    number: int = 0
    latents: tuple[str, ...] = ()
    residuals: bool = False
    flat: bool = False
    jets: int = 0
    counter: str = ""
    model: str = ""
    exact_events: int = 0
    exact_bytes: int = 0
    measured: Measured | None = None

    @property
    def has_blocks(self) -> bool:
        """Whether there are blocks of the part."""
        return self.residuals or not self.latents

    def to_json(self, positions: Mapping[str, int]) -> dict[str, Any]:
        """The attributes, with the positions of the branches in place of their names.

        Where the codec calls them by their names, as columns are, these are not repeated.
        """
        branches = list(self.features.values())
        features = [] if list(self.features) == branches else list(self.features)
        stored = {"features": features, "branches": [positions[name] for name in branches]}
        measured = None if self.measured is None else self.measured.to_json()
        return asdict(self) | stored | {"measured": measured}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], names: Mapping[int, str]) -> Part:
        """The inverse of ``to_json``, given the names of the branches by position."""
        branches = [names[position] for position in values["branches"]]
        features = dict(zip(values["features"] or branches, branches, strict=True))
        if len(features) < len(branches):
            raise ValueError("a feature stands twice")
        others = {name: value for name, value in values.items() if name != "branches"}
        if others.get("measured") is not None:
            others["measured"] = Measured.from_json(others["measured"])
        return cls(**others | {"features": features, "latents": tuple(values["latents"])})


@dataclass(frozen=True)
class Cluster:
    """Entries whose stored branches have checksums.

    Attributes:
        entries: number of entries.
        checksums: of each stored branch, as ``ColumnChecksum`` computes it.
    """

    entries: int
    checksums: tuple[int, ...]


@dataclass(frozen=True)
class Manifest:
    """How one tree was compressed.

    Attributes:
        tree: its path.
        title: its title in the source.
        kind: ``ttree`` or ``rntuple``, as it was in the source.
        entries: of the tree.
        identity: of the source, the codecs, the options and the path; the checksums of the blocks
            depend on it.
        branches: of the source tree, in its order.
        metadata: titles, aliases and weight of the source tree.
        parts: what was compressed.
        clusters: checksums of the stored branches, in the order of the entries.
        changed: path or ``path:branch`` to what changed other than values.
        left_out: path or ``path:branch`` to why it was left out.
        source: name of the source file.
        source_bytes: size of the source file.
        source_digest: of the source file, by ``source_digest``.
        version: of atlasae, which wrote it.
    """

    tree: str
    title: str
    kind: str
    entries: int
    identity: str
    branches: tuple[BranchInfo, ...]
    parts: tuple[Part, ...]
    clusters: tuple[Cluster, ...]
    changed: dict[str, str]
    left_out: dict[str, str]
    source: str
    source_bytes: int
    source_digest: str = ""
    version: str = ""
    metadata: TreeMetadata = field(default_factory=TreeMetadata)

    @cached_property
    def compressed(self) -> dict[str, Part]:
        """The part that each compressed branch is in."""
        return {branch: part for part in self.parts for branch in part.features.values()}

    @property
    def kept(self) -> tuple[BranchInfo, ...]:
        """The branches of the source that are stored in the tree as they were."""
        return tuple(branch for branch in self.branches if branch.name not in self.compressed)

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """Names of the branches of the stored tree: those kept, then the latents of each part."""
        latents = (name for part in self.parts for name in part.latents)
        return (*(branch.name for branch in self.kept), *latents)

    def part_identity(self, part: Part) -> bytes:
        """What the checksums of the blocks of a part depend on."""
        branches = {branch.name: branch for branch in self.branches}
        features = {feature: branches[name] for feature, name in part.features.items()}
        return part_identity(self.identity, part.number, part.codec or part.model, features)

    def to_bytes(self) -> bytes:
        """The stored form: ``_MAGIC``, the format, a digest, and JSON."""
        values = asdict(self)
        names = [branch.name for branch in self.branches]
        positions = {name: position for position, name in enumerate(names)}
        values["branches"] = [branch.to_json() for branch in self.branches]
        values["parts"] = [part.to_json(positions) for part in self.parts]
        values["metadata"] = self.metadata.to_json(names)
        text = json.dumps(values, separators=(",", ":")).encode()
        return _MAGIC + bytes([FORMAT]) + _digest(text) + text

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """The inverse of ``to_bytes``.

        Raises:
            DamagedFileError: these bytes are not a manifest.
            VersionError: it has a newer format.
        """
        try:
            values = json.loads(_checked(data))
            known = {one.name: values[one.name] for one in fields(cls) if one.name in values}
            known["branches"] = tuple(map(BranchInfo.from_json, known["branches"]))
            names = [branch.name for branch in known["branches"]]
            known["metadata"] = TreeMetadata.from_json(known.get("metadata", {}), names)
            by_position = dict(enumerate(names))
            known["parts"] = tuple(Part.from_json(part, by_position) for part in known["parts"])
            known["clusters"] = tuple(
                Cluster(cluster["entries"], tuple(cluster["checksums"]))
                for cluster in known["clusters"]
            )
            manifest = cls(**known)
        except (DamagedFileError, VersionError):
            raise
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise DamagedFileError(f"a manifest is damaged: {error!r}") from error
        manifest._check_types()
        manifest._check_agreement()
        return manifest

    def _check_types(self) -> None:
        """Raise DamagedFileError if an attribute has another type than it is annotated with."""
        types: dict[type, dict[str, Any]] = {
            kind: get_type_hints(kind)
            for kind in (Manifest, BranchInfo, TreeMetadata, Part, Cluster)
        }
        for piece in (self, self.metadata, *self.branches, *self.parts, *self.clusters):
            for name, kind in types[type(piece)].items():
                if not _is(getattr(piece, name), kind):
                    raise DamagedFileError(f"a manifest is damaged: {name} is not a {kind}")

    def _check_agreement(self) -> None:
        """Raise DamagedFileError if its pieces do not agree with one another."""
        branches = {branch.name: branch for branch in self.branches}
        blocks = [part.number for part in self.parts if part.has_blocks]
        in_clusters = sum(cluster.entries for cluster in self.clusters)
        widths = {len(cluster.checksums) for cluster in self.clusters}
        faults = {
            f"its kind {self.kind!r}": self.kind not in KINDS,
            "a branch stands twice": len(branches) < len(self.branches)
            or len(self.compressed) < sum(len(part.features) for part in self.parts)
            or len(set(self.stored)) < len(self.stored),
            "a part has an unknown branch, or none": not branches.keys() >= self.compressed.keys()
            or not all(part.features for part in self.parts)
            or not branches.keys() >= {part.counter for part in self.parts if part.counter},
            "two parts have one number": len(set(blocks)) < len(blocks),
            "a jagged branch has no counter": any(
                b.jagged and b.counter is None and not b.refused for b in self.branches
            ),
            "its clusters": bool(self.stored)
            and (in_clusters != self.entries or not widths <= {len(self.stored)}),
        }
        faults["the branches of a codec"] = not any(faults.values()) and any(
            branches[name].dtype is None or branches[name].jagged == part.flat
            for name, part in self.compressed.items()
            if part.codec
        )
        if found := [fault for fault, is_there in faults.items() if is_there]:
            raise DamagedFileError(f"the manifest of tree {self.tree!r} is damaged: {found[0]}")


def part_identity(
    identity: str, number: int, codec: str, features: Mapping[str, BranchInfo]
) -> bytes:
    """What the checksums of the blocks of a part depend on.

    Args:
        identity: of the manifest.
        number: of the part.
        codec: SHA-256 of the bytes of the codec, or of the models of columns; empty for neither.
        features: the branches by the name that the codec knows, in order.
    """
    columns = [[feature, branch.name, branch.type] for feature, branch in features.items()]
    text = json.dumps([identity, number, codec, columns], separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _checked(data: bytes) -> bytes:
    """The JSON of a stored manifest, after a check of its format and digest."""
    start = len(_MAGIC) + 1
    if data[: len(_MAGIC)] != _MAGIC or len(data) < start or not data[len(_MAGIC)]:
        raise DamagedFileError("a manifest is damaged: it does not start as one")
    if data[len(_MAGIC)] > FORMAT:
        raise VersionError(
            f"compressed in format {data[len(_MAGIC)]}, this atlasae reads up to {FORMAT}:"
            " upgrade with pip install -U atlasae"
        )
    text = data[start + _DIGEST_BYTES :]
    if data[start : start + _DIGEST_BYTES] != _digest(text):
        raise DamagedFileError("a manifest is damaged: its digest does not agree")
    return text


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:_DIGEST_BYTES]


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
    """Notes on the branches of a tree, and on itself under an empty name, by path."""
    return {f"{path}:{name}" if name else path: note for name, note in notes.items()}


def add_notes(notes: dict[str, str], more: Mapping[str, str]) -> None:
    """Add notes; several on the same tree or branch stand side by side, each once.

    Example:
        >>> notes = {"t": "reordered"}
        >>> add_notes(notes, {"t": "without its index", "t:x": "becomes double"})
        >>> add_notes(notes, {"t": "reordered"})
        >>> notes
        {'t': 'reordered; without its index', 't:x': 'becomes double'}
    """
    for path, note in more.items():
        known = [notes[path]] if path in notes else []
        notes[path] = "; ".join(dict.fromkeys("; ".join([*known, note]).split("; ")))
