"""The codecs that are part of the package."""

from __future__ import annotations

import ast

import numpy as np
import pytest

import atlasae
from atlasae import Codec
from atlasae.codecs.pretrained import pretrained_path
from atlasae.errors import MissingNameError
from atlasae.jets import metrics
from tests.helpers import REPOSITORY, compress

KINDS = ("bounded", "autoencoder")


@pytest.fixture(scope="module")
def dijets():
    """Jets that are none of those that the codecs were fitted to."""
    return atlasae.read_jets(atlasae.sample(), entry_stop=2000)


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_a_card_that_says_what_made_it(kind):
    codec = Codec.pretrained("dijets", kind)
    assert codec.codec_id == kind
    card = codec.model_card_
    assert all(made.startswith("examples/generate_dijets.py --events") for made in card.sources)
    script = (REPOSITORY / "benchmarks" / "pretrained.py").read_text()
    (seeds,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(script).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "SEEDS"
    )
    assert [made.split("--seed ")[1] for made in card.sources] == list(map(str, seeds))
    assert card.jets > 20_000


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_stored_as_this_version_stores_it(kind, tmp_path):
    path = pretrained_path("dijets", kind)
    Codec.load(path).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_they_are_small():
    assert sum(pretrained_path("dijets", kind).stat().st_size for kind in KINDS) < 300_000


def test_jets_like_those_it_was_fitted_to_take_no_more_bits(dijets):
    codec = Codec.pretrained("dijets")
    assert codec.surprise(dijets).mean() == pytest.approx(sum(codec.bits_.values()), abs=0.4)


def test_the_autoencoder_does_on_the_sample_what_its_card_says(dijets):
    codec = Codec.pretrained("dijets", "autoencoder")
    for name, result in metrics.residuals(dijets, codec.decode(codec.encode(dijets))).items():
        promised = codec.model_card_.quality[0].values[name]
        assert result.half_width == pytest.approx(promised, rel=0.2)


def test_other_jets_keep_the_bound(tmp_path, caplog):
    rng = np.random.default_rng(0)
    names = ("pt", "eta", "phi", "mass")
    unlike = {name: rng.uniform(1, 3, 3000).astype(np.float32) for name in names}
    codec = Codec.pretrained("dijets")
    back = codec.decode(codec.encode(unlike))
    for name, values in unlike.items():
        allowed = codec.tolerances_[name].bound(values.astype(np.float64))
        assert np.all(np.abs(np.asarray(back[name], np.float64) - values) <= allowed)


def test_compress_takes_its_name(events_file, tmp_path, caplog):
    small = tmp_path / "small.root"
    contents = compress(events_file, small, codec="pretrained:dijets")
    assert contents.parts[0].codec == Codec.pretrained("dijets").call
    assert "those it was fitted to took" in caplog.text
    assert atlasae.check(events_file, small).good


@pytest.mark.parametrize(("name", "kind"), [("dijet", "bounded"), ("dijets", "pca"), ("..", "/")])
def test_an_unknown_name_lists_those_there_are(name, kind):
    with pytest.raises(MissingNameError, match="there are 'dijets/autoencoder', 'dijets/bounded'"):
        Codec.pretrained(name, kind)
