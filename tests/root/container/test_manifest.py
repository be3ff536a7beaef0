"""A manifest says what the file holds, or it is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

import atlasae
from atlasae.errors import DamagedFileError, VersionError
from atlasae.root.container.manifest import FORMAT, Manifest
from tests.root.helpers import StoredFile, assert_true_or_error, restored


@pytest.fixture(scope="module")
def stored(folder):
    return {name: StoredFile.of(folder / f"{name}0.root") for name in ("packed", "kept")}


@pytest.fixture(scope="module")
def true(folder):
    return restored(folder / "kept0.root")


def test_every_bit_of_a_manifest_is_guarded(stored):
    (data,) = stored["packed"].manifests[:1]
    assert Manifest.from_bytes(data).tree == "Events"
    assert Manifest.from_bytes(data).to_bytes() == data
    for at in range(len(data)):
        for bit in (at % 8, 7):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            newer = at == 3 and flipped[3] > FORMAT
            with pytest.raises(VersionError if newer else DamagedFileError):
                Manifest.from_bytes(bytes(flipped))
    for length in range(0, len(data), 7):
        with pytest.raises(DamagedFileError):
            Manifest.from_bytes(data[:length])


def test_formats_below_the_first_and_other_bytes_are_damage(stored):
    (data,) = stored["packed"].manifests[:1]
    for other in (data[:3] + b"\0" + data[4:], b"", b"atm", b"atm\1", data[20:], b"[" * 100_000):
        with pytest.raises(DamagedFileError, match="manifest is damaged"):
            Manifest.from_bytes(other)


def test_nested_json_is_damage(stored):
    broken = StoredFile([stored["packed"].manifests[0]], [], [], [])
    broken.edit_manifests(lambda values: values.update(changed="NEST"))
    nested = broken.manifests[0][20:].replace(b'"NEST"', b"[" * 100_000)
    with pytest.raises(DamagedFileError, match="a manifest is damaged"):
        Manifest.from_bytes(with_digest(nested))


def with_digest(text):
    return b"atm" + bytes([FORMAT]) + hashlib.sha256(text).digest()[:16] + text


def branch(values, name):
    return next(b for b in values["branches"] if b["name"] == name)


def part(values, coded):
    return next(p for p in values["parts"] if bool(p["codec"]) == coded)


def points_to(values, name):
    """The first feature of the codec is another branch."""
    part(values, True)["branches"][0] = [b["name"] for b in values["branches"]].index(name)


def of_events(change):
    """A change of the manifest of the tree Events alone."""
    return lambda values: change(values) if values["tree"] == "Events" else None


# what a manifest says that does not agree with itself
NONSENSE = {
    "entries as text": lambda m: m.update(entries="300"),
    "negative entries": lambda m: m.update(entries=-1),
    "entries true": lambda m: m.update(entries=True),
    "endless entries": lambda m: m.update(entries=1 << 61),
    "more entries": lambda m: m.update(entries=301),
    "an unknown kind": lambda m: m.update(kind="table"),
    "a list of changes": lambda m: m.update(changed=["a"]),
    "no source": lambda m: m.pop("source"),
    "no tree": lambda m: m.pop("tree"),
    "a name that is a list": lambda m: m["branches"][0].update(name=["x"]),
    "an unknown attribute": lambda m: m["branches"][0].update(colour="red"),
    "a branch twice": lambda m: m["branches"].append(m["branches"][0]),
    "an unknown branch": lambda m: part(m, True)["branches"].append(1000),
    "a codec for text": lambda m: points_to(m, "trigger"),
    "a branch in two parts": lambda m: points_to(m, "Jet_eta"),
    "flat jets": lambda m: part(m, True).update(flat=True),
    "a part without branches": lambda m: part(m, True).update(features=[], branches=[]),
    "one feature less": lambda m: part(m, True)["features"].pop(),
    "a feature twice": lambda m: part(m, True).update(features=["pt"] * 4),
    "a position from the end": lambda m: part(m, True)["branches"].__setitem__(0, -1),
    "no positions": lambda m: part(m, True).update(branches=None),
    "one title": lambda m: m["metadata"].update(titles=["a"]),
    "a latent that is a number": lambda m: part(m, True).update(latents=[3]),
    "no part": lambda m: m["parts"].append(None),
    "a part twice": lambda m: m["parts"].append(m["parts"][0]),
    "no counter": lambda m: branch(m, "Jet_pt").update(counter=None),
    "one cluster more": lambda m: m["clusters"].append({"entries": 1, "checksums": []}),
    "a cluster of text": lambda m: m.update(clusters=[{"entries": 300, "checksums": "abc"}]),
    "a null": lambda m: m.update(clusters=None),
    "measured text": lambda m: part(m, True).update(measured="much"),
    "fewer numbers": lambda m: part(m, True)["measured"]["errors"]["pt"].pop(),
    "a negative number": lambda m: part(m, True)["measured"]["errors"]["pt"].__setitem__(0, -1),
    "three orders": lambda m: part(m, True)["measured"].update(order=[[0, 0, 0, 0]] * 3),
}
OF_CLUSTERS = ("endless entries", "more entries", "one cluster more")


@pytest.mark.parametrize("change", NONSENSE)
def test_a_manifest_that_makes_no_sense_is_damage(stored, change):
    for name in ("kept", "packed"):
        edited = StoredFile(list(stored[name].manifests), [], [], [])
        edited.edit_manifests(of_events(NONSENSE[change]))
        if change not in OF_CLUSTERS or name == "kept":  # there is no stored branch otherwise
            assert edited.manifests != stored[name].manifests
            with pytest.raises(DamagedFileError, match="manifest"):
                [Manifest.from_bytes(data) for data in edited.manifests]


def swap_features(m):
    features = part(m, True)["features"]
    features[0], features[1] = features[1], features[0]


def swap_branches_of_columns(m):
    branches = part(m, False)["branches"]
    branches[0], branches[1] = branches[1], branches[0]


def in_another_order(m):
    for stored in (part(m, True)["features"], part(m, True)["branches"]):
        stored.reverse()


# what agrees with itself, and not with the file
LIES = {
    "swapped features": ("packed", swap_features),
    "swapped columns": ("packed", swap_branches_of_columns),
    "another order": ("packed", in_another_order),
    "float as int": ("packed", lambda m: branch(m, "MET_pt").update(type="int32")),
    "int as float": ("packed", lambda m: branch(m, "event").update(type="float64")),
    "kept float as int": ("kept", lambda m: branch(m, "MET_pt").update(type="int32")),
    "kept int as float": ("kept", lambda m: branch(m, "event").update(type="float64")),
    "kept int as less": ("kept", lambda m: branch(m, "event").update(type="int8")),
    "jets as float64": ("kept", lambda m: branch(m, "Jet_pt").update(type="var * float64")),
    "columns of another name": ("kept", lambda m: branch(m, "event").update(name="happening")),
    "jets": ("kept", lambda m: part(m, True).update(jets=601)),
    "number": ("packed", lambda m: part(m, True).update(number=1 << 40)),
    "codec": ("packed", lambda m: part(m, True).update(codec="0" * 64)),
    "columns as jets": ("packed", lambda m: part(m, True).update(codec="")),
    "identity": ("packed", lambda m: m.update(identity="0" * 16)),
    "tree": ("packed", lambda m: m.update(tree="one")),
    "no such tree": ("packed", lambda m: m.update(tree="Event")),
    "fewer branches": ("packed", lambda m: m["parts"].pop()),
    "checksums": ("kept", lambda m: m["clusters"][0]["checksums"].reverse()),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_damage(folder, stored, tmp_path, lie):
    name, change = LIES[lie]
    edited = StoredFile(**vars(stored[name]))
    edited.manifests = list(edited.manifests)
    edited.edit_manifests(of_events(change))
    assert edited.manifests != stored[name].manifests
    edited.write(folder / f"{name}0.root", tmp_path / "changed.root")
    for run in (restored, lambda path: atlasae.decompress(path, tmp_path / "back.root")):
        with pytest.raises(DamagedFileError, match=r"changed\.root"):
            run(tmp_path / "changed.root")
    assert list(tmp_path.iterdir()) == [tmp_path / "changed.root"]


@pytest.mark.parametrize("size", [0, 1, 1 << 61])
def test_what_it_says_of_the_source_does_not_make_reading_slow(
    folder, stored, true, tmp_path, size
):
    for name in ("packed", "kept"):
        edited = StoredFile(**vars(stored[name]))
        edited.manifests = list(edited.manifests)
        edited.edit_manifests(lambda values: values.update(source_bytes=size))
        edited.write(folder / f"{name}0.root", tmp_path / "changed.root")
        with atlasae.open(tmp_path / "changed.root") as file:
            chunks = list(file["Events"].iterate(["Jet_pt", "run"], step_size="1 MB"))
        assert len(chunks) <= 3
        assert not assert_true_or_error(tmp_path / "changed.root", true)


def test_manifests_of_another_file_are_refused(folder, stored, tmp_path):
    for name in ("packed", "kept"):
        edited = StoredFile(**vars(stored[name]))
        edited.manifests = StoredFile.of(folder / f"{name}1.root").manifests
        edited.write(folder / f"{name}0.root", tmp_path / "changed.root")
        with pytest.raises(DamagedFileError, match=r"changed\.root.*(block|checksum)"):
            restored(tmp_path / "changed.root")


def test_the_title_is_that_of_the_source(folder):
    with atlasae.open(folder / "packed0.root") as file:
        assert file["Events"].title == "the events"


def test_names_and_titles_of_branches_stand_once(stored):
    (data,) = stored["packed"].manifests[:1]
    manifest = Manifest.from_bytes(data)
    names = [branch.name for branch in manifest.branches]
    titles = {names[0]: "the first of them", "left out": "a title of no branch"}
    metadata = replace(manifest.metadata, titles=titles)
    text = replace(manifest, metadata=metadata, changed={}).to_bytes().decode("latin-1")
    assert "Jet_isTight" in names
    assert text.count('"Jet_isTight"') == text.count("the first of them") == 1
    back = Manifest.from_bytes(text.encode("latin-1"))
    assert back.metadata.titles == {names[0]: "the first of them"}
    assert back.parts == manifest.parts
