"""The size of each branch in a compressed file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlasae.root.container.part_readers import ColumnReader
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.root.inspecting.info import PACKED, BranchSize, info
from atlasae.root.io.file import open_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.root.inspecting.info import Contents
    from atlasae.types import PathLike


def branch_sizes(path: PathLike) -> list[BranchSize]:
    """Bytes of each branch before and after, of a file that ``compress`` wrote.

    All blocks of packed columns are read. The branches that a codec takes are one, under the name of
    the collection. Equal counts of lists count once, in the first of their branches, and what a
    block holds beside its buffers in none.

    Raises:
        MissingFileError, DamagedFileError: the file is missing or cannot be read.
        InputError: it was not compressed by atlasae.

    Example:
        >>> import atlasae, os, tempfile
        >>> source, path = atlasae.sample(), os.path.join(tempfile.mkdtemp(), "small.root")
        >>> codec = atlasae.Codec.bounded(tolerance=1e-3)
        >>> codec = codec.fit(atlasae.read_jets(source, entry_stop=300))
        >>> contents = atlasae.compress(source, path, codec=codec, pack="none")
        >>> [size.name for size in branch_sizes(path)]
        ['Jet (4 branches)', 'event', 'genWeight', 'Generator_scale', 'nJet']
    """
    contents = info(path)
    coded = [
        BranchSize(
            part.tree,
            f"{part.name or 'jets'} ({len(part.before)} branches)",
            sum(part.before.values()),
            part.after,
        )
        for part in contents.parts
        if part.codec != PACKED
    ]
    return [*coded, *_packed(path, contents), *contents.kept]


def buffer_sizes(path: PathLike) -> dict[tuple[str, str], list[float]]:
    """Bytes of the buffers of each packed branch, outer levels first, by tree and branch.

    The errors are those of ``branch_sizes``.
    """
    sizes: dict[tuple[str, str], list[float]] = {}
    for tree, reader in _readers(path):
        for of_block in reader.column_sizes():
            for name, own in of_block.items():
                before = sizes.get((tree, name), [0.0] * len(own))
                sizes[tree, name] = [one + more for one, more in zip(before, own, strict=True)]
    return sizes


def _readers(path: PathLike) -> Iterator[tuple[str, ColumnReader]]:
    """The readers of packed columns, with the path of their tree."""
    with open_root(path) as file:
        container = CompressedTrees(file).container
        for tree, segments in container.segments.items():
            for segment in segments:
                for part in segment.manifest.parts:
                    if not part.codec and segment.blocks[part.number]:
                        yield tree, ColumnReader(container, segment, part)


def _packed(path: PathLike, contents: Contents) -> list[BranchSize]:
    before = {
        (part.tree, name): size
        for part in contents.parts
        if part.codec == PACKED
        for name, size in part.before.items()
    }
    after = buffer_sizes(path)
    return [BranchSize(*key, size, round(sum(after.get(key, ())))) for key, size in before.items()]
