"""Compressed trees read as uproot reads their originals."""

from __future__ import annotations

import io

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec, Selection
from atlasae.codecs.bounded import codec
from atlasae.errors import (
    DamagedFileError,
    FileError,
    InputError,
    MissingPackageError,
)
from atlasae.root.io.file import Trees, make_tree, open_root
from atlasae.root.reading.jets import read_codec, read_latents
from tests.helpers import compress, make_jets, write_events
from tests.root.helpers import assert_alike

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


def test_latents_are_decoded(compressed_file, events_file, tmp_path):
    atlasae.decompress(compressed_file, tmp_path / "back.root")
    codec, latents = read_codec(compressed_file), read_latents(compressed_file)
    names = ["MET_pt", "Jet_isTight"]
    with (
        atlasae.open(compressed_file) as file,
        uproot.open(tmp_path / "back.root") as restored,
    ):
        ours, theirs = file["Events"], restored["Events"]
        for span in (slice(None), slice(100, 130), slice(0)):
            question = {"entry_start": span.start, "entry_stop": span.stop}
            assert_alike(ours.arrays(names, **question), theirs.arrays(names, **question))
            # a matrix product of few rows can round otherwise than one of many
            assert_alike(ours["Jet_mass"].array(**question), codec.decode(latents[span]).m)
        assert_alike(ours["Jet_mass"].array(), theirs["Jet_mass"].array())
        assert ours.keys() == theirs.keys()


def test_within_the_tolerance(events_file, tmp_path):
    compress(events_file, tmp_path / "small.root")
    with atlasae.open(tmp_path / "small.root") as ours, uproot.open(events_file) as theirs:
        decoded, original = (
            ak.flatten(file["Events"]["Jet_pt"].array()) for file in (ours, theirs)
        )
    assert 0 < np.max(np.abs(decoded / original - 1)) <= 1e-3 * (1 + 1e-6)


def test_only_the_blocks_needed_are_decoded(blocks_file, monkeypatch):
    decoded, asked = [], []
    decode = codec.BoundedCodec.decode_blocks

    def count(self, blocks, features, threads):
        blocks = list(blocks)
        decoded.extend(block.name for block in blocks)
        asked.append(sorted(features))
        return decode(self, iter(blocks), features, threads)

    monkeypatch.setattr(codec.BoundedCodec, "decode_blocks", count)
    with atlasae.open(blocks_file) as file:
        tree = file["Events"]
        tree.arrays(["MET_pt", "Jet_isTight", "nJet"])
        tree.arrays(["Jet_pt"], entry_stop=0)
        assert decoded == []
        tree.arrays(["Jet_pt", "Jet_eta"], "Jet_phi > 0", entry_start=10, entry_stop=20)
        assert len(decoded) == 1
        assert asked == [["eta", "phi", "pt"]]
        tree.collection("Jet", entry_start=-1)
        assert len(decoded) == 2
        assert decoded[0] != decoded[1]
        decoded.clear()
        list(tree.iterate(["Jet_pt", "Jet_mass"], step_size=10))
        assert len(decoded) == len(set(decoded)) > 3


def test_chunks_pass_over_the_seams_of_merged_files(events_file, tmp_path):
    others = [write_events(tmp_path / f"{n}.root", make_jets(3 * n), np.full(n, 3)) for n in (7, 8)]
    small = [tmp_path / f"small{i}.root" for i in range(2)]
    for source, target in zip(others, small, strict=True):
        compress(source, target, codec=Codec.bounded(tolerance="lossless"))
    with uproot.recreate(tmp_path / "merged.root") as out:
        with open_root(small[0]) as file:
            paths = list(Trees(file))
        for path in paths:
            writer = None
            for name in small:
                with open_root(name) as file:
                    tree = Trees(file).raw(path)
                    writer = writer or make_tree(out, "ttree", path, "", tree.schema.branches)
                    writer.extend(tree.tree.arrays(how=dict))
            writer.finish()
    expected = uproot.concatenate([f"{path}:Events" for path in others], ["Jet_pt", "run"])
    with atlasae.open(f"{tmp_path / 'merged.root'}:Events") as tree:
        assert_alike(tree.arrays(["Jet_pt", "run"]), expected)
        chunks = list(tree.iterate(["Jet_pt", "run"], step_size=5))
    assert [len(chunk) for chunk in chunks] == [5, 5, 5]
    assert_alike(chunks[1], expected[5:10])


