"""The tree of blocks: an entry per block, with the number of the part it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.coding.blocks import Block
from atlasae.errors import DamagedFileError
from atlasae.root.io.errors import read_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCKS = "atlasae/blocks"
# Stored in one branch: in a small file a branch takes more room than what it holds.
_NUMBERS = ("part", "entries", "jets", "checksum")
_TYPES = {"payload": "var * uint8", "numbers": np.dtype((np.int64, (len(_NUMBERS),)))}
_SIZE = "npayload"  # the counter that uproot makes
_HELD_BACK = 4_000_000  # bytes of payloads that are written at a time, in one basket each


class BlockTreeWriter:
    """The tree of blocks of a file being written; it is made with the first block."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._tree: Any = None
        self._rows: list[tuple[bytes, int, int, int, int]] = []

    def add(self, part: int, entries: int, block: Block) -> None:
        """Take the next block of a part."""
        self._rows.append((block.payload, part, entries, block.jets, block.checksum))
        if sum(len(row[0]) for row in self._rows) >= _HELD_BACK:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        if not self._rows:
            return
        if self._tree is None:
            self._tree = self._out.mktree(BLOCKS, _TYPES)
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

    @classmethod
    def read(cls, file: Any) -> BlockTreeReader:
        """Read the numbers of all blocks; payloads are read on demand."""
        where = f"{file.file_path}: tree {BLOCKS!r}"
        with read_errors(where):
            tree = file[BLOCKS]
            rows = tree["numbers"].array(library="np").T
            sizes = tree[_SIZE].array(library="np")
            return cls(tree, where, {_SIZE: sizes, **dict(zip(_NUMBERS, rows, strict=True))})

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

    def entries(self, number: int) -> int:
        """Number of entries in a block."""
        return int(self.numbers["entries"][number])

    def size(self, number: int) -> int:
        """Size of the payload of a block, bytes."""
        return int(self.numbers[_SIZE][number])

    def block(self, number: int, *, flat: bool) -> Block:
        """Read a block; ``flat`` if its jets are not grouped by event."""
        name = f"{self.where}: block {number}"
        with read_errors(name):
            payload = self.tree["payload"].array(entry_start=number, entry_stop=number + 1)
        return Block(
            None if flat else self.entries(number),
            int(self.numbers["jets"][number]),
            np.asarray(payload[0]).tobytes(),
            int(self.numbers["checksum"][number]),
            name,
        )
