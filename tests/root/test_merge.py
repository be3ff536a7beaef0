from __future__ import annotations

import awkward as ak
import hist
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae import Codec, Selection
from atlasae.cli.main import main
from atlasae.errors import InputError, MissingFileError, TargetExistsError
from atlasae.root.checking.check import check
from atlasae.root.container.restored_tree import open_trees
from atlasae.root.io.file import Trees, make_tree, open_root
from atlasae.root.merge import merge
from tests.helpers import compress, make_jets, write_events

OPTIONS = {
    "blocks": {"codec": "bounded"},
    "dithered": {"codec": "dithered"},
    "packed": {"pack": "all"},
    "ntuples": {"pack": "all", "select": Selection(keep_branches="run,MET_pt"), "to": "rntuple"},
    "latents": {"codec": "autoencoder"},
    "residuals": {"codec": "residuals"},
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory, codec):
    """Two files of other events, compressed in each of the ways, with codecs of their own."""
    folder = tmp_path_factory.mktemp("merging")
    for i, counts in enumerate(([2, 0, 3, 1] * 10, [0, 4] * 15)):
        jets = make_jets(sum(counts), seed=i)
        source = write_events(folder / f"source{i}.root", jets, np.array(counts))
        codecs = {
            "bounded": Codec.bounded().fit(jets),
            "dithered": Codec.bounded(dither=True).fit(jets),
            "autoencoder": codec,
            "residuals": Codec.autoencoder(network=(8,), epochs=1, tolerance=1e-3).fit(jets),
        }
        for way, options in OPTIONS.items():
            given = options | ({"codec": codecs[options["codec"]]} if "codec" in options else {})
            compress(source, folder / f"{way}{i}.root", **given)
    return folder


def both(folder, way):
    return [folder / f"{way}{i}.root" for i in range(2)]


def assert_concatenated(sources, merged):
    with open_root(sources[0]) as a, open_root(sources[1]) as b, open_root(merged) as c:
        one, other, whole = map(open_trees, (a, b, c))
        assert one.keys() == whole.keys()
        for path, tree in whole.items():
            for name in one[path].schema.names:
                pieces = [next(t[path].iterate([name]))[1][name] for t in (one, other)]
                found = ak.concatenate([arrays[name] for _, arrays in tree.iterate([name])])
                assert ak.array_equal(ak.concatenate(pieces), found, equal_nan=True), name


@pytest.mark.parametrize("way", OPTIONS)
def test_merged_files_decode_to_one_after_another(parts, way, tmp_path):
    contents = merge(both(parts, way), tmp_path / "all.root", step_size=13)
    assert contents.entries["Events"] == 70
    assert contents.source == "source0.root, source1.root"
    assert contents.source_bytes == sum(p.stat().st_size for p in both(parts, "source"))
    assert_concatenated(both(parts, way), tmp_path / "all.root")
    atlasae.decompress(tmp_path / "all.root", tmp_path / "back.root")
    assert_concatenated(both(parts, way), tmp_path / "back.root")


@pytest.mark.parametrize("way", ["blocks", "packed", "latents", "residuals"])
def test_files_merged_by_another_tool_do_so_too(parts, way, tmp_path):
    """As hadd does it, which knows nothing of codecs."""
    with uproot.recreate(tmp_path / "all.root") as out:
        sinks = {}
        for part in both(parts, way):
            with uproot.open(part) as file:
                trees = Trees(file)
                for path in trees:
                    tree = trees.raw(path)
                    if path not in sinks:
                        sinks[path] = make_tree(out, "ttree", path, "", tree.schema.branches)
                    sinks[path].extend(tree.tree.arrays(how=dict))
        for sink in sinks.values():
            sink.finish()
    assert_concatenated(both(parts, way), tmp_path / "all.root")


def test_merged_files_merge_again_and_keep_their_promises(parts, tmp_path):
    merge(both(parts, "blocks"), tmp_path / "a.root")
    merge([tmp_path / "a.root", parts / "blocks1.root"], tmp_path / "b.root")
    write = uproot.recreate(tmp_path / "sources.root")
    with write as out:
        trees = {}
        for i in (0, 1, 1):
            with uproot.open(parts / f"source{i}.root") as file:
                for path in ("Events", "more/Runs"):
                    tree = Trees(file)[path]
                    if path not in trees:
                        trees[path] = make_tree(out, "ttree", path, "", tree.schema.branches)
                    trees[path].extend(tree.tree.arrays(how=dict))
        for tree in trees.values():
            tree.finish()
    result = check(tmp_path / "sources.root", tmp_path / "b.root", step_size=9)
    assert result.good
    assert result.counts == {"exact": 11, "within tolerance": 4}


