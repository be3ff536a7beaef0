"""What a compressed file holds beside the trees of the user: codecs, manifests, blocks.

``atlasae/manifests`` has an entry per compressed tree, ``atlasae/codecs`` one per codec, found by a
hash of its bytes, or one that names a file with codecs that many files share, ``atlasae/blocks``
the coded jets and packed columns. A file merged tree by tree
holds these of all its sources one after another; which entries a manifest describes follows from
their numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import uproot

from atlasae.codecs.base import Codec
from atlasae.columns.serialization import is_block_model, read_block_model
from atlasae.errors import DamagedFileError, InputError, located
from atlasae.lossless.slots import dtypes_of
from atlasae.root.container.block_tree import BLOCKS, BlockTreeReader
from atlasae.root.container.manifest import Manifest
from atlasae.root.container.shared_codecs import SharedCodecs
from atlasae.root.io.errors import read_errors
from atlasae.root.io.file import open_root
from atlasae.root.io.new_ttree import NewTTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlasae.columns.block_model import BlockModel
    from atlasae.root.container.manifest import Part
    from atlasae.types import PathLike

DIRECTORY = "atlasae"
CODECS, MANIFESTS = f"{DIRECTORY}/codecs", f"{DIRECTORY}/manifests"
RESERVED = (DIRECTORY, CODECS, MANIFESTS, BLOCKS)  # paths that are not the user's
_NOT_COMPRESSED = "is not compressed by atlasae"
_IS_COMPRESSED = "is already compressed by atlasae; decompress it first"
_BYTES = "payload"  # the one branch of both trees, var * uint8: uproot writes bytes no other way


@dataclass(frozen=True)
class Segment:
    """A range of entries of a tree that were compressed together; merged files have several.

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


class StoredCodecs(Mapping[str, Codec]):
    """The codecs in a compressed file, by their hash; each is restored at its first use.

    Args:
        path: of the file.
        stored: bytes of the codecs.
    """

    def __init__(self, path: str, stored: Iterable[bytes]) -> None:
        self.path = path
        self._stored = {digest(data): data for data in stored}
        self._restored: dict[str, Codec] = {}

    def __getitem__(self, name: str) -> Codec:
        """A codec by its hash.

        Raises:
            DamagedFileError: it is damaged.
            VersionError: a newer version of atlasae wrote it.
            MissingNameError: no codec of this kind is installed.
        """
        if name not in self._restored:
            with located(self.path):
                self._restored[name] = Codec.from_bytes(self._stored[name])
        return self._restored[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, name: object) -> bool:  # without restoring it
        return name in self._stored


@dataclass(frozen=True)
class Container:
    """What a compressed file holds beside the trees of the user.

    Attributes:
        segments: by path of the tree, in the order of its entries.
        codecs: by the hash that manifests name them by.
        models: bytes of the models of columns, by their hash.
        blocks: the tree of blocks; None if there is none.
        shared: the codecs that are not in the file.
    """

    segments: dict[str, list[Segment]]
    codecs: StoredCodecs
    models: dict[str, bytes]
    blocks: BlockTreeReader | None
    shared: tuple[SharedCodecs, ...] = ()

    def codec(self, part: Part) -> Codec:
        """The codec of a part.

        Raises:
            DamagedFileError: it is damaged, or has other features than the part.
            VersionError: a newer version of atlasae wrote it.
            MissingNameError: no codec of this kind is installed.
        """
        codec = self.codecs[part.codec]
        if tuple(part.features) != tuple(codec.features_):
            raise DamagedFileError(
                f"{self.codecs.path}: the codec of {part.name!r} has other features than its"
                " manifest says"
            )
        return codec

    def block_model(self, part: Part, types: Iterable[str]) -> BlockModel:
        """The models of the columns of a part, whose branches have these types.

        Raises:
            DamagedFileError: they are damaged.
        """
        with located(self.codecs.path):
            return read_block_model(self.models[part.model], dtypes_of(types))

    @property
    def manifests(self) -> list[Manifest]:
        """Those of all segments."""
        return [segment.manifest for of_tree in self.segments.values() for segment in of_tree]


def is_compressed(file: Any) -> bool:
    """Whether an open ROOT file was written by ``atlasae.compress``."""
    return not {CODECS, MANIFESTS, BLOCKS}.isdisjoint(file.keys(cycle=False))


def open_as(path: PathLike, *, compressed: bool) -> Any:
    """Open a ROOT file that has to be compressed by atlasae, or must not be; as ``open_root`` does.

    Raises:
        InputError: it is not what it has to be.
    """
    file = open_root(path)
    if is_compressed(file) != compressed:
        file.close()
        raise InputError(f"{file.file_path} {_NOT_COMPRESSED if compressed else _IS_COMPRESSED}")
    return file


def write_container(out: Any, manifests: Iterable[Manifest], codecs: Iterable[bytes]) -> None:
    """Store manifests and codecs in a file being written."""
    write_rows(out, CODECS, list(codecs))
    write_rows(out, MANIFESTS, [manifest.to_bytes() for manifest in manifests])


