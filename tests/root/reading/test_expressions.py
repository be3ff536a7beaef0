"""Expressions that cannot be evaluated."""

from __future__ import annotations

import pytest

import atlasae
from atlasae.errors import (
    InputError,
    MissingNameError,
)

ERRORS = {
    "a branch": ({"expressions": ["Jet_pT"]}, MissingNameError, "no branch 'Jet_pT' in .*blocks.*Jet_pt"),
    "in an expression": ({"expressions": "Jet_pT/2"}, MissingNameError, "did you mean 'Jet_pt'"),
    "in a cut": ({"cut": "nJets > 1"}, MissingNameError, "no branch 'nJets'.*'nJet'"),
    "no expression": ({"expressions": "Jet_pt["}, InputError, "neither a branch nor an expression"),
    "no string": ({"expressions": [("Jet_pt", None)]}, InputError, "names or Python expressions"),
    "a circle": ({"expressions": "a", "aliases": {"a": "b", "b": "a"}}, InputError, "by itself"),
    "a library": ({"library": "cupy"}, InputError, "library='cupy' must be one of"),
    "an option": ({"filter_typename": "float"}, InputError, "no option filter_typename"),
}  # fmt: skip


@pytest.mark.parametrize(("question", "error", "message"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_read_is_said(blocks_file, question, error, message):
    with atlasae.open(blocks_file) as file:
        with pytest.raises(error, match=message):
            file["Events"].arrays(**question)
        with pytest.raises(error, match=message):
            list(file["Events"].iterate(**question))
