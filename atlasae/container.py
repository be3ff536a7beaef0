"""What a compressed file holds beside the user's branches: codecs, and how to go back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import awkward as ak
import numpy as np
import uproot

from atlasae.codec import Codec
from atlasae.errors import DamagedFileError, InputError
from atlasae.trees import Branch, reading

FORMAT = 1
DIRECTORY = "atlasae"
CODECS, MANIFESTS = f"{DIRECTORY}/codecs", f"{DIRECTORY}/manifests"
BLOCKS = f"{DIRECTORY}/blocks"
OWN = (DIRECTORY, CODECS, MANIFESTS, BLOCKS)  # what is not the user's
_BYTES = "payload"  # the one branch of both trees, var * uint8: uproot has no other for bytes


@dataclass(frozen=True)
class Manifest:
    """How one tree was compressed.

    Attributes:
        tree: its path.
        collection: name of the compressed collection.
        entries: of the tree.
        jets: in the collection.
        codec: SHA-256 of the codec's bytes.
        features: the codec's features to the branches they came from.
        latents: the branches that stand for them; none where blocks do.
        flat: whether each entry is one jet.
        branches: of the source tree, in its order.
        changed: path or ``path:branch`` to what became different though no value did.
        left_out: path or ``path:branch`` to why it could not be written.
        source: name of the source file.
        source_bytes: size of the source file.
    """

    tree: str
    collection: str
    entries: int
    jets: int
    codec: str
    features: dict[str, str]
    latents: tuple[str, ...]
    flat: bool
    branches: tuple[Branch, ...]
    changed: dict[str, str]
    left_out: dict[str, str]
    source: str
    source_bytes: int

    @property
    def kept(self) -> tuple[Branch, ...]:
        """The source's branches that stand in the compressed tree as they were."""
        compressed = set(self.features.values())
        return tuple(branch for branch in self.branches if branch.name not in compressed)

    def to_bytes(self) -> bytes:
        return json.dumps({"format": FORMAT, **asdict(self)}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        values = json.loads(data)
        if values["format"] > FORMAT:
            raise DamagedFileError(
                f"compressed in format {values['format']}, this atlasae reads up to {FORMAT}:"
                " upgrade with pip install -U atlasae"
            )
        known = {field.name: values[field.name] for field in fields(cls)}
        known["latents"] = tuple(known["latents"])
        known["branches"] = tuple(Branch.from_json(branch) for branch in known["branches"])
        return cls(**known)


@dataclass(frozen=True)
class Run:
    """A range of entries compressed with one codec; merged files have several."""

    start: int
    stop: int
    manifest: Manifest
    codec: Codec


def is_compressed(file: Any) -> bool:
    """Whether an open ROOT file was written by ``atlasae.compress``."""
    return MANIFESTS in file.keys(cycle=False)


def write_container(directory: Any, manifest: Manifest, codec: bytes) -> None:
    """Store a codec and its manifest in a file being written."""
    for path, data in ((CODECS, codec), (MANIFESTS, manifest.to_bytes())):
        tree = directory.mktree(path, {_BYTES: "var * uint8"})
        tree.extend({_BYTES: ak.unflatten(np.frombuffer(data, np.uint8), [len(data)])})


def read_container(file: Any) -> list[Run]:
    """The runs of a compressed file, in the order of its entries.

    Raises:
        InputError: the file was not compressed by atlasae.
        DamagedFileError: a manifest or codec is damaged, missing, or of a newer format.
    """
    path = file.file_path
    if not is_compressed(file):
        raise InputError(f"{path} was not compressed by atlasae")
    with reading(path, "the codec"):
        codecs = {digest(data): data for data in _payloads(file, CODECS)}
        manifests = [Manifest.from_bytes(data) for data in _payloads(file, MANIFESTS)]
        decoders = {key: Codec.from_bytes(data) for key, data in codecs.items()}
    runs: list[Run] = []
    for manifest in manifests:
        if manifest.codec not in decoders:
            raise DamagedFileError(f"{path}: no intact codec {manifest.codec[:12]} in {CODECS!r}")
        start = runs[-1].stop if runs else 0
        decoder = decoders[manifest.codec]
        runs.append(Run(start, start + manifest.entries, manifest, decoder))
    trees = {run.manifest.tree for run in runs}
    if len(trees) != 1:
        raise DamagedFileError(f"{path}: {MANIFESTS!r} speaks of {len(trees)} trees, not of one")
    return runs


def _payloads(file: Any, path: str) -> list[bytes]:
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
