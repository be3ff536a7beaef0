"""What uproot makes room for is in proportion to the bytes of a branch."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
import uproot
from uproot.source.chunk import Chunk
from uproot.source.cursor import Cursor

from atlasae.root.io.element_counts import bound_element_counts
from atlasae.root.io.file import Trees, open_root

STRING = uproot.AsString(header=False)
VECTORS = uproot.AsVector(False, uproot.AsVector(False, np.dtype(">i4")))
CONTAINERS = [uproot.AsVector(False, STRING), uproot.AsSet(False, STRING), VECTORS]


def read(container, data):
    bound_element_counts()
    chunk = Chunk.wrap(None, np.frombuffer(data, np.uint8))
    return container.read(chunk, Cursor(0), {}, None, None, None)


@pytest.mark.parametrize("container", CONTAINERS, ids=repr)
@pytest.mark.parametrize("claimed", [3, 1 << 20, (1 << 32) - 1])
def test_more_elements_than_bytes_are_refused_before_there_is_room_for_them(container, claimed):
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"a container of {claimed:,} elements has 2 bytes left"):
        read(container, struct.pack(">I", claimed) + b"\x01a")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_as_many_elements_as_bytes_are_read():
    assert read(CONTAINERS[0], struct.pack(">I", 2) + b"\x00\x00").tolist() == ["", ""]
    nested = struct.pack(">IIiiI", 2, 2, 7, 8, 0)
    assert read(VECTORS, nested).tolist() == [[7, 8], []]


def test_a_file_of_containers_that_uproot_misreads(shared_data):
    tracemalloc.start()
    with open_root(shared_data / "root/traps/std-containers-split00.root") as file:
        schema = Trees(file)["tree"].schema
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000
    assert {"vec_str", "vec_vec_i32", "set_str"} <= set(schema.names)
    assert "elements" in schema.left_out["map_str_vec_i16"]
