"""Files with several collections, all their branches packed, written as either kind of tree."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec, Selection
from atlasae.errors import DamagedFileError, InputError, MissingNameError
from atlasae.root.container import part_writers as parts_module
from atlasae.root.io.file import Trees, open_root
from tests.helpers import compress, make_jets
from tests.root.helpers import assert_same_tree

VECTOR = ("pt", "eta", "phi", "m")


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    """Jets and photons, other branches, a second tree, in NanoAOD's layout."""
    rng = np.random.default_rng(3)
    n = 150
    data = {}
    for name, features, seed in (("Jet", VECTOR, 1), ("Photon", VECTOR[:3], 2)):
        counts = rng.poisson(2, n)
        jets = make_jets(counts.sum(), seed=seed)
        data |= {f"{name}_{one}": ak.unflatten(jets[one], counts) for one in features}
        score = rng.uniform(size=counts.sum()).astype(np.float32)
        data[f"{name}_score"] = ak.unflatten(score, counts)
        data[f"{name}_id"] = ak.unflatten(rng.integers(-3, 3, counts.sum()).astype("i2"), counts)
    data["MET_pt"] = rng.exponential(30, n).astype(np.float32)
    data["MET_pt"][:3] = np.nan, -0.0, np.inf
    data["event"] = np.arange(n, dtype=np.uint64) + 2**60
    data |= {f"HLT_{i}": rng.uniform(size=n) < i / 20 for i in range(20)}
    data["name"] = ak.Array([f"é{i % 3}" for i in range(n)])
    path = tmp_path_factory.mktemp("nano") / "nano.root"
    with uproot.recreate(path) as file:
        types = {b: _type(v) for b, v in data.items()}
        tree = file.mktree("Events", types, counter_name=lambda b: f"n{b.partition('_')[0]}")
        tree.extend(data)
        file.mktree("Runs", {"run": np.dtype("u4")}).extend({"run": np.arange(2, dtype="u4")})
        file["h"] = np.histogram([1.0, 2.0])
    return path


def _type(values):
    if isinstance(values, np.ndarray):
        return values.dtype
    return str(values.type.content)


def parts(contents):
    return {part.name: sorted(part.before) for part in contents.parts if part.jets}


def test_every_collection_is_compressed_and_named(nano, tmp_path):
    contents = compress(nano, tmp_path / "a.root")
    assert parts(contents) == {
        "Jet": ["Jet_eta", "Jet_m", "Jet_phi", "Jet_pt"],
        "Photon": ["Photon_eta", "Photon_phi", "Photon_pt"],
    }
    photons = atlasae.read_jets(tmp_path / "a.root", collection="Photon")
    before = atlasae.read_jets(nano, collection="Photon")
    assert ak.all(abs(photons.pt - before.pt) <= 1e-3 * before.pt)
    assert photons.layout.content.parameter("__record__") == "Momentum3D"


def test_the_choice_is_narrowed(nano, tmp_path):
    def compressed(codec=None, **selected):
        select = Selection(**selected)
        contents = compress(nano, tmp_path / "a.root", codec=codec, select=select, force=True)
        kept = {branch.name for branch in contents.kept}
        return parts(contents), kept, contents.left_out

    found, kept, _ = compressed(collections="Photon")
    assert list(found) == ["Photon"]
    assert {"Jet_pt", "Photon_score"} <= kept
    found, _, _ = compressed(branches="Jet_*", all_floats=True)
    assert found == {"Jet": ["Jet_eta", "Jet_m", "Jet_phi", "Jet_pt", "Jet_score"]}
    found, kept, _ = compressed(keep_branches=["*_phi", "Photon_eta"])
    assert found == {"Jet": ["Jet_eta", "Jet_m", "Jet_pt"], "Photon": ["Photon_pt"]}
    assert {"Jet_phi", "Photon_eta"} <= kept
    found, kept, left_out = compressed(drop="HLT_*,Jet_m")
    assert found["Jet"] == ["Jet_eta", "Jet_phi", "Jet_pt"]
    assert not any(name.startswith("HLT") for name in kept)
    assert left_out["Events:HLT_7"] == left_out["Events:Jet_m"] == "left out as requested"
    assert len(left_out) == 21
    found, _, _ = compressed(codec=Codec.bounded(tolerance="m=1e-2,pt=1e-4"))
    assert set(found) == {"Jet", "Photon"}


