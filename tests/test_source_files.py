from __future__ import annotations

import os

import pytest

import atlasae
from atlasae.errors import DamagedFileError, FileError, MissingFileError
from atlasae.root.io.file import open_root

READERS = [open_root, atlasae.open, atlasae.read_jets, atlasae.info, atlasae.read_pickle,
           atlasae.Codec.load]  # fmt: skip


@pytest.mark.parametrize("read", READERS)
def test_what_is_not_a_file_says_what_it_is(read, tmp_path):
    empty = tmp_path / "empty.root"
    empty.touch()
    with pytest.raises(DamagedFileError, match=r"empty\.root.*is empty"):
        read(empty)
    with pytest.raises(FileError, match="it is a directory"):
        read(tmp_path)
    with pytest.raises(MissingFileError, match=r"none\.root"):
        read(tmp_path / "none.root")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
@pytest.mark.parametrize("read", READERS)
def test_a_pipe_is_refused_and_not_waited_for(read, tmp_path):
    pipe = tmp_path / "pipe.root"
    os.mkfifo(pipe)
    for name in (str(pipe), f"file://{pipe}"):
        if read in READERS[:4] or "://" not in name:
            with pytest.raises(FileError, match="not an ordinary file"):
                read(name)
