"""Fields of an RNTuple come in their own types, and what is not carried is named."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.root.io.file import Trees, open_root
from tests.helpers import compress

ENTRIES = 500
_MAKERS = """
#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleReader.hxx>
#include <ROOT/RNTupleWriter.hxx>
#include <ROOT/RField.hxx>
#include <TRandom3.h>
#include <atomic>
#include <bitset>
#include <map>
#include <set>
namespace atlasae_fields {
template <typename T> auto number(const char *name, int bits, bool quantized) {
  auto field = std::make_unique<ROOT::RField<T>>(name);
  if (quantized) field->SetQuantized(-7.3, 9.1, bits); else field->SetTruncated(bits);
  return field;
}
void numbers(const char *file) {
  auto model = ROOT::RNTupleModel::Create();
  model->AddField(number<double>("truncated", 27, false));
  model->AddField(number<double>("quantized", 31, true));
  model->AddField(number<double>("coarse", 13, true));
  model->AddField(number<float>("single", 20, true));
  auto narrow = std::make_unique<ROOT::RField<double>>("narrow");
  narrow->SetDouble32();
  model->AddField(std::move(narrow));
  auto half = std::make_unique<ROOT::RField<float>>("half");
  half->SetHalfPrecision();
  model->AddField(std::move(half));
  auto list = std::make_unique<ROOT::RField<std::vector<double>>>("list");
  dynamic_cast<ROOT::RField<double> &>(*list->GetMutableSubfields()[0]).SetQuantized(-7.3, 9.1, 30);
  model->AddField(std::move(list));
  auto writer = ROOT::RNTupleWriter::Recreate(std::move(model), "Events", file);
  auto entry = writer->CreateEntry();
  TRandom3 random(1);
  for (int i = 0; i < ENTRIES; ++i) {
    for (auto name : {"truncated", "quantized", "coarse", "narrow"})
      *entry->GetPtr<double>(name) = random.Uniform(-7.3, 9.1);
    for (auto name : {"single", "half"}) *entry->GetPtr<float>(name) = random.Uniform(-7.3, 9.1);
    entry->GetPtr<std::vector<double>>("list")->assign(i % 4, random.Uniform(-7.3, 9.1));
    writer->Fill(*entry);
    if (i == 200) writer->CommitCluster();
  }
}
template <typename T> std::vector<T> read(const char *file, const char *name) {
  auto reader = ROOT::RNTupleReader::Open("Events", file);
  auto view = reader->GetView<T>(name);
  std::vector<T> values;
  for (auto i : reader->GetEntryRange()) values.push_back(view(i));
  return values;
}
std::vector<double> read_list(const char *file) {
  std::vector<double> values;
  for (auto &list : read<std::vector<double>>(file, "list"))
    values.insert(values.end(), list.begin(), list.end());
  return values;
}
void projected(const char *file, bool all) {
  auto model = ROOT::RNTupleModel::Create();
  auto pairs = model->MakeField<std::vector<std::pair<float, int>>>("_jets");
  auto project = [&](auto field, const char *name, const char *source) {
    std::string top = name, below = source;
    model->AddProjectedField(std::move(field),
      [=](const std::string &x) -> std::string { return x == top ? "_jets" : below; });
  };
  project(std::make_unique<ROOT::RField<std::vector<float>>>("Jet_pt"), "Jet_pt", "_jets._0._0");
  if (all)
    project(std::make_unique<ROOT::RField<std::vector<int>>>("Jet_id"), "Jet_id", "_jets._0._1");
  auto writer = ROOT::RNTupleWriter::Recreate(std::move(model), "Events", file);
  for (int i = 0; i < ENTRIES; ++i) {
    pairs->assign(i % 3, {i / 2.f, i});
    writer->Fill();
  }
}
void classes(const char *file) {
  auto model = ROOT::RNTupleModel::Create();
  auto map = model->MakeField<std::map<std::string, float>>("map");
  auto set = model->MakeField<std::set<int>>("set");
  auto pair = model->MakeField<std::pair<int, float>>("pair");
  auto pointer = model->MakeField<std::unique_ptr<double>>("pointer");
  auto atomic = model->MakeField<std::atomic<int>>("atomic");
  auto bits = model->MakeField<std::bitset<12>>("bits");
  auto byte = model->MakeField<std::byte>("byte");
  auto plain = model->MakeField<std::vector<float>>("plain");
  auto text = model->MakeField<std::string>("text");
  auto writer = ROOT::RNTupleWriter::Recreate(std::move(model), "Events", file);
  for (int i = 0; i < 9; ++i) { plain->assign(i, i); writer->Fill(); }
}
}
""".replace("ENTRIES", str(ENTRIES))


@pytest.fixture(scope="module")
def made(root):
    """C++ that writes and reads RNTuples as uproot cannot."""
    assert root.gInterpreter.Declare(_MAKERS)
    return root.atlasae_fields


DOUBLES = ("truncated", "quantized", "coarse", "narrow")


def read_by_root(made, path, name):
    if name == "list":
        return np.array(made.read_list(str(path)))
    return np.array(made.read["double" if name in DOUBLES else "float"](str(path), name))


@pytest.fixture(scope="module")
def numbers(made, tmp_path_factory):
    """An RNTuple of numbers that ROOT wrote, and what is restored of its compressed copy."""
    folder = tmp_path_factory.mktemp("numbers")
    source, small, back = (folder / f"{step}.root" for step in ("source", "small", "back"))
    made.numbers(str(source))
    compress(source, small, pack="all")
    atlasae.decompress(small, back)
    return source, back


@pytest.mark.parametrize("name", [*DOUBLES, "single", "half", "list"])
def test_numbers_are_what_root_reads(made, numbers, name):
    source, back = numbers
    expected = read_by_root(made, source, name)
    with open_root(source) as file:
        tree = Trees(file)["Events"]
        whole = ak.flatten(tree.read([name], 0, ENTRIES)[name], axis=None).to_numpy()
        late = ak.flatten(tree.read([name], 300, ENTRIES)[name], axis=None).to_numpy()
        note = tree.schema.changed[name]
    np.testing.assert_array_equal(whole, expected, strict=True)
    np.testing.assert_array_equal(whole[-len(late) :], late)
    assert " bits becomes " in note
    np.testing.assert_array_equal(read_by_root(made, back, name), expected, strict=True)


def test_a_restored_file_of_such_numbers_is_good(numbers):
    assert atlasae.check(*numbers).good


def test_a_collection_that_is_shown_in_part_is_kept(made, tmp_path):
    for shown, names in ((True, ["Jet_pt", "Jet_id"]), (False, ["_jets", "Jet_pt"])):
        source, small = tmp_path / "source.root", tmp_path / "small.root"
        made.projected(str(source), shown)
        compress(source, small, pack="all", force=True)
        with atlasae.open(small) as file:
            tree = file["Events"]
            assert tree.keys() == names
            identity = tree["_jets"].array()["1"] if "_jets" in names else tree["Jet_id"].array()
            assert identity.tolist() == [[i] * (i % 3) for i in range(ENTRIES)]
        assert atlasae.check(source, small).good


def test_types_that_cannot_be_written_are_named(made, tmp_path):
    made.classes(str(tmp_path / "source.root"))
    with open_root(tmp_path / "source.root") as file:
        changed = Trees(file)["Events"].schema.changed
    assert changed == {
        "map": "std::map<std::string,float> becomes records without a class",
        "set": "std::set<std::int32_t> becomes std::vector<std::int32_t>",
        "pair": "std::pair<std::int32_t,float> becomes records without a class",
        "pointer": "std::unique_ptr<double> becomes std::vector<double>",
        "atomic": "std::atomic<std::int32_t> becomes std::int32_t",
        "bits": "std::bitset<12> becomes std::array<bool,12>",
        "byte": "std::byte becomes std::uint8_t",
    }


def test_records_without_a_class_stay_what_they_are(tmp_path):
    columns = ak.zip(
        {
            "record": ak.Array([{"a": 1, "b": [2.0]}]),
            "records": ak.Array([[{"a": 1, "b": 2.0}]]),
            "nested": ak.Array([[[{"a": 1, "b": [(1, 2.0)]}]]]),
        },
        depth_limit=1,
    )
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("t", columns.layout.form).extend(columns)
    with open_root(tmp_path / "a.root") as file:
        changed = Trees(file)["t"].schema.changed
    assert changed == {
        "nested": "std::vector<std::tuple<std::int64_t,double>> becomes records without a class"
    }
