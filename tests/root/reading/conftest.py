"""Files that the tests of reading share."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import uproot

from atlasae import Codec
from atlasae.lossless import columns
from atlasae.root.container import part_readers
from atlasae.root.io.file import Trees, make_tree, open_root
from tests.root.helpers import compress_in_blocks

WAYS = {
    "collections": {"codec": Codec.bounded(tolerance="lossless")},
    "all packed": {"pack": "all"},
    "collections in an RNTuple": {"codec": Codec.bounded(tolerance="lossless"), "to": "rntuple"},
    "all packed in an RNTuple": {"pack": "all", "to": "rntuple"},
}


@pytest.fixture(scope="package", params=WAYS)
def small_file(request, tmp_path_factory, events_file):
    """The events without loss, in blocks of at most 200 jets."""
    path = tmp_path_factory.mktemp("reader") / "small.root"
    compress_in_blocks(events_file, path, **WAYS[request.param])
    return path


@pytest.fixture(scope="package")
def blocks_file(tmp_path_factory, events_file):
    path = tmp_path_factory.mktemp("reader") / "blocks.root"
    compress_in_blocks(events_file, path, codec=Codec.bounded(tolerance="lossless"))
    return path


@pytest.fixture(scope="package")
def ntuple_file(tmp_path_factory, events_file):
    """The events in an RNTuple that nobody compressed."""
    path = tmp_path_factory.mktemp("reader") / "ntuple.root"
    with open_root(events_file) as file, uproot.recreate(path) as out:
        tree = Trees(file)["Events"]
        writer = make_tree(out, "rntuple", "Events", "", tree.schema.branches)
        writer.extend(tree.read(tree.schema.names, 0, tree.num_entries))
        writer.finish()
    return path


@pytest.fixture(scope="package")
def folder(tmp_path_factory, events_file, ntuple_file, blocks_file):
    """Three kinds of files with the same events, and a file with two trees."""
    path = tmp_path_factory.mktemp("several")
    for i, source in enumerate((events_file, blocks_file, ntuple_file)):
        (path / f"part{i}.root").write_bytes(source.read_bytes())
    return path


@dataclass
class Decoded:
    """What is decoded of blocks: branches that were asked for, and buffers of packed columns."""

    branches: set[str] = field(default_factory=set)
    buffers: set[int] = field(default_factory=set)

    def clear(self):
        self.branches.clear()
        self.buffers.clear()


@pytest.fixture
def decoded(monkeypatch):
    """What is decoded of blocks during a test, in this process."""
    found = Decoded()

    def recording(owner, record):
        decode = owner._decode

        def wrapped(self, *arguments):
            record(*arguments)
            return decode(self, *arguments)

        monkeypatch.setattr(owner, "_decode", wrapped)

    for reader in (part_readers.JetReader, part_readers.ColumnReader):
        recording(reader, lambda *given: found.branches.update(given[-1]))
    recording(columns._StoredBuffers, lambda *given: found.buffers.add(given[0]))
    return found
