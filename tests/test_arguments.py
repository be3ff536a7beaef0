"""Arguments of another type than they should have: one line that says what would work."""

from __future__ import annotations

import inspect
import io

import numpy as np
import pytest

import atlasae
from atlasae import Codec, Selection
from atlasae.atomic_write import check_target
from atlasae.errors import InputError
from atlasae.threads import thread_count
from tests.helpers import make_jets

READERS = [
    atlasae.open, atlasae.read_jets, atlasae.read_pickle, atlasae.info, Codec.load,
    lambda path: atlasae.check(path, path), lambda path: check_target(path, force=False),
    lambda path: atlasae.compress(path, "small.root"),
    lambda path: atlasae.merge([path], "merged.root"),
]  # fmt: skip


@pytest.fixture(scope="module")
def bounded():
    return Codec.bounded().fit(make_jets(30))


@pytest.mark.parametrize("path", [None, 3, b"events.root", io.BytesIO()])
@pytest.mark.parametrize("read", READERS)
def test_what_is_not_a_path(read, path):
    with pytest.raises(InputError, match="is not the path of a file: give text"):
        read(path)


@pytest.mark.parametrize("threads", ["2", 2.0, True, 0, -1])
def test_what_is_not_a_number_of_threads(bounded, threads):
    for use in (
        lambda: bounded.encode(make_jets(3), threads=threads),
        lambda: atlasae.compress("a.root", "b.root", threads=threads),
        lambda: atlasae.check("a.root", "b.root", threads=threads),
    ):
        with pytest.raises(InputError, match=f"threads={threads!r}: give a number from 1 on"):
            use()
    assert thread_count(np.int64(2)) == 2


@pytest.mark.parametrize("coded", ["abc", None, [1], 3, np.zeros(9, np.uint8)])
def test_what_does_not_consist_of_bytes(bounded, coded):
    with pytest.raises(InputError, match=f"coded jets are bytes, not {type(coded).__name__}"):
        bounded.decode(coded)
    with pytest.raises(InputError, match="stored codecs are bytes"):
        Codec.from_bytes(coded)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_kind_of_bytes_is_decoded(bounded, kind):
    stream = bounded.encode(make_jets(30))
    assert bounded.decode(kind(stream)).pt.tolist() == bounded.decode(stream).pt.tolist()


@pytest.mark.parametrize("arguments", [{}, {"tolerance": 1e-3}])
def test_the_contract_is_no_codec(arguments):
    with pytest.raises(TypeError, match=r"make one with Codec\.bounded\(tolerance=1e-3\)"):
        Codec(**arguments)


def test_codecs_show_and_check_their_own_arguments():
    shown = inspect.signature(Codec.bounded).parameters
    assert list(shown) == [
        "tolerance", "order", "features", "seed", "dither", "cuts", "keep_order", "keep",
    ]  # fmt: skip
    with pytest.raises(TypeError, match="unexpected keyword argument 'tolerence'"):
        Codec.bounded(tolerence=1)


def test_a_codec_without_hyperparameters_takes_none():
    class Plain(Codec):
        fit = encode = decode = is_fitted = _state = _restore = None

    assert Plain.from_config(Plain().get_config()).get_config() == {}
    with pytest.raises(TypeError):
        Plain(latent=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: atlasae.rel(0.1, floor="1"), "a floor must be a number, not '1'"),
        (lambda: Codec.bounded(order=None), "order=None must be one of preserved, free"),
        (lambda: Codec.bounded(dither=1), "dither=1 must be True or False"),
        (lambda: Codec.bounded(order="free", dither=True), "order='preserved' or dither=False"),
        (lambda: Codec.bounded(features=3), "features=3 must be a list of names"),
        (lambda: Codec.bounded(features=[1]), "must be a list of names"),
        (lambda: atlasae.compress("a.root", "b.root", codec=1e-3), "codec must be a Codec"),
        (
            lambda: atlasae.compress("a.root", "b.root", codec=Codec.bounded),
            "or the path of saved ones",
        ),
        (lambda: atlasae.compress("a.root", "b.root", step_size=None), "step size None"),
        (lambda: atlasae.compress("a.root", "b.root", step_size=1.5), "step size 1.5"),
        (
            lambda: atlasae.compress("a.root", "b.root", select="Jet"),
            "must be an atlasae.Selection",
        ),
        (lambda: atlasae.compress("a.root", "b.root", pack=None), "pack=None must be one of"),
        (lambda: atlasae.merge("a.root", "b.root"), "must be a list of files"),
        (
            lambda: atlasae.compress(["a.root", "b.root"], "c.root"),
            "is not the path of a file.*compress_files",
        ),
        (lambda: atlasae.concatenate(None, ["x"]), "is not the path of a file"),
        (lambda: Selection(tree=3), "not the path of a tree"),
    ],
)
def test_other_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()