def test_names_that_are_not_there(nano, tmp_path):
    target = tmp_path / "a.root"
    for options, message in (
        (
            {"select": Selection(collections="Jet,Foton")},
            "no collection 'Foton'.* did you mean 'Photon'",
        ),
        ({"select": Selection(branches="Jett_*")}, "no branch .Jett_.*did you mean"),
        ({"select": Selection(drop="HLT*,nope")}, "no branch 'nope'"),
        ({"codec": Codec.bounded(tolerance="mas=0.1")}, "no feature 'mas'"),
    ):
        with pytest.raises(MissingNameError, match=rf"nano\.root: {message}"):
            compress(nano, target, **options)
    with pytest.raises(InputError, match="pack='al' must be one of none, all; did you mean 'all'"):
        compress(nano, target, pack="al")
    with pytest.raises(InputError, match=r"to='tree' must be one of .*did you mean 'ttree'"):
        compress(nano, target, to="tree")
    with pytest.raises(InputError, match=r"select must be an atlasae.Selection, not 'Jet'"):
        compress(nano, target, select="Jet")
    assert Selection(collections="Jet, Muon ,").collections == ("Jet", "Muon")
    assert Selection(collections="", keep_branches=[]) == Selection()


@pytest.mark.parametrize(
    ("selected", "message"),
    [
        ({"collections": ","}, "collections=',' names nothing"),
        ({"keep_branches": [""]}, r"keep_branches=\[''\] names nothing"),
        ({"drop": " , "}, "names nothing"),
        ({"branches": 3}, "branches=3 must be names"),
        ({"collections": [1]}, "must be names"),
        ({"tree": 3}, "tree=3 is not the path of a tree"),
    ],
)
def test_a_selection_of_nothing_is_not_one_of_all(selected, message):
    with pytest.raises(InputError, match=message):
        Selection(**selected)


def test_a_tree_without_a_name_is_not_any_tree(nano, tmp_path):
    with pytest.raises(MissingNameError, match="no tree ''"):
        compress(nano, tmp_path / "a.root", select=Selection(tree=""))
    with pytest.raises(MissingNameError, match="no tree ''"):
        atlasae.read_jets(nano, tree="")
    assert list(tmp_path.iterdir()) == []


def test_an_autoencoder_goes_to_the_jets(nano, tmp_path):
    codec = Codec.autoencoder(network=(8,), epochs=1).fit(ak.flatten(atlasae.read_jets(nano)))
    contents = compress(nano, tmp_path / "a.root", codec=codec)
    assert list(parts(contents)) == ["Jet"]


@pytest.mark.parametrize("to", ["ttree", "rntuple"])
def test_everything_packed_comes_back_bit_for_bit(nano, tmp_path, to):
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    contents = compress(nano, small, pack="all", to=to)
    assert contents.kept == ()
    assert (contents.changed, contents.left_out) == ({}, {})
    with uproot.open(small) as file:
        assert file["Events"].keys() == ["atlasae_placeholder"]
        assert file["Events"].num_entries == 150
        assert file["h"].values().tolist() == [1, *[0] * 8, 1]
    atlasae.decompress(small, back)
    for tree in ("Events", "Runs"):
        assert_same_tree(nano, back, tree)
    with uproot.open(back) as file:
        met = file["Events"]["MET_pt"].array(library="np")
    assert np.isnan(met[0])
    assert np.signbit(met[1])


def test_packed_with_a_tolerance_is_smaller_and_keeps_it(nano, tmp_path):
    lossless = compress(nano, tmp_path / "a.root", pack="all")
    lossy = compress(
        nano,
        tmp_path / "b.root",
        codec=Codec.bounded(tolerance=0.1),
        pack="all",
        select=Selection(all_floats=True),
    )
    assert lossy.file_bytes < lossless.file_bytes
    assert "Photon_score" in parts(lossy)["Photon"]
    atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root")
    with uproot.open(nano) as a, uproot.open(tmp_path / "c.root") as c:
        for name in ("Photon_score", "Jet_pt"):
            before, after = a["Events"][name].array(), c["Events"][name].array()
            assert ak.all(abs(after - before) <= 0.1 * before)
        assert ak.array_equal(a["Events"]["Jet_id"].array(), c["Events"]["Jet_id"].array())


def test_a_tree_becomes_an_rntuple_and_a_tree_again(nano, tmp_path):
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    compress(nano, small, to="rntuple", codec=Codec.bounded(tolerance="lossless"))
    with uproot.open(small) as file:
        assert file["Events"].classname == file["Runs"].classname == "ROOT::RNTuple"
    atlasae.decompress(small, back)
    assert_same_tree(nano, back, "Events")
    assert_same_tree(nano, back, "Runs")
    atlasae.decompress(small, tmp_path / "ntuple.root", to="rntuple")
    with uproot.open(tmp_path / "ntuple.root") as file:
        assert file["Events"].classname == "ROOT::RNTuple"
        after = file["Events"].arrays(["Jet_pt"])["Jet_pt"]
    with uproot.open(nano) as file:
        assert ak.array_equal(file["Events"]["Jet_pt"].array(), after)


