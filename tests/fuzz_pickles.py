# ruff: noqa: T201
"""Untrusted pickles: tables of jets with changed bytes and opcodes, under limits.

    python -m tests.fuzz_pickles CASES [SEED]

What comes of each has to be jets or an error of atlasae, within SECONDS and MEMORY; anything else
is a find, printed with the number that makes it again. A crash ends the process after the number
of its case is in the file that is named at the start. Ends with exit code 1 if there is a find.
"""

from __future__ import annotations

import pickle
import pickletools
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

from atlasae.errors import DamagedFileError, InputError, UnsafePickleError
from atlasae.jets.pickle.reader import read_pickle
from tests.fuzz import TooLongError, mutated_bytes, raise_too_long
from tests.helpers import make_jets
from tests.jets.pickle.test_reader import array, dtype, legacy_frame, name, put, raw, text

EXPECTED = (DamagedFileError, InputError, UnsafePickleError)
SECONDS = 5  # of a processor, which a case may take
MOST_BYTES = 4_000_000  # of a pickle
MEMORY = 1 << 30  # bytes of addresses, beyond what is there at the start


def integer(value):
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(data)) + data


VALUES = [
    b"N" + b"\x85" * 50_000,  # a tuple in a tuple in a tuple ...
    b"N" + b"q\xffh\xff\x86" * 60,  # a tuple that holds itself twice, at each of 60 levels
    b"]q\xffh\xffa",  # a list in itself
    *map(integer, (0, 1, -1, 2, 7, 2**31, 2**40, 2**62, 2**63, 2**64, -(2**63), 2**8_000_000)),
    *(b"N", b"\x88", b"\x89", b")", b"]", b"}", b"G" + struct.pack(">d", 1e308)),
    *map(text, ("", "<", ">", "f8", "u1", "V8", "O8", "K", "pt", "x" * 100_000, "\x1b[31m")),
    *map(raw, (b"", bytes(8), bytes(1_000_000))),
    *(name(*pair) for pair in (("numpy", "ndarray"), ("pandas", "Index"), ("os", "system"))),
    dtype("f8"),
    array((1,), dtype("f8"), raw(bytes(8))),
    array((0, 2**31 - 1), dtype("f8"), raw(b"")),
    array((2**31 - 1, 0), dtype("u1"), raw(b"")),
]


def opcodes(data):
    """The bytes of each opcode of a pickle."""
    starts = [start for _, _, start in pickletools.genops(data)] + [len(data)]
    return [data[a:b] for a, b in pairwise(starts)]


def seeds():
    """Pickles of tables in the forms that are read, each as a list of opcodes."""
    jets = make_jets(3)
    made = [legacy_frame(jets)]
    records = np.zeros(3, [(key, values.dtype) for key, values in jets.items()])
    tables = [jets, records]
    try:
        import pandas as pd
    except ImportError:
        print("without pandas: no frames of the installed version")
    else:
        frame = pd.DataFrame(jets)
        tables += [frame, frame[::2], frame.assign(n=[1, 2, 3])]
    made += [pickle.dumps(table, protocol) for table in tables for protocol in range(2, 6)]
    return [opcodes(data) for data in made]


def assert_all_are_read(pickles):
    with tempfile.TemporaryDirectory() as folder:
        for found in pickles:
            assert len(read_pickle(put(Path(folder), b"".join(found)))) in (2, 3)


def mutated(pickles, rng):
    """A pickle with some opcodes or bytes changed."""
    found = list(pickles[rng.integers(len(pickles))])
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(found)))
        match rng.integers(7):
            case 0 | 1:
                found[at] = VALUES[rng.integers(len(VALUES))]
            case 2:
                found.insert(at, VALUES[rng.integers(len(VALUES))])
            case 3:
                other = pickles[rng.integers(len(pickles))]
                start = int(rng.integers(len(other)))
                found[at:at] = other[start : start + int(rng.integers(1, 30))]
            case 4:
                del found[at : at + int(rng.integers(1, 4))]
            case 5:
                span = found[at : at + int(rng.integers(1, 30))]
                most = 1 + MOST_BYTES // sum(map(len, span))
                found[at:at] = span * min(most, int(10 ** rng.uniform(0, 4)))
            case 6:
                found[at] = mutated_bytes(found[at], rng)
    data = b"".join(found)[:MOST_BYTES]
    return mutated_bytes(data, rng) if rng.random() < 0.2 else data


def main(cases, seed):
    """Run cases; returns how many finds there are."""
    warnings.simplefilter("ignore")
    pickles, results, finds, slowest = seeds(), Counter(), Counter(), 0.0
    assert_all_are_read(pickles)  # imports what is needed, before time and memory are limited
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, raise_too_long)
    with tempfile.TemporaryDirectory() as folder:
        path, running = Path(folder, "jets.pkl"), Path(folder, "case")
        print(f"the running case is in {running}")
        for number in range(cases):
            running.write_text(str(number))
            put(path.parent, mutated(pickles, np.random.default_rng([seed, number])))
            begun = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                jets = read_pickle(path)
                assert len({len(jets[field]) for field in jets.fields}) == 1, "unequal columns"
                results["jets"] += 1
            except EXPECTED as error:
                results[type(error).__name__] += 1
                if len(str(error)) > 1000:
                    finds["a long message", str(error)[:60]] += 1
            except (Exception, TooLongError) as error:  # noqa: BLE001
                where = traceback.extract_tb(error.__traceback__)[-1]
                finds[type(error).__name__, where.filename, where.lineno] += 1
                print(f"find in case {number} of seed {seed}")
                traceback.print_exception(error, limit=-8)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            slowest = max(slowest, time.process_time() - begun)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{cases} cases: {dict(results)}; finds: {dict(finds)}")
    print(f"slowest {slowest:.2f} s, peak of the process {peak:.0f} MiB")
    return len(finds)


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), int((sys.argv[2:] or ["0"])[0]))))
