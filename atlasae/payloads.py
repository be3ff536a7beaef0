"""Quantised jets as the payloads of blocks."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.blocks import Block, number, read_number
from atlasae.entropy import Reader, Writer
from atlasae.errors import DamagedFileError
from atlasae.quantised import FINE_BITS, Quantised, coarse, pack_odd, unpack_odd

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from atlasae.context import Columns, Layout
    from atlasae.entropy import Coder, Made
    from atlasae.jetmodel import JetModel
    from atlasae.quantise import Lattice

    Integers = NDArray[np.int64]

LARGEST_BLOCK = 1 << 21  # jets or events; only a single event could reach this
_ERRORS = struct.error, zlib.error
_CHECK = struct.Struct("<I")  # checksum of a feature beside the momentum


@dataclass(frozen=True)
class Payloads:
    """Writes and reads the payloads of blocks.

    A payload has the values that no lattice holds, a checksum for each feature beside the momenta,
    and what went through the coder: numbers of jets, momenta, then the other features one by one,
    which need not all be read. The momenta are checked by the block's own checksum.

    Attributes:
        model: of the jets.
        layout: of the features.
        lattices: of the features, in the order of coding.
        free: whether blocks have their events, or jets, in an order of their own.
    """

    model: JetModel
    layout: Layout
    lattices: dict[str, Lattice]
    free: bool

    def block(self, quantised: Quantised, order: Integers | None) -> Block:
        """A block, decoded again and compared."""
        jets = len(next(iter(quantised.integers.values())))
        events = None if quantised.counts is None else len(quantised.counts)
        payload, made = self._written(quantised, jets)
        content = quantised.checksum(self.layout.momentum, quantised.counts)
        block = Block.of(events, jets, payload, content, order)
        try:
            same = self.read(block, made=made).same_as(quantised)
        except DamagedFileError:
            same = False
        if not same:
            raise AssertionError("a block did not decode to what was coded: please report this")
        return block

    def read(
        self, block: Block, features: Collection[str] | None = None, made: Sequence[Made] = ()
    ) -> Quantised:
        """What a block holds, checked: the momenta, and other features up to the last asked for.

        ``made`` are the choices of who has just written it.

        Raises:
            DamagedFileError: it is damaged, or was written by another codec.
        """
        try:
            return self._read(block, features, made)
        except DamagedFileError as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error
        except (LookupError, ArithmeticError, ValueError, AssertionError, *_ERRORS) as error:
            raise DamagedFileError(f"{block.name} does not decode: damaged ({error})") from error

    def _coding(self, in_events: bool) -> tuple[Callable[..., Integers], Callable[..., Columns]]:
        """What codes the numbers of jets an event, and the momenta."""
        if self.free and (self.model.in_events or not in_events):
            return self.model.code_sorted_numbers, self.model.code_free
        return self.model.code_numbers, self.model.code

    def _written(self, quantised: Quantised, jets: int) -> tuple[bytes, list[Made]]:
        """A payload, and the choices made in it."""
        writer, counts, fine = Writer(), quantised.counts, quantised.fine
        code_numbers, code = self._coding(counts is not None)
        if counts is not None:
            code_numbers(writer, counts, len(counts))
        momentum = code(writer, counts, quantised.integers, jets)
        for name in self.layout.momentum:
            self._code_fine(writer, name, fine.get(name), jets)
        for name, _ in self.model.code_others(writer, momentum, quantised.integers, jets):
            self._code_fine(writer, name, fine.get(name), jets)
        odd = pack_odd(quantised.odd)
        checks = [_CHECK.pack(quantised.checksum([name])) for name in self.layout.others]
        return b"".join([number(len(odd)), odd, *checks, writer.to_bytes()]), writer.made

    def _read(
        self, block: Block, features: Collection[str] | None, made: Sequence[Made]
    ) -> Quantised:
        jets, events, others = block.jets, block.events, self.layout.others
        if max(jets, events or 0) > LARGEST_BLOCK:
            raise DamagedFileError(f"{jets} jets are more than any block has")
        length, start = read_number(block.payload, 0)
        stop = start + length + _CHECK.size * len(others)
        odd = unpack_odd(block.payload[start : start + length], self.lattices, jets)
        checks = [check for (check,) in _CHECK.iter_unpack(block.payload[start + length : stop])]
        reader = Reader(block.payload[stop:], made)
        code_numbers, code = self._coding(events is not None)
        counts = None if events is None else code_numbers(reader, None, events)
        if counts is not None:
            among = counts.min(initial=0) >= 0 and counts.max(initial=0) <= jets
            if not among or counts.sum() != jets:
                raise DamagedFileError("it has other numbers of jets than it says")
        momentum = code(reader, counts, None, jets)
        found = Quantised(dict(momentum), {}, odd, counts)
        for name in momentum:
            self._read_fine(reader, name, jets, found)
        block.check(found.checksum(self.layout.momentum, counts))
        coded = self.model.code_others(reader, momentum, None, jets)
        for name, check in zip(self._wanted(features), checks, strict=False):
            found.integers[name] = next(coded)[1]
            self._read_fine(reader, name, jets, found)
            if found.checksum([name]) != check:
                raise DamagedFileError(f"the checksum of {name!r} does not agree")
        if features is None and not reader.is_done:
            raise DamagedFileError("it has more than the jets it says")
        return found

    def _wanted(self, features: Collection[str] | None) -> tuple[str, ...]:
        """The features beside the momenta up to the last asked for; None for all."""
        others = self.layout.others
        places = [i for i, name in enumerate(others) if features is None or name in features]
        return others[: max(places, default=-1) + 1]

    def _read_fine(self, reader: Reader, name: str, jets: int, into: Quantised) -> None:
        values = self._code_fine(reader, name, None, jets)
        if values is not None:
            into.fine[name] = values

    def _code_fine(
        self, coder: Coder, name: str, values: Integers | None, jets: int
    ) -> Integers | None:
        """Write or read the low bits of a feature; None where it has none."""
        if not coarse(self.lattices[name])[1]:
            return None
        return coder.uniform(values, np.full(jets, 1 << FINE_BITS))
