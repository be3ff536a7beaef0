"""Codecs of whole files: learned from some, used for others."""

from __future__ import annotations

import logging
import re

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec, FileCodecs, Selection
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.columns.fitting import MOST_DEPTH
from atlasae.errors import DamagedFileError, InputError, MissingNameError
from atlasae.root.container.container import stored_codecs
from atlasae.root.fitting.codec_files import load_codecs
from atlasae.root.inspecting.column_coding import ADAPTIVE, ALONE
from atlasae.root.inspecting.info import PACKED
from tests.helpers import make_jets
from tests.root.helpers import damage

EVENTS = 900


def write_nano(path, seed, *, unit=1.0, without=(), extra=(), kind=np.float32):
    """Jets and muons, flags that are cuts, and a sum; ``without`` some branches."""
    rng = np.random.default_rng(seed)
    counts = {"Jet": rng.poisson(3, EVENTS), "Muon": rng.poisson(2, EVENTS)}
    data, types = {}, {}
    for name, own in counts.items():
        jets = make_jets(own.sum(), seed, unit)
        for feature, values in {**jets, "tight": jets["pt"] > 30 * unit}.items():
            dtype = values.dtype if feature == "tight" or name == "Jet" else np.dtype(kind)
            branch = f"{name}_{'mass' if feature == 'm' else feature}"
            data[branch] = ak.unflatten(values.astype(dtype), own)
            types[branch] = f"var * {dtype}"
    data["HT"] = ak.to_numpy(ak.sum(data["Jet_pt"], axis=1)).round(1)
    data |= {f"fired{cut}": data["HT"] > cut for cut in range(50, 150, 4)}
    data |= dict.fromkeys(extra, np.arange(EVENTS))
    data = {name: values for name, values in data.items() if not name.startswith(tuple(without))}
    types = {name: types.get(name) or values.dtype for name, values in data.items()}
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", types, counter_name=lambda name: f"n{name.partition('_')[0]}")
        tree.extend(data)
    return path


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    return [write_nano(folder / f"{seed}.root", seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def codecs(sources):
    return FileCodecs.fit(sources, codec=Codec.bounded(tolerance=1e-2))


@pytest.fixture
def other(tmp_path):
    return write_nano(tmp_path / "other.root", 3)


def compress(source, codec, **options):
    target = source.with_name(f"{source.stem}_small.root")
    contents = atlasae.compress(source, target, codec=codec, allow_larger=True, **options)
    assert atlasae.check(source, target).good
    return target, contents


def codec_bytes(path):
    with uproot.open(path) as file:
        return stored_codecs(file)


def test_each_collection_takes_the_codec_that_was_made_for_it(codecs, other):
    learned = codecs.trees["Events"]
    assert set(learned.collections) == {"Jet", "Muon"}
    assert {"Jet_tight", "HT", "fired90", "nMuon"} <= learned.columns.keys()
    target, contents = compress(other, codecs)
    assert contents.changed == {}
    made = [codec.decoder_bytes() for codec in learned.collections.values()]
    assert set(codec_bytes(target)) == {*made, learned.model}  # nothing is trained
    assert [part.codec for part in contents.parts].count(PACKED) == 1
    with atlasae.open(target) as file:
        before = ak.flatten(atlasae.read_jets(other, collection="Muon").pt)
        after = ak.flatten(file["Events"]["Muon_pt"].array())
    assert 0 < ak.max(abs(after - before) / before) <= 1e-2


def test_what_is_saved_is_loaded(codecs, other, tmp_path):
    path = tmp_path / "codecs.safetensors"
    codecs.save(path)
    loaded = FileCodecs.load(path)
    assert repr(loaded) == repr(codecs)
    card, jets = loaded.codec("Jet").model_card_, codecs.codec("Jet")
    assert card == jets.model_card_
    assert card.sources
    assert loaded.fingerprint == codecs.fingerprint
    target, _ = compress(other, path)
    again, _ = compress(other, load_codecs(target), force=True)
    assert set(codec_bytes(again)) == set(codec_bytes(target))
    with pytest.raises(InputError, match="codecs of whole files"):
        Codec.load(path)
    assert loaded.codec().fingerprint == codecs.codec("Jet").fingerprint
    with pytest.raises(MissingNameError, match=r"'Mon'.*did you mean 'Muon'"):
        loaded.codec("Mon")


def test_a_compressed_file_lends_its_codecs(codecs, sources, other, tmp_path):
    small = tmp_path / "small.root"
    atlasae.compress(sources[0], small, codec=codecs)
    target, contents = compress(other, small)
    assert set(codec_bytes(target)) == set(codec_bytes(small))
    assert contents.changed == {}
    with pytest.raises(InputError, match="is not compressed"):
        FileCodecs.load(other)


def test_trees_without_entries_take_codecs_too(codecs, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.root.fitting.test_file_codecs.EVENTS", 0)
    target, _ = compress(write_nano(tmp_path / "none.root", 1), codecs)
    assert FileCodecs.load(target).codec("Muon").fingerprint == codecs.codec("Muon").fingerprint
    with pytest.raises(InputError, match="nothing to learn"):
        FileCodecs.fit([tmp_path / "none.root"])


def test_a_merged_file_lends_those_of_its_first_entries(codecs, sources, tmp_path):
    parts = [tmp_path / "a.root", tmp_path / "b.root"]
    atlasae.compress(sources[0], parts[0], codec=codecs)
    atlasae.compress(sources[1], parts[1])
    atlasae.merge(parts, tmp_path / "whole.root")
    learned = FileCodecs.load(tmp_path / "whole.root").trees["Events"]
    assert learned.model == codecs.trees["Events"].model


def test_a_collection_without_a_codec_is_packed_and_named(sources, other, caplog):
    codecs = FileCodecs.fit(sources, select=Selection(collections="Jet", drop="Muon_*"))
    assert set(codecs.trees["Events"].collections) == {"Jet"}
    _, contents = compress(other, codecs)
    assert [part.name for part in contents.parts if part.codec != PACKED] == ["Jet"]
    note = contents.changed["Events"]
    assert "collection 'Muon' has no codec (none was made for it) and is packed" in note
    assert "5 branches are packed one by one (nothing was learned of them): Muon_mass," in note
    assert "collection 'Muon' has no codec" in caplog.text
    kept = atlasae.compress(other, other.with_name("kept.root"), codec=codecs, pack="none")
    assert "and is kept as it is" in kept.changed["Events"]


def test_a_codec_of_other_features_or_dtypes_is_not_used(codecs, tmp_path):
    doubles = write_nano(tmp_path / "doubles.root", 4, kind=np.float64)
    fewer = write_nano(tmp_path / "fewer.root", 4, without=["Muon_mass"])
    for source, why in {doubles: "float64", fewer: "no feature 'mass'"}.items():
        _, contents = compress(source, codecs)
        coded = [part.name for part in contents.parts if part.codec != PACKED]
        assert coded == ["Jet"]
        assert why in contents.changed["Events"]


def test_models_depend_on_the_branches_alone(codecs, tmp_path):
    files = [
        write_nano(tmp_path / f"{seed}.root", seed, without=["fired9"], extra=["more"])
        for seed in (5, 6)
    ]
    small = [compress(path, codecs) for path in files]
    assert set(codec_bytes(small[0][0])) == set(codec_bytes(small[1][0]))
    assert codecs.trees["Events"].model not in codec_bytes(small[0][0])
    assert (
        "1 branch is packed one by one (nothing was learned of them): more"
        in small[0][1].changed["Events"]
    )
    # complete in themselves
    assert atlasae.decompress(small[0][0], tmp_path / "back.root").left_out == {}


def test_a_codec_that_costs_more_than_a_fitted_one_is_named(codecs, other, tmp_path, caplog):
    compress(other, codecs)
    assert "more than one fitted" not in caplog.text
    far = write_nano(tmp_path / "far.root", 7, unit=1000.0)
    _, contents = compress(far, codecs)
    assert "the codec given for 'Jet' takes " in contents.changed["Events"]
    assert re.search(
        r"% more than one fitted to this file: these jets take [\d.]+ bits each; those it was fitted"
        r" to took [\d.]+",
        caplog.text,
    )


def test_branches_that_not_all_files_have_are_named(sources, tmp_path, caplog):
    more = write_nano(tmp_path / "more.root", 8, extra=["genWeight"], without=["fired90"])
    with caplog.at_level(logging.WARNING):
        codecs = FileCodecs.fit([*sources, more])
    columns = codecs.trees["Events"].columns
    assert "HT" in columns
    assert not {"genWeight", "fired90"} & columns.keys()
    assert "2 branches, fired90, genWeight" in caplog.text


def test_a_codec_of_one_collection_is_used_for_its_own(other, tmp_path):
    path = tmp_path / "muons.safetensors"
    codec = BoundedCodec(tolerance=1e-2).fit(atlasae.read_jets(other, collection="Muon"))
    codec.collection = "Muon"
    codec.save(path)
    assert Codec.load(path).collection == "Muon"
    assert Codec.load(path).fingerprint == codec.fingerprint
    _, contents = compress(other, path)
    assert [part.name for part in contents.parts if part.codec != PACKED] == ["Muon"]
    assert (
        "packed one by one (the codec given is of Muon alone): nJet, Jet_mass, "
        in contents.changed["Events"]
    )
    with pytest.raises(InputError, match="made for collection 'Muon', not for Jet"):
        atlasae.compress(
            other, tmp_path / "x.root", codec=path, select=Selection(collections="Jet")
        )
    jets = write_nano(tmp_path / "jets.root", 3, without=["Muon"])
    with pytest.raises(MissingNameError, match="no collection 'Muon'"):
        atlasae.compress(jets, tmp_path / "x.root", codec=path)


def test_a_codec_of_no_known_collection_is_used_for_one(other, tmp_path):
    codec = BoundedCodec(tolerance=1e-2).fit(atlasae.read_jets(other))
    both = Selection(collections="Jet,Muon")
    with pytest.raises(InputError, match="for one collection, not for Jet, Muon: select one"):
        atlasae.compress(other, tmp_path / "x.root", codec=codec, select=both)


def test_damaged_codecs_of_files(codecs, tmp_path):
    path = tmp_path / "codecs.safetensors"
    codecs.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(whole), 40).tolist():
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        )
        with pytest.raises(DamagedFileError):
            FileCodecs.load(path)
    path.write_bytes(whole[:-7])
    with pytest.raises(DamagedFileError):
        FileCodecs.load(path)
    codecs.codec().save(path)
    with pytest.raises(DamagedFileError, match="no codecs of whole files"):
        FileCodecs.load(path)


def test_nothing_to_learn(tmp_path):
    with pytest.raises(InputError, match="no file is given"):
        FileCodecs.fit([])
    with uproot.recreate(tmp_path / "empty.root") as file:
        file.mktree("Events", {"x": np.dtype("f4")})
    with pytest.raises(InputError, match="nothing to learn"):
        FileCodecs.fit(tmp_path)
    with pytest.raises(
        InputError, match=r"a\.root:Events names an object in a file; give the file"
    ):
        FileCodecs.fit("a.root:Events")
    with pytest.raises(MissingNameError, match="no feature 'btag'"):
        FileCodecs.fit(
            [write_nano(tmp_path / "a.root", 1)], codec=Codec.bounded(tolerance="btag=0")
        )


def test_info_shows_what_columns_depend_on(codecs, other):
    target, contents = compress(other, codecs)
    assert contents == atlasae.info(target)
    columns = {column.branch: column for column in contents.columns}
    assert set(columns) >= {"HT", "fired90", "Jet_tight", "nMuon"}
    assert {column.coded for column in columns.values()} == {ADAPTIVE, ALONE}
    flags = [column for name, column in columns.items() if name.startswith("fired")]
    assert sum(bool(column.given) for column in flags) > 20
    for column in columns.values():
        needed = [
            columns[name].depth for name in (column.compared, *column.given) if name in columns
        ]
        assert column.depth == max((depth + 1 for depth in needed), default=0)
        assert column.depth <= MOST_DEPTH
        assert column.coded != ALONE or not column.given
    _, alone = compress(other, codecs.codec(), force=True)
    assert {column.coded for column in alone.columns} == {ALONE}


def test_branches_that_cannot_be_read_are_named(sources, codecs, tmp_path, caplog):
    damaged = tmp_path / "damaged.root"
    damaged.write_bytes(sources[0].read_bytes())
    damage(damaged, "Events", "HT", 0)
    damage(damaged, "Events", "Muon_mass", 0)
    with caplog.at_level(logging.WARNING):
        learned = FileCodecs.fit([damaged], codec=Codec.bounded(tolerance=1e-2)).trees["Events"]
    assert codecs.trees["Events"].columns.keys() - learned.columns.keys() == {"HT"}
    assert learned.collections["Muon"].features_ == ("pt", "phi", "eta")
    assert "damaged.root: tree 'Events': " in caplog.text
    assert "HT: " in caplog.text
    assert "Muon_mass: " in caplog.text
