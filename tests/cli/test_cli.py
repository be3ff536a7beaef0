from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from itertools import cycle
from unittest.mock import ANY

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec
from atlasae.cli.main import main
from atlasae.cli.output import print_notes
from atlasae.progress import progress_bar
from atlasae.root.io.new_file import new_file
from atlasae.root.io.new_ttree import NewTTree
from atlasae.root.io.stamp import EARLIEST, Stamp
from tests.helpers import make_jets


@pytest.fixture(scope="module")
def codec_file(codec, tmp_path_factory):
    path = tmp_path_factory.mktemp("codec") / "codec.safetensors"
    codec.save(path)
    return path


def test_info_shows_the_model_cards_of_codecs(run, events_file, tmp_path):
    one, all_ = tmp_path / "one.safetensors", tmp_path / "all.safetensors"
    run("fit", events_file, one, "--collection", "Jet")
    run("fit", events_file, all_)
    for path in (one, all_):
        shown = run("info", path).output
        assert "Jet: Codec.bounded(tolerance=0.001)" in shown
        assert "from events.root" in shown
        (described,) = json.loads(run("info", path, "--json").stdout)["codecs"].values()
        card = described["model_card"]
        assert card["measure"] == "bits per jet"
        assert card["jets"] == 1000
        assert described["tolerances"]["pt"] == "rel(0.001)"
    assert "describe compressed files" in run("info", one, "--card", code=2).stderr


def test_a_trained_codec_with_a_tolerance_says_what_its_errors_are(run, events_file, tmp_path):
    codec = tmp_path / "bounded.safetensors"
    options = ("--epochs", 1, "--network", "16,8", "--tolerance", "1e-2")
    trained = run("train", events_file, codec, *options).stdout
    assert re.search(r"loss [\d.]+ and [\d.]+ bits of residuals per jet on held-out jets", trained)
    shown = run("info", codec).stdout
    assert "tolerance rel(0.01)" in shown
    assert "the errors are those of latents alone" in shown


def test_compress_info_decompress_compare(run, events_file, codec_file, tmp_path, few_figures):
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    shown = run(
        "compress", events_file, small, "--codec", codec_file, "--step-size", 100, "--verify"
    ).output
    assert f"verified against {events_file}: every value is as promised" in shown
    contents = atlasae.info(small)
    assert f"ratio {contents.ratio:.3f}, codecs included" in shown
    assert f"{contents.file_bytes:,}" in shown
    assert "Jet" in run("info", small).output
    assert "written" in run("decompress", small, back).output
    assert ak.array_equal(atlasae.read_jets(back).pt, atlasae.read_jets(small).pt)
    few_figures(2)
    report = tmp_path / "report"
    shown = run("compare", events_file, small, back, "-o", report, "--experiment", "CMS").output
    assert "small: Nothing is promised." in shown  # an autoencoder
    assert "neighbors in pt" in shown
    assert "4 figures; " in shown
    assert {path.name for path in report.iterdir()} == {
        "index.html", "summary.json", "captions.md", "figures",
    }  # fmt: skip
    summary = json.loads((report / "summary.json").read_text())
    assert [file["name"] for file in summary["files"]] == ["small", "back"]
    assert summary["command"].endswith("--experiment CMS")


def test_compare_with_bins_and_weights(run, compressed_file, events_file, tmp_path, few_figures):
    few_figures(1)
    report, edges = tmp_path / "report", tmp_path / "edges.txt"
    edges.write_text("pt: 25, 40  # GeV\n")
    for bins in ("pt: 25, 40", edges):
        options = ("--bins", bins, "--weight", "event")
        run("compare", events_file, compressed_file, "-o", report, *options)
        summary = json.loads((report / "summary.json").read_text())
        assert summary["weighted"]
        assert summary["files"][0]["migrations"]["pt"]["edges"] == [25, 40]
        assert summary["command"].endswith("--bins 'pt: 25.0, 40.0' --weight event")


def test_info_of_branches(run, compressed_file):
    rows = json.loads(run("info", compressed_file, "--branches", "--json").stdout)["branches"]
    assert "branches" not in json.loads(run("info", compressed_file, "--json").stdout)
    shown = run("info", compressed_file, "--branches").output
    for row in rows:
        name = re.escape(f"{row['tree']}: {row['name']}")
        assert re.search(rf"{name} .* {row['after']:,} ", shown)


