"""Files opened to analyse: compressed ones read as uproot reads what they were made of."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
import vector

import atlasae
from atlasae import Codec, Selection
from atlasae.codecs.bounded import codec
from atlasae.errors import (
    DamagedFileError,
    FileError,
    InputError,
    MissingFileError,
    MissingNameError,
    MissingPackageError,
)
from atlasae.root.container import part_writers
from atlasae.root.io.file import Trees, make_tree, open_root
from atlasae.root.reading import file
from tests.helpers import REPOSITORY, make_jets, write_events

EXAMPLE = REPOSITORY / "examples" / "dijet_mass.py"
WAYS = {
    "collections": {"codec": Codec.bounded(tolerance="lossless")},
    "all packed": {"pack": "all"},
    "collections in an RNTuple": {"codec": Codec.bounded(tolerance="lossless"), "to": "rntuple"},
    "all packed in an RNTuple": {"pack": "all", "to": "rntuple"},
}


@pytest.fixture(scope="module", params=WAYS)
def small_file(request, tmp_path_factory, events_file):
    """The events without loss, in blocks of at most 200 jets."""
    path = tmp_path_factory.mktemp("reader") / "small.root"
    compress_in_blocks(events_file, path, **WAYS[request.param])
    return path


@pytest.fixture(scope="module")
def blocks_file(tmp_path_factory, events_file):
    path = tmp_path_factory.mktemp("reader") / "blocks.root"
    compress_in_blocks(events_file, path, codec=Codec.bounded(tolerance="lossless"))
    return path


@pytest.fixture(scope="module")
def ntuple_file(tmp_path_factory, events_file):
    """The events in an RNTuple that nobody compressed."""
    path = tmp_path_factory.mktemp("reader") / "ntuple.root"
    with open_root(events_file) as file, uproot.recreate(path) as out:
        tree = Trees(file)["Events"]
        sink = make_tree(out, "rntuple", "Events", "", tree.schema.branches)
        sink.extend(tree.read(tree.schema.names, 0, tree.num_entries))
    return path


def compress_in_blocks(source, target, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "BLOCK_JETS", 200)
        patch.setattr(part_writers, "BLOCK_JETS", 200)
        patch.setattr(part_writers, "_COLUMN_BYTES", 5000)
        atlasae.compress(source, target, step_size=60, **options)


def assert_alike(ours, theirs):
    """The same values in the same containers and types, whichever library they are of."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, ak.Array):
        assert str(ours.type) == str(theirs.type)
        assert ak.array_equal(ours, theirs, equal_nan=True)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for name in theirs:
            assert_alike(ours[name], theirs[name])
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_alike(one, other)
    elif isinstance(theirs, np.ndarray) and theirs.dtype == object:
        assert ours.dtype == object
        assert_alike(list(ours), list(theirs))
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    elif hasattr(theirs, "to_numpy"):
        assert ours.equals(theirs)
        assert ours.index.equals(theirs.index)
        assert str(ours.dtypes) == str(theirs.dtypes)
    else:
        assert ours == theirs


