"""Each file has copies of uproot's classes, which pickle."""

from __future__ import annotations

import pickle

import uproot

from atlasae.root.io.classes import private_classes


def test_a_version_added_to_a_copy_does_not_reach_uproot():
    first, second = private_classes(), private_classes()
    first["TH1F"].known_versions[99] = object
    assert 99 not in second["TH1F"].known_versions
    assert 99 not in uproot.classes["TH1F"].known_versions
    assert first.keys() == uproot.classes.keys()


def test_a_copy_pickles_as_a_copy():
    copied = private_classes()["TH1F"]
    restored = pickle.loads(pickle.dumps(copied))
    assert restored is not uproot.classes["TH1F"]
    assert restored.known_versions == uproot.classes["TH1F"].known_versions
    assert restored.known_versions is not uproot.classes["TH1F"].known_versions


def test_an_object_read_with_copies_pickles(events_file):
    with uproot.open(events_file, custom_classes=private_classes()) as file:
        histogram = pickle.loads(pickle.dumps(file["cutflow"]))
        assert histogram.to_numpy()[0].tolist() == file["cutflow"].to_numpy()[0].tolist()
