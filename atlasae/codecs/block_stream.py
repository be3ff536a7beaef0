"""Coding of tables block by block, by several threads."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from atlasae.codecs.bounded.payload import LARGEST_BLOCK
from atlasae.coding.blocks import block_edges
from atlasae.compiled import expect
from atlasae.errors import DamagedFileError
from atlasae.jets.table import Table, assembled
from atlasae.threads import ordered_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlasae.coding.blocks import Block

_SECONDS_PER_JET = 1e-6  # of the references, about


def encode_each(
    table: Table, code: Callable[[Table, int], Block], threads: int | None
) -> Iterator[Block]:
    """Code a table in blocks of about ``BLOCK_JETS`` jets.

    Args:
        table: of jets.
        code: makes a block of jets, given how many events, or jets without events, are before them.
        threads: that call it; see ``thread_count``.
    """
    expect(len(table) * _SECONDS_PER_JET)
    edges = pairwise(block_edges(table.counts, len(table)))
    return ordered_map(lambda edge: code(table.span(*edge), edge[0]), edges, threads)


def decode_each(
    blocks: Iterator[Block], table_of: Callable[[Block], Table], threads: int | None
) -> Table:
    """Decode blocks to one table.

    Args:
        blocks: each decodable alone.
        table_of: decodes one.
        threads: that call it; see ``thread_count``.

    Raises:
        DamagedFileError: there are no blocks, or some have events and others have none.
    """
    every = list(blocks)
    if not every:
        raise DamagedFileError("the stream of coded jets has no blocks")
    if len({block.events is None for block in every}) > 1:
        raise DamagedFileError("the stream mixes blocks with and without events")
    jets = sum(min(block.jets, LARGEST_BLOCK) for block in every)  # no more can be true
    expect(jets * _SECONDS_PER_JET)
    if len(every) == 1:
        return table_of(every[0])
    return assembled(ordered_map(table_of, every, threads), jets)
