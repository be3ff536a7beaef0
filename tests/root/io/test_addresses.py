"""Files on a server: parts are read as they are needed, and what goes wrong is one line."""

from __future__ import annotations

import importlib.util
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import uproot

import atlasae
from atlasae import Codec
from atlasae.coding import blocks
from atlasae.errors import DamagedFileError, FileError, MissingFileError, MissingPackageError
from atlasae.root.container import block_tree, part_writers
from tests.helpers import compress, make_jets

pytest.importorskip("aiohttp", reason="http needs the extra of that name")


class Server(ThreadingHTTPServer):
    """Sends the files that it is given, in one of several ways, and counts the bytes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.way, self.sent = {}, "ranges", 0

    def handle_error(self, *_):
        """Nothing is said of connections that a client gave up."""

    def address(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        data = self.server.files.get(self.path.removeprefix("/"))
        if data is None or self.server.way == "forbidden":
            self.send_response(404 if data is None else 403)
            data = b""
        elif self.server.way != "whole" and (asked := self.headers.get("Range")):
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", asked).groups())
            part = data[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
            data = part
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.server.way == "cut off" and len(data) > 1000:
            data, self.close_connection = data[:100], True
        self.server.sent += len(data)
        self.wfile.write(data)


@pytest.fixture(scope="module")
def running():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A file of many baskets, and what is compressed of it, in blocks of 40 kB and more."""
    folder = tmp_path_factory.mktemp("served")
    jets = make_jets(40_000)
    codec = Codec.bounded(tolerance="lossless").fit({n: v[:500] for n, v in jets.items()})
    with uproot.recreate(folder / "events.root") as file:
        tree = file.mktree("Events", {name: values.dtype for name, values in jets.items()})
        for start in range(0, 40_000, 4000):
            tree.extend({name: values[start : start + 4000] for name, values in jets.items()})
    with pytest.MonkeyPatch.context() as patch:
        for module in (blocks, part_writers):
            patch.setattr(module, "BLOCK_JETS", 4000)
        patch.setattr(block_tree, "_HELD_BACK", 40_000)
        compress(folder / "events.root", folder / "small.root", codec=codec)
    return {path.name: path.read_bytes() for path in folder.glob("*.root")}


@pytest.fixture
def server(running, sources):
    running.files, running.way, running.sent = sources, "ranges", 0
    return running


@pytest.mark.parametrize("name", ["events.root", "small.root"])
def test_a_part_of_a_file_is_read_without_the_rest(name, server, tmp_path):
    (tmp_path / name).write_bytes(server.files[name])
    with atlasae.open(f"{server.address(name)}:Events") as tree:
        part = tree["pt"].array(entry_start=15_000, entry_stop=15_010)
    assert server.sent < len(server.files[name]) / 2
    with atlasae.open(f"{tmp_path / name}:Events") as tree:
        assert part.tolist() == tree["pt"].array(entry_start=15_000, entry_stop=15_010).tolist()


@pytest.mark.parametrize("name", ["events.root", "small.root"])
def test_what_a_server_does_wrong_is_said_in_a_line(name, server):
    address = server.address(name)
    with pytest.raises(MissingFileError, match=r"no file 'http://.*/none\.root'"):
        atlasae.open(server.address("none.root"))
    for way, message in {
        "whole": "its server sends whole files only, no byte ranges; download it",
        "forbidden": "403 Forbidden$",
        "cut off": "payload is not completed.*; try again",
    }.items():
        server.way = way
        with pytest.raises(FileError, match=f"cannot read '{address}': .*{message}") as caught:
            atlasae.read_jets(address)
        assert "\n" not in str(caught.value)
        assert not isinstance(caught.value, DamagedFileError)
    server.way = "ranges"
    assert len(atlasae.read_jets(address, entry_stop=5)) == 5


@pytest.mark.parametrize("name", ["events.root", "small.root"])
def test_a_connection_that_is_lost_later_is_no_damage(name, server):
    with atlasae.open(f"{server.address(name)}:Events") as tree:
        server.way = "cut off"
        with pytest.raises(FileError, match=r"payload is not completed.*; try again") as caught:
            tree.arrays()
        assert not isinstance(caught.value, DamagedFileError)


def test_several_files_may_be_elsewhere(server):
    addresses = [server.address(name) for name in server.files]
    jets = atlasae.read_jets(addresses)
    assert jets.pt[:40_000].tolist() == jets.pt[40_000:].tolist()
    with pytest.raises(MissingFileError, match=r"no file matches 'http.*/\*\.root'"):
        atlasae.read_jets(server.address("*.root"))
    server.way = "forbidden"
    server.files = {"": b""}
    with pytest.raises(FileError, match=r"cannot list .*\*\.root'.*; name each file"):
        atlasae.read_jets(server.address("*.root"))


def test_addresses_that_lead_nowhere(events_file):
    with pytest.raises(FileError, match=r"cannot read 'http://127.0.0.1:1/a.root': Cannot connect"):
        atlasae.open("http://127.0.0.1:1/a.root")
    with pytest.raises(FileError, match=r"cannot read 'foo://b/a.root': Protocol not known: foo"):
        atlasae.open("foo://b/a.root")
    with pytest.raises(
        FileError, match=r"cannot write to the address 'http://b/a.root'; give a path"
    ):
        atlasae.compress(events_file, "http://b/a.root")


def test_xrootd_needs_its_package():
    if importlib.util.find_spec("fsspec_xrootd"):
        pytest.skip("fsspec-xrootd is installed")
    for address in ("root://eos.cern.ch//a.root", "root://eos.cern.ch//*.root"):
        with pytest.raises(
            MissingPackageError, match=r"needs fsspec-xrootd: pip install 'atlasae\[xrootd\]'"
        ):
            atlasae.read_jets(address)
