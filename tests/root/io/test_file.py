"""Files that cannot be opened, and trees that are not there."""

from __future__ import annotations

import pickle
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from atlasae.errors import (
    DamagedFileError,
    FileError,
    MissingFileError,
    MissingNameError,
)
from atlasae.root.io.file import Trees, open_root


def test_a_tree_that_is_not_there_names_the_nearest(events_file):
    with (
        open_root(events_file) as file,
        pytest.raises(MissingNameError, match="did you mean 'Events'"),
    ):
        Trees(file)["Event"]


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(MissingFileError, match="no file"), open_root(tmp_path / "none.root"):
        pass
    with pytest.raises(FileError, match="cannot read"), open_root(tmp_path):
        pass
    text = tmp_path / "text.root"
    text.write_text("not a ROOT file")
    with (
        pytest.raises(DamagedFileError, match="is not a ROOT file: it begins with"),
        open_root(text),
    ):
        pass
    with pytest.raises(FileError), open_root(f"{text}:Events"):
        pass


@pytest.fixture
def server(tmp_path):
    """The address of a server that sends whole files only."""
    handler = partial(QuietHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_server_without_byte_ranges_is_named(server, tmp_path, events_file):
    pytest.importorskip("aiohttp", reason="http needs the extra of that name")
    (tmp_path / "events.root").write_bytes(events_file.read_bytes())
    with pytest.raises(FileError, match="sends whole files only, no byte ranges; download it"):
        open_root(f"{server}/events.root")
    with pytest.raises(MissingFileError):
        open_root(f"{server}/none.root")
    with pytest.raises(FileError, match=r"cannot read 'http://127.0.0.1:1/a.root': Cannot connect"):
        open_root("http://127.0.0.1:1/a.root")


@pytest.mark.parametrize(
    ("name", "protocol"), [("jets.pkl", 0), ("jets.pkl", 5), ("jets.root", 2), ("jets.root", 5)]
)
def test_a_pickle_is_pointed_to_what_reads_it(name, protocol, tmp_path):
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"pt": np.zeros(3)}, protocol))
    with pytest.raises(DamagedFileError, match="is a pickle, not a ROOT file; atlasae fit"):
        open_root(path)
