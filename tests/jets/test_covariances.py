from __future__ import annotations

import pytest

from atlasae.jets.covariances import covariances


@pytest.mark.parametrize(
    ("names", "matrices"),
    [
        (["cov00", "cov10", "cov11"], {"cov": ("cov00", "cov10", "cov11")}),
        (["cov11", "cov01", "cov00", "pt"], {"cov": ("cov00", "cov01", "cov11")}),
        (["covXX", "covXY", "covYY"], {"cov": ("covXX", "covXY", "covYY")}),
        (
            ["a_cov_xx", "a_cov_xy", "a_cov_xz", "a_cov_yy", "a_cov_yz", "a_cov_zz"],
            {"a_cov_": ("a_cov_xx", "a_cov_xy", "a_cov_xz", "a_cov_yy", "a_cov_yz", "a_cov_zz")},
        ),
        (["cov00", "cov11"], {}),
        (["cov00"], {}),
        (["a b cov00", "a b cov01", "a b cov11"], {}),
        (["0cov00", "0cov01", "0cov11"], {}),
        (["ﬁcov00", "ﬁcov01", "ﬁcov11"], {}),
        (["covXX", "covYX"], {}),
        (["pt", "recovery", "cov", "discover12"], {}),
        (["cov00", "cov01", "cov10", "cov11"], {"cov": ("cov00", "cov01", "cov11")}),
    ],
)
def test_complete_matrices_are_found(names, matrices):
    assert covariances(names) == matrices
