"""Choosing what the bins of a column are given: contexts, or questions that lead to tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding import adaptive
from atlasae.coding.adaptive import MOST_CELLS
from atlasae.columns.column_model import (
    Adaptive,
    Feature,
    Tabulated,
    depth_of,
    make_contexts,
    term_integers,
)
from atlasae.columns.feature_pool import shifts_of
from atlasae.columns.scores import adaptive_bits
from atlasae.columns.terms import NO_ROW
from atlasae.density.conditional import Conditional
from atlasae.density.event_inputs import ColumnInputs
from atlasae.density.fitting import fit_given_bins, table_bins
from atlasae.density.serialization import stored_bits
from atlasae.density.trees import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.columns.column_model import Known
    from atlasae.columns.feature_pool import FeaturePool
    from atlasae.columns.terms import Rows, Term
    from atlasae.density.bins import Bins
    from atlasae.types import Classes, Integers, Integers32

FEATURE = 12.0  # bits that a feature takes to store
_WORTH_GIVING = 48.0  # bits of a column that may be given something
_MOST_TRIED = 12  # features that are tried together with the best
_MOST_QUESTIONED = 8  # terms that a tree may ask about
_MOST_TRIAL = 1 << 12  # symbols that contexts are tried on


@dataclass(frozen=True)
class Given:
    """What is known where a column is coded.

    Attributes:
        rows: of the column.
        known: the other columns.
        pool: features of them.
        own: terms of the column itself.
    """

    rows: Rows
    known: Known
    pool: FeaturePool
    own: Sequence[Term]


@dataclass(frozen=True)
class _Scored:
    """A feature, its cells in the judged rows, and the bits that it leaves."""

    bits: float
    feature: Feature
    cells: Integers | Integers32
    size: int


def fit_adaptive(
    symbols: Classes, bins: Bins, given: Given, *, escapes: bool
) -> tuple[Adaptive, float]:
    """Contexts for the bins of a column, and the bits that these take with them."""
    depth = depth_of(bins, escapes=escapes)
    contexts: list[tuple[Feature, ...]] = [()]
    classes = symbols[given.pool.judged].astype(np.int64)
    alone = adaptive_bits(classes, len(bins), np.zeros_like(classes), 1)
    if alone > _WORTH_GIVING:
        share = len(classes) / len(symbols)
        scored = _best_features(symbols, classes, bins, given, alone - 2 * FEATURE * share)
        contexts += _together(classes, len(bins), depth, scored)
    return _tried(symbols, depth, contexts, given, escapes=escapes)


def _best_features(
    symbols: Classes, classes: Integers, bins: Bins, given: Given, most: float
) -> list[_Scored]:
    """The features that leave the fewest bits, below ``most``; the best first."""
    kinds, pool = len(bins), given.pool
    found = [
        _Scored(bits, pool.features[index], pool.cells(index), pool.sizes[index])
        for index, bits in enumerate(pool.bits(classes, kinds).tolist())
        if bits < most
    ]
    for term in given.own:
        rows = given.rows.of(term)[pool.judged]
        for shift in shifts_of(kinds):
            before = symbols[np.maximum(rows, 0)].astype(np.int64) >> shift
            cells = np.where(rows == NO_ROW, 0, before + 1)
            size = (kinds - 1 >> shift) + 2
            bits = adaptive_bits(classes, kinds, cells, size)
            if bits < most:
                found.append(_Scored(bits, Feature(term, shift), cells, size))
    return sorted(found, key=lambda one: one.bits)[:_MOST_TRIED]


def _together(
    classes: Integers, kinds: int, depth: int, scored: Sequence[_Scored]
) -> Iterator[tuple[Feature, ...]]:
    """The best feature, then those that go best with it: together with it, and alone."""
    small = [one for one in scored if one.size << depth <= MOST_CELLS >> 3]
    if not small:
        return
    best = small[0]
    yield (best.feature,)
    pairs = []
    for other in small[1:]:
        one, another = best.feature.term, other.feature.term
        says_more = one != another and not (one.is_own and another.is_own)
        size = best.size * other.size
        if says_more and size << depth <= MOST_CELLS >> 2:
            cells = best.cells * other.size + other.cells
            pairs.append((adaptive_bits(classes, kinds, cells, size), other.feature))
    for _, feature in sorted(pairs, key=lambda pair: pair[0])[:2]:
        yield best.feature, feature
        yield (feature,)


def _tried(
    symbols: Classes,
    depth: int,
    contexts: Sequence[tuple[Feature, ...]],
    given: Given,
    *,
    escapes: bool,
) -> tuple[Adaptive, float]:
    """As many of the contexts as pay."""
    tried_on = symbols[:_MOST_TRIAL]
    made = make_contexts(contexts, given.rows, given.known)
    best, best_bits = contexts[:1], np.inf
    for count in range(1, len(contexts) + 1):
        coded = adaptive.encode(tried_on, depth, made.first(count, len(tried_on)))
        bits = 8 * len(coded) * len(symbols) / len(tried_on)
        bits += FEATURE * sum(map(len, contexts[:count]))
        if bits < best_bits:
            best, best_bits = contexts[:count], bits
    return Adaptive(tuple(best), escapes), float(best_bits)


def fit_tabulated(high: Integers32, given: Given, uses: float) -> tuple[Tabulated, float]:
    """Tables for a column, found by questions, and the bits that it takes with them.

    Args:
        high: the coordinates.
        given: what is known of them.
        uses: how many numbers will be coded for each number here.
    """
    pool = given.pool
    values = high[pool.judged]
    uses *= len(high) / len(values)
    bins = table_bins(values, uses)
    classes = bins.find(values).astype(np.int64)
    alone = adaptive_bits(classes, len(bins), np.zeros_like(classes), 1)
    bits = pool.bits(classes, len(bins))
    best = [index for index in np.argsort(bits).tolist() if bits[index] < alone]
    terms = list(dict.fromkeys(pool.features[index].term for index in best))[:_MOST_QUESTIONED]
    rows = [term_integers(term, given.rows, given.known)[pool.judged] for term in terms]
    inputs = np.stack(rows) if rows else np.zeros((0, len(values)), np.int32)
    density = fit_given_bins(values, bins, inputs, uses)
    lengths = density.code_lengths(values, ColumnInputs(rows))
    total = float(lengths.sum()) * uses + stored_bits(density)
    return _asking_only(density, terms), total / uses * len(high) / len(values)


def _asking_only(density: Conditional, terms: Sequence[Term]) -> Tabulated:
    """Tables with the terms that a tree asks about, and no others."""
    asked = sorted({cut.input for cut in density.tree.cuts})
    cuts = tuple(replace(cut, input=asked.index(cut.input)) for cut in density.tree.cuts)
    tree = Tree(cuts, density.tree.inputs, density.tree.thresholds)
    return Tabulated(
        [terms[index] for index in asked], Conditional(density.bins, tree, density.leaves)
    )
