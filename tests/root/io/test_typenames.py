"""C++ types and interpretations of branches are those that uproot gives."""

from __future__ import annotations

import pytest

from atlasae.root.io.branch import BranchInfo
from atlasae.root.io.file import Trees, open_root
from atlasae.root.io.typenames import interpretation, typename

TYPES = {
    "int32": ("int32_t", "AsDtype('>i4')", "std::int32_t"),
    "uint64": ("uint64_t", "AsDtype('>u8')", "std::uint64_t"),
    "bool": ("bool", "AsDtype('bool')", "bool"),
    "float64": ("double", "AsDtype('>f8')", "double"),
    "string": ("char*", "AsStrings()", "std::string"),
    "2 * 3 * float32": (
        "float[2][3]",
        "AsDtype(\"('>f4', (2, 3))\")",
        "std::array<std::array<float,3>,2>",
    ),
    "var * int8": (
        "std::vector<int8_t>",
        "AsJagged(AsDtype('int8'), header_bytes=10)",
        "std::vector<std::int8_t>",
    ),
    "var * 5 * float32": (
        "float[][5]",
        "AsJagged(AsDtype(\"('>f4', (5,))\"))",
        "std::vector<std::array<float,5>>",
    ),
    "var * var * float32": (
        "std::vector<std::vector<float>>",
        "None",
        "std::vector<std::vector<float>>",
    ),
    "var * string": ("std::vector<std::string>", "None", "std::vector<std::string>"),
    "?float32": ("std::optional<float>", "None", "std::optional<float>"),
    "TVector2[fX: float64, fY: float64]": ("TVector2", "None", "TVector2"),
    "var * TRef[ref: uint32]": ("std::vector<TRef>", "None", "std::vector<TRef>"),
    "{x: float32}": ("{x: float32}", "None", "{x: float32}"),
}


@pytest.mark.parametrize(("entry_type", "expected"), TYPES.items())
def test_each_type_has_a_name(entry_type, expected):
    branch = BranchInfo("x", entry_type)
    assert typename(branch, "ttree", ["x"]) == expected[0]
    assert repr(interpretation(branch, "ttree", ["x"])) == expected[1]
    assert typename(branch, "rntuple", ["x"]) == expected[2]
    assert interpretation(branch, "rntuple", ["x"]) is None


def test_a_list_with_a_counter_in_the_tree_is_an_array():
    branch = BranchInfo("x", "var * float32", "n")
    assert typename(branch, "ttree", ["n", "x"]) == "float[]"
    assert repr(interpretation(branch, "ttree", ["n", "x"])) == "AsJagged(AsDtype('>f4'))"
    assert typename(branch, "ttree", ["x"]) == "std::vector<float>"


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("nanoAOD_2015_CMS_Open_Data_ttbar.root", {}),
        ("Run2012B_SingleMu_1000.root", {}),
        ("uproot-issue-816.root", {"AsObjects": 8}),
        ("uproot-HZZ-objects.root", {"AsJagged": 4, "AsStridedObjects": 7}),
    ],
)
def test_branches_of_real_files_have_the_types_of_uproot(shared_data, name, same):
    """All but the interpretations of objects, counted by their class."""
    objects = {}
    with open_root(shared_data / "root" / name) as file:
        for reader in Trees(file).values():
            for branch in reader.schema.branches:
                original = reader.tree[branch.name]
                assert typename(branch, "ttree", reader.schema.names) == original.typename
                ours = interpretation(branch, "ttree", reader.schema.names)
                if ours is None:
                    kind = type(original.interpretation).__name__
                    objects[kind] = objects.get(kind, 0) + 1
                else:
                    assert ours == original.interpretation
                    assert repr(ours) == repr(original.interpretation)
    assert objects == same