def test_train_and_decode(run, events_file, tmp_path):
    codec, array = tmp_path / "c.safetensors", tmp_path / "reduced_features.npy"
    shown = run(
        "train", events_file, codec, "--epochs", 2, "--network", "16,8", "--activation", "relu",
        "--latent", 2, "--scaling", "log",
    ).output  # fmt: skip
    assert "activation='relu'" in shown
    trained = Codec.load(codec)
    assert (trained.latent, trained.scaling, trained.network) == (2, "log", (16, 8))
    run("decode", events_file, "--codec", codec, "--npy", array)
    assert np.load(array).shape == (1000, 4)


def test_export_onnx(run, codec, events_file, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed: pip install 'atlasae[onnx]'")
    codec.save(tmp_path / "c.safetensors")
    target = tmp_path / "decoder.onnx"
    shown = run("export-onnx", tmp_path / "c.safetensors", target, "--part", "decoder").output
    assert shown == f"{target}: decoder of m, pt, phi, eta\n"
    assert target.stat().st_size > 1000
    again = run("export-onnx", tmp_path / "c.safetensors", target, code=2).output
    assert "--force" in again
    run("fit", events_file, tmp_path / "b.safetensors", "--collection", "Jet")
    other = tmp_path / "other.onnx"
    refused = run("export-onnx", tmp_path / "b.safetensors", other, code=2).output
    assert "has no network" in refused
    assert not other.exists()


def test_dither(run, events_file, tmp_path):
    codec, ours = tmp_path / "c.safetensors", [tmp_path / f"{i}.root" for i in range(3)]
    run("fit", events_file, codec, "--tolerance", "1e-2", "--dither")
    run("compress", events_file, ours[0], "--codec", codec)
    run("compress", events_file, ours[1], "--tolerance", "1e-2", "--dither")
    run("compress", events_file, ours[2], "--tolerance", "1e-2", "--no-dither")
    for path in ours[:2]:
        assert "dither=True" in run("info", path).output
        run("check", events_file, path)
    assert "dither=True" not in run("info", ours[2]).output
    distinct = [len(np.unique(ak.flatten(atlasae.read_jets(path)).eta)) for path in ours]
    assert distinct[0] == distinct[1] > 1.5 * distinct[2]


def test_fit_once_and_compress_with_it(run, events_file, tmp_path):
    codec, small = tmp_path / "c.safetensors", tmp_path / "small.root"
    shown = run("fit", events_file, codec, "--tolerance", "pt=1e-2,eta=1e-4").output
    assert "bits per jet on held-out jets" in shown
    run("compress", events_file, small, "--codec", codec)
    before, after = (ak.flatten(atlasae.read_jets(path)) for path in (events_file, small))
    assert ak.all(abs(after.pt - before.pt) <= 1e-2 * before.pt)
    assert ak.all(abs(after.eta - before.eta) <= 1e-4)
    run("fit", events_file, codec, code=2)


def test_fit_codecs_of_many_files(run, events_file, tmp_path):
    codecs, small = tmp_path / "codecs.safetensors", tmp_path / "small.root"
    more = shutil.copy(events_file, tmp_path / "more.root")
    shown = run("fit", events_file, more, codecs).output
    assert re.search(r"Events: Jet: Codec.bounded\(.*\), [\d.]+ bits per jet on held-out", shown)
    assert f"{codecs} written" in shown
    run("compress", events_file, small, "--codec", codecs, "--verify")
    run("compress", events_file, tmp_path / "again.root", "--codec", small)
    shown = run("info", small, "--columns").output
    assert re.search("event .* alone", shown)
    columns = json.loads(run("info", small, "--json").stdout)["columns"]
    assert {"tree": "Events", "branch": "event", "coded": "alone"}.items() <= columns[0].items()
    shown = run("fit", events_file, more, codecs, "--collection", "Jet", "--force", code=2)
    assert "one codec is fitted to one file, not 2" in shown.stderr
    shown = run("fit", events_file, small, events_file, "--force", code=2).stderr
    assert "same file" in shown


def test_a_codec_of_one_collection_knows_it(run, events_file, tmp_path):
    codec = tmp_path / "jets.safetensors"
    run("fit", events_file, codec, "--collection", "Jet")
    assert Codec.load(codec).collection == "Jet"


def test_decode_a_compressed_file(run, compressed_file, tmp_path):
    array = tmp_path / "a.npy"
    shown = run("decode", compressed_file, "--npy", array).output
    assert "1000 jets, mass, pt, phi, eta" in shown
    jets = ak.flatten(atlasae.read_jets(compressed_file))
    np.testing.assert_array_equal(np.load(array)[:, 1], ak.to_numpy(jets.pt))


def test_jet_pickles_are_taken(run, tmp_path):
    pandas = pytest.importorskip("pandas")
    source = tmp_path / "jets.pkl"
    pandas.DataFrame(make_jets(200)).to_pickle(source)
    codec, array = tmp_path / "c", tmp_path / "a.npy"
    run("train", source, codec, "--epochs", 1, "--network", "8")
    run("decode", source, "--codec", codec, "--npy", array)
    assert np.load(array).shape == (200, 4)


def test_errors_are_one_line_and_exit_code_2(run, events_file, codec_file, tmp_path):
    target = tmp_path / "x.root"
    text = tmp_path / "text.root"
    text.write_text("hello")
    bad = {
        ("compress", "none.root", target): "no file 'none.root'",
        ("compress", text, target): "is not a ROOT file",
        ("compress", events_file, text): "--force",
        ("compress", events_file, target, "--tree", "Evnts"): "did you mean 'Events'",
        ("compress", events_file, target, "--collection", "Jt"): "did you mean 'Jet'",
        ("compress", events_file, target, "--codec", "none"): "no codec file",
        ("compress", events_file, target, "--codec", text): "not a codec",
        ("compress", events_file, target, "--latent", 4): "would compress nothing",
        ("compress", events_file, target, "--codec", codec_file, "--latent", 2): "give only one of",
        ("compress", events_file, target, "--codec", codec_file, "--order", "free"): "cannot be",
        (
            "compress",
            events_file,
            target,
            "--codec",
            codec_file,
            "--dither",
        ): "promise of the bounded codec",
        ("compress", events_file, target, "--order", "free", "--dither"): "or dither=False",
        ("compress", events_file): "Missing argument 'TARGET'",
        ("compress", events_file, target, "--json"): "--dry-run",
        ("compress", events_file, "--dry-run", "--collection", "Jt"): "did you mean 'Jet'",
        ("compress", events_file, target, "--tolerance", "much"): "much",
        ("compress", events_file, target, "--tolerance", "p=1"): "no feature 'p'",
        ("compress", events_file, target, "--latent", 0): "must be an integer from 1 to",
        ("compress", events_file, target, "--step-size", "many"): "many",
        ("decompress", events_file, target): "not compressed by atlasae",
        ("decode", events_file, "--npy", target): "not compressed by atlasae",
        ("info", events_file): "not compressed by atlasae",
        ("compare", events_file, "none.root", "-o", target): "no file 'none.root'",
        ("compare", events_file, events_file, "-o", target, "--tree", "Evts"): "'Events'",
        ("compare", events_file, atlasae.sample(), "-o", target): "not the same events",
        (
            "compare",
            events_file,
            events_file,
            "--experiment",
            "CDF",
        ): "is not one of 'plain', 'ATLAS', 'CMS'",
        ("compare", events_file, events_file, "--rates", text): "not a result of benchmarks",
        ("compare", events_file, events_file, "--bins", "pt:x"): "cannot read 'x' in cuts",
        ("compare", events_file, events_file, "--weight", "Jet_pt"): "is not one number per event",
        ("compare", events_file, events_file, "--weight", "evnt"): "did you mean 'event'",
        ("train", events_file, target, "--activation", "tan"): "'tan' is not one of 'tanh'",
        ("train", events_file, target, "--network", "8,b"): "nor a list of widths",
        ("train", events_file, target, "--network", "orignal"): "did you mean 'original'",
        ("train", "none.pkl", target): "none.pkl",
    }
    for arguments, message in bad.items():
        result = run(*arguments, code=2)
        assert result.stdout == ""
        phases = ("fitting ", "writing ", "drawing ")
        lines = [line for line in result.stderr.splitlines() if not line.startswith(phases)]
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("atlasae: ")
        assert message in lines[0]
    assert not target.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"text.root"}