def write_rows(out: Any, path: str, rows: list[bytes]) -> None:
    """Write a tree with bytes in each entry."""
    tree = NewTTree(out, path, {_BYTES: "var * uint8"})
    tree.compress_branch(_BYTES, uproot.LZMA(9))  # small, and of names that repeat
    if rows:
        data = np.frombuffer(b"".join(rows), np.uint8)
        tree.extend({_BYTES: ak.unflatten(data, [len(row) for row in rows])})
    tree.finish()


def read_container(file: Any) -> Container:
    """Read the manifests and codecs of a compressed file, and the numbers of its blocks.

    Raises:
        InputError: the file was not compressed by atlasae.
        DamagedFileError: a manifest is damaged, or a codec is missing.
        VersionError: a newer version of atlasae wrote the manifests.
    """
    path = file.file_path
    if not is_compressed(file):
        raise InputError(f"{path} {_NOT_COMPRESSED}")
    with located(path):
        stored, shared = _codecs_and_shared(file)
        codecs = StoredCodecs(path, [data for data in stored if not is_block_model(data)])
        models = {digest(data): data for data in stored if is_block_model(data)}
        manifests = [Manifest.from_bytes(data) for data in _payloads(file, MANIFESTS)]
        blocks = BlockTreeReader.read(file) if BLOCKS in file.keys(cycle=False) else None
        segments: dict[str, list[Segment]] = {}
        for manifest in manifests:
            of_tree = segments.setdefault(manifest.tree, [])
            _check_alike(manifest, of_tree)
            _check_codecs(manifest, {*codecs, *models})
            numbers = _block_numbers(manifest, blocks)
            start = of_tree[-1].stop if of_tree else 0
            of_tree.append(Segment(start, start + manifest.entries, manifest, numbers))
        if blocks:
            blocks.require_all_taken()
    return Container(segments, codecs, models, blocks, shared)


def _check_alike(manifest: Manifest, before: list[Segment]) -> None:
    """Raise DamagedFileError if a tree was merged from trees that do not match."""
    types = [
        (one.kind, {branch.name: branch.type for branch in one.branches})
        for one in (manifest, *(segment.manifest for segment in before[:1]))
    ]
    if types[0] != types[-1]:
        raise DamagedFileError(f"tree {manifest.tree!r} was merged from trees that do not match")


def _check_codecs(manifest: Manifest, stored: set[str]) -> None:
    """Raise DamagedFileError if a codec, or a model of columns, is missing."""
    for part in manifest.parts:
        name = part.codec or part.model
        if name and name not in stored:
            raise DamagedFileError(f"no intact codec {name[:12]} in {CODECS!r}")


def _block_numbers(manifest: Manifest, blocks: BlockTreeReader | None) -> dict[int, list[int]]:
    """The numbers of the blocks of each part that is stored in blocks."""
    numbers = {}
    for part in manifest.parts:
        if part.has_blocks:
            if blocks is None and manifest.entries:
                raise DamagedFileError(f"no tree {BLOCKS!r}")
            taken = blocks.take(part.number, manifest.entries) if blocks else []
            if blocks and blocks.jets(taken) != part.jets:
                raise DamagedFileError(
                    f"tree {manifest.tree!r}: the blocks of part {part.number} hold"
                    f" {blocks.jets(taken)} jets, its manifest says {part.jets}"
                )
            numbers[part.number] = taken
    return numbers


def stored_codecs(file: Any) -> list[bytes]:
    """The bytes of the codecs and of the models of columns of a compressed file, the shared too.

    Raises:
        MissingFileError: the codecs are shared, and not found.
        DamagedFileError: they are damaged.
    """
    return _codecs_and_shared(file)[0]


def _codecs_and_shared(file: Any) -> tuple[list[bytes], tuple[SharedCodecs, ...]]:
    rows = _payloads(file, CODECS)
    named = filter(SharedCodecs.is_stored, rows)
    shared = tuple(dict.fromkeys(map(SharedCodecs.from_bytes, named)))
    own = (row for row in rows if not SharedCodecs.is_stored(row))
    found = (row for each in shared for row in each.find(file.file_path))
    return list(dict.fromkeys(chain(own, found))), shared


def _payloads(file: Any, path: str) -> list[bytes]:
    with read_errors(f"tree {path!r}"):
        return [row.tobytes() for row in file[path][_BYTES].array(library="np")]


def codec_bytes(file: Any) -> int:
    """Size of the stored codecs and manifests in the file."""
    return sum(int(file[path].compressed_bytes) for path in (CODECS, MANIFESTS))


def compression_like(file: Any) -> uproot.compression.Compression:
    """The compression of a file, or the nearest that uproot knows; ZSTD at level 5 if none is near."""
    algorithm, level = divmod(file.file.fCompress, 100)
    for nearest in range(level, 0, -1):
        with suppress(ValueError):
            if compression := uproot.compression.Compression.from_code_pair(algorithm, nearest):
                return compression
    return uproot.ZSTD(5)


def digest(data: bytes) -> str:
    """The name of a codec in manifests."""
    return hashlib.sha256(data).hexdigest()
