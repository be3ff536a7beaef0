"""What uproot cannot write into a TTree is restored by ROOT, where it is installed."""

from __future__ import annotations

import awkward as ak
import pytest
import uproot

import atlasae
from atlasae.errors import InputError, MissingPackageError
from atlasae.lossless.columns import same_bits
from atlasae.root.io import cpp, root_branches
from atlasae.root.io.branch import BranchInfo
from tests.helpers import compress

WRITER = """
#include <TLorentzVector.h>
#include <TVector2.h>
void write_objects(const char *path) {
  TFile file(path, "RECREATE");
  file.mkdir("more")->cd();
  TTree tree("t", "objects");
  int n;
  unsigned char m;
  float x[5][3], y[5], z[5][2];
  struct { float a; int b; double c[2]; } leaves;
  std::vector<std::vector<float>> nested;
  std::vector<std::vector<int>> indices;
  std::vector<std::string> words;
  TLorentzVector p;
  std::vector<TLorentzVector> ps;
  std::vector<TVector3> v3s;
  TVector2 v2;
  std::set<int> numbers;
  std::map<int, float> weights;
  std::pair<int, float> pair;
  std::list<int> list;
  tree.Branch("plain", &y[0], "plain/F");
  tree.Branch("n", &n, "n/I");
  tree.Branch("x", x, "x[n][3]/F");
  tree.Branch("y", y, "y[n]/F");
  tree.Branch("m", &m, "m/b");
  tree.Branch("z", z, "z[m][2]/F");
  tree.Branch("leaves", &leaves, "a/F:b/I:c[2]/D");
  tree.Branch("nested", &nested)->SetTitle("its own title");
  tree.Branch("indices", &indices);
  tree.Branch("words", &words);
  tree.Branch("p", &p, 32000, 0);
  tree.Branch("ps", &ps, 32000, 0);
  tree.Branch("v3s", &v3s, 32000, 0);
  tree.Branch("v2", &v2, 32000, 0);
  tree.Branch("numbers", &numbers);
  tree.Branch("weights", &weights, 32000, 0);
  tree.Branch("pair", &pair, 32000, 0);
  tree.Branch("list", &list);
  for (int i = 0; i < 30; i++) {
    n = m = i % 4;
    nested.clear(); indices.clear(); words.clear(); ps.clear(); v3s.clear();
    numbers.clear(); weights.clear(); list.clear();
    p.SetPxPyPzE(i, -i, .1 * i, 5 * i);
    v2.Set(i, 1.5);
    pair = {i, 2.f * i};
    leaves = {i / 3.f, -i, {1. * i, .5}};
    for (int j = 0; j < n; j++) {
      y[j] = -j;
      for (int k = 0; k < 3; k++) x[j][k] = 100 * i + 10 * j + k;
      z[j][0] = i; z[j][1] = j;
      nested.emplace_back(j, i / 7.f);
      indices.emplace_back(j, i);
      words.emplace_back(20 * i * j, 'a' + i % 26);
      ps.push_back(p); ps.back().SetPx(j);
      v3s.emplace_back(i, j, 1);
      numbers.insert(i * j); weights[j] = i; list.push_back(j);
    }
    tree.Fill();
  }
  tree.Write();
}
"""
OBJECTS = ("x", "z", "leaves", "nested", "indices", "words", "p", "ps", "v3s", "v2", "numbers", "weights",
           "pair", "list")  # fmt: skip
SAME = """
bool same_as(TTree &one, TTree &other, const char *name) {
  TTreeFormula a("a", name, &one), b("b", name, &other);
  for (int i = 0; i < one.GetEntries(); i++) {
    one.LoadTree(i); other.LoadTree(i);
    int number = a.GetNdata();
    if (number != b.GetNdata()) return false;
    for (int j = 0; j < number; j++) if (a.EvalInstance(j) != b.EvalInstance(j)) return false;
  }
  return one.GetEntries() > 0 && one.GetEntries() == other.GetEntries();
}
"""


@pytest.fixture(scope="module")
def objects(root, tmp_path_factory):
    """A file of objects that ROOT wrote."""
    path = tmp_path_factory.mktemp("objects") / "objects.root"
    cpp.make_dictionaries(
        ["std::vector<std::vector<int>>", "std::vector<TLorentzVector>", "std::map<int,float>"]
    )
    root.gInterpreter.Declare(WRITER)
    root.gInterpreter.Declare('#include "TTreeFormula.h"\n' + SAME)
    root.write_objects(str(path))
    return path


@pytest.fixture(scope="module")
def packed(objects):
    small = objects.with_name("small.root")
    compress(objects, small, pack="all")
    return small