def test_a_codec_stands_once(parts, tmp_path):
    once = parts / "latents0.root"
    merge(both(parts, "latents"), tmp_path / "all.root")
    with uproot.open(tmp_path / "all.root") as file, uproot.open(once) as single:
        assert file["atlasae/codecs"].num_entries == single["atlasae/codecs"].num_entries == 1
        assert file["atlasae/manifests"].num_entries == 2 * single["atlasae/manifests"].num_entries
    merge(both(parts, "blocks"), tmp_path / "all.root", force=True)
    with uproot.open(tmp_path / "all.root") as file:
        assert file["atlasae/codecs"].num_entries == 2


def test_histograms_are_summed_and_other_objects_are_of_the_first(parts, tmp_path):
    merge(both(parts, "packed"), tmp_path / "all.root")
    files = [*both(parts, "source"), tmp_path / "all.root"]
    first, second, both_ = (uproot.open(path) for path in files)
    with first, second, both_:
        for of in ("values", "variances"):
            one, two, three = (getattr(f["cutflow"], of)(flow=True) for f in (first, second, both_))
            assert one.sum() > 0
            np.testing.assert_array_equal(one + two, three)
        entries = [f["cutflow"].member("fEntries") for f in (first, second, both_)]
        assert entries[0] + entries[1] == entries[2]
        assert both_["note"] == "made by a test"


def write_objects(path, weights, objects):
    with uproot.recreate(path) as file:
        file.mktree("t", {"x": np.dtype("f4")}).extend({"x": np.array(weights, "f4")})
        for name, item in objects.items():
            file[name] = item


def whole_numbers(values):
    """A TH1I, which uproot writes of nothing but its own parts."""
    axis = uproot.writing.identify.to_TAxis("x", "", len(values) - 2, 0.0, 1.0)
    data = np.array(values, np.int32)
    return uproot.writing.identify.to_TH1x("h", "", data, 3.0, 3.0, 3.0, 1.0, 1.0, None, axis)


def test_weights_profiles_labels_and_dimensions_are_summed(tmp_path):
    x, y, w = [0.1, 0.3, 0.3, 7], [0.2, 0.2, 0.7, 0.1], [1, 2, 3, 4]
    axes = hist.Hist.new.Reg(4, 0, 1, name="x")
    objects = {
        "weighted": axes.Weight().fill(x, weight=w),
        "profile": axes.Mean().fill(x, sample=w),
        "plane": axes.Reg(3, 0, 1, name="y").Double().fill(x, y),
        "space": axes.Reg(3, 0, 1, name="y").Reg(2, 0, 1, name="z").Double().fill(x, y, y),
        "labels": hist.Hist.new.StrCat(["a", "b"]).Double().fill(["a", "b", "b"]),
        "whole": whole_numbers([0, 1, 2, 2**31 - 9, 0]),
    }
    for i in range(2):
        write_objects(tmp_path / f"{i}.root", w, objects)
        compress(tmp_path / f"{i}.root", tmp_path / f"c{i}.root", pack="all")
    merge([tmp_path / f"c{i}.root" for i in range(2)], tmp_path / "all.root")
    with uproot.open(tmp_path / "0.root") as one, uproot.open(tmp_path / "all.root") as file:
        for name in ("weighted", "plane", "space", "labels"):
            for of in ("values", "variances"):
                before, after = (getattr(f[name], of)(flow=True) for f in (one, file))
                np.testing.assert_array_equal(2 * before, after, name)
            for sum_ in ("fEntries", "fTsumw", "fTsumw2", "fTsumwx", "fTsumwx2"):
                assert file[name].all_members[sum_] == 2 * one[name].all_members[sum_]
        np.testing.assert_allclose(file["profile"].values(), one["profile"].values())
        np.testing.assert_array_equal(
            file["profile"].counts(flow=True), 2 * one["profile"].counts(flow=True)
        )
        assert file["labels"].axis().labels() == ["a", "b"]
        assert list(file["whole"].values()) == [2, 4, 2**31 - 1]  # full, not turned around


def test_what_does_not_match_is_refused(parts, tmp_path):
    first = parts / "packed0.root"
    target = tmp_path / "all.root"

    def refused(other, message):
        with pytest.raises(InputError, match=message):
            merge([first, other], target)
        assert not target.exists()

    refused(parts / "source1.root", r"source1\.root.* is not compressed by atlasae")
    refused(parts / "ntuples1.root", r"ntuples1\.root: tree .* is rntuple here and ttree there")
    refused(parts / "blocks1.root", r"blocks1\.root: tree .* does not match .*packed0\.root")
    for options, message in (
        (
            {"select": Selection(drop="isGood")},
            "branch isGood, restored, is missing here and bool there",
        ),
        (
            {"select": Selection(keep_branches="isGood")},
            "branch isGood, stored, is bool here and missing there",
        ),
    ):
        compress(parts / "source1.root", tmp_path / "b.root", pack="all", force=True, **options)
        refused(tmp_path / "b.root", message)
    counts = np.full(3, 2)
    source = write_events(tmp_path / "a.root", make_jets(6), counts)
    with uproot.update(source) as file:
        file.mktree("extra", {"x": np.dtype("f4")}).extend({"x": np.ones(3, "f4")})
    compress(source, tmp_path / "b.root", pack="all", force=True)
    refused(tmp_path / "b.root", r"b\.root: the trees are .*extra, those of .* are")