def test_an_option_without_a_value_is_not_its_default(run, events_file, tmp_path):
    """As ``--tolerance "$UNSET"`` in a script gives it; the message lists what it takes."""
    command = "compress", events_file, tmp_path / "small.root"
    others = {
        ("compare", events_file, events_file, "-o", ""): "--output has no value",
        ("decode", events_file, "--codec", ""): "--codec has no value",
        ("check", events_file, events_file, "--tolerance", " "): "nanoaod or lossless",
        ("merge", events_file, "", tmp_path / "a.root"): "SOURCES has no value",
        ("info", ""): "FILES has no value",
        (*command, "--tolerance="): "nanoaod or lossless",
        (*command, "--collection", ","): "names nothing",
        (*command, "--tolerance", "eta=10"): "give less than 3.14",
    }
    names = ("tolerance", "collection", "tree", "branches", "keep", "drop", "codec", "step-size")
    every = {(*command, f"--{name}", ""): f"--{name} has no value" for name in names} | others
    for arguments, message in every.items():
        shown = run(*arguments, code=2).stderr
        assert message in shown
        assert shown.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_source_and_target_that_are_swapped(run, events_file, compressed_file, codec_file):
    """The message is about the source: ``--force`` would not help."""
    swapped = {
        ("compress", compressed_file, events_file): "is already compressed",
        ("compress", "none.root", events_file): "no file 'none.root'",
        ("decompress", events_file, compressed_file): "is not compressed",
        ("merge", events_file, compressed_file): "is not compressed",
        ("merge", "none.root", compressed_file, compressed_file): "no file 'none.root'",
        ("fit", codec_file, events_file): str(codec_file),
        ("train", codec_file, events_file): str(codec_file),
        ("decode", events_file, "--npy", codec_file): "is not compressed",
        ("decode", codec_file, "--codec", codec_file, "--npy", events_file): str(codec_file),
    }
    for arguments, message in swapped.items():
        shown = run(*arguments, code=2).stderr
        assert message in shown
        assert "--force" not in shown


