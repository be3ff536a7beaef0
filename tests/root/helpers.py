"""What the tests of ROOT files share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import awkward as ak
import numpy as np
import pytest
import uproot

from atlasae.coding import blocks
from atlasae.errors import AtlasaeError
from atlasae.root.container import block_tree, container, part_writers
from atlasae.root.container.restored_tree import open_trees
from atlasae.root.io.file import Trees, make_tree, open_root
from tests.helpers import compress


def compress_in_blocks(source, target, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_JETS", 200)
        patch.setattr(part_writers, "BLOCK_JETS", 200)
        patch.setattr(part_writers, "_COLUMN_BYTES", 5000)
        compress(source, target, step_size=60, **options)


def assert_alike(ours, theirs):
    """The same values in the same containers and types, whichever library they are of."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, ak.Array):
        assert str(ours.type) == str(theirs.type)
        assert ak.array_equal(ours, theirs, equal_nan=True)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for name in theirs:
            assert_alike(ours[name], theirs[name])
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_alike(one, other)
    elif isinstance(theirs, np.ndarray) and theirs.dtype == object:
        assert ours.dtype == object
        assert_alike(list(ours), list(theirs))
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    elif hasattr(theirs, "to_numpy"):
        assert ours.equals(theirs)
        assert ours.index.equals(theirs.index)
        assert str(ours.dtypes) == str(theirs.dtypes)
    else:
        assert ours == theirs


def copy_tree(source, target, kind):
    with open_root(source) as file, uproot.recreate(target) as out:
        tree = Trees(file)["Events"]
        writer = make_tree(out, kind, "Events", tree.title, tree.schema.branches)
        for _, arrays in tree.iterate(tree.schema.names, step_size=97):
            writer.extend(arrays)
        writer.finish()


def assert_same_tree(first, second, path, approximate=()):
    with uproot.open(first) as a, uproot.open(second) as b:
        assert a[path].title == b[path].title
        assert a[path].typenames() == b[path].typenames()
        assert a[path].keys() == b[path].keys()
        for name in a[path].keys():  # noqa: SIM118  (a tree, not a dict)
            left, right = a[path][name].array(), b[path][name].array()
            if name in approximate:
                assert ak.num(left).tolist() == ak.num(right).tolist()
                np.testing.assert_allclose(ak.flatten(left), ak.flatten(right), 1e-5, 1e-6)
                continue
            assert ak.array_equal(left, right, equal_nan=True), name
            if left.ndim == 1 and a[path].typenames()[name] == "float":
                bits = (ak.to_numpy(x).view(np.uint32) for x in (left, right))
                np.testing.assert_array_equal(*bits)


@dataclass
class StoredFile:
    """What a compressed file holds, to be changed and written again.

    Attributes:
        manifests: bytes of each.
        codecs: bytes of each.
        payloads: of the blocks.
        numbers: part, entries, jets and checksum of the blocks.
    """

    manifests: list[bytes]
    codecs: list[bytes]
    payloads: list[bytes]
    numbers: list[list[int]]

    @classmethod
    def of(cls, path):
        with open_root(path) as file:
            stored = cls(
                container._payloads(file, container.MANIFESTS),
                container._payloads(file, container.CODECS),
                [],
                [],
            )
            if block_tree.BLOCKS in file:
                blocks = file[block_tree.BLOCKS]
                stored.payloads = [np.asarray(row).tobytes() for row in blocks["payload"].array()]
                stored.numbers = blocks["numbers"].array(library="np").tolist()
            return stored

    def rows(self, part):
        """The positions of the blocks of a part."""
        return [i for i, row in enumerate(self.numbers) if row[0] == part]

    def swap(self, i, j):
        """Let two blocks change places."""
        for rows in (self.payloads, self.numbers):
            rows[i], rows[j] = rows[j], rows[i]

    def edit_manifests(self, change):
        """Change the values of manifests, and put their digests right again."""
        for i, data in enumerate(self.manifests):
            values = json.loads(data[20:])
            change(values)
            text = json.dumps(values, separators=(",", ":")).encode()
            self.manifests[i] = data[:4] + hashlib.sha256(text).digest()[:16] + text

    def write(self, template, target):
        """Write a file with the trees of another, and with what is in here."""
        with open_root(template) as file, uproot.recreate(target) as out:
            trees = Trees(file, container.RESERVED)
            for path in trees:
                tree = trees.raw(path)
                writer = make_tree(out, tree.kind, path, tree.title, tree.schema.branches)
                writer.extend(tree.read(tree.schema.names, 0, tree.num_entries))
                writer.finish()
            if self.payloads:
                data = np.frombuffer(b"".join(self.payloads), np.uint8)
                out.mktree(block_tree.BLOCKS, block_tree._TYPES).extend(
                    {
                        "payload": ak.unflatten(data, list(map(len, self.payloads))),
                        "numbers": np.array(self.numbers, np.int64),
                    }
                )
            container.write_rows(out, container.CODECS, self.codecs)
            container.write_rows(out, container.MANIFESTS, self.manifests)


def damage(path, tree, branch, basket):
    """Overwrite a compressed basket of a file."""
    data = bytearray(path.read_bytes())
    with uproot.open(path) as file:
        seek = file[tree][branch].member("fBasketSeek")[basket]
    data[seek + 90 : seek + 110] = b"\xff" * 20
    path.write_bytes(data)


def restored(path):
    """All branches of all trees of a file, as they were before compression."""
    found = {}
    with open_root(path) as file:
        for where, tree in open_trees(file).items():
            chunks = [arrays for _, arrays in tree.iterate(tree.schema.names)]
            for name in tree.schema.names:
                found[f"{where}:{name}"] = ak.concatenate([arrays[name] for arrays in chunks])
    return found


def assert_true_or_error(path, true):
    """What is read is what was written, or an error of this package says what is wrong."""
    error = ""
    try:
        found = restored(path)
    except AtlasaeError as raised:
        error = str(raised)
    if error:
        assert "\n" not in error
        assert path.name in error
        return error
    assert found.keys() == true.keys()
    for name in found:
        assert str(found[name].type) == str(true[name].type), name
        assert ak.array_equal(found[name], true[name], equal_nan=True), name
    return ""
