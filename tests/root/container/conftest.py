from __future__ import annotations

import numpy as np
import pytest
import uproot

from atlasae import Codec
from atlasae.coding import blocks
from atlasae.root.container import part_writers
from tests.helpers import compress, make_jets, write_events

EVENTS = 300
STEP = 100  # entries a block


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """Two files of equal shape, each compressed in three blocks a part with one codec."""
    path = tmp_path_factory.mktemp("container")
    counts = np.full(EVENTS, 2)
    trained = Codec.bounded().fit(make_jets(1000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_JETS", 2 * STEP)
        patch.setattr(part_writers, "BLOCK_JETS", 2 * STEP)
        patch.setattr(part_writers, "_COLUMN_BYTES", 1)
        for i in range(2):
            source = write_events(path / f"source{i}.root", make_jets(2 * EVENTS, seed=i), counts)
            with uproot.update(source) as file:
                for name in ("one", "other"):
                    file.mktree(name, {"x": np.dtype("f4")}).extend(
                        {"x": np.random.default_rng(i).normal(size=EVENTS).astype("f4")}
                    )
            compress(source, path / f"packed{i}.root", codec=trained, pack="all", step_size=STEP)
            compress(source, path / f"kept{i}.root", codec=trained, step_size=STEP)
    return path
