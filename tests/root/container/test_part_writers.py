"""Columns are decoded and compared before they are written."""

from __future__ import annotations

import io

import awkward as ak
import numpy as np
import pytest
import uproot

from atlasae.errors import InputError
from atlasae.lossless.columns import pack
from atlasae.root.container import part_writers
from atlasae.root.container.block_tree import BLOCKS, BlockTreeWriter
from atlasae.root.container.part_writers import ColumnWriter
from atlasae.root.io.branch import BranchInfo

GOOD = ak.Array([[1.5], [], [2.5, -0.0]])


def written(columns, types, out):
    branches = [BranchInfo(name, entry_type) for name, entry_type in types.items()]
    with BlockTreeWriter(out, threads=1) as blocks:
        writer = ColumnWriter(branches, b"", blocks, "segment")
        writer.add(columns)
        writer.finish()


def strings_with_offsets(*offsets):
    letters = ak.contents.NumpyArray(
        np.frombuffer(b"abcdef", "u1"), parameters={"__array__": "char"}
    )
    return ak.Array(
        ak.contents.ListOffsetArray(
            ak.index.Index64(np.array(offsets)), letters, parameters={"__array__": "string"}
        )
    )


@pytest.mark.parametrize(
    ("bad", "entry_type"),
    [
        (strings_with_offsets(0, 2, 1, 6), "string"),
        (GOOD, "var * float32"),
        (ak.Array([1, 2, 3]), "uint64"),
        (ak.Array([[], [], []]), "var * int32"),
        (ak.Array([1.0, None, 2.0]), "float64"),
    ],
    ids=["offsets that go down", "precision", "sign", "unknown", "missing values"],
)
def test_what_would_not_come_back_is_named_and_nothing_is_written(bad, entry_type):
    file = io.BytesIO()
    with uproot.recreate(file) as out:
        with pytest.raises(InputError, match="branch 'bad' would not come back bit for"):
            written({"good": GOOD, "bad": bad}, {"good": "var * float64", "bad": entry_type}, out)
        assert BLOCKS not in out


def test_other_values_are_not_written(monkeypatch):
    changed = ak.Array([[1.5], [], [2.5, 0.0]])
    monkeypatch.setattr(
        part_writers, "pack", lambda columns, learned: pack(columns | {"b": changed}, learned)
    )
    with uproot.recreate(io.BytesIO()) as out, pytest.raises(InputError, match="branch 'b'"):
        written({"a": GOOD, "b": GOOD}, {"a": "var * float64", "b": "var * float64"}, out)


class _Wrong:
    """Codes every buffer, and gives other numbers."""

    def encode(self, block):
        return {slot: b"?" for slot in range(len(block.slots)) if block.source(slot) == slot}

    def decoder(self, block):
        return lambda slot, _, length: np.ones(length, block.slots[slot].dtype)


def test_what_does_not_come_back_as_it_is_learned_is_packed_without():
    columns, types = {"a": GOOD}, {"a": "var * float64"}
    (block,) = part_writers._packed(columns, types, _Wrong())
    assert block.payload == pack(columns)
