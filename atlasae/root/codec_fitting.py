"""Codecs for the collections of a file: the one given, or one fitted to each collection."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlasae.columns.candidates import linked_collections
from atlasae.errors import located
from atlasae.jets.table import to_table
from atlasae.root.column_fitting import fit_columns, learned_columns
from atlasae.root.entry_sample import read_sample
from atlasae.root.io.branch import grouped_alike
from atlasae.root.known_layouts import Collection, preferred_collection
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import awkward as ak

    from atlasae.codecs.base import Codec
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.plan import TreePlan

_logger = logging.getLogger(__name__)

TRAINING_ENTRIES = 200_000  # entries read to fit a codec to
_COMPARED_ENTRIES = 10_000  # on which a codec is compared with columns


@dataclass(frozen=True)
class CodedCollection:
    """A collection and the fitted codec that compresses it."""

    collection: Collection
    codec: Codec

    @property
    def branches(self) -> list[str]:
        """Names of the branches that the codec takes."""
        return [branch.name for branch in self.collection.choose(self.codec.features_).values()]


@dataclass(frozen=True)
class TreeCodecs:
    """What the branches of a tree are compressed with.

    Attributes:
        collections: those that codecs compress.
        packed: the other branches that are packed.
        model: bytes of the models of their columns; empty if each is packed alone.
    """

    collections: list[CodedCollection]
    packed: list[BranchInfo]
    model: bytes

    @classmethod
    def packing(cls, plan: TreePlan) -> TreeCodecs:
        """All branches of a plan that are to be packed, each alone."""
        return cls([], plan.branches_to_pack([]), b"")

    @property
    def stored(self) -> list[bytes]:
        """The bytes of codecs and models that a file has to hold."""
        codecs = [coded.codec.decoder_bytes() for coded in self.collections]
        return [*codecs, self.model] if self.model else codecs


def keep_one_collection(plans: Sequence[TreePlan]) -> None:
    """Leave one collection to be coded, ``Jet`` or the first: for a codec made for one kind."""
    first = next((plan for plan in plans if plan.collections), None)
    if first is None:
        return
    wanted = preferred_collection([collection.name for collection in first.collections])
    for plan in plans:
        plan.collections = [c for c in plan.collections if plan is first and c.name == wanted]


def fit_codecs(plans: Sequence[TreePlan], template: Codec, *, progress: bool) -> list[TreeCodecs]:
    """What each tree is compressed with: the codec given if it is fitted, else one each collection.

    Collections with fewer than two jets are left to be kept or packed.

    Raises:
        MissingNameError: the codec, or its tolerance, names a feature that is not there.
    """
    names = [n for plan in plans for c in plan.collections for n in (*c.vector, *c.others)]
    if names:
        template.require_features(names)
    return [_fit_tree(plan, template, progress) for plan in plans]


def _fit_tree(plan: TreePlan, template: Codec, progress: bool) -> TreeCodecs:
    coded: list[CodedCollection] = []
    linked = linked_collections(branch.name for branch in plan.branches)
    for collection in plan.collections:
        loses_nothing = template.loses_nothing(collection.name, list(collection.vector))
        if plan.packs and loses_nothing and collection.name.lower() in linked:
            continue  # its columns are learned with those of the rows that it points to
        with located(f"tree {plan.source.path!r}: collection {collection.name!r}"):
            codec = _codec_for(plan, collection, template, progress)
        if codec is not None:
            coded.append(CodedCollection(collection, codec))
            template = template.preserving_order()  # the first collection sets the order of all
    packed = plan.branches_to_pack([branch for one in coded for branch in one.branches])
    return TreeCodecs(coded, packed, fit_columns(plan.source, packed) if packed else b"")


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
    source = plan.source
    share = min(source.num_entries, TRAINING_ENTRIES) / source.represented_entries
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
    codec = template.for_collection(collection.name, names)
    chosen = collection.choose(codec.features or names)
    sample = read_sample(plan.source, [b.name for b in chosen.values()], TRAINING_ENTRIES)
    jets = {feature: sample[branch.name] for feature, branch in chosen.items()}
    if plan.select.all_floats:  # vectors of one prefix can differ in length
        first = jets[names[0]]
        jets = {name: values for name, values in jets.items() if grouped_alike(first, values)}
        codec = template.for_collection(collection.name, list(jets))
    return codec, jets


def _saves(codec: Codec, jets: Mapping[str, ak.Array], share: float) -> bool:
    """Whether a codec with what it codes takes less than the columns learned without loss."""
    entries = len(jets[codec.features_[0]])
    part = {name: jets[name][:_COMPARED_ENTRIES] for name in codec.features_}
    uses = entries / share / min(entries, _COMPARED_ENTRIES)
    coded = len(codec.encode(part)) * uses + len(codec.decoder_bytes())
    model, packed = learned_columns(part, uses)
    return coded < packed * uses + len(model)
