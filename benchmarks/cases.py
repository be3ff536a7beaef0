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
from atlasae.jets.table import Table, joined, to_table
from atlasae.quantization.tolerance import Tolerance, abs_, rel
from benchmarks.tools import rounded

TRAIN_SHARE = 0.8  # of the rows or events
NANOAOD_BITS = {"pt": 10, "m": 10, "eta": 12, "phi": 12}  # of mantissa
PICKLE, DIJETS = "pickle, 0.001", "dijets, 0.001"
NANOAOD = "dijets as in NanoAOD, lossless"


@dataclass(frozen=True)
class Case:
    """Jets to train on and jets to code, float32.

    Attributes:
        name: for tables.
        train: jets that the codec is fitted to.
        test: jets that are coded.
        tolerance: that the codec keeps.
    """

    name: str
    train: Table
    test: Table
    tolerance: str | dict[str, float | Tolerance]


def pickle_cases(pickle: str) -> list[Case]:
    """The cases of a pickle of jets."""
    jets = to_table(read_pickle(pickle))
    shuffled = np.random.default_rng(0).permutation(len(jets))
    jets = Table({name: c.astype(np.float32) for name, c in jets.columns.items()}).rows(shuffled)
    return [
        Case(f"pickle, {value:g}", *_split(jets), _tolerance(value, floor=1.0))
        for value in (1e-3, 1e-2, 1e-4)
    ]


def all_cases(pickle: str, events: str) -> list[Case]:
    """The cases of a pickle of jets and of a ROOT file of dijet events."""
    dijets = dijet_case(events)
    short = truncated(joined([dijets.train, dijets.test]))
    return [*pickle_cases(pickle), dijets, Case(NANOAOD, *_split(short), "lossless")]


def dijet_case(path: str) -> Case:
    """The case of a ROOT file of dijet events."""
    return Case(DIJETS, *_split(_dijets(path)), _tolerance(1e-3, floor=1e-3))


def truncated(jets: Table) -> Table:
    """Jets with mantissas rounded as in NanoAOD."""
    columns = {
        name: rounded(values, NANOAOD_BITS[role(name) or name])
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
