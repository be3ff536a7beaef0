# ruff: noqa: T201
"""Untrusted bytes: mutated codecs, streams, columns and manifests, for some minutes.

    python -m tests.fuzz MINUTES [SEED]

Each case changes something that was valid; checksums and digests are put right again or not looked
at, for whoever means harm would see to that. What comes of it has to be an error of atlasae, or
something of the right shape; anything else, or too much time or memory, is a find, printed with
the numbers that make it again. Ends with exit code 1 where there is one.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import awkward as ak
import numpy as np

from atlasae import Codec
from atlasae.cli.model_card_output import described, print_codec
from atlasae.codecs import serialization
from atlasae.codecs.bounded import payload
from atlasae.codecs.stored import MODEL_CARD
from atlasae.coding.blocks import Block, join_blocks
from atlasae.columns.serialization import MAGIC, read_block_model, write_block_model
from atlasae.errors import DamagedFileError, InputError, MissingNameError, VersionError
from atlasae.jets.table import to_records
from atlasae.lossless import columns, streams
from atlasae.lossless.slots import slots_of
from atlasae.root.container import container
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.root.inspecting import info
from atlasae.root.io.file import open_root
from tests.columns.blocks import events as events_of_columns
from tests.columns.blocks import fitted
from tests.helpers import compress, make_jets, write_events

EXPECTED = (DamagedFileError, InputError, MissingNameError, VersionError)
SECONDS = 20  # a case may take
MEMORY = 3 << 30  # bytes of addresses, beyond what is there at the start
LEAST_MODEL = len(MAGIC) + 8  # bytes of stored models before their numbers
NUMBERS = (0, 1, -1, 2, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, 2**64, -(2**63))
VALUES = (*NUMBERS, 0.5, 1e-320, 1e308, float("nan"), float("inf"), None, True, "", "x", "float32",
          "var * float32", "pt", "é\0", [], [0], {}, {"x": 1}, ["pt", "pt"], [[1]], [None])  # fmt: skip


class TooLongError(BaseException):
    """A case took more than SECONDS."""


def mutated_bytes(data, rng):
    """Bytes with some changes."""
    found = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(found) + 1))
        length = int(rng.integers(1, 9))
        match rng.integers(7):
            case 0 if at < len(found):
                found[at] ^= 1 << int(rng.integers(8))
            case 1:
                found[at : at + length] = rng.bytes(length)
            case 2:
                found[at:at] = rng.bytes(length)
            case 3:
                del found[at : at + length]
            case 4:
                del found[at:]
            case 5:
                found[at : at + length] = bytes([int(rng.choice([0, 127, 128, 255]))] * length)
            case 6:
                other = int(rng.integers(len(found) + 1))
                found[at:at] = found[other : other + 8 * length]
    return bytes(found)


def places(value):
    """Every container within a JSON value, with each of its keys."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in list(inner):
        yield value, key
        if isinstance(child, (dict, list)):
            yield from places(child)


