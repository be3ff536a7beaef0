from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec, Selection
from atlasae.codecs.bounded.payload import PayloadCoder
from atlasae.coding import blocks
from atlasae.density import jet_density
from atlasae.errors import (
    DamagedFileError,
    InputError,
    MissingFileError,
    MissingNameError,
    TargetExistsError,
    VersionError,
)
from atlasae.report.reading import read_comparison
from atlasae.root.container import part_writers
from atlasae.root.container.restored_tree import open_trees
from atlasae.root.io.file import Trees, make_tree
from atlasae.root.reading.jets import read_codec, read_latents
from atlasae.root.restoring.decompress import Notes
from tests.helpers import compress, make_jets, write_events
from tests.root.helpers import assert_same_tree

JETS = ("Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass")


@pytest.fixture(scope="module")
def restored_file(compressed_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("restored") / "back.root"
    assert atlasae.decompress(compressed_file, path) == Notes({}, {})
    return path


def test_latents_stand_where_the_jets_stood(compressed_file, events_file):
    with uproot.open(events_file) as source, uproot.open(compressed_file) as small:
        before, after = source["Events"].keys(), small["Events"].keys()
        at = before.index("Jet_pt")
        assert after[at : at + 3] == ["Jet_z0", "Jet_z1", "Jet_z2"]
        assert [name for name in after if "_z" not in name] == [n for n in before if n not in JETS]
        assert small["Events"]["Jet_z1"].typename == "float[]"
        assert small["Events"]["Jet_z1"].count_branch.name == "nJet"
        assert ak.all(ak.num(small["Events"]["Jet_z0"].array()) == source["Events"]["nJet"].array())


def test_the_restored_file_has_the_old_names_types_and_counters(restored_file, events_file):
    with uproot.open(events_file) as a, uproot.open(restored_file) as b:
        assert a.classnames() == b.classnames()
        assert a["Events"].typenames() == b["Events"].typenames()
        assert a["Events"].keys() == b["Events"].keys()
        assert b["Events"]["Jet_phi"].count_branch.name == "nJet"
        assert ak.all(
            ak.num(a["Events"]["Jet_pt"].array()) == ak.num(b["Events"]["Jet_pt"].array())
        )
    assert_same_tree(events_file, restored_file, "more/Runs")


def test_every_other_branch_is_kept_bit_for_bit(restored_file, events_file):
    with uproot.open(events_file) as a, uproot.open(restored_file) as b:
        others = [name for name in a["Events"].keys() if name not in JETS]  # noqa: SIM118
        assert len(others) == 10
        for name in others:
            left, right = a["Events"][name].array(), b["Events"][name].array()
            assert ak.array_equal(left, right, equal_nan=True), name


def test_the_jets_are_those_the_codec_decodes(restored_file, compressed_file, events_file):
    codec, latents = read_codec(compressed_file), read_latents(compressed_file)
    decoded = codec.decode(latents)
    back = atlasae.read_jets(restored_file)
    assert ak.array_equal(decoded.pt, back.pt)
    assert ak.array_equal(atlasae.read_jets(compressed_file).mass, back.mass)
    original = atlasae.read_jets(events_file)
    assert atlasae.jets.metrics.standard_rmse(original, back, original) < 1


def test_small_chunks_give_the_same_file(events_file, compressed_file, tmp_path):
    codec = Codec.autoencoder(network=(16, 8), epochs=4, batch_size=64).fit(
        atlasae.read_jets(events_file)
    )
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    compress(events_file, small, codec=codec, step_size=7)
    # a matrix product of few rows can round otherwise than one of many
    assert_same_tree(compressed_file, small, "Events", [f"Jet_z{i}" for i in range(3)])
    atlasae.decompress(small, back, step_size=11)
    restored, whole = atlasae.read_jets(back).eta, atlasae.read_jets(compressed_file).eta
    np.testing.assert_allclose(ak.flatten(restored), ak.flatten(whole), 1e-4, 1e-4)


def test_without_a_codec_one_is_trained_on_the_file(tmp_path):
    source = write_events(tmp_path / "a.root", make_jets(300), np.full(150, 2))
    contents = compress(source, tmp_path / "b.root")
    (part,) = contents.parts
    assert (part.name, part.codec, part.jets) == ("Jet", "Codec.bounded()", 300)
    assert contents.entries == {"Events": 150, "more/Runs": 5}


def test_flat_trees_and_other_features(tmp_path):
    jets = make_jets(500) | {"area": np.linspace(0.4, 0.6, 500)}
    source = tmp_path / "flat.root"
    with uproot.recreate(source) as file:
        file.mktree("jets", {n: v.dtype for n, v in jets.items()}).extend(jets)
    codec = Codec.autoencoder(latent=2, network=(8,), epochs=2, features=("pt", "eta", "area"))
    compress(source, tmp_path / "small.root", codec=codec.fit(jets))
    with uproot.open(tmp_path / "small.root") as file:
        assert file["jets"].keys() == ["m", "z0", "z1", "phi"]
    atlasae.decompress(tmp_path / "small.root", tmp_path / "back.root")
    with uproot.open(tmp_path / "back.root") as file:
        assert file["jets"].typenames() == {
            "m": "float", "pt": "float", "phi": "float", "eta": "float", "area": "double"
        }  # fmt: skip
        np.testing.assert_array_equal(file["jets"]["phi"].array(library="np"), jets["phi"])


def test_a_codec_of_m_serves_a_tree_of_mass(events_file, codec, tmp_path):
    assert codec.features_[0] == "m"
    compress(events_file, tmp_path / "small.root", codec=codec)
    assert "mass" in atlasae.read_jets(tmp_path / "small.root").fields
    atlasae.decompress(tmp_path / "small.root", tmp_path / "back.root")
    with uproot.open(tmp_path / "back.root") as file:
        assert "Jet_mass" in file["Events"].keys()  # noqa: SIM118


def test_half_latents_take_less_room(events_file, tmp_path):
    jets = atlasae.read_jets(events_file)
    sizes = {}
    for dtype in ("float32", "float16"):
        codec = Codec.autoencoder(network=(16, 8), latent_dtype=dtype, epochs=2).fit(jets)
        target = tmp_path / f"{dtype}.root"
        contents = compress(events_file, target, codec=codec)
        sizes[dtype] = contents.parts[0].after
        kept = ak.flatten(read_latents(target).z0)
        assert ak.all(kept == ak.values_astype(kept, dtype))
    assert sizes["float16"] < 0.8 * sizes["float32"]


def test_files_merged_tree_by_tree_decode_to_both(events_file, tmp_path):
    """As hadd does it: the entries of equal trees one after another."""
    other = write_events(tmp_path / "other.root", make_jets(60, seed=5), np.full(20, 3))
    part_writers = []
    for i, source in enumerate((events_file, other)):
        part_writers.append(tmp_path / f"part{i}.root")
        codec = Codec.autoencoder(network=(8,), seed=i, epochs=1).fit(atlasae.read_jets(source))
        compress(source, part_writers[-1], codec=codec)
    merge(part_writers, tmp_path / "merged.root")
    merged = atlasae.read_jets(tmp_path / "merged.root")
    wanted = ak.concatenate([atlasae.read_jets(part) for part in part_writers])
    assert ak.array_equal(merged.pt, wanted.pt)
    assert sum(part.jets for part in atlasae.info(tmp_path / "merged.root").parts) == 1060


def merge(part_writers, target):
    """Append equal trees, as hadd does."""
    with uproot.recreate(target) as out:
        sinks = {}
        for part in part_writers:
            with uproot.open(part) as file:
                trees = Trees(file)
                for path in trees:
                    tree = trees.raw(path)
                    if path not in sinks:
                        sinks[path] = make_tree(out, "ttree", path, "", tree.schema.branches)
                    sinks[path].extend(tree.tree.arrays(how=dict))
        for sink in sinks.values():
            sink.finish()


def test_what_is_inside_adds_up(compressed_file, events_file):
    contents = atlasae.info(compressed_file)
    assert contents.source_bytes == events_file.stat().st_size
    assert contents.file_bytes == compressed_file.stat().st_size
    assert contents.ratio == contents.source_bytes / contents.file_bytes
    (part,) = contents.parts
    assert part.before.keys() == set(JETS)
    assert part.after > 1000
    assert contents.codec_bytes > 1000
    listed = part.after + sum(b.after for b in contents.kept) + contents.codec_bytes
    assert 0.3 * contents.file_bytes < listed < contents.file_bytes


def test_branches_that_cannot_be_kept_are_named(tmp_path, codec):
    jets, counts = make_jets(40), np.full(20, 2)
    types = {f"Jet_{n}": "var * float32" for n in ("pt", "eta", "phi", "mass")}
    data = {
        f"Jet_{n}": ak.unflatten(jets[n.replace("mass", "m")], counts)
        for n in ("pt", "eta", "phi", "mass")
    }
    data["cells"] = ak.unflatten(np.ones((40, 3), np.float32), counts)
    with uproot.recreate(tmp_path / "a.root") as file:
        tree = file.mktree(
            "Events", types | {"cells": "var * 3 * float32"},
            counter_name=lambda n: "nJet" if n != "cells" else "ncells",
        )  # fmt: skip
        tree.extend(data)
    source, target = tmp_path / "a.root", tmp_path / "b.root"
    with pytest.raises(
        InputError, match=r"a\.root: cannot write Events:cells: .*--drop-unwritable.*--to rntuple"
    ):
        compress(source, target, codec=codec)
    assert not target.exists()
    contents = compress(source, target, codec=codec, drop_unwritable=True)
    assert list(contents.left_out) == ["Events:cells"]
    atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root")
    with uproot.open(tmp_path / "c.root") as file:
        assert file["Events"].keys() == ["nJet", *types, "ncells"]


def test_no_counter_that_is_made_up_takes_the_name_of_a_branch(tmp_path, codec):
    """Jets with counters of their own, beside an nJet that counts something else."""
    jets, counts = make_jets(60), np.full(20, 3)
    data = {f"Jet_{n}": ak.unflatten(values, counts) for n, values in jets.items()}
    data["nJet"] = np.arange(20, dtype=np.int32) + 7
    source = tmp_path / "a.root"
    write_vectors(source, data)
    contents = compress(source, tmp_path / "b.root", codec=codec)
    notes = atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root")
    with uproot.open(tmp_path / "c.root") as file:
        np.testing.assert_array_equal(file["Events"]["nJet"].array(library="np"), data["nJet"])
        assert ak.num(file["Events"]["Jet_pt"].array()).tolist() == [3] * 20
    assert notes.changed == contents.changed


def write_vectors(path, data):
    """Jagged branches that have a counter each, as std::vectors come to have."""
    types = {n: v.dtype if isinstance(v, np.ndarray) else "var * float32" for n, v in data.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", types, counter_name=lambda name: f"n{name}").extend(data)


def test_a_tree_asked_for_by_name_is_the_one_that_is_compared(tmp_path):
    jets, counts = make_jets(200), np.full(100, 2)
    source, small = tmp_path / "two.root", tmp_path / "small.root"
    other = {name: values * np.float32(1.5 if name == "pt" else 1) for name, values in jets.items()}
    with uproot.recreate(source) as file:
        for tree, own in (("Nominal", jets), ("Shifted", other)):
            data = {f"Jet_{n}": ak.unflatten(values, counts) for n, values in own.items()}
            types = dict.fromkeys(data, "var * float32")
            file.mktree(tree, types, counter_name=lambda _: "nJet").extend(data)
    codec = Codec.autoencoder(network=(16, 8), epochs=30, batch_size=32).fit(other)
    compress(source, small, codec=codec, select=Selection(tree="Shifted"))
    found = read_comparison(source, [small]).files[0].residuals
    wanted = atlasae.jets.metrics.residuals(
        atlasae.read_jets(source, tree="Shifted"), atlasae.read_jets(small)
    )
    assert found["pt"].mean == wanted["pt"].mean
    kept = read_comparison(source, [small], tree="Nominal").files[0].residuals
    assert kept["pt"].sigma == 0


def test_older_cycles_are_named_and_directories_kept(tmp_path, codec):
    source = write_events(tmp_path / "a.root", make_jets(40), np.full(20, 2))
    with uproot.update(source) as file:
        file["cutflow"] = np.histogram([1.0, 2.0])
        file.mkdir("empty")
        file["atlasae/mine"] = np.histogram([1.0])
    contents = compress(source, tmp_path / "b.root", codec=codec)
    assert contents.left_out == {"cutflow;1": "an older cycle"}
    atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root")
    with uproot.open(tmp_path / "c.root") as file:
        assert {"empty", "atlasae/mine"} <= set(file.keys(cycle=False))


def test_neither_direction_destroys_its_source(compressed_file, tmp_path, codec):
    path = tmp_path / "a.root"
    path.write_bytes(compressed_file.read_bytes())
    with pytest.raises(InputError, match="same file"):
        atlasae.decompress(path, path, force=True)
    assert path.read_bytes() == compressed_file.read_bytes()
    with pytest.raises(MissingFileError):
        compress(tmp_path / "none.root", path, codec=codec, force=True)


def test_a_codec_file_is_taken_by_its_path(events_file, codec, tmp_path):
    codec.save(tmp_path / "codec")
    contents = compress(events_file, tmp_path / "x.root", codec=tmp_path / "codec")
    assert [part.codec for part in contents.parts] == [codec.call]


@pytest.mark.slow
def test_a_delphes_file_goes_there_and_back(shared_data, tmp_path):
    source = shared_data / "root" / "uproot-issue513.root"
    jets = atlasae.read_jets(source)
    codec = Codec.autoencoder(network=(8,), epochs=1).fit(jets)
    contents = compress(source, tmp_path / "b.root", codec=codec, drop_unwritable=True)
    assert "cannot be read" in contents.left_out["Delphes:Particle.fBits"]
    atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root")
    assert ak.num(atlasae.read_jets(tmp_path / "c.root")).tolist() == ak.num(jets).tolist()


@pytest.fixture(scope="module")
def blocks_file(tmp_path_factory, events_file):
    """The events within 1e-3, in blocks of at most 200 jets."""
    path = tmp_path_factory.mktemp("blocks") / "small.root"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_JETS", 200)
        patch.setattr(part_writers, "BLOCK_JETS", 200)
        compress(events_file, path, step_size=60)
    return path


def test_blocks_keep_the_tolerance_and_everything_else(blocks_file, events_file, tmp_path):
    notes = atlasae.decompress(blocks_file, tmp_path / "back.root", step_size=100)
    assert notes == Notes({}, {})
    with uproot.open(events_file) as a, uproot.open(tmp_path / "back.root") as b:
        assert a.classnames() == b.classnames()
        assert a["Events"].typenames() == b["Events"].typenames()
        assert a["Events"].keys() == b["Events"].keys()
        for name in a["Events"].keys():  # noqa: SIM118
            left, right = a["Events"][name].array(), b["Events"][name].array()
            if name in JETS:
                assert ak.num(left).tolist() == ak.num(right).tolist()
                bound = 1e-3 * (abs(left) if name in ("Jet_pt", "Jet_mass") else 1)
                assert ak.all(abs(left - right) <= bound)
                assert not ak.all(left == right)
            else:
                assert ak.array_equal(left, right, equal_nan=True), name


def test_the_tree_keeps_its_counter_and_loses_the_jets(blocks_file):
    with uproot.open(blocks_file) as file:
        assert not set(JETS) & set(file["Events"].keys())
        assert file["Events"]["nJet"].array()[0] >= 0
        assert file["atlasae/blocks"].num_entries > 5
        assert sum(file["atlasae/blocks"]["numbers"].array()[:, 2]) == 1000


def test_some_entries_decode_only_their_blocks(blocks_file, monkeypatch):
    whole = atlasae.read_jets(blocks_file)
    decoded = []
    read = PayloadCoder.read
    monkeypatch.setattr(
        PayloadCoder, "read", lambda self, *given: decoded.append(1) or read(self, *given)
    )
    some = atlasae.read_jets(blocks_file, entry_start=150, entry_stop=153)
    assert some.pt.tolist() == whole.pt[150:153].tolist()
    assert 1 <= len(decoded) <= 2
    with pytest.raises(InputError, match="no entries from 10000"):
        atlasae.read_jets(blocks_file, entry_start=10_000)


def test_of_other_features_only_those_asked_for_are_decoded(tmp_path, monkeypatch):
    jets, counts = make_jets(400), np.full(200, 2)
    columns = {f"Jet_{name}": ak.unflatten(values, counts) for name, values in jets.items()}
    for name in ("area", "score", "width"):
        columns[f"Jet_{name}"] = ak.unflatten(make_jets(400, ord(name[0]))["phi"], counts)
    source, small = tmp_path / "a.root", tmp_path / "b.root"
    with uproot.recreate(source) as file:
        types = dict.fromkeys(columns, "var * float32")
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(columns)
    compress(source, small, select=Selection(all_floats=True))
    seen = []
    visit = jet_density.CodingVisitor.visit
    monkeypatch.setattr(
        jet_density.CodingVisitor,
        "visit",
        lambda self, group, feature, *more: (
            seen.append(feature) or visit(self, group, feature, *more)
        ),
    )
    with uproot.open(small) as file:
        tree = open_trees(file)["Events"]
        for names, decoded in (
            (["Jet_pt"], set()),
            (["Jet_score"], {"area", "score"}),
            (["Jet_width", "Jet_m"], {"area", "score", "width"}),
        ):
            seen.clear()
            ((_, arrays),) = tree.iterate(names)
            assert set(arrays) == set(names)
            assert {"area", "score", "width"} & set(seen) == decoded
            for name in names:
                assert ak.all(abs(arrays[name] - columns[name]) <= 1e-3 * abs(columns[name]))


def test_merged_blocks_decode_to_both(events_file, blocks_file, tmp_path):
    other = write_events(tmp_path / "other.root", make_jets(60, seed=5), np.full(20, 3))
    second = tmp_path / "second.root"
    compress(other, second, codec=Codec.bounded(tolerance="lossless"))
    merge((blocks_file, second), tmp_path / "merged.root")
    merged = atlasae.read_jets(tmp_path / "merged.root")
    wanted = ak.concatenate([atlasae.read_jets(part) for part in (blocks_file, second)])
    assert ak.array_equal(merged.pt, wanted.pt)
    assert ak.array_equal(merged.pt[-20:], atlasae.read_jets(other).pt)
    atlasae.decompress(tmp_path / "merged.root", tmp_path / "back.root")
    assert ak.array_equal(atlasae.read_jets(tmp_path / "back.root").eta, wanted.eta)


@pytest.mark.parametrize("pack", ["none", "all"])
def test_entries_whose_order_is_free_move_together(events_file, blocks_file, tmp_path, pack):
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    codec = Codec.bounded(tolerance=1e-3, order="free")
    contents = compress(events_file, small, codec=codec, step_size=200, pack=pack)
    assert contents.changed == {
        "Events": "the order of its entries changed, as requested by order='free'"
    }
    with pytest.raises(InputError, match="atlasae compare finds them by their event numbers"):
        atlasae.check(events_file, small)
    ordered = compress(events_file, tmp_path / "b.root", pack=pack, codec=Codec.bounded())
    checksums = 2 * 4 * 2  # of four features in two blocks more
    saved = ordered.parts[0].after + checksums - contents.parts[0].after
    assert saved > 300  # log2(n!)/8 of some 450 events
    atlasae.decompress(small, back)
    with uproot.open(events_file) as a, uproot.open(back) as b:
        before, after = a["Events"].arrays(), b["Events"].arrays()
    assert after.event.tolist() != before.event.tolist()
    after = after[np.argsort(after.event)]
    for name in before.fields:
        if name not in JETS:
            assert ak.array_equal(before[name], after[name], equal_nan=True), name
    assert ak.num(after.Jet_pt).tolist() == ak.num(before.Jet_pt).tolist()
    assert ak.all(abs(after.Jet_pt - before.Jet_pt) <= 1e-3 * before.Jet_pt)


def test_a_damaged_block_is_named(blocks_file, tmp_path):
    with uproot.open(blocks_file) as file:
        basket = file["atlasae/blocks/payload"].member("fBasketSeek")[0]
        size = file["atlasae/blocks/payload"].member("fBasketBytes")[0]
    data = bytearray(blocks_file.read_bytes())
    data[basket + size // 2] ^= 0x08
    path = tmp_path / "damaged.root"
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match=r"damaged\.root: .*block \d"):
        atlasae.decompress(path, tmp_path / "back.root")
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_blocks_has_no_latents(blocks_file):
    with pytest.raises(InputError, match="the file has no latents"):
        read_latents(blocks_file)


def test_flat_trees_in_blocks(tmp_path):
    jets = make_jets(300)
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("jets", {n: v.dtype for n, v in jets.items()}).extend(jets)
    compress(tmp_path / "a.root", tmp_path / "b.root", codec=Codec.bounded(tolerance=0))
    atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root")
    with uproot.open(tmp_path / "c.root") as file:
        for name, values in jets.items():
            np.testing.assert_array_equal(file["jets"][name].array(library="np"), values)


@pytest.fixture
def folder(tmp_path):
    """An empty folder in which nothing may be left behind."""
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def test_bad_sources(folder, compressed_file, events_file, codec):
    target = folder / "x.root"
    with pytest.raises(MissingFileError, match="no file"):
        compress(folder / "none.root", target)
    with pytest.raises(MissingNameError, match="did you mean 'Events'"):
        compress(events_file, target, select=Selection(tree="Event"))
    with pytest.raises(MissingNameError, match="did you mean 'Jet'"):
        compress(events_file, target, select=Selection(collections="Jets"))
    with pytest.raises(InputError, match="already compressed by atlasae"):
        compress(compressed_file, target)
    with pytest.raises(InputError, match="not compressed by atlasae"):
        atlasae.decompress(events_file, target)
    with pytest.raises(InputError, match="not compressed by atlasae"):
        atlasae.info(events_file)


def test_jets_the_codec_cannot_take(tmp_path, codec):
    source = tmp_path / "a.root"
    folder = tmp_path / "out"
    folder.mkdir()
    jets = make_jets(40)
    jets["pt"][7] = np.inf
    write_events(source, jets, np.full(20, 2))
    with pytest.raises(
        InputError, match=r"a\.root: tree 'Events': feature 'pt' is NaN or infinite in 1 of 40"
    ):
        compress(source, folder / "b.root", codec=codec)
    write_events(source, make_jets(40, unit=1000.0), np.full(20, 2))
    with pytest.raises(InputError, match="are they in another unit"):
        compress(source, folder / "b.root", codec=codec)
    write_events(source, make_jets(0), np.zeros(20, int))
    others = Codec.autoencoder(network=(8,), latent=1, epochs=1, features=("pt", "nope"))
    others.fit({"pt": jets["eta"], "nope": jets["phi"]})
    write_events(source, make_jets(40), np.full(20, 2))
    with pytest.raises(MissingNameError, match="no feature 'nope' in collection 'Jet'"):
        compress(source, folder / "b.root", codec=others)
    assert list(folder.iterdir()) == []


def test_files_without_anything_to_compress(tmp_path):
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"x": np.dtype("f4")}).extend({"x": np.ones(3, "f4")})
    with pytest.raises(InputError, match=r"a\.root: no collection with a momentum in 'Events'"):
        compress(path, tmp_path / "b.root")
    with uproot.recreate(path) as file:
        file["h"] = np.histogram([1.0, 2.0])
    with pytest.raises(InputError, match="no TTree or RNTuple in the file"):
        compress(path, tmp_path / "b.root")


