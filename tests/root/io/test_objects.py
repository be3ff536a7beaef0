"""Objects and directories of a file."""

from __future__ import annotations

from atlasae.root.io.file import Trees, open_root
from atlasae.root.io.objects import directories_in, objects_in


def test_objects_and_directories(events_file):
    with open_root(events_file) as file:
        assert list(Trees(file)) == ["Events", "more/Runs"]
        assert directories_in(file) == ["more"]
        objects, unwritable = objects_in(file)
        assert list(objects) == ["cutflow", "note"]
        assert unwritable == {}