def mutated_json(value, rng):
    """A JSON value with some changes."""
    value = copy.deepcopy(value)
    for _ in range(rng.integers(1, 3)):
        every = list(places(value))
        if not every:
            break
        holder, key = every[rng.integers(len(every))]
        other, other_key = every[rng.integers(len(every))]
        match rng.integers(5):
            case 0 | 1:
                holder[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
            case 2:
                del holder[key]
            case 3:
                holder[key] = copy.deepcopy(other[other_key])
            case 4 if isinstance(holder[key], (int, float)):
                holder[key] = holder[key] * int(rng.integers(-3, 4)) + int(rng.integers(-2, 3))
    return value


def mutated_tensors(tensors, rng):
    """Tensors of which one has other bytes, another shape, dtype or name."""
    tensors = dict(tensors)
    name = list(tensors)[rng.integers(len(tensors))]
    tensor = tensors[name]
    match rng.integers(5):
        case 0 | 1:
            data = mutated_bytes(tensor.tobytes(), rng)
            whole = len(data) // tensor.itemsize * tensor.itemsize
            values = np.frombuffer(data[:whole], tensor.dtype)
            tensors[name] = values.reshape(tensor.shape) if values.size == tensor.size else values
        case 2:
            tensors[name] = tensor.reshape(-1)[: int(rng.integers(tensor.size + 1))]
        case 3:
            tensors[name] = tensor.astype(rng.choice(["float64", "int8", "uint16", "bool"]))
        case 4:
            del tensors[name]
    return tensors


CHECK, CHECK_FEATURE, READ_STREAM = Block.check, payload._check_feature, streams._read_stream


def unchecked(rng):
    """Whether checksums are looked at in the next case, and streams within are changed."""
    if rng.random() < 0.5:
        Block.check = lambda *_: None
        payload._check_feature = lambda *_: None

    def mutated_stream(*given):
        raw, at = READ_STREAM(*given)
        return (mutated_bytes(raw, rng) if rng.random() < 0.3 else raw), at

    if rng.random() < 0.5:
        streams._read_stream = mutated_stream


def checked():
    """As it was."""
    Block.check, payload._check_feature, streams._read_stream = CHECK, CHECK_FEATURE, READ_STREAM


class Targets:
    """Valid things, and the cases made of them."""

    def __init__(self, folder):
        counts = np.random.default_rng(1).poisson(2, 100)
        jets = make_jets(int(counts.sum()))
        jets["pt"][3], jets["phi"][5] = np.nan, 1e30
        events = ak.unflatten(ak.zip(jets), counts)
        cuts = {"pt": np.linspace(20, 60, 99), "eta": [-2.4, 0, 2.4]}
        fits = [
            (Codec.bounded(), jets),
            (Codec.bounded(tolerance="lossless"), events),
            (Codec.bounded(order="free"), events),
            (Codec.bounded(), ak.unflatten(ak.zip(make_jets(2400)), 2)),
            (Codec.bounded(tolerance=1e-2, cuts=cuts), events[ak.argsort(-events.pt)]),
        ]
        self.coded = []
        for codec, sample in fits:
            codec.fit(sample)
            few = sample[:40] if isinstance(sample, ak.Array) else jets
            self.coded.append((codec, list(codec.encode_blocks(few))))
        finite = make_jets(100)
        autoencoder = Codec.autoencoder(network=(8,), epochs=1).fit(finite)
        within = autoencoder.stored_as(events, tolerance=1e-3, latent_dtype="float16")
        rounded = autoencoder.stored_as(events, tolerance=1e-3, latent_tolerance=1e-2)
        self.coded += [
            (codec, list(codec.encode_blocks(events[:40]))) for codec in (within, rounded)
        ]
        self.codecs = [(autoencoder, autoencoder.encode(finite))]
        self.codecs += [(c, join_blocks(coded, c.fingerprint)) for c, coded in self.coded]
        source = write_events(folder / "source.root", make_jets(int(counts.sum())), counts)
        self.files = [folder / f"{name}.root" for name in ("packed", "latents", "residuals")]
        for path, given in zip(self.files, (self.coded[1][0], autoencoder, within), strict=True):
            compress(source, path, codec=given, pack="all")
        rng = np.random.default_rng(2)
        self.columns = {
            "x": ak.Array(rng.normal(size=50).astype("f4")),
            "n": ak.unflatten(rng.integers(0, 9, 100), np.full(50, 2)),
            "deep": ak.Array([[[1, 2], []], []] * 25),
            "flag": ak.Array(rng.random(50) < 0.5),
            "same": ak.Array(np.ones(50, "u2")),
            "shape": ak.from_regular(ak.to_regular(rng.random((50, 3)))),
            "text": ak.Array(["a", "bc"] * 25),
            "maybe": ak.Array([1, None] * 25),
            "record": ak.Array([{"a": 1, "b": [2.0]}] * 50),
            "smooth": ak.Array(np.arange(50) ** 2),
        }
        self.packed = columns.pack(self.columns)
        self.events = events_of_columns(1, 60)
        self.model = fitted(self.events)
        self.learned = columns.pack(self.events, self.model)

    def streams(self, rng):
        """Whole streams."""
        codec, coded = self.coded[rng.integers(len(self.coded))]
        len(codec.decode(mutated_bytes(join_blocks(coded, codec.fingerprint), rng)))

    def payload(self, rng):
        """Payloads and numbers of blocks."""
        codec, coded = self.coded[rng.integers(len(self.coded))]
        block = coded[rng.integers(len(coded))]
        payload, events, jets = block.payload, block.events, block.jets
        if rng.random() < 0.8:
            payload = mutated_bytes(payload, rng)
        if rng.random() < 0.3:
            jets = abs(int(NUMBERS[rng.integers(len(NUMBERS))]))
        if rng.random() < 0.3:
            events = [None, jets, *map(abs, NUMBERS)][rng.integers(len(NUMBERS) + 2)]
        table = codec.decode_blocks(iter([Block(events, jets, payload, block.checksum)]))
        found = to_records(table)
        assert len(found) == (jets if events is None else events), "other numbers than it says"
        assert events is None or ak.sum(ak.num(found)) == jets, "other jets than it says"

    def columns_(self, rng):
        """Packed columns, their types and how many there are."""
        types = {name: str(array.type.content) for name, array in self.columns.items()}
        data, entries = self.packed, 50
        if rng.random() < 0.8:
            data = mutated_bytes(data, rng)
        if rng.random() < 0.3:
            types = mutated_json(types, rng)
        if rng.random() < 0.2:
            entries = abs(int(NUMBERS[rng.integers(len(NUMBERS))]))
        for array in columns.unpack(data, types, entries).values():
            assert len(array) == entries, "other numbers of entries"
            array.to_list() if entries < 1000 else None

    def learned_columns(self, rng):
        """Packed columns that are learned from one another, and their models, with their digest."""
        types = {name: str(array.type.content) for name, array in self.events.items()}
        data, model, entries = self.learned, self.model, 60
        if rng.random() < 0.5:
            stored = mutated_bytes(write_block_model(model)[LEAST_MODEL:], rng)
            seal = MAGIC + hashlib.sha256(stored).digest()[: LEAST_MODEL - len(MAGIC)]
            dtypes = [slot.dtype for column in slots_of(types.values()) for slot in column]
            model = read_block_model(seal + stored, dtypes)
        if rng.random() < 0.6:
            data = mutated_bytes(data, rng)
        if rng.random() < 0.2:
            entries = abs(int(NUMBERS[rng.integers(len(NUMBERS))]))
        wanted = list(rng.permutation(list(types))[: rng.integers(1, 4)])
        for array in columns.unpack(data, types, entries, wanted, model).values():
            assert len(array) == entries, "other numbers of entries"

    def codecs_(self, rng):
        """Stored codecs, header and tensors, with the digest they need."""
        codec, encoded = self.codecs[rng.integers(len(self.codecs))]
        header, tensors = serialization.unpack(codec.to_bytes())
        if codec.model_card_ is not None:
            header[MODEL_CARD] = codec.model_card_.to_json()
        if rng.random() < 0.6:
            header = mutated_json(header, rng)
        if rng.random() < 0.6:
            tensors = mutated_tensors(tensors, rng)
        decoder = Codec.from_bytes(serialization.pack_plain(header, tensors))
        repr(decoder)
        with redirect_stdout(io.StringIO()):
            print_codec("a codec", decoder)
        json.dumps(described(decoder))
        decoder.decode(encoded)

    def codec_bytes(self, rng):
        """Stored codecs as bytes."""
        codec, encoded = self.codecs[rng.integers(len(self.codecs))]
        Codec.from_bytes(mutated_bytes(codec.to_bytes(), rng)).decode(encoded)

    def models(self, rng):
        """The densities of a bounded codec."""
        codec, coded = self.coded[rng.integers(len(self.coded))]
        header, tensors = serialization.unpack(codec.to_bytes())
        name = "model" if "model" in tensors else "residuals"
        model = mutated_bytes(tensors[name].tobytes(), rng)
        tensors |= {name: np.frombuffer(model, np.uint8)}
        other = Codec.from_bytes(serialization.pack_plain(header, tensors))
        other.decode_blocks(iter(coded))

    def manifests(self, rng):
        """Manifests in a file."""
        read = container._payloads

        def mutated(file, path):
            rows = read(file, path)
            if path == container.MANIFESTS:
                at = rng.integers(len(rows))
                text = json.dumps(mutated_json(json.loads(rows[at][20:]), rng)).encode()
                rows[at] = rows[at][:4] + hashlib.sha256(text).digest()[:16] + text
            return rows

        container._payloads = mutated
        try:
            with open_root(self.files[rng.integers(len(self.files))]) as file:
                for tree in CompressedTrees(file).values():
                    for _, arrays in tree.iterate(tree.schema.names):
                        assert len({len(array) for array in arrays.values()}) == 1
            info.info(self.files[0])
        finally:
            container._payloads = read


def main(minutes, seed):
    """Run cases; returns how many finds there are."""
    warnings.simplefilter("ignore")  # of overflows in what was mutated
    with tempfile.TemporaryDirectory() as folder:
        targets = Targets(Path(folder))
        cases = [getattr(targets, name) for name in vars(Targets) if not name.startswith("_")]
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))
        signal.signal(signal.SIGALRM, raise_too_long)
        end, number = time.monotonic() + 60 * minutes, 0
        results, finds = Counter(), Counter()
        while time.monotonic() < end:
            number += 1
            rng = np.random.default_rng([seed, number])
            case = cases[number % len(cases)]
            unchecked(rng)
            signal.alarm(SECONDS)
            try:
                case(rng)
                results[case.__name__, "a result"] += 1
            except EXPECTED:
                results[case.__name__, "an error"] += 1
            except (Exception, TooLongError) as error:  # noqa: BLE001
                where = traceback.extract_tb(error.__traceback__)[-1]
                key = case.__name__, type(error).__name__, where.filename, where.lineno
                finds[key] += 1
                if finds[key] == 1:
                    print(f"find in {case.__name__}, seed {seed}, case {number}")
                    traceback.print_exception(error, limit=-8)
            finally:
                signal.alarm(0)
                checked()
    for key, count in sorted(results.items()):
        print(*key, count)
    print(f"{number} cases, finds: {len(finds)}")
    for key, count in finds.items():
        print(*key, count)
    return len(finds)


def raise_too_long(number, frame):
    raise TooLongError


if __name__ == "__main__":
    sys.exit(bool(main(float(sys.argv[1]), int((sys.argv[2:] or ["0"])[0]))))