@pytest.mark.parametrize("pack", ["none", "all"])
@pytest.mark.parametrize("events", [0, 20])
def test_trees_without_jets_go_there_and_back(tmp_path, codec, pack, events):
    source = write_events(tmp_path / "a.root", make_jets(0), np.zeros(events, int))
    lossless = Codec.bounded(tolerance="lossless").fit(make_jets(40))
    for given in (None, codec, lossless):
        compress(source, tmp_path / "b.root", codec=given, pack=pack, force=True)
        atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root", force=True)
        if events:
            assert_same_tree(source, tmp_path / "c.root", "Events")
        with uproot.open(tmp_path / "c.root") as file:
            assert file["Events"].num_entries == events
            assert len(file["Events"]["Jet_pt"].array()) == events


def test_a_target_that_exists_is_kept_unless_forced(events_file, codec, tmp_path):
    target = tmp_path / "x.root"
    target.write_text("precious")
    with pytest.raises(TargetExistsError):
        compress(events_file, target, codec=codec)
    assert target.read_text() == "precious"
    with pytest.raises(InputError, match="same file"):
        compress(events_file, events_file, codec=codec, force=True)
    compress(events_file, target, codec=codec, force=True)
    assert atlasae.info(target).parts[0].jets == 1000
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_half_way_leaves_nothing(events_file, codec, tmp_path, monkeypatch):
    calls = []
    encode = type(codec).encode_latents

    def fail_later(self, jets):
        calls.append(len(jets))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(self, jets)

    monkeypatch.setattr(type(codec), "encode_latents", fail_later)
    with pytest.raises(KeyboardInterrupt):
        compress(events_file, tmp_path / "x.root", codec=codec, step_size=50)
    assert len(calls) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_codec_in_a_file_is_noticed(compressed_file, tmp_path):
    with uproot.open(compressed_file) as file:
        basket = file["atlasae/codecs/payload"].member("fBasketSeek")[0]
    for offset in (100, 300, 1000):
        data = bytearray(compressed_file.read_bytes())
        data[basket + offset] ^= 0x10
        path = tmp_path / "damaged.root"
        path.write_bytes(data)
        with pytest.raises(DamagedFileError, match=r"damaged\.root"):
            atlasae.decompress(path, tmp_path / "back.root")
    assert not (tmp_path / "back.root").exists()


def test_a_file_of_a_newer_format_says_what_to_do(compressed_file, tmp_path, monkeypatch):
    from atlasae.root.container import manifest

    monkeypatch.setattr(manifest, "FORMAT", 0)
    with pytest.raises(VersionError, match="upgrade with pip"):
        atlasae.info(compressed_file)


def test_the_shipped_sample(tmp_path):
    source = atlasae.sample("dijets")
    assert source.stat().st_size < 1.5e6
    with uproot.open(source) as file:
        assert file["Events"].num_entries == 20_000
    jets = atlasae.read_jets(source)
    assert ak.min(jets.pt) > 20
    assert ak.max(abs(jets.eta)) < 4.9
    assert ak.all(jets.pt[:, :-1] >= jets.pt[:, 1:])
    assert source.with_suffix(".json").is_file()
    with pytest.raises(MissingNameError, match="did you mean 'dijets'"):
        atlasae.sample("dijet")
