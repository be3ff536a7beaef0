"""Bins cover every integer."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.density.bins import OUTERMOST, Bins

whole_numbers = st.one_of(st.integers(-50, 50), st.integers(-(2**58), 2**58))


columns = arrays.arrays(np.int64, st.integers(1, 200), elements=whole_numbers)


@given(columns, columns, st.integers(4, 70), st.sampled_from([0.4, 0.6, 1.0]))
def test_bins_cover_every_integer_and_bring_it_back(seen, values, count, power):
    bins = Bins.fit(seen, count, power)
    assert len(bins) <= max(count, 9)
    assert (np.diff(bins.edges) > 0).all()
    assert (bins.edges[0], bins.edges[-1]) == (-OUTERMOST, OUTERMOST)
    values = np.concatenate([values, seen, [-OUTERMOST, OUTERMOST - 1]])
    found = bins.find(values)
    assert (bins.edges[found] <= values).all()
    assert (values < bins.edges[found + 1]).all()
    encoder = EntropyEncoder()
    np.testing.assert_array_equal(bins.code(encoder, values, found), values)
    np.testing.assert_array_equal(
        bins.code(EntropyDecoder(encoder.to_bytes()), None, found), values
    )
    shares = bins.histogram(seen)
    assert shares.dtype == np.uint16
    assert len(shares) == len(bins)
    assert shares.all()
