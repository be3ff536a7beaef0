"""How a compressed file stores the collection that a codec codes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from atlasae.errors import InputError
from atlasae.jets.table import Table
from atlasae.root.container.part_writers import BlockWriter, LatentWriter, PartWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlasae.codecs.base import Codec
    from atlasae.coding.blocks import Block
    from atlasae.fidelity.measuring import Compare
    from atlasae.root.container.block_tree import BlockTreeWriter
    from atlasae.root.container.manifest import Part
    from atlasae.root.io.branch import Arrays, TreeSchema
    from atlasae.root.known_layouts import Collection

_JETS, _LATENTS = "jets.", "latents."  # what the names of a joint table begin with


class ResidualWriter(BlockWriter):
    """Stores latents as branches in place of the jets, and blocks of residuals."""

    def __init__(
        self,
        codec: Codec,
        collection: Collection,
        schema: TreeSchema,
        blocks: BlockTreeWriter,
        segment: str,
    ) -> None:
        super().__init__(codec, collection, blocks, segment)
        self.latents = LatentWriter(codec, collection, schema)
        self.branches = self.latents.branches

    def add(self, arrays: Arrays) -> Arrays:
        table = self.table(arrays)
        self._look_at_counter(arrays, table)
        latents = self.codec.encode_latents(table)
        self._hold_back_all(_joint(table, latents))
        return self.latents.beside(arrays, latents)

    def _start(self, tables: Iterable[Table]) -> None:
        for table in tables:
            jets, latents = _apart(table)
            compare = self._measurement.next(jets)
            self.blocks.add(partial(self._coded_beside, jets, latents, compare))

    def _coded_beside(self, jets: Table, latents: Table, compare: Compare) -> list[Block]:
        block = self.codec.encode_residuals(jets, latents)
        compare(self.codec.decode_residuals(block, latents))
        return [block]

    def part(self) -> Part:
        names = tuple(branch.name for branch in self.branches)
        return replace(super().part(), latents=names, residuals=True)


def _joint(jets: Table, latents: Table) -> Table:
    """Jets and their latents in one table, under names of their own."""
    columns = {_JETS + name: values for name, values in jets.columns.items()}
    columns |= {_LATENTS + name: values for name, values in latents.columns.items()}
    return Table(columns, jets.counts)


def _apart(joint: Table) -> tuple[Table, Table]:
    """The inverse of ``_joint``."""
    parts = (
        {n.removeprefix(kind): v for n, v in joint.columns.items() if n.startswith(kind)}
        for kind in (_JETS, _LATENTS)
    )
    jets, latents = (Table(columns, joint.counts) for columns in parts)
    return jets, latents


def codec_writer(
    codec: Codec,
    collection: Collection,
    schema: TreeSchema,
    blocks: BlockTreeWriter,
    segment: str,
) -> PartWriter:
    """The writer for the storage that a codec asks for.

    Args:
        codec: fitted.
        collection: of the tree.
        schema: of the tree.
        blocks: of the file.
        segment: the identity of the manifest of the tree.

    Raises:
        InputError: the codec has no storage, or the tree has branches named like its latents.
    """
    if codec.storage == "blocks":
        return BlockWriter(codec, collection, blocks, segment)
    if codec.has_residuals:
        return ResidualWriter(codec, collection, schema, blocks, segment)
    if codec.storage == "latents":
        return LatentWriter(codec, collection, schema)
    raise InputError(f"{codec.call} has no storage: it gives neither blocks nor latents")
