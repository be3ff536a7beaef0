"""Jets of every sort, and codecs that bound the error there and back."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.codecs.bounded import payload
from atlasae.coding.blocks import Block
from atlasae.jets.table import Table, to_records, to_table
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel, tolerances
from tests.quantization.guarantee import keeps


def make_events(events, seed=0):
    """Events whose jets recoil against each other, with masses that follow pt; float32."""
    rng = np.random.default_rng(seed)
    counts = np.minimum(1 + rng.poisson(1.3, events), 7) * (rng.random(events) > 0.03)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)

    def shared(values):
        return np.repeat(values, counts)

    pt = shared(30 * (1 + rng.pareto(3, events))) * np.exp(-place * rng.gamma(2, 0.2, len(place)))
    phi = shared(rng.uniform(-np.pi, np.pi, events)) + np.pi * (place % 2)
    phi += rng.normal(0, 0.15, len(place))
    jets = {
        "m": pt * np.exp(rng.normal(-2, 0.3, len(place))),
        "pt": pt,
        "phi": (phi + np.pi) % (2 * np.pi) - np.pi,
        "eta": shared(rng.normal(0, 1.2, events)) + rng.normal(0, 0.6, len(place)),
    }
    return ak.unflatten(ak.zip({k: v.astype(np.float32) for k, v in jets.items()}), counts)


SPECS = {
    "1e-3": 1e-3,
    "0.2": 0.2,
    "nanoaod": "nanoaod",
    "lossless": "lossless",
    "mapping": {
        "pt": rel(1e-3, floor=1.0), "m": rel(1e-2, floor=0.5),
        "eta": abs_(1e-4), "phi": abs_(1e-5), "area": LOSSLESS,
    },
}  # fmt: skip
OTHERS = {"area": None, "n": "int32", "tight": "bool", "id": "uint64", "charge": "int8"}


def with_others(jets, dtype, seed=0):
    """The 4-vectors in a dtype, and columns of other kinds beside them."""
    rng, n = np.random.default_rng(seed), len(jets["pt"])
    return {
        **{name: values.astype(dtype) for name, values in jets.items()},
        "area": rng.uniform(0, 2, n).astype(dtype),
        "n": rng.integers(0, 50, n, np.int32),
        "tight": rng.random(n) < 0.9,
        "id": rng.integers(0, 2**40, n, np.uint64),
        "charge": rng.integers(-1, 2, n, np.int8),
    }


def there_and_back(codec, jets):
    """The jets decoded; whatever the codec promises of them is kept."""
    table, back = to_table(jets), codec.decode(codec.encode(jets))
    found = to_table(back)
    assert tuple(found.columns) == codec.features_
    assert (table.counts is None) == (found.counts is None)
    if table.counts is not None:
        np.testing.assert_array_equal(found.counts, table.counts)
    for name, bound in tolerances(codec.tolerance, codec.features_).items():
        values, decoded = table.columns[name], found.columns[name]
        assert decoded.dtype == values.dtype
        assert decoded.shape == values.shape
        if values.dtype.kind == "f":
            keeps(values, decoded, bound)
        else:
            np.testing.assert_array_equal(decoded, values)
    return found.columns


@st.composite
def collections(draw, dtype, others=True):
    """Columns of every sort of bits, in events or not."""
    counts = draw(st.none() | st.lists(st.integers(0, 7), max_size=8))
    n = draw(st.integers(0, 30)) if counts is None else sum(counts)
    info = np.finfo(dtype)
    special = [0.0, -0.0, np.nan, np.inf, -np.inf, float(info.max), -float(info.max), -1e-3, 1e-6]
    special += [float(info.tiny), float(info.smallest_subnormal), -999.0, np.pi, -np.pi, 3.2, -3.3]
    special = np.array(special, dtype).tolist()
    columns = {}
    for name in ("m", "pt", "phi", "eta", "area"):
        sort = draw(st.sampled_from(["bits", "special", "ordinary", "same"]))
        if sort == "bits":
            column = draw(arrays.arrays(f"u{info.bits // 8}", n)).view(dtype)
        elif sort == "special":
            elements = st.sampled_from(special)
            column = draw(arrays.arrays(dtype, n, elements=elements)).astype(dtype)
        elif sort == "ordinary":
            column = draw(arrays.arrays(dtype, n, elements=st.floats(-100, 100, width=16)))
        else:
            column = np.full(n, draw(st.sampled_from(special)), dtype)
        columns[name] = column
    if not others:
        del columns["area"]
    else:
        columns |= {name: draw(arrays.arrays(of, n)) for name, of in OTHERS.items() if of}
    return Table(columns, None if counts is None else np.array(counts, np.int64))


def decoded_forged(codec, *block):
    """A block whose checksums agree with whatever it decodes to, as an attacker would make it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Block, "check", lambda *_: None)
        patch.setattr(payload, "_check_feature", lambda *_: None)
        return to_records(codec.decode_blocks(iter([Block(*block)])))
