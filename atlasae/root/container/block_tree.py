"""The tree of blocks: an entry per block, with the number of the part it belongs to.

The stored checksum of a block is bound to its place: the identity of its part, which names the
segment, the codec and the branches; the first of its entries, counted from that of the segment; and
how many they are. So a block is refused anywhere else, and files can be merged tree by tree.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.coding.blocks import Block, bound_to
from atlasae.coding.varint import encode_varint
from atlasae.errors import DamagedFileError
from atlasae.root.container.manifest import part_identity
from atlasae.root.io.errors import read_errors
from atlasae.root.io.new_ttree import NewTTree
from atlasae.threads import OrderedCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from atlasae.root.io.branch import BranchInfo
    from atlasae.types import Integers

BLOCKS = "atlasae/blocks"
# Stored in one branch: in a small file a branch takes more room than what it holds.
_NUMBERS = ("part", "entries", "jets", "checksum")
_TYPES = {"payload": "var * uint8", "numbers": np.dtype((np.int64, (len(_NUMBERS),)))}
_SIZE = "npayload"  # the counter that uproot makes
_HELD_BACK = 4_000_000  # bytes of payloads that are written at a time, in one basket each


class BlockTreeWriter:
    """The tree of blocks of a file being written; it is made with the first block.

    Blocks are coded by several threads, and written by the caller's at the end of its ``with``
    block at the latest. Their order does not depend on the number of threads.

    Args:
        out: the file being written.
        threads: that code blocks; see ``thread_count``.
    """

    def __init__(self, out: Any, threads: int | None) -> None:
        self._calls: OrderedCalls[list[tuple[PartBlocks, Block]]] = OrderedCalls(threads)
        self._out = out
        self._tree: NewTTree | None = None
        self._rows: list[tuple[bytes, int, int, int, int]] = []
        self._part_numbers = count()

    def part(self, segment: str, codec: str, features: Mapping[str, BranchInfo]) -> PartBlocks:
        """Start a part; the arguments are those of ``part_identity``."""
        number = next(self._part_numbers)
        return PartBlocks(self, number, part_identity(segment, number, codec, features))

    @property
    def threads(self) -> int:
        """How many threads code blocks."""
        return self._calls.threads

    def add(self, part: PartBlocks, code: Callable[[], Iterable[Block]]) -> None:
        """Take the next blocks of a part, from a function that a thread calls."""
        self._hold_back(self._calls.start(lambda: [(part, block) for block in code()]))

    def wait(self) -> None:
        """Wait for all blocks that are being coded."""
        self._hold_back(self._calls.finish())

    def _hold_back(self, coded: Iterable[list[tuple[PartBlocks, Block]]]) -> None:
        for part, block in chain.from_iterable(coded):
            entries, checksum = part.place(block)
            self._rows.append((block.payload, part.number, entries, block.jets, checksum))
            if sum(len(row[0]) for row in self._rows) >= _HELD_BACK:
                self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        with self._calls:  # calls that have not started are given up after an error
            if error is None:
                self.wait()
                self._flush()
                if self._tree is not None:
                    self._tree.finish()

    def _flush(self) -> None:
        """Write what is held back."""
        if not self._rows:
            return
        if self._tree is None:
            self._tree = NewTTree(self._out, BLOCKS, _TYPES)
            self._tree.compress_branch(
                "payload", None
            )  # LZMA takes long to save 0.2 % of coded jets
        payloads, numbers = zip(*((row[0], row[1:]) for row in self._rows), strict=True)
        data = np.frombuffer(b"".join(payloads), np.uint8)
        self._tree.extend(
            {
                "payload": ak.unflatten(data, list(map(len, payloads))),
                "numbers": np.array(numbers, np.int64),
            }
        )
        self._rows = []


@dataclass
class PartBlocks:
    """The blocks of one part of a file being written.

    Attributes:
        tree: of the blocks of all parts.
        number: of the part.
        identity: of the part.
        entries: number of entries in the blocks so far.
    """

    tree: BlockTreeWriter
    number: int
    identity: bytes
    entries: int = 0

    def add(self, code: Callable[[], Iterable[Block]]) -> None:
        """Take the next blocks, from a function that another thread calls."""
        self.tree.add(self, code)

    def place(self, block: Block) -> tuple[int, int]:
        """Put a block after the others: its number of entries, and the checksum to store."""
        entries = block.jets if block.events is None else block.events
        place = _place(self.identity, self.entries, entries)
        self.entries += entries
        return entries, bound_to(block.checksum, place)


def _place(part: bytes, first: int, entries: int) -> bytes:
    """Where a block stands."""
    return part + encode_varint(first) + encode_varint(entries)


@dataclass
class BlockTreeReader:
    """The tree of blocks of a file being read.

    Attributes:
        tree: by uproot.
        where: its name in messages.
        numbers: part, entries, jets, checksum and size of each block.
    """

    tree: Any
    where: str
    numbers: dict[str, NDArray[Any]]
    _taken: dict[int, int] = field(default_factory=dict)
    _basket: tuple[range, Any] = (range(0), None)  # the blocks in the last one, and their payloads

    @classmethod
    def read(cls, file: Any) -> BlockTreeReader:
        """Read the numbers of all blocks; payloads are read on demand."""
        where = f"{file.file_path}: tree {BLOCKS!r}"
        with read_errors(where):
            tree = file[BLOCKS]
            rows = tree["numbers"].array(library="np").T
            numbers = dict(zip(_NUMBERS, rows, strict=True))
            numbers[_SIZE] = tree[_SIZE].array(library="np")
        for name, values in numbers.items():
            if len(values) and not 0 <= values.min() <= values.max() < 1 << 32:
                raise DamagedFileError(f"{where}: {name} of a block is not a number from 0 to 2^32")
        return cls(tree, where, numbers)

    def take(self, part: int, entries: int) -> list[int]:
        """The next blocks of a part, as many as hold this number of entries.

        Raises:
            DamagedFileError: the stored blocks hold more entries, or fewer.
        """
        own = np.flatnonzero(self.numbers["part"] == part)[self._taken.get(part, 0) :]
        ends = np.cumsum(self.numbers["entries"][own])
        count = int(np.searchsorted(ends, entries, side="left")) + 1 if entries else 0
        if entries and (count > len(ends) or ends[count - 1] != entries):
            raise DamagedFileError(
                f"{self.where} holds {ends[-1] if len(ends) else 0} entries of part {part},"
                f" its manifest says {entries}"
            )
        self._taken[part] = self._taken.get(part, 0) + count
        return [int(number) for number in own[:count]]

    def require_all_taken(self) -> None:
        """Raise DamagedFileError if there are blocks that no part has taken."""
        left = len(self.numbers["part"]) - sum(self._taken.values())
        if left:
            raise DamagedFileError(f"{self.where} holds {left} blocks that no manifest describes")

    def entries(self, number: int) -> int:
        """Number of entries in a block."""
        return int(self.numbers["entries"][number])

    def edges(self, numbers: list[int]) -> Integers:
        """Where blocks that follow one another start, and where the last ends, in entries."""
        return np.append(0, np.cumsum(self.numbers["entries"][numbers])).astype(np.int64)

    def size(self, number: int) -> int:
        """Size of the payload of a block, bytes."""
        return int(self.numbers[_SIZE][number])

    def jets(self, numbers: list[int]) -> int:
        """Number of jets in some blocks."""
        return int(self.numbers["jets"][numbers].sum())

    def block(self, number: int, part: bytes, first: int, *, flat: bool) -> Block:
        """Read a block.

        Args:
            number: of the block.
            part: the identity of the part that it belongs to.
            first: its first entry, counted from that of the segment.
            flat: whether its jets are not grouped by event.
        """
        name = f"{self.where}: block {number}"
        with read_errors(name):
            payload = self._payload(number)
        return Block(
            None if flat else self.entries(number),
            int(self.numbers["jets"][number]),
            payload,
            bound_to(
                int(self.numbers["checksum"][number]), _place(part, first, self.entries(number))
            ),
            name,
        )

    def _payload(self, number: int) -> bytes:
        """The payload of a block; uproot reads whole baskets, so the last one is kept."""
        blocks, payloads = self._basket
        if number not in blocks:
            branch = self.tree["payload"]
            edges = branch.entry_offsets
            basket = bisect_right(edges, number)
            blocks = range(edges[basket - 1], edges[basket])
            payloads = branch.array(
                library="np", entry_start=blocks.start, entry_stop=blocks.stop, array_cache=None
            )
            self._basket = blocks, payloads
        payload: bytes = payloads[number - blocks.start].tobytes()
        return payload
