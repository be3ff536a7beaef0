"""Codecs fitted to the collections of trees."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlasae.columns.candidates import linked_collections
from atlasae.errors import located
from atlasae.jets.table import to_table
from atlasae.root.fitting.column_fitting import fit_columns, learned_columns
from atlasae.root.fitting.entry_sample import read_samples
from atlasae.root.io.branch import grouped_alike
from atlasae.root.known_layouts import find_collections
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import awkward as ak

    from atlasae.codecs.base import Codec
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.known_layouts import Collection
    from atlasae.root.planning.plan import TreePlan

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
        notes: what the user should know of this choice.
    """

    collections: list[CodedCollection]
    packed: list[BranchInfo]
    model: bytes
    notes: tuple[str, ...] = ()

    @classmethod
    def packing(cls, plan: TreePlan) -> TreeCodecs:
        """All branches of a plan that are to be packed, each alone."""
        return cls([], plan.branches_to_pack([]), b"")

    @property
    def stored(self) -> list[bytes]:
        """The bytes of codecs and models that a file has to hold."""
        codecs = [coded.codec.decoder_bytes() for coded in self.collections]
        return [*codecs, self.model] if self.model else codecs


def fit_codecs(plans: Sequence[TreePlan], template: Codec, *, progress: bool) -> list[TreeCodecs]:
    """What each tree is compressed with: copies of a codec, one fitted to each collection.

    Collections with fewer than two jets are left to be kept or packed.

    Raises:
        MissingNameError: the codec, or its tolerance, names a feature that is not there.
    """
    require_features(plans, template)
    return [_fit_tree(plan, template, progress) for plan in plans]


def require_features(plans: Sequence[TreePlan], template: Codec) -> None:
    """Check that what the settings of a codec say of features can be done in some of these trees.

    Raises:
        MissingNameError: they name what is in none of them.
        InputError: they promise something of features that no codec takes together.
    """
    coded: dict[str, list[str]] = {}
    collections: dict[str, list[str]] = {}
    for plan in plans:
        coded |= {collection.name: _coded(plan, collection) for collection in plan.collections}
        for name, collection in find_collections(plan.source.schema).items():
            collections[name] = [*collection.vector, *collection.others]
    branches = {name for plan in plans for name in plan.source.schema.names}
    template.require_features(coded, collections, branches)


def _fit_tree(plan: TreePlan, template: Codec, progress: bool) -> TreeCodecs:
    coded: list[CodedCollection] = []
    for collection in collections_to_code(plan, template):
        read = min(plan.source.num_entries, TRAINING_ENTRIES)
        uses = plan.source.represented_entries / max(read, 1)
        codec = fit_collection([plan], collection, template, uses, progress=progress)
        if codec is not None:
            coded.append(CodedCollection(collection, codec))
            template = template.preserving_order()  # the first collection sets the order of all
    packed = plan.branches_to_pack([branch for one in coded for branch in one.branches])
    return TreeCodecs(coded, packed, fit_columns([plan.source], packed) if packed else b"")


def collections_to_code(plan: TreePlan, template: Codec) -> Iterator[Collection]:
    """The collections of a tree for which a codec can be better than columns learned together."""
    linked = linked_collections(branch.name for branch in plan.branches)
    for collection in plan.collections:
        loses_nothing = template.loses_nothing(collection.name, list(collection.vector))
        if not (plan.packs and loses_nothing and collection.name.lower() in linked):
            yield collection  # else it is learned with the rows that it points to


def fit_collection(
    plans: Sequence[TreePlan],
    collection: Collection,
    template: Codec,
    uses: float,
    *,
    progress: bool,
) -> Codec | None:
    """A codec for a collection, fitted to jets of one tree or of several that have it.

    Args:
        plans: of the trees, alike.
        collection: as the first of them has it.
        template: an unfitted codec.
        uses: how many jets will be coded for each jet that is read.
        progress: show a progress bar.

    Returns:
        None to leave the collection to be kept or packed.
    """
    plan = plans[0]
    with located(f"tree {plan.source.path!r}: collection {collection.name!r}"):
        codec, jets = _training_jets(plans, collection, template)
        if len(to_table(jets)) < 2:
            return None
        codec.select_features(jets)  # raises before it is said that the work starts
        where = printable(f"{plan.source.path}: {collection.name}")
        _logger.info("fitting %s to %s jets of %s", codec.call, f"{len(to_table(jets)):,}", where)
        codec.sources = tuple(Path(plan.source.file_path).name for plan in plans)
        codec.fit(jets, uses=uses, progress=progress)
    # columns are packed without loss, so they can stand in for a codec that bounds the error, but
    # not for its latents
    can_pack = plan.packs and codec.tolerances_ and not codec.latent_names
    if can_pack and not _saves(codec, jets, uses):
        return None
    return codec


def _training_jets(
    plans: Sequence[TreePlan], collection: Collection, template: Codec
) -> tuple[Codec, dict[str, Any]]:
    """An unfitted codec for a collection, and jets to fit it to."""
    names, all_floats = _coded(plans[0], collection), plans[0].select.all_floats
    codec = template.for_collection(collection.name, names)
    chosen = collection.choose(codec.features or names)
    sources = [plan.source for plan in plans]
    sample = read_samples(sources, [b.name for b in chosen.values()], TRAINING_ENTRIES)
    jets = {feature: sample[branch.name] for feature, branch in chosen.items()}
    if all_floats:  # vectors of one prefix can differ in length
        first = jets[names[0]]
        jets = {name: values for name, values in jets.items() if grouped_alike(first, values)}
        codec = template.for_collection(collection.name, list(jets))
    return codec, jets


def _coded(plan: TreePlan, collection: Collection) -> list[str]:
    """The features of a collection that a codec is to take."""
    floats = [name for name, branch in collection.others.items() if branch.is_float]
    return [*collection.vector, *(floats if plan.select.all_floats else ())]


def _saves(codec: Codec, jets: Mapping[str, ak.Array], uses: float) -> bool:
    """Whether a codec with what it codes takes less than the columns learned without loss."""
    entries = len(jets[codec.features_[0]])
    part = {name: jets[name][:_COMPARED_ENTRIES] for name in codec.features_}
    uses *= entries / min(entries, _COMPARED_ENTRIES)
    coded = len(codec.encode(part)) * uses + len(codec.decoder_bytes())
    model, packed = learned_columns(part, uses)
    return coded < packed * uses + len(model)
