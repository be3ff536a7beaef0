"""What can go wrong with files: each fault is one clear error, and never a wrong number."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae import Codec
from atlasae.cli.main import main
from atlasae.codecs import serialization
from atlasae.coding import blocks
from atlasae.errors import AtlasaeError, DamagedFileError, FileError, VersionError
from atlasae.root.checking.check import check
from atlasae.root.container import manifest
from atlasae.root.io.file import open_root
from atlasae.root.merge import merge
from tests.helpers import compress, make_jets, write_events
from tests.root.helpers import assert_true_or_error, restored

CUTS = 40
FLIPS = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small file, and one compressed in all its branches: jets by a codec, the rest packed."""
    path = tmp_path_factory.mktemp("faults")
    counts = np.random.default_rng(0).poisson(2, 40)
    source = write_events(path / "source.root", make_jets(counts.sum()), counts)
    codec = Codec.bounded().fit(atlasae.read_jets(source))
    codec.save(path / "codec.safetensors")
    compress(source, path / "small.root", codec=codec, pack="all")
    return path


COMMANDS = {
    "info": lambda path, _: atlasae.info(path),
    "read_jets": lambda path, _: atlasae.read_jets(path),
    "decompress": atlasae.decompress,
    "merge": lambda path, out: merge([path], out),
    "check": lambda path, _: check(path, path),
    "compress": lambda path, out: compress(path, out, pack="all"),
}


@pytest.mark.parametrize("name", ["source.root", "small.root"])
def test_files_cut_short(folder, tmp_path, name):
    data = (folder / name).read_bytes()
    cut, out = tmp_path / "cut.root", tmp_path / "out.root"
    for length in np.linspace(0, len(data) - 1, CUTS).astype(int):
        cut.write_bytes(data[:length])
        for command, run in COMMANDS.items():
            with pytest.raises(AtlasaeError, match=r"cut\.root"):
                pytest.fail(f"{command} after {length} bytes: {run(cut, out)}")
            assert list(tmp_path.iterdir()) == [cut], command


def baskets(path):
    """Where the baskets of codecs, manifests and blocks lie in a file."""
    with uproot.open(path) as file:
        branches = [
            branch
            for name in ("codecs", "manifests", "blocks")
            for branch in file[f"atlasae/{name}"]
        ]
        return np.concatenate([
            np.arange(seek, seek + size)
            for branch in branches
            for seek, size in zip(
                branch.member("fBasketSeek"), branch.member("fBasketBytes"), strict=True
            )
        ])  # fmt: skip


