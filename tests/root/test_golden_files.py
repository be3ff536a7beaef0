"""Compressed ROOT files of each version of the format, which are read for ever.

``python -m tests.root.test_golden_files`` makes those of this version, where they are missing.
"""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from atlasae import Codec
from atlasae.root.container.manifest import FORMAT
from atlasae.root.container.restored_tree import open_trees
from atlasae.root.io.file import open_root
from tests.helpers import compress, make_jets, write_events

GOLDEN = Path(__file__).parent / "golden"
KINDS = {
    "blocks": {"codec": Codec.bounded(tolerance=1e-3)},
    "packed": {"codec": Codec.bounded(tolerance="lossless"), "pack": "all"},
    "ntuple": {"codec": Codec.bounded(tolerance="nanoaod"), "to": "rntuple"},
    "latents": {"codec": Codec.autoencoder(network=(8,))},
    "residuals": {"codec": Codec.autoencoder(network=(8,), tolerance=1e-3)},
}


def contents(path):
    """Every branch of every tree as flat numpy arrays, and the counts of the jagged ones."""
    found = {}
    with open_root(path) as file:
        for tree, source in open_trees(file).items():
            ((_, arrays),) = source.iterate(source.schema.names)
            for name, array in arrays.items():
                plain = ak.Array([*map(str, array)]) if name == "trigger" else array
                if plain.ndim > 1 and name != "weights":
                    found[f"{tree}:{name}:counts"] = ak.to_numpy(ak.num(plain))
                    plain = ak.flatten(plain)
                found[f"{tree}:{name}"] = ak.to_numpy(plain)
    return found


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
@pytest.mark.parametrize("kind", KINDS)
def test_files_of_every_version_are_read(kind, version):
    path = GOLDEN / f"file_v{version}_{kind}.root"
    wanted = np.load(path.with_suffix(".npz"))
    found = contents(path)
    assert set(found) == set(wanted)
    for name, values in found.items():
        if kind == "latents" and name.startswith("Events:Jet_") and values.dtype.kind == "f":
            np.testing.assert_allclose(values, wanted[name], rtol=1e-4, atol=1e-4)
        else:
            np.testing.assert_array_equal(values, wanted[name])


def main():
    """Write what is missing."""
    source = write_events(GOLDEN / "source.root", make_jets(60), np.full(20, 3))
    for kind, options in KINDS.items():
        path = GOLDEN / f"file_v{FORMAT}_{kind}.root"
        if not path.exists():
            compress(source, path, **options)
            np.savez_compressed(path.with_suffix(".npz"), **contents(path))
    source.unlink()


if __name__ == "__main__":
    main()
