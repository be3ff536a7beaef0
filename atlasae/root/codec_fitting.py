"""Codecs for the collections of a file, fitted to their own jets where they are not trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.errors import located
from atlasae.jets.names import four_vector
from atlasae.jets.table import to_table
from atlasae.lossless.columns import pack
from atlasae.quantization.tolerance import restricted
from atlasae.root.collections import Collection, preferred_collection
from atlasae.root.io.tree import STEP_SIZE, TreeReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.codecs.base import Codec
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.plan import TreePlan

TRAINING_ENTRIES = 200_000  # entries read to train on, where no trained codec is given


@dataclass(frozen=True)
class Coding:
    """A collection and the trained codec it goes through."""

    collection: Collection
    codec: Codec

    @property
    def branches(self) -> list[str]:
        """The branches that the codec takes."""
        return [branch.name for branch in self.collection.choose(self.codec.features_).values()]


def narrow_to_one(schemes: Sequence[TreePlan]) -> None:
    """Leave only the likeliest collection to be coded: for a codec that is made for one kind."""
    for scheme in schemes:
        if scheme.coded:
            wanted = preferred_collection([collection.name for collection in scheme.coded])
            scheme.coded = [found for found in scheme.coded if found.name == wanted]
            break
    else:
        return
    for other in schemes:
        if other is not scheme:
            other.coded = []


def fit_codecs(
    schemes: Sequence[TreePlan], template: Codec, *, progress: bool
) -> list[list[Coding]]:
    """The codecs for each tree: the one given if it is trained, else one a collection.

    Collections with fewer than two jets are left to be kept or packed.

    Raises:
        MissingNameError: the codec, or its tolerance, has a feature that is not there.
    """
    every = [name for s in schemes for c in s.coded for name in (c.vector | c.others)]
    if isinstance(template, BoundedCodec) and every:
        restricted(template.tolerance, every, strict=True)
    return [_codings(scheme, template, progress) for scheme in schemes]


def _codings(scheme: TreePlan, template: Codec, progress: bool) -> list[Coding]:
    found: list[Coding] = []
    for collection in scheme.coded:
        codec = _codec_for(scheme, collection, template, progress)
        if codec is not None:
            found.append(Coding(collection, codec))
            template = _in_order(template)  # all branches follow the first
    return found


def _in_order(codec: Codec) -> Codec:
    """The same settings, with the order preserved; a trained codec is as it is."""
    if codec.reorders and not codec.is_fitted:
        return type(codec).from_config({**codec.get_config(), "order": "preserved"})
    return codec


def _codec_for(
    scheme: TreePlan, collection: Collection, template: Codec, progress: bool
) -> Codec | None:
    source = scheme.source
    with located(f"tree {source.path!r}: collection {collection.name!r}"):
        if template.is_fitted:
            collection.choose(template.features_)  # raises where one is missing
            return template
        floats = [name for name, branch in collection.others.items() if branch.is_float]
        names = (*collection.vector, *(floats if scheme.selection.all_floats else ()))
        codec = _like(template, names)
        jets = _training_jets(source, collection.choose(codec.features or names))
        if scheme.selection.all_floats:  # vectors of one name need not be jagged alike
            first = jets[names[0]]
            jets = {name: own for name, own in jets.items() if _jagged_alike(first, own)}
            codec = _like(template, tuple(jets))
        if len(to_table(jets)) < 2:
            return None
        if not isinstance(codec, BoundedCodec):
            return codec.fit(jets, progress=progress)
        # for this file alone: how much of it was looked at
        share = min(1.0, TRAINING_ENTRIES / source.num_entries)
        codec.fit(jets, uses=1 / share, progress=progress)
        return codec if _pays(codec, jets, share) or not scheme.packs else None


def _jagged_alike(one: Any, other: Any) -> bool:
    """Whether two columns have as many elements in each entry."""
    if one.ndim != other.ndim or len(one) != len(other):
        return False
    return one.ndim == 1 or bool(ak.all(ak.num(one) == ak.num(other)))


def _like(template: Codec, names: Sequence[str]) -> Codec:
    """An untrained codec of the same settings, for features of these names."""
    config = template.get_config()
    if isinstance(template, BoundedCodec) and template.features is None:
        if len(names) > len(four_vector(names) or names):
            config["features"] = list(names)
        config["tolerance"] = restricted(template.tolerance, names)
        return BoundedCodec(**config)
    return type(template).from_config(config)


def _pays(codec: BoundedCodec, jets: Mapping[str, ak.Array], share: float) -> bool:
    """Whether a codec and what it codes take less than the columns packed without loss."""
    coded = len(codec.encode(jets)) / share + len(codec.decoder_bytes())
    return coded < len(pack({name: jets[name] for name in codec.features_})) / share


def _training_jets(source: TreeReader, chosen: Mapping[str, BranchInfo]) -> dict[str, Any]:
    """Jets from the whole tree where it is small, else from windows spread over it."""
    total = source.num_entries
    windows = 1 if total <= TRAINING_ENTRIES else 20
    length = min(total, TRAINING_ENTRIES) // windows
    names = [branch.name for branch in chosen.values()]
    chunks = [
        arrays
        for start in np.linspace(0, total - length, windows).astype(int).tolist()
        for _, arrays in source.iterate(names, STEP_SIZE, start, start + length)
    ]
    return {
        feature: ak.concatenate([arrays[branch.name] for arrays in chunks] or [[]])
        for feature, branch in chosen.items()
    }
