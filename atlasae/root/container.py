"""What a compressed file holds beside the user's branches: codecs, and how to go back.

``atlasae/manifests`` has an entry for each compressed tree, ``atlasae/codecs`` one for each codec,
found by a hash of its bytes, and ``atlasae/blocks`` the jets. Files merged tree by tree hold one
after another what each held; which entries a manifest speaks of follows from their numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import awkward as ak
import numpy as np
import uproot

from atlasae.codec import Codec
from atlasae.errors import DamagedFileError, InputError
from atlasae.root.blocktree import BLOCKS, BlockRows
from atlasae.root.branches import KINDS, Branch
from atlasae.root.source import reading

FORMAT = 1
DIRECTORY = "atlasae"
CODECS, MANIFESTS = f"{DIRECTORY}/codecs", f"{DIRECTORY}/manifests"
OWN = (DIRECTORY, CODECS, MANIFESTS, BLOCKS)  # what is not the user's
_LARGEST = 1 << 62  # of the numbers in a manifest
_BYTES = "payload"  # the one branch of both trees, var * uint8: uproot has no other for bytes


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
    branches: tuple[Branch, ...]
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
    def kept(self) -> tuple[Branch, ...]:
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
            known["branches"] = tuple(map(Branch.from_json, known["branches"]))
            known["parts"] = tuple(
                Part(**{**part, "latents": tuple(part["latents"])}) for part in known["parts"]
            )
            manifest = cls(**known)
        except DamagedFileError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"a manifest is damaged: {error!r}") from error
        manifest._check()
        return manifest

    def _check(self) -> None:
        """Raise DamagedFileError where it is not what ``compress`` writes."""
        types: dict[type, dict[str, Any]] = {
            kind: get_type_hints(kind) for kind in (Manifest, Branch, Part)
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
        raise DamagedFileError(
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


@dataclass(frozen=True)
class Run:
    """A range of a tree's entries compressed at one time; merged files have several.

    Attributes:
        start: its first entry.
        stop: the entry after its last.
        manifest: how it was compressed.
        blocks: numbers of the blocks of each part, by the number of the part.
    """

    start: int
    stop: int
    manifest: Manifest
    blocks: dict[int, list[int]]


@dataclass(frozen=True)
class Container:
    """All that a compressed file says of itself.

    Attributes:
        runs: by path of the tree, in the order of its entries.
        codecs: by the hash that manifests name them by.
        rows: of the blocks; None where there are none.
    """

    runs: dict[str, list[Run]]
    codecs: dict[str, Codec]
    rows: BlockRows | None

    @property
    def manifests(self) -> list[Manifest]:
        """Those of all runs."""
        return [run.manifest for runs in self.runs.values() for run in runs]


def is_compressed(file: Any) -> bool:
    """Whether an open ROOT file was written by ``atlasae.compress``."""
    return not {CODECS, MANIFESTS, BLOCKS}.isdisjoint(file.keys(cycle=False))


def write_container(out: Any, manifests: Iterable[Manifest], codecs: Iterable[bytes]) -> None:
    """Store manifests and codecs in a file being written."""
    stored = {CODECS: list(codecs), MANIFESTS: [manifest.to_bytes() for manifest in manifests]}
    for path, rows in stored.items():
        tree = out.mktree(path, {_BYTES: "var * uint8"})
        tree.compression = uproot.LZMA(9)  # small, and of names that repeat
        if rows:
            data = np.frombuffer(b"".join(rows), np.uint8)
            tree.extend({_BYTES: ak.unflatten(data, [len(row) for row in rows])})


def read_container(file: Any) -> Container:
    """What a compressed file says of itself.

    Raises:
        InputError: the file was not compressed by atlasae.
        DamagedFileError: a manifest or codec is damaged, missing, or of a newer format.
    """
    path = file.file_path
    if not is_compressed(file):
        raise InputError(f"{path} was not compressed by atlasae")
    try:
        codecs = {digest(data): Codec.from_bytes(data) for data in stored_codecs(file)}
        manifests = [Manifest.from_bytes(data) for data in _payloads(file, MANIFESTS)]
    except DamagedFileError as error:
        raise DamagedFileError(f"{path}: {error}") from error
    rows = BlockRows.read(file) if BLOCKS in file.keys(cycle=False) else None
    runs: dict[str, list[Run]] = {}
    for manifest in manifests:
        blocks = {}
        for part in manifest.parts:
            if part.codec and part.codec not in codecs:
                raise DamagedFileError(f"{path}: no intact codec {part.codec[:12]} in {CODECS!r}")
            if not part.latents:
                if rows is None and manifest.entries:
                    raise DamagedFileError(f"{path}: no tree {BLOCKS!r}")
                taken = rows.take(part.number, manifest.entries) if rows else []
                blocks[part.number] = taken
        before = runs.setdefault(manifest.tree, [])
        start = before[-1].stop if before else 0
        before.append(Run(start, start + manifest.entries, manifest, blocks))
    return Container(runs, codecs, rows)


def stored_codecs(file: Any) -> list[bytes]:
    """The bytes of the codecs in a compressed file."""
    return _payloads(file, CODECS)


def _payloads(file: Any, path: str) -> list[bytes]:
    with reading(f"tree {path!r}"):
        return [np.asarray(row).tobytes() for row in file[path][_BYTES].array()]


def codec_bytes(file: Any) -> int:
    """Size of the stored codecs and manifests in the file."""
    return sum(int(file[path].compressed_bytes) for path in (CODECS, MANIFESTS))


def compression_like(file: Any) -> uproot.compression.Compression:
    """The compression of a file, or a fast and good one where it has none."""
    found = file.file.compression
    return uproot.ZSTD(5) if found is None or found.level == 0 else found


def digest(data: bytes) -> str:
    """The name of a codec in manifests."""
    return hashlib.sha256(data).hexdigest()


def notes_of(path: str, notes: Mapping[str, str]) -> dict[str, str]:
    """Notes on branches, under the path of their tree."""
    return {f"{path}:{name}": note for name, note in notes.items()}
