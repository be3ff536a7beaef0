from __future__ import annotations

import pytest

from atlasae import errors


def test_every_error_is_of_the_family_and_of_a_built_in():
    family = [
        cls for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.AtlasaeError)
    ]  # fmt: skip
    assert len(family) > 8
    built_in = (ValueError, OSError, KeyError, RuntimeError, ImportError)
    assert all(issubclass(cls, built_in) for cls in family if cls is not errors.AtlasaeError)


def test_missing_names_print_as_they_are_written():
    error = errors.MissingNameError.of("branch", "Jet_pT", "tree 'Events'", ["Jet_pt", "Jet_eta"])
    assert str(error) == "no branch 'Jet_pT' in tree 'Events'; did you mean 'Jet_pt'?"


def test_the_suggestion_ignores_case_and_lists_what_there_is_otherwise():
    assert errors.suggestion("JET", ["Jet", "Muon"]) == "; did you mean 'Jet'?"
    assert errors.suggestion("xyz", ["b", "a"]) == "; available: a, b"
    assert errors.suggestion("xyz", map(str, range(10))).endswith("7 and 2 more")
    assert errors.suggestion("xyz", []) == ""


def test_an_input_error_is_located():
    with pytest.raises(errors.InputError, match=r"^a\.root: too few$"), errors.located("a.root"):
        raise errors.InputError("too few")


def test_what_says_where_it_was_is_not_located_again():
    with pytest.raises(errors.MissingNameError) as caught, errors.located("a.root"):
        raise errors.MissingNameError.of("tree", "x", "a.root", ["y"])
    assert str(caught.value).count("a.root") == 1