def test_nothing_is_said_to_start_that_is_refused_at_once(run, events_file, tmp_path):
    pandas = pytest.importorskip("pandas")
    few, more = tmp_path / "few.pkl", tmp_path / "more.pkl"
    pandas.DataFrame(make_jets(1)).to_pickle(few)
    pandas.DataFrame(make_jets(9) | {"btag": np.zeros(9)}).to_pickle(more)
    target = tmp_path / "target"
    for arguments, message in {
        ("fit", few, target): "too few jets",
        ("fit", more, target): "would lose 'btag'",
        ("fit", events_file, target, "--tolerance", "2"): "must be below 0.5",
        ("fit", events_file, target, "--tolerance", "btag=0"): "no feature 'btag'",
        ("train", few, target): "too few jets",
        ("train", events_file, target, "--latent", 4): "would compress nothing",
        ("compress", events_file, target, "--tolerance", "2"): "must be below 0.5",
        ("compress", events_file, target, "--latent", 4): "would compress nothing",
    }.items():
        shown = run(*arguments, code=2).stderr
        assert message in shown
        assert shown.count("\n") == 1


def test_a_codec_of_other_dtypes_says_what_to_do_before_anything_is_written(
    run, events_file, tmp_path
):
    codec = tmp_path / "codec"
    Codec.bounded().fit({name: v.astype(float) for name, v in make_jets(50).items()}).save(codec)
    for arguments in (
        ("compress", events_file, tmp_path / "a.root", "--codec", codec),
        ("decode", "-q", events_file, "--npy", tmp_path / "a.npy", "--codec", codec),
    ):
        shown = run(*arguments, code=2).stderr
        assert f"{events_file}: " in shown
        assert "float32, the codec was fitted to float64: " in shown
        assert "as atlasae fit does to those of a file" in shown
        assert shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == [codec]


