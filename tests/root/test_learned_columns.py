"""Whole files whose columns are learned from one another: there and back, merged, damaged."""

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.columns.column_model import ColumnModel
from atlasae.errors import DamagedFileError
from atlasae.lossless.columns import same_bits
from atlasae.root.checking.check import check
from atlasae.root.container.container import read_container
from atlasae.root.io.file import open_root
from atlasae.root.merge import merge
from tests.columns.blocks import events


def write_tree(path, *blocks, kind="ttree"):
    """A file with a tree of such entries, those of each block in a cluster of their own."""
    with uproot.recreate(path) as file:
        if kind == "rntuple":
            tree = file.mkrntuple("Events", blocks[0])
            blocks = blocks[1:]
        else:
            blocks = [
                {n: a for n, a in block.items() if "option" not in str(a.type) and a.ndim < 3
                 and n not in ("nJet", "nGenJet", "maybe", "record", "fixed")}
                for block in blocks
            ]  # fmt: skip
            types = {name: array.type.content for name, array in blocks[0].items()}
            tree = file.mktree("Events", types, counter_name=lambda name: f"n{name.split('_')[0]}")
        for block in blocks:
            tree.extend(block)
    return path


def models_of(path):
    with open_root(path) as file:
        container = read_container(file)
        return {part.model for one in container.manifests for part in one.parts if part.model}


def assert_same(path, source):
    with uproot.open(source) as file, atlasae.open(path) as small:
        tree, found = file["Events"], small["Events"]
        for name in tree.keys(recursive=False):
            assert same_bits(found[name].array(), tree[name].array()), name


@pytest.fixture(scope="module", params=["ttree", "rntuple"])
def files(request, tmp_path_factory):
    """Two files of other events, compressed, with models of their own."""
    folder = tmp_path_factory.mktemp(request.param)
    for i, blocks in enumerate(
        [(events(1, 80), events(2, 9, 4.0)), (events(3, 60), events(4, 3, 0.0))]
    ):
        source = write_tree(folder / f"source{i}.root", *blocks, kind=request.param)
        atlasae.compress(source, folder / f"small{i}.root", pack="all", verify=True)
        assert len(models_of(folder / f"small{i}.root")) == 1
    return folder


def test_every_column_comes_back(files, tmp_path):
    source, small = files / "source0.root", files / "small0.root"
    assert_same(small, source)
    assert set(check(source, small).counts) == {"exact"}
    atlasae.decompress(small, tmp_path / "back.root")
    with uproot.open(source) as one, uproot.open(tmp_path / "back.root") as other:
        for name in one["Events"].keys(recursive=False):
            assert same_bits(one["Events"][name].array(), other["Events"][name].array()), name


def test_a_column_decodes_what_it_needs_alone(files, monkeypatch):
    decoded, decode = [], ColumnModel.decode

    def counted(self, *given):
        decoded.append(self.slot)
        return decode(self, *given)

    monkeypatch.setattr(ColumnModel, "decode", counted)
    with atlasae.open(files / "small0.root") as small:
        small["Events"]["HLT_d"].array()
        few = len(decoded)
        for name in small["Events"]:
            small["Events"][name].array()
    assert few <= 3
    assert len(set(decoded)) > 5


def test_merged_files_keep_their_models(files, tmp_path):
    both = [files / f"small{i}.root" for i in range(2)]
    merge(both, tmp_path / "both.root")
    assert len(models_of(tmp_path / "both.root")) == 2
    with atlasae.open(tmp_path / "both.root") as merged:
        for name in ("Jet_pt", "GenPart_pdgId", "HLT_b", "event"):
            pieces = [
                uproot.open(files / f"source{i}.root")["Events"][name].array() for i in (0, 1)
            ]
            assert same_bits(merged["Events"][name].array(), ak.concatenate(pieces)), name


def test_damage_gives_an_error_or_the_true_values(files, tmp_path):
    rng = np.random.default_rng(1)
    data = (files / "small0.root").read_bytes()
    path, errors = tmp_path / "damaged.root", 0
    names = ["Jet_pt", "GenPart_pdgId", "HLT_b", "MET_double"]
    with uproot.open(files / "source0.root") as file:
        true = {name: file["Events"][name].array() for name in names}
    for at in rng.integers(0, len(data), 20):
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            with atlasae.open(path) as small:
                found = {name: small["Events"][name].array() for name in names}
        except DamagedFileError as error:
            errors += "damaged.root" in str(error)
        else:
            assert all(same_bits(found[name], true[name]) for name in names)
    assert errors
