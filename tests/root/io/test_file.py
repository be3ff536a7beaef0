"""Files that cannot be opened, and trees that are not there."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from atlasae.errors import (
    DamagedFileError,
    FileError,
    MissingFileError,
    MissingNameError,
)
from atlasae.root.io.file import Trees, open_root


def test_a_tree_that_is_not_there_names_the_nearest(events_file):
    with (
        open_root(events_file) as file,
        pytest.raises(MissingNameError, match="did you mean 'Events'"),
    ):
        Trees(file)["Event"]


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(MissingFileError, match="no file"), open_root(tmp_path / "none.root"):
        pass
    with pytest.raises(FileError, match="cannot read"), open_root(tmp_path):
        pass
    text = tmp_path / "text.root"
    text.write_text("not a ROOT file")
    with (
        pytest.raises(DamagedFileError, match="is not a ROOT file: it begins with"),
        open_root(text),
    ):
        pass
    with pytest.raises(FileError), open_root(f"{text}:Events"):
        pass


@pytest.mark.parametrize(
    ("name", "protocol"), [("jets.pkl", 0), ("jets.pkl", 5), ("jets.root", 2), ("jets.root", 5)]
)
def test_a_pickle_is_pointed_to_what_reads_it(name, protocol, tmp_path):
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"pt": np.zeros(3)}, protocol))
    with pytest.raises(DamagedFileError, match="is a pickle, not a ROOT file; atlasae fit"):
        open_root(path)