def test_a_comparison_that_fails_leaves_nothing(
    run, events_file, compressed_file, tmp_path, monkeypatch
):
    def fail(*_):
        raise atlasae.InputError("it cannot be drawn")

    monkeypatch.setattr("atlasae.report.compare.page", fail)
    monkeypatch.setattr("atlasae.report.compare.figures_of", lambda *_: [])
    run("compare", events_file, compressed_file, "-o", tmp_path / "report", code=2)
    assert not list(tmp_path.iterdir())
    file = tmp_path / "small.root"
    file.touch()
    shown = run("compare", "none.root", "none.root", "-o", file, code=2)
    assert "it is a file; name a directory" in shown.stderr


def test_what_is_read_is_never_overwritten(run, events_file, compressed_file, codec_file, tmp_path):
    source, small, codec = (tmp_path / name for name in ("a.root", "small.root", "codec.st"))
    for path, original in ((source, events_file), (small, compressed_file), (codec, codec_file)):
        path.write_bytes(original.read_bytes())
    before = {path: path.read_bytes() for path in (source, small, codec)}
    for arguments in (
        ("compress", source, source),
        ("compress", source, codec, "--codec", codec),
        ("decompress", small, small),
        ("merge", small, small),
        ("fit", source, source),
        ("train", source, source),
        ("decode", small, "--npy", small),
        ("decode", source, "--codec", codec, "--npy", codec),
    ):
        shown = run(*arguments, "--force", code=2)
        assert "same file" in shown.stderr
        assert shown.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in before} == before


def test_hostile_pickles_are_refused(run, tmp_path):
    source = tmp_path / "jets.pkl"
    source.write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    result = run("train", source, tmp_path / "c", code=2)
    assert "os.system" in result.stderr


def test_branches_left_out_are_named(run, tmp_path, codec_file):
    counts = np.full(20, 2)
    jets = make_jets(40)
    data = {f"Jet_{n}": ak.unflatten(v, counts) for n, v in jets.items()}
    data["cells"] = ak.unflatten(np.ones((40, 3), np.float32), counts)
    types = dict.fromkeys(data, "var * float32") | {"cells": "var * 3 * float32"}
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("Events", types, counter_name=lambda n: f"n{n[:3]}").extend(data)
    command = ["compress", tmp_path / "a.root", tmp_path / "b.root", "--codec", codec_file]
    command += ["--pack", "none", "--allow-larger"]
    assert "--drop-unwritable" in run(*command, code=2).stderr
    result = run(*command, "--drop-unwritable")
    assert "LEFT OUT: Events:cells: float[][3]" in result.stderr


@pytest.fixture
def tiny(tmp_path):
    """A file that cannot become smaller: it has nothing but a few jets."""
    path = tmp_path / "tiny.root"
    jets = {f"Jet_{name}": values for name, values in make_jets(50).items()}
    with new_file(path, uproot.LZMA(9), Stamp("tiny.root", EARLIEST, "")) as file:
        types = dict.fromkeys(jets, "var * float32")
        tree = NewTTree(file, "Events", types, counter_name=lambda _: "nJet")
        tree.extend({name: ak.unflatten(values, np.full(25, 2)) for name, values in jets.items()})
        tree.finish()
    return path


