"""A block decodes at its own place alone: in its file, its tree, its part, among its entries."""

from __future__ import annotations

import json

import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import atlasae
from atlasae import Codec
from atlasae.errors import DamagedFileError
from atlasae.root.checking.check import check
from atlasae.root.merge import merge
from tests.root.helpers import StoredFile, assert_true_or_error, compress_in_blocks, restored


@pytest.fixture(scope="module")
def whole(folder):
    """What a file holds, what another of the same codec holds, and what is true of the first."""
    path = folder / "packed0.root"
    return StoredFile.of(path), StoredFile.of(folder / "packed1.root"), restored(path)


def parts(stored):
    """The numbers of the parts by what they hold."""
    names = {}
    for data in stored.manifests:
        values = json.loads(data[20:])
        for part in values["parts"]:
            kind = "jets" if part["codec"] else "columns"
            names[f"{kind} of {values['tree']}"] = part["number"]
    return names


def copied(stored):
    return StoredFile(
        list(stored.manifests),
        list(stored.codecs),
        list(stored.payloads),
        [list(row) for row in stored.numbers],
    )


def replace(stored, i, other, j):
    """Put a block of another file, or of another place, where one was."""
    stored.payloads[i] = other.payloads[j]
    stored.numbers[i] = [stored.numbers[i][0], *other.numbers[j][1:]]


def swapped(stored, _, rows):
    stored.swap(rows[0], rows[1])


def twice(stored, _, rows):
    replace(stored, rows[1], stored, rows[0])


def of_another_file(stored, other, rows):
    replace(stored, rows[1], other, rows[1])


def last_and_first(stored, _, rows):
    stored.swap(rows[0], rows[2])


@pytest.mark.parametrize("part", ["jets of Events", "columns of Events", "columns of one"])
@pytest.mark.parametrize("change", [swapped, twice, of_another_file, last_and_first])
def test_blocks_at_another_place_are_refused(folder, whole, tmp_path, part, change):
    stored, other, path = copied(whole[0]), whole[1], tmp_path / "changed.root"
    rows = stored.rows(parts(stored)[part])
    assert len(rows) == 3
    change(stored, other, rows)
    stored.write(folder / "packed0.root", path)
    with pytest.raises(DamagedFileError, match=r"changed\.root: tree 'atlasae/blocks': block \d"):
        restored(path)
    with pytest.raises(DamagedFileError, match=r"block \d"):
        check(folder / "source0.root", path)


def test_blocks_at_their_places_are_read(folder, whole, tmp_path):
    whole[0].write(folder / "packed0.root", tmp_path / "same.root")
    assert not assert_true_or_error(tmp_path / "same.root", whole[2])


def test_blocks_of_another_tree_are_refused(folder, whole, tmp_path):
    """The trees have the same branch, and columns need no codec."""
    stored = copied(whole[0])
    numbers = parts(stored)
    for i, j in zip(
        stored.rows(numbers["columns of one"]),
        stored.rows(numbers["columns of other"]),
        strict=True,
    ):
        replace(stored, i, stored, j)
    stored.write(folder / "packed0.root", tmp_path / "changed.root")
    with pytest.raises(DamagedFileError, match=r"block \d"):
        restored(tmp_path / "changed.root")


def test_all_blocks_of_another_file_are_refused(folder, whole, tmp_path):
    stored = copied(whole[0])
    stored.payloads, stored.numbers = whole[1].payloads, whole[1].numbers
    stored.write(folder / "packed0.root", tmp_path / "changed.root")
    with pytest.raises(DamagedFileError, match=r"block \d"):
        restored(tmp_path / "changed.root")


STEPS = (1, -1, 1 << 31, 1 << 40, -(1 << 62))


@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize("by", STEPS)
def test_numbers_of_blocks_are_checked(folder, whole, tmp_path, column, by):
    stored = copied(whole[0])
    row = (0, 1, 4)[(column + STEPS.index(by)) % 3]
    stored.numbers[row][column] += by
    stored.write(folder / "packed0.root", tmp_path / "changed.root")
    assert assert_true_or_error(tmp_path / "changed.root", whole[2])


