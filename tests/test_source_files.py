from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

import atlasae
from atlasae import Codec
from atlasae.errors import DamagedFileError, FileError, MissingFileError
from atlasae.root.io.file import open_root
from atlasae.source_files import is_pickle

READERS = [open_root, atlasae.open, atlasae.read_jets, atlasae.info, atlasae.read_pickle,
           atlasae.Codec.load]  # fmt: skip


@pytest.mark.parametrize("read", READERS)
def test_what_is_not_a_file_says_what_it_is(read, tmp_path):
    empty = tmp_path / "empty.root"
    empty.touch()
    with pytest.raises(DamagedFileError, match=r"empty\.root.*is empty"):
        read(empty)
    if read not in (atlasae.open, atlasae.read_jets):  # which read the files in it
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


def archive(data, *, tar):
    stream = io.BytesIO()
    if tar:
        with tarfile.open(fileobj=stream, mode="w") as archived:
            archived.addfile(tarfile.TarInfo("events.root"), io.BytesIO())
    else:
        with zipfile.ZipFile(stream, "w") as archived:
            archived.writestr("events.root", data)
    return stream.getvalue()


def saved(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


KINDS = {
    "gzip": (gzip.compress(b"root" * 9), "gunzip it first"),
    "xz": (lzma.compress(b"root" * 9), "unxz it first"),
    "bzip2": (bz2.compress(b"root" * 9), "bunzip2 it first"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(99), "unzstd it first"),
    "lz4": (b"\x04\x22\x4d\x18" + bytes(99), "unlz4 it first"),
    "zip": (archive(b"root", tar=False), "unzip it first"),
    "tar": (archive(b"root", tar=True), "unpack it first"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "Codec.fit"),
    "Parquet": (b"PAR1" + bytes(99) + b"PAR1", "Codec.fit"),
    "Arrow": (b"ARROW1" + bytes(99), "Codec.fit"),
    "numpy array": (saved(np.zeros(9)), "Codec.fit"),
    "web page": (b"<!DOCTYPE html><html></html>", "login"),
    "pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
}
READERS_OF = {"ROOT": atlasae.info, "pickle": atlasae.read_pickle, "safetensors": Codec.load}


def refused(read, path):
    with pytest.raises(DamagedFileError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("expected", READERS_OF)
def test_files_of_other_kinds_are_named_with_what_to_do(tmp_path, kind, expected):
    content, way = KINDS[kind]
    path = tmp_path / "events.root"
    path.write_bytes(content)
    message = refused(READERS_OF[expected], path)
    assert kind in message
    assert f"not a {expected}" in message
    assert way in message


def test_files_that_another_function_reads(tmp_path, events_file, codec):
    saved_codec, pickled, old = (tmp_path / name for name in ("a.root", "b.root", "c.pkl"))
    codec.save(saved_codec)
    pickled.write_bytes(pickle.dumps({"pt": np.zeros(3)}))
    old.write_bytes(pickle.dumps([1], protocol=0))
    assert "Codec.load" in refused(atlasae.info, saved_codec)
    assert "Codec.load" in refused(atlasae.read_pickle, saved_codec)
    assert "atlasae.read_jets" in refused(atlasae.read_pickle, events_file)
    assert "atlasae.read_jets" in refused(Codec.load, events_file)
    for path in (pickled, old):
        assert "atlasae.read_pickle" in refused(atlasae.info, path)
        assert "atlasae.read_pickle" in refused(Codec.load, path)


def test_the_content_of_a_file_counts_more_than_its_name(tmp_path, events_file):
    named = tmp_path / "events.pkl"
    named.write_bytes(events_file.read_bytes())
    assert not is_pickle(named)
    assert is_pickle(tmp_path / "none.pkl")


@pytest.mark.parametrize("size", [4, 10, 50, 300, 5000, -1])
def test_a_truncated_root_file_says_so(tmp_path, events_file, size):
    path = tmp_path / "a.root"
    path.write_bytes(events_file.read_bytes()[:size])
    assert "truncated" in refused(atlasae.info, path)
    assert "copy it again" in refused(atlasae.info, path)


def test_an_unknown_file_shows_how_it_begins(tmp_path):
    path = tmp_path / "a.root"
    path.write_text("hello\nworld")
    assert r"not a ROOT file: it begins with b'hello\nwo'" in refused(atlasae.info, path)
