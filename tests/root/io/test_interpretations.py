"""Branches whose bytes uproot takes for other values than ROOT, which wrote them."""

from __future__ import annotations

from array import array
from itertools import chain, product

import awkward as ak
import numpy as np
import pytest

import atlasae
from atlasae.root.io.file import Trees, open_root
from atlasae.root.io.interpretations import AsWrittenStrings, misread_classes, names_one
from atlasae.root.io.reduced_floats import Encoding

ENTRIES = 24
RANGES = ["", "[0,1]", "[0,1,8]", "[-10,10,16]", "[0,0,10]", "[0,0,16]", "[-pi,2*pi,14]"]
RANGES += ["[0,pi/4,31]", "[5,5,10]", "[5,2,20]", "[0.1,0.7,31]", "[0,100,40]", "[ -3 , 3 , 12 ]"]
SHAPES = {"": 1, "[3]": 3, "[2][3]": 6, "[n]": 4, "[n][2]": 8, "[n][2][3]": 24}


def write_leaves(root, path, leaves):
    """A tree of branches of one leaf each, filled with random numbers.

    ``leaves`` gives the shape and the type of each, such as ``[3]`` and ``d[0,1,8]``.
    """
    draw = np.random.default_rng(1)
    file = root.TFile(str(path), "RECREATE")
    tree = root.TTree("t", "t")
    count = array("i", [0])
    tree.Branch("n", count, "n/I")
    buffers = {}
    for name, (shape, kind) in leaves.items():
        buffers[name] = array(kind[0], [0] * SHAPES[shape])
        tree.Branch(name, buffers[name], f"{name}{shape}/{kind}")
    for entry in range(ENTRIES):
        count[0] = entry % 5
        for buffer in buffers.values():
            buffer[:] = array(buffer.typecode, draw.uniform(0, 1, len(buffer)).tolist())
        tree.Fill()
    tree.Write()
    file.Close()


def read_by_root(root, path, name):
    """The values of a leaf, entry by entry."""
    file = root.TFile.Open(str(path))
    tree = file.Get("t")
    leaf = tree.GetLeaf(name)
    values = []
    for entry in range(tree.GetEntries()):
        tree.GetEntry(entry)
        values.append([leaf.GetValue(i) for i in range(leaf.GetLen())])
    file.Close()
    return values


def read_flat(tree, name):
    """The same, by this package."""
    column = tree.read([name], 0, tree.num_entries)[name]
    return [np.ravel(ak.to_numpy(entry)).tolist() for entry in column]


def test_reduced_floats_are_read_as_root_reads_them(root, tmp_path):
    kinds = product("df", RANGES, SHAPES)
    leaves = {f"x{i}": (shape, kind + limits) for i, (kind, limits, shape) in enumerate(kinds)}
    path = tmp_path / "reduced.root"
    write_leaves(root, path, leaves)
    with open_root(path) as file:
        tree = Trees(file)["t"]
        assert not tree.schema.left_out
        for name, (shape, kind) in leaves.items():
            assert read_flat(tree, name) == read_by_root(root, path, name), (shape, kind)
            branch = tree.schema[name]
            assert branch.type.endswith("float64" if kind[0] == "d" else "float32")
            assert branch.jagged == (shape == "[n]")
            assert "becomes" in tree.schema.changed[name]
    with atlasae.open(path) as file:
        for name in leaves:
            found = ak.flatten(file["t"][name].array(), axis=None).tolist()
            assert found == list(chain.from_iterable(read_by_root(root, path, name)))
        assert file[f"t/{name}"].array().tolist() == file["t"][name].array().tolist()


def test_an_encoding_is_that_of_root(root):
    titles = [f"x{limits}" for limits in RANGES] + ["[2][3]", "[n][0,1]", "[1][2][0,1,8]", "[0,1"]
    titles += [
        "of [a,b] things [0,1,8]",
        "[abc,5,8]",
        "[1,,8]",
        "[0,1,x]",
        "[.5,1.,7,9]",
        "[1e1,2E1]",
    ]
    for title in titles:
        element = root.TStreamerElement("x", title, 0, 0, "Double32_t")
        encoding = Encoding.of(title, "Double32_t")
        assert encoding.factor == element.GetFactor(), title
        if encoding.factor:
            assert encoding.low == element.GetXmin(), title
        else:
            assert encoding.bits == int(element.GetXmin()), title