@pytest.mark.parametrize("flips", [FLIPS // 6, pytest.param(FLIPS // 2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("within", ["baskets", "the file"])
def test_flipped_bits_give_an_error_or_the_true_values(folder, tmp_path, within, flips):
    data = np.fromfile(folder / "small.root", np.uint8)
    true = restored(folder / "small.root")
    places = np.flatnonzero(data) if within == "the file" else baskets(folder / "small.root")
    rng = np.random.default_rng(0)
    path, noticed = tmp_path / "flipped.root", 0
    for place in rng.choice(places, flips).tolist():
        flipped = data.copy()
        flipped[place] ^= 1 << int(rng.integers(8))
        flipped.tofile(path)
        error = assert_true_or_error(path, true)
        noticed += bool(error)
        for command in ("info", "decompress")[: 1 + (place % 8 == 0)]:
            with suppress(AtlasaeError):
                COMMANDS[command](path, tmp_path / "out.root")
            (tmp_path / "out.root").unlink(missing_ok=True)
    assert noticed > (flips // 2 if within == "baskets" else 0)


def test_what_a_damaged_file_says_of_classes_does_not_outlive_it(folder, tmp_path):
    with open_root(folder / "small.root") as file:
        assert file.file.class_named("TAttFill", 99)  # a histogram of a version that is not there
    atlasae.decompress(folder / "small.root", tmp_path / "out.root")
    with uproot.open(tmp_path / "out.root") as file:
        assert file["cutflow"].classname == "TH1D"


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_root_file(folder, tmp_path, command):
    text, empty = tmp_path / "text.root", tmp_path / "empty.root"
    text.write_text("some text, longer than the header of a file" * 20)
    empty.touch()
    for path in (text, empty, tmp_path, tmp_path / "none.root", folder / "codec.safetensors"):
        with pytest.raises(FileError, match=path.name):
            COMMANDS[command](path, tmp_path / "out.root")
    assert set(tmp_path.iterdir()) == {text, empty}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_what_may_not_be_read_or_written(folder, tmp_path):
    secret, closed = tmp_path / "secret.root", tmp_path / "closed"
    secret.write_bytes((folder / "small.root").read_bytes())
    secret.chmod(0)
    closed.mkdir(mode=0o500)
    with pytest.raises(FileError, match=r"cannot read .*secret\.root.*denied"):
        atlasae.info(secret)
    with pytest.raises(FileError, match=r"cannot write .*out\.root.*denied"):
        atlasae.decompress(folder / "small.root", closed / "out.root")


WRITERS = {
    "compress": ("compress", "source.root", "OUT", "--codec", "codec.safetensors"),
    "decompress": ("decompress", "small.root", "OUT"),
    "merge": ("merge", "small.root", "small.root", "OUT"),
}


def arguments(command, folder, out):
    names = WRITERS[command]
    return [str(out if n == "OUT" else folder / n if "." in n else n) for n in names]


@pytest.mark.parametrize("after", [0, 1000, 8000])
@pytest.mark.parametrize("command", WRITERS)
def test_a_full_disk(folder, tmp_path, command, after, monkeypatch):
    from uproot.sink.file import FileSink

    write, written = FileSink.write, [0]

    def write_until_full(self, location, data):
        written[0] += len(data)
        if written[0] > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, location, data)

    monkeypatch.setattr(FileSink, "write", write_until_full)
    result = CliRunner().invoke(main, arguments(command, folder, tmp_path / "out.root"))
    assert result.exit_code == 2, result.output
    assert "out.root: No space left on device" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_limit_on_the_size_of_files(folder, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", "from atlasae.cli import main; main()",
         *arguments("decompress", folder, tmp_path / "out.root")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)),
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 2, result.stderr
    assert "out.root: File too large" in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


# the command, held up when it has written entries
HALF_WAY = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in the background
from atlasae.root.io.ttree import TTreeWriter
extend = TTreeWriter.extend
def extend_and_wait(self, arrays):
    extend(self, arrays)
    print("half-way", flush=True)
    time.sleep(60)
TTreeWriter.extend = extend_and_wait
from atlasae.cli import main
main()
"""


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        ("compress", signal.SIGINT),
        ("compress", signal.SIGTERM),
        ("compress", signal.SIGKILL),
        ("decompress", signal.SIGTERM),
        ("merge", signal.SIGTERM),
    ],
)
def test_an_end_half_way(folder, tmp_path, command, sent):
    given = arguments(command, folder, tmp_path / "out.root")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY, *given], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with process:
        try:
            assert process.stdout.readline() == b"half-way\n"
            (half,) = tmp_path.iterdir()
            process.send_signal(sent)
            assert process.wait(20) not in (0, 2)
        finally:
            process.kill()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    left = list(tmp_path.iterdir())
    assert left == ([half] if sent == signal.SIGKILL else [])
    if left:
        atlasae.decompress(folder / "small.root", tmp_path / "out.root")
        assert list(tmp_path.iterdir()) == [tmp_path / "out.root"]


@pytest.mark.parametrize(
    ("module", "name", "newer"),
    [
        (manifest, "FORMAT", manifest.FORMAT + 1),
        (serialization, "MAGIC", serialization.MAGIC[:-1] + bytes([serialization.MAGIC[-1] + 1])),
    ],
)
def test_newer_formats_say_what_to_do(folder, tmp_path, module, name, newer, monkeypatch):
    path = tmp_path / "newer.root"
    codec = Codec.load(folder / "codec.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr(module, name, newer)
        compress(folder / "source.root", path, codec=codec)
    for command in ("info", "read_jets", "decompress", "check", "merge"):
        with pytest.raises(VersionError, match=r"newer\.root.*pip install -U atlasae"):
            COMMANDS[command](path, tmp_path / "out.root")


def test_a_newer_stream_says_what_to_do():
    stream = blocks.join_blocks([], bytes(blocks.FINGERPRINT_BYTES))
    newer = blocks.MAGIC[:-1] + bytes([blocks.MAGIC[-1] + 1]) + stream[len(blocks.MAGIC) :]
    with pytest.raises(VersionError, match="pip install -U atlasae"):
        list(blocks.split_blocks(newer, bytes(blocks.FINGERPRINT_BYTES)))


def test_a_codec_whose_parts_do_not_fit_is_damage(codec):
    header, tensors = serialization.unpack(codec.to_bytes())

    def read(header, tensors):
        return Codec.from_bytes(serialization.pack_plain(header, tensors))

    read(header, tensors)
    state = header["state"]
    changes = [
        (header, tensors | {"decoder.0.weight": tensors["decoder.0.weight"][:, :3].copy()}),
        (header, tensors | {"decoder.2.weight": tensors["decoder.2.weight"][0].copy()}),
        (header | {"state": state | {"scaling": state["scaling"][:2]}}, tensors),
        (header | {"state": state | {"dtypes": ["x", *state["dtypes"][1:]]}}, tensors),
        (header | {"state": state | {"features": [1, *state["features"][1:]]}}, tensors),
    ]
    for changed in changes:
        with pytest.raises(DamagedFileError):
            read(*changed)
