"""A compressed tree is never read as an ordinary one, whatever became of the directory atlasae."""

from __future__ import annotations

import re

import numpy as np
import pytest
import uproot

import atlasae
from atlasae.errors import AtlasaeError, DamagedFileError
from atlasae.root.io.file import make_tree
from atlasae.root.io.mark import PLACEHOLDER, marked
from tests.helpers import compress, make_jets, write_events
from tests.root.helpers import StoredFile, assert_true_or_error, restored

KINDS = {
    "packed": {"pack": "all"},
    "kept": {"pack": "none"},
    "ntuple": {"pack": "all", "to": "rntuple"},
    "kept ntuple": {"to": "rntuple"},
}


@pytest.fixture(scope="module", params=KINDS)
def small(request, tmp_path_factory, codec):
    folder = tmp_path_factory.mktemp("marks")
    source = write_events(folder / "source.root", make_jets(90), [3] * 30)
    given = {"codec": codec} if request.param.startswith("kept") else {}
    compress(source, folder / "small.root", **given, **KINDS[request.param])
    return folder / "small.root"


DIRECTORY = re.compile(rb"(?<!by )atlasae(?!_placeholder|\.open| decompress)")
READERS = {
    "open": lambda path: atlasae.open(path)["Events"],
    "open a branch": lambda path: atlasae.open(path)["Events/MET_pt"],
    "a tree in the path": lambda path: atlasae.open(f"{path}:Events"),
    "read_jets": atlasae.read_jets,
    "iterate": lambda path: list(atlasae.iterate(f"{path}:Events")),
    "concatenate": lambda path: atlasae.concatenate(f"{path}:Events"),
    "compress": lambda path: compress(path, path.with_suffix(".again"), pack="all"),
    "check": lambda path: atlasae.check(path, path),
}


def occurrences(data, name):
    at = data.find(name)
    while at >= 0:
        yield at
        at = data.find(name, at + 1)


@pytest.mark.parametrize("every_byte", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [b"atlasae", b"blocks", b"codecs", b"manifests", b"Events"])
def test_a_flip_in_a_name_is_an_error_or_harmless(small, tmp_path, name, every_byte):
    data, true = small.read_bytes(), restored(small)
    path, noticed = tmp_path / "flipped.root", 0
    for number, at in enumerate(occurrences(data, name)):
        for i in range(len(name)) if every_byte else [number % len(name)]:
            flipped = bytearray(data)
            flipped[at + i] ^= 1 << (at + i) % 7
            path.write_bytes(flipped)
            noticed += bool(assert_true_or_error(path, true))
    assert noticed or name not in data


@pytest.mark.parametrize("reader", READERS)
def test_without_the_directory_no_reader_takes_the_tree(small, tmp_path, reader):
    path = tmp_path / "flipped.root"
    path.write_bytes(DIRECTORY.sub(b"atlasad", small.read_bytes()))
    with uproot.open(path) as file:
        assert "atlasad" in file.keys(cycle=False)
    with pytest.raises(AtlasaeError, match=r"flipped\.root"):
        READERS[reader](path)


@pytest.mark.parametrize("reader", READERS)
def test_without_manifests_no_reader_takes_the_tree(small, tmp_path, reader):
    stored = StoredFile.of(small)
    stored.manifests = []
    stored.write(small, tmp_path / "emptied.root")
    with pytest.raises(AtlasaeError, match=r"emptied\.root"):
        READERS[reader](tmp_path / "emptied.root")


def test_the_mark_is_shown_to_users_of_root_and_not_of_atlasae(small):
    with uproot.open(small) as file, atlasae.open(small) as ours:
        stored = file["Events"]
        title = stored.title if hasattr(stored, "title") else stored.description
        assert title == marked("the events")
        assert "atlasae.open" in title
        assert ours["Events"].title == "the events"
    atlasae.decompress(small, small.with_name("back.root"), force=True)
    assert restored(small.with_name("back.root")).keys() == restored(small).keys()


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_a_placeholder_alone_is_a_mark(tmp_path, kind):
    with uproot.recreate(tmp_path / "a.root") as file:
        tree = make_tree(file, kind, "Events", "", [PLACEHOLDER])
        tree.extend({PLACEHOLDER.name: np.zeros(2, np.uint8)})
        tree.finish()
    with pytest.raises(DamagedFileError, match="was compressed by atlasae"):
        restored(tmp_path / "a.root")
