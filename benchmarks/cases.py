"""The jets that the bounded codec is measured on, and the tolerance of each case.

Rows of the pickle are shuffled with numpy.random.default_rng(0).permutation; the first 80 % train
and the others are coded. Events keep their order; the first 80 % train and the others are coded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import uproot

from atlasae import read_pickle
from atlasae.jets.names import role
from atlasae.jets.table import Table, to_table
from atlasae.quantization.tolerance import Tolerance, abs_, rel
from benchmarks import peers

TRAIN_SHARE = 0.8  # of the rows or events
NANOAOD_BITS = {"pt": 10, "m": 10, "eta": 12, "phi": 12}  # of mantissa
TARGETS = {1e-3: 41.3, 1e-2: 28.3, 1e-4: 54.7}  # bits per jet of the pickle, by tolerance
DIJET_NOTE = (
    "the target is that of a prototype, which saw the leading jet's phi through its recoil;"
    " the same networks without it take 41.2"
)


@dataclass(frozen=True)
class Case:
    """Jets to train on and jets to code, float32.

    Attributes:
        name: for tables.
        train: jets that the codec is fitted to.
        test: jets that are coded.
        tolerance: that the codec keeps.
        target: bits per jet to reach.
        note: on the target.
    """

    name: str
    train: Table
    test: Table
    tolerance: str | dict[str, float | Tolerance]
    target: float
    note: str = ""

    @property
    def lossless(self) -> bool:
        return self.tolerance == "lossless"


def all_cases(pickle: str, events: str) -> list[Case]:
    """The cases of a pickle of jets and of a ROOT file of dijet events."""
    jets = to_table(read_pickle(pickle))
    shuffled = np.random.default_rng(0).permutation(len(jets))
    jets = Table({name: c.astype(np.float32) for name, c in jets.columns.items()}).rows(shuffled)
    dijets = _dijets(events)
    return [
        *(
            Case(f"pickle, {value:g}", *_split(jets), _tolerance(value, floor=1.0), target)
            for value, target in TARGETS.items()
        ),
        Case("dijets, 0.001", *_split(dijets), _tolerance(1e-3, floor=1e-3), 39.2, DIJET_NOTE),
        Case("dijets as in NanoAOD, lossless", *_split(truncated(dijets)), "lossless", 48.5),
    ]


def truncated(jets: Table) -> Table:
    """Jets with mantissas rounded as in NanoAOD."""
    columns = {
        name: peers.rounded(values, NANOAOD_BITS[role(name) or name])
        for name, values in jets.columns.items()
    }
    return Table(columns, jets.counts)


def _dijets(path: str) -> Table:
    names = ("mass", "pt", "phi", "eta")
    with uproot.open(path) as file:
        arrays = file["Events"].arrays([f"Jet_{name}" for name in names])
    return to_table({name: arrays[f"Jet_{name}"] for name in names})


def _split(jets: Table) -> tuple[Table, Table]:
    total = len(jets) if jets.counts is None else len(jets.counts)
    cut = int(TRAIN_SHARE * total)
    return jets.span(0, cut), jets.span(cut, total)


def _tolerance(value: float, floor: float) -> dict[str, float | Tolerance]:
    return {
        "pt": rel(value, floor),
        "m": rel(value, floor),
        "eta": abs_(value),
        "phi": abs_(value),
    }