QUESTIONS = {
    "everything": {},
    "in the order asked": {"expressions": ["MET_pt", "Jet_pt", "trigger", "weights"]},
    "one name": {"expressions": "Jet_eta"},
    "some entries": {"expressions": ["event", "Jet_pt"], "entry_start": 90, "entry_stop": 300},
    "the last entries": {"entry_start": -5},
    "no entries": {"entry_start": 7, "entry_stop": 7},
    "no entry after the last": {"entry_start": 10**6},
    "expressions": {"expressions": ["Jet_pt/1000", "sqrt(MET_pt)", "Jet_pt*cos(Jet_phi)"]},
    "a cut": {"expressions": ["Jet_pt", "run"], "cut": "(nJet > 1) & isGood"},
    "a cut of everything": {"cut": "MET_pt > 50"},
    "aliases": {
        "expressions": ["px", "twice"],
        "aliases": {"px": "Jet_pt*cos(Jet_phi)", "twice": "px + px"},
        "cut": "nJet == 2",
    },
    "the getter": {"expressions": ["get('Jet_pt') * 2"]},
    "a glob": {"filter_name": "Jet_*"},
    "a regex": {"filter_name": "/.*_(PT|eta)$/i"},
    "a function": {"filter_name": lambda name: name.startswith("n")},
    "several filters": {"filter_name": ["event", "Muon_*", "/run/"]},
    "a filter that nothing passes": {"filter_name": "nothing*"},
    "a tuple": {"expressions": ["Jet_pt", "MET_pt"], "how": tuple},
    "a list": {"expressions": ["Jet_pt", "MET_pt"], "how": list},
    "a dict": {"expressions": ["Jet_pt", "MET_pt"], "how": dict},
    "zipped": {"filter_name": ["Jet_*", "MET_pt"], "how": "zip"},
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_arrays_are_those_of_the_original(small_file, events_file, question):
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        assert_alike(ours["Events"].arrays(**question), theirs["Events"].arrays(**question))


@pytest.mark.parametrize("library", ["np", "pd"])
@pytest.mark.parametrize(
    "question",
    [
        {"expressions": ["MET_pt", "event", "isGood"], "entry_start": 60, "entry_stop": 130},
        {"expressions": ["MET_pt/1000"], "cut": "nJet > 1"},
        {"expressions": ["MET_pt", "run"], "how": tuple},
        {"expressions": ["event"], "entry_stop": 0},
    ],
)
def test_other_libraries_get_what_uproot_gives_them(small_file, events_file, library, question):
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        assert_alike(
            ours["Events"].arrays(**question, library=library),
            theirs["Events"].arrays(**question, library=library),
        )


def test_numpy_has_objects_where_entries_differ_in_length(small_file, events_file):
    names = ["Jet_pt", "trigger", "weights", "Jet_isTight", "MET_pt"]
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        for question in ({}, {"cut": "nJet == 2"}, {"entry_stop": 0}):
            assert_alike(
                ours["Events"].arrays(names, library="np", **question),
                theirs["Events"].arrays(names, library="np", **question),
            )


def test_pandas_needs_a_package_for_jagged_branches(blocks_file):
    pytest.importorskip("pandas")
    with (
        atlasae.open(blocks_file) as file,
        pytest.raises(MissingPackageError, match="pip install awkward-pandas"),
    ):
        file["Events"].arrays("Jet_pt", library="pd")


@pytest.mark.parametrize("step_size", [50, 73, 10**6])
def test_chunks_are_those_of_the_original(small_file, events_file, step_size):
    question = {"expressions": ["Jet_pt", "MET_pt"], "cut": "nJet > 0", "step_size": step_size}
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        for library in ("ak", "np"):
            one, other = (
                list(file["Events"].iterate(**question, library=library, report=True))
                for file in (ours, theirs)
            )
            assert [(r.start, r.stop) for _, r in one] == [(r.start, r.stop) for _, r in other]
            for (mine, _), (yours, _) in zip(one, other, strict=True):
                assert_alike(mine, yours)
        assert one[0][1].tree.name == "Events"


def test_a_file_lists_what_the_original_did(small_file, events_file):
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        assert sorted(ours.keys()) == sorted(theirs.keys())
        assert ours.classnames(cycle=False) == theirs.classnames(cycle=False)
        for options in ({"recursive": False}, {"filter_name": "E*"}, {"filter_classname": "TH1*"}):
            assert sorted(ours.keys(**options)) == sorted(theirs.keys(**options))
        assert len(ours) == len(theirs)
        assert "Events" in ours
        assert "Events/Jet_pt" in ours
        assert "Event" not in ours
        one, other = ours["Events"], theirs["Events"]
        assert one.keys() == other.keys() == list(one)
        assert one.keys(filter_name="Jet*") == other.keys(filter_name="Jet*")
        assert (one.num_entries, one.title, one.name) == (other.num_entries, "the events", "Events")
        assert ("Jet_pt" in one, "Jet_pT" in one, len(one)) == (True, False, len(other))
        assert ours["cutflow"].to_numpy()[0].tolist() == theirs["cutflow"].to_numpy()[0].tolist()
        assert ours["note"] == "made by a test"
        for path in ("more/Runs", "more/Runs;1", "/more/Runs", "more;1/Runs;1"):
            assert ours[path].num_entries == 5
        assert ours["more"].keys() == theirs["more"].keys()
        assert ours["more"]["Runs"]["run"].array().tolist() == [0, 1, 2, 3, 4]
        assert re.fullmatch(r"<Tree 'Events', \d+ entries>", repr(one))
        assert repr(one["Jet_pt"]).endswith("* var * float32>")


def test_a_path_may_name_the_object(small_file, events_file):
    with uproot.open(f"{events_file}:Events/Jet_pt") as branch:
        wanted = branch.array(entry_start=20, entry_stop=40)
    for path in (f"{small_file}:Events", {str(small_file): "Events"}):
        with atlasae.open(path) as tree:
            assert_alike(tree["Jet_pt"].array(entry_start=20, entry_stop=40), wanted)
        assert tree.file.closed
    branch = atlasae.open(f"{small_file}:Events/Jet_pt")
    assert_alike(branch.array(entry_start=20, entry_stop=40, library="np")[0], wanted[0].to_numpy())
    branch.tree.close()
    with atlasae.open(small_file) as file:
        assert_alike(file["Events/Jet_pt"].array(entry_start=20, entry_stop=40), wanted)


def test_latents_are_decoded(compressed_file, events_file, tmp_path):
    atlasae.decompress(compressed_file, tmp_path / "back.root")
    names = ["Jet_mass", "MET_pt", "Jet_isTight"]
    with (
        atlasae.open(compressed_file) as ours,
        uproot.open(tmp_path / "back.root") as restored,
    ):
        for question in ({}, {"entry_start": 100, "entry_stop": 130}, {"entry_stop": 0}):
            assert_alike(
                ours["Events"].arrays(names, **question),
                restored["Events"].arrays(names, **question),
            )
        assert ours["Events"].keys() == restored["Events"].keys()


def test_within_the_tolerance(events_file, tmp_path):
    atlasae.compress(events_file, tmp_path / "small.root")
    with atlasae.open(tmp_path / "small.root") as ours, uproot.open(events_file) as theirs:
        decoded, original = (
            ak.flatten(file["Events"]["Jet_pt"].array()) for file in (ours, theirs)
        )
    assert 0 < np.max(np.abs(decoded / original - 1)) <= 1e-3 * (1 + 1e-6)


def test_only_the_blocks_needed_are_decoded(blocks_file, monkeypatch):
    decoded, asked = [], []
    decode = codec.BoundedCodec.decode_blocks

    def count(self, blocks, features):
        blocks = list(blocks)
        decoded.extend(block.name for block in blocks)
        asked.append(sorted(features))
        return decode(self, iter(blocks), features)

    monkeypatch.setattr(codec.BoundedCodec, "decode_blocks", count)
    with atlasae.open(blocks_file) as file:
        tree = file["Events"]
        tree.arrays(["MET_pt", "Jet_isTight", "nJet"])
        tree.arrays(["Jet_pt"], entry_stop=0)
        assert decoded == []
        tree.arrays(["Jet_pt", "Jet_eta"], "Jet_phi > 0", entry_start=10, entry_stop=20)
        assert len(decoded) == 1
        assert asked == [["eta", "phi", "pt"]]
        tree.collection("Jet", entry_start=-3)
        assert len(decoded) == 2
        assert decoded[0] != decoded[1]
        decoded.clear()
        list(tree.iterate(["Jet_pt", "Jet_mass"], step_size=10))
        assert len(decoded) == len(set(decoded)) > 3


def test_chunks_pass_over_the_seams_of_merged_files(events_file, tmp_path):
    others = [write_events(tmp_path / f"{n}.root", make_jets(3 * n), np.full(n, 3)) for n in (7, 8)]
    small = [tmp_path / f"small{i}.root" for i in range(2)]
    for source, target in zip(others, small, strict=True):
        atlasae.compress(source, target, codec=Codec.bounded(tolerance="lossless"))
    with uproot.recreate(tmp_path / "merged.root") as out:
        for path in ("Events", "atlasae/codecs", "atlasae/manifests", "atlasae/blocks"):
            sink = None
            for name in small:
                with open_root(name) as file:
                    tree = Trees(file)[path]
                    sink = sink or make_tree(out, "ttree", path, "", tree.schema.branches)
                    sink.extend(tree.tree.arrays(how=dict))
    wanted = uproot.concatenate([f"{path}:Events" for path in others], ["Jet_pt", "run"])
    with atlasae.open(f"{tmp_path / 'merged.root'}:Events") as tree:
        assert_alike(tree.arrays(["Jet_pt", "run"]), wanted)
        chunks = list(tree.iterate(["Jet_pt", "run"], step_size=5))
    assert [len(chunk) for chunk in chunks] == [5, 5, 5]
    assert_alike(chunks[1], wanted[5:10])


def test_counters_have_the_type_of_the_source(shared_data, tmp_path):
    """In NanoAOD they are uint32; a TTree that uproot writes holds them as int32."""
    source, small = shared_data / "root/nanoAOD_2015_CMS_Open_Data_ttbar.root", tmp_path / "b.root"
    atlasae.compress(
        source, small, drop_unwritable=True, select=Selection(drop=["[!Jn]*", "n[!J]*"])
    )
    with atlasae.open(small) as ours, uproot.open(source) as theirs, uproot.open(small) as stored:
        assert_alike(ours["Events/nJet"].array(), theirs["Events/nJet"].array())
        assert stored["Events/nJet"].array().type != theirs["Events/nJet"].array().type


def test_an_rntuple_stays_one_whatever_holds_it(ntuple_file, tmp_path):
    atlasae.compress(ntuple_file, tmp_path / "small.root", to="ttree")
    with uproot.open(tmp_path / "small.root") as file:
        assert file.classnames()["Events;1"] == "TTree"
    with atlasae.open(tmp_path / "small.root") as file:
        assert file.classnames() == {"Events;1": "ROOT::RNTuple"}
        assert file.keys(filter_classname="TTree") == []


def test_files_of_others_are_handed_through(events_file, ntuple_file):
    with atlasae.open(events_file) as file:
        tree = file["Events"]
        assert isinstance(tree, uproot.TTree)
        assert isinstance(file["Events/Jet_pt"], uproot.TBranch)
        assert file["more"]["Runs"].num_entries == 5
        jets = tree.collection("Jet", entry_start=4, entry_stop=40)
        assert_alike(jets.pt, tree["Jet_pt"].array(entry_start=4, entry_stop=40))
        with pytest.raises(MissingNameError, match="did you mean 'Jet'"):
            tree.collection("jets")
        with pytest.raises(MissingNameError, match="did you mean 'Jet_pt'"):
            file["Events/Jet_pT"]
    with atlasae.open(f"{ntuple_file}:Events") as ntuple:
        assert isinstance(ntuple, uproot.behaviors.RNTuple.RNTuple)
        assert_alike(ntuple.collection("Jet", entry_start=4, entry_stop=40), jets)


def test_collections_are_momenta(small_file, events_file):
    with uproot.open(events_file) as file:
        wanted = file["Events"].arrays(filter_name="Jet_*")
    with atlasae.open(small_file) as file:
        jets = file["Events"].collection("Jet")
        more = file["Events"].collection("Jet", all_features=True)
        few = file["Events"].collection("Jet", entry_start=5, entry_stop=5)
        with pytest.raises(MissingNameError, match=r"no collection 'jets' in .*small.*mean 'Jet'"):
            file["Events"].collection("jets")
    assert isinstance(jets, vector.backends.awkward.MomentumArray4D)
    np.testing.assert_array_equal(ak.flatten(jets.pt), ak.flatten(wanted.Jet_pt))
    assert (jets + jets).mass.ndim == 2
    assert set(more.fields) - set(jets.fields) == {"isTight"}
    assert ak.array_equal(more.isTight, wanted.Jet_isTight)
    assert (len(few), few.fields) == (0, jets.fields)


def test_features_that_are_no_coordinates_keep_out_of_the_way(tmp_path):
    jets, counts = make_jets(12), np.full(4, 3)
    columns = {"pt": jets["pt"], "eta": jets["eta"], "phi": jets["phi"], "rho": jets["m"]}
    with uproot.recreate(tmp_path / "a.root") as file:
        arrays = {f"Photon_{name}": ak.unflatten(v, counts) for name, v in columns.items()}
        arrays["Photon_hits"] = ak.unflatten(jets["m"], [1, 2, 3, 6])
        types = dict.fromkeys(arrays, "var * float32")
        file.mktree("Events", types).extend(arrays)  # counters of their own, as vectors have
    with atlasae.open(f"{tmp_path / 'a.root'}:Events") as tree:
        photons = tree.collection("Photon", all_features=True)
    assert isinstance(photons, vector.backends.awkward.MomentumArray3D)
    assert not isinstance(photons, vector.backends.awkward.MomentumArray4D)
    assert photons.fields == ["pt", "phi", "eta", "rho_"]
    np.testing.assert_allclose(ak.flatten(photons.pz), jets["pt"] * np.sinh(jets["eta"]), rtol=1e-5)


@pytest.mark.parametrize("compressed", [False, True])
def test_objects_of_root_are_momenta(shared_data, tmp_path, compressed):
    path = shared_data / "root" / "uproot-HZZ-objects.root"
    if compressed:
        atlasae.compress(path, tmp_path / "small.root", pack="all")
        path = tmp_path / "small.root"
    with atlasae.open(path) as file:
        tree = file["events"]
        jets, quarks = tree.collection("jetp4"), tree.collection("MC_bquarkhadronic")
        members = tree["jetp4"].array()
        with pytest.raises(MissingNameError, match="did you mean 'jetp4'"):
            tree.collection("jetP4")
        with pytest.raises(MissingNameError, match="no collection 'jetbtag'"):
            tree.collection("jetbtag")
    assert isinstance(jets, vector.backends.awkward.MomentumArray4D)
    assert jets.fields == ["px", "py", "pz", "E"]
    assert ak.array_equal(jets.pz, members.fP.fZ)
    assert isinstance(quarks, vector.backends.awkward.MomentumArray3D)
    assert quarks.pt.ndim == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory, events_file, ntuple_file, blocks_file):
    """Three kinds of files with the same events, and a file with two trees."""
    path = tmp_path_factory.mktemp("several")
    for i, source in enumerate((events_file, blocks_file, ntuple_file)):
        (path / f"part{i}.root").write_bytes(source.read_bytes())
    return path


