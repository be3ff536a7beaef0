"""Files that cannot be opened, and trees that are not there."""

from __future__ import annotations

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
    with pytest.raises(DamagedFileError, match="cannot be opened as a ROOT file"), open_root(text):
        pass
    with pytest.raises(FileError), open_root(f"{text}:Events"):
        pass