def test_a_target_larger_than_its_source_is_refused_with_exit_code_1(run, tiny, tmp_path):
    target = tmp_path / "b.root"
    size = f"{tiny.stat().st_size:,}"
    for more, way_out in {(): "--allow-larger", ("--pack", "none"): "--pack all"}.items():
        result = run("compress", "-q", tiny, target, "--tolerance", "lossless", *more, code=1)
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"atlasae: {target} would take ")
        assert size in line
        assert way_out in line
        assert result.stdout == ""
        assert not target.exists()
    run("compress", tiny, target, "--tolerance", "lossless", "--allow-larger")
    assert target.stat().st_size > tiny.stat().st_size
    with pytest.raises(atlasae.LargerTargetError, match="allow_larger=True"):
        atlasae.compress(tiny, target, force=True)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(run, events_file, tmp_path):
    small = tmp_path / "small.root"
    for target in ([], [small]):
        result = run("compress", events_file, *target, "--dry-run", "--tolerance", "pt=1e-2")
        assert not small.exists()
    assert "rel(0.01)" in result.stdout
    assert "collections found: Jet" in result.stdout
    assert "LEFT OUT" not in result.stderr
    shown = run("compress", events_file, "--dry-run", "--json", "--drop", "run").stdout
    plan = json.loads(shown)
    assert plan["left_out"] == {"Events:run": "left out as requested", "more/Runs:run": ANY}
    assert plan["ratio"] == plan["source_bytes"] / plan["expected_bytes"]
    assert {part["how"] for part in plan["parts"]} > {"packed"}
    run("compress", events_file, small, "--drop", "run")
    assert atlasae.info(small).file_bytes == pytest.approx(plan["expected_bytes"], rel=0.15)


def test_a_dry_run_ends_as_the_run_would(run, tiny):
    assert "expected ratio 0." in run("compress", tiny, "--dry-run", code=1).stdout
    run("compress", tiny, "--dry-run", "--allow-larger")


def test_help_is_fast_and_complete():
    code = "import sys\nfrom atlasae.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\nprint('loaded', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.partition("loaded")[2].split()
    assert not {"torch", "uproot", "matplotlib"} & set(loaded)
    for command in ("fit", "train", "compress", "decompress", "decode", "info", "compare", "demo"):
        assert command in run.stdout


@pytest.fixture(scope="module")
def few_events(tmp_path_factory):
    """The shipped sample, cut to 2,000 events."""
    path = tmp_path_factory.mktemp("sample") / "dijets.root"
    with uproot.open(atlasae.sample()) as source, uproot.recreate(path) as target:
        tree = source["Events"]
        names = [name for name in tree.keys() if name != "nJet"]  # noqa: SIM118  (a tree)
        arrays = tree.arrays(names, entry_stop=2000)
        types = {name: arrays[name].type.content for name in names}
        target.mktree("Events", types, counter_name=lambda _: "nJet")
        target["Events"].extend({name: arrays[name] for name in names})
    return path


@pytest.mark.parametrize("sample", ["cut", pytest.param("whole", marks=pytest.mark.slow)])
def test_the_demonstration(run, tmp_path, monkeypatch, few_figures, few_events, sample):
    from atlasae.cli import demo

    monkeypatch.setattr(demo, "EPOCHS", 1)
    if sample == "cut":
        monkeypatch.setattr(atlasae, "sample", lambda _: few_events)
    few_figures(3)
    out = tmp_path / "demo"
    out.mkdir()
    (out / "bounded.root").write_text("of an earlier run")
    shown = run("demo", "-o", out).output
    assert "ratio" in shown
    assert "compressed: " in shown
    assert re.search(r"bounded: pt of the worst jet off by .*keeps its tolerance", shown)
    assert re.search(r"autoencoder: pt of the worst jet off by .*keeps no bound", shown)
    names = {path.name for path in out.iterdir()}
    assert names == {
        *("bounded.root", "bounded-restored.root", "bounded.safetensors", "report"),
        *("autoencoder.root", "autoencoder-restored.root", "autoencoder.safetensors"),
        "reduced_features.npy",
    }
    assert len(list((out / "report" / "figures").glob("*.png"))) == 3
    assert atlasae.info(out / "bounded.root").ratio > (2 if sample == "whole" else 1)


@pytest.mark.parametrize("command", ["compress", "train"])
def test_help_says_what_an_autoencoder_costs(run, command):
    shown = " ".join(run(command, "--help").output.split())
    assert "no bound" in shown
    assert "2 % on the mass" in shown
    assert "some jets come back far off" in shown


def test_the_sample_says_how_it_was_made():
    provenance = json.loads(atlasae.sample("dijets").with_suffix(".json").read_text())
    assert provenance["events"] == 20_000
    assert "pythia8mc" in provenance["versions"]


