"""What the tests of ROOT files share."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.codecs.bounded import codec
from atlasae.root.container import part_writers
from atlasae.root.io.file import Trees, make_tree, open_root


def compress_in_blocks(source, target, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "BLOCK_JETS", 200)
        patch.setattr(part_writers, "BLOCK_JETS", 200)
        patch.setattr(part_writers, "_COLUMN_BYTES", 5000)
        atlasae.compress(source, target, step_size=60, **options)


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
