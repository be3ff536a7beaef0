"""Codecs for the collections of a file: the one given, or one fitted to each collection."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.errors import located
from atlasae.jets.table import to_table
from atlasae.lossless.columns import pack
from atlasae.root.io.branch import grouped_alike
from atlasae.root.known_layouts import Collection, preferred_collection
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.codecs.base import Codec
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.io.tree import TreeReader
    from atlasae.root.plan import TreePlan

_logger = logging.getLogger(__name__)

TRAINING_ENTRIES = 200_000  # entries read to fit a codec to
_WINDOWS = 20  # into which they are spread over a larger tree


@dataclass(frozen=True)
class CodedCollection:
    """A collection and the fitted codec that compresses it."""

    collection: Collection
    codec: Codec

    @property
    def branches(self) -> list[str]:
        """Names of the branches that the codec takes."""
        return [branch.name for branch in self.collection.choose(self.codec.features_).values()]


def keep_one_collection(plans: Sequence[TreePlan]) -> None:
    """Leave one collection to be coded, ``Jet`` or the first: for a codec made for one kind."""
    first = next((plan for plan in plans if plan.collections), None)
    if first is None:
        return
    wanted = preferred_collection([collection.name for collection in first.collections])
    for plan in plans:
        plan.collections = [c for c in plan.collections if plan is first and c.name == wanted]


def fit_codecs(
    plans: Sequence[TreePlan], template: Codec, *, progress: bool
) -> list[list[CodedCollection]]:
    """The coded collections of each tree: with the codec given if it is fitted, else one each.

    Collections with fewer than two jets are left to be kept or packed.

    Raises:
        MissingNameError: the codec, or its tolerance, names a feature that is not there.
    """
    names = [n for plan in plans for c in plan.collections for n in (*c.vector, *c.others)]
    if names:
        template.require_features(names)
    return [_fit_tree(plan, template, progress) for plan in plans]


def _fit_tree(plan: TreePlan, template: Codec, progress: bool) -> list[CodedCollection]:
    coded: list[CodedCollection] = []
    for collection in plan.collections:
        with located(f"tree {plan.source.path!r}: collection {collection.name!r}"):
            codec = _codec_for(plan, collection, template, progress)
        if codec is not None:
            coded.append(CodedCollection(collection, codec))
            template = template.preserving_order()  # the first collection sets the order of all
    return coded


def _codec_for(
    plan: TreePlan, collection: Collection, template: Codec, progress: bool
) -> Codec | None:
    """The fitted codec for a collection; None to leave it to be kept or packed."""
    if template.is_fitted:
        chosen = collection.choose(template.features_)  # raises if one is missing
        template.require_dtypes({name: branch.dtype or "" for name, branch in chosen.items()})
        return template
    codec, jets = _training_jets(plan, collection, template)
    if len(to_table(jets)) < 2:
        return None
    codec.select_features(jets)  # raises before it is said that the work starts
    share = min(1.0, TRAINING_ENTRIES / plan.source.num_entries)
    where = printable(f"{plan.source.path}: {collection.name}")
    _logger.info("fitting %s to %s jets of %s", codec.call, f"{len(to_table(jets)):,}", where)
    codec.fit(jets, uses=1 / share, progress=progress)
    # columns are packed without loss, so they can stand in for a codec that bounds the error
    can_pack = plan.packs and codec.tolerances_ and codec.storage == "blocks"
    if can_pack and not _saves(codec, jets, share):
        return None
    return codec


def _training_jets(
    plan: TreePlan, collection: Collection, template: Codec
) -> tuple[Codec, dict[str, Any]]:
    """An unfitted codec for a collection, and jets to fit it to."""
    names = list(collection.vector)
    if plan.select.all_floats:
        names += [name for name, branch in collection.others.items() if branch.is_float]
    codec = template.for_collection(names)
    jets = _read_sample(plan.source, collection.choose(codec.features or names))
    if plan.select.all_floats:  # vectors of one prefix can differ in length
        first = jets[names[0]]
        jets = {name: values for name, values in jets.items() if grouped_alike(first, values)}
        codec = template.for_collection(list(jets))
    return codec, jets


def _saves(codec: Codec, jets: Mapping[str, ak.Array], share: float) -> bool:
    """Whether a codec with what it codes takes less than the columns packed without loss."""
    coded = len(codec.encode(jets)) / share + len(codec.decoder_bytes())
    return coded < len(pack({name: jets[name] for name in codec.features_})) / share


def _read_sample(source: TreeReader, chosen: Mapping[str, BranchInfo]) -> dict[str, Any]:
    """All entries of a small tree, else windows spread over it."""
    total = source.num_entries
    windows = 1 if total <= TRAINING_ENTRIES else _WINDOWS
    length = min(total, TRAINING_ENTRIES) // windows
    starts = np.linspace(0, total - length, windows).astype(int).tolist() if length else []
    names = [branch.name for branch in chosen.values()]
    chunks = [
        {name: ak.to_packed(array) for name, array in arrays.items()}  # not all that was read
        for _, arrays in source.ranges(names, [(start, start + length) for start in starts])
    ]
    return {
        feature: ak.concatenate([arrays[branch.name] for arrays in chunks] or [[]])
        for feature, branch in chosen.items()
    }