def test_what_a_tree_cannot_hold_goes_into_an_rntuple_or_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("atlasae.root.planning.plan.is_installed", lambda: False)
    jets, counts = make_jets(40), np.full(20, 2)
    columns = {f"Jet_{n}": ak.unflatten(values, counts) for n, values in jets.items()}
    columns["tracks"] = ak.Array([[[1.0, 2.0], []], [[3.0]]] * 10)
    columns["words"] = ak.Array([["a", "bb"], []] * 10)
    source = tmp_path / "a.root"
    entries = ak.zip(columns, depth_limit=1)
    with uproot.recreate(source) as file:
        file.mkrntuple("Events", entries.layout.form).extend(entries)
    small, back = tmp_path / "b.root", tmp_path / "c.root"
    for options in ({}, {"pack": "all"}, {"pack": "all", "to": "ttree"}):
        contents = compress(source, small, force=True, **options)
        noted = {name for name, note in contents.changed.items() if "--to rntuple" in note}
        assert noted == ({"Events:tracks", "Events:words"} if "to" in options else set())
        atlasae.decompress(small, back, force=True)
        with uproot.open(back) as file:
            after = file["Events"].arrays()
        for name in ("tracks", "words"):
            assert after[name].tolist() == entries[name].tolist()
    with pytest.raises(InputError, match=r"cannot write Events:tracks.*Events:words.*--to rntuple"):
        compress(source, small, force=True, to="ttree")
    with pytest.raises(InputError, match="cannot write") as raised:
        atlasae.decompress(small, back, force=True, to="ttree")
    assert "--to rntuple" in str(raised.value)
    assert "--pack" not in str(raised.value)  # no option of decompress
    notes = atlasae.decompress(small, back, force=True, to="ttree", drop_unwritable=True)
    assert set(notes.left_out) == {"Events:tracks", "Events:words"}


def test_fields_that_show_a_collection_are_written_once(shared_data, tmp_path):
    source = shared_data / "root/Run2012BC_DoubleMuParked_Muons_1000evts_rntuple_v1-0-0-0.root"
    contents = compress(source, tmp_path / "a.root")
    assert parts(contents) == {"Muon": ["Muon_eta", "Muon_mass", "Muon_phi", "Muon_pt"]}
    assert "written as Muon_pt" in contents.changed["Events:_collection0"]
    atlasae.decompress(tmp_path / "a.root", tmp_path / "b.root", to="ttree")
    with uproot.open(source) as a, uproot.open(tmp_path / "b.root") as b:
        assert b["Events"]["Muon_pt"].count_branch.name == "nMuon"
        charge = a["Events"].arrays(["Muon_charge"])["Muon_charge"]
        assert b["Events"]["Muon_charge"].array().tolist() == charge.tolist()


def test_collections_whose_vectors_differ_in_length(tmp_path):
    """Vectors have counters of their own, and need not be jagged alike."""
    jets, counts = make_jets(40), np.full(20, 2)
    columns = {f"jet_{n}": ak.unflatten(values, counts) for n, values in jets.items()}
    columns["jet_cells"] = ak.unflatten(np.arange(60, dtype=np.float32), np.full(20, 3))
    with uproot.recreate(tmp_path / "a.root") as file:
        types = dict.fromkeys(columns, "var * float32")
        file.mktree("t", types, counter_name=lambda n: f"n{n}").extend(columns)
    contents = compress(tmp_path / "a.root", tmp_path / "b.root", select=Selection(all_floats=True))
    assert parts(contents) == {"jet": ["jet_eta", "jet_m", "jet_phi", "jet_pt"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["nanoAOD_2015_CMS_Open_Data_ttbar.root", "Run2012B_SingleMu_1000.root"]
)
def test_real_files_packed_without_loss(shared_data, tmp_path, name):
    source = shared_data / "root" / name
    contents = compress(source, tmp_path / "small.root", pack="all")
    assert contents.file_bytes <= 0.60 * source.stat().st_size
    with open_root(source) as a, open_root(tmp_path / "small.root") as b:
        from atlasae.root.container.restored_tree import open_trees

        before, after = Trees(a)["Events"], open_trees(b)["Events"]
        assert before.schema.names == after.schema.names
        ((_, left),) = before.iterate(before.schema.names)
        ((_, right),) = after.iterate(after.schema.names)
        for branch in before.schema.names:
            assert left[branch].tolist() == right[branch].tolist() or ak.array_equal(
                left[branch], right[branch], equal_nan=True
            ), branch


def test_what_was_written_is_verified_before_it_appears(nano, tmp_path, monkeypatch):
    target = tmp_path / "a.root"
    compress(nano, target, verify=True, pack="all")
    target.unlink()
    write = parts_module.pack

    def wrong(columns, learned):
        changed = {n: v * 2 if n == "MET_pt" else v for n, v in columns.items()}
        return write(changed, learned)

    monkeypatch.setattr(parts_module, "pack", wrong)
    monkeypatch.setattr(parts_module, "same_bits", lambda *_: True)
    with pytest.raises(DamagedFileError, match="does not agree: Events:MET_pt differs"):
        compress(nano, target, verify=True, pack="all")
    with pytest.raises(InputError, match="cannot compare files with --order free"):
        compress(nano, target, verify=True, codec=Codec.bounded(order="free"))
    assert list(tmp_path.iterdir()) == []