def test_blocks_that_are_missing_or_too_many_are_named(folder, whole, tmp_path):
    for rows in (slice(0, -1), slice(1, None), slice(0, 0)):
        stored = copied(whole[0])
        stored.payloads, stored.numbers = stored.payloads[rows], stored.numbers[rows]
        stored.write(folder / "packed0.root", tmp_path / "changed.root")
        assert "atlasae/blocks" in assert_true_or_error(tmp_path / "changed.root", whole[2])
    stored = copied(whole[0])
    stored.payloads.append(stored.payloads[0])
    stored.numbers.append(stored.numbers[0])
    stored.write(folder / "packed0.root", tmp_path / "changed.root")
    with pytest.raises(DamagedFileError, match="1 blocks that no manifest describes"):
        restored(tmp_path / "changed.root")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_rows_in_any_order_give_the_true_values_or_an_error(folder, whole, tmp_path, data):
    stored = copied(whole[0])
    count = len(stored.numbers)
    order = data.draw(st.permutations(range(count)) | st.lists(st.integers(0, count - 1)))
    stored.payloads = [stored.payloads[i] for i in order]
    stored.numbers = [stored.numbers[i] for i in order]
    stored.write(folder / "packed0.root", tmp_path / "changed.root")
    error = assert_true_or_error(tmp_path / "changed.root", whole[2])
    in_parts = [[i for i in order if stored_part == whole[0].numbers[i][0]] for stored_part in
                {row[0] for row in whole[0].numbers}]  # fmt: skip
    assert bool(error) == (sorted(order) != list(range(count)) or any(
        rows != sorted(rows) for rows in in_parts
    ))  # fmt: skip


def test_a_part_of_merged_files_is_bound_to_its_file(folder, tmp_path):
    """Merged tree by tree, each block stands behind those of the files before."""
    sources = [folder / "packed0.root", folder / "packed1.root"]
    merge(sources, tmp_path / "all.root")
    true = restored(tmp_path / "all.root")
    assert len(true["one:x"]) == 2 * 300
    stored = StoredFile.of(tmp_path / "all.root")
    rows = stored.rows(parts(StoredFile.of(sources[0]))["jets of Events"])
    assert len(rows) == 6
    stored.swap(rows[1], rows[4])  # the same entries of both files
    stored.write(tmp_path / "all.root", tmp_path / "changed.root")
    with pytest.raises(DamagedFileError, match=r"block \d"):
        restored(tmp_path / "changed.root")


def test_a_part_is_read_without_the_other_blocks(folder, whole, tmp_path):
    stored = copied(whole[0])
    rows = stored.rows(parts(stored)["jets of Events"])
    stored.payloads[rows[2]] = bytes(len(stored.payloads[rows[2]]))
    stored.write(folder / "packed0.root", tmp_path / "changed.root")
    with atlasae.open(tmp_path / "changed.root") as file:
        found = file["Events"].arrays(["Jet_pt"], entry_stop=200).Jet_pt
        assert np.all(found == whole[2]["Events:Jet_pt"][:200])
        with pytest.raises(DamagedFileError, match=f"block {rows[2]} "):
            file["Events"].arrays(["Jet_pt"], entry_start=199)


@pytest.fixture(scope="module")
def small(events_file, tmp_path_factory):
    """A file with several blocks in one basket."""
    path = tmp_path_factory.mktemp("blocks") / "small.root"
    codec = Codec.bounded(tolerance="lossless").fit(atlasae.read_jets(events_file))
    compress_in_blocks(events_file, path, codec=codec)
    with uproot.open(path) as file:
        payloads = file["atlasae/blocks/payload"]
        assert payloads.num_entries > payloads.num_baskets == 1
        assert payloads.compressed_bytes == payloads.uncompressed_bytes
    return path


def test_a_basket_of_blocks_is_read_once(small, events_file, monkeypatch):
    read = []
    array = uproot.TBranch.array

    def counted(branch, *args, **options):
        read.append(branch.name)
        return array(branch, *args, **options)

    monkeypatch.setattr(uproot.TBranch, "array", counted)
    with atlasae.open(small) as file, uproot.open(events_file) as original:
        values = file["Events"]["Jet_pt"].array()
        assert read.count("payload") == 2 + 1  # codecs and manifests have a branch of this name
        assert values.tolist() == original["Events"]["Jet_pt"].array().tolist()