@pytest.mark.parametrize("library", ["ak", "np", "pd"])
@pytest.mark.parametrize("cut", [None, "nJet > 1"])
def test_many_files_are_read_as_one(folder, events_file, library, cut):
    names = ["event", "MET_pt"] if library == "pd" else ["MET_pt", "Jet_pt"]
    thrice = [{str(events_file): "Events"}] * 3
    ours = {str(folder / "part*.root"): "Events"}
    question = {"expressions": names, "cut": cut, "library": library}
    one = atlasae.concatenate(ours, **question)
    assert_alike(one, uproot.concatenate(thrice, **question))
    span = {"entry_start": 450, "entry_stop": -300}
    assert_alike(
        atlasae.concatenate(ours, **question, **span),
        uproot.concatenate(thrice, **question, **span),
    )
    none = atlasae.concatenate(ours, **question, entry_start=3, entry_stop=3)
    assert_alike(none, uproot.concatenate(str(events_file) + ":Events", **question, entry_stop=0))
    one, other = (
        list(read.iterate(files, **question, step_size=200, report=True))
        for read, files in ((atlasae, ours), (uproot, thrice))
    )
    assert [(r.start, r.stop) for _, r in one] == [(r.start, r.stop) for _, r in other]
    for (mine, _), (yours, _) in zip(one, other, strict=True):
        assert_alike(mine, yours)


