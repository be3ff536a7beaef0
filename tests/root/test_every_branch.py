"""Every branch of real files, as uproot alone reads it before compression and after."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import pytest
import uproot

import atlasae
from atlasae.lossless.columns import same_bits
from atlasae.root.io.element_counts import bound_element_counts
from tests.helpers import SHARED, compress

FOLDER = SHARED / "data/root"
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.root"))
TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")
REFUSED = {"edge/bad_delphes.root": "no TTree or RNTuple"}
READ_OTHERWISE = ("Double32_t becomes", "Float16_t becomes")  # by ROOT than by uproot
MISREAD = {  # by uproot alone, not by ROOT
    "by_root/str1.root": "Events:str:",
    "by_root/str2.root": "Events:str:",
    "traps/tbase.root": "tree:d1:",
    "by_root/rnt_real32_quant32.root": "Events:dt:",
    # it has two branches Particle: by this path uproot finds the members of the first
    "uproot-issue513.root": "Delphes:Particle/Particle.",
}
GROUPED = uproot.interpretation.grouped.AsGrouped


@dataclass
class Notes:
    """What was said of the branches of a file when it was compressed and restored."""

    changed: dict
    left_out: dict

    def of(self, kind, tree, name):
        """What was said of a branch, which may be known by its name or by its path."""
        notes = getattr(self, kind)
        names = dict.fromkeys([f"{tree}:{name}", f"{tree}:{name.rpartition('/')[2]}"])
        return "; ".join(notes[one] for one in names if one in notes)


def trees_of(file):
    classes = file.classnames(cycle=False)
    return {path: file[path] for path, name in classes.items() if name in TREES}


def column_of(tree, name):
    """What a branch holds; None if uproot cannot read it, or its members are branches."""
    try:
        branch = tree[name]
        grouped = isinstance(getattr(branch, "interpretation", None), GROUPED)
        return None if grouped else branch.array()
    except Exception:  # noqa: BLE001  (uproot raises anything)
        return None


def branches_of(tree):
    """All branches of a tree that uproot can read, and what they hold."""
    names = tree.keys(recursive=tree.classname != "ROOT::RNTuple")
    columns = ((name, column_of(tree, name)) for name in names)
    return ((name, column) for name, column in columns if column is not None)


def name_in(there, name):
    """The name that a branch of the source has in the restored tree; None if it is gone."""
    names = (name, name.rpartition("/")[2])
    return next((n for one in names for n in (one, one.replace(".", ":")) if n in there), None)


def differences(source, restored, notes):
    """What became of the branches that are neither the same nor named."""
    with uproot.open(source) as before, uproot.open(restored) as after:
        found = trees_of(after)
        for path, tree in trees_of(before).items():
            if path not in found:
                if path not in notes.left_out:
                    yield f"{path}: gone"
                continue
            there = set(found[path].keys())
            for name, column in branches_of(tree):
                changed = notes.of("changed", path, name)
                written = name_in(there, name)
                if written is None:
                    if not (
                        notes.of("left_out", path, name) or "which show what it holds" in changed
                    ):
                        yield f"{path}:{name}: gone without a word"
                    continue
                other = found[path][written].array()
                if same_bits(column, other) or any(note in changed for note in READ_OTHERWISE):
                    continue
                if not (
                    changed and ak.array_equal(column, other, dtype_exact=False, equal_nan=True)
                ):
                    yield f"{path}:{name}: other values ({changed})"


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("to", ["same", "rntuple"])
def test_every_branch_comes_back_or_is_named(name, to, tmp_path):
    source, small, back = FOLDER / name, tmp_path / "small.root", tmp_path / "back.root"
    bound_element_counts()  # uproot would take gigabytes for some
    if name in REFUSED:
        with pytest.raises(atlasae.errors.InputError, match=REFUSED[name]):
            compress(source, small, pack="all", drop_unwritable=True)
        return
    contents = compress(source, small, pack="all", drop_unwritable=True)
    assert atlasae.check(source, small).good
    notes = atlasae.decompress(small, back, to=to, drop_unwritable=True)
    said = Notes(contents.changed | notes.changed, contents.left_out | notes.left_out)
    found = differences(source, back, said)
    assert [one for one in found if name not in MISREAD or not one.startswith(MISREAD[name])] == []
