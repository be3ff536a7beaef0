"""ROOT as writer of what is kept, and as judge."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae.cli import main
from atlasae.errors import InputError, MissingPackageError
from atlasae.root.checking import check as check_module
from atlasae.root.checking import findings
from atlasae.root.compressing.copied_by_root import LeftToRoot
from atlasae.root.io import cpp, root_branches
from atlasae.root.io.branch import BranchInfo
from tests.helpers import compress

WRITER = """
#include <TGraph.h>
#include <TLorentzVector.h>
#include <TNamed.h>
void write_event_file(const char *path, int changed = -1) {
  TFile file(path, "RECREATE", "a title");
  int n;
  unsigned number;
  float pt[9], eta[9], phi[9], mass[9], arrays[9][2];
  double met;
  char text[9];
  std::vector<float> vector;
  TLorentzVector p;
  file.mkdir("more")->cd();
  TTree tree("Events", "the events");
  tree.Branch("met", &met, "met/D")->SetTitle("missing");
  tree.Branch("nJet", &number, "nJet/i");
  tree.Branch("Jet_pt", pt, "Jet_pt[nJet]/F");
  tree.Branch("Jet_eta", eta, "Jet_eta[nJet]/F");
  tree.Branch("Jet_phi", phi, "Jet_phi[nJet]/F");
  tree.Branch("Jet_mass", mass, "Jet_mass[nJet]/F");
  tree.Branch("n", &n, "n/I");
  tree.Branch("arrays", arrays, "arrays[n][2]/F");
  tree.Branch("text", text, "text/C");
  tree.Branch("vector", &vector);
  tree.Branch("p", &p, 32000, 0);
  for (int i = 0; i < 200; i++) {
    n = number = i % 4;
    met = i / 7.;
    snprintf(text, 9, "%.*s", i % 5, "abcdefgh");
    vector.assign(i % 3, i / 3.f);
    p.SetPxPyPzE(i, -i, .1 * i, 5 * i);
    for (int j = 0; j < n; j++) {
      pt[j] = 30 + i / (j + 1.); eta[j] = (i * 7 % 40) / 11. - 2; phi[j] = (i * j) % 6 - 3;
      mass[j] = pt[j] / 9;
      arrays[j][0] = i; arrays[j][1] = j;
    }
    if (i == changed) { p.SetPx(1e-9); vector[0] += 1; text[0] = 'z'; }
    tree.Fill();
  }
  tree.SetAlias("twice", "2 * met");
  tree.GetUserInfo()->Add(new TNamed("made", "by a test"));
  tree.Write();
  file.cd();
  double numbers[] = {1, 2, 3};
  TGraph(3, numbers, numbers).Write("graph");
}
"""
TREE = "more/Events"


@pytest.fixture(scope="module")
def source(root, tmp_path_factory):
    """A file that ROOT wrote, with what uproot cannot write."""
    path = tmp_path_factory.mktemp("events") / "events.root"
    root.gInterpreter.Declare(WRITER)
    root.write_event_file(str(path))
    return path


@pytest.fixture(scope="module")
def kept(source):
    path = source.with_name("kept.root")
    compress(source, path, pack="none", writer="root")
    return path


@pytest.fixture(scope="module")
def packed(source):
    path = source.with_name("packed.root")
    select = atlasae.Selection(
        keep_branches="p,arrays"
    )  # its counter is packed, and stays for ROOT
    atlasae.compress(source, path, select=select, writer="root", allow_larger=True)
    return path


def baskets(path, name):
    """The compressed bytes of the baskets of a branch."""
    with uproot.open(path) as file:
        branch = file[TREE][name]
        return [
            branch.basket(i).raw_data.tobytes() if branch.basket(i).raw_data is not None else b""
            for i in range(branch.num_baskets)
        ]


def test_what_is_kept_is_as_it_was(root, source, kept):
    contents = atlasae.info(kept)
    assert (contents.changed, contents.left_out) == (
        {},
        {"the title of the file": "'a title', which uproot cannot write"},
    )
    assert {branch.name for branch in contents.kept} == {
        "met", "nJet", "n", "arrays", "text", "vector", "p",
    }  # fmt: skip
    for name in ("met", "vector", "p"):
        assert baskets(kept, name) == baskets(source, name)
    with root.TFile(str(kept)) as file:
        tree = file.Get(TREE)
        assert str(tree.GetUserInfo().FindObject("made").GetTitle()) == "by a test"
        assert str(tree.GetAlias("twice")) == "2 * met"
        assert str(tree.GetBranch("met").GetTitle()) == "missing"
        assert "[compressed by atlasae" in str(tree.GetTitle())
        assert not tree.GetBranch("Jet_pt")
        assert file.Get("graph").GetN() == 3


@pytest.mark.parametrize("how", ["kept", "packed"])
def test_all_comes_back_in_its_own_classes(root, source, request, how, tmp_path):
    small, back = request.getfixturevalue(how), tmp_path / "back.root"
    assert atlasae.check(source, small, judge="root").good
    notes = atlasae.decompress(small, back, writer="root")
    assert {path for path in notes.changed if ":" in path} == set()
    assert set(notes.left_out) == {"the title of the file"}
    assert list(tmp_path.iterdir()) == [back]
    result = atlasae.check(source, back, tolerance=1e-3, judge="root")
    assert result.counts.keys() <= {"exact", "within tolerance", "present"}
    assert {f.name for f in result.findings if f.verdict == "within tolerance"} <= {
        "Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass",
    }  # fmt: skip
    with uproot.open(source) as one, uproot.open(back) as other:
        assert one[TREE].typenames() == other[TREE].typenames()
        assert one[TREE].keys() == other[TREE].keys()
        assert one[TREE].title == other[TREE].title
    with root.TFile(str(source)) as file, root.TFile(str(back)) as restored:
        trees = [each.Get(TREE) for each in (file, restored)]
        counters = [str(tree.GetLeaf("nJet").GetTypeName()) for tree in trees]
        assert counters == ["UInt_t", "UInt_t"]
        assert restored.Get("graph").GetN() == 3


def test_without_root_the_classes_are_refused(source, kept, packed, tmp_path):
    with pytest.raises(InputError, match="class TGraph cannot be written; more/Events:arrays"):
        compress(source, tmp_path / "small.root", pack="none")
    with pytest.raises(InputError, match="class TGraph cannot be written"):
        atlasae.decompress(kept, tmp_path / "back.root")
    assert not list(tmp_path.iterdir())


def test_latents_are_no_branches_for_root():
    with pytest.raises(InputError, match=r"latents .*: use --writer uproot"):
        LeftToRoot([SimpleNamespace(branches=(BranchInfo("z0", "float32"),))])


def test_the_judge_finds_another_value(root, source, tmp_path):
    other = tmp_path / "other.root"
    root.write_event_file(str(other), 7)
    with pytest.MonkeyPatch.context() as patch:  # what ROOT finds alone
        patch.setattr(check_module, "_compared", lambda *_: findings.Check((), (False, False)))
        result = atlasae.check(source, other, judge="root")
    found = {f.name: (f.verdict, f.note) for f in result.findings}
    differs = ("differs", "as ROOT reads it, first in entry 7")
    assert {name for name, what in found.items() if what == differs} == {"p", "vector", "text"}
    assert found["arrays"] == found["Jet_pt"] == ("exact", "")


@pytest.mark.parametrize("to", ["ttree", "rntuple"])
def test_the_judge_knows_tolerances(root, tmp_path, to):
    names = ("Jet_pt", "Jet_eta", "Jet_phi")
    numbers = {name: np.linspace(1, 2, 50, dtype=np.float32) for name in names}
    for path, factor in (("a", 1), ("b", 1.0005), ("c", 1.002)):
        with uproot.recreate(tmp_path / f"{path}.root") as file:
            make = file.mktree if to == "ttree" else file.mkrntuple
            columns = numbers | {"Jet_pt": (numbers["Jet_pt"] * factor).astype(np.float32)}
            make("Events", dict.fromkeys(names, np.dtype("f4"))).extend(columns)
    a, b, c = (tmp_path / f"{path}.root" for path in "abc")
    assert atlasae.check(a, b, tolerance=1e-3, judge="root").counts["within tolerance"] == 1
    with pytest.MonkeyPatch.context() as patch:  # what ROOT finds alone
        patch.setattr(check_module, "_compared", lambda *_: findings.Check((), (False, False)))
        close, far = (atlasae.check(a, one, tolerance=1e-3, judge="root") for one in (b, c))
    assert close.counts == {"exact": 2, "within tolerance": 1}
    assert [(f.name, f.verdict) for f in far.bad] == [("Jet_pt", "differs")]


def test_the_commands_take_root(source, tmp_path):
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    for line in (
        ["compress", source, small, "--pack", "none", "--writer", "root", "--allow-larger"],
        ["check", source, small, "--judge", "root"],
        ["decompress", small, back, "--writer", "root"],
    ):
        result = CliRunner().invoke(main, [str(word) for word in line])
        assert result.exit_code == 0, result.output


def test_a_missing_root_is_named(source, kept, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ROOT", None)
    monkeypatch.setattr(
        cpp, "interpreter", cpp.interpreter.__wrapped__
    )  # not the one that is known
    for call in (
        lambda: compress(source, tmp_path / "small.root", writer="root"),
        lambda: atlasae.decompress(kept, tmp_path / "back.root", writer="root"),
        lambda: atlasae.check(source, kept, judge="root"),
    ):
        with pytest.raises(MissingPackageError, match=r"pip install 'atlasae\[root\]'"):
            call()
    assert not list(tmp_path.iterdir())


def test_other_values_are_no_target(source, packed, tmp_path, monkeypatch):
    monkeypatch.setattr(root_branches, "same_bits", lambda *_: False)
    with pytest.raises(InputError, match="does not read back as it was"):
        atlasae.decompress(packed, tmp_path / "back.root", writer="root")
    assert not list(tmp_path.iterdir())
