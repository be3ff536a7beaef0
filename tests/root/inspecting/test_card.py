"""The card in a compressed file says what its values are, and can be measured again."""

from __future__ import annotations

import json
from dataclasses import replace

import awkward as ak
import jsonschema
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae import Codec
from atlasae.cli.main import main
from atlasae.errors import DamagedFileError, InputError
from atlasae.fidelity.measured import Errors, KeptQuantity, Measured, Pairs
from atlasae.quantization.tolerance import rel
from atlasae.root.container.block_tree import BlockTreeReader
from atlasae.root.container.identity import source_digest
from atlasae.root.container.manifest import Part
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.root.inspecting.card import CollectionCard, Cut, FeatureCard
from atlasae.root.io.file import open_root
from tests.helpers import REPOSITORY, compress, make_jets, write_events
from tests.root.helpers import compress_in_blocks

TOLERANCE = 1e-2  # coarse, so that pairs become equal
SCHEMA = json.loads((REPOSITORY / "docs" / "card.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two sources of several blocks, and what is made of them."""
    path = tmp_path_factory.mktemp("cards")
    for seed, name in enumerate(("a", "b")):
        counts = np.random.default_rng(seed).poisson(3, 400)
        jets = make_jets(counts.sum(), seed)
        jets["pt"][5] = np.nan
        write_events(path / f"{name}.root", jets, counts)
    jets = make_jets(900)
    jets["pt"] = -np.sort(-jets["pt"].reshape(300, 3)).ravel()
    write_events(path / "sorted.root", jets, np.full(300, 3))
    codec = Codec.bounded(tolerance=TOLERANCE).fit(atlasae.read_jets(path / "a.root"))
    for name in ("a", "b"):
        compress_in_blocks(path / f"{name}.root", path / f"{name}_small.root", codec=codec)
    atlasae.merge([path / "a_small.root", path / "b_small.root"], path / "merged.root")
    compress(path / "a.root", path / "packed.root", pack="all")
    return path


def jets_of(path, name):
    with atlasae.open(path) as file:
        return file["Events"][f"Jet_{name}"].array()


def feature(card, branch):
    (found,) = [f for one in card.collections for f in one.features if f.branch == branch]
    return found


def run(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_errors_are_those_of_the_values_in_the_files(folder):
    card = atlasae.card(folder / "a_small.root")
    for name, is_relative in (("pt", True), ("mass", True), ("eta", False)):
        old, new = (
            ak.to_numpy(ak.flatten(jets_of(folder / f"{path}.root", name))).astype(np.float64)
            for path in ("a", "a_small")
        )
        finite = np.isfinite(old)
        error = (new - old)[finite]
        share = error / (TOLERANCE * (np.abs(old[finite]) if is_relative else 1))
        found = feature(card, f"Jet_{name}").errors
        assert (found.values, found.special) == (len(old), np.count_nonzero(~finite))
        assert found.beyond == 0
        assert found.largest == pytest.approx(np.abs(error).max(), rel=1e-3)
        assert found.share == pytest.approx(np.abs(share).max(), rel=1e-3)
        assert found.mean == pytest.approx(share.mean(), rel=1e-3)
        assert found.width == pytest.approx(share.std(), rel=1e-3)
    assert feature(card, "Jet_pt").errors.special == 1
    assert card.broken == ()


@pytest.mark.parametrize("keep_order", [True, False])
def test_the_order_is_that_of_the_values_in_the_files(folder, tmp_path, keep_order):
    codec = Codec.bounded(tolerance=TOLERANCE, keep_order=keep_order, dither=False)
    small = tmp_path / "small.root"
    compress(folder / "sorted.root", small, codec=codec)
    (jets,) = atlasae.card(small).collections
    old, new = (jets_of(path, "pt") for path in (folder / "sorted.root", small))
    gaps = [ak.flatten(pt[:, :-1] - pt[:, 1:]) for pt in (old, new)]
    tied = ak.sum((gaps[0] > 0) & (gaps[1] == 0))
    assert jets.neighbors == Pairs(len(gaps[0]), swapped=0, tied=tied, parted=0)
    assert (tied == 0) == keep_order == jets.keeps_order
    assert jets.leading.number == ak.sum(ak.num(old) > 1)
    assert jets.leading.tied <= tied
    shown = run("info", small, "--card").output
    (line,) = [line for line in shown.splitlines() if "Jet pt: neighbors" in line]
    assert ("the same" in line) == ("yes" in line) == keep_order


def test_cuts_are_kept_and_counted(folder, tmp_path):
    codec = Codec.bounded(tolerance=TOLERANCE, cuts={"pt": [25, 30], "abs(eta)": [2.4]})
    compress(folder / "a.root", tmp_path / "cut.root", codec=codec)
    card = atlasae.card(tmp_path / "cut.root")
    eta = float(np.float32(2.4))
    assert feature(card, "Jet_pt").cuts == (Cut(25.0, 0), Cut(30.0, 0))
    assert feature(card, "Jet_eta").cuts == (Cut(-eta, 0), Cut(eta, 0))
    assert card.broken == ()
    shown = run("info", tmp_path / "cut.root", "--card").output
    assert "none passes 25, 30" in shown
    assert "values that passed one: 0" in shown
    jsonschema.validate(card.to_json(), SCHEMA)
    assert atlasae.check(folder / "a.root", tmp_path / "cut.root", card=True).good


def test_promises_that_are_not_kept_are_named():
    card = CollectionCard(
        "Events", "Jet", "codec", "", 5,
        (FeatureCard("pt", "Jet_pt", rel(1e-3), Errors(5, beyond=2), (Cut(30.0, 1),)),),
        True, Pairs(4, swapped=1, parted=2), None, {}, {"m_jj: 0.001": KeptQuantity(3, beyond=1)}, 0, 0,
    )  # fmt: skip
    assert card.broken == (
        "Jet_pt: values beyond the tolerance: 2",
        "Jet_pt: values that passed 30: 1",
        "m_jj: 0.001: values beyond the tolerance: 1",
        "Jet: neighbors whose order changed: 3",
    )
    assert replace(card, keeps_order=False).broken == card.broken[:3]


def test_kept_quantities_and_their_cost_are_in_the_card(folder, tmp_path):
    codec = Codec.bounded(tolerance=TOLERANCE, keep={"m_jj": 1e-3, "sum(pt)": 1e-3})
    compress(folder / "sorted.root", tmp_path / "kept.root", codec=codec)
    card = atlasae.card(tmp_path / "kept.root")
    (jets,) = card.collections
    assert list(jets.quantities) == ["m_jj: 0.001", "sum(pt): 0.001"]
    assert all(0 < one.share <= 1 and one.beyond == 0 for one in jets.quantities.values())
    assert jets.quantities["m_jj: 0.001"].values == 300
    assert 0 < jets.exact_events <= 300
    assert jets.exact_bytes > 0
    assert jets.observables["m_jj"].largest <= 1e-3
    assert card.broken == ()
    jsonschema.validate(card.to_json(), SCHEMA)
    assert atlasae.check(folder / "sorted.root", tmp_path / "kept.root", card=True).good
    shown = run("info", tmp_path / "kept.root", "--card").output
    assert "m_jj: 0.001" in shown
    assert f"{jets.exact_events} entries have exact values" in shown


def test_the_card_says_what_wrote_the_file_and_from_what(folder):
    card = atlasae.card(folder / "a_small.root")
    with open_root(folder / "a.root") as file:
        digest = source_digest(file)
    size = (folder / "a.root").stat().st_size
    assert [(s.name, s.bytes, s.digest) for s in card.sources] == [("a.root", size, digest)]
    assert card.versions == (atlasae.__version__,)
    (jets,) = card.collections
    with uproot.open(folder / "a_small.root") as file:
        payload = file["atlasae/codecs"]["payload"].array()
    stored = Codec.from_bytes(payload[0].to_numpy().tobytes())
    assert jets.codec == stored.call
    assert [(one.tree, one.packed, one.kept) for one in card.others] == [
        ("Events", 0, 10),
        ("more/Runs", 0, 1),
    ]


@pytest.mark.parametrize(("threads", "step_size"), [(1, 60), (3, 60), (2, 7), (1, "100 MB")])
def test_it_does_not_depend_on_threads_or_steps(folder, tmp_path, threads, step_size):
    small = folder / "a_small.root"
    codec = atlasae.FileCodecs.load(small)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("atlasae.coding.blocks", "atlasae.root.container.part_writers"):
            patch.setattr(f"{module}.BLOCK_JETS", 200)
        target = tmp_path / "again.root"
        compress(folder / "a.root", target, codec=codec, threads=threads, step_size=step_size)
    assert atlasae.card(target).collections == atlasae.card(small).collections


def test_cards_of_files_that_are_merged_become_one(folder):
    cards = [atlasae.card(folder / f"{name}.root") for name in ("a_small", "b_small", "merged")]
    a, b, both = (feature(card, "Jet_mass").errors for card in cards)
    assert both == a.merged(b)
    assert both.values == a.values + b.values
    assert [source.name for source in cards[2].sources] == ["a.root", "b.root"]
    assert cards[2].collections[0].jets == sum(card.collections[0].jets for card in cards[:2])
    assert cards[2].collections[0].leading.number > cards[0].collections[0].leading.number


@pytest.mark.parametrize("name", ["a_small", "packed"])
def test_it_is_measured_again_from_both_files(folder, name):
    result = atlasae.check(folder / "a.root", folder / f"{name}.root", card=True, threads=2)
    assert result.good
    of_card = [(f.path, f.name, f.verdict) for f in result.findings if "card" in f.path + f.name]
    assert of_card[-1] == ("card, source", "", "exact")
    assert of_card[:-1] == ([("Events", "card of Jet", "exact")] if name == "a_small" else [])


@pytest.mark.parametrize("step_size", [7, "100 MB"])
def test_jets_are_decoded_once_for_all_that_is_compared(folder, monkeypatch, step_size):
    taken = []
    block = BlockTreeReader.block
    monkeypatch.setattr(
        BlockTreeReader,
        "block",
        lambda *args, **kwargs: taken.append(args) or block(*args, **kwargs),
    )
    small = folder / "a_small.root"
    assert atlasae.check(folder / "a.root", small, card=True, step_size=step_size).good
    with open_root(small) as file:
        assert len(taken) == len(CompressedTrees(file).container.blocks.numbers["entries"]) > 1


def test_cards_of_merged_files_are_measured_again_part_by_part(folder, tmp_path):
    with uproot.open(folder / "a.root") as a, uproot.open(folder / "b.root") as b:
        counts = np.concatenate([file["Events/nJet"].array() for file in (a, b)])
    jets = {
        name: np.concatenate([ak.flatten(jets_of(folder / f"{x}.root", branch)) for x in "ab"])
        for name, branch in {"m": "mass", "pt": "pt", "phi": "phi", "eta": "eta"}.items()
    }
    both = write_events(tmp_path / "both.root", jets, counts)
    result = atlasae.check(both, folder / "merged.root", card=True)
    of_jets = {f.name: f.verdict for f in result.findings if "card of Jet" in f.name}
    assert of_jets == {f"card of Jet, source {i}": "exact" for i in (1, 2)}
    (source,) = [f for f in result.findings if f.path == "card, source"]
    assert "2 files were merged" in source.note


def test_what_a_card_says_wrongly_is_named(folder, tmp_path, monkeypatch):
    to_json = Part.to_json

    def wrong(part, positions):
        errors = {**part.measured.errors} if part.measured else {}
        if errors:
            errors["pt"] = replace(errors["pt"], share=0.5, beyond=2)
            part = replace(part, measured=replace(part.measured, errors=errors))
        return to_json(part, positions)

    monkeypatch.setattr(Part, "to_json", wrong)
    codec = atlasae.FileCodecs.load(folder / "a_small.root")
    compress(folder / "a.root", tmp_path / "wrong.root", codec=codec)
    result = run("check", folder / "a.root", tmp_path / "wrong.root", "--card")
    assert result.exit_code == 1
    assert "DIFFERS: Events:card of Jet: pt: beyond: the card says 2, the files 0" in result.output
    assert "pt: share: the card says 0.5, the files 1" in result.output.replace("0.99", "1")
    assert run("check", folder / "a.root", tmp_path / "wrong.root").exit_code == 0
    shown = run("info", tmp_path / "wrong.root", "--card").output
    assert "NOT KEPT: Jet_pt: values beyond the tolerance: 2" in shown
    assert "every promise was kept" not in shown


@pytest.mark.parametrize(
    "change",
    [
        lambda measured: measured["errors"].pop("eta"),
        lambda measured: measured["migrations"].pop("pt"),
        lambda measured: measured["migrations"]["pt"].append(0),
    ],
)
def test_a_card_of_other_features_or_cuts_is_damage(folder, tmp_path, monkeypatch, change):
    to_json = Measured.to_json

    def changed(measured):
        stored = to_json(measured)
        change(stored)
        return stored

    monkeypatch.setattr(Measured, "to_json", changed)
    codec = Codec.bounded(tolerance=TOLERANCE, cuts="pt>30")
    compress(folder / "sorted.root", tmp_path / "odd.root", codec=codec)
    with pytest.raises(DamagedFileError, match=r"odd\.root: the card of 'Jet' has other"):
        atlasae.card(tmp_path / "odd.root")


def test_another_original_is_named(folder):
    result = atlasae.check(folder / "b.root", folder / "a_small.root", card=True)
    notes = {
        f.path if not f.name else f.name: f.note for f in result.bad if "card" in f.path + f.name
    }
    assert "another file" in notes["card, source"]
    assert "jets were coded" in notes["card of Jet"]


def test_only_compressed_files_have_a_card(folder):
    with pytest.raises(InputError, match="OTHER has no card"):
        atlasae.check(folder / "a.root", folder / "a.root", card=True)
    with pytest.raises(InputError, match="is not compressed by atlasae"):
        atlasae.card(folder / "a.root")
    assert run("info", folder / "a.root", "--card").exit_code == 2


def test_reordered_entries_are_measured_in_their_order(folder, tmp_path):
    codec = Codec.bounded(tolerance=TOLERANCE, order="free")
    compress_in_blocks(folder / "b.root", tmp_path / "free.root", codec=codec)
    card = atlasae.card(tmp_path / "free.root")
    assert card.broken == ()
    for branch in ("Jet_pt", "Jet_phi", "Jet_eta", "Jet_mass"):
        assert 0.9 < feature(card, branch).errors.share <= 1


def test_nothing_is_measured_of_latents(folder, tmp_path):
    codec = Codec.autoencoder(latent=2, network=(8,), epochs=1)
    counts = np.full(40, 2)
    source = write_events(tmp_path / "a.root", make_jets(80), counts)
    codec.fit(atlasae.read_jets(source))
    compress(source, tmp_path / "latents.root", codec=codec)
    card = atlasae.card(tmp_path / "latents.root")
    found = feature(card, "Jet_pt")
    assert (found.tolerance, found.errors) == (None, None)
    jsonschema.validate(card.to_json(), SCHEMA)
    assert (
        "nothing: atlasae compare measures"
        in run("info", tmp_path / "latents.root", "--card").output
    )
    assert atlasae.check(source, tmp_path / "latents.root", card=True).good


def test_lossless_collections_are_the_same_bit_for_bit(folder, tmp_path):
    codec = Codec.bounded(tolerance="lossless").fit(atlasae.read_jets(folder / "a.root"))
    compress(folder / "a.root", tmp_path / "small.root", codec=codec)
    card = atlasae.card(tmp_path / "small.root")
    errors = feature(card, "Jet_pt").errors
    assert (errors.largest, errors.beyond, errors.ks) == (0, 0, 0)
    assert card.collections[0].observables["m_jj"].largest == 0
    assert "the same, bit for bit" in run("info", tmp_path / "small.root", "--card").output


@pytest.mark.parametrize("entries", [0, 5])
def test_trees_without_jets_have_a_card(folder, tmp_path, entries):
    source = write_events(tmp_path / "a.root", make_jets(0), np.zeros(entries, int))
    codec = Codec.bounded(cuts="pt>30", keep="HT: 1e-3").fit(atlasae.read_jets(folder / "a.root"))
    compress(source, tmp_path / "small.root", codec=codec)
    card = atlasae.card(tmp_path / "small.root")
    assert feature(card, "Jet_pt").errors == Errors()
    assert feature(card, "Jet_pt").cuts == (Cut(30.0, 0),)
    assert card.collections[0].quantities["HT: 0.001"].beyond == 0
    jsonschema.validate(card.to_json(), SCHEMA)
    assert atlasae.check(source, tmp_path / "small.root", card=True).good
    compress(folder / "a.root", tmp_path / "full.root", codec=codec)
    both = [tmp_path / f"{name}.root" for name in ("small", "full")]
    atlasae.merge(both, tmp_path / "both.root")
    merged, full = (atlasae.card(tmp_path / f"{name}.root") for name in ("both", "full"))
    assert merged.collections[0].features == full.collections[0].features


@pytest.mark.parametrize("name", ["a_small", "merged", "packed"])
def test_cards_follow_their_schema(folder, name):
    result = run("info", folder / f"{name}.root", "--card", "--json")
    card = json.loads(result.output)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(card, SCHEMA)
    assert card["broken"] == []
    card["collections"].append({})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(card, SCHEMA)


def test_the_command_prints_a_line_for_each_promise(folder):
    shown = run("info", folder / "a_small.root", "--card").output
    for text in (
        "Jet_pt",
        "error up to 0.01 x value",
        "error up to 0.01 ",
        "order in Jet pt: leading two",
    ):
        assert text in shown
    assert "10 branches left as they were" in shown
    assert "every promise was kept" in shown
    for arguments in (["--branches"], ["--columns"], [folder / "merged.root"]):
        refused = run("info", folder / "a_small.root", "--card", *arguments)
        assert refused.exit_code == 2


def test_many_files_are_checked_with_their_cards(folder, tmp_path):
    atlasae.compress_files(folder / "a.root", tmp_path, jobs=1, allow_larger=True)
    assert run("check", folder / "a.root", tmp_path, "--card", "--jobs", "1").exit_code == 0


def test_it_takes_little_room(tmp_path, monkeypatch):
    with uproot.open(atlasae.sample()) as file:
        arrays = file["Events"].arrays(entry_stop=1000)
    names = [name for name in arrays.fields if not name.startswith("Jet_") and name != "nJet"]
    jets = ak.zip({name[4:]: arrays[name] for name in arrays.fields if name.startswith("Jet_")})
    with uproot.recreate(tmp_path / "a.root") as file:
        out = file.mktree(
            "Events",
            {name: arrays[name].type.content.primitive for name in names}
            | {"Jet": jets.type.content},
        )
        out.extend({name: arrays[name] for name in names} | {"Jet": jets})
    codec = Codec.bounded().fit(jets)
    atlasae.compress(tmp_path / "a.root", tmp_path / "with.root", codec=codec)
    monkeypatch.setattr(Measured, "to_json", lambda _: {})
    atlasae.compress(tmp_path / "a.root", tmp_path / "without.root", codec=codec)
    sizes = [(tmp_path / f"{name}.root").stat().st_size for name in ("with", "without")]
    assert 1 < sizes[0] / sizes[1] < 1.01
