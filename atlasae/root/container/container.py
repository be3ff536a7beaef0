"""What a compressed file says of itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import uproot

from atlasae.codecs.base import Codec
from atlasae.errors import DamagedFileError, InputError
from atlasae.root.container.block_tree import BLOCKS, BlockTreeReader
from atlasae.root.container.manifest import Manifest
from atlasae.root.io.errors import read_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

DIRECTORY = "atlasae"


CODECS, MANIFESTS = f"{DIRECTORY}/codecs", f"{DIRECTORY}/manifests"


RESERVED = (DIRECTORY, CODECS, MANIFESTS, BLOCKS)  # what is not the user's


_BYTES = "payload"  # the one branch of both trees, var * uint8: uproot has no other for bytes


@dataclass(frozen=True)
class Segment:
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

    runs: dict[str, list[Segment]]
    codecs: dict[str, Codec]
    rows: BlockTreeReader | None

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
    rows = BlockTreeReader.read(file) if BLOCKS in file.keys(cycle=False) else None
    runs: dict[str, list[Segment]] = {}
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
        before.append(Segment(start, start + manifest.entries, manifest, blocks))
    return Container(runs, codecs, rows)


def stored_codecs(file: Any) -> list[bytes]:
    """The bytes of the codecs in a compressed file."""
    return _payloads(file, CODECS)


def _payloads(file: Any, path: str) -> list[bytes]:
    with read_errors(f"tree {path!r}"):
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