def test_the_choices_are_those_of_the_library():
    """Written again in the commands, so that their help loads neither uproot nor matplotlib."""
    from atlasae.plots.style import EXPERIMENTS
    from atlasae.root.planning.plan import PACKS, TARGETS

    for command, option, choices in (
        ("compress", "pack", PACKS),
        ("compress", "to", TARGETS),
        ("decompress", "to", TARGETS),
        ("compare", "experiment", EXPERIMENTS),
    ):
        (found,) = [p for p in main.commands[command].params if p.name == option]
        assert tuple(found.type.choices) == tuple(choices)


def test_threads(run, events_file, tmp_path):
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    run("compress", events_file, small, "--threads", 2)
    run("decompress", small, back, "--threads", 2)
    run("check", events_file, small, "--threads", 2)
    for command in (
        ("compress", events_file, small, "--force"),
        ("decompress", small, back, "--force"),
        ("check", events_file, small),
    ):
        shown = run(*command, "--threads", 0, code=2).output
        assert shown == "atlasae: threads=0: give a number from 1 on\n"


def test_names_are_printed_as_text(run, events_file, codec_file, tmp_path):
    """Names that rich would take for markup, and characters that terminals obey."""
    source = tmp_path / "[red] :smile: \x1b[31m\n\udcff.root"
    small, back, codec = (tmp_path / f"[b] :x:{name}" for name in ("a.root", "b.root", "c.st"))
    source.write_bytes(events_file.read_bytes())
    shown = [
        run("compress", source, small, "--codec", codec_file, "--verify"),
        run("info", small),
        run("check", source, small),
        run("decompress", small, back),
        run("fit", source, codec, "--tolerance", "lossless"),
        run("decode", small, "--npy", tmp_path / "[b] :x:.npy"),
        run("compress", source, small, code=2),
    ]
    for result in shown:
        assert "\x1b" not in result.output
        in_one_line = "".join(result.output.split())  # long names are broken
        assert "[b]:x:" in in_one_line or result is shown[2]
    assert shown[-1].stderr.count("\n") == 1


def test_a_tree_of_any_name_has_a_progress_bar(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("entries") as bar:
        bar.add_task("restoring [/]")
        bar.refresh()


def test_each_phase_is_a_line_where_there_is_no_terminal(run, events_file, tmp_path, caplog):
    small, back, both, codec = (tmp_path / name for name in ("a.root", "b.root", "c.root", "c.st"))
    phases = {
        ("compress", events_file, small, "--verify"): ["fitting ", "writing ", "comparing "],
        ("decompress", small, back): ["writing ", "writing "],
        ("merge", small, small, both): ["adding ", "adding "],
        ("fit", events_file, codec): ["fitting "],
        ("decode", small, "--npy", tmp_path / "a.npy"): ["reading "],
        ("decode", events_file, "--codec", codec, "--npy", tmp_path / "b.npy"): [
            "reading ",
            "encoding ",
        ],
    }
    reading = {
        ("check", events_file, small): ["comparing ", "comparing "],
        ("info", small): ["reading "],
    }
    quiet = cycle(["-q", "--quiet"])
    for arguments, expected in (phases | reading).items():
        force = ["--force"] if arguments in phases else []
        found = run(*arguments, *force, next(quiet))
        assert not any(phase in found.stderr for phase in expected)
        assert found.stdout
        said = shown = run(*arguments, *force).stderr
        for phase in expected:
            line, _, shown = shown.partition(phase)[2].partition("\n")
            assert line
        if arguments[0] in ("compress", "decompress", "check"):
            assert len(said) < len(run(*arguments, *force, "-v").stderr)
    caplog.clear()
    atlasae.compress(events_file, small, force=True)
    assert "fitting Codec.bounded() to 1,000 jets of Events: Jet" in caplog.messages


def test_equal_notes_are_one_line(capsys):
    counter, vector = "counter, uint32 becomes int32", "std::vector, becomes a jagged array"
    changed = {"Events:nJet": counter, "Events:x": vector, "Events:nMuon": counter}
    print_notes(changed, {"Events:a": "a union"})
    assert capsys.readouterr().err.splitlines() == [
        f"changed: Events:nJet, Events:nMuon: {counter}",
        f"changed: Events:x: {vector}",
        "LEFT OUT: Events:a: a union",
    ]
