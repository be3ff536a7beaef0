"""The C++ of hls4ml gives the same bits as the encoder of integers; g++ compiles it for that."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest

from atlasae import Codec
from atlasae.errors import FileError, InputError, NotFittedError
from atlasae.jets.table import to_table
from tests.codecs.autoencoder.test_integer_network import QUANTISABLE


@pytest.fixture
def hls4ml():
    return pytest.importorskip(
        "hls4ml", reason="hls4ml is not installed: pip install 'atlasae[hls4ml]'"
    )


def quantized(jets, activation, bits):
    codec = Codec.autoencoder(
        encoder="learned", network=(8, 6), activation=activation, epochs=1
    ).fit(jets)
    return codec.quantized(jets, bits, epochs=0)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="g++ is not installed")
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("activation", QUANTISABLE)
def test_its_cpp_gives_the_same_bits_on_1000_jets(activation, bits, jets, hls4ml, tmp_path):
    codec = quantized(jets, activation, bits)
    model = codec.export_hls4ml(tmp_path, reuse_factor=1 if bits == 8 else 2)
    model.compile()
    x = codec.scaling_.forward(to_table(jets).select(codec.features_).matrix())
    integers = codec.model_.encoder.formats.inputs
    x = integers.rounded(x.astype(np.float64)) * integers.step
    np.testing.assert_array_equal(model.predict(x.astype(np.float32)), codec.encode(jets))


def test_the_project_is_written_with_the_types_of_the_integers(jets, hls4ml, tmp_path):
    codec = quantized(jets, "tanh", 6)
    codec.export_hls4ml(tmp_path / "firmware", clock_period=4)
    project = tmp_path / "firmware"
    assert (project / "firmware" / "encoder.cpp").is_file()
    types = (project / "firmware" / "defines.h").read_text()
    assert "ap_fixed<6,3,AP_RND,AP_SAT,0> layer2_t" in types  # of what a layer adds up
    assert "ap_fixed<6,1,AP_RND,AP_SAT,0> tanh_0_table_t" in types
    assert "ClockPeriod: 4" in (project / "hls4ml_config.yml").read_text()


def test_what_cannot_be_exported_says_so(codec, jets, hls4ml, tmp_path):
    with pytest.raises(InputError, match=r"an encoder of floats .* call quantized\(jets\)"):
        codec.export_hls4ml(tmp_path / "firmware")
    small = codec.quantized(jets, epochs=0)
    with pytest.raises(InputError, match="backend='Quartus' must be one of Vitis, Vivado"):
        small.export_hls4ml(tmp_path / "firmware", backend="Quartus")
    with pytest.raises(NotFittedError, match="stores the decoder only"):
        Codec.from_bytes(small.decoder_bytes()).export_hls4ml(tmp_path / "firmware")
    assert not (tmp_path / "firmware").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match="it is a file"):
        small.export_hls4ml(tmp_path / "file")


def test_without_hls4ml_the_extra_is_named(codec, jets, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hls4ml", None)
    monkeypatch.delitem(sys.modules, "atlasae.codecs.autoencoder.hls4ml_export", raising=False)
    monkeypatch.delitem(sys.modules, "hls4ml.backends", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'atlasae\[hls4ml\]'"):
        codec.quantized(jets, epochs=0).export_hls4ml(tmp_path / "firmware")
    assert not (tmp_path / "firmware").exists()
