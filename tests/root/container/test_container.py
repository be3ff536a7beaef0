"""What a compressed file shares with its source."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import uproot

import atlasae
from tests.helpers import compress

LEVEL_OF_FILE = slice(33, 37)  # fCompress in the header


@pytest.mark.parametrize(
    ("stored", "taken"),
    [
        (404, uproot.LZ4(4)),
        (210, uproot.LZMA(9)),
        (499, uproot.LZ4(12)),
        (530, uproot.ZSTD(22)),
        (0, uproot.ZSTD(5)),
        (1, uproot.ZSTD(5)),
        (309, uproot.ZSTD(5)),
        (999, uproot.ZSTD(5)),
        (-1, uproot.ZSTD(5)),
    ],
)
def test_a_compression_that_uproot_does_not_know_becomes_the_nearest(tmp_path, stored, taken):
    source, small, back = (tmp_path / f"{name}.root" for name in ("source", "small", "back"))
    with uproot.recreate(source) as file:
        file.mktree("t", {"x": np.dtype("f8")}).extend({"x": np.arange(100.0)})
    data = bytearray(source.read_bytes())
    data[LEVEL_OF_FILE] = struct.pack(">i", stored)
    source.write_bytes(data)
    compress(source, small, pack="all")
    atlasae.decompress(small, back)
    for path in (small, back):
        with uproot.open(path) as file:
            assert file.file.compression == taken
    assert atlasae.check(source, back).good
