"""Files are coded and decoded by several threads: the same bytes, values and errors."""

from __future__ import annotations

import pickle
import threading

import pytest

import atlasae
from atlasae import Codec
from atlasae.errors import DamagedFileError, InputError
from atlasae.root.checking.check import check
from atlasae.root.container import part_writers
from atlasae.threads import THREAD_NAME
from tests.helpers import compress
from tests.root.helpers import StoredFile, assert_alike, compress_in_blocks, restored

THREADS = [1, 3]
KINDS = {
    "kept": {},
    "packed": {"codec": Codec.bounded(tolerance="lossless"), "pack": "all"},
    "dithered": {"codec": Codec.bounded(tolerance=1e-3, dither=True)},
    "free": {"codec": Codec.bounded(tolerance=1e-3, order="free")},
}


@pytest.fixture(scope="module", params=KINDS)
def files(request, events_file, tmp_path_factory):
    """The same file, compressed by one thread and by three."""
    folder = tmp_path_factory.mktemp("threads")
    for threads in THREADS:
        path = folder / f"{threads}.root"
        compress_in_blocks(events_file, path, threads=threads, **KINDS[request.param])
    return [folder / f"{threads}.root" for threads in THREADS]


def test_what_is_written_does_not_depend_on_their_number(files):
    one, three = map(StoredFile.of, files)
    assert len(one.payloads) > 4
    assert one == three


@pytest.mark.parametrize("threads", THREADS)
def test_what_is_read_does_not_depend_on_their_number(files, tmp_path, threads):
    true = restored(files[0])
    with atlasae.open(files[1], threads=threads) as file:
        chunks = [*file["Events"].iterate(step_size=170), *file["Events"].iterate(step_size=30)]
    for name in chunks[0].fields:
        for start, count in ((0, 170), (0, 30)):
            chunk = next(chunk for chunk in chunks if len(chunk) == count)
            assert_alike(chunk[name], true[f"Events:{name}"][start:count])
    back = tmp_path / "back.root"
    atlasae.decompress(files[1], back, threads=threads)
    assert check(files[0], back, tolerance="lossless", threads=threads).good


def test_pieces_do_not_depend_on_the_step(events_file, tmp_path, monkeypatch):
    """Blocks of jets are cut where they are full, not where a step ends."""
    monkeypatch.setattr("atlasae.coding.blocks.BLOCK_JETS", 200)
    monkeypatch.setattr(part_writers, "BLOCK_JETS", 200)
    trained = Codec.bounded().fit(atlasae.read_jets(events_file))
    stored = []
    for step in (7, 120, 10_000):
        path = tmp_path / f"{step}.root"
        compress(events_file, path, codec=trained, step_size=step)
        stored.append(StoredFile.of(path))
    assert len(stored[0].payloads) > 4
    assert stored[0].payloads == stored[1].payloads == stored[2].payloads


@pytest.mark.parametrize("threads", THREADS)
def test_the_error_of_a_thread_is_that_of_one(events_file, tmp_path, monkeypatch, threads):
    pack, done = part_writers.pack, []

    def full(columns, learned):
        done.append(1)
        if len(done) == 5:
            raise InputError("the fifth block")
        return pack(columns, learned)

    monkeypatch.setattr(part_writers, "pack", full)
    with pytest.raises(InputError, match="the fifth block"):
        compress_in_blocks(events_file, tmp_path / "small.root", threads=threads, **KINDS["packed"])
    assert not list(tmp_path.iterdir())
    assert not [each for each in threading.enumerate() if each.name.startswith(THREAD_NAME)]
    assert len(done) <= 5 + threads + 1


def test_damage_is_named_alike(files, tmp_path):
    stored = StoredFile.of(files[0])
    stored.payloads[2] = bytes(len(stored.payloads[2]))
    stored.write(files[0], tmp_path / "damaged.root")
    messages = set()
    for threads in THREADS:
        with pytest.raises(DamagedFileError, match="block 2") as error:
            atlasae.decompress(tmp_path / "damaged.root", tmp_path / "back.root", threads=threads)
        messages.add(str(error.value))
    assert len(messages) == 1


def test_files_and_trees_keep_their_number_when_pickled(files):
    for threads in (None, 2):
        with atlasae.open(files[0], threads=threads) as file:
            for item in (file, file["Events"]):
                with pickle.loads(pickle.dumps(item)) as again:
                    tree = again if item is not file else again["Events"]
                    assert tree._reader.threads == threads


@pytest.mark.parametrize(
    "call",
    [
        lambda path, target: compress(path, target, threads=0),
        lambda path, target: atlasae.decompress(path, target, threads=0),
        lambda path, _: atlasae.check(path, path, threads=0),
        lambda path, _: atlasae.open(path, threads=0),
        lambda path, _: list(atlasae.iterate({path: "Events"}, threads=0)),
        lambda path, _: atlasae.concatenate({path: "Events"}, threads=0),
    ],
)
def test_none_is_too_few(events_file, tmp_path, call):
    with pytest.raises(InputError, match="threads=0: give a number from 1 on"):
        call(events_file, tmp_path / "new.root")
    assert not list(tmp_path.iterdir())
