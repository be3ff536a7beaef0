"""Trees of several files read as one."""

from __future__ import annotations

import pytest
import uproot

import atlasae
from atlasae import Codec
from tests.helpers import compress, make_jets
from tests.root.helpers import assert_alike


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


def test_a_file_with_one_tree_needs_no_name(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        columns = {name: values[:50] for name, values in make_jets(50).items()}
        file.mktree("jets", {n: v.dtype for n, v in columns.items()}).extend(columns)
    compress(tmp_path / "a.root", tmp_path / "b.root", codec=Codec.bounded())
    assert len(atlasae.concatenate(tmp_path / "b.root")) == 50
    assert len(list(atlasae.iterate([tmp_path / "a.root", tmp_path / "b.root"]))) == 2
