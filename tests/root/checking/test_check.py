from __future__ import annotations

import re

import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae import Codec, Selection
from atlasae.cli.main import main
from atlasae.errors import DamagedFileError, InputError
from atlasae.quantization.tolerance import abs_, rel
from atlasae.root.checking.check import check
from atlasae.root.checking.column_comparison import ColumnComparison, Promise
from tests.helpers import compress, make_jets, write_events


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small file, and what is made of it with few jets and no network."""
    path = tmp_path_factory.mktemp("checking")
    counts = np.random.default_rng(0).poisson(2, 40)
    source = write_events(path / "a.root", make_jets(counts.sum()), counts)
    codec = Codec.bounded().fit(atlasae.read_jets(source))
    compress(source, path / "small.root", codec=codec)
    compress(
        source, path / "packed.root", pack="all", select=Selection(keep_branches="Jet_phi,run")
    )
    for name in ("small", "packed"):
        atlasae.decompress(path / f"{name}.root", path / f"{name}_back.root")
    return path


def found(result, name):
    (finding,) = [finding for finding in result.findings if name in (finding.name, finding.path)]
    return finding


@pytest.mark.parametrize("step_size", ["100 MB", 7])
def test_a_compressed_file_keeps_its_tolerances_and_all_else(folder, step_size):
    result = check(folder / "a.root", folder / "small.root", step_size=step_size)
    assert result.good
    assert result.counts == {"exact": 13, "within tolerance": 4}
    assert 0.9 < found(result, "Jet_pt").error <= 1
    assert check(folder / "a.root", folder / "packed.root", step_size=step_size).counts == {
        "exact": 17
    }


def test_a_restored_file_is_exact_or_within_what_is_given(folder):
    assert check(folder / "a.root", folder / "packed_back.root").counts == {"exact": 17}
    assert check(folder / "small.root", folder / "small_back.root").counts == {"exact": 17}
    result = check(folder / "a.root", folder / "small_back.root")
    assert [finding.name for finding in result.bad] == ["Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"]
    result = check(folder / "a.root", folder / "small_back.root", tolerance=1e-3)
    assert result.counts == {"exact": 13, "within tolerance": 4}
    result = check(folder / "a.root", folder / "small_back.root", tolerance="pt=1e-4")
    assert [finding.name for finding in result.bad] == ["Jet_pt"]
    with pytest.raises(InputError, match=r"small\.root: a compressed file stores its own"):
        check(folder / "a.root", folder / "small.root", tolerance=1e-3)


def test_latents_promise_nothing(events_file, compressed_file):
    result = check(events_file, compressed_file)
    assert result.good
    assert result.counts == {"exact": 13, "no promise": 4}
    assert found(result, "Jet_pt").error > 0.1


def write(path, trees, **objects):
    with uproot.recreate(path) as file:
        for name, columns in trees.items():
            types = {n: getattr(v, "dtype", "var * float32") for n, v in columns.items()}
            file.mktree(name, types).extend(columns)
        for name, item in objects.items():
            file[name] = item
    return path


X = np.array([0.0, 1, np.nan, 3, 4], np.float32)
LISTS = ak.Array([[1.5], [], [2.5, 3.5], [], [0.0]])


def edited(values, place, value):
    values = values.copy()
    values[place] = value
    return values


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        (X, edited(X, 3, 3.0000002), "first in entry 3"),
        (X, edited(X, 0, -0.0), "first in entry 0"),
        (X, edited(X.view(np.uint32), 2, 0x7FC00001).view(np.float32), "first in entry 2"),
        (X, X.astype(np.float64), "float32 became float64"),
        (np.arange(5), np.arange(5) + 2**40 * (np.arange(5) == 4), "first in entry 4"),
        (LISTS, ak.Array([[1.5], [], [2.5], [3.5], [0.0]]), "first in entry 2"),
        (LISTS, ak.Array([[1.5], [], [2.5, 3.5], [], [0.5]]), "first in entry 4"),
        (LISTS, ak.Array([[1.5], [], [2.5, 3.5], [], []]), "first in entry 4"),
    ],
)
@pytest.mark.parametrize("step_size", [100, 2])
def test_the_smallest_difference_is_found(tmp_path, before, after, note, step_size):
    a = write(tmp_path / "a.root", {"t": {"x": before}})
    b = write(tmp_path / "b.root", {"t": {"x": after}})
    assert check(a, a).good
    result = check(a, b, step_size=step_size)
    assert not result.good
    assert note in found(result, "x").note


def test_nothing_but_finite_values_has_a_tolerance(tmp_path):
    numbers = {"phi": X.copy(), "eta": X.copy(), "m": X.copy()}
    a = write(tmp_path / "a.root", {"t": {"pt": X, **numbers}})
    for place, value, good in ((1, 1.0005, True), (1, 1.002, False), (2, 1.0, False),
                               (0, 1e-30, False), (1, np.inf, False), (1, np.nan, False)):  # fmt: skip
        b = write(tmp_path / "b.root", {"t": {"pt": edited(X, place, value), **numbers}})
        assert check(a, b, tolerance=1e-3).good == good, value
        assert not check(a, b).good


def test_no_tolerance_lets_a_jet_go_to_another_event(tmp_path):
    moved = ak.Array([[1.5], [], [2.5], [3.5], [0.0]])
    a = write(tmp_path / "a.root", {"t": dict.fromkeys(("pt", "eta", "phi"), LISTS)})
    b = write(tmp_path / "b.root", {"t": dict.fromkeys(("pt", "eta", "phi"), moved)})
    c = write(tmp_path / "c.root", {"t": dict.fromkeys(("pt", "eta", "phi"), LISTS + 2)})
    assert check(a, c, tolerance=abs_(3)).good
    assert found(check(a, b, tolerance=abs_(3)), "pt").note == "first in entry 2"


def test_integers_may_change_their_type_and_not_their_value(tmp_path):
    a = write(tmp_path / "a.root", {"t": {"n": np.arange(5, dtype=np.uint32)}})
    b = write(tmp_path / "b.root", {"t": {"n": np.arange(5, dtype=np.int32)}})
    finding = found(check(a, b), "n")
    assert (finding.verdict, finding.note) == ("changed type", "uint32 became int32")
    c = write(tmp_path / "c.root", {"t": {"n": edited(np.arange(5, dtype=np.int32), 0, -1)}})
    assert not check(a, c).good


def test_what_is_missing_is_said(tmp_path):
    histogram = np.histogram([1.0, 2, 3], bins=3, range=(0, 4))
    a = write(tmp_path / "a.root", {"t": {"x": X, "y": X}, "u": {"z": X}}, h=histogram, s="text")
    b = write(tmp_path / "b.root", {"t": {"x": X}}, h=(edited(histogram[0], 0, 7), histogram[1]))
    verdicts = {f"{f.path}:{f.name}": f.verdict for f in check(a, b).findings}
    assert verdicts == {
        "t:x": "exact", "t:y": "missing", "u:": "missing", "h:": "differs", "s:": "missing"
    }  # fmt: skip
    c = write(tmp_path / "c.root", {"t": {"x": X[:4], "y": X[:4]}, "u": {"z": X}}, s="other")
    verdicts = {f"{f.path}:{f.name}": (f.verdict, f.note) for f in check(a, c).findings}
    assert verdicts["t:"] == ("differs", "5 entries became 4")
    assert verdicts["s:"] == ("differs", "")
    wider = write(tmp_path / "d.root", {}, h=(histogram[0], 2 * histogram[1]))
    assert found(check(a, wider), "h").verdict == "differs"


def test_what_was_left_out_as_asked_is_listed_and_good(folder, tmp_path):
    compress(folder / "a.root", tmp_path / "b.root", pack="all", select=Selection(drop="MET_pt"))
    result = check(folder / "a.root", tmp_path / "b.root")
    assert result.good
    assert found(result, "MET_pt").verdict == "left out"
    assert found(result, "MET_pt").note == "left out as requested"
    atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root")
    assert [f.name for f in check(folder / "a.root", tmp_path / "c.root").bad] == ["MET_pt"]


def test_another_kind_of_tree_holds_the_same(folder, tmp_path):
    compress(folder / "a.root", tmp_path / "b.root", pack="all")
    atlasae.decompress(tmp_path / "b.root", tmp_path / "c.root", to="rntuple")
    result = check(folder / "a.root", tmp_path / "c.root")
    assert result.good
    assert [f.note for f in result.findings if f.verdict == "changed type"] == [
        "ttree became rntuple"
    ] * 2


def test_damage_is_an_error_and_no_verdict(folder, tmp_path):
    data = (folder / "packed.root").read_bytes()
    with uproot.open(folder / "packed.root") as file:
        basket = file["atlasae/blocks/payload"].member("fBasketSeek")[0]
    path = tmp_path / "damaged.root"
    path.write_bytes(data[: basket + 200] + b"\0" * 9 + data[basket + 209 :])
    with pytest.raises(DamagedFileError, match=r"damaged\.root"):
        check(folder / "a.root", path)


def test_the_command_says_what_differs_by_its_exit_code(folder):
    def run(*arguments):
        result = CliRunner().invoke(main, ["check", *map(str, arguments)])
        return result.exit_code, result.output

    code, shown = run(folder / "a.root", folder / "small.root")
    assert code == 0
    assert "every value is as promised" in shown
    code, shown = run(folder / "a.root", folder / "small_back.root")
    assert code == 1
    assert "DIFFERS: Events:Jet_pt: first in entry" in shown
    assert re.search(r"\b4 of \d+ are not as promised", shown)
    assert shown.endswith("without --tolerance it has to be the same bit for bit\n")
    assert run(folder / "a.root", folder / "small_back.root", "--tolerance", "1e-3")[0] == 0
    assert run(folder / "a.root", folder / "none.root")[0] == 2


def test_nothing_is_promised_where_nothing_is_compressed(folder):
    def run(*names):
        return CliRunner().invoke(main, ["check", *(str(folder / name) for name in names)])

    shown = run("a.root", "a.root").output
    assert "promised" not in shown
    assert "OTHER is not compressed by atlasae" in shown
    assert "are they swapped?" not in shown
    assert "are they swapped?" in run("small.root", "a.root").output
    assert "are they swapped?" not in run("small.root", "small_back.root").output
    assert check(folder / "a.root", folder / "small.root").compressed == (False, True)


def test_a_tolerance_is_checked_before_the_files(tmp_path):
    with pytest.raises(InputError, match="not a number"):
        check("none.root", "none.root", tolerance="much")


def test_a_value_across_a_cut_and_jets_in_another_order_are_found():
    before = ak.Array([[50.0, 40.0], [31.0, 30.5, 30.5], []])
    promise = Promise(rel(0.1), edges=(30.0,), keeps_order=True)
    for after, entry, faults in (
        ([[50.1, 40.0], [31.0, 30.4, 30.4], []], None, ""),
        ([[50.1, 40.0], [31.0, 29.9, 29.9], []], 1, "2 across a cut"),
        ([[50.1, 40.0], [31.0, 30.6, 30.5], []], 1, "1 in another order"),
        ([[50.1, 40.0], [30.5, 30.5, 30.5], []], 1, "1 in another order"),
        ([[50.1, 56.0], [29.0, 30.5, 30.5], []], 0, "1 in another order"),
    ):
        comparison = ColumnComparison()
        comparison.add(7, before, ak.Array(after), promise)
        assert comparison.first_bad == (None if entry is None else 7 + entry)
        assert comparison.faults == faults


def test_check_knows_the_cuts_of_a_file(tmp_path, monkeypatch):
    jets = make_jets(2000)
    jets["pt"][:] = np.linspace(20, 40, 2000)
    source = write_events(tmp_path / "a.root", jets, np.full(500, 4))
    target = tmp_path / "small.root"
    codec = Codec.bounded(tolerance=0.1, cuts="Jet_pt>30")
    atlasae.compress(source, target, codec=codec)
    assert check(source, target).good
    monkeypatch.setattr("atlasae.quantization.sides.Sides.move", lambda *_: None)
    (bad,) = check(source, target).bad
    assert bad.name == "Jet_pt"
    assert re.fullmatch(r"first in entry \d+; \d across a cut", bad.note)