def test_objects_come_back(root, objects, packed, tmp_path):
    back = tmp_path / "back?x#y.root"
    notes = atlasae.decompress(packed, back, step_size=7)
    assert list(tmp_path.iterdir()) == [back]
    assert (notes.left_out, set(notes.changed)) == ({}, set())
    with uproot.open(objects) as source, uproot.open(back) as restored:
        one, other = source["more/t"], restored["more/t"]
        assert set(one.keys()) == set(other.keys())
        assert one.title == other.title
        assert one["nested"].title == other["nested"].title == "its own title"
        for name in one.keys():  # noqa: SIM118  (a tree, not a dict)
            assert one[name].typename == other[name].typename
            assert same_bits(one[name].array(), other[name].array()), name
    back = back.rename(tmp_path / "back.root")  # for ROOT
    with root.TFile(str(objects)) as source, root.TFile(str(back)) as restored:
        trees = source.Get("more/t"), restored.Get("more/t")
        for what in (
            "plain", "m", "x", "y", "z", "leaves.a", "leaves.b", "leaves.c", "nested", "indices", "p.Px()",
            "p.E()", "ps.Px()", "ps.E()", "v3s.X()", "v2.X()", "numbers", "pair.second", "list",
            "Length$(words)", "Sum$(words.size())", "weights.second",
        ):  # fmt: skip
            assert root.same_as(*trees, what), what


def test_a_tree_of_objects_alone_comes_back(root, objects, tmp_path):
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    select = atlasae.Selection(drop=["plain", "n", "m", "y", "x", "z"])
    compress(objects, small, pack="all", select=select)
    atlasae.decompress(small, back)
    with uproot.open(objects) as source, uproot.open(back) as restored:
        assert restored["more/t"].num_entries == 30
        assert set(restored["more/t"].keys()) == set(OBJECTS) - {"x", "z"}
        assert same_bits(source["more/t/ps"].array(), restored["more/t/ps"].array())


def test_an_rntuple_becomes_a_ttree(root, tmp_path):
    columns = {"nested": ak.Array([[[1.0, 2.0], []], []]), "words": ak.Array([["a", "bb"], []])}
    source, small, back = (tmp_path / f"{name}.root" for name in "abc")
    with uproot.recreate(source) as file:
        entries = ak.zip(columns, depth_limit=1)
        file.mkrntuple("t", entries.layout.form).extend(entries)
    compress(source, small, pack="all")
    atlasae.decompress(small, back, to="ttree")
    with uproot.open(back) as file:
        assert file["t"].classname == "TTree"
        for name, column in columns.items():
            assert file["t"][name].array().tolist() == column.tolist()


def test_without_root_the_message_says_what_to_do(objects, packed, tmp_path, monkeypatch):
    monkeypatch.setattr("atlasae.root.planning.plan.is_installed", lambda: False)
    with pytest.raises(InputError, match=r"more/t:nested.*pip install 'atlasae\[root\]'") as e:
        atlasae.decompress(packed, tmp_path / "back.root", to="ttree")
    assert "--to rntuple" in str(e.value)
    assert "\n" not in str(e.value)
    assert not (tmp_path / "back.root").exists()
    notes = atlasae.decompress(packed, tmp_path / "back.root")
    assert notes.left_out == {}
    assert notes.changed["more/t"].startswith("becomes an RNTuple, as a TTree cannot hold x, z,")
    notes = atlasae.decompress(packed, tmp_path / "back.root", drop_unwritable=True, force=True)
    assert set(notes.left_out) == {f"more/t:{name}" for name in OBJECTS}


def test_other_values_are_no_target(objects, packed, tmp_path, monkeypatch):
    monkeypatch.setattr(root_branches, "same_bits", lambda *_: False)
    with pytest.raises(InputError, match="does not read back as it was: use --to rntuple"):
        atlasae.decompress(packed, tmp_path / "back.root")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("datashape", "cpp_type"),
    [
        ("var * float32", "std::vector<double>"),
        ("var * var * float32", "std::vector<float>"),
        ("float32", "std::vector<float>"),
        ("Secret[x: float32]", "TSecret"),
        ("TVector2[fX: float64, fZ: float64]", "TVector2"),
        ("var * float32", 'std::vector<decltype(system("true"))>'),
        ('{"a/F:b": float32}', "struct {float a;}"),
    ],
)
def test_what_root_cannot_add_is_no_crash(root, datashape, cpp_type):
    branch = BranchInfo("x", datashape, refused="no", cpp_type=cpp_type)
    assert root_branches.addable([branch]) == []


def test_names_are_not_expressions():
    for name in (
        "std::vector<f()>",
        "int;",
        "std::vector<int>{}",
        "",
        "#include",
        "TFile*",
        "a\nb",
    ):
        assert not cpp.is_known(name)
    for name in (
        "std::map<std::string,std::vector<int32_t>>",
        "unsigned char",
        "ROOT::Math::XYZPoint",
    ):
        assert cpp.is_known(name)


def test_the_error_without_root_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ROOT", None)
    cpp.interpreter.cache_clear()
    with pytest.raises(MissingPackageError, match=r"pip install 'atlasae\[root\]'"):
        cpp.interpreter()
    cpp.interpreter.cache_clear()
