"""Files that share codecs say what they need, and read as others do where it is found."""

from __future__ import annotations

import shutil

import pytest

import atlasae
from atlasae.errors import DamagedFileError, InputError, MissingFileError
from atlasae.root.container.shared_codecs import SharedCodecs
from tests.root.helpers import assert_alike, restored


@pytest.fixture(scope="module")
def shared(farm, farm_codecs, tmp_path_factory):
    out = tmp_path_factory.mktemp("shared")
    summary = atlasae.compress_files(farm, out, codec=farm_codecs, shared_codec=True, jobs=1)
    assert summary.counts == {"written": 3}
    return out


def codecs_of(folder):
    (path,) = folder.glob("codecs-*.safetensors")
    return path


def test_they_read_as_files_with_codecs_do(shared, small_farm):
    for name in ("a.root", "more/c.root"):  # the codecs are a folder above the second
        assert_alike(restored(shared / name), restored(small_farm / name))
        assert (shared / name).stat().st_size < (small_farm / name).stat().st_size
    contents = atlasae.info(shared / "a.root")
    assert contents.needs == (codecs_of(shared).name,)
    assert atlasae.info(small_farm / "a.root").needs == ()


def test_without_the_codecs_they_say_what_they_need(shared, tmp_path, monkeypatch):
    alone = shutil.copy(shared / "a.root", tmp_path / "alone.root")
    codecs = codecs_of(shared)
    digits = codecs.stem.removeprefix("codecs-")
    message = rf"alone\.root needs the codecs in {codecs.name} \(SHA-256 {digits}.*ATLASAE_CODECS"
    for call in (
        atlasae.open,
        atlasae.info,
        atlasae.read_jets,
        lambda path: atlasae.decompress(path, tmp_path / "back.root"),
        lambda path: atlasae.merge([path], tmp_path / "whole.root"),
    ):
        with pytest.raises(MissingFileError, match=message):
            call(alone)
    assert not list(tmp_path.glob("*.roo")) + list(tmp_path.glob(".*"))
    monkeypatch.setenv("ATLASAE_CODECS", f"/none:{shared}")
    assert_alike(restored(alone), restored(shared / "a.root"))


def test_merged_and_restored_files_need_none(shared, small_farm, tmp_path):
    whole, back = tmp_path / "whole.root", tmp_path / "back.root"
    assert atlasae.merge([shared / "a.root"], whole).needs == ()
    atlasae.decompress(shared / "a.root", back)
    true = restored(small_farm / "a.root")
    assert_alike(restored(whole), true)
    assert_alike(restored(back), true)


def test_other_codecs_in_their_place_are_refused(shared, tmp_path):
    alone = shutil.copy(shared / "a.root", tmp_path)
    place = tmp_path / codecs_of(shared).name
    (learned,) = atlasae.FileCodecs.load(codecs_of(shared)).trees.values()
    atlasae.FileCodecs({"another tree": learned}).save(place)
    with pytest.raises(DamagedFileError, match="it holds other codecs than"):
        atlasae.open(alone)
    place.write_bytes(codecs_of(shared).read_bytes()[:-9])
    with pytest.raises(DamagedFileError, match=place.name):
        atlasae.open(alone)


def test_a_farm_is_not_resumed_with_damaged_codecs(farm, farm_codecs, shared, tmp_path):
    out = shutil.copytree(shared, tmp_path / "out")
    place, options = codecs_of(out), {"codec": farm_codecs, "shared_codec": True, "jobs": 1}
    whole = place.read_bytes()
    place.write_bytes(whole[:-9])
    with pytest.raises(DamagedFileError, match=rf"{place.name} is damaged .*; move it away"):
        atlasae.compress_files(farm, out, **options)
    (learned,) = atlasae.FileCodecs.load(farm_codecs).trees.values()
    atlasae.FileCodecs({"another tree": learned}).save(place)
    with pytest.raises(DamagedFileError, match=rf"{place.name} holds other codecs"):
        atlasae.compress_files(farm, out, **options)
    atlasae.compress_files(farm, out, force=True, **options)
    assert place.read_bytes() == whole


def test_a_resumed_farm_keeps_what_it_shares(farm, farm_codecs, shared, tmp_path):
    out = shutil.copytree(shared, tmp_path / "out")
    options = {"codec": farm_codecs, "jobs": 1}
    again = atlasae.compress_files(farm, out, shared_codec=True, **options)
    assert again.counts == {"skipped": 3}
    assert atlasae.compress_files(farm, out, **options).counts == {
        "failed": 3
    }  # they are not whole


def test_the_codec_of_one_collection_is_not_shared(farm, tmp_path):
    codec = atlasae.Codec.bounded().fit(atlasae.read_jets(farm / "a.root"))
    with pytest.raises(InputError, match="that of one collection"):
        atlasae.compress_files(farm, tmp_path, codec=codec, shared_codec=True)


def test_a_damaged_name_is_an_error():
    data = SharedCodecs("ab" * 32).to_bytes()
    assert SharedCodecs.from_bytes(data).name == f"codecs-{'ab' * 8}.safetensors"
    for at in range(4, len(data)):
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(DamagedFileError, match="the name of its codecs is damaged"):
            SharedCodecs.from_bytes(broken)
