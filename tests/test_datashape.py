"""Types of the entries of branches."""

from __future__ import annotations

import awkward as ak
import pytest

from atlasae.datashape import parse_datashape


@pytest.mark.parametrize(
    "name",
    [
        "bool",
        "float32",
        "var * float32",
        "3 * uint8",
        "var * 2 * int64",
        "2 * var * 3 * float64",
        "0 * int16",
        "string",
        "var * string",
        "?float32",
        "var * {x: float32, y: var * int8}",
    ],
)
def test_types_are_those_of_the_parser_of_awkward(name):
    parsed = parse_datashape(name)
    assert parsed == ak.types.from_datashape(name, highlevel=False)
    assert str(parsed) == name


@pytest.mark.parametrize("name", ["", "float33", "var * ", "-1 * int8", "\u00b2 * int8", "var*"])
def test_names_that_are_no_types_are_refused(name):
    with pytest.raises(Exception, match="line 1"):
        parse_datashape(name)