def test_files_are_named_as_uproot_takes_them(folder, blocks_file, monkeypatch):
    wanted = atlasae.concatenate(f"{blocks_file}:Events", "Jet_pt")
    monkeypatch.chdir(folder)
    one = folder / "part1.root"
    for files in (
        "part1.root:Events",
        "part[1].root:Events",
        ["part1.root:Events"],
        {Path("part1.root"): "Events"},
        f"file://{one}:Events",
        f"simplecache::file://{one}:Events",
    ):
        assert_alike(atlasae.concatenate(files, "Jet_pt"), wanted)
    with pytest.raises(InputError, match=r"2 trees \(.*Events.*name one"):
        atlasae.concatenate(one, "Jet_pt")
    assert len(atlasae.concatenate(["part?.root:Events"], "Jet_pt")) == 3 * len(wanted)
    assert len(atlasae.concatenate([f"file://{folder}/*.root:Events"], "run")) == 3 * len(wanted)
    with pytest.raises(MissingFileError, match="no file matches 'none"):
        atlasae.concatenate("none*.root:Events")


def test_a_file_with_one_tree_needs_no_name(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        columns = {name: values[:50] for name, values in make_jets(50).items()}
        file.mktree("jets", {n: v.dtype for n, v in columns.items()}).extend(columns)
    atlasae.compress(tmp_path / "a.root", tmp_path / "b.root", codec=Codec.bounded())
    assert len(atlasae.concatenate(tmp_path / "b.root")) == 50
    assert len(list(atlasae.iterate([tmp_path / "a.root", tmp_path / "b.root"]))) == 2


ERRORS = {
    "a branch": ({"expressions": ["Jet_pT"]}, MissingNameError, "no branch 'Jet_pT' in .*blocks.*Jet_pt"),
    "in an expression": ({"expressions": "Jet_pT/2"}, MissingNameError, "did you mean 'Jet_pt'"),
    "in a cut": ({"cut": "nJets > 1"}, MissingNameError, "no branch 'nJets'.*'nJet'"),
    "no expression": ({"expressions": "Jet_pt["}, InputError, "neither a branch nor an expression"),
    "no string": ({"expressions": [("Jet_pt", None)]}, InputError, "names or Python expressions"),
    "a circle": ({"expressions": "a", "aliases": {"a": "b", "b": "a"}}, InputError, "by itself"),
    "a library": ({"library": "cupy"}, InputError, "no library 'cupy'"),
    "an option": ({"filter_typename": "float"}, InputError, "without filter_typename"),
}  # fmt: skip


@pytest.mark.parametrize(("question", "error", "message"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_read_is_said(blocks_file, question, error, message):
    with atlasae.open(blocks_file) as file:
        with pytest.raises(error, match=message):
            file["Events"].arrays(**question)
        with pytest.raises(error, match=message):
            list(file["Events"].iterate(**question))


def test_names_that_are_not_there(blocks_file, events_file):
    for path in (blocks_file, events_file):
        with atlasae.open(path) as file, pytest.raises(MissingNameError, match="mean 'Events'"):
            file["Event"]
        with pytest.raises(MissingNameError, match="did you mean 'Events'"):
            atlasae.open(f"{path}:events")
    with (
        atlasae.open(blocks_file) as file,
        pytest.raises(MissingNameError, match=r"no branch 'Jet_Pt'.*did you mean 'Jet_pt'"),
    ):
        file["Events"]["Jet_Pt"]
    with pytest.raises(MissingFileError, match="no file"):
        atlasae.open(f"{events_file.parent / 'none.root'}:Events")
    with pytest.raises(InputError, match="one file is opened at a time, not 2"):
        atlasae.open({"a.root": "Events", "b.root": "Events"})


def test_deep_branches_have_no_numpy_form(tmp_path):
    deep = ak.Array([[[1.0], []], [], [[2.0, 3.0]]])
    jets = {f"Jet_{n}": ak.unflatten(v, [1, 0, 2]) for n, v in make_jets(3).items()}
    with uproot.recreate(tmp_path / "a.root") as file:
        record = ak.zip({**jets, "deep": deep}, depth_limit=1)
        file.mkrntuple("Events", record.layout.form).extend(record)
    atlasae.compress(tmp_path / "a.root", tmp_path / "b.root", pack="all")
    with atlasae.open(f"{tmp_path / 'b.root'}:Events") as tree:
        assert tree["deep"].array().tolist() == deep.tolist()
        with pytest.raises(InputError, match=r"'deep' is .*no form in numpy"):
            tree.arrays(library="np")


def test_a_closed_file_says_so(blocks_file):
    with atlasae.open(blocks_file) as file:
        tree = file["Events"]
    assert file.closed
    for read in (
        lambda: tree.arrays("Jet_pt"),
        lambda: list(tree.iterate("Jet_pt")),
        lambda: tree.collection("Jet"),
        lambda: file["Events"],
    ):
        with pytest.raises(FileError, match="closed") as caught:
            read()
        assert not isinstance(caught.value, DamagedFileError)


def test_a_file_is_closed_where_the_object_is_not_in_it(blocks_file, monkeypatch):
    opened = []
    monkeypatch.setattr(file, "open_root", lambda path: opened.append(open_root(path)) or opened[0])
    with pytest.raises(MissingNameError):
        atlasae.open(f"{blocks_file}:events")
    assert opened[0].closed


def test_damage_names_the_file_the_tree_and_the_block(blocks_file, tmp_path):
    with uproot.open(blocks_file) as file:
        payload = file["atlasae/blocks/payload"]
        basket, size = (payload.member(name)[0] for name in ("fBasketSeek", "fBasketBytes"))
    data = bytearray(blocks_file.read_bytes())
    data[basket + size // 2] ^= 0x08
    (tmp_path / "damaged.root").write_bytes(data)
    with (
        atlasae.open(tmp_path / "damaged.root") as file,
        pytest.raises(DamagedFileError, match=r"damaged\.root: tree '.*block \d"),
    ):
        file["Events"].arrays("Jet_pt")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_example_runs_on_either_file(tmp_path, monkeypatch, capsys):
    with uproot.open(atlasae.sample("dijets")) as file:
        arrays = file["Events"].arrays(entry_stop=2000, how=dict)
    original, small = tmp_path / "original.root", tmp_path / "small.root"
    with uproot.recreate(original) as file:
        types = {name: array.type.content for name, array in arrays.items() if name != "nJet"}
        tree = file.mktree("Events", types, counter_name=lambda _: "nJet")
        tree.extend({name: arrays[name] for name in types})
    atlasae.compress(original, small)
    masses = runpy.run_path(str(EXAMPLE))["dijet_masses"]
    (before, weights), (after, same_weights) = masses(original), masses(small)
    np.testing.assert_allclose(after, before, rtol=5e-3)
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(weights, same_weights)
    figures = []
    for path in (original, small):
        figures.append(path.with_suffix(".png"))
        monkeypatch.setattr(sys, "argv", ["dijet_mass.py", str(path), "-o", str(figures[-1])])
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    said = [float(mean) for mean in re.findall(r"m_jj ([\d.]+) GeV", capsys.readouterr().out)]
    assert said == pytest.approx([np.average(before, weights=weights)] * 2, rel=1e-3)
    assert all(figure.stat().st_size > 10_000 for figure in figures)