def test_members_of_split_objects_are_read_as_root_reads_them(root, tmp_path):
    root.gInterpreter.Declare(
        """
        #include <TFile.h>
        #include <TTree.h>
        struct AtlasaeHit {
          Double32_t x = 0;  //[-10,10,16]
          Double32_t y[2][2] = {{0, 0}, {0, 0}};  //[-1,1,20]
          Float16_t z = 0;
          Float16_t w[3] = {0, 0, 0};  //[0,1,10]
          int k = 0;
        };
        void atlasae_write_hits(const char* path) {
          TFile file(path, "RECREATE");
          TTree* tree = new TTree("t", "t");
          auto* hit = new AtlasaeHit;
          tree->Branch("hit.", &hit);
          tree->Branch("whole", &hit, 32000, 0);
          for (int i = 0; i < 24; i++) {
            hit->x = i / 3.; hit->y[1][0] = -i / 24.; hit->z = i / 7.; hit->w[2] = i / 25.;
            hit->k = i;
            tree->Fill();
          }
          tree->Write();
        }
        """
    )
    path = tmp_path / "hits.root"
    root.atlasae_write_hits(str(path))
    with open_root(path) as file:
        tree = Trees(file)["t"]
        assert "AtlasaeHit has a Double32_t or Float16_t" in tree.schema.left_out["whole"]
        for name in ("x", "y[2][2]", "z", "w[3]", "k"):
            by_root = read_by_root(root, path, f"hit.{name.partition('[')[0]}")
            assert read_flat(tree, f"hit.{name}") == by_root, name


def test_strings_without_bytes(root, tmp_path):
    path = tmp_path / "strings.root"
    for empty in ({0}, {5}, {ENTRIES - 1}, {3, 4}, set(range(ENTRIES))):
        words = ["" if i in empty else f"é{i}" * (1 + 30 * (i % 4)) for i in range(ENTRIES)]
        file = root.TFile(str(path), "RECREATE")
        tree = root.TTree("t", "t")
        buffer = bytearray(600)
        tree.Branch("word", buffer, "word/C", 200)  # several baskets
        for word in words:
            encoded = word.encode() + b"\0"
            buffer[: len(encoded)] = encoded
            tree.Fill()
        tree.Write()
        file.Close()
        with open_root(path) as file:
            tree = Trees(file)["t"]
            column = tree.read(["word"], 0, ENTRIES)["word"]
            assert column.tolist() == words
            assert tree.read(["word"], 3, 7)["word"].tolist() == words[3:7]


def test_strings_that_end_early_are_damage():
    with pytest.raises(ValueError, match="end before"):
        AsWrittenStrings().basket_array(
            np.array([255, 1], np.uint8), np.array([0, 2]), None, None, {}, 0, None, {}
        )


def test_lists_of_leaves_are_read_one_leaf_after_another(root, tmp_path):
    path = tmp_path / "lists.root"
    file = root.TFile(str(path), "RECREATE")
    tree = root.TTree("t", "t")
    values = np.zeros(4, np.float32)
    tree.Branch("v", values, "a[2]/F:b[2]/F")
    mixed = np.zeros(1, np.dtype([("x", "f8"), ("n", "u4", 3), ("flag", "?")]))
    tree.Branch("m", mixed, "x/D:n[3]/i:flag/O")
    for entry in range(ENTRIES):
        values[:] = np.arange(4) + entry
        mixed[0] = entry / 3, (2**32 - 1, entry, 0), entry % 2
        tree.Fill()
    tree.Write()
    file.Close()
    with open_root(path) as file:
        tree = Trees(file)["t"]
        read = tree.read(["v", "m"], 0, ENTRIES)
        assert tree.schema["v"].type == "{a: 2 * float32, b: 2 * float32}"
    assert read["v"][1].tolist() == {"a": [1, 2], "b": [3, 4]}
    assert read["m"][3].tolist() == {"x": 1.0, "n": [2**32 - 1, 3, 0], "flag": True}


def test_classes_are_misread_with_what_they_hold():
    def member(typename, name="x", title="", array_length=0):
        return type("Member", (), locals())

    def streamer(*members):
        return {1: type("Streamer", (), {"elements": members})}

    streamers = {
        "Plain": streamer(member("Double32_t"), member("Float16_t")),
        "Ranged": streamer(member("Double32_t", title="[0,1]")),
        "Arrays": streamer(member("Double32_t", array_length=3)),
        "Pointer": streamer(member("Float16_t*")),
        "Holder": streamer(member("vector<Ranged>")),
        "Derived": streamer(member("BASE", "Holder")),
        "RangedNot": streamer(member("int")),
    }
    assert misread_classes(streamers) == {"Ranged", "Arrays", "Pointer", "Holder", "Derived"}
    assert names_one("std::map<int,Holder>", ["Holder"])
    assert not names_one("std::vector<RangedNot>", ["Ranged"])
    assert not names_one("int", [])


def test_files_by_root(shared_data):
    """Ranged floats and strings without bytes, as they were found."""
    folder = shared_data / "root" / "by_root"

    with open_root(folder / "str2.root") as file:
        words = Trees(file)["Events"].read(["str"], 0, 300)["str"].tolist()
    assert words == ["" if i == 5 else f"ev{i}" for i in range(300)]
    with open_root(folder / "dd0.root") as file:
        column = Trees(file)["Events"].read(["Jet_d32"], 0, 300)["Jet_d32"]
    steps = ak.to_numpy(ak.flatten(column)) * 256
    assert np.array_equal(steps, np.rint(steps))
    assert 0 <= steps.min() < steps.max() <= 256
