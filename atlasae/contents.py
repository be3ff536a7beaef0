"""What a compressed file holds, and what each part of it costs."""

from __future__ import annotations

import os
from dataclasses import dataclass

from atlasae.container import BLOCKS, codec_bytes, read_container
from atlasae.trees import find_tree, open_root


@dataclass(frozen=True)
class BranchSize:
    """Bytes of one branch's baskets, compressed, before and after.

    Attributes:
        name: of the branch.
        role: ``compressed``, ``stored`` (latents or blocks, in its place) or ``kept``.
        before: in the source; None for what is stored.
        after: in the compressed file; None for compressed branches.
    """

    name: str
    role: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Contents:
    """A compressed file.

    Attributes:
        path: of the file.
        source: name of the file it was made of.
        tree: path of the compressed tree.
        collection: name of the compressed collection.
        entries: of the tree.
        jets: in the collection.
        codec: the call that makes the codec.
        branches: sizes, what is stored first.
        codec_bytes: what the codec and the manifest take.
        source_bytes: size of the source file.
        file_bytes: size of the file.
        changed: path or ``path:branch`` to what became different though no value did.
        left_out: path or ``path:branch`` to why it was not carried over.
    """

    path: str
    source: str
    tree: str
    collection: str
    entries: int
    jets: int
    codec: str
    branches: tuple[BranchSize, ...]
    codec_bytes: int
    source_bytes: int
    file_bytes: int
    changed: dict[str, str]
    left_out: dict[str, str]

    @property
    def ratio(self) -> float:
        """Source size over file size: what the user really gets, codec included."""
        return self.source_bytes / self.file_bytes

    @property
    def compressed_before(self) -> int:
        """Bytes of the compressed branches in the source."""
        return sum(branch.before or 0 for branch in self.branches if branch.role == "compressed")

    @property
    def compressed_after(self) -> int:
        """Bytes of what stands for them: latents or blocks, and codec."""
        stored = sum(branch.after or 0 for branch in self.branches if branch.role == "stored")
        return stored + self.codec_bytes


def info(path: str | os.PathLike[str]) -> Contents:
    """Look into a file that ``compress`` wrote.

    Raises:
        MissingFileError, DamagedFileError: it is missing or not readable.
        InputError: it was not compressed by atlasae.
    """
    with open_root(path) as file:
        runs = read_container(file)
        manifests = [run.manifest for run in runs]
        first = manifests[0]
        tree = find_tree(file, first.tree)
        after = {
            branch.name: int(branch.compressed_bytes) for branch in tree.itervalues(recursive=True)
        }
        before = {
            branch.name: sum(m.branches[i].source_bytes for m in manifests)
            for i, branch in enumerate(first.branches)
        }
        compressed = set(first.features.values())
        sizes = [BranchSize(name, "stored", None, after[name]) for name in first.latents]
        if not first.latents:
            blocks = int(find_tree(file, BLOCKS).compressed_bytes)
            sizes.append(BranchSize(BLOCKS, "stored", None, blocks))
        sizes += [BranchSize(n, "compressed", before[n], None) for n in before if n in compressed]
        sizes += [
            BranchSize(n, "kept", before[n], after.get(n)) for n in before if n not in compressed
        ]
        return Contents(
            path=os.fspath(path),
            source=", ".join(manifest.source for manifest in manifests),
            tree=first.tree,
            collection=first.collection,
            entries=runs[-1].stop,
            jets=sum(manifest.jets for manifest in manifests),
            codec=repr(runs[0].codec),
            branches=tuple(sizes),
            codec_bytes=codec_bytes(file),
            source_bytes=sum(manifest.source_bytes for manifest in manifests),
            file_bytes=int(file.file.source.num_bytes),
            changed={k: v for manifest in manifests for k, v in manifest.changed.items()},
            left_out={k: v for manifest in manifests for k, v in manifest.left_out.items()},
        )