def test_histograms_that_do_not_match_are_refused(tmp_path):
    axes = hist.Hist.new.Reg(4, 0, 1, name="x")
    first = axes.Double().fill([0.1, 0.2])
    others = {
        "its bins differ": hist.Hist.new.Reg(4, 0, 2, name="x").Double(),
        "it is a TH2D, in another file it is a TH1D": axes.Reg(2, 0, 1, name="y").Double(),
    }
    write_objects(tmp_path / "0.root", [1, 2], {"h": first})
    compress(tmp_path / "0.root", tmp_path / "c0.root", pack="all")
    for message, item in others.items():
        write_objects(tmp_path / "1.root", [1, 2], {"h": item})
        compress(tmp_path / "1.root", tmp_path / "c1.root", pack="all", force=True)
        with pytest.raises(InputError, match=rf"c1\.root: histogram 'h': .*{message}"):
            merge([tmp_path / "c0.root", tmp_path / "c1.root"], tmp_path / "all.root")
    assert not (tmp_path / "all.root").exists()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_weights_in_one_file_only_are_summed_as_hadd_does(tmp_path, root, order):
    axes = hist.Hist.new.Reg(4, 0, 1, name="x")
    x, y, w = [0.1, 0.3, 0.3, 7], [0.2, 0.2, 0.7, 0.1], [1, 2, 3, 4]
    plane = axes.Reg(3, 0, 1, name="y")
    objects = [
        {"line": axes.Double().fill(x), "plane": plane.Double().fill(x, y)},
        {"line": axes.Weight().fill(x, weight=w), "plane": plane.Weight().fill(x, y, weight=w)},
    ]
    for i in range(2):
        write_objects(tmp_path / f"{i}.root", w, objects[i])
        compress(tmp_path / f"{i}.root", tmp_path / f"c{i}.root", pack="all")
    merge([tmp_path / f"c{i}.root" for i in order], tmp_path / "all.root")
    merger = root.TFileMerger(False)
    merger.OutputFile(str(tmp_path / "hadd.root"), "RECREATE")
    assert all(merger.AddFile(str(tmp_path / f"{i}.root")) for i in order)
    assert merger.Merge()
    with uproot.open(tmp_path / "all.root") as ours, uproot.open(tmp_path / "hadd.root") as theirs:
        for name in ("line", "plane"):
            for of in ("values", "variances"):
                one, other = (getattr(file[name], of)(flow=True) for file in (ours, theirs))
                np.testing.assert_array_equal(one, other)
            assert ours[name].variances(flow=True).sum() == 4 + 30


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_profiles_with_weights_in_one_file_only(tmp_path, root, order):
    """hadd loses or forgets squared weights here: those of weight one are the entries of a bin."""
    for i, weights in enumerate(([1.0, 1.0, 1.0], [2.0, 3.0, 0.5])):
        file = root.TFile(str(tmp_path / f"{i}.root"), "RECREATE")
        profile = root.TProfile("profile", "", 2, 0, 1)
        if i:
            profile.Sumw2()
        for x, weight in zip((0.1, 0.2, 0.7), weights, strict=True):
            profile.Fill(x, 1.0, weight)
        profile.Write()
        file.Close()
        with uproot.update(tmp_path / f"{i}.root") as out:
            out.mktree("t", {"x": np.dtype("f4")}).extend({"x": np.ones(3, "f4")})
        compress(tmp_path / f"{i}.root", tmp_path / f"c{i}.root", pack="all")
    merge([tmp_path / f"c{i}.root" for i in order], tmp_path / "all.root")
    with uproot.open(tmp_path / "all.root") as file:
        members = file["profile"].all_members
        assert list(members["fBinSumw2"]) == [0, 2 + 4 + 9, 1 + 0.25, 0]
        assert list(members["fBinEntries"]) == [0, 2 + 5, 1.5, 0]


def test_targets_and_sources_are_safe(parts, tmp_path):
    sources = both(parts, "packed")
    with pytest.raises(InputError, match="no files to merge"):
        merge([], tmp_path / "all.root")
    with pytest.raises(InputError, match="same file"):
        merge(sources, sources[1], force=True)
    with pytest.raises(MissingFileError):
        merge([*sources, tmp_path / "none.root"], tmp_path / "all.root")
    assert list(tmp_path.iterdir()) == []
    merge(sources, tmp_path / "all.root")
    with pytest.raises(TargetExistsError):
        merge(sources, tmp_path / "all.root")


def test_the_command(parts, tmp_path):
    arguments = ["merge", *both(parts, "packed"), tmp_path / "all.root"]
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "Events: 70 entries" in result.output
    arguments[1] = parts / "source0.root"
    result = CliRunner().invoke(main, [*map(str, arguments), "--force"])
    assert result.exit_code == 2
    assert "is not compressed" in result.output