def test_counters_have_the_type_of_the_source(shared_data, tmp_path):
    """In NanoAOD they are uint32; a TTree that uproot writes holds them as int32."""
    source, small = shared_data / "root/nanoAOD_2015_CMS_Open_Data_ttbar.root", tmp_path / "b.root"
    compress(source, small, drop_unwritable=True, select=Selection(drop=["[!Jn]*", "n[!J]*"]))
    with atlasae.open(small) as ours, uproot.open(source) as theirs, uproot.open(small) as stored:
        assert_alike(ours["Events/nJet"].array(), theirs["Events/nJet"].array())
        assert stored["Events/nJet"].array().type != theirs["Events/nJet"].array().type


def test_deep_branches_have_no_numpy_form(tmp_path):
    deep = ak.Array([[[1.0], []], [], [[2.0, 3.0]]])
    jets = {f"Jet_{n}": ak.unflatten(v, [1, 0, 2]) for n, v in make_jets(3).items()}
    with uproot.recreate(tmp_path / "a.root") as file:
        record = ak.zip({**jets, "deep": deep}, depth_limit=1)
        file.mkrntuple("Events", record.layout.form).extend(record)
    compress(tmp_path / "a.root", tmp_path / "b.root", pack="all")
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
        file.keys,
    ):
        with pytest.raises(FileError, match="closed") as caught:
            read()
        assert not isinstance(caught.value, DamagedFileError)


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


def test_a_tree_describes_its_branches_as_uproot_does(small_file, events_file):
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        one, other = ours["Events"], theirs["Events"]
        assert one.typenames() == other.typenames()
        for filters in ({"filter_name": "Jet*"}, {"filter_typename": "float*"}):
            assert one.keys(**filters) == other.keys(**filters)
            assert one.typenames(**filters) == other.typenames(**filters)
            assert [name for name, _ in one.items(**filters)] == one.keys(**filters)
        assert [branch.name for branch in one.branches] == [b.name for b in other.branches]
        for mine, yours in zip(one.values(), other.values(), strict=True):
            assert (mine.name, mine.typename) == (yours.name, yours.typename)
            assert mine.interpretation == yours.interpretation
            assert mine.num_entries == yours.num_entries
            assert mine.tree is mine.parent is one
        assert list(one.iterkeys()) == list(one) == one.keys()
        assert [branch.name for branch in one.itervalues()] == one.keys()
        assert [(name, branch.name) for name, branch in one.iteritems()] == [
            (name, name)
            for name in other.keys()  # noqa: SIM118  (a tree, not a dict)
        ]
        assert one.get("Jet_pt").name == "Jet_pt"
        assert (one.get("none"), one.get("none", 3)) == (None, 3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"filter_name": "Jet_*", "name_width": 6, "interpretation_width": 9},
        {"filter_typename": "/.*int.*/", "typename_width": 3},
    ],
)
def test_the_table_of_branches_is_that_of_uproot(small_file, events_file, capsys, options):
    stream, expected = io.StringIO(), io.StringIO()
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        ours["Events"].show(**options, stream=stream)
        theirs["Events"].show(**options, stream=expected)
        assert [line.rstrip() for line in expected.getvalue().splitlines()] == (
            stream.getvalue().splitlines()
        )
        ours["Events"].show(**options)
        with pytest.raises(InputError, match="at least 3 characters wide, not 2"):
            ours["Events"].show(name_width=2)
    assert capsys.readouterr().out == stream.getvalue()


def test_branches_of_an_rntuple_are_described(ntuple_file, tmp_path):
    compress(ntuple_file, tmp_path / "small.root")
    with atlasae.open(tmp_path / "small.root") as ours, uproot.open(ntuple_file) as theirs:
        fields = {name: field.typename for name, field in theirs["Events"].items(recursive=False)}
        assert ours["Events"].typenames() == fields
        assert ours["Events/Jet_pt"].interpretation is None


def test_options_of_uproot_that_are_not_supported_are_named(blocks_file):
    with (
        atlasae.open(blocks_file) as file,
        pytest.raises(InputError, match="no option interpretation_executor"),
    ):
        file["Events/Jet_pt"].array(interpretation_executor=None)
